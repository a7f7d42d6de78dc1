//! Several workers on one queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::queue::{Delivery, QueueEvent, ResultQueue};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{CancelToken, Error};
use serde_json::{Value, json};

use super::receiving::send_to_group;
use super::{bench, eventually, named, nap, seconds};
use crate::support::client::session_at;
use crate::support::verifier::{Reply, Rules, Verifier};

#[test]
fn handles_every_message_once_on_several_threads() {
    let bench = bench(&[]);
    let ids: Vec<_> = (0..60).map(|number| format!("job-{number:02}")).collect();
    bench.send(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let queue = bench.queue().with_visibility(seconds(120));
    let handled = Mutex::new(Vec::new());
    let stats = queue
        .deliveries()
        .max_messages(60)
        .run(4, |delivery| {
            if let QueueEvent::Inference(notification) = delivery.event() {
                handled
                    .lock()
                    .unwrap()
                    .push(notification.inference_id().unwrap().to_owned());
            }
            delivery.delete()
        })
        .unwrap();
    let mut handled = handled.into_inner().unwrap();
    handled.sort();
    assert_eq!(handled, ids);
    assert_eq!((stats.received, stats.deleted), (60, 60));
    assert_eq!(bench.left(), 0);
}

#[test]
fn never_receives_more_than_there_are_free_workers() {
    let asked: &'static Mutex<Vec<u64>> = Box::leak(Box::default());
    let server = Verifier::start(Rules::new(), |seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let Some(max) = body["MaxNumberOfMessages"].as_u64() else {
            return Reply::new(
                200,
                r#"{"Successful": [{"Id": "0"}, {"Id": "1"}, {"Id": "2"}]}"#,
            );
        };
        let mut asked = asked.lock().unwrap();
        let before: u64 = asked.iter().sum();
        asked.push(max);
        let messages: Vec<_> = (before..before + max)
            .map(|n| json!({ "MessageId": n.to_string(), "ReceiptHandle": n.to_string(), "Body": "{}" }))
            .collect();
        Reply::new(200, json!({ "Messages": messages }).to_string())
    });
    let url = format!("{}/123456789012/done", server.url());
    let queue = ResultQueue::new(url, &session_at(&server.url())).unwrap();
    let (working, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    queue
        .with_visibility(seconds(120))
        .deliveries()
        .max_messages(12)
        .run(3, |delivery| {
            let now = working.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            nap(5);
            working.fetch_sub(1, Ordering::SeqCst);
            delivery.delete()
        })
        .unwrap();
    assert!(asked.lock().unwrap().iter().all(|max| *max <= 3));
    assert!(most.load(Ordering::SeqCst) <= 3);
}

#[test]
fn a_slow_message_holds_back_no_other() {
    let bench = bench(&[]);
    bench.send(&["slow", "b", "c", "d"]);
    let queue = bench.queue().with_visibility(seconds(120));
    let done = AtomicUsize::new(0);
    queue
        .deliveries()
        .max_messages(4)
        .run(2, |delivery| {
            if delivery.body().contains("slow") {
                eventually("the others", || done.load(Ordering::SeqCst) == 3);
            } else {
                done.fetch_add(1, Ordering::SeqCst);
            }
            delivery.delete()
        })
        .unwrap();
    assert_eq!(bench.left(), 0);
}

#[test]
fn a_handler_that_fails_gives_its_message_back() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue().with_visibility(seconds(120));
    let stats = queue
        .deliveries()
        .max_messages(2)
        .run(1, |delivery| match delivery.receive_count() {
            1 => Err("no space left".to_owned()),
            _ => delivery.delete().map_err(|error| error.to_string()),
        })
        .unwrap();
    assert_eq!(
        (stats.received, stats.deleted, stats.handler_errors),
        (2, 1, 1)
    );
}

#[test]
fn a_panic_of_one_worker_lets_the_others_finish_and_goes_on() {
    let bench = bench(&[]);
    bench.send(&["a", "boom", "b"]);
    let queue = bench.queue().with_visibility(seconds(120));
    let ran = catch_unwind(AssertUnwindSafe(|| {
        queue.run(2, |delivery| {
            assert!(!delivery.body().contains("boom"), "a bug in the handler");
            delivery.delete()
        })
    }));
    let panic = ran.expect_err("the panic goes on");
    let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
    assert_eq!(text, "a bug in the handler");
    let stats = queue.stats();
    assert_eq!(stats.handler_errors, 1);
    assert_eq!(stats.deleted + stats.released, stats.received);
    assert_eq!(bench.left() as u64, 3 - stats.deleted);
}

#[test]
fn a_cancel_ends_it_and_flushes_what_is_done() {
    let bench = bench(&[]);
    bench.send(&["a", "b", "c"]);
    let queue = bench.queue().with_visibility(seconds(120));
    let token = CancelToken::new();
    let stats = queue
        .deliveries()
        .cancel(token.clone())
        .run(1, |delivery| {
            token.cancel();
            delivery.delete()
        })
        .unwrap();
    assert_eq!(stats.deleted, 1);
    assert_eq!(bench.left(), 2);
    assert_eq!(bench.count(Operation::DeleteMessage), 1);
}

#[test]
fn messages_that_always_fail_go_to_the_dead_letter_queue_and_the_rest_is_handled() {
    let bench = bench(&[]);
    let dead = bench.local.create_queue("dead", &[]).unwrap();
    let redrive = r#"{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": "3"}"#;
    let url = bench
        .local
        .create_queue("work", &[("RedrivePolicy", redrive)])
        .unwrap();
    for body in [
        "<xml/>",
        &super::notification("a"),
        "{\"not\": \"ours\"}",
        &super::notification("b"),
    ] {
        bench.local.send_message(&url, body);
    }
    let queue = ResultQueue::new(&url, &bench.session)
        .unwrap()
        .with_visibility(seconds(60));
    let stats = queue
        .deliveries()
        .until_idle(seconds(60))
        .run(2, |delivery| match delivery.event() {
            QueueEvent::Unknown(_) => delivery.release(),
            _ => delivery.delete(),
        })
        .unwrap();
    assert_eq!(bench.local.messages_in(&url), 0);
    assert_eq!(bench.local.messages_in(&dead), 2);
    assert_eq!((stats.deleted, stats.unknown), (2, 6));
}

#[test]
fn a_queue_that_is_not_there_ends_it() {
    let bench = bench(&[]);
    let url = bench.url.replace("/done", "/other");
    let queue = ResultQueue::new(url, &bench.session).unwrap();
    match queue.run(2, Delivery::delete) {
        Err(Error::Service(fault)) => assert_eq!(fault.code(), Some("QueueDoesNotExist")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn receives_of_ten_cost_a_fifth_of_a_request_a_message() {
    let bench = bench(&[]);
    let ids: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    bench.send(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let queue = bench.queue().with_visibility(seconds(120));
    let stats = queue
        .deliveries()
        .at_once(10)
        .max_messages(100)
        .run(2, Delivery::delete);
    assert_eq!(stats.unwrap().deleted, 100);
    assert_eq!(bench.count(Operation::ReceiveMessage), 10);
    let deletions =
        bench.count(Operation::DeleteMessageBatch) + bench.count(Operation::DeleteMessage);
    assert!((10..=12).contains(&deletions), "{deletions}");
}

#[test]
fn messages_that_wait_for_a_worker_are_released_on_cancel() {
    let bench = bench(&[]);
    bench.send(&["a", "b", "c", "d", "e"]);
    let queue = bench.queue().with_visibility(seconds(120));
    let token = CancelToken::new();
    let stats = queue
        .deliveries()
        .at_once(10)
        .cancel(token.clone())
        .run(1, |delivery| {
            token.cancel();
            nap(100);
            delivery.delete()
        })
        .unwrap();
    assert_eq!((stats.received, stats.deleted, stats.released), (5, 1, 4));
    assert_eq!(bench.left(), 4);
}

#[test]
fn messages_of_a_group_are_handled_in_order_and_one_at_a_time() {
    let fifo = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];
    let bench = named("done.fifo", &fifo);
    for number in 0..8 {
        for group in ["g", "h"] {
            send_to_group(&bench, group, &format!("{group}{number}"));
        }
    }
    let queue = bench.queue().with_visibility(seconds(120));
    let (handled, busy) = (
        Mutex::new(Vec::new()),
        [AtomicUsize::new(0), AtomicUsize::new(0)],
    );
    let outcome = queue
        .deliveries()
        .at_once(10)
        .max_messages(16)
        .run(4, |delivery| {
            let group = usize::from(delivery.group() == Some("h"));
            assert_eq!(busy[group].fetch_add(1, Ordering::SeqCst), 0, "two at once");
            nap(3);
            if let QueueEvent::Inference(notification) = delivery.event() {
                let id = notification.inference_id().unwrap().to_owned();
                handled.lock().unwrap().push(id);
            }
            busy[group].fetch_sub(1, Ordering::SeqCst);
            delivery.delete()
        });
    assert_eq!(outcome.unwrap().deleted, 16);
    let handled = handled.into_inner().unwrap();
    for group in ["g", "h"] {
        let of_group: Vec<_> = handled.iter().filter(|id| id.starts_with(group)).collect();
        assert!(of_group.is_sorted() && of_group.len() == 8, "{handled:?}");
    }
}

/// The service does not notice that nobody waits any more: the message would be hidden for its visibility timeout.
#[test]
fn a_message_that_comes_after_a_cancel_in_the_same_long_poll_is_released() {
    const MESSAGE: &str =
        r#"{"Messages": [{"MessageId": "m", "ReceiptHandle": "receipt", "Body": "{}"}]}"#;
    let token = CancelToken::new();
    let cancelled = token.clone();
    let server = Verifier::start(Rules::new(), move |seen| {
        if seen.header("x-amz-target") != Some("AmazonSQS.ReceiveMessage") {
            return Reply::new(200, "{}");
        }
        cancelled.cancel();
        // Longer than any other cancelled request is waited for.
        SystemClock.sleep(Duration::from_millis(2500));
        Reply::new(200, MESSAGE)
    });
    let url = format!("{}/123456789012/done", server.url());
    let queue = ResultQueue::new(url, &session_at(&server.url())).unwrap();
    let queue = queue.with_visibility(seconds(120));
    let stats = queue.deliveries().cancel(token).run(1, Delivery::delete);
    assert_eq!(stats.unwrap().released, 1);
    let last = &server.seen()[1];
    let body: Value = serde_json::from_slice(&last.body).unwrap();
    assert_eq!(body["ReceiptHandle"], "receipt");
    assert_eq!(body["VisibilityTimeout"], 0);
}

#[test]
fn a_cancel_ends_the_requests_before_the_first_receive() {
    let bench = bench(&[]);
    for operation in [Operation::GetQueueUrl, Operation::GetQueueAttributes] {
        bench.local.fault(Fault::on(operation).always().hang());
        let queue = ResultQueue::new("done", &bench.session).unwrap();
        let token = CancelToken::new();
        let mut deliveries = queue.deliveries().cancel(token.clone());
        let started = SystemClock.monotonic();
        let ended = thread::scope(|scope| {
            scope.spawn(|| {
                eventually("a request", || bench.count(operation) > 0);
                token.cancel();
            });
            deliveries.next()
        });
        assert!(ended.is_none(), "{operation:?}: {ended:?}");
        // The read timeout is a minute.
        assert!(SystemClock.monotonic() < started + seconds(45));
        bench.local.clear_faults();
    }
}
