//! Deployments against a control plane that shows a change some time after it confirmed it.

use crate::support;
use crate::support::service_code;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::{
    Endpoint, EndpointWaiter, OnFailure, ScaleToZero, VariantScaling, VpcConfig,
};
use sagemaker_async_inference::error::EndpointWaitReason;
use sagemaker_async_inference::local::{Fault, Operation};
use serde_json::{Value, json};
use support::bench::{Bench, bench, waiter};
use support::client;
use support::verifier::{Reply, Rules, Seen, Verifier};

const JSON: [(&str, &str); 1] = [("content-type", "application/x-amz-json-1.1")];

fn missing(operation: Operation, what: &str) -> Fault {
    let message = format!("Could not find {what} \"arn:aws:sagemaker:..\".");
    let body = json!({"__type": "ValidationException", "message": message});
    Fault::on(operation).respond(400, JSON, body.to_string())
}

fn count(bench: &Bench, operation: Operation) -> usize {
    let requests = bench.local.requests();
    let of = |request: &&_| {
        let request: &sagemaker_async_inference::local::RecordedRequest = request;
        request.operation == operation
    };
    requests.iter().filter(of).count()
}

fn reason(error: &Error) -> EndpointWaitReason {
    match error {
        Error::EndpointWait(wait) => wait.reason(),
        Error::Deployment(stopped) => reason(stopped.cause()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_endpoint_that_is_not_described_yet_is_waited_for() {
    let bench = bench();
    bench
        .local
        .fault(missing(Operation::DescribeEndpoint, "endpoint").times(2));
    let endpoint = bench.deployment("mine").on_failure(OnFailure::Remove);
    endpoint.start_and_wait(&waiter()).expect("a deployment");

    // One that is gone again is not waited for until the end.
    let lost = missing(Operation::DescribeEndpoint, "endpoint").always();
    bench.local.fault(lost);
    bench.local.clear_requests();
    let deployment = bench.deployment("other");
    let error = deployment.start_and_wait(&waiter()).expect_err("lost");
    assert_eq!(reason(&error), EndpointWaitReason::NotFound);
    assert_eq!(count(&bench, Operation::DescribeEndpoint), 3);
    let error = bench.endpoint.wait_in_service(&waiter());
    assert_eq!(
        reason(&error.expect_err("lost")),
        EndpointWaitReason::NotFound
    );
    assert_eq!(count(&bench, Operation::DescribeEndpoint), 4);
}

/// A deployment that is repeated after a deletion does not take up what is about to vanish.
#[test]
fn an_endpoint_that_is_being_deleted_is_not_taken_up() {
    let bench = bench();
    let deploy = || bench.deployment("mine").resume();
    let endpoint = deploy().start_and_wait(&waiter()).expect("a deployment");
    endpoint.delete(false).expect("a deletion");
    let error = deploy().start_and_wait(&waiter()).expect_err("a deletion");
    let remedy = error.remedy().unwrap_or_default();
    assert!(remedy.contains("wait until it is gone"), "{remedy}");
    let Error::Deployment(stopped) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(service_code(stopped.cause()), Some("ValidationException"));
    // What an earlier run made is not said to be uncertain because of a lost response.
    let words = "there from before: model mine-model, endpoint configuration mine";
    assert!(format!("{error}").contains(words), "{error}");
    assert!(!format!("{error}").contains("lost"), "{error}");
    assert_eq!(stopped.unsure().len(), 2);
    endpoint
        .wait_deleted(&EndpointWaiter::deleted())
        .expect("it is gone");
    deploy().start_and_wait(&waiter()).expect("a deployment");
}

#[test]
fn what_was_created_a_moment_ago_may_not_be_found_yet() {
    let bench = bench();
    for fault in [
        missing(Operation::CreateEndpointConfig, "model"),
        missing(Operation::CreateEndpoint, "endpoint configuration"),
        missing(Operation::UpdateEndpoint, "endpoint configuration"),
    ] {
        bench.local.fault(fault.times(2));
    }
    let endpoint = bench.deployment("mine").start_and_wait(&waiter());
    let endpoint = endpoint.expect("a deployment");
    let update = endpoint.update().initial_instance_count(1);
    update.start_and_wait(&waiter()).expect("an update");

    // What does not exist at all is reported soon, and at once if nothing of it was created here.
    let lost = missing(Operation::CreateEndpointConfig, "model").always();
    bench.local.fault(lost);
    for (own, requests) in [(true, 4), (false, 1)] {
        bench.local.clear_requests();
        let deployment = if own {
            bench.deployment("other")
        } else {
            let deployment = Endpoint::deploy("other", &bench.session);
            deployment.model_name("nobodys").instances("ml.m5.large", 1)
        };
        let error = deployment.start().expect_err("no model");
        let cause = match &error {
            Error::Deployment(stopped) => stopped.cause(),
            other => other,
        };
        assert_eq!(service_code(cause), Some("ValidationException"));
        assert_eq!(count(&bench, Operation::CreateEndpointConfig), requests);
    }
}

/// Lets the endpoint be described as it is now for this many requests, after some others.
fn stale(bench: &Bench, endpoint: &Endpoint, skip: u32) -> Fault {
    let described = bench.sagemaker().describe_endpoint(endpoint.name());
    let described = described.expect("a description").raw().to_string();
    Fault::on(Operation::DescribeEndpoint)
        .skip(skip)
        .respond(200, JSON, described)
}

#[test]
fn an_update_that_is_not_described_yet_is_not_taken_for_a_rollback() {
    let bench = bench();
    bench
        .local
        .fault(stale(&bench, &bench.endpoint, 1).times(2));
    let update = bench.endpoint.update().initial_instance_count(2);
    update.start_and_wait(&waiter()).expect("an update");

    // If it is never described, it did not happen.
    bench
        .local
        .fault(stale(&bench, &bench.endpoint, 1).always());
    let update = bench.endpoint.update().initial_instance_count(3);
    let error = update.start_and_wait(&waiter()).expect_err("no update");
    assert_eq!(reason(&error), EndpointWaitReason::RolledBack);
    let Error::EndpointWait(wait) = error else {
        panic!("{error:?}")
    };
    assert_eq!(wait.elapsed(), Duration::from_mins(1));
}

#[test]
fn a_failed_endpoint_whose_deletion_is_not_described_yet_is_removed() {
    let bench = bench();
    bench.local.fail_next_deployment("no image");
    let deployment = bench.deployment("mine");
    let error = deployment.start_and_wait(&waiter()).expect_err("a failure");
    assert_eq!(reason(&error), EndpointWaitReason::Failed);
    let endpoint = Endpoint::new("mine", &bench.session);
    bench.local.fault(stale(&bench, &endpoint, 1).times(2));
    endpoint
        .remove(&EndpointWaiter::deleted())
        .expect("a removal");
    assert!(bench.sagemaker().describe_model("mine-model").is_err());
}

#[test]
fn a_wait_after_a_change_outlasts_the_description_from_before_it() {
    let bench = bench();
    let lost = missing(Operation::DescribeEndpoint, "endpoint").times(2);
    bench.local.fault(lost);
    let endpoint = bench.deployment("mine").start().expect("a deployment");
    endpoint.wait_in_service(&waiter()).expect("in service");

    bench.local.fault(stale(&bench, &endpoint, 1).times(2));
    let update = endpoint.update().initial_instance_count(2);
    let config = update.start().expect("an update");
    let described = endpoint.wait_in_service(&waiter()).expect("in service");
    assert_eq!(described.endpoint_config_name(), Some(&*config));

    bench.local.fault(stale(&bench, &endpoint, 0).times(2));
    endpoint.scaling().set_instance_count(3).expect("it scales");
    let described = endpoint.wait_in_service(&waiter()).expect("in service");
    assert_eq!(described.current_instance_count(), 3);

    for delete_config in [true, false] {
        bench.local.fail_next_deployment("no image");
        let name = format!("failed-{delete_config}");
        let endpoint = bench.deployment(&name).start().expect("a deployment");
        let error = endpoint.wait_in_service(&waiter()).expect_err("a failure");
        assert_eq!(reason(&error), EndpointWaitReason::Failed);
        let skip = u32::from(delete_config);
        bench.local.fault(stale(&bench, &endpoint, skip).times(2));
        endpoint.delete(delete_config).expect("a deletion");
        endpoint
            .wait_deleted(&EndpointWaiter::deleted())
            .expect("it is gone");
    }

    // A deletion that is never described did not happen.
    bench.local.fail_next_deployment("no image");
    let endpoint = bench.deployment("last").start().expect("a deployment");
    endpoint.wait_in_service(&waiter()).expect_err("a failure");
    bench.local.fault(stale(&bench, &endpoint, 0).always());
    endpoint.delete(false).expect("a deletion");
    let error = endpoint.wait_deleted(&EndpointWaiter::deleted());
    let error = error.expect_err("a failure");
    assert_eq!(reason(&error), EndpointWaitReason::Failed);
}

#[test]
fn only_a_refusal_that_says_so_means_that_an_endpoint_does_not_exist() {
    let bench = bench();
    let body = json!({
        "__type": "ValidationException",
        "message": "1 validation error detected: the request is not for this account",
    });
    let refused = Fault::on(Operation::DescribeEndpoint).always();
    bench
        .local
        .fault(refused.respond(400, JSON, body.to_string()));
    let deleted = bench.endpoint.wait_deleted(&EndpointWaiter::deleted());
    let error = deleted.expect_err("it is not known to be gone");
    assert_eq!(service_code(&error), Some("ValidationException"));
    let error = bench.endpoint.wait_in_service(&waiter());
    let error = error.expect_err("a refusal");
    assert_eq!(service_code(&error), Some("ValidationException"));
}

#[test]
fn a_model_whose_subnets_are_described_in_another_order_is_taken_up() {
    let bench = bench();
    let deploy = |groups: [&str; 2]| {
        let network = VpcConfig::new(groups, ["subnet-1", "subnet-2"]);
        let model = support::bench::model("mine-model").vpc_config(network);
        let deployment = Endpoint::deploy("mine", &bench.session).model(model);
        deployment.instances("ml.m5.large", 1).resume().start()
    };
    deploy(["sg-1", "sg-2"]).expect("a deployment");
    let model = bench.sagemaker().describe_model("mine-model");
    let mut model = model.expect("a model").raw().clone();
    model["VpcConfig"] = json!({
        "SecurityGroupIds": ["sg-2", "sg-1"],
        "Subnets": ["subnet-2", "subnet-1"],
    });
    let described = Fault::on(Operation::DescribeModel).always();
    bench
        .local
        .fault(described.respond(200, JSON, model.to_string()));
    deploy(["sg-1", "sg-2"]).expect("the same deployment");
    deploy(["sg-1", "sg-3"]).expect_err("another deployment");
}

/// The first run ended between the request and the end of its wait.
#[test]
fn an_update_that_is_complete_is_not_made_again() {
    let bench = bench();
    let run = |count| {
        let update = bench.endpoint.update().initial_instance_count(count);
        update.endpoint_config_name("next").resume()
    };
    run(2).start_and_wait(&waiter()).expect("an update");
    bench.local.clear_requests();
    let config = run(2).start_and_wait(&waiter()).expect("it is there");
    assert_eq!(config, "next");
    assert_eq!(count(&bench, Operation::UpdateEndpoint), 0);
    // Another update does not get the name.
    let error = run(3).start_and_wait(&waiter()).expect_err("another");
    assert_eq!(service_code(&error), Some("ValidationException"));
    assert_eq!(count(&bench, Operation::UpdateEndpoint), 0);
}

fn target(seen: &Seen) -> &str {
    let target = seen.header("x-amz-target").unwrap_or_default();
    target.split('.').next_back().unwrap_or_default()
}

fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).expect("JSON")
}

fn refused(code: &str) -> Reply {
    Reply::new(400, json!({"__type": code, "message": "no"}).to_string())
}

/// Variant `variant` of endpoint `endpoint`.
fn scaling(server: &Verifier, endpoint: &str, variant: &str) -> VariantScaling {
    Endpoint::new(endpoint, &client::session_at(&server.url())).scaling_of(variant)
}

#[test]
fn a_variant_that_was_registered_a_moment_ago_may_not_be_found_yet() {
    let refusals = AtomicU32::new(1);
    let server = Verifier::start(Rules::new(), move |seen| {
        let is_policy = target(seen) == "PutScalingPolicy";
        if is_policy && refusals.swap(0, Ordering::SeqCst) > 0 {
            return refused("ObjectNotFoundException");
        }
        Reply::new(200, r#"{"PolicyARN": "arn:policy"}"#)
    });
    let scaling = scaling(&server, "my-endpoint", "AllTraffic");
    scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
}

#[test]
fn a_registration_is_found_behind_an_empty_page() {
    let server = Verifier::start(Rules::new(), |seen| {
        Reply::new(
            200,
            match body(seen)["NextToken"].as_str() {
                None => r#"{"ScalableTargets": [], "NextToken": "more"}"#,
                Some(_) => r#"{"ScalableTargets": [{"MinCapacity": 0, "MaxCapacity": 3}]}"#,
            },
        )
    });
    let target = scaling(&server, "my-endpoint", "AllTraffic").describe_target();
    let target = target.expect("a response").expect("a registration");
    assert_eq!(target.max_capacity(), Some(3));
}

/// An account of alarms, by name.
fn alarms_of(server: &Verifier) -> Vec<(String, String)> {
    let seen = server.seen();
    let put = seen.iter().filter(|seen| target(seen) == "PutMetricAlarm");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    put.map(|seen| {
        let alarm = body(seen);
        (
            text(&alarm["AlarmName"]),
            text(&alarm["Dimensions"][0]["Value"]),
        )
    })
    .collect()
}

#[test]
fn alarms_of_different_variants_have_different_names() {
    let server = Verifier::start(Rules::new(), |_| {
        Reply::new(200, r#"{"PolicyARN": "arn:policy"}"#)
    });
    let longest = "e".repeat(63);
    for (endpoint, variant) in [
        ("a", "b-c"),
        ("a-b", "c"),
        ("a", "AllTraffic"),
        ("a-AllTraffic", "x"),
        ("a", "AllTraffic-x"),
        ("a--b", "c"),
        ("a", "b--c"),
        (&*longest, &*format!("{}-v", "v".repeat(61))),
    ] {
        let scaling = scaling(&server, endpoint, variant);
        scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
    }
    let alarms = alarms_of(&server);
    let mut names: Vec<&str> = alarms.iter().map(|(name, _)| &**name).collect();
    assert!(names.iter().all(|name| name.len() <= 255));
    assert!(names.contains(&"a-AllTraffic-has-backlog-without-capacity"));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 8, "{names:?}");
}

/// Alarms of release 0.1 had names that two variants could share.
#[test]
fn a_variants_alarm_of_its_former_name_is_deleted_and_no_others() {
    const FORMER: &str = "a-b-c-has-backlog-without-capacity";
    for (owner, deletes) in [("a", true), ("a-b", false), ("", false)] {
        let server = Verifier::start(Rules::new(), move |seen| match target(seen) {
            "DescribeAlarms" if owner.is_empty() => refused("AccessDeniedException"),
            "DescribeAlarms" => {
                assert_eq!(body(seen)["AlarmNames"], json!([FORMER]));
                let dimensions = json!([{"Name": "EndpointName", "Value": owner}]);
                let alarm = json!({"AlarmName": FORMER, "Dimensions": dimensions});
                Reply::new(200, json!({"MetricAlarms": [alarm]}).to_string())
            }
            _ => Reply::new(200, r#"{"PolicyARN": "arn:policy"}"#),
        });
        let scaling = scaling(&server, "a", "b-c");
        scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
        scaling.remove().expect("a removal");
        let seen = server.seen();
        let deleted = seen.iter().filter(|seen| target(seen) == "DeleteAlarms");
        let deleted: Vec<Value> = deleted
            .map(|seen| body(seen)["AlarmNames"].clone())
            .collect();
        let own = json!(["a/b-c-has-backlog-without-capacity"]);
        let expected = if deletes {
            vec![json!([FORMER]), own, json!([FORMER])]
        } else {
            vec![own]
        };
        assert_eq!(deleted, expected, "{owner}");
    }
}
