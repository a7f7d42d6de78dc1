//! Options that change how something is done, and not its outcome.

use std::time::Duration;

use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter, SageMaker};
use sagemaker_async_inference::local::{Fault, JobState, ModelResponse, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{Bench, Ran, bare, bench, with_model};

fn count(bench: &Bench, operation: Operation) -> usize {
    let requests = bench.endpoint.requests();
    requests
        .iter()
        .filter(|request| request.operation == operation)
        .count()
}

#[test]
fn a_small_input_goes_in_the_request_or_through_s3() {
    for (options, through_s3) in [(&[][..], false), (&["--inline"], false), (&["--s3"], true)] {
        let bench = bench();
        let input = bench.file("q.txt", "x");
        let predict = ["predict", bench.name(), "--input", &input];
        bench
            .quick(&[&predict, options].concat())
            .ends_with(0)
            .printed("<x>");
        let puts = count(&bench, Operation::PutObject);
        assert_eq!(puts > 0, through_s3, "{options:?}");
        let job = bench.endpoint.jobs().pop().expect("a job");
        assert_eq!(job.input_location.is_some(), through_s3);
    }
}

/// Without a delay the second poll of a result is after 15 s, or when the time is up.
#[test]
fn adaptive_waits_poll_sooner() {
    let bench = with_model(|request| {
        SystemClock.sleep(Duration::from_millis(500));
        ModelResponse::ok(request.body.clone())
    });
    let input = bench.file("q.txt", "x");
    let predict = [
        "predict",
        bench.name(),
        "--input",
        &input,
        "--timeout",
        "3s",
        "--progress",
        "json",
    ];
    let first_pause = |options: &[&str]| {
        let ran = bench.run(&[&predict, options].concat());
        let events = ran.ends_with(0).printed("x").stderr.lines();
        let mut pauses = events.filter_map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("an event");
            event["next_poll_in_seconds"].as_f64()
        });
        pauses.next().expect("a pause")
    };
    let fixed = first_pause(&["--delay", "2500ms"]);
    let (default, adaptive) = (first_pause(&[]), first_pause(&["--adaptive"]));
    assert!(fixed > 2.0, "{fixed}");
    assert!(default > 0.2 && default < 0.3, "{default}");
    assert!(adaptive < 0.1, "{adaptive}");
}

#[test]
fn one_url_for_all_services() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    let (url, region) = (bench.endpoint.url(), bench.endpoint.region());
    let arguments = [
        "submit",
        bench.name(),
        "--input",
        &input,
        "--endpoint-url",
        url,
        "--region",
        region,
    ];
    let mut submit = bare(&arguments);
    submit
        .env("AWS_ACCESS_KEY_ID", bench.endpoint.access_key())
        .env("AWS_SECRET_ACCESS_KEY", bench.endpoint.secret_key());
    Ran::of(submit.output().expect("it runs")).ends_with(0);
    assert_eq!(bench.endpoint.jobs().len(), 1);
}

#[test]
fn uncertain_submits_are_repeated_only_on_request() {
    let bench = bench();
    bench.file("scans/a", "x");
    bench
        .endpoint
        .fault(Fault::on(Operation::InvokeEndpointAsync).drop_after_handling());
    let submit = [
        "submit",
        bench.name(),
        "--input-dir",
        "scans",
        "--journal",
        "journal",
    ];
    let lost = bench.run(&submit);
    lost.ends_with(1).printed("");
    let again = bench.run(&submit);
    again.ends_with(1).printed("").says("--resubmit-uncertain");
    assert_eq!(bench.endpoint.jobs().len(), 1);
    let reported = bench.run(&[&submit[..], &["--resubmit-uncertain"]].concat());
    assert_eq!(reported.ends_with(0).json().len(), 1);
    assert_eq!(bench.endpoint.jobs().len(), 2);
}

#[test]
fn a_batch_stops_at_the_first_error_on_request() {
    for (options, tried) in [(&[][..], 4), (&["--stop-at-first-error"], 1)] {
        let bench = bench();
        for name in ["a", "b", "c", "d"] {
            bench.file(&format!("scans/{name}"), "x");
        }
        bench.endpoint.fault(
            Fault::on(Operation::InvokeEndpointAsync)
                .status(400)
                .always(),
        );
        let submit = [
            "submit",
            bench.name(),
            "--input-dir",
            "scans",
            "--concurrency",
            "1",
        ];
        bench
            .run(&[&submit, options].concat())
            .ends_with(5)
            .printed("");
        assert_eq!(
            count(&bench, Operation::InvokeEndpointAsync),
            tried,
            "{options:?}"
        );
        assert!(
            bench
                .endpoint
                .jobs()
                .iter()
                .all(|job| job.state != JobState::Completed)
        );
    }
}

/// Each of an endpoint's operations, with and without what keeps something.
#[test]
fn what_is_kept_of_an_endpoint() {
    let bench = bench();
    let wait = ["--delay", "20ms", "--max-attempts", "500"];
    let run = |arguments: &[&str]| bench.run(&[arguments, &wait].concat());
    let role = "arn:aws:iam::123456789012:role/r";
    let deploy = [
        "deploy",
        "e",
        "--image",
        "i",
        "--role",
        role,
        "--instance-type",
        "ml.m5.large",
    ];
    run(&deploy).ends_with(0);
    let session = bench.endpoint.session().expect("a session");
    let sagemaker = SageMaker::new(&session);
    let instances = || {
        let described = sagemaker.describe_endpoint("e").expect("it is there");
        described.desired_instance_count()
    };
    sagemaker
        .update_instance_count("e", "AllTraffic", 3)
        .expect("an update");
    let waiter = EndpointWaiter::in_service();
    let waiter = waiter
        .every(Duration::from_millis(20), 500)
        .expect("a waiter");
    let endpoint = Endpoint::new("e", &session);
    endpoint.wait_in_service(&waiter).expect("in service");
    assert_eq!(instances(), 3);
    let update = ["update", "e", "--instance-type", "ml.m5.xlarge"];
    run(&[&update[..], &["--retain-variant-properties"]].concat()).ends_with(0);
    assert_eq!(instances(), 3);
    run(&update).ends_with(0);
    assert_eq!(instances(), 1);
    let config = sagemaker.describe_endpoint("e").expect("it is there");
    let config = config.endpoint_config_name().expect("a name").to_owned();
    run(&["delete", "e", "--keep-config"]).ends_with(0);
    sagemaker
        .describe_endpoint_config(&config)
        .expect("it is kept");
}
