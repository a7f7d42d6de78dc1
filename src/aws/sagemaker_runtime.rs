//! The `SageMaker` runtime: `InvokeEndpointAsync`.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;

use super::client::error_response::shown;
use super::client::foreign::excerpt;
use super::endpoints::encode_segment;
use super::{
    Call, CallError, Caller, Identity, MAX_DOCUMENT, Payload, RequestPolicy, Resource, Service,
};
use crate::error::Result;
use crate::limits::header_value;
use crate::trace;
use crate::uri::S3Uri;

/// The input: in the request's body or in S3.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    Body(&'a [u8]),
    Location(&'a S3Uri),
}

/// The members of `InvokeEndpointAsync`, all checked against the model's limits.
pub(crate) struct InvokeEndpointAsync<'a> {
    pub(crate) endpoint_name: &'a str,
    /// From [`invocations`].
    pub(crate) uri: &'a Uri,
    pub(crate) input: Input<'a>,
    pub(crate) inference_id: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) accept: Option<&'a str>,
    pub(crate) custom_attributes: Option<&'a str>,
    pub(crate) filename: Option<&'a str>,
    pub(crate) output_path_extension: Option<&'a str>,
    pub(crate) request_ttl: Option<Duration>,
    pub(crate) invocation_timeout: Option<Duration>,
}

/// The locations of the outcome. One that cannot be parsed is kept as [`S3Uri::unread`], because the job has been
/// submitted.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) inference_id: Option<String>,
    pub(crate) output_location: S3Uri,
    pub(crate) failure_location: Option<S3Uri>,
}

/// Where an endpoint takes invocations. S3 settings with which the result cannot be polled are refused too, before
/// a job is submitted.
pub(crate) fn invocations(caller: Caller<'_>, endpoint_name: &str) -> Result<Uri> {
    caller.endpoints.check(Service::S3, caller.region)?;
    let path = format!(
        "/endpoints/{}/async-invocations",
        encode_segment(endpoint_name)
    );
    caller
        .endpoints
        .uri(Service::SageMakerRuntime, caller.region, &path)
}

pub(crate) fn invoke_endpoint_async(
    caller: Caller<'_>,
    request: &InvokeEndpointAsync<'_>,
    policy: RequestPolicy<'_>,
) -> Result<Submitted, CallError> {
    let region = caller.region;
    let body = match request.input {
        Input::Body(body) => body,
        Input::Location(_) => &[],
    };
    let call = Call {
        service: Service::SageMakerRuntime,
        identity: Identity::Client,
        operation: "InvokeEndpointAsync",
        method: Method::POST,
        uri: request.uri.clone(),
        region: Cow::Borrowed(region),
        headers: Cow::Owned(headers(request)?),
        resource: Resource::Named(request.endpoint_name.into()),
        policy,
        max_response: MAX_DOCUMENT,
    };
    let response = caller.client.send(&call, Payload::Bytes(body))?;
    let location = |name: HeaderName| {
        let location = response.headers.get(name).map(shown);
        location.filter(|uri| !uri.is_empty())
    };
    // It was submitted, but there is no location to poll.
    let malformed = |problem: String| call.unreadable(problem);
    let output = location(const { HeaderName::from_static("x-amzn-sagemaker-outputlocation") })
        .ok_or_else(|| malformed(without_location(&response.body, body)))?;
    Ok(Submitted {
        inference_id: inference_id(&response.body, request.inference_id),
        output_location: read_location("output", &output)
            .ok_or_else(|| malformed("its X-Amzn-SageMaker-OutputLocation is too long".into()))?,
        failure_location: location(
            const { HeaderName::from_static("x-amzn-sagemaker-failurelocation") },
        )
        .and_then(|uri| read_location("failure", &uri)),
    })
}

/// The id in the response, if it has one. It is the one that was sent, in a document that has nothing else.
fn inference_id(body: &[u8], sent: &str) -> Option<String> {
    let usual = body.strip_prefix(br#"{"InferenceId":""#);
    let usual = usual.and_then(|rest| rest.strip_suffix(br#""}"#));
    // A quote or an escape in it would mean something else.
    let is_plain = !sent.contains(['"', '\\']);
    if is_plain && usual == Some(sent.as_bytes()) {
        return Some(sent.to_owned());
    }
    serde_json::from_slice::<Body>(body).ok()?.inference_id
}

/// The problem of a response without a location, with an excerpt of a body that is not the service's.
fn without_location(body: &[u8], sent: &[u8]) -> String {
    let problem = "it has no X-Amzn-SageMaker-OutputLocation";
    let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
    match excerpt(body, sent).filter(|_| !is_json) {
        Some(excerpt) => format!("{problem}; its body begins with {excerpt:?}"),
        None => problem.to_owned(),
    }
}

/// The location, or if it cannot be parsed the unread text, with a warning; `None` if it is too long.
fn read_location(of: &'static str, location: &str) -> Option<S3Uri> {
    match location.parse::<S3Uri>() {
        Ok(uri) if uri.has_key() => Some(uri),
        _ => {
            let unread = S3Uri::unread(location)?;
            trace::location_unread(of, location);
            Some(unread)
        }
    }
}

/// The only member of `InvokeEndpointAsyncOutput` that is not in a header.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "InferenceId")]
    inference_id: Option<String>,
}

/// All members but the endpoint's name and a body travel in headers.
fn headers(request: &InvokeEndpointAsync<'_>) -> Result<Vec<(HeaderName, HeaderValue)>> {
    static ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-id");
    static LOCATION: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inputlocation");
    static CONTENT_TYPE: HeaderName = HeaderName::from_static("x-amzn-sagemaker-content-type");
    static ACCEPT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-accept");
    static ATTRIBUTES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-custom-attributes");
    static FILENAME: HeaderName = HeaderName::from_static("x-amzn-sagemaker-filename");
    static EXTENSION: HeaderName =
        HeaderName::from_static("x-amzn-sagemaker-s3outputpathextension");
    static TTL: HeaderName = HeaderName::from_static("x-amzn-sagemaker-requestttlseconds");
    static TIMEOUT: HeaderName =
        HeaderName::from_static("x-amzn-sagemaker-invocationtimeoutseconds");
    let location = match request.input {
        Input::Location(uri) => Some(uri.text()),
        Input::Body(_) => None,
    };
    let texts = [
        ("inference id", &ID, Some(request.inference_id)),
        ("input location", &LOCATION, location.as_deref()),
        ("content type", &CONTENT_TYPE, request.content_type),
        ("accept", &ACCEPT, request.accept),
        ("custom attributes", &ATTRIBUTES, request.custom_attributes),
        ("filename", &FILENAME, request.filename),
        (
            "output path extension",
            &EXTENSION,
            request.output_path_extension,
        ),
    ];
    let durations = [
        (&TTL, request.request_ttl),
        (&TIMEOUT, request.invocation_timeout),
    ];
    let mut headers = Vec::new();
    for (what, name, text) in texts {
        if let Some(text) = text {
            headers.push((name.clone(), header_value(what, text)?));
        }
    }
    for (name, duration) in durations {
        if let Some(duration) = duration {
            headers.push((name.clone(), duration.as_secs().into()));
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::{Body, inference_id};

    #[test]
    fn the_usual_response_is_read_like_any_other() {
        let cases = [
            ("a-1", r#"{"InferenceId":"a-1"}"#),
            ("a-1", r#"{"InferenceId":"b"}"#),
            ("a-1", r#"{ "InferenceId" : "a-1" }"#),
            ("a-1", r#"{"InferenceId":"a-1","Other":"b"}"#),
            (r"a\u0062", r#"{"InferenceId":"a\u0062"}"#),
            (r#"a","Other":"b"#, r#"{"InferenceId":"a","Other":"b"}"#),
            ("a-1", r#"{"InferenceId":null}"#),
            ("a-1", "{}"),
            ("a-1", "<html>"),
        ];
        for (sent, body) in cases {
            let body = body.as_bytes();
            let read = serde_json::from_slice::<Body>(body).ok();
            let by_json = read.and_then(|read| read.inference_id);
            assert_eq!(inference_id(body, sent), by_json, "{sent}");
        }
    }
}
