//! The binary, as a newcomer runs it.
#![allow(clippy::disallowed_methods)] // a process of its own is what is tested here

use std::process::{Command, Stdio};

fn quickstart() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sagemaker-async"));
    // Neither an account nor a network is needed, whatever the machine has configured.
    command.arg("quickstart").env_clear();
    command
}

#[test]
fn it_shows_an_inline_an_uploaded_and_a_rejected_input() {
    let output = quickstart().output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    for expected in [
        "POST /endpoints/quickstart/async-invocations  13 bytes -> 202",
        "Ok(Statistics { count: 3, mean: 3 })",
        "async-endpoint-inputs/quickstart-",
        "Ok(Statistics { count: 40000, mean: 4999.875 })",
        "ValueError: the input is not a list of numbers",
        "CreateModel, CreateEndpointConfig, CreateEndpoint",
        "RegisterScalableTarget, PutScalingPolicy, PutMetricAlarm, PutScalingPolicy",
        "1 instance, 1 waiting",
        "good: Ok(Statistics { count: 3, mean: 3",
        "bad: failed, ",
        "ObjectCreated:Put: s3://",
        "DeregisterScalableTarget, DeleteEndpoint, DeleteEndpointConfig, DeleteModel",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = quickstart()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_wrong_argument_is_a_usage_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_sagemaker-async"))
        .arg("nonsense")
        .env_clear()
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nonsense"));
}
