//! From a submit to the deletion of its message.

use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
use sagemaker_async_inference::queue::{InvocationStatus, QueueEvent, ResultQueue};
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
        .no_failure_path()
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
    (local, session, queue.visibility(seconds(120)))
}

#[test]
fn hands_out_results_in_envelopes_and_raw() {
    for raw in [false, true] {
        let (local, session, queue) = endpoint(raw);
        let predictor = AsyncPredictor::new(local.name(), &session);
        for number in 0..3 {
            let request = predictor.request(&json!({ "n": number })).into_owned();
            let id = format!("job-{number}");
            request.inference_id(id).submit().expect("a submit");
        }
        let mut answers = Vec::new();
        for delivery in queue.deliveries().max_messages(3) {
            let delivery = delivery.expect("a message");
            let QueueEvent::Inference(notification) = delivery.event() else {
                panic!("{:?}", delivery.event());
            };
            assert_eq!(notification.envelope().is_some(), !raw);
            let response = predictor.response_from(notification).expect("a response");
            let answer: Value = response
                .get_result(&WaiterConfig::default())
                .expect("a result");
            let id = notification.inference_id().expect("an id").to_owned();
            answers.push((id, answer["n"].as_i64().expect("a number")));
            delivery.delete().expect("a deletion");
        }
        answers.sort();
        let expected: Vec<_> = (0..3).map(|n| (format!("job-{n}"), n)).collect();
        assert_eq!(answers, expected, "raw: {raw}");
        assert_eq!(local.messages_in("done"), 0);
    }
}

#[test]
fn a_failure_without_a_failure_path_is_learned_from_the_queue() {
    let (local, session, queue) = endpoint(false);
    let predictor = AsyncPredictor::new(local.name(), &session);
    predictor
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
