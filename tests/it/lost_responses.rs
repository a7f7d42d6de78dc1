//! Changes of the control plane whose response is lost: the outcome is looked up.

use crate::support;
use crate::support::service_code;

use std::time::Duration;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::{
    ContainerDefinition, Endpoint, EndpointWaiter, Model, OnFailure, ScaleToZero, ScalingPolicy,
};
use sagemaker_async_inference::error::Resource;
use sagemaker_async_inference::local::{Fault, Operation};
use support::bench::{ROLE, bench, model, partial, waiter};

#[test]
fn a_lost_response_is_checked() {
    let bench = bench();
    let operations = [
        Operation::CreateModel,
        Operation::CreateEndpointConfig,
        Operation::CreateEndpoint,
        Operation::DeleteModel,
        Operation::DeleteEndpointConfig,
        Operation::DeleteEndpoint,
    ];
    for operation in operations {
        bench
            .local
            .fault(Fault::on(operation).drop_after_handling());
    }
    let waiter = waiter();
    let endpoint = bench
        .deployment("mine")
        .start_and_wait(&waiter)
        .expect("a deployment");
    endpoint
        .remove(&EndpointWaiter::deleted())
        .expect("a removal");
    assert!(bench.sagemaker().describe_model("mine-model").is_err());

    // Nothing was carried out: the request is sent again, until the attempts are used up.
    for operation in operations {
        bench.local.fault(Fault::on(operation).drop_connection());
    }
    bench
        .deployment("mine")
        .start_and_wait(&waiter)
        .expect("a deployment");
    bench.local.clear_faults();
    bench
        .local
        .fault(Fault::on(Operation::CreateModel).always().drop_connection());
    bench.local.clear_requests();
    let error = bench
        .sagemaker()
        .create_model(&model("other"))
        .expect_err("no response");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    let requests = bench.local.requests();
    let creates = requests
        .iter()
        .filter(|r| r.operation == Operation::CreateModel);
    assert_eq!(creates.count(), 3);
}

#[test]
fn an_existing_resource_that_differs_is_not_taken_up() {
    let bench = bench();
    bench
        .sagemaker()
        .create_model(&model("taken"))
        .expect("a model");
    bench
        .local
        .fault(Fault::on(Operation::CreateModel).always().status(500));
    let other = Model::new("taken", ContainerDefinition::new("other:2")).execution_role_arn(ROLE);
    let error = bench
        .sagemaker()
        .create_model(&other)
        .expect_err("a lost reply");
    assert!(service_code(&error) == Some("InternalFailure"), "{error:?}");

    // An equal resource counts as created, but is never removed: it may belong to others.
    bench.local.clear_faults();
    bench
        .local
        .fault(Fault::on(Operation::CreateModel).status(500));
    bench
        .local
        .fault(Fault::on(Operation::CreateEndpoint).error(400, "ResourceLimitExceeded"));
    let deployment = Endpoint::deploy("mine", &bench.session)
        .model(model("taken"))
        .instances("ml.m5.large", 1)
        .on_failure(OnFailure::Remove);
    let error = deployment.start().expect_err("a quota");
    let stopped = partial(error);
    assert_eq!(stopped.unsure(), [Resource::Model("taken".into())]);
    assert!(bench.sagemaker().describe_model("taken").is_ok());
}

#[test]
fn a_lost_response_to_an_update_is_checked() {
    let bench = bench();
    for fault in [
        Fault::on(Operation::UpdateEndpoint).drop_after_handling(),
        Fault::on(Operation::UpdateEndpoint).drop_connection(),
    ] {
        bench.local.fault(fault);
        let update = bench.endpoint.update().initial_instance_count(2);
        let name = update.start_and_wait(&waiter()).expect("an update");
        let description = bench
            .endpoint
            .wait_in_service(&waiter())
            .expect("in service");
        assert_eq!(description.endpoint_config_name(), Some(name.as_str()));
    }
}

#[test]
fn what_a_lost_request_may_have_created_is_named() {
    let steps = [
        (Operation::CreateModel, Operation::DescribeModel),
        (
            Operation::CreateEndpointConfig,
            Operation::DescribeEndpointConfig,
        ),
        (Operation::CreateEndpoint, Operation::DescribeEndpoint),
    ];
    let names = [
        Resource::Model("mine-model".into()),
        Resource::EndpointConfig("mine".into()),
        Resource::Endpoint("mine".into()),
    ];
    for ((create, describe), name) in steps.into_iter().zip(names) {
        let bench = bench();
        let lost = Fault::on(create).drop_after_handling();
        bench.local.fault(lost);
        bench.local.fault(Fault::on(describe).access_denied());
        let error = bench.deployment("mine").start().expect_err("a lost reply");
        let stopped = partial(error);
        assert_eq!(stopped.unsure(), [name]);
        assert!(matches!(stopped.cause(), Error::Transport(_)), "{stopped}");
    }

    let bench = bench();
    let lost = Fault::on(Operation::CreateEndpointConfig).drop_after_handling();
    bench.local.fault(lost);
    let denied = Fault::on(Operation::DescribeEndpointConfig).skip(1);
    bench.local.fault(denied.access_denied());
    let update = bench.endpoint.update().endpoint_config_name("second");
    let stopped = partial(update.start().expect_err("a lost reply"));
    assert_eq!(
        stopped.unsure(),
        [Resource::EndpointConfig("second".into())]
    );
}

/// Without the description it is unknown whether the resource is as requested: another name would be no remedy.
#[test]
fn a_resumed_deployment_reports_what_it_could_not_describe() {
    let bench = bench();
    let sagemaker = bench.sagemaker();
    sagemaker.create_model(&model("mine")).expect("a model");
    let denied = Fault::on(Operation::DescribeModel).access_denied();
    bench.local.fault(denied);
    let deployment = Endpoint::deploy("mine", &bench.session)
        .model(model("mine"))
        .instances("ml.m5.large", 1);
    let error = deployment.clone().resume().start();
    let words = format!("{:#}", error.expect_err("a refusal"));
    assert!(words.contains("sagemaker:DescribeModel"), "{words}");
    deployment.resume().start().expect("the same deployment");
}

#[test]
fn a_scaling_whose_first_response_is_lost_is_named() {
    let bench = bench();
    let scaling = bench.endpoint.scaling();
    let named = [Resource::Scaling(scaling.resource_id())];
    let lost = |operation| Fault::on(operation).always().drop_after_handling();
    bench.local.fault(lost(Operation::RegisterScalableTarget));
    let error = scaling.scale_to_zero(&ScaleToZero::new());
    let stopped = partial(error.expect_err("a lost reply"));
    assert_eq!((stopped.left(), stopped.unsure()), (&[][..], &named[..]));
    assert!(scaling.describe_target().expect("a target").is_some());

    bench.local.clear_faults();
    scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
    let unavailable = Fault::on(Operation::DeleteScalingPolicy).always();
    bench.local.fault(unavailable.status(500));
    let stopped = partial(scaling.remove().expect_err("no answer"));
    assert_eq!((stopped.left(), stopped.unsure()), (&[][..], &named[..]));
    let stopped = partial(
        bench
            .endpoint
            .remove(&EndpointWaiter::deleted())
            .expect_err("no answer"),
    );
    assert_eq!((stopped.left(), stopped.unsure()), (&[][..], &named[..]));
    // A refusal leaves nothing open.
    bench.local.clear_faults();
    let denied = Fault::on(Operation::DeleteScalingPolicy).access_denied();
    bench.local.fault(denied);
    let error = scaling.remove().expect_err("a refusal");
    assert!(matches!(error, Error::Service(_)), "{error:?}");
}

#[test]
fn a_scaling_that_the_lost_request_took_away_counts_as_deleted() {
    let bench = bench();
    let scaling = bench.endpoint.scaling();
    let lost = |operation| Fault::on(operation).drop_after_handling();
    scaling.register(0, 1).expect("a registration");
    let policy = ScalingPolicy::add_instances("wake-up", 1, Duration::from_mins(5));
    scaling.put_policy(&policy).expect("a policy");

    bench.local.fault(lost(Operation::DeleteScalingPolicy));
    scaling.delete_policy("wake-up").expect("a deletion");
    bench.local.fault(lost(Operation::DeregisterScalableTarget));
    scaling.deregister().expect("a deregistration");

    // A resource that never existed is reported.
    let error = scaling.deregister().expect_err("nothing registered");
    assert!(
        service_code(&error) == Some("ObjectNotFoundException"),
        "{error:?}"
    );
}

#[test]
fn a_resource_that_is_gone_after_lost_responses_counts_as_deleted() {
    let bench = bench();
    bench
        .deployment("mine")
        .start_and_wait(&waiter())
        .expect("a deployment");
    let sagemaker = bench.sagemaker();
    let config = sagemaker.describe_endpoint("mine").expect("an endpoint");
    let config = config
        .endpoint_config_name()
        .expect("its configuration")
        .to_owned();
    let lose = |operation| {
        bench.local.clear_faults();
        // The one that deletes, and those after it.
        bench
            .local
            .fault(Fault::on(operation).drop_after_handling());
        bench
            .local
            .fault(Fault::on(operation).always().drop_connection());
    };
    lose(Operation::DeleteEndpoint);
    sagemaker.delete_endpoint("mine").expect("on its way out");
    Endpoint::new("mine", &bench.session)
        .wait_deleted(&EndpointWaiter::deleted())
        .expect("gone");
    lose(Operation::DeleteEndpointConfig);
    sagemaker.delete_endpoint_config(&config).expect("gone");
    lose(Operation::DeleteModel);
    sagemaker.delete_model("mine-model").expect("gone");

    // A resource that still exists was not deleted.
    bench.local.clear_faults();
    sagemaker.create_model(&model("left")).expect("a model");
    let drop = Fault::on(Operation::DeleteModel).always();
    bench.local.fault(drop.drop_connection());
    let error = sagemaker.delete_model("left").expect_err("no response");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
}

#[test]
fn what_a_refused_request_left_alone_was_not_deleted_by_it() {
    let bench = bench();
    let throttled = |operation| Fault::on(operation).error(400, "ThrottlingException");
    bench.local.fault(throttled(Operation::DeleteModel));
    let error = bench.sagemaker().delete_model("nothing");
    let error = error.expect_err("no such model");
    assert!(
        service_code(&error) == Some("ValidationException"),
        "{error:?}"
    );

    let scaling = bench.endpoint.scaling();
    let operation = Operation::DeregisterScalableTarget;
    bench.local.fault(throttled(operation));
    let error = scaling.deregister().expect_err("nothing registered");
    assert!(
        service_code(&error) == Some("ObjectNotFoundException"),
        "{error:?}"
    );
}
