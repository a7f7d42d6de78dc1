//! Deployments that are interrupted or killed: what they left is continued with, or removed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::Duration;

use sagemaker_async_inference::endpoint::{Endpoint, SageMaker};
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{Bench, Ran, signal};

const STEPS: [Operation; 3] = [
    Operation::CreateModel,
    Operation::CreateEndpointConfig,
    Operation::CreateEndpoint,
];

fn bench() -> Bench {
    let builder = LocalEndpoint::builder().transition_time(Duration::from_millis(300));
    Bench::of(builder)
}

fn deploy<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let arguments = [
        "deploy",
        "mine",
        "--image",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1",
        "--role",
        "arn:aws:iam::123456789012:role/async-role",
        "--instance-type",
        "ml.m5.large",
        "--delay",
        "50ms",
    ];
    [&arguments[..], more].concat()
}

/// The steps that were sent.
fn sent(bench: &Bench) -> Vec<Operation> {
    let requests = bench.endpoint.requests();
    let operations = requests.iter().map(|request| request.operation);
    operations
        .filter(|operation| STEPS.contains(operation))
        .collect()
}

/// Ends a deployment during a step whose response takes some time.
fn ended_in(bench: &Bench, step: usize, name: &str, more: &[&str]) -> Ran {
    bench.endpoint.fault(
        Fault::on(STEPS[step])
            .times(1)
            .delay(Duration::from_millis(1500)),
    );
    let arguments = deploy(&[more, &["--progress", "json"]].concat());
    let mut child: Child = bench
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut reported = String::new();
    while !reported.contains("deploying") {
        assert!(
            stderr.read_line(&mut reported).expect("text") > 0,
            "{reported}"
        );
    }
    for _ in 0..400 {
        if step == 0 || there(bench)[step - 1] {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10));
    }
    SystemClock.sleep(Duration::from_millis(300));
    signal(&child, name);
    stderr.read_to_string(&mut reported).expect("text");
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    Ran {
        stderr: reported,
        ..ran
    }
}

/// Whether model, configuration and endpoint exist.
fn there(bench: &Bench) -> [bool; 3] {
    let session = bench.endpoint.session().expect("a session");
    let sagemaker = SageMaker::new(&session);
    [
        sagemaker.describe_model("mine").is_ok(),
        sagemaker.describe_endpoint_config("mine").is_ok(),
        Endpoint::new("mine", &session).describe().is_ok(),
    ]
}

/// Waits until the service has carried out what it was sent.
fn settled(bench: &Bench, step: usize) {
    for _ in 0..400 {
        if there(bench)[step] {
            return;
        }
        SystemClock.sleep(Duration::from_millis(10));
    }
    panic!("{:?} was not carried out", STEPS[step]);
}

#[test]
fn an_interrupt_stops_before_the_next_step() {
    for name in ["INT", "TERM"] {
        for step in 0..2 {
            let bench = bench();
            let ran = ended_in(&bench, step, name, &[]);
            ran.ends_with(130)
                .says("run the same command again")
                .printed("");
            assert_eq!(sent(&bench), STEPS[..=step]);
            bench.run(&deploy(&[])).ends_with(0);
            assert_eq!(there(&bench), [true; 3]);
        }
    }
}

#[test]
fn an_interrupt_removes_what_was_made_if_so_chosen() {
    for step in 0..3 {
        let bench = bench();
        let ran = ended_in(&bench, step, "INT", &["--remove-on-failure"]);
        assert_eq!(sent(&bench), STEPS[..=step]);
        if step < 2 {
            ran.ends_with(130).says("removed");
            assert_eq!(there(&bench), [false; 3], "{}", ran.stderr);
        } else {
            // The service deletes no endpoint that is being made, which needs the rest.
            ran.ends_with(130).says("delete mine --all");
            assert_eq!(there(&bench), [true; 3], "{}", ran.stderr);
        }
    }
}

#[test]
fn a_removal_stops_before_the_next_step() {
    let bench = bench();
    bench.run(&deploy(&[])).ends_with(0);
    bench.endpoint.fault(
        Fault::on(Operation::DescribeEndpoint)
            .skip(1)
            .always()
            .delay(Duration::from_millis(300)),
    );
    let delete = ["delete", "mine", "--all", "--delay", "50ms"];
    let child = bench
        .command(&delete)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let deletes = || {
        let requests = bench.endpoint.requests();
        let mut operations = requests.iter().map(|request| request.operation);
        operations.any(|operation| operation == Operation::DeleteEndpoint)
    };
    while !deletes() {
        SystemClock.sleep(Duration::from_millis(5));
    }
    signal(&child, "TERM");
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    ran.ends_with(130).says("still there");
    let [model, config, _] = there(&bench);
    assert!(model && config, "{}", ran.stderr);
    // The same command continues.
    for _ in 0..100 {
        if !there(&bench)[2] {
            break;
        }
        SystemClock.sleep(Duration::from_millis(20));
    }
    bench.run(&delete).ends_with(0);
    assert_eq!(there(&bench), [false; 3]);
}

#[test]
fn resources_of_a_killed_deployment_are_taken_up_by_the_same_command() {
    for step in 0..3 {
        let bench = bench();
        let ran = ended_in(&bench, step, "KILL", &[]);
        assert_eq!(ran.code, None);
        settled(&bench, step);
        bench.run(&deploy(&[])).ends_with(0);
        assert_eq!(there(&bench), [true; 3]);
        // It is not another deployment of that name.
        bench
            .run(&deploy(&["--instance-count", "2"]))
            .ends_with(5)
            .says("choose another name");
    }
}

#[test]
fn what_a_killed_deployment_left_is_removed() {
    for step in 0..3 {
        let bench = bench();
        ended_in(&bench, step, "KILL", &[]);
        settled(&bench, step);
        let delete = ["delete", "mine", "--all", "--delay", "50ms"];
        bench.run(&delete).ends_with(0);
        assert_eq!(there(&bench), [false; 3]);
        bench.run(&delete).ends_with(5).says("mine");
    }
}

/// With any parts of a deployment: the same command creates the rest, and `delete --all` removes them.
#[test]
fn any_parts_are_taken_up_and_removed() {
    let delete = ["delete", "mine", "--all", "--delay", "50ms"];
    for parts in 1..8 {
        let kept = [0, 1, 2].map(|part| parts >> part & 1 == 1);
        for taken_up in [true, false] {
            let bench = bench();
            bench.run(&deploy(&[])).ends_with(0);
            let session = bench.endpoint.session().expect("a session");
            let sagemaker = SageMaker::new(&session);
            if !kept[2] {
                sagemaker.delete_endpoint("mine").expect("a deletion");
                until_gone(&bench);
            }
            if !kept[1] {
                sagemaker
                    .delete_endpoint_config("mine")
                    .expect("a deletion");
            }
            if !kept[0] {
                sagemaker.delete_model("mine").expect("a deletion");
            }
            assert_eq!(there(&bench), kept);
            if taken_up {
                bench.run(&deploy(&[])).ends_with(0);
                assert_eq!(there(&bench), [true; 3], "{kept:?}");
            }
            bench.run(&delete).ends_with(0);
            assert_eq!(there(&bench), [false; 3], "{kept:?}");
        }
    }
}

fn until_gone(bench: &Bench) {
    for _ in 0..400 {
        if !there(bench)[2] {
            return;
        }
        SystemClock.sleep(Duration::from_millis(10));
    }
    panic!("the endpoint is still there");
}

/// The operations that were sent, without those that read.
fn changes(bench: &Bench) -> Vec<Operation> {
    let requests = bench.endpoint.requests();
    let operations = requests.iter().map(|request| request.operation);
    let reads = ["Describe", "List", "Get"];
    operations
        .filter(|operation| {
            !reads
                .iter()
                .any(|r| format!("{operation:?}").starts_with(r))
        })
        .collect()
}

/// A command that gets this signal while an operation is on its way; `after` is one that it sends before.
fn signalled_in(bench: &Bench, arguments: &[&str], after: Operation, name: &str) -> Ran {
    bench.endpoint.clear_requests();
    let child = bench
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    for _ in 0..1000 {
        let requests = bench.endpoint.requests();
        if requests.iter().any(|request| request.operation == after) {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10));
    }
    SystemClock.sleep(Duration::from_millis(200));
    signal(&child, name);
    Ran::of(child.wait_with_output().expect("it ends"))
}

fn slow(bench: &Bench, operation: Operation) {
    let fault = Fault::on(operation).times(1);
    bench
        .endpoint
        .fault(fault.delay(Duration::from_millis(1200)));
}

#[test]
fn a_plain_deletion_stops_before_the_next_step() {
    for name in ["INT", "TERM"] {
        let bench = bench();
        bench.run(&deploy(&[])).ends_with(0);
        slow(&bench, Operation::DeleteEndpointConfig);
        let delete = ["delete", "mine", "--delay", "50ms"];
        let ran = signalled_in(&bench, &delete, Operation::DescribeEndpoint, name);
        ran.ends_with(130)
            .says("still there: endpoint mine; removed: endpoint configuration mine")
            .says("run the same command again")
            .printed("");
        assert_eq!(changes(&bench), [Operation::DeleteEndpointConfig]);
        // The configuration is gone, which is no reason to stop.
        bench.run(&delete).ends_with(0);
        assert_eq!(there(&bench), [true, false, false]);
    }
}

#[test]
fn an_update_stops_before_the_next_step() {
    for name in ["INT", "TERM"] {
        let bench = bench();
        bench.run(&deploy(&[])).ends_with(0);
        slow(&bench, Operation::CreateEndpointConfig);
        let update = ["update", "mine", "--instance-count", "2", "--delay", "50ms"];
        let named = ["--endpoint-config-name", "second"];
        let update = [&update[..], &named].concat();
        let ran = signalled_in(&bench, &update, Operation::DescribeEndpointConfig, name);
        ran.ends_with(130)
            .says("still there: endpoint configuration second")
            .says("run the same command again")
            .printed("");
        assert_eq!(changes(&bench), [Operation::CreateEndpointConfig]);
        bench.run(&update).ends_with(0);
        let session = bench.endpoint.session().expect("a session");
        let described = Endpoint::new("mine", &session).describe().expect("it is");
        let config = described.description().endpoint_config_name();
        assert_eq!(config, Some("second"));
        // Another configuration of that name is not used.
        let other = ["update", "mine", "--instance-count", "3"];
        bench.run(&[&other[..], &named].concat()).ends_with(5);
    }
}

#[test]
fn scaling_stops_before_the_next_step() {
    let bench = bench();
    bench.run(&deploy(&[])).ends_with(0);
    for (arguments, slowed, after, sent) in [
        (
            &["scale", "mine", "--to-zero"][..],
            Operation::PutScalingPolicy,
            Operation::RegisterScalableTarget,
            &[
                Operation::RegisterScalableTarget,
                Operation::PutScalingPolicy,
            ][..],
        ),
        (
            &["scale", "mine", "--remove"],
            Operation::DeleteAlarms,
            Operation::DeleteScalingPolicy,
            &[Operation::DeleteScalingPolicy, Operation::DeleteAlarms],
        ),
    ] {
        slow(&bench, slowed);
        let ran = signalled_in(&bench, arguments, after, "INT");
        ran.ends_with(130)
            .says("still there: scaling of endpoint/mine/variant/AllTraffic")
            .says("Run the same command again")
            .printed("");
        assert_eq!(changes(&bench), sent);
        bench.run(arguments).ends_with(0);
    }
}

/// Also where the service does not respond: the time of a timeout is a minute.
#[test]
fn an_interrupt_ends_a_request_that_hangs() {
    let image = deploy(&[]);
    let to_zero = ["scale", "mine", "--to-zero"];
    let update = ["update", "mine", "--instance-count", "2"];
    let cases: [(&[&str], Operation, &str); 7] = [
        (
            &image,
            Operation::CreateModel,
            "may exist, because the response was lost: model mine",
        ),
        (
            &image,
            Operation::CreateEndpoint,
            "may exist, because the response was lost: endpoint mine",
        ),
        (
            &["delete", "mine"],
            Operation::DescribeEndpoint,
            "run the same command again",
        ),
        (
            &["delete", "mine"],
            Operation::DeleteEndpoint,
            "may exist, because the response was lost: endpoint mine",
        ),
        (&update, Operation::DescribeEndpointConfig, "describe mine"),
        (
            &update,
            Operation::CreateEndpointConfig,
            "may exist, because the response was lost: endpoint configuration",
        ),
        (
            &to_zero,
            Operation::PutMetricAlarm,
            "still there: scaling of",
        ),
    ];
    std::thread::scope(|scope| {
        for (arguments, hangs, message) in cases {
            scope.spawn(move || interrupted_while_it_hangs(arguments, hangs, message));
        }
    });
}

fn interrupted_while_it_hangs(arguments: &[&str], hangs: Operation, message: &str) {
    let bench = bench();
    if arguments[0] != "deploy" {
        bench.run(&deploy(&[])).ends_with(0);
    }
    bench.endpoint.fault(Fault::on(hangs).always().hang());
    let before = bench.endpoint.requests().len();
    let child = bench
        .command(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let guard = SystemClock.monotonic() + Duration::from_mins(1);
    let is_sent = || {
        let requests = bench.endpoint.requests();
        requests[before..].iter().any(|r| r.operation == hangs)
    };
    while !is_sent() {
        assert!(SystemClock.monotonic() < guard, "{hangs:?} was not sent");
        SystemClock.sleep(Duration::from_millis(5));
    }
    let begun = SystemClock.monotonic();
    signal(&child, "INT");
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    let took = SystemClock.monotonic().saturating_sub(begun);
    ran.ends_with(130).says(message);
    assert!(took < Duration::from_secs(20), "{hangs:?}: {took:?}");
}
