//! `wait` with a queue, and queues that cannot be reached.

use sagemaker_async_inference::AsyncPredictor;
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use super::{bench, stored, submit};
use crate::cli::bench::{Bench, first_error};
use crate::support::raw::unused_address;

fn handles(bench: &Bench, ids: &[&str]) -> String {
    let session = bench.endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(bench.name(), &session);
    let submit = |id: &&str| {
        let request = predictor.request(*id).inference_id(*id);
        request.submit().expect("a submit").handle().to_string()
    };
    let lines: Vec<_> = ids.iter().map(submit).collect();
    bench.file("handles.jsonl", &lines.join("\n"))
}

#[test]
fn a_wait_is_woken_by_messages_and_leaves_those_of_others() {
    let bench = bench(&[]);
    let file = handles(&bench, &["a", "bad", "c"]);
    assert!(
        bench
            .endpoint
            .wait_until_idle(std::time::Duration::from_mins(1))
    );
    submit(&bench, &["other"]);
    // The first polls find nothing.
    let late = Fault::on(Operation::GetObject).times(6);
    bench.endpoint.fault(late.error(404, "NoSuchKey"));
    let begun = SystemClock.monotonic();
    let arguments = [
        "wait",
        &file,
        "--output-dir",
        "out",
        "--queue",
        "done",
        "--summary",
    ];
    let ran = bench.run(&arguments);
    ran.ends_with(3).says("2 completed, 1 failed");
    let took = SystemClock.monotonic().saturating_sub(begun);
    assert!(
        took < std::time::Duration::from_mins(5),
        "long before the next poll: {took:?}"
    );
    assert_eq!(bench.endpoint.messages_in("done"), 1);
    assert_eq!(stored(&bench).len(), 3);
}

#[test]
fn a_wait_with_a_missing_queue_reports_it_and_keeps_the_handles() {
    let bench = bench(&[]);
    let file = handles(&bench, &["a"]);
    let late = Fault::on(Operation::GetObject).always();
    bench.endpoint.fault(late.error(404, "NoSuchKey"));
    let ran = bench.run(&["wait", &file, "--output-dir", "out", "--queue", "none"]);
    ran.ends_with(5)
        .says("QueueDoesNotExist")
        .says("\"inference_id\":\"a\"");
    let ran = bench.run(&["wait", &file, "--queue", "done"]);
    ran.ends_with(2).says("--output-dir");
}

/// It may be reachable a moment later, or the address is wrong: nobody should have to wait to learn that.
#[test]
fn a_queue_that_cannot_be_reached_is_reported_while_it_is_retried() {
    let bench = bench(&[]);
    let url = "https://sqs.us-east-1.amazonaws.com/123456789012/done";
    let mut command = bench.command(&["consume", url, "--output-dir", "out"]);
    command.env("AWS_ENDPOINT_URL_SQS", unused_address());
    let (first, _) = first_error(&mut command);
    assert!(first.contains("no connection could be made"), "{first}");
    assert!(first.contains("retried"), "{first}");
}
