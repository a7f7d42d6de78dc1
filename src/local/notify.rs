//! Notifies subscribers of finished jobs, as SNS does over HTTP.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::dates::iso_millis;
use super::error::LocalError;
use super::runtime::model::Prediction;
use super::runtime::queue::{Input, Job};
use super::server::{random_hex, random_uuid};
use super::services::Services;
use super::sqs;
use crate::NotificationConfig;
use crate::endpoint::NotificationTopic;

/// Attempts to post a message, and the pauses between them.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest response that is included.
const MAX_INCLUDED: u64 = 128_000;

/// The facts about a job that a message has, besides the outcome.
pub(super) struct Receipt {
    notification: Option<NotificationConfig>,
    endpoint: String,
    inference_id: String,
    content_type: Option<String>,
    accept: Option<String>,
    custom_attributes: Option<String>,
    received: SystemTime,
    input_location: Option<String>,
    output_location: String,
    failure_location: Option<String>,
}

impl Receipt {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            notification: job.serving.notification.clone(),
            endpoint: job.serving.endpoint.clone(),
            inference_id: job.inference_id.clone(),
            content_type: job.content_type.clone(),
            accept: job.accept.clone(),
            custom_attributes: job.custom_attributes.clone(),
            received: job.received_at,
            input_location: match &job.input {
                Input::Inline(_) => None,
                Input::Location(location) => Some(location.clone()),
            },
            output_location: job.output.uri(),
            failure_location: job
                .failure
                .as_ref()
                .map(super::runtime::location::Location::uri),
        }
    }
}

/// Subscribers must be on this machine.
pub(super) fn check_url(url: &str) -> Result<(), LocalError> {
    let loopback = url.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("http")
            && matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"))
    });
    if loopback {
        Ok(())
    } else {
        Err(LocalError::Setting(format!(
            "{url:?} is not of the form http://127.0.0.1:PORT/PATH"
        )))
    }
}

/// Notifies the subscribers of the topic for this outcome.
pub(super) fn publish_outcome(
    services: &Services,
    receipt: &Receipt,
    outcome: Result<&Prediction, &String>,
) {
    let Some(notification) = &receipt.notification else {
        return;
    };
    let topic = match outcome {
        Ok(_) => notification.success_topic(),
        Err(_) => notification.error_topic(),
    };
    let Some(topic) = topic else { return };
    if !has_subscribers(services, topic) {
        return;
    }
    let message = message(services, receipt, notification, outcome);
    publish(services, topic, &message);
}

/// Publishes the message with which SageMaker tests its permissions on the topics of a created or updated endpoint,
/// in a thread of its own.
pub(super) fn test(services: &Arc<Services>, notification: &NotificationConfig) {
    let topics = [notification.success_topic(), notification.error_topic()];
    let mut topics: Vec<_> = topics.into_iter().flatten().map(str::to_owned).collect();
    topics.dedup();
    topics.retain(|topic| has_subscribers(services, topic));
    if topics.is_empty() {
        return;
    }
    let inside = Arc::clone(services);
    let threads = &services.threads;
    let spawned = threads.spawn("local-endpoint-notification", move || {
        let message = json!({
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "TestNotification",
        });
        for topic in &topics {
            publish(&inside, topic, &message);
        }
    });
    if let (Err(error), Some(watcher)) = (spawned, &services.watcher) {
        watcher(&error);
    }
}

fn has_subscribers(services: &Services, topic: &str) -> bool {
    services.queues.is_subscribed(topic) || !services.control.subscribers(topic).is_empty()
}

/// Sends a message to all subscribers of a topic: to queues, and by HTTP.
fn publish(services: &Services, topic: &str, message: &Value) {
    sqs::publish(services, topic, &message.to_string());
    let now = iso_millis(services.common.clock.now());
    for url in services.control.subscribers(topic) {
        let id = random_uuid();
        let envelope = json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": topic,
            "Message": message.to_string(),
            "Timestamp": now,
            "SignatureVersion": "1",
            "Signature": "",
            "SigningCertURL": "",
            "UnsubscribeURL": format!("{url}?Action=Unsubscribe&Token={}", random_hex(16)),
        });
        post(services, &url, topic, &id, &envelope);
    }
}

fn post(services: &Services, url: &str, topic: &str, id: &str, envelope: &Value) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(TIMEOUT))
        .build()
        .new_agent();
    for attempt in 1..=TRIES {
        let sent = agent
            .post(url)
            .header("content-type", "text/plain; charset=UTF-8")
            .header("x-amz-sns-message-type", "Notification")
            .header("x-amz-sns-message-id", id)
            .header("x-amz-sns-topic-arn", topic)
            .send(envelope.to_string());
        let taken = sent.is_ok_and(|response| response.status().is_success());
        // A message that cannot be delivered is lost, as with SNS after its retries.
        if taken || attempt == TRIES || services.threads.stop.wait(PAUSE) {
            return;
        }
    }
}

/// The message itself, with the members that SageMaker documents.
fn message(
    services: &Services,
    receipt: &Receipt,
    notification: &NotificationConfig,
    outcome: Result<&Prediction, &String>,
) -> Value {
    let now = iso_millis(services.common.clock.now());
    let mut parameters = json!({ "endpointName": receipt.endpoint });
    let members = [
        ("contentType", &receipt.content_type),
        ("accept", &receipt.accept),
        ("customAttributes", &receipt.custom_attributes),
        ("inputLocation", &receipt.input_location),
    ];
    for (member, value) in members {
        if let Some(value) = value {
            parameters[member] = value.as_str().into();
        }
    }
    let mut message = json!({
        "awsRegion": services.common.region,
        "eventTime": now,
        "receivedTime": iso_millis(receipt.received),
        "invocationStatus": "Completed",
        "requestParameters": parameters,
        "inferenceId": receipt.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    });
    let included = notification
        .include_inference_response_in()
        .unwrap_or_default();
    match outcome {
        Ok(prediction) => {
            message["responseParameters"] = json!({
                "contentType": prediction.content_type.as_deref().unwrap_or("application/octet-stream"),
                "outputLocation": receipt.output_location,
            });
            // How the service includes a response is not documented: as in samples of its messages.
            if included.contains(&NotificationTopic::Success)
                && prediction.content.len() <= MAX_INCLUDED
                && let Ok(bytes) = prediction.content.to_vec()
            {
                message["responseBody"] =
                    json!({ "content": STANDARD.encode(bytes), "encoding": "BASE64" });
            }
        }
        Err(reason) => {
            message["invocationStatus"] = "Failed".into();
            message["failureReason"] = format!("ClientError: {reason}").into();
            if included.contains(&NotificationTopic::Error) {
                if let Some(location) = &receipt.failure_location {
                    message["failureLocation"] = location.as_str().into();
                }
                // Only the reason of a container's error is included.
                if reason.len() as u64 <= MAX_INCLUDED {
                    message["responseBody"] = json!({ "content": reason, "message": reason });
                }
            }
        }
    }
    message
}
