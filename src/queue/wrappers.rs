//! Unwraps notifications from envelopes and lists of records.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::notification::Notification;
use crate::aws::json_rpc::text;
use crate::codec::{self, CodecError};

type Object = Map<String, Value>;
type Found = Result<Notification, CodecError>;

/// Maximum depth of wrappers. Seven occur: a failure destination of a function behind SNS, published to SNS, delivered
/// to SQS, in an event of Lambda's.
const MAX_DEPTH: usize = 8;

/// Members that hold a list of messages: Lambda's and S3's events, and SQS's `ReceiveMessage`.
const LISTS: [&str; 2] = ["Records", "Messages"];
/// Members that hold one message as an object or as the text of one: SNS in Lambda's events, SNS's envelope,
/// SQS in Lambda's events and in Pipes, SQS's `ReceiveMessage`, `EventBridge`, Lambda's destinations.
const SINGLE: [&str; 6] = ["Sns", "Message", "body", "Body", "detail", "requestPayload"];

/// Every notification in `event`, in order; one that cannot be read is an error.
pub(super) fn unwrap_all(event: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    match read(event) {
        // What SQS responds when there is no message.
        Ok(Value::Object(event)) if event.is_empty() => {}
        event => Unwrapping { found: &mut found }.read(event, None, 0),
    }
    found
}

struct Unwrapping<'a> {
    found: &'a mut Vec<Found>,
}

impl Unwrapping<'_> {
    fn value(&mut self, value: Value, envelope: Option<Object>, depth: usize) {
        if depth > MAX_DEPTH {
            let problem = format!("it is wrapped more than {MAX_DEPTH} times");
            return self.refuse(problem);
        }
        match value {
            Value::Object(message) => self.object(message, envelope, depth),
            Value::Array(records) => self.records(records, depth),
            Value::String(document) => self.document(document.as_bytes(), envelope, depth),
            _ => self.refuse(NO_OBJECT),
        }
    }

    fn document(&mut self, document: &[u8], envelope: Option<Object>, depth: usize) {
        self.read(read(document), envelope, depth);
    }

    fn read(
        &mut self,
        document: Result<Value, CodecError>,
        envelope: Option<Object>,
        depth: usize,
    ) {
        match document {
            // A relay that encodes a document twice.
            Ok(Value::String(inner)) => match read(inner.as_bytes()) {
                Ok(value) => self.value(value, envelope, depth + 1),
                Err(_) => self.refuse(NO_OBJECT),
            },
            Ok(value) => self.value(value, envelope, depth),
            Err(error) => self.found.push(Err(error)),
        }
    }

    /// Each record of a list. A problem with one is its own error, which names the record.
    fn records(&mut self, records: Vec<Value>, depth: usize) {
        let count = records.len();
        for (index, record) in records.into_iter().enumerate() {
            let id = ["messageId", "MessageId"]
                .iter()
                .find_map(|member| text(&record, member))
                .filter(|id| is_id(id))
                .map_or_else(String::new, |id| format!(" (message {id})"));
            let begin = self.found.len();
            self.value(record, None, depth + 1);
            if count == 1 && id.is_empty() {
                continue;
            }
            let place = format!("record {} of {count}{id}", index + 1);
            for found in &mut self.found[begin..] {
                if let Err(error) = found {
                    error.located_in(&place);
                }
            }
        }
    }

    fn object(&mut self, mut message: Object, envelope: Option<Object>, depth: usize) {
        if Notification::is_message(&message) {
            return self.found.push(Ok(Notification::new(message, envelope)));
        }
        if let Some(problem) = foreign(&message) {
            return self.refuse(problem);
        }
        if let Some(records) = LISTS.iter().find_map(|list| take_list(&mut message, list)) {
            return self.records(records, depth);
        }
        let inner = SINGLE.iter().find_map(|member| {
            let inner = message.get_mut(*member)?;
            let wraps = inner.is_object() || inner.is_string();
            wraps.then(|| inner.clone())
        });
        let Some(inner) = inner else {
            return self.refuse(UNKNOWN);
        };
        let encoded = message.get("isBase64Encoded") == Some(&Value::Bool(true));
        let envelope = if message.contains_key("TopicArn") {
            Some(message)
        } else {
            envelope
        };
        match inner {
            Value::String(text) if encoded => match STANDARD.decode(text.trim_ascii()) {
                Ok(document) => self.document(&document, envelope, depth + 1),
                Err(_) => self.refuse("isBase64Encoded is true, but the body is not base64"),
            },
            inner => self.value(inner, envelope, depth + 1),
        }
    }

    fn refuse(&mut self, problem: impl Into<String>) {
        self.found.push(Err(refused(problem)));
    }
}

const NO_OBJECT: &str = "it is JSON, but not an object";
const UNKNOWN: &str = "it has no invocationStatus, so it is not of an asynchronous inference";

/// Which other message this is, if that is known.
fn foreign(message: &Object) -> Option<String> {
    let member = |name: &str| message.get(name).and_then(Value::as_str);
    if message.contains_key("invocationStatus") {
        return Some(UNKNOWN.to_owned());
    }
    if let Some(kind @ ("SubscriptionConfirmation" | "UnsubscribeConfirmation")) = member("Type") {
        return Some(format!(
            "it is SNS's {kind}, not a notification; confirm a subscription at its SubscribeURL once its \
             signature is verified"
        ));
    }
    if member("Event") == Some("s3:TestEvent") {
        return Some("it is S3's test event for a new bucket notification; delete it".to_owned());
    }
    let of_s3 = member("eventSource") == Some("aws:s3") || member("source") == Some("aws.s3");
    of_s3.then(|| {
        "it is S3's event of an object, not SageMaker's notification of an inference".to_owned()
    })
}

fn take_list(message: &mut Object, member: &str) -> Option<Vec<Value>> {
    match message.get_mut(member)? {
        Value::Array(list) => Some(std::mem::take(list)),
        _ => None,
    }
}

/// Whether it may stand in an error: ids are short and plain, and a payload is not.
fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn read(document: &[u8]) -> Result<Value, CodecError> {
    let document = codec::without_mark(document);
    codec::read_cut_json(document).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        refused(format!("it is not JSON, at line {line}, column {column}"))
    })
}

pub(super) fn refused(problem: impl Into<String>) -> CodecError {
    CodecError::deserialize("notification", problem.into())
}
