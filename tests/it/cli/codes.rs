//! Every exit code.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use sagemaker_async_inference::InferenceHandle;
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{Bench, bare, bench, signal};

fn slow(bench: &Bench) -> String {
    bench.file("slow.txt", "slow")
}

fn handle_in(stderr: &str) -> InferenceHandle {
    let line = stderr.lines().find(|line| line.starts_with('{'));
    line.expect("a handle").parse().expect("a handle")
}

#[test]
fn usage_2() {
    let bench = bench();
    for wrong in [
        &["predict"][..],
        &["predict", "e"],
        &[
            "predict",
            "e",
            "--input",
            "a",
            "--input-location",
            "s3://b/k",
        ],
        &["predict", "e", "--input", "a", "--delay", "soon"],
        &["predict", "e", "--input-location", "nonsense"],
        &["submit", "e"],
        &["scale", "e"],
        &["scale", "e", "--to", "1", "--remove"],
        &["deploy", "e"],
        &["update", "e"],
        &["local", "--fault", "nonsense"],
        &["local", "--failure-rate", "2"],
        &["local", "--echo", "--model", "http://x"],
        &["nonsense"],
    ] {
        let ran = bench.run(wrong);
        ran.ends_with(2).printed("");
        assert!(!ran.stderr.is_empty());
    }
    let input = bench.file("q.txt", "x");
    let ran = bench.run(&["predict", "not_a_name", "--input", &input]);
    ran.ends_with(2).says("not_a_name");
    let ran = bench.run(&["predict", "e", "--input", &input, "--request-ttl", "1s"]);
    ran.ends_with(2).says("request TTL");
    assert!(bench.endpoint.requests().is_empty());
}

#[test]
fn the_model_failed_3() {
    let bench = bench();
    let input = bench.file("q.txt", "fail");
    let failure = bench.path("failure.txt");
    let shown = failure.to_str().expect("UTF-8");
    let ran = bench.quick(&[
        "predict",
        bench.name(),
        "--input",
        &input,
        "--failure-output",
        shown,
    ]);
    ran.ends_with(3).says("ValueError").printed("");
    // Control sequences are kept in the file, and not shown.
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);
    let raw = std::fs::read_to_string(failure).expect("the failure");
    assert!(raw.contains("\u{1b}[31mred"), "{raw:?}");
    let line = bench
        .run(&["submit", bench.name(), "--input", &input])
        .stdout;
    assert!(bench.endpoint.wait_until_idle(Duration::from_secs(20)));
    let ran = bench.run(&["status", &line]);
    assert_eq!(ran.ends_with(3).json()[0]["status"], "failed");
}

#[test]
fn still_running_4() {
    let bench = bench();
    let input = slow(&bench);
    let limits = ["--delay", "10ms", "--max-attempts", "3"];
    let ran = bench.run(&[&["predict", bench.name(), "--input", &input][..], &limits].concat());
    ran.ends_with(4).says("sagemaker-async wait").printed("");
    let handle = handle_in(&ran.stderr);
    assert_eq!(handle.endpoint_name(), bench.name());
    let status = bench.run(&["status", &handle.to_string()]);
    assert_eq!(status.ends_with(4).json()[0]["status"], "pending");
    let ran = bench.run(&[
        "wait",
        &handle.to_string(),
        "--delay",
        "10ms",
        "--timeout",
        "100ms",
    ]);
    ran.ends_with(4);
    assert_eq!(handle_in(&ran.stderr), handle);
}

#[test]
fn refused_5() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    let ran = bench.run(&["predict", "no-such-endpoint", "--input", &input]);
    ran.ends_with(5).says("no-such-endpoint");
    bench.endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .always()
            .access_denied(),
    );
    bench
        .run(&["submit", bench.name(), "--input", &input])
        .ends_with(5);
}

#[test]
fn credentials_6() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    let arguments = [
        "predict",
        bench.name(),
        "--input",
        &input,
        "--region",
        "us-east-1",
    ];
    let none = bare(&arguments)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", bench.endpoint.url())
        .output()
        .expect("the binary runs");
    let none = crate::cli::bench::Ran::of(none);
    none.ends_with(6).says("AWS_ACCESS_KEY_ID is not set");
    let wrong = bench
        .command(&arguments)
        .env("AWS_SECRET_ACCESS_KEY", "hush-wrong")
        .output();
    let wrong = crate::cli::bench::Ran::of(wrong.expect("the binary runs"));
    wrong.ends_with(6);
    assert!(!wrong.stderr.contains("hush-wrong"));
}

#[test]
fn anything_else_1() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    let ran = bench.run(&["predict", bench.name(), "--input", "/no/such/file"]);
    ran.ends_with(1).says("/no/such/file");
    let ran = bench.run(&[
        "predict",
        bench.name(),
        "--input",
        &input,
        "--output",
        "/no/such/dir/x",
    ]);
    ran.ends_with(1).says("/no/such/dir/x");
    assert!(bench.endpoint.jobs().is_empty());
    bench.endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .always()
            .drop_after_handling(),
    );
    let ran = bench.run(&[
        "predict",
        bench.name(),
        "--input",
        &input,
        "--inference-id",
        "job-9",
    ]);
    ran.ends_with(1).says("job-9");
}

#[test]
fn interrupted_130() {
    let bench = bench();
    let input = slow(&bench);
    for name in ["INT", "TERM"] {
        let before = bench.endpoint.jobs().len();
        let mut child = bench
            .command(&[
                "predict",
                bench.name(),
                "--input",
                &input,
                "--delay",
                "20ms",
                "--timeout",
                "1h",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        while bench.endpoint.jobs().len() == before && child.try_wait().expect("a child").is_none()
        {
            SystemClock.sleep(Duration::from_millis(10));
        }
        SystemClock.sleep(Duration::from_millis(100));
        signal(&child, name);
        let ran = crate::cli::bench::Ran::of(child.wait_with_output().expect("it ends"));
        ran.ends_with(130)
            .says("interrupted")
            .says("sagemaker-async wait")
            .printed("");
        // The inference goes on, and the message says how to fetch its result.
        let handle = handle_in(&ran.stderr);
        bench.run(&["status", &handle.to_string()]).ends_with(4);
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let bench = bench();
    bench
        .endpoint
        .fault(Fault::on(Operation::GetObject).always().hang());
    let input = slow(&bench);
    let mut child = bench
        .command(&["predict", bench.name(), "--input", &input])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let hangs = || {
        bench
            .endpoint
            .requests()
            .iter()
            .any(|r| r.operation == Operation::GetObject)
    };
    while !hangs() {
        SystemClock.sleep(Duration::from_millis(10));
    }
    signal(&child, "INT");
    let mut stderr = child.stderr.take().expect("a pipe");
    // It reports the signal.
    let mut first = [0];
    stderr.read_exact(&mut first).expect("a word");
    signal(&child, "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}
