//! `InvokeEndpointAsync`: checks an invocation against the service's limits and queues it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{Input, Job};
use crate::limits::check::TextRule;
use crate::limits::{self, facts::sagemaker_runtime as facts};
use crate::local::control::Serving;
use crate::local::http::response::{Refusal, Response};
use crate::local::server::{Request, random_uuid, storage_failed};
use crate::local::services::Services;
use crate::local::violation::message;

const PREFIX: &str = "x-amzn-sagemaker-";
/// Maximum length of a key in S3, in bytes.
const MAX_KEY: usize = 1024;

pub(in crate::local) fn response(
    services: &Arc<Services>,
    request: &Request,
) -> Result<Response, Refusal> {
    let job = job(services, request)?;
    let body = serde_json::json!({ "InferenceId": job.inference_id });
    let mut response = Response::new(202, body.to_string().into_bytes())
        .header("content-type", "application/json")
        .header("x-amzn-sagemaker-outputlocation", job.output.uri());
    if let Some(failure) = &job.failure {
        response = response.header("x-amzn-sagemaker-failurelocation", failure.uri());
    }
    for place in job.failure.iter().chain([&job.output]) {
        let created = services.s3.store.create_bucket(&place.bucket);
        created.map_err(|error| storage_failed(&error))?;
    }
    services.queue.push(services, job).map_err(|_| {
        Refusal::new(
            503,
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        )
    })?;
    Ok(response)
}

/// The job that an invocation describes.
fn job(services: &Services, request: &Request) -> Result<Job, Refusal> {
    let serving = serving(services, &request.target.container)?;
    let fields = Fields { request };
    let input = fields.input()?;
    let inference_id = fields.inference_id()?;
    let file = random_uuid();
    let output = fields.output_name(&file)?;
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
    Ok(Job {
        content_type: fields.text("content-type", "contentType", &facts::HEADER)?,
        accept: fields.text("accept", "accept", &facts::HEADER)?,
        custom_attributes: fields.text(
            "custom-attributes",
            "customAttributes",
            &facts::CUSTOM_ATTRIBUTES_HEADER,
        )?,
        ttl: fields
            .seconds(
                "requestttlseconds",
                "requestTTLSeconds",
                limits::REQUEST_TTL,
            )?
            .unwrap_or(limits::DEFAULT_REQUEST_TTL),
        invocation_timeout: fields
            .seconds(
                "invocationtimeoutseconds",
                "invocationTimeoutSeconds",
                limits::INVOCATION_TIMEOUT,
            )?
            .unwrap_or(limits::DEFAULT_INVOCATION_TIMEOUT),
        received: services.common.clock.monotonic(),
        received_at: services.common.clock.now(),
        inference_id,
        input,
        output,
        failure,
        serving,
    })
}

/// The endpoint, if it exists and accepts requests.
fn serving(services: &Services, name: &str) -> Result<Arc<Serving>, Refusal> {
    checked("endpointName", &facts::ENDPOINT_NAME, name)?;
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

/// The members of the invocation, from headers.
struct Fields<'a> {
    request: &'a Request,
}

impl Fields<'_> {
    /// The value of a header, if it satisfies the API model.
    fn text(
        &self,
        header: &str,
        member: &str,
        rule: &'static TextRule,
    ) -> Result<Option<String>, Refusal> {
        let Some(value) = self.request.head.headers.get(format!("{PREFIX}{header}")) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(value.as_bytes());
        let text = text.map_err(|_| unsatisfied(member, "Member must be UTF-8"))?;
        checked(member, rule, text)?;
        Ok(Some(text.to_owned()))
    }

    fn seconds(
        &self,
        header: &str,
        member: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, Refusal> {
        let Some(value) = self.request.head.list(&format!("{PREFIX}{header}")) else {
            return Ok(None);
        };
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = value.parse().ok().filter(|_| digits);
        let seconds = seconds.filter(|seconds| range.contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            let (min, max) = (range.start(), range.end());
            unsatisfied(member, &format!("Member must be between {min} and {max}"))
        })?;
        Ok(Some(Duration::from_secs(seconds)))
    }

    fn inference_id(&self) -> Result<String, Refusal> {
        let id = self.text("inference-id", "inferenceId", &facts::INFERENCE_ID)?;
        Ok(id.unwrap_or_else(random_uuid))
    }

    /// Exactly one of the body and the location.
    fn input(&self) -> Result<Input, Refusal> {
        let body = &self.request.content;
        if body.len() > limits::MAX_INLINE_BYTES as u64 {
            return Err(body_too_large());
        }
        let location = self.text(
            "inputlocation",
            "inputLocation",
            &facts::INPUT_LOCATION_HEADER,
        )?;
        match (location, body.len() == 0) {
            (Some(_), false) => Err(Refusal::validation(
                "Exactly one of InputLocation and Body must be specified, not both.",
            )),
            (None, true) => Err(Refusal::validation(
                "Exactly one of InputLocation and Body must be specified.",
            )),
            (None, false) => Ok(Input::Inline(body.clone())),
            (Some(location), true) => Ok(Input::Location(location)),
        }
    }

    /// Name of the output under the endpoint's output path. The service's naming is not documented: clients use the
    /// location in the response.
    fn output_name(&self, file: &str) -> Result<String, Refusal> {
        let name = self.text("filename", "filename", &facts::FILENAME_HEADER)?;
        let name = name.unwrap_or_else(|| format!("{file}.out"));
        let extension = self.text(
            "s3outputpathextension",
            "s3OutputPathExtension",
            &facts::S3_OUTPUT_PATH_EXTENSION_HEADER,
        )?;
        Ok(match extension {
            Some(extension) => format!("{}/{name}", extension.trim_matches('/')),
            None => name,
        })
    }
}

fn checked(member: &str, rule: &'static TextRule, text: &str) -> Result<(), Refusal> {
    rule.check(member, text)
        .map_err(|violation| Refusal::validation(message(&violation)))
}

pub(in crate::local) fn body_too_large() -> Refusal {
    let max = limits::MAX_INLINE_BYTES;
    unsatisfied(
        "body",
        &format!("Member must have length less than or equal to {max}"),
    )
}
