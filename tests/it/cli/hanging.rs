//! Requests that hang: an interrupt and a time limit end them.

use std::process::Stdio;
use std::time::Duration;

use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{Ran, bench, first_error, signal};
use crate::cli::signals::{start, until};
use crate::support::raw::unused_address;

/// The read timeout is a minute, after which each of these would end by itself.
#[test]
fn an_interrupt_ends_requests_that_hang_before_there_is_a_handle() {
    let cases: [(Operation, &[&str]); 4] = [
        (Operation::GetCallerIdentity, &["--s3"]),
        (
            Operation::PutObject,
            &["--upload-to", "s3://bucket/uploads/"],
        ),
        (Operation::InvokeEndpointAsync, &["--inline"]),
        (
            Operation::CreateMultipartUpload,
            &["--upload-to", "s3://bucket/uploads/"],
        ),
    ];
    for (operation, options) in cases {
        let bench = bench();
        let length = match operation {
            Operation::CreateMultipartUpload => 20 << 20,
            _ => 1000,
        };
        let input = bench.file("input", &"x".repeat(length));
        bench.endpoint.fault(Fault::on(operation).always().hang());
        let arguments = ["predict", bench.name(), "--input", &input];
        let arguments = [&arguments[..], options].concat();
        let mut child = start(&bench, &arguments, Stdio::null(), Stdio::null());
        until(&mut child, || bench.endpoint.connections() > 0);
        SystemClock.sleep(Duration::from_millis(100));
        signal(&child, "INT");
        let guard = SystemClock.monotonic() + Duration::from_secs(30);
        while child.try_wait().expect("a child").is_none() {
            assert!(SystemClock.monotonic() < guard, "{operation:?} goes on");
            SystemClock.sleep(Duration::from_millis(10));
        }
        let ran = Ran::of(child.wait_with_output().expect("it ended"));
        ran.ends_with(130).says("interrupted");
    }
}

#[test]
fn a_time_limit_ends_uploads_and_submits_that_hang() {
    let cases: [(Operation, &[&str], &str); 3] = [
        (
            Operation::PutObject,
            &["--upload-to", "s3://bucket/uploads/"],
            "not submitted within the --timeout",
        ),
        (
            Operation::CreateMultipartUpload,
            &["--upload-to", "s3://bucket/uploads/"],
            "not submitted within the --timeout",
        ),
        (
            Operation::InvokeEndpointAsync,
            &["--inline"],
            "may have been submitted",
        ),
    ];
    for (operation, options, words) in cases {
        let bench = bench();
        let length = match operation {
            Operation::CreateMultipartUpload => 20 << 20,
            _ => 1000,
        };
        let input = bench.file("input", &"x".repeat(length));
        bench.endpoint.fault(Fault::on(operation).always().hang());
        let arguments = ["predict", bench.name(), "--input", &input];
        let arguments = [&arguments[..], &["--timeout", "1s"], options].concat();
        // Without the limit each of these ends after the read timeout, a minute, and its retries.
        let guard = SystemClock.monotonic() + Duration::from_secs(30);
        let ran = bench.run(&arguments);
        assert!(SystemClock.monotonic() < guard, "{operation:?} goes on");
        ran.ends_with(1).says(words);
    }
}

/// The wait may last for hours, and nobody should have to wait to learn that S3 cannot be reached.
#[test]
fn a_wait_whose_polls_fail_is_reported_while_it_goes_on() {
    is_reported_while_it_goes_on(1, &[]);
}

#[test]
fn a_wait_for_many_whose_polls_fail_is_reported_once() {
    is_reported_while_it_goes_on(3, &["--output-dir", "out"]);
}

fn is_reported_while_it_goes_on(handles: usize, options: &[&str]) {
    let bench = bench();
    let input = bench.file("q", "x");
    let submit = || bench.run(&["submit", bench.name(), "--input", &input]);
    let lines: String = (0..handles)
        .map(|_| submit().ends_with(0).stdout.clone())
        .collect();
    let handles = bench.file("handles", &lines);
    let wait = ["wait", &handles, "--delay", "20ms"];
    let mut command = bench.command(&[&wait, options].concat());
    command.env("AWS_ENDPOINT_URL_S3", unused_address());
    let (first, rest) = first_error(&mut command);
    assert!(first.contains("no connection could be made"), "{first}");
    assert!(first.contains("polling goes on"), "{first}");
    let again = |line: &String| line.contains("polling goes on");
    assert!(!rest.iter().any(again), "{rest:?}");
}
