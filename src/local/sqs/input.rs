//! A request's document.

use serde_json::{Map, Value};

use super::{invalid, refusal};
use crate::local::http::response::Refusal;

pub(super) struct Input(pub(super) Map<String, Value>);

/// Most entries of a batch.
const MAX_ENTRIES: usize = 10;

impl Input {
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str()
    }

    pub(super) fn needed(&self, member: &str) -> Result<&str, Refusal> {
        let text = self.text(member).filter(|text| !text.is_empty());
        text.ok_or_else(|| {
            refusal(
                "MissingParameter",
                "MissingParameter",
                format!("The request must contain the parameter {member}."),
            )
        })
    }

    pub(super) fn object(&self, member: &str) -> Option<&Map<String, Value>> {
        self.0.get(member)?.as_object()
    }

    pub(super) fn names(&self, member: &str) -> Vec<&str> {
        let list = self.0.get(member).and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.collect()
    }

    /// A whole number within limits; `None` if it is not given.
    pub(super) fn number(
        &self,
        member: &str,
        limits: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.0.get(member).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|number| limits.contains(number));
        number.map(Some).ok_or_else(|| {
            invalid(format!(
                "Value {value} for parameter {member} is invalid. Reason: Must be between {} and {}, if provided.",
                limits.start(),
                limits.end()
            ))
        })
    }

    /// The entries of a batch, each with its id.
    pub(super) fn entries(&self, needed: &str) -> Result<Vec<(String, Input)>, Refusal> {
        let list = self.0.get("Entries").and_then(Value::as_array);
        let list = list.map_or(&[][..], Vec::as_slice);
        let refused = |code: &str, message: &str| {
            Err(refusal(
                code,
                &format!("AWS.SimpleQueueService.{code}"),
                message,
            ))
        };
        if list.is_empty() {
            return refused("EmptyBatchRequest", "The batch has no entries.");
        }
        if list.len() > MAX_ENTRIES {
            return refused(
                "TooManyEntriesInBatchRequest",
                "Maximum number of entries per request are 10.",
            );
        }
        let mut entries: Vec<(String, Self)> = Vec::new();
        for entry in list {
            let entry = Self(entry.as_object().cloned().unwrap_or_default());
            let id = entry.needed("Id")?.to_owned();
            entry.needed(needed)?;
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if id.len() > 80 || !id.bytes().all(allowed) {
                return refused(
                    "InvalidBatchEntryId",
                    "A batch entry id can only contain alphanumeric characters, hyphens and underscores.",
                );
            }
            if entries.iter().any(|(other, _)| *other == id) {
                return refused("BatchEntryIdsNotDistinct", &format!("Id {id} repeated."));
            }
            entries.push((id, entry));
        }
        Ok(entries)
    }
}
