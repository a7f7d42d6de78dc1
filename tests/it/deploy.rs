//! From a model to an endpoint and its removal, against the local endpoint in virtual time.

use crate::support;
use crate::support::service_code;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::endpoint::{
    CreateEndpoint, Endpoint, EndpointConfig, EndpointStatus, EndpointWaiter, ListEndpoints,
    OnFailure, ProductionVariant,
};
use sagemaker_async_inference::error::{EndpointWaitReason, Resource};
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::{AsyncInferenceConfig, CancelToken, Error};
use support::bench::{TAKES, bench, model, partial, soon};

#[test]
fn an_endpoint_is_made_serves_and_is_removed() {
    let bench = bench();
    let waiter = EndpointWaiter::in_service();
    let endpoint = bench
        .deployment("mine")
        .async_inference_config(
            AsyncInferenceConfig::builder()
                .output_path("s3://results/out/")
                .build()
                .expect("a configuration"),
        )
        .start_and_wait(&waiter)
        .expect("a deployment");
    // The published waiter polls every 30 s: at 0, 30, .., 240.
    assert_eq!(bench.clock.slept(), TAKES);

    let overview = endpoint.describe().expect("a description");
    assert_eq!(overview.status(), EndpointStatus::InService);
    assert_eq!(overview.description().current_instance_count(), 2);
    assert_eq!(overview.backlog().expect("metrics").size(), Some(0));
    assert_eq!(overview.to_string(), "2 instances, none waiting");

    let response = endpoint
        .predictor()
        .predict_async("hello")
        .expect("a submit");
    assert_eq!(response.output_path().bucket(), "results");
    let failure = response.failure_path().expect("the SDK's failure path");
    assert!(
        failure.key().starts_with("async-endpoint-failures/mine-"),
        "{failure}"
    );
    let reply: String = response.get_result(&soon()).expect("a result");
    assert_eq!(reply, "hello");

    endpoint
        .remove(&EndpointWaiter::deleted())
        .expect("a removal");
    let sagemaker = bench.sagemaker();
    for gone in [
        sagemaker.describe_endpoint("mine").map(drop),
        sagemaker.describe_endpoint_config("mine").map(drop),
        sagemaker.describe_model("mine-model").map(drop),
    ] {
        let error = gone.expect_err("nothing is left");
        assert!(
            service_code(&error) == Some("ValidationException"),
            "{error}"
        );
        assert!(format!("{error:#}").contains("Could not find"), "{error}");
    }
    let error = endpoint
        .predictor()
        .predict_async("hello")
        .expect_err("gone");
    assert!(service_code(&error) == Some("ValidationError"), "{error}");
}

#[test]
fn a_wait_shows_the_states_and_can_be_stopped() {
    let bench = bench();
    let endpoint = bench.deployment("mine").start().expect("a deployment");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let waiter = EndpointWaiter::in_service().progress(move |wait| {
        let status = wait.description().status();
        noted.lock().expect("a lock").push((status, wait.elapsed()));
        if wait.attempts() == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let stopped = wait_error(endpoint.wait_in_service(&waiter).expect_err("a stop"));
    assert_eq!(stopped.reason(), EndpointWaitReason::Progress);
    assert_eq!(stopped.status(), Some(&EndpointStatus::Creating));
    let creating = |seconds| (EndpointStatus::Creating, Duration::from_secs(seconds));
    assert_eq!(*seen.lock().expect("a lock"), [creating(0), creating(30)]);

    let token = CancelToken::new();
    token.cancel();
    let waiter = EndpointWaiter::in_service().cancel(token);
    let stopped = wait_error(endpoint.wait_in_service(&waiter).expect_err("a stop"));
    assert_eq!(
        (stopped.reason(), stopped.attempts()),
        (EndpointWaitReason::Cancelled, 0)
    );

    let before = bench.clock.slept();
    let waiter = EndpointWaiter::in_service()
        .deadline(Duration::from_secs(100))
        .expect("one");
    let out = wait_error(endpoint.wait_in_service(&waiter).expect_err("a timeout"));
    assert_eq!(
        (out.reason(), out.attempts()),
        (EndpointWaitReason::TimedOut, 5)
    );
    // The last poll comes shortly before the deadline.
    assert_eq!(bench.clock.slept(), before + Duration::from_secs(98));
    endpoint
        .wait_in_service(&EndpointWaiter::in_service())
        .expect("in service");
}

fn wait_error(error: Error) -> sagemaker_async_inference::error::EndpointWaitError {
    match error {
        Error::EndpointWait(wait) => *wait,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_endpoint_that_is_not_there_is_not_waited_for() {
    let bench = bench();
    let endpoint = Endpoint::new("nobody", &bench.session);
    let error = endpoint
        .wait_in_service(&EndpointWaiter::in_service())
        .expect_err("no endpoint");
    assert_eq!(wait_error(error).reason(), EndpointWaitReason::NotFound);
    endpoint
        .wait_deleted(&EndpointWaiter::deleted())
        .expect("it is gone");
    assert_eq!(bench.clock.slept(), Duration::ZERO);
}

#[test]
fn a_failed_poll_in_between_is_ignored() {
    let bench = bench();
    let endpoint = bench.deployment("mine").start().expect("a deployment");
    bench
        .local
        .fault(Fault::on(Operation::DescribeEndpoint).times(5).status(500));
    endpoint
        .wait_in_service(&EndpointWaiter::in_service())
        .expect("in service");
    bench
        .local
        .fault(Fault::on(Operation::DescribeEndpoint).access_denied());
    let error = endpoint
        .wait_in_service(&EndpointWaiter::in_service())
        .expect_err("a refusal");
    assert!(
        format!("{error:#}").contains("sagemaker:DescribeEndpoint"),
        "{error}"
    );
}

#[test]
fn a_failed_endpoint_has_its_reason_and_a_remedy() {
    let reasons = [
        (
            "InsufficientCapacity: Unable to provision requested ML compute capacity",
            "try again later",
        ),
        (
            "The primary container for production variant AllTraffic did not pass the ping health check.",
            "/ping",
        ),
        (
            "CannotStartContainerError: the image is gone",
            "ecr:BatchGetImage",
        ),
        (
            "Could not assume role arn:aws:iam::1:role/x",
            "trust policy",
        ),
        (
            "ResourceLimitExceeded: The account-level service limit 'ml.m5.xlarge for endpoint usage' is 0",
            "Service Quotas",
        ),
        (
            "Failed to download model data for container \"container_1\" from URL: \"s3://b/model.tar.gz\".",
            "s3:GetObject",
        ),
        (
            "The customer:primary container image \"1.dkr.ecr.us-east-1.amazonaws.com/x\" could not be pulled. Check the role's permissions.",
            "ecr:GetDownloadUrlForLayer",
        ),
        (
            "Unable to create an encrypted volume: access to the KMS key was denied",
            "kms:CreateGrant",
        ),
        (
            "Failed to download model data: the execution role lacks kms:Decrypt on the KMS key",
            "kms:CreateGrant",
        ),
        (
            "Unable to create a network interface in subnet-1 for the role",
            "free addresses",
        ),
        ("No control of the role", "/aws/sagemaker/Endpoints/mine"),
        ("Something new", "/aws/sagemaker/Endpoints/mine"),
    ];
    for (reason, helps) in reasons {
        let bench = bench();
        bench.local.fail_next_deployment(reason);
        let waiter = EndpointWaiter::in_service();
        let error = bench
            .deployment("mine")
            .start_and_wait(&waiter)
            .expect_err("a failure");
        let stopped = partial(error);
        let Error::EndpointWait(wait) = stopped.cause() else {
            panic!("{stopped:?}");
        };
        assert_eq!(wait.failure_reason(), Some(reason));
        assert_eq!(wait.status(), Some(&EndpointStatus::Failed));
        assert!(format!("{wait:#}").contains(helps), "{wait}");
        // By default all of it stays, for inspection.
        let left = [
            Resource::Endpoint("mine".into()),
            Resource::EndpointConfig("mine".into()),
            Resource::Model("mine-model".into()),
        ];
        assert_eq!(stopped.left(), left);
        assert!(bench.sagemaker().describe_model("mine-model").is_ok());
    }
}

#[test]
fn an_update_of_a_failed_endpoint_creates_nothing() {
    let bench = bench();
    bench.local.fail_next_deployment("no capacity");
    let waiter = EndpointWaiter::in_service();
    let failed = bench.deployment("mine").start_and_wait(&waiter);
    failed.expect_err("a failure");
    let endpoint = Endpoint::new("mine", &bench.session);
    let update = endpoint.update().endpoint_config_name("second");
    let error = update.start().expect_err("a failed endpoint");
    assert!(matches!(error, Error::Config(_)), "{error:?}");
    let words = format!("{error:#}");
    assert!(
        words.contains("no capacity") && words.contains("delete it"),
        "{words}"
    );
    let sagemaker = bench.sagemaker();
    assert!(sagemaker.describe_endpoint_config("second").is_err());
    // It can be deleted with its configuration.
    endpoint.delete(true).expect("a deletion");
}

#[test]
fn created_resources_are_removed_if_so_chosen() {
    let bench = bench();
    let fault = Fault::on(Operation::CreateEndpoint).error(400, "ResourceLimitExceeded");
    bench.local.fault(fault);
    let deployment = bench.deployment("mine").on_failure(OnFailure::Remove);
    let error = deployment.start().expect_err("a quota");
    let stopped = partial(error);
    assert!(
        format!("{:#}", stopped.cause()).contains("Service Quotas"),
        "{}",
        stopped.cause()
    );
    let removed = [
        Resource::EndpointConfig("mine".into()),
        Resource::Model("mine-model".into()),
    ];
    assert_eq!((stopped.removed(), stopped.left()), (&removed[..], &[][..]));
    assert!(bench.sagemaker().describe_model("mine-model").is_err());

    bench.local.fail_next_deployment("InsufficientCapacity");
    let deployment = bench.deployment("mine").on_failure(OnFailure::Remove);
    let error = deployment
        .start_and_wait(&EndpointWaiter::in_service())
        .expect_err("a failure");
    let stopped = partial(error);
    assert_eq!(stopped.removed().len(), 3, "{stopped}");
}

#[test]
fn what_was_there_before_is_not_removed() {
    let bench = bench();
    bench
        .sagemaker()
        .create_model(&model("old"))
        .expect("a model");
    bench
        .local
        .fault(Fault::on(Operation::CreateEndpoint).error(400, "ResourceLimitExceeded"));
    let deployment = Endpoint::deploy("mine", &bench.session)
        .model_name("old")
        .instances("ml.m5.large", 1)
        .on_failure(OnFailure::Remove);
    let error = deployment.start().expect_err("a quota");
    assert!(
        format!("{error:#}").contains("removed: endpoint configuration mine"),
        "{error}"
    );
    assert!(bench.sagemaker().describe_model("old").is_ok());

    // A model of that name exists: the deployment creates nothing and removes nothing.
    let deployment = Endpoint::deploy("mine", &bench.session)
        .model(model("old"))
        .instances("ml.m5.large", 1)
        .on_failure(OnFailure::Remove);
    let error = deployment.start().expect_err("a name that is taken");
    assert!(
        service_code(&error) == Some("ValidationException"),
        "{error:?}"
    );
    assert!(
        format!("{error:#}").contains("choose another name"),
        "{error}"
    );
    assert!(bench.sagemaker().describe_model("old").is_ok());
}

#[test]
fn nothing_is_sent_before_everything_is_checked() {
    let bench = bench();
    let long = "x".repeat(64);
    let refused = [
        bench.deployment(&long),
        bench.deployment("under_score"),
        Endpoint::deploy("mine", &bench.session),
        Endpoint::deploy("mine", &bench.session).instances("ml.m5.large", 1),
        bench.deployment("mine").instances("m5.large", 1),
        bench.deployment("mine").instances("ml.m5.large", 0),
        bench.deployment("mine").tag("aws:mine", "x"),
        bench.deployment("mine").kms_key_id("a key"),
        bench.deployment("mine").model(model("-odd")),
        bench
            .deployment("mine")
            .with_raw_config("VpcConfig", serde_json::json!({"Subnets": []})),
    ];
    for deployment in refused {
        let error = deployment.clone().start().expect_err("a refusal");
        assert!(
            matches!(error, Error::InvalidInput(_)),
            "{deployment:?}: {error:?}"
        );
    }
    assert!(bench.local.requests().is_empty());
}

#[test]
fn several_endpoints_live_beside_each_other_and_are_listed() {
    let bench = bench();
    let sagemaker = bench.sagemaker();
    sagemaker.create_model(&model("one")).expect("a model");
    let variant = ProductionVariant::new("AllTraffic", "one", "ml.m5.large", 1);
    let config = AsyncInferenceConfig::builder()
        .output_path("s3://other/out")
        .build()
        .expect("one");
    let config = EndpointConfig::new("shared", [variant]).async_inference_config(config);
    sagemaker
        .create_endpoint_config(&config)
        .expect("a configuration");
    for number in 0..12 {
        let request = CreateEndpoint::new(format!("ep-{number:02}"), "shared").tag("n", "1");
        let arn = sagemaker.create_endpoint(&request).expect("an endpoint");
        assert_eq!(
            sagemaker.list_tags(&arn).expect("tags"),
            [("n".into(), "1".into())]
        );
    }
    let listed = ListEndpoints::new()
        .name_contains("ep-")
        .sorted_by_name()
        .page_size(5);
    let names: Vec<String> = sagemaker
        .list_endpoints(&listed)
        .map(|endpoint| endpoint.expect("an endpoint").endpoint_name().to_owned())
        .collect();
    let expected: Vec<String> = (0..12).map(|number| format!("ep-{number:02}")).collect();
    assert_eq!(names, expected);
    let in_service = ListEndpoints::new().status_equals(&EndpointStatus::InService);
    assert_eq!(
        sagemaker.list_endpoints(&in_service).count(),
        1,
        "the builder's alone"
    );

    let endpoint = Endpoint::new("ep-07", &bench.session);
    endpoint
        .wait_in_service(&EndpointWaiter::in_service())
        .expect("in service");
    for name in ["ep-07", bench.local.name()] {
        let predictor = Endpoint::new(name, &bench.session).predictor();
        let reply: String = predictor
            .with_waiter_config(soon())
            .predict(name)
            .expect("a result");
        assert_eq!(reply, name);
    }
    let names: Vec<_> = bench
        .local
        .jobs()
        .into_iter()
        .map(|job| job.endpoint_name)
        .collect();
    assert_eq!(names, ["ep-07", bench.local.name()]);
    assert_eq!(bench.local.objects("other").len(), 1);
}

#[test]
fn existing_and_missing_names_are_reported_as_by_the_service() {
    let bench = bench();
    let sagemaker = bench.sagemaker();
    let variant = || ProductionVariant::new("AllTraffic", "nobody", "ml.m5.large", 1);
    let error = sagemaker.create_endpoint_config(&EndpointConfig::new("c", [variant()]));
    let error = format!("{:#}", error.expect_err("no model"));
    assert!(error.contains("Could not find model"), "{error}");
    assert!(error.contains("create the model first"), "{error}");
    let error = sagemaker.create_endpoint(&CreateEndpoint::new("e", "nobody"));
    let error = format!("{:#}", error.expect_err("no configuration"));
    assert!(
        error.contains("Could not find endpoint configuration"),
        "{error}"
    );
    let error =
        sagemaker.create_endpoint(&CreateEndpoint::new(bench.local.name(), bench.local.name()));
    let error = format!("{:#}", error.expect_err("a taken name"));
    assert!(
        error.contains("Cannot create already existing endpoint"),
        "{error}"
    );
    assert!(error.contains("choose another name"), "{error}");
    for error in [
        sagemaker
            .delete_endpoint("nobody")
            .expect_err("no endpoint"),
        sagemaker.delete_model("nobody").expect_err("no model"),
        sagemaker
            .delete_endpoint_config("nobody")
            .expect_err("no configuration"),
    ] {
        assert!(
            service_code(&error) == Some("ValidationException"),
            "{error:?}"
        );
        assert!(format!("{error:#}").contains("check the name"), "{error}");
    }
    let endpoint = bench.deployment("mine").start().expect("a deployment");
    let error = format!("{:#}", endpoint.delete(false).expect_err("in progress"));
    assert!(
        error.contains("Cannot update in-progress endpoint"),
        "{error}"
    );
    assert!(error.contains("wait_in_service"), "{error}");
}
