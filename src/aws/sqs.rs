//! Amazon SQS (2012-11-05).
//!
//! Requests go to the endpoint of the queue's region, with the queue's URL in the body, as the AWS SDK for
//! Python sends them: the host in a URL may be an old one, or one that only a container can resolve.

use std::time::Duration;

use serde_json::{Value, json};

use super::json_rpc::{Api, list, text};
use super::{CallError, Caller, Replay, RequestPolicy, Service};
use crate::error::{Error, Result, ServiceError, is_throttling};

const API: Api = Api {
    service: Service::Sqs,
    target_prefix: "AmazonSQS",
    content_type: "application/x-amz-json-1.0",
    max_response: MAX_BATCH as u64 * MAX_MESSAGE_IN_JSON,
};

/// Maximum messages of a receive and entries of a batch.
pub(crate) const MAX_BATCH: usize = 10;
/// A message of 1 MiB, the service's limit, of which each byte may be escaped as `\u0000`, and its attributes.
const MAX_MESSAGE_IN_JSON: u64 = (6 << 20) + (64 << 10);
/// Maximum wait time of a receive.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(20);
/// Maximum visibility timeout, counted from the receive.
pub(crate) const MAX_VISIBILITY: Duration = Duration::from_hours(12);

/// A queue that requests can be sent to.
#[derive(Clone, Copy)]
pub(crate) struct Queue<'a> {
    /// In the queue's region.
    pub(crate) caller: Caller<'a>,
    pub(crate) url: &'a str,
}

/// One receive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receive<'a> {
    pub(crate) max: usize,
    pub(crate) wait: Duration,
    /// `None`: the queue's visibility timeout.
    pub(crate) visibility: Option<Duration>,
    /// Makes a receive from a FIFO queue idempotent.
    pub(crate) attempt_id: Option<&'a str>,
}

/// A received message.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) receipt: String,
    pub(crate) body: String,
    /// The system attributes.
    pub(crate) attributes: Vec<(String, String)>,
}

/// Why one entry of a batch was not carried out.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) message: String,
    /// Whether a retry is pointless.
    pub(crate) sender_fault: bool,
}

/// The outcome of each entry of a batch, in order. `None`: the response does not say.
pub(crate) type Outcomes = Vec<Option<Result<(), Refused>>>;

impl Queue<'_> {
    fn send(
        &self,
        operation: &'static str,
        mut input: Value,
        replay: Replay,
        policy: RequestPolicy<'_>,
    ) -> Result<Value, CallError> {
        input["QueueUrl"] = self.url.into();
        let policy = RequestPolicy { replay, ..policy };
        API.send(self.caller, operation, self.url, &input, policy, None)
    }

    /// Receives messages. A receive whose response is lost hides messages for their visibility timeout, so it is
    /// retried only if an attempt id makes the service return the same messages.
    pub(crate) fn receive(
        &self,
        receive: &Receive<'_>,
        policy: RequestPolicy<'_>,
    ) -> Result<Vec<Message>, CallError> {
        let mut input = json!({
            "MaxNumberOfMessages": receive.max,
            "WaitTimeSeconds": receive.wait.as_secs(),
            "MessageSystemAttributeNames": [
                "ApproximateReceiveCount",
                "ApproximateFirstReceiveTimestamp",
                "SentTimestamp",
                "MessageGroupId",
            ],
        });
        if let Some(visibility) = receive.visibility {
            input["VisibilityTimeout"] = visibility.as_secs().into();
        }
        if let Some(id) = receive.attempt_id {
            input["ReceiveRequestAttemptId"] = id.into();
        }
        let replay = match receive.attempt_id {
            Some(_) => Replay::Safe,
            None => Replay::IfNotProcessed,
        };
        let response = self.send("ReceiveMessage", input, replay, policy)?;
        Ok(list(&response, "Messages")
            .iter()
            .filter_map(message)
            .collect())
    }

    /// Deletes messages, at most ten; a single one by `DeleteMessage`.
    pub(crate) fn delete(
        &self,
        receipts: &[&str],
        policy: RequestPolicy<'_>,
    ) -> Result<Outcomes, CallError> {
        if let [receipt] = receipts {
            let input = json!({ "ReceiptHandle": receipt });
            self.send("DeleteMessage", input, Replay::Safe, policy)?;
            return Ok(vec![Some(Ok(()))]);
        }
        let entry = |(index, receipt): (usize, &&str)| json!({ "Id": index.to_string(), "ReceiptHandle": receipt });
        let entries: Vec<_> = receipts.iter().enumerate().map(entry).collect();
        let input = json!({ "Entries": entries });
        let response = self.send("DeleteMessageBatch", input, Replay::Safe, policy)?;
        Ok(outcomes(&response, receipts.len()))
    }

    /// Sets the visibility timeout of at most ten messages, counted from now; of a single one by
    /// `ChangeMessageVisibility`.
    pub(crate) fn change_visibility(
        &self,
        changes: &[(&str, Duration)],
        policy: RequestPolicy<'_>,
    ) -> Result<Outcomes, CallError> {
        if let [(receipt, visibility)] = changes {
            self.change_visibility_of(receipt, *visibility, policy)?;
            return Ok(vec![Some(Ok(()))]);
        }
        let entry = |(index, (receipt, visibility)): (usize, &(&str, Duration))| {
            json!({
                "Id": index.to_string(),
                "ReceiptHandle": receipt,
                "VisibilityTimeout": visibility.as_secs(),
            })
        };
        let entries: Vec<_> = changes.iter().enumerate().map(entry).collect();
        let operation = "ChangeMessageVisibilityBatch";
        let input = json!({ "Entries": entries });
        let response = self.send(operation, input, Replay::Safe, policy)?;
        Ok(outcomes(&response, changes.len()))
    }

    /// Sets the visibility timeout of one message, counted from now.
    pub(crate) fn change_visibility_of(
        &self,
        receipt: &str,
        visibility: Duration,
        policy: RequestPolicy<'_>,
    ) -> Result<(), CallError> {
        let input = json!({
            "ReceiptHandle": receipt,
            "VisibilityTimeout": visibility.as_secs(),
        });
        let operation = "ChangeMessageVisibility";
        self.send(operation, input, Replay::Safe, policy).map(drop)
    }

    /// Attributes of the queue. Those that are not set are absent.
    pub(crate) fn attributes(&self, names: &[&str]) -> Result<Vec<(String, String)>, CallError> {
        let input = json!({ "AttributeNames": names });
        let policy = RequestPolicy::default();
        let response = self.send("GetQueueAttributes", input, Replay::Safe, policy)?;
        Ok(texts(response.get("Attributes")))
    }
}

/// The URL of a queue by its name and its owner's account, if that is not the caller's.
pub(crate) fn get_queue_url(
    caller: Caller<'_>,
    name: &str,
    owner: Option<&str>,
) -> Result<String, CallError> {
    let mut input = json!({ "QueueName": name });
    if let Some(owner) = owner {
        input["QueueOwnerAWSAccountId"] = owner.into();
    }
    let (operation, policy) = ("GetQueueUrl", RequestPolicy::default());
    let response = API.send(caller, operation, name, &input, policy, Some("QueueUrl"))?;
    Ok(text(&response, "QueueUrl").unwrap_or_default().to_owned())
}

fn message(message: &Value) -> Option<Message> {
    Some(Message {
        id: text(message, "MessageId").unwrap_or_default().to_owned(),
        // Without a receipt handle nothing can be done with the message.
        receipt: text(message, "ReceiptHandle")?.to_owned(),
        body: text(message, "Body").unwrap_or_default().to_owned(),
        attributes: texts(message.get("Attributes")),
    })
}

fn texts(map: Option<&Value>) -> Vec<(String, String)> {
    let pairs = map.and_then(Value::as_object).into_iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Both lists of a batch's response may be absent.
fn outcomes(response: &Value, length: usize) -> Outcomes {
    let mut outcomes: Outcomes = vec![None; length];
    let mut set = |entry: &Value, outcome| {
        let index = text(entry, "Id").and_then(|id| id.parse::<usize>().ok());
        if let Some(place) = index.and_then(|index| outcomes.get_mut(index)) {
            *place = Some(outcome);
        }
    };
    for entry in list(response, "Successful") {
        set(entry, Ok(()));
    }
    for entry in list(response, "Failed") {
        let refused = Refused {
            code: canonical(text(entry, "Code").unwrap_or_default()).to_owned(),
            message: text(entry, "Message").unwrap_or_default().to_owned(),
            sender_fault: entry.get("SenderFault").and_then(Value::as_bool) == Some(true),
        };
        set(entry, Err(refused));
    }
    outcomes
}

impl Refused {
    /// Whether the receipt handle is no longer valid: the message was deleted, or its visibility timeout is over.
    pub(crate) fn is_stale(&self) -> bool {
        is_stale(&self.code)
    }

    /// Whether the caller lacks the permission.
    pub(crate) fn is_denied(&self) -> bool {
        is_denied(&self.code)
    }

    /// Classifies an entry's code as if it were the whole request's error.
    pub(crate) fn into_error(self, operation: &'static str, url: &str) -> Error {
        let status = if self.sender_fault { 400 } else { 500 };
        ServiceError {
            code: Some(self.code),
            message: Some(self.message),
            resource: Some(url.to_owned()),
            ..ServiceError::new(Service::Sqs.as_str(), operation, status)
        }
        .into()
    }

    /// Whether a retry may succeed.
    pub(crate) fn is_passing(&self) -> bool {
        !self.sender_fault || is_throttling(0, Some(&self.code))
    }
}

/// Whether the code says that a receipt handle is no longer valid.
pub(crate) fn is_stale(code: &str) -> bool {
    matches!(
        code,
        "MessageNotInflight" | "ReceiptHandleIsInvalid" | "InvalidParameterValue"
    )
}

fn is_denied(code: &str) -> bool {
    matches!(code, "AccessDenied" | "AccessDeniedException")
}

/// Whether the service denied a permission.
pub(crate) fn is_access_denied(error: &Error) -> bool {
    matches!(error, Error::Service(fault) if fault.code().is_some_and(is_denied))
}

/// Whether the service reports that the queue does not exist, as it does to callers without access to it.
pub(crate) fn is_missing_queue(error: &Error) -> bool {
    matches!(error, Error::Service(fault) if fault.code() == Some("QueueDoesNotExist"))
}

/// The error code of a response, of its body or header, by its current name.
pub(super) fn error_code(code: Option<&str>, query_error: Option<&str>) -> Option<String> {
    let bare = |code: &str| canonical(super::client::error_response::bare_code(code)).to_owned();
    let of_query = || {
        let header = query_error?;
        Some(bare(header.split(';').next().unwrap_or_default()))
    };
    code.map(bare).or_else(of_query)
}

/// The current name of an error code of the query protocol.
fn canonical(code: &str) -> &str {
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    match code {
        "NonExistentQueue" => "QueueDoesNotExist",
        "KMS.ThrottlingException" => "KmsThrottled",
        "KMS.AccessDeniedException" => "KmsAccessDenied",
        "KMS.DisabledException" => "KmsDisabled",
        "KMS.InvalidKeyUsageException" => "KmsInvalidKeyUsage",
        "KMS.InvalidStateException" | "KMS.KMSInvalidStateException" => "KmsInvalidState",
        "KMS.NotFoundException" => "KmsNotFound",
        "KMS.OptInRequired" => "KmsOptInRequired",
        code => code,
    }
}
