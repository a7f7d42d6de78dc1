//! The `SageMaker` runtime: `InvokeEndpointAsync`.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method};

use super::endpoints::encode_segment;
use super::fault::text;
use super::s3::header_value;
use super::{Call, MAX_DOCUMENT, Repeat, Service};
use crate::error::{Error, Result, TransportError, TransportErrorKind};
use crate::session::Session;
use crate::uri::S3Uri;

/// The input, one way or the other.
#[derive(Debug, Clone)]
pub(crate) enum Input<'a> {
    Body(&'a [u8]),
    Location(&'a S3Uri),
}

/// The members of `InvokeEndpointAsync`, all checked against the model's limits.
#[derive(Debug)]
pub(crate) struct InvokeEndpointAsync<'a> {
    pub(crate) endpoint_name: &'a str,
    pub(crate) input: Input<'a>,
    pub(crate) inference_id: &'a str,
    /// Suffix of the header's name, what to call it in an error, and the value.
    pub(crate) headers: Vec<(&'static str, &'static str, Cow<'a, str>)>,
}

/// Where the outcome will be.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) inference_id: Option<String>,
    pub(crate) output_location: S3Uri,
    pub(crate) failure_location: Option<S3Uri>,
}

const HEADER_PREFIX: &str = "x-amzn-sagemaker-";

pub(crate) fn invoke_endpoint_async(
    session: &Session,
    request: &InvokeEndpointAsync<'_>,
) -> Result<Submitted> {
    let path = format!(
        "/endpoints/{}/async-invocations",
        encode_segment(request.endpoint_name)
    );
    let region = session.region();
    let body = match request.input {
        Input::Body(body) => body,
        Input::Location(_) => &[],
    };
    let call = Call {
        service: Service::SageMakerRuntime,
        operation: "InvokeEndpointAsync",
        method: Method::POST,
        uri: session
            .endpoints()
            .uri(Service::SageMakerRuntime, region, &path)?,
        region: Cow::Borrowed(region),
        headers: headers(request)?,
        body,
        resource: request.endpoint_name.to_owned(),
        repeat: Repeat::OnlyIfNotDone,
        deadline: None,
        max_answer: MAX_DOCUMENT,
    };
    let answer = session.client().send(&call)?;
    let location = |name: &str| text(&answer.headers, name).filter(|uri| !uri.is_empty());
    let malformed = |problem: String| malformed_answer(&call, problem);
    let output = location("x-amzn-sagemaker-outputlocation")
        .ok_or_else(|| malformed("it has no X-Amzn-SageMaker-OutputLocation".into()))?;
    let parse = |uri: String| {
        uri.parse::<S3Uri>()
            .map_err(|error| malformed(error.to_string()))
    };
    Ok(Submitted {
        inference_id: serde_json::from_slice::<serde_json::Value>(&answer.body)
            .ok()
            .and_then(|json| Some(json.get("InferenceId")?.as_str()?.to_owned())),
        output_location: parse(output)?,
        // One that cannot be read hides failures; it must not hide the output.
        failure_location: location("x-amzn-sagemaker-failurelocation")
            .and_then(|uri| uri.parse().ok()),
    })
}

fn headers(request: &InvokeEndpointAsync<'_>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut insert = |suffix: &str, what, value: &str| -> Result<()> {
        let name = HeaderName::from_bytes(format!("{HEADER_PREFIX}{suffix}").as_bytes())
            .map_err(|_| invalid_name(suffix))?;
        headers.insert(name, header_value(what, value)?);
        Ok(())
    };
    insert("inference-id", "inference id", request.inference_id)?;
    if let Input::Location(uri) = request.input {
        insert("inputlocation", "input location", &uri.to_string())?;
    }
    for (suffix, what, value) in &request.headers {
        insert(suffix, what, value)?;
    }
    Ok(headers)
}

fn invalid_name(suffix: &str) -> Error {
    crate::invalid_input::InvalidInput::new(
        "header",
        suffix,
        "the characters of a header's name",
        "report this as a bug",
    )
    .into()
}

/// The service said yes, but not where: the inference was submitted and cannot be found.
fn malformed_answer(call: &Call<'_>, problem: String) -> Error {
    TransportError {
        service: call.service.name(),
        operation: call.operation,
        kind: TransportErrorKind::Protocol,
        host: call
            .uri
            .authority()
            .map_or_else(String::new, ToString::to_string),
        never_sent: false,
        attempts: 1,
        elapsed: std::time::Duration::ZERO,
        source: Some(problem.into()),
    }
    .into()
}
