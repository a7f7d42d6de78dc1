//! The message that `SageMaker` publishes to Amazon SNS when an inference is done.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::wrappers::{refused, unwrap_all};
use crate::aws::json_rpc::text;
use crate::codec::CodecError;

/// How an inference ended, as a notification reports it.
///
/// ```
/// use sagemaker_async_inference::queue::InvocationStatus;
///
/// assert_eq!(InvocationStatus::from("Completed"), InvocationStatus::Completed);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvocationStatus {
    /// The output is in S3.
    Completed,
    /// The inference failed.
    Failed,
    /// No inference: the message that `SageMaker` publishes to check a topic.
    Test,
    /// A status that this version does not know.
    Other(String),
}

crate::words::open_words!(InvocationStatus, {
    Completed => "Completed",
    Failed => "Failed",
    Test => "TestNotification",
});

/// `eventName` of the message that checks a topic.
const TEST: &str = "TestNotification";

/// A notification of an inference that is done, for endpoints with a
/// [`NotificationConfig`](crate::NotificationConfig).
///
/// [`parse`](Self::parse) reads one message, [`parse_all`](Self::parse_all) all that a wrapper holds, and
/// [`AsyncPredictor::response_from`](crate::AsyncPredictor::response_from) makes a finished response from one,
/// with no polling.
///
/// `SageMaker` also publishes one when an endpoint is created or updated, to check the topics: its
/// [`status`](Self::status) is [`InvocationStatus::Test`], and it belongs to no inference. Delete it.
///
/// # A push endpoint must verify SNS's signature itself
///
/// Anyone who knows the URL of an HTTP endpoint can post to it, and **`parse` does not verify who
/// did**. Before you trust a message that was pushed, verify its `Signature` with the certificate at
/// `SigningCertURL`, after checking that this URL is of Amazon's (see "Verifying the signatures of
/// Amazon SNS messages" in the SNS developer guide). A message from an SQS queue to which only the
/// topic may write needs no such check.
///
/// `Debug` shows neither the reason of a failure, nor custom attributes, nor an included response.
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

impl Notification {
    /// Reads one message in any wrapper that [`parse_all`](Self::parse_all) knows, which may be a list of one.
    ///
    /// # Errors
    /// - The message is not a notification; see [`parse_all`](Self::parse_all).
    /// - The wrapper holds no message, or more than one.
    pub fn parse(message: impl AsRef<[u8]>) -> Result<Self, CodecError> {
        let mut found = unwrap_all(message.as_ref());
        match (found.pop(), found.len()) {
            (Some(only), 0) => only,
            (None, _) => Err(refused("it holds no record and no invocationStatus")),
            (Some(_), others) => Err(refused(format!(
                "it holds {} records; read them with Notification::parse_all",
                others + 1
            ))),
        }
    }

    /// Reads all notifications that a wrapper holds, in its order, each with its own error.
    ///
    /// Wrappers, in any combination:
    ///
    /// - none: `SageMaker`'s own JSON, as "raw message delivery" brings it;
    /// - SNS's envelope, the body of an SQS message or of an HTTP push;
    /// - the event of a Lambda function behind SNS or SQS (`Records`), one record of it, and the event of a
    ///   Lambda failure destination (`requestPayload`);
    /// - the list that `EventBridge` Pipes passes on, and an `EventBridge` event (`detail`);
    /// - the response of SQS `ReceiveMessage` (`Messages`), and one message of it;
    /// - the event of an API Gateway or function URL (`body`, `isBase64Encoded`).
    ///
    /// A list without records yields nothing, and so does `{}`, which SQS sends when there is no message.
    /// Anything else yields at least one element: a list of N records that hold one message each yields N, so
    /// that element and record have the same index. Unknown members are kept.
    ///
    /// # Errors
    /// An element is an error if its message is not JSON, is another service's (S3's events, by name), is SNS's
    /// request to confirm a subscription, or has no `invocationStatus`. The error names the record and its
    /// message id, never any content.
    ///
    /// ```
    /// use sagemaker_async_inference::queue::Notification;
    ///
    /// // The event of a Lambda function behind an SQS queue.
    /// let event = r#"{"Records": [
    ///     {"messageId": "m-1", "body": "{\"invocationStatus\": \"Completed\", \"inferenceId\": \"job-7\"}"},
    ///     {"messageId": "m-2", "body": "hello"}
    /// ]}"#;
    /// let notifications = Notification::parse_all(event);
    /// assert!(matches!(&notifications[0], Ok(done) if done.inference_id() == Some("job-7")));
    /// assert!(matches!(&notifications[1], Err(error) if error.message().contains("record 2 of 2 (message m-2)")));
    /// ```
    pub fn parse_all(event: impl AsRef<[u8]>) -> Vec<Result<Self, CodecError>> {
        unwrap_all(event.as_ref())
    }

    /// Whether this is `SageMaker`'s own message, in no wrapper.
    pub(super) fn is_message(message: &Map<String, Value>) -> bool {
        let member = |name: &str| message.get(name).and_then(Value::as_str);
        let tests = member("eventName") == Some(TEST)
            && member("eventSource").is_none_or(|source| source == "aws:sagemaker");
        tests || member("invocationStatus").is_some()
    }

    pub(super) fn new(message: Map<String, Value>, envelope: Option<Map<String, Value>>) -> Self {
        Self {
            message: Value::Object(message),
            envelope,
        }
    }

    /// `invocationStatus`; [`InvocationStatus::Test`] for a message that checks a topic.
    pub fn status(&self) -> InvocationStatus {
        InvocationStatus::from(text(&self.message, "invocationStatus").unwrap_or(TEST))
    }

    /// `requestParameters.endpointName`.
    pub fn endpoint_name(&self) -> Option<&str> {
        self.nested("requestParameters", "endpointName")
    }

    /// `inferenceId`: the caller's, or the service's.
    pub fn inference_id(&self) -> Option<&str> {
        text(&self.message, "inferenceId")
    }

    /// `requestParameters.inputLocation`: the location of the input.
    pub fn input_location(&self) -> Option<&str> {
        self.nested("requestParameters", "inputLocation")
    }

    /// `requestParameters.customAttributes`: what the request carried, in clear text. `Debug` does not show it.
    pub fn custom_attributes(&self) -> Option<&str> {
        self.nested("requestParameters", "customAttributes")
    }

    /// `responseParameters.outputLocation`: the location of the output.
    pub fn output_location(&self) -> Option<&str> {
        self.nested("responseParameters", "outputLocation")
    }

    /// `responseParameters.contentType`: the output's.
    pub fn content_type(&self) -> Option<&str> {
        self.nested("responseParameters", "contentType")
    }

    /// `failureReason`: the service's message, which may repeat the model's response.
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

    /// `responseBody`: an included response, if there is one. The service does not document its format, so this is the
    /// unchanged JSON.
    pub fn included_response(&self) -> Option<&Value> {
        self.message.get("responseBody")
    }

    /// The content of an included response: decoded where its `encoding` says base64, else as text. `None` if the
    /// message includes none, or one in an unknown format.
    ///
    /// The service does not document this format: the object at [`output_location`](Self::output_location) is
    /// authoritative, and `response_from` always fetches it.
    pub fn included_content(&self) -> Option<Vec<u8>> {
        let response = self.included_response()?;
        let content = text(response, "content").or_else(|| text(response, "message"))?;
        match text(response, "encoding") {
            Some(encoding) if encoding.eq_ignore_ascii_case("BASE64") => {
                STANDARD.decode(content).ok()
            }
            Some(_) => None,
            None => Some(content.as_bytes().to_vec()),
        }
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

    pub(super) fn nested(&self, object: &str, member: &str) -> Option<&str> {
        text(self.message.get(object)?, member)
    }
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
