//! What the service tells, through Amazon SNS, of inferences that are done.

use std::fmt;

use serde_json::{Map, Value};

use crate::aws::json_rpc::text;
use crate::aws::sagemaker_runtime::Submitted;
use crate::codec::CodecError;
use crate::error::{ModelFailure, Result};
use crate::handle::InferenceHandle;
use crate::invalid_input::InvalidInput;
use crate::predictor::AsyncPredictor;
use crate::response::AsyncInferenceResponse;
use crate::response::look::Outcome;
use crate::uri::S3Uri;

/// How an inference ended, as a notification tells it.
///
/// ```
/// use sagemaker_async_inference::queue::InvocationStatus;
///
/// assert_eq!(InvocationStatus::from("Completed"), InvocationStatus::Completed);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvocationStatus {
    /// The output is there.
    Completed,
    /// The inference failed.
    Failed,
    /// A word that this version does not know.
    Other(String),
}

impl InvocationStatus {
    /// The service's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for InvocationStatus {
    fn from(word: &str) -> Self {
        match word {
            "Completed" => Self::Completed,
            "Failed" => Self::Failed,
            word => Self::Other(word.to_owned()),
        }
    }
}

/// A notification of an inference that is done, for endpoints with a
/// [`NotificationConfig`](crate::NotificationConfig).
///
/// [`parse`](Self::parse) takes the message as it comes, and
/// [`AsyncPredictor::response_from`] makes a finished response from it, with no polling.
///
/// # A push endpoint must verify SNS's signature itself
///
/// Anybody who knows the URL of an HTTP endpoint can post to it, and **`parse` does not verify who
/// did**. Before a message that was pushed is believed, verify its `Signature` with the certificate at
/// `SigningCertURL`, after checking that this URL is of Amazon's (see "Verifying the signatures of
/// Amazon SNS messages" in the SNS developer guide). A message from an SQS queue to which only the
/// topic may write needs no such check.
///
/// `Debug` shows neither the reason of a failure nor an included response.
///
/// ```
/// use sagemaker_async_inference::queue::{InvocationStatus, Notification};
///
/// // The body of an SQS message, or of an HTTP push: SNS's envelope.
/// let body = r#"{
///     "Type": "Notification",
///     "TopicArn": "arn:aws:sns:us-east-1:123456789012:done",
///     "Message": "{\"invocationStatus\": \"Completed\", \"inferenceId\": \"job-7\", \"requestParameters\": {\"endpointName\": \"my-endpoint\"}, \"responseParameters\": {\"outputLocation\": \"s3://my-bucket/out/7.out\"}}"
/// }"#;
/// let notification = Notification::parse(body)?;
/// assert_eq!(notification.status(), InvocationStatus::Completed);
/// assert_eq!(notification.inference_id(), Some("job-7"));
/// assert_eq!(notification.output_location(), Some("s3://my-bucket/out/7.out"));
/// # Ok::<(), sagemaker_async_inference::CodecError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Notification {
    message: Value,
    envelope: Option<Map<String, Value>>,
}

/// Bucket and key of the output that a notification of a failure does not name. Nobody asks for it.
const NOT_TOLD: &str = "not-told";

/// Envelopes in envelopes: SNS in SQS in an event of Lambda's are three.
const MAX_DEPTH: usize = 4;

impl Notification {
    /// Reads a message: SageMaker's own JSON ("raw message delivery"), or the same in SNS's envelope,
    /// as it is the body of an SQS message or of an HTTP push. A record of a Lambda event (`{"Sns":
    /// {..}}`, `{"body": ".."}`) is unwrapped too.
    ///
    /// Members that are not known are kept, and of those that are known only `invocationStatus` must
    /// be there. Fails for what is not JSON, for another service's message, and for SNS's request to
    /// confirm a subscription.
    pub fn parse(message: impl AsRef<[u8]>) -> Result<Self, CodecError> {
        let mut message = read(message.as_ref())?;
        let mut envelope = None;
        for _ in 0..MAX_DEPTH {
            if message.contains_key("invocationStatus") {
                break;
            }
            if let Some(kind @ ("SubscriptionConfirmation" | "UnsubscribeConfirmation")) =
                message.get("Type").and_then(Value::as_str)
            {
                return Err(refused(format!(
                    "it is SNS's {kind}, not a notification; confirm it at its SubscribeURL once its \
                     signature is verified"
                )));
            }
            let Some(inner) = unwrapped(&message)? else {
                break;
            };
            if message.contains_key("TopicArn") {
                envelope = Some(message);
            }
            message = inner;
        }
        match message.get("invocationStatus") {
            Some(Value::String(_)) => Ok(Self {
                message: Value::Object(message),
                envelope,
            }),
            _ => Err(refused(
                "it has no invocationStatus, so it is not of an asynchronous inference",
            )),
        }
    }

    /// `invocationStatus`.
    pub fn status(&self) -> InvocationStatus {
        InvocationStatus::from(text(&self.message, "invocationStatus").unwrap_or_default())
    }

    /// `requestParameters.endpointName`.
    pub fn endpoint_name(&self) -> Option<&str> {
        self.nested("requestParameters", "endpointName")
    }

    /// `inferenceId`: the caller's, or the service's.
    pub fn inference_id(&self) -> Option<&str> {
        text(&self.message, "inferenceId")
    }

    /// `requestParameters.inputLocation`: where the input lies.
    pub fn input_location(&self) -> Option<&str> {
        self.nested("requestParameters", "inputLocation")
    }

    /// `responseParameters.outputLocation`: where the output lies.
    pub fn output_location(&self) -> Option<&str> {
        self.nested("responseParameters", "outputLocation")
    }

    /// `responseParameters.contentType`: the output's.
    pub fn content_type(&self) -> Option<&str> {
        self.nested("responseParameters", "contentType")
    }

    /// `failureReason`, in the service's words, which may repeat what the model said.
    pub fn failure_reason(&self) -> Option<&str> {
        text(&self.message, "failureReason")
    }

    /// `eventTime`, as in `2022-01-25T22:46:00.608Z`.
    pub fn event_time(&self) -> Option<&str> {
        text(&self.message, "eventTime")
    }

    /// `receivedTime`: when the request came.
    pub fn received_time(&self) -> Option<&str> {
        text(&self.message, "receivedTime")
    }

    /// What an included response came as, if any did. How the service writes it is not documented,
    /// so this is the JSON as it came: `responseBody`.
    pub fn included_response(&self) -> Option<&Value> {
        self.message.get("responseBody")
    }

    /// The whole message, with members that this crate does not know.
    pub fn raw(&self) -> &Value {
        &self.message
    }

    /// SNS's envelope with `MessageId`, `TopicArn`, `Signature` and the rest; `None` for a raw
    /// message.
    pub fn envelope(&self) -> Option<&Map<String, Value>> {
        self.envelope.as_ref()
    }

    fn nested(&self, object: &str, member: &str) -> Option<&str> {
        text(self.message.get(object)?, member)
    }
}

fn read(message: &[u8]) -> Result<Map<String, Value>, CodecError> {
    match serde_json::from_slice(message) {
        Ok(Value::Object(message)) => Ok(message),
        Ok(_) => Err(refused("it is JSON, but no object")),
        Err(error) => Err(refused("it is not JSON").with_source(error)),
    }
}

/// The message in an envelope; `None` if this is none.
fn unwrapped(envelope: &Map<String, Value>) -> Result<Option<Map<String, Value>>, CodecError> {
    if let Some(Value::Object(inner)) = envelope.get("Sns") {
        return Ok(Some(inner.clone()));
    }
    let inner = ["Message", "body", "Body"]
        .iter()
        .find_map(|member| envelope.get(*member)?.as_str());
    inner.map(|inner| read(inner.as_bytes())).transpose()
}

fn refused(problem: impl Into<String>) -> CodecError {
    CodecError::deserialize("notification", problem.into())
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("status", &self.status())
            .field("endpoint_name", &self.endpoint_name())
            .field("inference_id", &self.inference_id())
            .field("output_location", &self.output_location())
            .finish_non_exhaustive()
    }
}

impl<S, D> AsyncPredictor<S, D> {
    /// The response of an inference that a notification says is done: its first
    /// [`get_result`](AsyncInferenceResponse::get_result) fetches the output with one request, with
    /// no polling.
    ///
    /// The response of a failure is finished: every way to take its result is
    /// [`Error::Model`](crate::Error::Model) with the service's reason as its text, without a request.
    /// Such a notification names no output, so the response's
    /// [`output_path`](AsyncInferenceResponse::output_path) is a placeholder. Its handle keeps that it
    /// failed, but not why: the reason may repeat what was in the input.
    ///
    /// Fails with [`Error::InvalidInput`](crate::Error::InvalidInput) for another endpoint's
    /// notification, and for one that says neither.
    ///
    /// ```no_run
    /// # use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
    /// # use sagemaker_async_inference::queue::Notification;
    /// # fn example(session: &Session, body: &str) -> Result<(), Error> {
    /// let predictor = AsyncPredictor::new("my-endpoint", session);
    /// let notification = Notification::parse(body)?; // the body of an SQS message
    /// let response = predictor.response_from(&notification)?;
    /// let answer: serde_json::Value = response.get_result(&WaiterConfig::default())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn response_from(&self, notification: &Notification) -> Result<AsyncInferenceResponse<D>>
    where
        D: Clone,
    {
        let refused = |what: &'static str, value: &str, limit: String| {
            let remedy = "check which queue or topic it came from";
            InvalidInput::new(what, value, limit, remedy)
        };
        if let Some(name) = notification.endpoint_name()
            && name != self.endpoint_name()
        {
            let limit = format!("it is of endpoint {}", self.endpoint_name());
            return Err(refused("notification's endpoint", name, limit).into());
        }
        match notification.status() {
            InvocationStatus::Completed => {}
            InvocationStatus::Failed => return self.failed_response(notification),
            InvocationStatus::Other(word) => {
                let limit = "Completed or Failed".to_owned();
                return Err(refused("notification's invocationStatus", &word, limit).into());
            }
        }
        let output: S3Uri = match notification.output_location() {
            Some(location) => location.parse()?,
            None => {
                return Err(InvalidInput::redacted(
                    "notification",
                    "a completed inference has an outputLocation",
                    "read its raw() JSON",
                )
                .into());
            }
        };
        let Some(inference_id) = notification.inference_id().map(str::to_owned) else {
            return Ok(self.response(output, None));
        };
        let submitted = Submitted {
            inference_id: None,
            output_location: output,
            failure_location: None,
        };
        Ok(AsyncInferenceResponse::submitted(
            self.target.clone(),
            self.deserializer.clone(),
            submitted,
            inference_id,
            notification
                .input_location()
                .and_then(|uri| uri.parse().ok()),
        ))
    }

    fn failed_response(&self, notification: &Notification) -> Result<AsyncInferenceResponse<D>>
    where
        D: Clone,
    {
        let location = |uri: Option<&str>| -> Option<S3Uri> { uri?.parse().ok() };
        let output_path = location(notification.output_location());
        // Not among what is documented; taken where it comes all the same.
        let failure_path = location(text(&notification.message, "failureLocation"))
            .or_else(|| location(notification.nested("responseParameters", "failureLocation")));
        let reason = notification.failure_reason().unwrap_or_default();
        let handle = InferenceHandle {
            endpoint_name: self.endpoint_name().to_owned(),
            output_path: match &output_path {
                Some(told) => told.clone(),
                None => S3Uri::new(NOT_TOLD, NOT_TOLD)?,
            },
            failure_path: failure_path.clone(),
            inference_id: notification.inference_id().map(str::to_owned),
            input_location: location(notification.input_location()),
            submitted_at: None,
            input_uploaded: false,
            service_limit: None,
            failed: true,
        };
        let response =
            AsyncInferenceResponse::resumed(self.target.clone(), self.deserializer.clone(), handle);
        response.keep(Outcome::Failure(ModelFailure {
            endpoint_name: self.endpoint_name().to_owned(),
            output_path,
            failure_path,
            content_type: Some("text/plain".to_owned()),
            body: reason.as_bytes().into(),
        }));
        Ok(response)
    }
}
