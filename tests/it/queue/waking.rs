//! Waits that messages wake.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::queue::ResultQueue;
use sagemaker_async_inference::sys::Clock;
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, CancelToken, Error, InferenceHandle, Json,
    WaiterConfig, as_completed,
};
use serde_json::json;

use super::{Bench, bench, seconds};

const DELAY: Duration = Duration::from_mins(10);

/// A poll each ten minutes.
fn slow() -> WaiterConfig {
    WaiterConfig::new(100, DELAY).expect("a wait")
}

fn predictor(bench: &Bench) -> AsyncPredictor {
    AsyncPredictor::new("local-endpoint", &bench.session)
}

/// The response whose notification is that of this id.
fn response(bench: &Bench, id: &str) -> AsyncInferenceResponse<Json> {
    let handle = json!({
        "version": 1,
        "endpoint_name": "local-endpoint",
        "output_path": format!("s3://my-bucket/out/{id}.out"),
        "inference_id": id,
    });
    let handle: InferenceHandle = handle.to_string().parse().expect("a handle");
    predictor(bench).resume(handle)
}

/// Puts outputs that the first polls do not find yet.
fn put_late(bench: &Bench, ids: &[&str]) {
    for id in ids {
        let key = format!("out/{id}.out");
        bench.local.put_object("my-bucket", &key, "1");
        let late = Fault::on(Operation::GetObject).key_contains(key).times(1);
        bench.local.fault(late.error(404, "NoSuchKey"));
    }
}

fn received(bench: &Bench) -> usize {
    bench.count(Operation::ReceiveMessage)
}

#[test]
fn a_message_wakes_its_handle_and_is_deleted_after_the_outcome_was_taken() {
    let bench = bench(&[]);
    put_late(&bench, &["a", "b"]);
    bench.send(&["a", "b"]);
    let begun = bench.clock.monotonic();
    let responses = ["a", "b"].map(|id| response(&bench, id));
    let queue = bench.queue();
    let mut waiting = as_completed(responses, &slow()).woken_by(&queue);
    let mut found = 0;
    for done in waiting.by_ref() {
        assert_eq!(done.result::<u32>().expect("a result"), 1);
        found += 1;
        assert!(bench.left() > 0, "not before it was taken");
    }
    assert_eq!(found, 2);
    drop(waiting);
    assert_eq!(bench.left(), 0);
    let took = bench.clock.monotonic().saturating_sub(begun);
    assert!(took < DELAY / 2, "{took:?}");
    assert_eq!(queue.stats().deleted, 2);
}

#[test]
fn a_lost_message_is_made_up_for_by_the_slow_polls() {
    let bench = bench(&[]);
    put_late(&bench, &["a"]);
    let begun = bench.clock.monotonic();
    let queue = bench.queue().with_visibility(seconds(120));
    let mut waiting = as_completed([response(&bench, "a")], &slow()).woken_by(&queue);
    let done = waiting.next().expect("an outcome");
    assert_eq!(done.result::<u32>().expect("a result"), 1);
    let took = bench.clock.monotonic().saturating_sub(begun);
    assert!((DELAY..DELAY * 2).contains(&took), "{took:?}");
    assert!(waiting.next().is_none());
    let polls = bench.count(Operation::GetObject);
    assert_eq!(polls, 2, "in ten minutes");
    assert!(
        (28..=35).contains(&received(&bench)),
        "long polls of 20 s: {}",
        received(&bench)
    );
}

#[test]
fn messages_of_others_stay_and_are_seldom_received() {
    let bench = bench(&[("VisibilityTimeout", "120")]);
    put_late(&bench, &["a"]);
    bench.send(&["x", "y"]);
    let queue = bench.queue();
    let mut waiting = as_completed([response(&bench, "a")], &slow()).woken_by(&queue);
    assert!(waiting.next().is_some());
    drop(waiting);
    assert_eq!(bench.left(), 2);
    let stats = queue.stats();
    assert_eq!(stats.deleted, 0);
    // In ten minutes; a loop that releases and receives again would have thousands.
    assert!(stats.received < 30, "{stats:?}");
    let others = bench.queue();
    let counts = others
        .deliveries()
        .max_messages(2)
        .map(|d| d.expect("a message").receive_count());
    assert!(counts.max() < Some(15));
}

#[test]
fn two_waits_that_share_a_queue_get_their_own_messages() {
    let bench = bench(&[]);
    let ids: Vec<_> = (0..20).map(|number| format!("job-{number:02}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    put_late(&bench, &ids);
    bench.send(&ids);
    let took = std::thread::scope(|scope| {
        let half = |part: usize| {
            let mine: Vec<_> = ids
                .iter()
                .skip(part)
                .step_by(2)
                .map(|id| response(&bench, id))
                .collect();
            let queue = bench.queue();
            scope.spawn(move || {
                as_completed(mine, &slow())
                    .woken_by(&queue)
                    .filter(|d| d.error().is_none())
                    .count()
            })
        };
        let (even, odd) = (half(0), half(1));
        (
            even.join().expect("no panic"),
            odd.join().expect("no panic"),
        )
    });
    assert_eq!(took, (10, 10));
    assert_eq!(bench.left(), 0);
}

#[test]
fn a_failure_without_a_failure_path_is_known_from_its_message() {
    let bench = bench(&[]);
    let failed = json!({
        "invocationStatus": "Failed",
        "inferenceId": "a",
        "eventSource": "aws:sagemaker",
        "failureReason": "ClientError: no such model",
        "requestParameters": { "endpointName": "local-endpoint" },
    });
    bench.local.send_message(&bench.url, failed.to_string());
    // The same id at another endpoint is another inference.
    let mut foreign = failed.clone();
    foreign["requestParameters"]["endpointName"] = "other".into();
    foreign["inferenceId"] = "b".into();
    bench.local.send_message(&bench.url, foreign.to_string());
    put_late(&bench, &["b"]);
    let responses = ["a", "b"].map(|id| response(&bench, id));
    let queue = bench.queue();
    let mut outcomes: Vec<_> = as_completed(responses, &slow())
        .woken_by(&queue)
        .map(|done| (done.index(), done.result::<u32>()))
        .collect();
    outcomes.sort_by_key(|(index, _)| *index);
    match &outcomes[0].1 {
        Err(Error::Model(failure)) => assert!(failure.text().contains("no such model")),
        other => panic!("{other:?}"),
    }
    assert_eq!(*outcomes[1].1.as_ref().expect("a result"), 1);
    assert_eq!(bench.left(), 1);
}

#[test]
fn events_of_objects_and_duplicates_wake_once() {
    let bench = bench(&[]);
    put_late(&bench, &["a b+c"]);
    let event = json!({ "Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "my-bucket" }, "object": { "key": "out/a+b%2Bc.out", "size": 1 } },
    }] });
    for _ in 0..2 {
        bench.local.send_message(&bench.url, event.to_string());
    }
    bench.send(&["a b+c"]);
    let queue = bench.queue();
    let done = as_completed([response(&bench, "a b+c")], &slow()).woken_by(&queue);
    assert_eq!(done.filter(|done| done.error().is_none()).count(), 1);
    assert_eq!(bench.left(), 0);
    assert_eq!(queue.stats().deleted, 3);
    assert_eq!(bench.count(Operation::GetObject), 2);
}

#[test]
fn news_that_comes_before_the_output_can_be_read_comes_again() {
    let bench = bench(&[]);
    bench.local.put_object("my-bucket", "out/a.out", "1");
    let late = Fault::on(Operation::GetObject).times(3);
    bench.local.fault(late.error(404, "NoSuchKey"));
    bench.send(&["a"]);
    let begun = bench.clock.monotonic();
    let queue = bench.queue();
    let waiting = as_completed([response(&bench, "a")], &slow()).woken_by(&queue);
    assert_eq!(waiting.filter(|done| done.error().is_none()).count(), 1);
    let took = bench.clock.monotonic().saturating_sub(begun);
    assert!(took < DELAY, "{took:?}");
    assert_eq!(bench.left(), 0);
    assert!(queue.stats().released >= 1);
}

#[test]
fn news_alone_uses_up_none_of_the_polls() {
    let bench = bench(&[]);
    put_late(&bench, &["a"]);
    let late = Fault::on(Operation::GetObject).times(3);
    bench.local.fault(late.error(404, "NoSuchKey"));
    bench.send(&["a", "a", "a"]);
    let two = WaiterConfig::new(2, DELAY).expect("a wait");
    let queue = bench.queue();
    let waiting = as_completed([response(&bench, "a")], &two).woken_by(&queue);
    assert_eq!(waiting.filter(|done| done.error().is_none()).count(), 1);
}

#[test]
fn messages_of_results_that_polls_found_first_are_deleted_at_the_end() {
    let bench = bench(&[]);
    let ids: Vec<_> = (0..25).map(|number| format!("job-{number:02}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    for id in &ids {
        bench
            .local
            .put_object("my-bucket", &format!("out/{id}.out"), "1");
    }
    bench.send(&ids);
    bench.send(&["of others"]);
    let queue = bench.queue();
    let mut waiting =
        as_completed(ids.iter().map(|id| response(&bench, id)), &slow()).woken_by(&queue);
    assert_eq!(waiting.by_ref().count(), 25);
    assert!(waiting.next().is_none());
    assert_eq!(bench.left(), 1);
    assert!(received(&bench) <= 5, "{}", received(&bench));
}

#[test]
fn without_its_queue_a_wait_continues_and_reports_it() {
    let bench = bench(&[]);
    put_late(&bench, &["a"]);
    let missing =
        ResultQueue::new(bench.url.replace("done", "none"), &bench.session).expect("a name");
    let errors = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&errors);
    let mut waiting = as_completed([response(&bench, "a")], &slow())
        .woken_by(&missing)
        .on_queue_error(move |error| seen.lock().expect("unharmed").push(error.to_string()));
    let done = waiting.next().expect("an outcome");
    assert!(done.error().is_none());
    let errors = errors.lock().expect("unharmed");
    assert!((5..=15).contains(&errors.len()), "{errors:?}");
    assert!(errors[0].contains("QueueDoesNotExist"), "{errors:?}");
    // Received once a minute, not in a loop.
    let asked = bench.count(Operation::GetQueueAttributes) + received(&bench);
    assert!((5..=15).contains(&asked), "{asked}");
}

#[test]
fn messages_that_were_not_yielded_are_released() {
    let bench = bench(&[]);
    put_late(&bench, &["a", "b"]);
    bench.send(&["a", "b"]);
    let responses = ["a", "b", "c"].map(|id| response(&bench, id));
    let queue = bench.queue();
    let mut waiting = as_completed(responses, &slow()).woken_by(&queue);
    assert!(waiting.next().is_some() && waiting.next().is_some());
    drop(waiting);
    assert_eq!(bench.left(), 1);
    assert_eq!((queue.stats().deleted, queue.stats().released), (1, 1));

    let cancel = CancelToken::new();
    let waiter = WaiterConfig::builder()
        .delay(DELAY)
        .max_attempts(100)
        .cancel(cancel.clone());
    let mut waiting =
        as_completed([response(&bench, "c")], &waiter.build().expect("a wait")).woken_by(&queue);
    cancel.cancel();
    assert!(waiting.next().is_none());
    assert_eq!(waiting.unfinished().len(), 1);
}

#[test]
fn outputs_go_to_files_on_other_threads_as_messages_come() {
    let bench = bench(&[]);
    let ids: Vec<_> = (0..25).map(|number| format!("job-{number:02}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    put_late(&bench, &ids);
    bench.send(&ids);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_owned();
    let queue = bench.queue().with_visibility(seconds(120));
    let waiting = as_completed(ids.iter().map(|id| response(&bench, id)), &slow())
        .download_threads(4)
        .expect("threads")
        .download_to(move |handle| path.join(handle.inference_id().expect("an id")))
        .without_listing()
        .woken_by(&queue);
    assert_eq!(waiting.filter(|done| done.file().is_some()).count(), 25);
    assert_eq!(bench.left(), 0);
    let files = std::fs::read_dir(directory.path()).expect("files");
    assert_eq!(files.count(), 25);
}
