//! Messages from the endpoint itself: notifications through a topic, and events of S3.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Queues;
use crate::local::dates::iso;
use crate::local::operation::{Operation, Target};
use crate::local::server::{random_hex, random_uuid};
use crate::local::services::Services;

/// A queue that is subscribed to a topic.
#[derive(Debug, Clone)]
pub(in crate::local) struct Subscription {
    pub(in crate::local) topic: String,
    /// Its name.
    pub(in crate::local) queue: String,
    /// Raw message delivery: without SNS's envelope.
    pub(in crate::local) raw: bool,
}

/// A queue that gets an event for each object created below a prefix.
#[derive(Debug, Clone)]
pub(in crate::local) struct ObjectRule {
    pub(in crate::local) bucket: String,
    pub(in crate::local) prefix: String,
    /// Its name.
    pub(in crate::local) queue: String,
}

/// The characters that are not encoded in an event's key; a space becomes a plus.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

impl Queues {
    /// Whether a queue is subscribed to the topic.
    pub(in crate::local) fn is_subscribed(&self, topic: &str) -> bool {
        let state = self.state();
        let mut subscriptions = state.subscriptions.iter();
        subscriptions.any(|subscription| subscription.topic == topic)
    }
}

/// Sends a message of a topic to the queues that are subscribed.
pub(in crate::local) fn publish(services: &Services, topic: &str, message: &str) {
    let subscriptions = services.queues.state().subscriptions.clone();
    for subscription in subscriptions {
        if subscription.topic != topic {
            continue;
        }
        let body = if subscription.raw {
            message.to_owned()
        } else {
            envelope(services, topic, message).to_string()
        };
        services.queues.send(services, &subscription.queue, &body);
    }
}

fn envelope(services: &Services, topic: &str, message: &str) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": random_uuid(),
        "TopicArn": topic,
        "Message": message,
        "Timestamp": iso(services.common.clock.now()),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "",
        "UnsubscribeURL": "",
        "MessageAttributes": {},
    })
}

/// Sends events for the object that a request wrote, if it wrote one.
pub(in crate::local) fn object_written(services: &Services, target: &Target) {
    let how = match target.operation {
        Operation::PutObject => "Put",
        Operation::CopyObject => "Copy",
        Operation::CompleteMultipartUpload => "CompleteMultipartUpload",
        _ => return,
    };
    if let Some(key) = &target.key {
        object_created(services, &target.container, key, how);
    }
}

/// Sends events for an object created by this operation of S3: `Put`, `Copy`, `CompleteMultipartUpload`.
pub(in crate::local) fn object_created(services: &Services, bucket: &str, key: &str, how: &str) {
    let rules = services.queues.state().object_rules.clone();
    let mut rules = rules
        .iter()
        .filter(|rule| rule.bucket == bucket && key.starts_with(&rule.prefix))
        .peekable();
    if rules.peek().is_none() {
        return;
    }
    let Some(object) = services.s3.store.get(bucket, key) else {
        return;
    };
    let encoded = utf8_percent_encode(key, KEY).to_string().replace(' ', "+");
    let event = json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": services.common.region,
        "eventTime": iso(services.common.clock.now()),
        "eventName": format!("ObjectCreated:{how}"),
        "userIdentity": { "principalId": "local" },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "local",
            "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
            "object": {
                "key": encoded,
                "size": object.len(),
                "eTag": object.etag().trim_matches('"'),
                "sequencer": random_hex(16).to_uppercase(),
            },
        },
    }]});
    for rule in rules {
        services
            .queues
            .send(services, &rule.queue, &event.to_string());
    }
}

/// The test event that S3 sends when a bucket's notifications are configured.
pub(super) fn test_event(services: &Services, rule: &ObjectRule) {
    let event = json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso(services.common.clock.now()),
        "Bucket": rule.bucket,
        "RequestId": random_hex(16).to_uppercase(),
        "HostId": "local",
    });
    services
        .queues
        .send(services, &rule.queue, &event.to_string());
}
