//! `ListEndpoints`, `ListModels`, `ListEndpointConfigs`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Input, State, Stored, check, timestamp};
use crate::limits::facts::sagemaker::LIST_ENDPOINTS_INPUT;
use crate::local::http::response::Refusal;

/// One of what is listed.
struct Entry<'a> {
    name: &'a str,
    created: SystemTime,
    /// Models and configurations never change.
    modified: SystemTime,
    summary: Value,
}

impl State {
    pub(super) fn list_endpoints(&self, input: &Input) -> Result<Value, Refusal> {
        let status = input.text("StatusEquals");
        let found = self.endpoints.values();
        let found =
            found.filter(|hosted| status.is_none_or(|wanted| hosted.status.as_str() == wanted));
        let entries = found.map(|hosted| Entry {
            name: &hosted.name,
            created: hosted.created,
            modified: hosted.modified,
            summary: json!({
                "EndpointName": hosted.name,
                "EndpointArn": hosted.arn,
                "CreationTime": timestamp(hosted.created),
                "LastModifiedTime": timestamp(hosted.modified),
                "EndpointStatus": hosted.status.as_str(),
            }),
        });
        page(input, "Endpoints", entries)
    }

    pub(super) fn list_models(&self, input: &Input) -> Result<Value, Refusal> {
        page(
            input,
            "Models",
            entries(&self.models, "ModelName", "ModelArn"),
        )
    }

    pub(super) fn list_endpoint_configs(&self, input: &Input) -> Result<Value, Refusal> {
        let members = ("EndpointConfigName", "EndpointConfigArn");
        page(
            input,
            "EndpointConfigs",
            entries(&self.configs, members.0, members.1),
        )
    }
}

fn entries<'a>(
    stored: &'a BTreeMap<String, Stored>,
    name_member: &str,
    arn_member: &str,
) -> impl Iterator<Item = Entry<'a>> {
    stored.iter().map(move |(name, stored)| Entry {
        name,
        created: stored.created,
        modified: stored.created,
        summary: json!({
            name_member: name,
            arn_member: stored.arn,
            "CreationTime": timestamp(stored.created),
        }),
    })
}

/// The requested page of the matching items.
fn page<'a>(
    input: &Input,
    list: &str,
    entries: impl Iterator<Item = Entry<'a>>,
) -> Result<Value, Refusal> {
    // The other lists have the same limits.
    check(&LIST_ENDPOINTS_INPUT, input)?;
    let part = input.text("NameContains").unwrap_or_default();
    let is_between = |time: SystemTime, after: &str, before: &str| {
        let bound = |member: &str| input.0.get(member).and_then(Value::as_f64);
        let time = timestamp(time).as_f64().unwrap_or_default();
        bound(after).is_none_or(|after| time > after)
            && bound(before).is_none_or(|before| time < before)
    };
    let mut found: Vec<_> = entries
        .filter(|entry| entry.name.contains(part))
        .filter(|entry| is_between(entry.created, "CreationTimeAfter", "CreationTimeBefore"))
        .filter(|entry| {
            is_between(
                entry.modified,
                "LastModifiedTimeAfter",
                "LastModifiedTimeBefore",
            )
        })
        .collect();
    if input.text("SortBy") != Some("Name") {
        found.sort_by_key(|entry| entry.created);
    }
    if input.text("SortOrder") != Some("Ascending") {
        found.reverse();
    }
    let start = match input.text("NextToken") {
        Some(token) => token.parse().ok(),
        None => Some(0),
    };
    // The first page in place of an unknown one would never end.
    let start: usize =
        start.ok_or_else(|| Refusal::invalid("NextToken: the pagination token is invalid"))?;
    let size = usize::try_from(input.integer("MaxResults").unwrap_or(10)).unwrap_or(10);
    let more = found.len() > start.saturating_add(size);
    let page: Vec<Value> = found
        .into_iter()
        .skip(start)
        .take(size)
        .map(|entry| entry.summary)
        .collect();
    let mut response = json!({ list: page });
    if more {
        response["NextToken"] = (start + size).to_string().into();
    }
    Ok(response)
}
