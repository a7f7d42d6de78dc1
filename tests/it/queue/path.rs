//! From a submit to the deletion of its message.

use sagemaker_async_inference::endpoint::NotificationTopic;
use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
use sagemaker_async_inference::queue::{InvocationStatus, Notification, QueueEvent, ResultQueue};
use sagemaker_async_inference::{AsyncPredictor, Error, NotificationConfig, Session, WaiterConfig};
use serde_json::{Value, json};

use super::seconds;

const SUCCESS: &str = "arn:aws:sns:us-east-1:123456789012:done";
const FAILURE: &str = "arn:aws:sns:us-east-1:123456789012:failed";

fn endpoint(raw: bool) -> (LocalEndpoint, Session, ResultQueue) {
    let topics = NotificationConfig::builder()
        .success_topic(SUCCESS)
        .error_topic(FAILURE)
        .build()
        .expect("topics");
    let local = LocalEndpoint::builder()
        .notification_config(topics)
        .without_failure_path()
        .model(|request| {
            if request.body.starts_with(b"{\"bad\"") {
                ModelResponse::failure(500, "cannot read it")
            } else {
                ModelResponse::ok(request.body.clone())
            }
        })
        .start()
        .expect("a local endpoint");
    let url = local.create_queue("done", &[]).expect("a queue");
    for topic in [SUCCESS, FAILURE] {
        local
            .subscribe_queue(topic, &url, raw)
            .expect("a subscription");
    }
    let session = local.session().expect("a session");
    let queue = ResultQueue::new(&url, &session).expect("a queue");
    (local, session, queue.with_visibility(seconds(120)))
}

#[test]
fn yields_results_in_envelopes_and_raw() {
    for raw in [false, true] {
        let (local, session, queue) = endpoint(raw);
        let predictor = AsyncPredictor::new(local.name(), &session);
        for number in 0..3 {
            let request = predictor.request(&json!({ "n": number })).into_owned();
            let id = format!("job-{number}");
            let _ = request.inference_id(id).submit().expect("a submit");
        }
        let mut responses = Vec::new();
        for delivery in queue.deliveries().max_messages(3) {
            let delivery = delivery.expect("a message");
            let QueueEvent::Inference(notification) = delivery.event() else {
                panic!("{:?}", delivery.event());
            };
            assert_eq!(notification.envelope().is_some(), !raw);
            let response = predictor.response_from(notification).expect("a response");
            let reply: Value = response
                .get_result(&WaiterConfig::default())
                .expect("a result");
            let id = notification.inference_id().expect("an id").to_owned();
            responses.push((id, reply["n"].as_i64().expect("a number")));
            delivery.delete().expect("a deletion");
        }
        responses.sort();
        let expected: Vec<_> = (0..3).map(|n| (format!("job-{n}"), n)).collect();
        assert_eq!(responses, expected, "raw: {raw}");
        assert_eq!(local.messages_in("done"), 0);
    }
}

#[test]
fn a_failure_without_a_failure_path_is_learned_from_the_queue() {
    let (local, session, queue) = endpoint(false);
    let predictor = AsyncPredictor::new(local.name(), &session);
    let _ = predictor
        .predict_async(&json!({ "bad": true }))
        .expect("a submit");
    let delivery = queue
        .deliveries()
        .next()
        .expect("no end")
        .expect("a message");
    let QueueEvent::Inference(notification) = delivery.event() else {
        panic!("{:?}", delivery.event());
    };
    assert_eq!(notification.status(), InvocationStatus::Failed);
    let response = predictor.response_from(notification).expect("a response");
    match response.get_result::<Value>(&WaiterConfig::default()) {
        Err(Error::Model(failure)) => assert!(failure.text().contains("cannot read it")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn failures_are_known_with_and_without_the_place_of_a_response() {
    let (local, session, queue) = endpoint(false);
    let predictor = AsyncPredictor::new(local.name(), &session);
    let place = "s3://my-bucket/out/b.out";
    for response in [Value::Null, json!({ "outputLocation": place })] {
        let mut message = json!({
            "invocationStatus": "Failed",
            "inferenceId": "a",
            "failureReason": "ClientError: no such model",
            "requestParameters": { "endpointName": local.name() },
        });
        if !response.is_null() {
            message["responseParameters"] = response.clone();
        }
        local.send_message("done", message.to_string());
        let delivery = queue
            .deliveries()
            .next()
            .expect("no end")
            .expect("a message");
        let QueueEvent::Inference(notification) = delivery.event() else {
            panic!("{:?}", delivery.event());
        };
        let failed = predictor.response_from(notification).expect("a failure");
        match failed.get_result::<Value>(&WaiterConfig::default()) {
            Err(Error::Model(failure)) => {
                assert_eq!(failure.text(), "ClientError: no such model");
                let named = failure.output_path().map(ToString::to_string);
                assert_eq!(named.as_deref(), response["outputLocation"].as_str());
            }
            other => panic!("{other:?}"),
        }
        delivery.delete().expect("a deletion");
    }
}

#[test]
fn included_responses_are_there_to_read_and_the_object_is_what_counts() {
    let included = |body: Value| {
        let message = json!({
            "invocationStatus": "Completed",
            "inferenceId": "a",
            "requestParameters": { "endpointName": "local-endpoint" },
            "responseParameters": { "outputLocation": "s3://my-bucket/out/a.out" },
            "responseBody": body,
        });
        Notification::parse(message.to_string()).expect("a notification")
    };
    let of = |body: Value| included(body).included_content();
    assert_eq!(
        of(json!({ "content": "WzEsMl0=", "encoding": "BASE64" })),
        Some(b"[1,2]".to_vec())
    );
    assert_eq!(of(json!({ "content": "[1,2]" })), Some(b"[1,2]".to_vec()));
    assert_eq!(
        of(json!({ "message": "CUDA error" })),
        Some(b"CUDA error".to_vec())
    );
    for unknown in [
        json!({}),
        json!({ "content": "?", "encoding": "BASE64" }),
        json!({ "content": "a", "encoding": "ROT13" }),
    ] {
        assert_eq!(of(unknown), None);
    }
    let notification = included(json!({ "content": "c2VjcmV0", "encoding": "BASE64" }));
    assert!(!format!("{notification:?}").contains("c2VjcmV0"));

    let topics = NotificationConfig::builder()
        .success_topic(SUCCESS)
        .include_inference_response_in([NotificationTopic::Success]);
    let local = LocalEndpoint::builder().notification_config(topics.build().expect("topics"));
    let local = local.start().expect("a local endpoint");
    let url = local.create_queue("done", &[]).expect("a queue");
    local
        .subscribe_queue(SUCCESS, &url, false)
        .expect("a subscription");
    let session = local.session().expect("a session");
    let predictor = AsyncPredictor::new(local.name(), &session);
    let sent = predictor.predict_async(&json!([1, 2])).expect("a submit");
    let queue = ResultQueue::new(&url, &session)
        .expect("a queue")
        .with_visibility(seconds(120));
    let delivery = queue
        .deliveries()
        .next()
        .expect("no end")
        .expect("a message");
    let QueueEvent::Inference(notification) = delivery.event() else {
        panic!("{:?}", delivery.event());
    };
    assert_eq!(notification.included_content(), Some(b"[1,2]".to_vec()));
    local.put_object(sent.output_path().bucket(), sent.output_path().key(), "[3]");
    let response = predictor.response_from(notification).expect("a response");
    let reply: Value = response
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(reply, json!([3]));
    delivery.delete().expect("a deletion");
}

#[test]
fn events_of_objects_lead_to_known_handles() {
    let (local, session, queue) = endpoint(false);
    local
        .send_object_events(local.bucket(), "async-output/", "done")
        .expect("a rule");
    let predictor = AsyncPredictor::new(local.name(), &session);
    let response = predictor
        .predict_async(&json!({ "n": 7 }))
        .expect("a submit");
    let (mut tests, mut found, mut others) = (0, 0, 0);
    for delivery in queue.deliveries().max_messages(3) {
        let delivery = delivery.expect("a message");
        match delivery.event() {
            QueueEvent::Test => tests += 1,
            QueueEvent::Object(events) => {
                found += events
                    .iter()
                    .filter(|e| e.is_at(response.output_path()))
                    .count();
            }
            _ => others += 1,
        }
        delivery.delete().expect("a deletion");
    }
    assert_eq!((tests, found, others), (1, 1, 1));
    assert_eq!(queue.stats().tests, 1);
}
