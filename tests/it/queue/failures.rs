//! Refusals of the service, permanent and transient.

use std::sync::{Arc, Mutex};

use sagemaker_async_inference::Error;
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::queue::ResultQueue;
use sagemaker_async_inference::sys::ManualClock;

use super::{bench, first, seconds};
use crate::support::client::{session_at, session_in};
use crate::support::raw::unused_address;
use crate::support::verifier::{Reply, Rules, Verifier};

const RECEIVE: Operation = Operation::ReceiveMessage;

fn refusal(queue: &ResultQueue) -> Box<sagemaker_async_inference::ServiceError> {
    match queue.deliveries().next() {
        Some(Err(Error::Service(fault))) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_queue_that_is_not_there_is_known_under_both_names() {
    let plain = Reply::new(
        400,
        r#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."}"#,
    );
    let both = plain.clone().header(
        "x-amzn-query-error",
        "AWS.SimpleQueueService.NonExistentQueue;Sender",
    );
    let old = Reply::new(
        400,
        r#"{"__type": "AWS.SimpleQueueService.NonExistentQueue", "Message": "gone"}"#,
    );
    let header_only = Reply::new(400, "{}").header(
        "x-amzn-query-error",
        "AWS.SimpleQueueService.NonExistentQueue;Sender",
    );
    for reply in [plain, both, old, header_only] {
        let server = Verifier::start(Rules::new(), move |_| reply.clone());
        let url = format!("{}/123456789012/done", server.url());
        let queue = ResultQueue::new(url, &session_at(&server.url())).unwrap();
        let fault = refusal(&queue.with_visibility(seconds(120)));
        assert_eq!(fault.code(), Some("QueueDoesNotExist"));
        assert!(format!("{fault:#}").contains("region"), "{fault}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn throttling_lost_connections_and_server_errors_pass() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    for fault in [
        Fault::on(RECEIVE).times(4).error(400, "RequestThrottled"),
        Fault::on(RECEIVE).times(4).error(400, "KmsThrottled"),
        Fault::on(RECEIVE)
            .times(4)
            .error(400, "KMS.ThrottlingException"),
        Fault::on(RECEIVE).times(2).status(500),
        Fault::on(RECEIVE).times(2).drop_connection(),
        Fault::on(RECEIVE).error(403, "OverLimit"),
        Fault::on(RECEIVE).error(400, "ExpiredTokenException"),
    ] {
        bench.local.fault(fault);
    }
    let delivery = first(&bench.queue().with_visibility(seconds(120)));
    assert_eq!(delivery.receive_count(), 1);
    delivery.delete().unwrap();
}

#[test]
fn errors_that_are_retried_are_reported_to_the_callback() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let overs = Fault::on(RECEIVE).times(2).error(403, "OverLimit");
    bench.local.fault(overs);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inside = Arc::clone(&seen);
    let queue = bench.queue().with_visibility(seconds(120));
    let deliveries = queue.deliveries().max_messages(1);
    let mut deliveries = deliveries.on_queue_error(move |error| match error {
        Error::Service(fault) => {
            let code = fault.code().map(str::to_owned);
            inside.lock().unwrap().push(code);
        }
        other => panic!("{other:?}"),
    });
    deliveries.next().unwrap().unwrap().delete().unwrap();
    assert!(deliveries.next().is_none());
    let code = Some("OverLimit".to_owned());
    assert_eq!(*seen.lock().unwrap(), [code.clone(), code]);
}

#[test]
fn an_outage_is_reported_after_five_minutes_and_can_be_waited_for_on() {
    let clock = ManualClock::new();
    let unused = unused_address();
    let url = format!("{unused}/123456789012/done");
    let session = session_in(&unused, clock.clone());
    let queue = ResultQueue::new(url, &session)
        .unwrap()
        .with_visibility(seconds(120));
    let mut deliveries = queue.deliveries();
    for outage in 1..=2 {
        assert!(matches!(deliveries.next(), Some(Err(Error::Transport(_)))));
        assert!(
            clock.slept() >= seconds(300 * outage),
            "{:?}",
            clock.slept()
        );
    }
}

#[test]
fn a_refusal_of_the_queues_key_says_what_to_do() {
    let bench = bench(&[]);
    for (code, helps) in [
        ("KmsAccessDenied", "kms:Decrypt"),
        ("KMS.AccessDeniedException", "kms:Decrypt"),
        ("KmsDisabled", "enable it"),
        ("KmsInvalidState", "cancel its deletion"),
        ("KMS.KMSInvalidStateException", "cancel its deletion"),
        ("KmsNotFound", "does not exist"),
        ("KmsInvalidKeyUsage", "symmetric"),
    ] {
        bench.local.fault(Fault::on(RECEIVE).error(400, code));
        let fault = refusal(&bench.queue().with_visibility(seconds(120)));
        assert!(format!("{fault:#}").contains(helps), "{fault:#}");
    }
    assert_eq!(bench.count(RECEIVE), 7);
}

#[test]
fn a_missing_permission_to_receive_names_the_action() {
    let bench = bench(&[]);
    bench
        .local
        .fault(Fault::on(RECEIVE).always().access_denied());
    let fault = refusal(&bench.queue().with_visibility(seconds(120)));
    assert!(
        format!("{fault:#}").contains("sqs:ReceiveMessage"),
        "{fault}"
    );
    assert_eq!(bench.count(RECEIVE), 1);
}

#[test]
fn without_permission_to_read_attributes_the_default_visibility_is_requested() {
    let bench = bench(&[("VisibilityTimeout", "3000")]);
    bench.send(&["a"]);
    bench
        .local
        .fault(Fault::on(Operation::GetQueueAttributes).access_denied());
    let delivery = first(&bench.queue());
    assert!(delivery.time_left() <= seconds(30));
    drop(delivery);

    // With it, the queue's own is taken.
    let delivery = first(&bench.queue());
    assert!(delivery.time_left() > seconds(2900));
}

#[test]
fn an_arn_is_enough_without_permission_to_request_the_url() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    bench
        .local
        .fault(Fault::on(Operation::GetQueueUrl).always().access_denied());
    let queue = ResultQueue::new("arn:aws:sqs:us-east-1:123456789012:done", &bench.session);
    first(&queue.unwrap()).delete().unwrap();

    let by_name = ResultQueue::new("done", &bench.session).unwrap();
    assert!(format!("{:#}", refusal(&by_name)).contains("sqs:GetQueueUrl"));
}

/// What SQS responds to callers of another account whom the queue's policy lets receive, but not ask for the URL.
#[test]
fn an_arn_is_enough_where_the_service_hides_the_queue() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let hidden = Fault::on(Operation::GetQueueUrl).always();
    bench.local.fault(hidden.error(400, "QueueDoesNotExist"));
    let queue = ResultQueue::new("arn:aws:sqs:us-east-1:123456789012:done", &bench.session);
    first(&queue.unwrap()).delete().unwrap();

    let by_name = ResultQueue::new("done", &bench.session).unwrap();
    assert_eq!(refusal(&by_name).code(), Some("QueueDoesNotExist"));
    let missing = ResultQueue::new("arn:aws:sqs:us-east-1:123456789012:other", &bench.session);
    assert_eq!(refusal(&missing.unwrap()).code(), Some("QueueDoesNotExist"));
}

#[test]
fn a_queue_of_another_region_does_not_exist_here() {
    let bench = bench(&[]);
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/done";
    let session = bench.local.session_builder().build().unwrap();
    let queue = ResultQueue::new(url, &session).unwrap();
    // The local endpoint takes signatures for its own region alone.
    let fault = refusal(&queue.with_visibility(seconds(60)));
    assert!(
        fault.status() == 403 || fault.code() == Some("QueueDoesNotExist"),
        "{fault}"
    );
}
