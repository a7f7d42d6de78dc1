//! Deployments that are interrupted or killed: what they left is taken up, or removed.

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

/// Ends a deployment while a step is on its way, whose answer takes its time.
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
    let mut told = String::new();
    while !told.contains("deploying") {
        assert!(stderr.read_line(&mut told).expect("text") > 0, "{told}");
    }
    for _ in 0..400 {
        if step == 0 || there(bench)[step - 1] {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10));
    }
    SystemClock.sleep(Duration::from_millis(300));
    signal(&child, name);
    stderr.read_to_string(&mut told).expect("text");
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    Ran {
        stderr: told,
        ..ran
    }
}

/// Whether model, configuration and endpoint are there.
fn there(bench: &Bench) -> [bool; 3] {
    let session = bench.endpoint.session().expect("a session");
    let sagemaker = SageMaker::new(&session);
    [
        sagemaker.describe_model("mine").is_ok(),
        sagemaker.describe_endpoint_config("mine").is_ok(),
        Endpoint::new("mine", &session).describe().is_ok(),
    ]
}

/// Until the service has done what it was sent.
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
                .says("the same command takes it up")
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
    // The same command goes on.
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
fn what_a_killed_deployment_left_is_taken_up_by_the_same_command() {
    for step in 0..3 {
        let bench = bench();
        let ran = ended_in(&bench, step, "KILL", &[]);
        assert_eq!(ran.code, None);
        settled(&bench, step);
        bench.run(&deploy(&[])).ends_with(0);
        assert_eq!(there(&bench), [true; 3]);
        // It is no other deployment of that name.
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
