//! Updates, data capture and removal, against the local endpoint in virtual time.

use crate::support;
use crate::support::service_code;

use std::time::Duration;

use sagemaker_async_inference::endpoint::{
    CapacitySize, DataCaptureConfig, DeploymentConfig, EndpointStatus, EndpointWaiter, ScaleToZero,
    UpdateEndpoint, VariantProperty,
};
use sagemaker_async_inference::error::{EndpointWaitReason, Resource};
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::{AsyncInferenceConfig, AsyncPredictor, Error};
use support::bench::{Bench, bench, partial, waiter};

/// A configuration as it is reported.
fn reported(bench: &Bench, name: &str) -> serde_json::Value {
    let described = bench.sagemaker().describe_endpoint_config(name);
    described.expect("a configuration").raw().clone()
}

#[test]
fn an_endpoint_goes_over_to_the_new_configuration_and_serves_meanwhile() {
    let bench = bench();
    let careful = DeploymentConfig::linear(CapacitySize::Percent(50), Duration::from_mins(1));
    let update = bench
        .endpoint
        .update()
        .initial_instance_count(3)
        .deployment_config(careful);
    let name = update.start().expect("an update");
    let overview = bench.endpoint.describe().expect("an overview");
    assert_eq!(overview.status(), EndpointStatus::Updating);
    let description = overview.description();
    assert_eq!(description.endpoint_config_name(), Some(bench.local.name()));
    assert_eq!(
        description.pending_endpoint_config_name(),
        Some(name.as_str())
    );
    let response = bench
        .endpoint
        .predictor()
        .predict_async("hello")
        .expect("it serves");
    assert!(bench.local.wait_until_idle(Duration::from_secs(20)));
    assert!(
        response
            .try_get_result::<String>()
            .expect("a look")
            .is_some()
    );

    // Nothing else until it is done.
    let second = bench.endpoint.update().endpoint_config_name("second");
    let error = second.start().expect_err("busy");
    assert!(
        matches!(&error, Error::Config(_)) && error.to_string().contains("is Updating"),
        "{error}"
    );
    assert!(
        bench
            .sagemaker()
            .describe_endpoint_config("second")
            .is_err()
    );

    let description = bench
        .endpoint
        .wait_in_service(&waiter())
        .expect("in service");
    assert_eq!(description.endpoint_config_name(), Some(name.as_str()));
    assert_eq!(description.current_instance_count(), 3);
    let variant = &reported(&bench, &name)["ProductionVariants"][0];
    assert_eq!(variant["InstanceType"], "ml.m5.large");
    assert_eq!(variant["InitialInstanceCount"], 3);
}

#[test]
fn a_failed_update_is_rolled_back_and_reported() {
    let bench = bench();
    bench
        .local
        .fail_next_deployment("InsufficientCapacity: none left");
    let update = bench.endpoint.update().instance_type("ml.p5.48xlarge");
    let error = update.start_and_wait(&waiter()).expect_err("no capacity");
    let Error::EndpointWait(wait) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(wait.reason(), EndpointWaitReason::RolledBack);
    assert_eq!(
        wait.failure_reason(),
        Some("InsufficientCapacity: none left")
    );
    assert!(
        format!("{wait:#}").contains("another instance type"),
        "{wait}"
    );
    let description = bench
        .endpoint
        .wait_in_service(&waiter())
        .expect("in service");
    assert_eq!(description.endpoint_config_name(), Some(bench.local.name()));
}

#[test]
fn current_counts_are_retained_on_request() {
    let bench = bench();
    bench
        .endpoint
        .scaling()
        .set_instance_count(4)
        .expect("four");
    bench
        .endpoint
        .wait_in_service(&waiter())
        .expect("in service");
    let keep = bench.endpoint.update().model_name(bench.local.name());
    keep.retain_all_variant_properties()
        .start_and_wait(&waiter())
        .expect("an update");
    let count = || {
        let description = bench
            .endpoint
            .wait_in_service(&waiter())
            .expect("in service");
        description.current_instance_count()
    };
    assert_eq!(count(), 4);
    let update = bench
        .endpoint
        .update()
        .retain_all_variant_properties()
        .exclude_retained(VariantProperty::DesiredInstanceCount);
    update.start_and_wait(&waiter()).expect("an update");
    assert_eq!(count(), 1);
}

#[test]
fn data_capture_goes_on_and_off_with_the_sdks_defaults() {
    let bench = bench();
    let predictor = AsyncPredictor::new(bench.local.name(), &bench.session);
    let name = predictor.enable_data_capture().expect("an update");
    assert!(name.starts_with("local-endpoint-2"), "{name}");
    bench
        .endpoint
        .wait_in_service(&waiter())
        .expect("in service");
    let bucket = bench.local.bucket();
    let capture = |enabled| {
        serde_json::json!({
            "EnableCapture": enabled,
            "InitialSamplingPercentage": 20,
            "DestinationS3Uri": format!("s3://{bucket}/model-monitor/data-capture"),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        })
    };
    assert_eq!(reported(&bench, &name)["DataCaptureConfig"], capture(true));
    let name = predictor.disable_data_capture().expect("an update");
    bench
        .endpoint
        .wait_in_service(&waiter())
        .expect("in service");
    assert_eq!(reported(&bench, &name)["DataCaptureConfig"], capture(false));
    let config = DataCaptureConfig::enabled().sampling_percentage(100);
    let name = predictor
        .update_data_capture_config(config)
        .expect("an update");
    assert_eq!(
        reported(&bench, &name)["DataCaptureConfig"]["InitialSamplingPercentage"],
        100
    );
    // What existed before still exists.
    assert!(
        reported(&bench, &name)["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"].is_string()
    );
}

#[test]
fn nothing_is_sent_before_everything_is_checked() {
    let bench = bench();
    let update = || bench.endpoint.update();
    let hasty = DeploymentConfig::canary(CapacitySize::Percent(101), Duration::ZERO);
    let both = DeploymentConfig::rolling(CapacitySize::Instances(1), Duration::ZERO)
        .termination_wait(Duration::from_secs(1));
    let slow = DeploymentConfig::all_at_once().maximum_execution_timeout(Duration::from_mins(9));
    for refused in [
        update().instance_type("large"),
        update().initial_instance_count(0),
        update().model_name("under_score"),
        update().endpoint_config_name("x".repeat(64)),
        update().deployment_config(hasty),
        update().deployment_config(both),
        update().deployment_config(slow),
        update().kms_key_id("a key"),
        update().tags([("aws:mine", "x")]),
        update().data_capture_config(DataCaptureConfig::enabled().sampling_percentage(101)),
        update().variants([]),
    ] {
        let error = refused.clone().start().expect_err("a refusal");
        assert!(
            matches!(error, Error::InvalidInput(_)),
            "{refused:?}: {error:?}"
        );
    }
    assert!(bench.local.requests().is_empty());
}

#[test]
fn the_sdks_ways_to_delete() {
    let bench = bench();
    let predictor = AsyncPredictor::new(bench.local.name(), &bench.session);
    predictor.delete_model().expect("no model");
    predictor.delete_endpoint(true).expect("no endpoint");
    bench
        .endpoint
        .wait_deleted(&EndpointWaiter::deleted())
        .expect("gone");
    let name = bench.local.name();
    assert!(bench.sagemaker().describe_model(name).is_err());
    assert!(bench.sagemaker().describe_endpoint_config(name).is_err());
    let error = predictor.delete_endpoint(false).expect_err("gone");
    assert!(
        service_code(&error) == Some("ValidationException"),
        "{error:?}"
    );
}

#[test]
fn a_removal_tries_everything_and_names_what_is_left() {
    let bench = bench();
    bench
        .endpoint
        .scaling()
        .scale_to_zero(&ScaleToZero::new())
        .expect("scaling");
    bench
        .local
        .fault(Fault::on(Operation::DeleteAlarms).access_denied());
    bench
        .local
        .fault(Fault::on(Operation::DeleteModel).access_denied());
    let error = bench
        .endpoint
        .remove(&EndpointWaiter::deleted())
        .expect_err("two refusals");
    let stopped = partial(error);
    let name = bench.local.name().to_owned();
    let scaling = format!("endpoint/{name}/variant/AllTraffic");
    let left = [Resource::Scaling(scaling), Resource::Model(name.clone())];
    assert_eq!(stopped.left(), left);
    let removed = [
        Resource::Endpoint(name.clone()),
        Resource::EndpointConfig(name),
    ];
    assert_eq!(stopped.removed(), removed);
    assert!(
        format!("{:#}", stopped.cause()).contains("cloudwatch:DeleteAlarms"),
        "{stopped}"
    );
    for resource in stopped.left() {
        bench
            .sagemaker()
            .delete(resource)
            .expect("what is left can be deleted");
    }
    assert!(
        bench
            .endpoint
            .scaling()
            .describe_policies()
            .expect("none")
            .is_empty()
    );
}

#[test]
fn what_waits_at_a_deleted_endpoint_is_given_up() {
    let bench = bench();
    bench
        .endpoint
        .scaling()
        .scale_to_zero(&ScaleToZero::new())
        .expect("scaling");
    bench
        .endpoint
        .scaling()
        .set_instance_count(0)
        .expect("none");
    bench
        .endpoint
        .wait_in_service(&waiter())
        .expect("in service");
    let response = bench
        .endpoint
        .predictor()
        .predict_async("hello")
        .expect("it waits");
    bench
        .endpoint
        .remove(&EndpointWaiter::deleted())
        .expect("a removal");
    assert!(bench.local.wait_until_idle(Duration::from_secs(20)));
    assert_eq!(response.try_get_result::<String>().expect("a look"), None);
    let job = bench.local.jobs().pop().expect("a job");
    assert_eq!(
        job.failure_reason.as_deref(),
        Some("The endpoint was deleted.")
    );
}

#[test]
fn results_go_where_the_configuration_in_use_says() {
    let bench = bench();
    let config = AsyncInferenceConfig::builder()
        .output_path("s3://elsewhere/now")
        .build();
    let update = bench
        .endpoint
        .update()
        .async_inference_config(config.expect("one"));
    update.start_and_wait(&waiter()).expect("an update");
    let response = bench
        .endpoint
        .predictor()
        .predict_async("hello")
        .expect("a submit");
    assert!(
        response
            .output_path()
            .to_string()
            .starts_with("s3://elsewhere/now/")
    );
    assert_eq!(response.failure_path(), None);

    // The single operation, back to the first configuration.
    let back = UpdateEndpoint::new(bench.local.name(), bench.local.name());
    bench.sagemaker().update_endpoint(&back).expect("an update");
    bench
        .endpoint
        .wait_in_service(&waiter())
        .expect("in service");
    let response = bench
        .endpoint
        .predictor()
        .predict_async("hello")
        .expect("a submit");
    assert_eq!(response.output_path().bucket(), bench.local.bucket());
}

#[test]
fn nothing_is_deleted_of_an_endpoint_that_is_not_gone() {
    let bench = bench();
    let name = bench.local.name().to_owned();
    let all = [
        Resource::Endpoint(name.clone()),
        Resource::EndpointConfig(name.clone()),
        Resource::Model(name),
    ];
    let left = |error: Error| match error {
        Error::Deployment(partial) => partial.left().to_vec(),
        other => panic!("{other:?}"),
    };
    bench
        .local
        .fault(Fault::on(Operation::DeleteEndpoint).access_denied());
    let error = bench
        .endpoint
        .remove(&EndpointWaiter::deleted())
        .expect_err("a refusal");
    assert_eq!(left(error), all);

    let hasty = EndpointWaiter::deleted()
        .every(Duration::from_secs(1), 2)
        .expect("a waiter");
    let error = bench.endpoint.remove(&hasty).expect_err("a timeout");
    assert_eq!(left(error), all);
    assert!(bench.sagemaker().describe_model(bench.local.name()).is_ok());
    // Called again, it continues where it stopped.
    bench
        .endpoint
        .remove(&EndpointWaiter::deleted())
        .expect("a removal");
    assert!(
        bench
            .sagemaker()
            .describe_model(bench.local.name())
            .is_err()
    );
}

#[test]
fn an_update_that_is_under_way_is_continued() {
    let bench = bench();
    let update = || {
        let update = bench.endpoint.update().initial_instance_count(3);
        update.endpoint_config_name("second")
    };
    update().start().expect("an update");
    let name = update().resume().start().expect("the same update");
    assert_eq!(name, "second");
    let other = bench.endpoint.update().endpoint_config_name("third");
    let error = other.resume().start().expect_err("another update");
    assert!(matches!(error, Error::Config(_)), "{error:?}");
}

#[test]
fn a_removal_during_an_update_removes_the_configuration_that_is_in_use_then() {
    let bench = bench();
    let update = bench.endpoint.update().endpoint_config_name("second");
    update.start().expect("an update");
    let error = bench.endpoint.delete(true).expect_err("busy");
    assert!(matches!(error, Error::Config(_)), "{error:?}");
    let old = bench.local.name();
    assert!(bench.sagemaker().describe_endpoint_config(old).is_ok());

    bench
        .endpoint
        .remove(&EndpointWaiter::deleted())
        .expect("a removal");
    let sagemaker = bench.sagemaker();
    assert!(sagemaker.describe_endpoint(old).is_err());
    assert!(sagemaker.describe_endpoint_config("second").is_err());
    assert!(sagemaker.describe_model(old).is_err());
    // What earlier updates replaced stays.
    assert!(sagemaker.describe_endpoint_config(old).is_ok());
}

#[test]
fn a_removal_waits_for_the_end_of_maintenance() {
    let bench = bench();
    let name = bench.local.name();
    let body = format!(
        r#"{{"EndpointName": "{name}", "EndpointConfigName": "{name}", "EndpointStatus": "SystemUpdating"}}"#
    );
    let headers = [("content-type", "application/x-amz-json-1.1")];
    let fault = Fault::on(Operation::DescribeEndpoint).times(3);
    bench.local.fault(fault.respond(200, headers, body));
    bench
        .endpoint
        .remove(&EndpointWaiter::deleted())
        .expect("a removal");
    let requests = bench.local.requests();
    let described = requests
        .iter()
        .take_while(|request| request.operation != Operation::DeleteEndpoint)
        .filter(|request| request.operation == Operation::DescribeEndpoint);
    assert_eq!(described.count(), 4);
}

#[test]
fn a_removal_that_cannot_read_the_configuration_removes_no_scaling() {
    let bench = bench();
    let scaling = bench.endpoint.scaling();
    scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
    let fault = Fault::on(Operation::DescribeEndpointConfig);
    bench.local.fault(fault.access_denied());
    let error = bench
        .endpoint
        .remove(&EndpointWaiter::deleted())
        .expect_err("a refusal");
    assert!(matches!(error, Error::Service(_)), "{error:?}");
    assert_eq!(scaling.describe_policies().expect("policies").len(), 2);
}

#[test]
fn a_deletion_that_has_begun_can_be_repeated() {
    for delete_config in [true, false] {
        let bench = bench();
        bench.endpoint.delete(delete_config).expect("a deletion");
        bench.endpoint.delete(delete_config).expect("the same");
        let waiter = EndpointWaiter::deleted();
        bench.endpoint.wait_deleted(&waiter).expect("gone");
        let config = bench
            .sagemaker()
            .describe_endpoint_config(bench.local.name());
        assert_eq!(config.is_err(), delete_config);
    }
}
