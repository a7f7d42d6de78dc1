//! Deletions and releases: how they are sent, and that none is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sagemaker_async_inference::Error;
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::queue::Delivery;

use super::{bench, eventually, first, seconds};

const DELETE: Operation = Operation::DeleteMessageBatch;

#[test]
fn deletes_ten_at_a_time_and_the_rest_at_the_end() {
    let bench = bench(&[]);
    let ids: Vec<_> = (0..25).map(|number| number.to_string()).collect();
    bench.send(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let queue = bench.queue().with_visibility(seconds(120));
    for delivery in queue.deliveries().at_once(10).max_messages(25) {
        delivery.unwrap().delete().unwrap();
    }
    assert_eq!(bench.left(), 0);
    assert_eq!(queue.stats().deleted, 25);
    let (receives, deletes) = (bench.count(Operation::ReceiveMessage), bench.count(DELETE));
    assert_eq!(receives, 3);
    assert!((3..=4).contains(&deletes), "{deletes}");
}

#[test]
fn a_single_deletion_that_fails_is_sent_again() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    bench
        .local
        .fault(Fault::on(Operation::DeleteMessage).times(4).status(500));
    let queue = bench.queue().with_visibility(seconds(120));
    first(&queue).delete().unwrap();
    assert_eq!((bench.left(), queue.stats().deleted), (0, 1));
    assert_eq!(bench.count(DELETE), 0);
}

#[test]
fn entries_that_fail_are_deleted_again_and_others_are_not_held_back() {
    let bench = bench(&[]);
    bench.send(&["a", "b"]);
    let busy = r#"{"Successful": [{"Id": "1"}], "Failed": [{"Id": "0", "SenderFault": false, "Code": "InternalError"}]}"#;
    bench.local.fault(Fault::on(DELETE).respond(
        200,
        [("content-type", "application/x-amz-json-1.0")],
        busy,
    ));
    let queue = bench.queue().with_visibility(seconds(120));
    for delivery in queue.deliveries().at_once(10).max_messages(2) {
        delivery.unwrap().delete().unwrap();
    }
    let stats = queue.stats();
    assert_eq!((stats.deleted, stats.delete_failures), (2, 0));
    // The scripted response reports a deletion that did not happen: the other message is really deleted.
    assert_eq!(bench.left(), 1);
}

#[test]
fn a_batch_whose_response_has_no_lists_is_sent_again() {
    let bench = bench(&[]);
    bench.send(&["a", "b"]);
    bench.local.fault(Fault::on(DELETE).respond(
        200,
        [("content-type", "application/x-amz-json-1.0")],
        "{}",
    ));
    let queue = bench.queue().with_visibility(seconds(120));
    for delivery in queue.deliveries().at_once(10).max_messages(2) {
        delivery.unwrap().delete().unwrap();
    }
    assert_eq!(bench.left(), 0);
    assert_eq!(bench.count(DELETE), 2);
}

#[test]
fn a_refused_entry_is_an_error_and_the_message_stays() {
    let bench = bench(&[]);
    bench.send(&["a", "b"]);
    let refused = r#"{"Successful": [{"Id": "1"}], "Failed": [{"Id": "0", "SenderFault": true, "Code": "AccessDenied", "Message": "no"}]}"#;
    bench.local.fault(Fault::on(DELETE).respond(
        200,
        [("content-type", "application/x-amz-json-1.0")],
        refused,
    ));
    let queue = bench.queue().with_visibility(seconds(120));
    let mut deliveries = queue.deliveries().at_once(10).max_messages(2);
    let both: Vec<_> = (0..2)
        .map(|_| deliveries.next().unwrap().unwrap())
        .collect();
    for delivery in both {
        delivery.delete().unwrap();
    }
    match deliveries.next() {
        Some(Err(Error::Service(fault))) => {
            assert_eq!(fault.code(), Some("AccessDenied"));
            assert!(
                format!("{fault:#}").contains("sqs:DeleteMessage"),
                "{fault}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(deliveries.next().is_none());
    assert_eq!(queue.stats().delete_failures, 1);
}

#[test]
fn missing_permission_to_delete_is_reported() {
    let bench = bench(&[]);
    bench.send(&["a", "b"]);
    for operation in [DELETE, Operation::DeleteMessage] {
        bench
            .local
            .fault(Fault::on(operation).always().access_denied());
    }
    let queue = bench.queue().with_visibility(seconds(120));
    let outcomes: Vec<_> = queue
        .deliveries()
        .max_messages(2)
        .map(|delivery| delivery.and_then(Delivery::delete))
        .collect();
    let refused = |outcome: &Result<(), Error>| matches!(outcome, Err(Error::Service(fault)) if fault.code() == Some("AccessDeniedException"));
    assert!(outcomes.iter().any(refused), "{outcomes:?}");
}

#[test]
fn a_panic_gives_the_message_back_and_sends_the_deletions() {
    let bench = bench(&[]);
    bench.send(&["a", "b", "c"]);
    let queue = bench.queue().with_visibility(seconds(120));
    let consumed = catch_unwind(AssertUnwindSafe(|| {
        for (number, delivery) in queue.deliveries().enumerate() {
            let delivery = delivery.unwrap();
            assert!(number < 1, "a bug in the handler");
            delivery.delete().unwrap();
        }
    }));
    assert!(consumed.is_err());
    let stats = queue.stats();
    assert_eq!((stats.deleted, stats.released), (1, 1));
    assert_eq!(bench.left(), 2);
}

#[test]
fn deliveries_outlive_their_iterator() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(60));
    let delivery = first(&queue);
    bench.clock.advance(seconds(40));
    eventually("an extension", || delivery.time_left() > seconds(30));
    delivery.delete().unwrap();
    // When the last delivery is dropped, pending deletions are sent.
    assert_eq!(bench.left(), 0);
}

#[test]
fn a_release_after_a_time_hides_the_message_for_that_time() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(60));
    first(&queue).release_after(seconds(300)).unwrap();
    let started = bench.clock.slept();
    let again = first(&queue);
    assert_eq!(again.receive_count(), 2);
    let waited = bench.clock.slept().saturating_sub(started);
    assert!((seconds(295)..seconds(330)).contains(&waited), "{waited:?}");
}
