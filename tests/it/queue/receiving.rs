//! What is received, how often, and when the iterator ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::queue::{Delivery, QueueEvent, ResultQueue};
use sagemaker_async_inference::session::Timeouts;
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::{CancelToken, Error};
use serde_json::Value;

use super::{bench, first, named, seconds};
use crate::support::client::{builder, invalid, session_in, sys};
use crate::support::verifier::{Reply, Rules, Verifier};

#[test]
fn an_idle_consumer_sends_a_long_poll_every_twenty_seconds() {
    let bench = bench(&[("VisibilityTimeout", "120")]);
    let queue = bench.queue();
    let mut deliveries = queue.deliveries().until_idle(seconds(400));
    assert!(deliveries.next().is_none());
    assert!(deliveries.next().is_none(), "an iterator that has ended");
    let receives = bench.count(Operation::ReceiveMessage);
    assert!((19..=21).contains(&receives), "{receives}");
}

#[test]
fn a_consumer_may_be_idle_for_ever() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue();
    let deliveries = queue.deliveries().until_idle(Duration::MAX);
    assert_eq!(deliveries.max_messages(1).count(), 1);
}

#[test]
fn time_in_which_messages_are_handled_is_not_idle() {
    // Longer than all the work, because the clock may advance before a deletion is sent.
    let bench = bench(&[("VisibilityTimeout", "3600")]);
    bench.send(&["a", "b", "c"]);
    let queue = bench.queue();
    let mut handled = 0;
    for delivery in queue.deliveries().until_idle(seconds(60)) {
        bench.clock.advance(seconds(70));
        delivery.unwrap().delete().unwrap();
        handled += 1;
    }
    assert_eq!((handled, bench.left()), (3, 0));

    bench.send(&["a", "b", "c"]);
    let stats = queue.deliveries().until_idle(seconds(60));
    let stats = stats.run(1, |delivery| {
        bench.clock.advance(seconds(70));
        delivery.delete()
    });
    assert_eq!((stats.unwrap().deleted, bench.left()), (6, 0));
}

#[test]
fn no_time_to_wait_is_one_receive_at_least() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue();
    let mut deliveries = queue.deliveries().until_idle(seconds(0));
    deliveries.next().unwrap().unwrap().delete().unwrap();
    assert!(deliveries.next().is_none());
    assert_eq!(bench.count(Operation::ReceiveMessage), 2);
}

#[test]
fn a_queue_that_cannot_be_read_is_not_idle() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let refused = Fault::on(Operation::ReceiveMessage);
    bench
        .local
        .fault(refused.always().error(500, "InternalError"));
    let queue = bench.queue();
    let mut deliveries = queue.deliveries().until_idle(seconds(60));
    for _ in 0..2 {
        match deliveries.next() {
            Some(Err(Error::Service(fault))) => assert_eq!(fault.status(), 500),
            other => panic!("{other:?}"),
        }
    }
    bench.local.clear_faults();
    deliveries.next().unwrap().unwrap().delete().unwrap();
    assert!(deliveries.next().is_none());
}

#[test]
fn a_server_that_does_not_wait_is_not_queried_in_a_tight_loop() {
    let clock = ManualClock::new();
    let rules = Rules {
        clock: Some(clock.clone()),
        ..Rules::new()
    };
    let server = Verifier::start(rules, |_| Reply::new(200, "{}"));
    let session = session_in(&server.url(), clock);
    let url = format!("{}/123456789012/done", server.url());
    let queue = ResultQueue::new(url, &session)
        .unwrap()
        .with_visibility(seconds(120));
    assert!(queue.deliveries().until_idle(seconds(100)).next().is_none());
    let receives = server.seen().len();
    assert!((20..=30).contains(&receives), "{receives}");
}

#[test]
fn a_server_that_outlasts_the_wait_is_left_at_the_read_timeout() {
    let bench = bench(&[]);
    bench
        .local
        .fault(Fault::on(Operation::ReceiveMessage).hang());
    bench.send(&["a"]);
    let timeouts = Timeouts::default().with_read(seconds(3));
    let session = bench.local.session_builder();
    let session = session
        .sys(sys().with_clock(bench.clock.clone()))
        .timeouts(timeouts);
    let queue = ResultQueue::new(&bench.url, &session.build().unwrap()).unwrap();
    let delivery = queue.deliveries().next().unwrap().unwrap();
    assert_eq!(delivery.receive_count(), 1);
}

#[test]
fn the_long_poll_stays_within_the_read_timeout() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "{}"));
    let session = builder().endpoint_url(server.url());
    let session = session.timeouts(Timeouts::default().with_read(seconds(7)));
    let url = format!("{}/123456789012/done", server.url());
    let queue = ResultQueue::new(url, &session.build().unwrap()).unwrap();
    let token = CancelToken::new();
    token.cancel();
    // Cancelled before it begins, it sends nothing at all.
    let queue = queue.with_visibility(seconds(120));
    assert!(queue.deliveries().cancel(token.clone()).next().is_none());
    assert!(server.seen().is_empty());
    assert!(queue.deliveries().until_idle(seconds(1)).next().is_none());
    let body: Value = serde_json::from_slice(&server.seen()[0].body).unwrap();
    assert!(body["WaitTimeSeconds"].as_u64().unwrap() <= 5, "{body}");
}

#[test]
fn receives_one_message_at_a_time_by_default() {
    let bench = bench(&[]);
    bench.send(&["a", "b", "c"]);
    let queue = bench.queue();
    let mut deliveries = queue.deliveries();
    let _first = deliveries.next().unwrap().unwrap();
    assert_eq!(queue.stats().received, 1);

    let queue = bench.queue();
    let mut deliveries = queue.deliveries().at_once(10);
    let _second = deliveries.next().unwrap().unwrap();
    assert_eq!(queue.stats().received, 2);
}

#[test]
fn ten_messages_of_the_largest_size_are_one_response() {
    const LARGEST: usize = 1 << 20;
    let bench = bench(&[]);
    for _ in 0..10 {
        // Each is two characters in the response's JSON.
        bench.local.send_message(&bench.url, "\"".repeat(LARGEST));
    }
    let queue = bench.queue();
    let bodies: Vec<_> = queue
        .deliveries()
        .at_once(10)
        .max_messages(10)
        .map(|delivery| delivery.unwrap().body().len())
        .collect();
    assert_eq!(bodies, [LARGEST; 10]);
    assert_eq!(bench.count(Operation::ReceiveMessage), 1);
}

#[test]
fn an_unfinished_message_returns_after_growing_pauses() {
    let bench = bench(&[]);
    bench.send(&["a"]);
    let queue = bench.queue();
    let mut deliveries = queue.deliveries();
    let mut id = None;
    for count in 1..=4 {
        let delivery = deliveries.next().unwrap().unwrap();
        assert_eq!(delivery.receive_count(), count);
        assert_eq!(
            delivery.message_id(),
            id.get_or_insert(delivery.message_id().to_owned())
        );
        assert!(delivery.sent_at().is_some());
        drop(delivery);
    }
    assert_eq!(bench.left(), 1);
}

#[test]
fn stops_at_the_maximum_or_cancellation_and_releases_the_rest() {
    let bench = bench(&[]);
    bench.send(&["a", "b", "c", "d", "e"]);
    let queue = bench.queue();
    let token = CancelToken::new();
    let mut deliveries = queue.deliveries().at_once(10).cancel(token.clone());
    deliveries.next().unwrap().unwrap().delete().unwrap();
    token.cancel();
    assert!(deliveries.next().is_none());
    let stats = queue.stats();
    assert_eq!((stats.received, stats.deleted, stats.released), (5, 1, 4));
    // Visible at once: no other consumer waits for a visibility timeout.
    let again: Vec<_> = queue.deliveries().max_messages(4).collect();
    assert_eq!(again.len(), 4);
    assert!(bench.clock.slept() < seconds(30));
}

#[test]
fn a_response_lost_after_the_receive_costs_the_visibility_timeout() {
    let bench = bench(&[("VisibilityTimeout", "40")]);
    bench.send(&["a"]);
    bench
        .local
        .fault(Fault::on(Operation::ReceiveMessage).drop_after_handling());
    let delivery = first(&bench.queue());
    assert_eq!(delivery.receive_count(), 2);
    assert!(
        bench.clock.slept() >= seconds(39),
        "{:?}",
        bench.clock.slept()
    );
}

#[test]
fn a_response_lost_from_a_fifo_queue_is_requested_again_with_its_id() {
    let fifo = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];
    let bench = named("done.fifo", &fifo);
    send_to_group(&bench, "g", "a");
    bench
        .local
        .fault(Fault::on(Operation::ReceiveMessage).drop_after_handling());
    let delivery = first(&bench.queue());
    assert_eq!((delivery.receive_count(), delivery.group()), (1, Some("g")));
    assert!(
        bench.clock.slept() < seconds(20),
        "{:?}",
        bench.clock.slept()
    );
}

pub(super) fn send_to_group(bench: &super::Bench, group: &str, id: &str) {
    let message = [
        ("MessageGroupId", group),
        ("MessageBody", &super::notification(id)),
    ];
    let sent = bench.local.send_message_with(&bench.url, &message);
    sent.expect("a message");
}

#[test]
fn requests_go_to_the_region_of_the_queue_with_the_headers_that_sqs_requires() {
    let rules = Rules {
        regions: vec!["eu-west-1".to_owned()],
        ..Rules::new()
    };
    let server = Verifier::start(rules, |seen| {
        let target = seen.header("x-amz-target").unwrap_or_default();
        match target {
            "AmazonSQS.GetQueueUrl" => Reply::new(
                200,
                r#"{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/999/done"}"#,
            ),
            _ => Reply::new(200, r#"{"Attributes": {"VisibilityTimeout": "100"}}"#),
        }
    });
    // The session is of us-east-1.
    let session = builder().endpoint_url(server.url()).build().unwrap();
    let queue = ResultQueue::new("arn:aws:sqs:eu-west-1:999:done", &session).unwrap();
    assert_eq!((queue.region(), queue.name()), ("eu-west-1", "done"));
    let token = CancelToken::new();
    let cancel = token.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            super::eventually("a receive", || server.seen().len() >= 3);
            cancel.cancel();
        });
        assert!(queue.deliveries().cancel(token.clone()).next().is_none());
    });
    for seen in server.seen() {
        assert_eq!(
            seen.verified,
            Ok(()),
            "{}",
            String::from_utf8_lossy(&seen.body)
        );
        assert_eq!(seen.header("x-amzn-query-mode"), Some("true"));
        assert_eq!(
            seen.header("content-type"),
            Some("application/x-amz-json-1.0")
        );
    }
    let bodies: Vec<Value> = server
        .seen()
        .iter()
        .map(|s| serde_json::from_slice(&s.body).unwrap())
        .collect();
    assert_eq!(bodies[0]["QueueOwnerAWSAccountId"], "999");
    assert_eq!(
        bodies[2]["QueueUrl"],
        "https://sqs.eu-west-1.amazonaws.com/999/done"
    );
    assert_eq!(bodies[2]["VisibilityTimeout"], 100);
    assert_eq!(bodies[2]["WaitTimeSeconds"], 20);
}

#[test]
fn what_is_no_queue_is_refused_before_anything_is_sent() {
    let session = builder().build().unwrap();
    let long = "a".repeat(81);
    for queue in [
        "",
        "a b",
        &long,
        ".fifo",
        "arn:aws:sns:eu-west-1:123456789012:done",
        "arn:aws:sqs:eu-west-1:done",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/",
        "https://user:secret@sqs.eu-west-1.amazonaws.com/123456789012/done",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/done?Action=x",
        "ftp://sqs.eu-west-1.amazonaws.com/123456789012/done",
        "http://localhost:4566/000000000000/done",
        // Requests to these would go to the region's public endpoint.
        "http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/done",
        "http://eu-west-1.queue.localhost.localstack.cloud:4566/000000000000/done",
        "https://vpce-0a1b-c2d3.sqs.us-west-2.vpce.amazonaws.com/123456789012/done",
        "https://sqs.cn-north-1.amazonaws.com/123456789012/done",
        "https://sqs.eu-west-1.amazonaws.com.example.com/123456789012/done",
    ] {
        let error = invalid(ResultQueue::new(queue, &session).unwrap_err());
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!error.limit().is_empty());
    }
    for host in [
        "sqs.eu-west-1.amazonaws.com",
        "SQS.EU-WEST-1.AMAZONAWS.COM",
        "sqs-fips.eu-west-1.api.aws",
        "eu-west-1.queue.amazonaws.com",
    ] {
        let queue = ResultQueue::new(format!("https://{host}/123456789012/done"), &session);
        assert_eq!(queue.unwrap().region(), "eu-west-1");
    }
    let queue = ResultQueue::new("done", &session).unwrap();
    for visibility in [seconds(4), seconds(43_201)] {
        let queue = ResultQueue::new(
            "https://sqs.eu-west-1.amazonaws.com/123456789012/done",
            &session,
        );
        let queue = queue.unwrap().with_visibility(visibility);
        too_short_or_long(&queue);
    }
    let refused = queue.run(0, Delivery::delete).unwrap_err();
    assert!(invalid(refused).to_string().contains("1 to 256"));
}

fn too_short_or_long(queue: &ResultQueue) {
    match queue.deliveries().next() {
        Some(Err(Error::InvalidInput(error))) => {
            assert!(error.to_string().contains("5 s to 12 h"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_visibility_timeout_is_checked_before_the_queue_is_looked_up() {
    let bench = bench(&[]);
    for visibility in [seconds(4), seconds(43_201)] {
        let queue = ResultQueue::new("no-such-queue", &bench.session).unwrap();
        too_short_or_long(&queue.with_visibility(visibility));
    }
    assert!(bench.local.requests().is_empty());
    // The queue's own is known only from the service.
    let url = bench
        .local
        .create_queue("short", &[("VisibilityTimeout", "2")]);
    too_short_or_long(&ResultQueue::new(url.unwrap(), &bench.session).unwrap());
}

#[test]
fn the_same_result_twice_is_two_messages_of_one_inference() {
    let bench = bench(&[]);
    bench.send(&["a", "a"]);
    let ids = Arc::new(Mutex::new(Vec::new()));
    for delivery in bench.queue().deliveries().max_messages(2) {
        let delivery = delivery.unwrap();
        let QueueEvent::Inference(notification) = delivery.event() else {
            panic!()
        };
        let id = notification.inference_id().unwrap().to_owned();
        ids.lock()
            .unwrap()
            .push((id, delivery.message_id().to_owned()));
        delivery.delete().unwrap();
    }
    let ids = ids.lock().unwrap();
    assert_eq!(ids[0].0, ids[1].0);
    assert_ne!(ids[0].1, ids[1].1);
}
