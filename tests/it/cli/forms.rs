//! Reports as text and as JSON, and how often a wait polls by default.

use std::time::Duration;

use sagemaker_async_inference::local::ModelResponse;
use sagemaker_async_inference::local::Operation;
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{bench, with_model};

#[test]
fn a_report_is_json_in_a_pipe_and_text_on_request() {
    let bench = bench();
    let piped = bench.run(&["describe", bench.name()]);
    assert_eq!(piped.json()[0]["status"], "InService");
    assert!(piped.json()[0]["description"].is_object());
    let json = bench.run(&["describe", bench.name(), "--format", "json"]);
    assert_eq!(json.json()[0]["status"], "InService");
    let text = bench.run(&["describe", bench.name(), "--format", "text"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    let line = format!("endpoint name      {}", bench.name());
    assert!(
        text.stdout.lines().any(|found| found == line),
        "{}",
        text.stdout
    );
    assert!(
        text.stdout.contains("status             InService"),
        "{}",
        text.stdout
    );
    assert!(!text.stdout.contains('{'), "{}", text.stdout);
    let credentials = bench.run(&["credentials", "--format", "text"]);
    assert!(
        credentials.stdout.contains("environment"),
        "{}",
        credentials.stdout
    );
    assert!(!credentials.stdout.contains('{'), "{}", credentials.stdout);
}

#[test]
fn watch_in_a_pipe_prints_a_json_line_for_each_refresh() {
    let bench = bench();
    let refused = bench.run(&["describe", "nobody", "--watch"]);
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    let refused = bench.run(&["describe", bench.name(), "--interval", "1s"]);
    assert_eq!(refused.code, Some(2), "an interval without --watch");
}

/// Fifteen seconds between polls would make every short inference one of fifteen seconds.
#[test]
fn a_wait_polls_often_at_first_unless_a_delay_is_given() {
    let bench = with_model(|_| {
        SystemClock.sleep(Duration::from_millis(900));
        ModelResponse::ok("late")
    });
    let input = bench.file("q.txt", "x");
    let ran = bench.run(&["predict", bench.name(), "--input", &input]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "late"),
        "{}",
        ran.stderr
    );
    let requests = bench.endpoint.requests();
    let polls = requests.iter().filter(|request| {
        request.operation == Operation::GetObject && request.path.contains("async-output/")
    });
    // The first at once, the second would come after 15 s.
    assert!(polls.count() >= 3);
}
