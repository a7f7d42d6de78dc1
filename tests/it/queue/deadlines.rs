//! How long a message is invisible to others, and what happens to it meanwhile.

use std::time::Duration;

use sagemaker_async_inference::local::{Fault, Operation};

use super::receiving::send_to_group;
use super::{bench, eventually, first, named, nap, seconds};

const EXTEND: Operation = Operation::ChangeMessageVisibility;

#[test]
fn a_handler_longer_than_the_visibility_keeps_its_message() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(60));
    let delivery = first(&queue);
    for _ in 0..30 {
        bench.clock.advance(seconds(10));
        eventually("an extension", || delivery.time_left() > seconds(30));
    }
    // Five minutes: one extension for each half minute or so, and none sooner.
    let extensions = bench.count(EXTEND);
    assert!((8..=11).contains(&extensions), "{extensions}");
    assert!(delivery.is_ours());
    delivery.delete().unwrap();
    drop(queue);
    eventually("the deletion", || bench.left() == 0);
}

#[test]
fn the_deadline_counts_from_before_the_receive() {
    let bench = bench(&[]);
    // The response takes its time, by the endpoint's clock too.
    let clock = bench.clock.clone();
    let queue = bench.queue().with_visibility(seconds(120));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            eventually("a long poll", || clock.slept() > seconds(5));
            bench.send(&["a"]);
        });
        let delivery = first(&queue);
        let waited = bench.clock.slept();
        assert!(
            delivery.time_left() <= seconds(120).saturating_sub(waited),
            "{waited:?}"
        );
    });
}

#[test]
fn extensions_of_several_messages_go_out_together() {
    let bench = bench(&[]);
    bench.send(&["a", "b", "c"]);
    let queue = bench.queue().with_visibility(seconds(60));
    let mut deliveries = queue.deliveries().at_once(10);
    let held: Vec<_> = (0..3)
        .map(|_| deliveries.next().unwrap().unwrap())
        .collect();
    bench.clock.advance(seconds(31));
    eventually("extensions", || {
        held.iter()
            .all(|delivery| delivery.time_left() > seconds(30))
    });
    assert_eq!(bench.count(Operation::ChangeMessageVisibilityBatch), 1);
    assert_eq!(bench.count(EXTEND), 0);
}

#[test]
fn extensions_stop_at_twelve_hours() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let hour = seconds(3600);
    let delivery = first(&bench.queue().with_visibility(hour * 4));
    for _ in 0..11 {
        bench.clock.advance(hour);
        eventually("an extension", || {
            delivery.time_left() > hour * 2 || bench.clock.slept() >= hour * 10
        });
    }
    assert!(delivery.is_ours());
    bench.clock.advance(hour);
    assert!(!delivery.is_ours());
    let refused: Vec<_> = bench.local.requests();
    assert!(refused.iter().all(|request| request.status == Some(200)));
}

#[test]
fn failing_extensions_are_sent_again_while_there_is_time() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let delivery = first(&bench.queue().with_visibility(seconds(120)));
    bench.local.fault(Fault::on(EXTEND).times(4).status(500));
    bench.clock.advance(seconds(61));
    eventually("an extension", || {
        bench.clock.advance(Duration::from_millis(500));
        delivery.time_left() > seconds(60)
    });
    assert!(delivery.is_ours());
}

#[test]
fn without_the_permission_a_message_is_ours_for_one_visibility_timeout() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(60));
    bench
        .local
        .fault(Fault::on(EXTEND).always().access_denied());
    let delivery = first(&queue);
    bench.clock.advance(seconds(31));
    eventually("an attempt", || queue.stats().extension_failures == 1);
    assert!(delivery.is_ours());
    bench.clock.advance(seconds(30));
    assert!(!delivery.is_ours());
    // Nobody else has it, so that it is still deleted.
    delivery.delete().unwrap();
    assert_eq!(queue.stats().lost, 1);
    eventually("the deletion", || bench.left() == 0);
    assert_eq!(
        bench.count(EXTEND),
        1,
        "it is not asked for again and again"
    );
}

#[test]
fn a_stale_handle_deletes_nothing_and_is_no_error() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    bench
        .local
        .fault(Fault::on(EXTEND).times(1).access_denied());
    let queue = bench.queue().with_visibility(seconds(60));
    let delivery = first(&queue);
    bench.clock.advance(seconds(61));
    let other = bench.queue().with_visibility(seconds(60));
    let second = first(&other);
    assert_eq!(second.receive_count(), 2);
    delivery.delete().unwrap();
    let stats = queue.stats();
    assert_eq!((stats.lost, stats.delete_failures), (1, 0));
    assert_eq!(bench.left(), 1, "the other one has it");
    second.delete().unwrap();
}

#[test]
fn an_expired_handle_of_a_fifo_queue_is_counted_as_lost() {
    let fifo = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];
    let bench = named("done.fifo", &fifo);
    send_to_group(&bench, "g", "a");
    bench
        .local
        .fault(Fault::on(EXTEND).always().access_denied());
    let queue = bench.queue().with_visibility(seconds(60));
    let delivery = first(&queue);
    bench.clock.advance(seconds(61));
    delivery.delete().unwrap();
    let stats = queue.stats();
    assert_eq!((stats.deleted, stats.delete_failures), (0, 0));
    assert!(stats.lost >= 1);
    assert_eq!(bench.left(), 1);
}

#[test]
fn a_hanging_extension_is_given_up_and_holds_back_no_other_message() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(16));
    let slow = first(&queue);
    bench.local.fault(Fault::on(EXTEND).hang());
    bench.clock.advance(seconds(9));
    eventually("the request that hangs", || bench.count(EXTEND) == 1);
    bench.send(&["b"]);
    let mut deliveries = queue.deliveries().max_messages(1);
    deliveries.next().unwrap().unwrap().delete().unwrap();
    assert!(deliveries.next().is_none());
    assert_eq!((bench.left(), queue.stats().extended), (1, 0));
    // A quarter of the visibility timeout later, there is time for another attempt.
    eventually("an extension", || queue.stats().extended == 1);
    assert!(slow.is_ours());
    slow.delete().unwrap();
    drop(deliveries);
    assert_eq!(bench.left(), 0);
}

#[test]
fn a_deletion_waits_for_the_extension_that_is_on_its_way() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(60));
    let delivery = first(&queue);
    bench
        .local
        .fault(Fault::on(EXTEND).delay(Duration::from_millis(300)));
    bench.clock.advance(seconds(31));
    nap(100);
    delivery.delete().unwrap();
    eventually("both", || bench.left() == 0);
    let order: Vec<_> = bench
        .local
        .requests()
        .iter()
        .map(|request| request.operation)
        .collect();
    let at = |operation| order.iter().position(|found| *found == operation).unwrap();
    assert!(at(EXTEND) < at(Operation::DeleteMessage), "{order:?}");
}

#[test]
fn a_release_waits_for_the_extension_that_is_on_its_way() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(60));
    let delivery = first(&queue);
    bench
        .local
        .fault(Fault::on(EXTEND).delay(Duration::from_millis(300)));
    bench.clock.advance(seconds(31));
    nap(100);
    delivery.release().unwrap();
    // Given back, and not hidden again by an extension that comes later.
    let started = bench.clock.slept();
    let again = first(&bench.queue());
    assert_eq!(again.receive_count(), 2);
    assert!(bench.clock.slept().saturating_sub(started) < seconds(20));
}

#[test]
fn a_delivery_can_be_extended_by_hand() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let delivery = first(&bench.queue().with_visibility(seconds(60)));
    delivery.extend(seconds(3600)).unwrap();
    assert!(delivery.time_left() > seconds(3590));
    bench.clock.advance(seconds(1700));
    assert!(delivery.is_ours());
    assert!(delivery.extend(seconds(50_000)).is_err());
    // More than is left of the twelve hours is cut down.
    delivery.extend(seconds(43_200)).unwrap();
    assert!(delivery.time_left() <= seconds(43_200 - 1700));
}

#[test]
fn parts_of_seconds_are_rounded_up() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let delivery = first(&bench.queue().with_visibility(seconds(60)));
    // As 0 s it would be visible to others at once.
    delivery.extend(Duration::from_millis(500)).unwrap();
    assert_eq!(delivery.time_left(), seconds(1));
    delivery.extend(Duration::from_millis(7200)).unwrap();
    assert_eq!(delivery.time_left(), seconds(8));
    let started = bench.clock.slept();
    delivery.release_after(Duration::from_millis(9500)).unwrap();
    let again = first(&bench.queue().with_visibility(seconds(60)));
    assert_eq!(again.receive_count(), 2);
    let hidden = bench.clock.slept().saturating_sub(started);
    assert!(hidden >= seconds(10), "{hidden:?}");
}
