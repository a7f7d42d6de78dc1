//! An endpoint's life, from the command line.

use std::time::Duration;

use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::bench::{Bench, bench};

/// Looks until the endpoint has settled so; `None`: until it is gone.
fn until_status(bench: &Bench, wanted: Option<&str>) {
    for _ in 0..200 {
        let ran = bench.run(&["describe", "vision"]);
        let found = ran.code == Some(0);
        let status = found.then(|| ran.json()[0]["status"].as_str().map(str::to_owned));
        if status.flatten().as_deref() == wanted {
            return;
        }
        SystemClock.sleep(Duration::from_millis(20));
    }
    panic!("it is not {wanted:?}");
}

#[test]
fn deploy_describe_update_scale_delete() {
    let bench = bench();
    let wait = ["--delay", "20ms", "--max-attempts", "500"];
    let run = |arguments: &[&str]| bench.run(&[arguments, &wait].concat());
    let deployed = run(&[
        "deploy",
        "vision",
        "--image",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1",
        "--model-data",
        "s3://bucket/model.tar.gz",
        "--env",
        "LEVEL=info",
        "--role",
        "arn:aws:iam::123456789012:role/my-role",
        "--instance-type",
        "ml.m5.xlarge",
        "--max-concurrent",
        "2",
        "--output-path",
        "s3://bucket/vision-out",
        "--failure-path",
        "s3://bucket/vision-failures",
        "--tag",
        "team=vision",
    ]);
    assert_eq!(deployed.ends_with(0).json()[0]["status"], "InService");
    let input = bench.file("q.txt", "hello");
    bench
        .quick(&["predict", "vision", "--input", &input])
        .ends_with(0)
        .printed("<hello>");

    let described = bench.run(&["describe", "vision"]);
    let described = &described.ends_with(0).json()[0];
    assert_eq!(described["status"], "InService");
    assert_eq!(
        described["state"]
            .as_str()
            .map(|state| state.starts_with("1 instance")),
        Some(true)
    );
    assert_eq!(described["description"]["EndpointName"], "vision");

    let updated = run(&[
        "update",
        "vision",
        "--instance-type",
        "ml.g5.xlarge",
        "--instance-count",
        "2",
    ]);
    let updated = &updated.ends_with(0).json()[0];
    assert_eq!(updated["status"], "InService");
    assert_ne!(updated["endpoint_config_name"], "vision");

    bench.run(&["scale", "vision", "--to", "3"]).ends_with(0);
    let scaled = bench.run(&[
        "scale",
        "vision",
        "--to-zero",
        "--max",
        "4",
        "--backlog-per-instance",
        "2",
    ]);
    assert_eq!(scaled.ends_with(0).json()[0]["max_instances"], 4);
    bench.run(&["scale", "vision", "--remove"]).ends_with(0);
    until_status(&bench, Some("InService"));

    let deleted = run(&["delete", "vision", "--all"]);
    assert_eq!(deleted.ends_with(0).json()[0]["status"], "Deleted");
    bench
        .run(&["describe", "vision"])
        .ends_with(5)
        .says("vision");
}

#[test]
fn an_endpoint_that_fails_and_one_that_takes_too_long() {
    let bench = bench();
    bench
        .endpoint
        .fail_next_deployment("CapacityError: none left");
    let arguments = [
        "deploy",
        "vision",
        "--image",
        "img",
        "--role",
        "arn:aws:iam::123456789012:role/r",
        "--instance-type",
        "ml.m5.xlarge",
        "--delay",
        "20ms",
    ];
    let failed = bench.run(&[&arguments[..], &["--remove-on-failure"]].concat());
    failed.ends_with(5).says("CapacityError").printed("");
    until_status(&bench, None);
    let impatient = bench.run(&[&arguments[..], &["--max-attempts", "1"]].concat());
    impatient.ends_with(4);
    let missing = bench.run(&[
        "deploy",
        "e",
        "--model-name",
        "m",
        "--role",
        "r",
        "--instance-type",
        "t",
    ]);
    missing.ends_with(2).says("--role");
}
