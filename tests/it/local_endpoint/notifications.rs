//! The messages that are published to the topics of an endpoint.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagemaker_async_inference::NotificationConfig;
use sagemaker_async_inference::endpoint::NotificationTopic;
use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
use sagemaker_async_inference::sys::{Clock, ManualClock};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::local_endpoint::client::{HANG_GUARD, client};
use crate::local_endpoint::control::{sagemaker, variant};
use crate::notification::local::subscriber;

const DONE: &str = "arn:aws:sns:us-east-1:123456789012:done";
const FAILED: &str = "arn:aws:sns:us-east-1:123456789012:failed";

/// The next message that a subscriber gets.
fn message(posted: &Receiver<(String, Vec<u8>)>) -> Value {
    let (_, body) = posted.recv_timeout(HANG_GUARD).expect("a push");
    let envelope: Value = serde_json::from_slice(&body).expect("an envelope");
    let message = envelope["Message"].as_str().expect("a message");
    serde_json::from_str(message).expect("JSON")
}

#[test]
fn an_outcome_says_when_the_request_came_and_what_came_with_it() {
    let clock = ManualClock::new();
    let models_clock = clock.clone();
    let notification = NotificationConfig::builder()
        .success_topic(DONE)
        .error_topic(FAILED)
        .build();
    let endpoint = LocalEndpoint::builder()
        .notification_config(notification.expect("a configuration"))
        .clock(clock)
        .model(move |request| {
            models_clock.sleep(Duration::from_millis(2500));
            match request.body.as_slice() {
                b"bad" => ModelResponse::failure(500, "ValueError"),
                body => ModelResponse::ok(body.to_vec()),
            }
        })
        .start()
        .expect("start");
    let (done_url, done) = subscriber(200);
    let (failed_url, failed) = subscriber(200);
    endpoint.subscribe(DONE, done_url).expect("a subscription");
    endpoint
        .subscribe(FAILED, failed_url)
        .expect("a subscription");
    let client = client(&endpoint);
    for (body, posted, status) in [("good", &done, "Completed"), ("bad", &failed, "Failed")] {
        let reply = client
            .invoke(endpoint.name())
            .header("x-amzn-sagemaker-custom-attributes", "token=1")
            .body(body)
            .send();
        assert_eq!(reply.status, 202);
        let message = message(posted);
        assert_eq!(message["invocationStatus"], status);
        assert_eq!(message["requestParameters"]["customAttributes"], "token=1");
        let time = |member: &str| {
            let text = message[member].as_str().expect(member);
            OffsetDateTime::parse(text, &Rfc3339).expect("a time")
        };
        let took = time("eventTime") - time("receivedTime");
        assert_eq!(took.whole_milliseconds(), 2500);
        let failed = status == "Failed";
        assert_eq!(message.get("responseParameters").is_none(), failed);
        let reason = message["failureReason"].as_str();
        let is_said = reason.is_some_and(|reason| {
            reason.starts_with("ClientError: Received server error (500) from model")
        });
        assert_eq!(is_said, failed, "{reason:?}");
    }
}

/// As samples of the service's messages have it: in base64 if it is a result.
#[test]
fn an_included_response_is_encoded_for_subscribers_and_queues() {
    let notification = NotificationConfig::builder()
        .success_topic(DONE)
        .error_topic(FAILED)
        .include_inference_response_in([NotificationTopic::Success, NotificationTopic::Error])
        .build();
    let endpoint = LocalEndpoint::builder()
        .notification_config(notification.expect("a configuration"))
        .model(|request| match request.body.as_slice() {
            b"bad" => ModelResponse::failure(500, "ValueError"),
            b"large" => ModelResponse::ok(vec![b'x'; 128_001]),
            body => ModelResponse::ok([b"\xff\x00", body].concat()),
        })
        .start()
        .expect("start");
    let (done_url, done) = subscriber(200);
    let (failed_url, failed) = subscriber(200);
    endpoint.subscribe(DONE, done_url).expect("a subscription");
    endpoint
        .subscribe(FAILED, failed_url)
        .expect("a subscription");
    endpoint.create_queue("results", &[]).expect("a queue");
    for topic in [DONE, FAILED] {
        endpoint
            .subscribe_queue(topic, "results", true)
            .expect("a subscription");
    }
    let client = client(&endpoint);
    let outcome = |body: &str, posted| {
        let reply = client.invoke(endpoint.name()).body(body).send();
        assert_eq!(reply.status, 202);
        message(posted)
    };
    let included = &outcome("good", &done)["responseBody"];
    let encoded = json!({"content": STANDARD.encode(b"\xff\x00good"), "encoding": "BASE64"});
    assert_eq!(included, &encoded);
    let included = &outcome("bad", &failed)["responseBody"];
    for member in ["content", "message"] {
        let text = included[member].as_str().expect(member);
        assert!(text.contains("Received server error (500)"), "{text}");
    }
    assert!(included.get("encoding").is_none());
    assert!(outcome("large", &done).get("responseBody").is_none());
    assert_eq!(endpoint.messages_in("results"), 3);
    let receive = client
        .call("sqs", "POST", "/")
        .header("x-amz-target", "AmazonSQS.ReceiveMessage")
        .header("content-type", "application/x-amz-json-1.0")
        .body(json!({"QueueUrl": format!("{}/{}/results", endpoint.url(), endpoint.account_id()), "MaxNumberOfMessages": 10}).to_string());
    let reply = receive.send();
    let received = reply.text();
    assert!(
        received.contains(&STANDARD.encode(b"\xff\x00good")),
        "{received}"
    );
}

#[test]
fn an_endpoint_that_is_made_or_changed_tests_its_topics() {
    let clock = ManualClock::new();
    let endpoint = LocalEndpoint::builder()
        .clock(clock.clone())
        .start()
        .expect("start");
    let (done_url, done) = subscriber(200);
    let (failed_url, failed) = subscriber(200);
    endpoint.subscribe(DONE, done_url).expect("a subscription");
    endpoint
        .subscribe(FAILED, failed_url)
        .expect("a subscription");
    let client = client(&endpoint);
    let call = |operation: &str, body: Value| {
        let reply = sagemaker(&client, operation, &body);
        assert_eq!(reply.status, 200, "{operation}: {}", reply.text());
        // What takes time is done before the next call.
        clock.advance(Duration::from_secs(1));
    };
    let topics = json!({"SuccessTopic": DONE, "ErrorTopic": FAILED});
    for (name, notification) in [("reported", topics), ("silent", json!({}))] {
        let output = json!({"S3OutputPath": "s3://b/out", "NotificationConfig": notification});
        let body = json!({
            "EndpointConfigName": name, "ProductionVariants": [variant("v")],
            "AsyncInferenceConfig": {"OutputConfig": output},
        });
        call("CreateEndpointConfig", body);
    }
    let test = json!({
        "eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification",
    });
    let update = |config: &str| json!({"EndpointName": "e", "EndpointConfigName": config});
    let weights = json!([{"VariantName": "v", "DesiredWeight": 2}]);
    let weigh = json!({"EndpointName": "e", "DesiredWeightsAndCapacities": weights});
    for (operation, body, tests) in [
        ("CreateEndpoint", update("reported"), true),
        ("UpdateEndpointWeightsAndCapacities", weigh.clone(), true),
        ("UpdateEndpoint", update("silent"), false),
        ("UpdateEndpointWeightsAndCapacities", weigh, false),
        ("UpdateEndpoint", update("reported"), true),
    ] {
        call(operation, body);
        if tests {
            assert_eq!(message(&done), test, "{operation}");
            assert_eq!(message(&failed), test, "{operation}");
        }
    }
    // Those without topics have sent nothing in between.
    assert!(done.try_recv().is_err() && failed.try_recv().is_err());
}
