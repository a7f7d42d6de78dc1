//! The content of a queue's message.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::notification::{InvocationStatus, Notification};
use crate::aws::json_rpc::{list, text};
use crate::codec::{read_cut_json, without_mark};

/// The content of a message, see [`Delivery::event`](super::Delivery::event).
///
/// A message is read through SNS's envelope, if it is in one. Nothing is verified: anyone who may send to the
/// queue can write anything.
///
/// ```
/// use sagemaker_async_inference::queue::QueueEvent;
///
/// let event = QueueEvent::parse(r#"{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}"#);
/// assert!(matches!(event, QueueEvent::Test));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum QueueEvent {
    /// SageMaker's notification that an inference is done.
    Inference(Box<Notification>),
    /// S3's event about objects: direct, through SNS, or through `EventBridge`. One message may be about
    /// several.
    Object(Vec<ObjectEvent>),
    /// A test message: SageMaker publishes one when an endpoint is made or updated, S3 when a bucket's
    /// notifications are configured. Delete it.
    Test,
    /// None of these, with the reason. Leave it to the dead-letter queue.
    Unknown(String),
}

/// S3's event about one object.
///
/// ```
/// use sagemaker_async_inference::queue::QueueEvent;
///
/// let body = r#"{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
///     "s3": {"bucket": {"name": "my-bucket"}, "object": {"key": "out/a+b%2B%C3%BC.out", "size": 3}}}]}"#;
/// let QueueEvent::Object(events) = QueueEvent::parse(body) else { panic!() };
/// assert_eq!(events[0].key(), "out/a b+ü.out");
/// assert!(events[0].is_created());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    bucket: String,
    key: String,
    size: Option<u64>,
    etag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
    name: String,
    time: Option<String>,
}

impl ObjectEvent {
    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key as S3 stores it: decoded if the format of the event encodes it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The size in bytes.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The `ETag`, without quotes.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// The version, in a bucket with versions.
    pub fn version_id(&self) -> Option<&str> {
        self.version_id.as_deref()
    }

    /// Orders the events of one key: of two, the shorter is padded with zeros on the right, then they are
    /// compared as texts.
    pub fn sequencer(&self) -> Option<&str> {
        self.sequencer.as_deref()
    }

    /// What happened: `ObjectCreated:Put`, or `Object Created` in the form of `EventBridge`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time, as in `2022-01-25T22:46:00.608Z`.
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// Whether the object was created, and not removed, restored or tagged.
    pub fn is_created(&self) -> bool {
        self.name.starts_with("ObjectCreated") || self.name == "Object Created"
    }

    /// Whether this is the object at that place.
    pub fn is_at(&self, place: &crate::S3Uri) -> bool {
        self.bucket == place.bucket() && self.key == place.key()
    }
}

impl QueueEvent {
    /// Parses the body of a message. One that cannot be parsed is [`Unknown`](Self::Unknown).
    pub fn parse(body: &str) -> Self {
        let message = match read(body) {
            Ok(Value::Object(message)) => message,
            Ok(_) => return Self::Unknown("it is JSON, but not an object".to_owned()),
            Err(_) => return Self::Unknown("it is not JSON".to_owned()),
        };
        if let Some(event) = of_s3(&unwrapped(message)) {
            return event;
        }
        match Notification::parse(body) {
            Ok(notification) if notification.status() == InvocationStatus::Test => Self::Test,
            Ok(notification) => Self::Inference(Box::new(notification)),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }
}

/// A JSON document, or one that a relay encoded a second time, as a string.
fn read(text: &str) -> Result<Value, serde_json::Error> {
    let read = |text: &str| read_cut_json(without_mark(text.as_bytes()));
    match read(text)? {
        Value::String(inner) => Ok(read(&inner).unwrap_or(Value::Null)),
        value => Ok(value),
    }
}

/// The message within SNS's envelopes: a topic's message may be published to another topic.
fn unwrapped(mut message: Map<String, Value>) -> Value {
    while message.contains_key("TopicArn") {
        let inner = message.get("Message").and_then(Value::as_str);
        match inner.map(read) {
            // Each is shorter than its envelope.
            Some(Ok(Value::Object(inner))) => message = inner,
            _ => break,
        }
    }
    Value::Object(message)
}

/// Parses an event of S3 in any of its formats; `None` if it is not one.
fn of_s3(message: &Value) -> Option<QueueEvent> {
    if text(message, "Event") == Some("s3:TestEvent") {
        return Some(QueueEvent::Test);
    }
    let events: Option<Vec<_>> = if text(message, "source") == Some("aws.s3") {
        of_event_bridge(message).map(|event| vec![event])
    } else {
        let records = list(message, "Records");
        let is_s3 = |record: &Value| text(record, "eventSource") == Some("aws:s3");
        if records.is_empty() || !records.iter().all(is_s3) {
            return None;
        }
        records.iter().map(of_record).collect()
    };
    Some(events.map_or_else(
        || QueueEvent::Unknown("it is an event of S3 without a readable bucket or key".to_owned()),
        QueueEvent::Object,
    ))
}

/// In the direct format the key is encoded like an HTML form value: a plus is a space.
fn of_record(record: &Value) -> Option<ObjectEvent> {
    let s3 = record.get("s3")?;
    let object = s3.get("object")?;
    let spaced = text(object, "key")?.replace('+', " ");
    let key = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(ObjectEvent {
        bucket: text(s3.get("bucket")?, "name")?.to_owned(),
        key: key.into_owned(),
        size: object.get("size").and_then(Value::as_u64),
        etag: owned(object, "eTag"),
        version_id: owned(object, "versionId"),
        sequencer: owned(object, "sequencer"),
        name: text(record, "eventName").unwrap_or_default().to_owned(),
        time: owned(record, "eventTime"),
    })
}

/// In the format of `EventBridge` the key is not encoded.
fn of_event_bridge(event: &Value) -> Option<ObjectEvent> {
    let detail = event.get("detail")?;
    let object = detail.get("object")?;
    Some(ObjectEvent {
        bucket: text(detail.get("bucket")?, "name")?.to_owned(),
        key: text(object, "key")?.to_owned(),
        size: object.get("size").and_then(Value::as_u64),
        etag: owned(object, "etag"),
        version_id: owned(object, "version-id"),
        sequencer: owned(object, "sequencer"),
        name: text(event, "detail-type").unwrap_or_default().to_owned(),
        time: owned(event, "time"),
    })
}

fn owned(document: &Value, member: &str) -> Option<String> {
    text(document, member).map(str::to_owned)
}
