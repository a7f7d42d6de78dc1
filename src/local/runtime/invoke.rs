//! `InvokeEndpointAsync`: checks an invocation against the service's limits and queues it.

use std::sync::Arc;
use std::time::Duration;

use super::queue::{Input, Job};
use crate::local::control::Serving;
use crate::local::http::answer::{Answer, Refusal};
use crate::local::server::{Request, random_uuid, storage_failed};
use crate::local::services::Services;

/// The longest inline body. The published model has no limit for it; the service's guide has.
pub(in crate::local) const MAX_BODY: usize = 128_000;
const PREFIX: &str = "x-amzn-sagemaker-";
/// The longest key that S3 takes, in bytes.
const MAX_KEY: usize = 1024;

pub(in crate::local) fn answer(
    services: &Arc<Services>,
    request: &Request,
) -> Result<Answer, Refusal> {
    let serving = serving(services, &request.target.container)?;
    let fields = Fields { request };
    let input = fields.input()?;
    let inference_id = fields.inference_id()?;
    let file = random_uuid();
    let output = fields.output_name(&file)?;
    for place in serving.failure.iter().chain([&serving.output]) {
        let created = services.s3.store.create_bucket(&place.bucket);
        created.map_err(|error| storage_failed(&error))?;
    }
    let output = serving.output.join(&output);
    if output.key.len() > MAX_KEY {
        return Err(unsatisfied(
            "s3OutputPathExtension",
            &format!(
                "The key of the output, {} bytes with the endpoint's S3OutputPath, must have at most {MAX_KEY}",
                output.key.len()
            ),
        ));
    }
    let failure = serving
        .failure
        .as_ref()
        .map(|prefix| prefix.join(&format!("{file}-error.out")));

    let mut answer = Answer::new(
        202,
        serde_json::json!({ "InferenceId": inference_id })
            .to_string()
            .into_bytes(),
    )
    .header("content-type", "application/json")
    .header("x-amzn-sagemaker-outputlocation", output.uri());
    if let Some(failure) = &failure {
        answer = answer.header("x-amzn-sagemaker-failurelocation", failure.uri());
    }
    let job = Job {
        content_type: fields.ascii("content-type", 1024)?,
        accept: fields.ascii("accept", 1024)?,
        custom_attributes: fields.ascii("custom-attributes", 1024)?,
        ttl: fields.seconds("requestttlseconds", 60, 21_600, 21_600)?,
        invocation_timeout: fields.seconds("invocationtimeoutseconds", 1, 3600, 900)?,
        received: services.common.clock.monotonic(),
        received_at: services.common.clock.now(),
        inference_id,
        input,
        output,
        failure,
        serving,
    };
    services.queue.push(services, job).map_err(|_| {
        Refusal::new(
            503,
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        )
    })?;
    Ok(answer)
}

/// The endpoint, if it is there and takes requests.
fn serving(services: &Services, name: &str) -> Result<Arc<Serving>, Refusal> {
    if !is_endpoint_name(name) {
        return Err(unsatisfied(
            "endpointName",
            "Member must have length at most 63 and satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*",
        ));
    }
    services
        .control
        .serving(&services.queue, name)
        .ok_or_else(|| {
            Refusal::validation(format!(
                "Endpoint {name} of account {} not found.",
                services.common.account
            ))
        })
}

fn unsatisfied(member: &str, rule: &str) -> Refusal {
    Refusal::validation(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: {rule}"
    ))
}

/// The members of the invocation, which travel in headers.
struct Fields<'a> {
    request: &'a Request,
}

impl Fields<'_> {
    fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.request.head.headers.get(format!("{PREFIX}{name}")) {
            None => Ok(None),
            Some(value) => std::str::from_utf8(value.as_bytes())
                .map(Some)
                .map_err(|_| unsatisfied(name, "Member must be UTF-8")),
        }
    }

    /// At most `max` visible ASCII characters (and spaces, as within `a/b; c=d`).
    fn ascii(&self, name: &str, max: usize) -> Result<Option<String>, Refusal> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        if text.len() > max || !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(unsatisfied(
                name,
                &format!("Member must be visible ASCII of length at most {max}"),
            ));
        }
        Ok(Some(text.to_owned()))
    }

    fn seconds(&self, name: &str, min: u64, max: u64, default: u64) -> Result<Duration, Refusal> {
        let seconds = match self.text(name)? {
            None => default,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| (min..=max).contains(seconds))
                .ok_or_else(|| {
                    unsatisfied(name, &format!("Member must be between {min} and {max}"))
                })?,
        };
        Ok(Duration::from_secs(seconds))
    }

    fn inference_id(&self) -> Result<String, Refusal> {
        let Some(id) = self.text("inference-id")? else {
            return Ok(random_uuid());
        };
        let printable = id.chars().all(|c| !c.is_control());
        let blank_start = id.starts_with(char::is_whitespace);
        if !(1..=64).contains(&id.chars().count()) || !printable || blank_start {
            return Err(unsatisfied(
                "inferenceId",
                "Member must have length between 1 and 64 and satisfy regular expression pattern: \\A\\S[\\p{Print}]*\\z",
            ));
        }
        Ok(id.to_owned())
    }

    /// Exactly one of the body and the location.
    fn input(&self) -> Result<Input, Refusal> {
        let body = &self.request.content;
        if body.len() > MAX_BODY as u64 {
            return Err(body_too_large());
        }
        match (self.text("inputlocation")?, body.len() == 0) {
            (Some(_), false) => Err(Refusal::validation(
                "Exactly one of InputLocation and Body must be specified, not both.",
            )),
            (None, true) => Err(Refusal::validation(
                "Exactly one of InputLocation and Body must be specified.",
            )),
            (None, false) => Ok(Input::Inline(body.clone())),
            (Some(location), true) => {
                let scheme = location.starts_with("s3://") || location.starts_with("https://");
                let has_host = location
                    .split_once("://")
                    .is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with('/'));
                if !scheme || !has_host || location.chars().count() > 1024 {
                    return Err(unsatisfied(
                        "inputLocation",
                        "Member must have length at most 1024 and satisfy regular expression pattern: ^(https|s3)://([^/]+)/?(.*)$",
                    ));
                }
                Ok(Input::Location(location.to_owned()))
            }
        }
    }

    /// Name of the output under the endpoint's output path. How the service puts it together is
    /// not documented: clients take the location from the answer.
    fn output_name(&self, file: &str) -> Result<String, Refusal> {
        let name = match self.text("filename")? {
            Some(name) if is_filename(name) => name.to_owned(),
            Some(_) => {
                return Err(unsatisfied(
                    "filename",
                    "Member must have length between 1 and 32 and satisfy regular expression pattern: ^(?!.*\\..*\\.)[a-zA-Z0-9][a-zA-Z0-9-_\\.]*$",
                ));
            }
            None => format!("{file}.out"),
        };
        match self.text("s3outputpathextension")? {
            Some(extension) if is_extension(extension) => {
                Ok(format!("{}/{name}", extension.trim_matches('/')))
            }
            Some(_) => Err(unsatisfied(
                "s3OutputPathExtension",
                "Member must have length between 1 and 512 and satisfy regular expression pattern: ^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$",
            )),
            None => Ok(name),
        }
    }
}

pub(in crate::local) fn body_too_large() -> Refusal {
    unsatisfied(
        "body",
        &format!("Member must have length at most {MAX_BODY}"),
    )
}

pub(in crate::local) fn is_endpoint_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn is_filename(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && name.matches('.').count() < 2
}

/// No colon is allowed, so the schemes that the pattern excludes cannot occur.
fn is_extension(extension: &str) -> bool {
    (1..=512).contains(&extension.len())
        && extension
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!_.*'()/-".contains(&b))
}
