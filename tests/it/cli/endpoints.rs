//! An endpoint's life, from the command line.

use std::time::Duration;

use sagemaker_async_inference::endpoint::{Endpoint, SageMaker};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use serde_json::json;

use sagemaker_async_inference::local::{Fault, Operation};

use crate::cli::bench::{Bench, Ran, bench};

/// Polls until the endpoint has settled in this state; `None`: until it is deleted.
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

/// The settings of a large model, as the API receives them.
#[test]
fn a_deployment_with_everything() {
    let bench = bench();
    let mut deploy = bench.command(&[
        "deploy",
        "large",
        "--image",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1",
        "--model-data",
        "s3://bucket/model/",
        "--env",
        "TOKEN",
        "--env",
        "LEVEL=info",
        "--role",
        "arn:aws:iam::123456789012:role/my-role",
        "--subnet",
        "subnet-1",
        "--subnet",
        "subnet-2",
        "--security-group",
        "sg-1",
        "--network-isolation",
        "--instance-type",
        "ml.p4d.24xlarge",
        "--instance-count",
        "2",
        "--volume-size",
        "256",
        "--startup-timeout",
        "30m",
        "--download-timeout",
        "1h",
        "--kms-key",
        "alias/disks",
        "--capture-to",
        "s3://bucket/captured",
        "--capture-percentage",
        "5",
        "--success-topic",
        "arn:aws:sns:us-east-1:123456789012:done",
        "--error-topic",
        "arn:aws:sns:us-east-1:123456789012:failed",
        "--output-kms-key",
        "alias/outputs",
        "--no-wait",
    ]);
    let ran = Ran::of(
        deploy
            .env("TOKEN", "from-outside")
            .output()
            .expect("it runs"),
    );
    ran.ends_with(0);
    let session = bench.endpoint.session().expect("a session");
    let sagemaker = SageMaker::new(&session);
    let model = sagemaker.describe_model("large").expect("a model");
    let container = &model.raw()["PrimaryContainer"];
    let source = &container["ModelDataSource"]["S3DataSource"];
    assert_eq!(source["S3Uri"], "s3://bucket/model/");
    assert_eq!(
        container["Environment"],
        json!({"TOKEN": "from-outside", "LEVEL": "info"})
    );
    let vpc = json!({"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]});
    assert_eq!(model.raw()["VpcConfig"], vpc);
    assert_eq!(model.raw()["EnableNetworkIsolation"], true);
    let config = sagemaker
        .describe_endpoint_config("large")
        .expect("a configuration");
    let variant = json!({
        "VariantName": "AllTraffic", "ModelName": "large", "InstanceType": "ml.p4d.24xlarge",
        "InitialInstanceCount": 2, "InitialVariantWeight": 1, "VolumeSizeInGB": 256,
        "ContainerStartupHealthCheckTimeoutInSeconds": 1800, "ModelDataDownloadTimeoutInSeconds": 3600,
    });
    assert_eq!(config.raw()["ProductionVariants"], json!([variant]));
    assert_eq!(config.raw()["KmsKeyId"], "alias/disks");
    let capture = &config.raw()["DataCaptureConfig"];
    assert_eq!(capture["DestinationS3Uri"], "s3://bucket/captured");
    assert_eq!(capture["InitialSamplingPercentage"], 5);
    let output = &config.raw()["AsyncInferenceConfig"]["OutputConfig"];
    assert_eq!(output["KmsKeyId"], "alias/outputs");
    let topics = json!({
        "SuccessTopic": "arn:aws:sns:us-east-1:123456789012:done",
        "ErrorTopic": "arn:aws:sns:us-east-1:123456789012:failed",
    });
    assert_eq!(output["NotificationConfig"], topics);
}

#[test]
fn a_deployment_from_a_model_package() {
    let bench = bench();
    let package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/group/3";
    let role = "arn:aws:iam::123456789012:role/r";
    let deploy = [
        "deploy",
        "e",
        "--model-package",
        package,
        "--model-name",
        "m",
        "--role",
        role,
    ];
    let more = ["--instance-type", "ml.m5.large", "--delay", "20ms"];
    bench.run(&[&deploy[..], &more].concat()).ends_with(0);
    let session = bench.endpoint.session().expect("a session");
    let sagemaker = SageMaker::new(&session);
    let model = sagemaker.describe_model("m").expect("a model");
    assert_eq!(
        model.raw()["PrimaryContainer"],
        json!({"ModelPackageName": package})
    );

    let update = [
        "update",
        "e",
        "--instance-count",
        "2",
        "--endpoint-config-name",
        "second",
    ];
    let updated = bench.run(&[&update[..], &["--delay", "20ms"]].concat());
    assert_eq!(
        updated.ends_with(0).json()[0]["endpoint_config_name"],
        "second"
    );
    let scale = ["scale", "e", "--to-zero", "--variant", "AllTraffic"];
    let cooldowns = ["--scale-in-cooldown", "10m", "--scale-out-cooldown", "1m"];
    bench.run(&[&scale[..], &cooldowns].concat()).ends_with(0);
    let policies = Endpoint::new("e", &session)
        .scaling()
        .describe_policies()
        .expect("policies");
    let tracking = policies
        .iter()
        .find(|policy| policy.policy_type() == "TargetTrackingScaling");
    let tracking = &tracking.expect("tracking").raw()["TargetTrackingScalingPolicyConfiguration"];
    assert_eq!(tracking["ScaleInCooldown"], 600);
    assert_eq!(tracking["ScaleOutCooldown"], 60);
    let missing = bench.run(&["scale", "e", "--to-zero", "--variant", "other"]);
    missing.ends_with(5);
}

#[test]
fn a_deployment_that_cannot_be() {
    let bench = bench();
    let image = [
        "deploy",
        "e",
        "--image",
        "i",
        "--instance-type",
        "ml.m5.large",
    ];
    let there = [
        "deploy",
        "e",
        "--model-name",
        "m",
        "--instance-type",
        "ml.m5.large",
    ];
    for (base, more, says) in [
        (
            &image[..],
            &["--subnet", "subnet-1"][..],
            "--security-group",
        ),
        (&image, &["--capture-percentage", "5"], "--capture-to"),
        (&image, &["--startup-timeout", "10s"], "60 to 3600"),
        (&image, &["--volume-size", "1000"], "1 to 512"),
        (&image, &["--env", "NOT_SET"], "NOT_SET"),
        (&there, &["--network-isolation"], "for a new model"),
    ] {
        bench
            .run(&[base, more].concat())
            .ends_with(2)
            .says(says)
            .printed("");
    }
    assert!(bench.endpoint.requests().is_empty());
}

#[test]
fn an_endpoint_without_a_configuration_is_left_alone_with_a_remedy_that_works() {
    let bench = bench();
    let described = r#"{"EndpointName": "local-endpoint", "EndpointStatus": "InService"}"#;
    let headers = [("content-type", "application/x-amz-json-1.1")];
    let fault = Fault::on(Operation::DescribeEndpoint).times(2);
    bench.endpoint.fault(fault.respond(200, headers, described));
    let update = bench.run(&["update", bench.name(), "--instance-count", "2"]);
    update.ends_with(1).says("has no endpoint configuration");
    update.says("switch the endpoint to it");
    assert!(!update.stderr.contains("delete"), "{}", update.stderr);
    let delete = bench.run(&["delete", bench.name()]);
    delete.ends_with(1).says("--keep-config");
    let quick = ["--keep-config", "--delay", "20ms"];
    let deleted = bench.run(&[&["delete", bench.name()][..], &quick].concat());
    deleted.ends_with(0);
}
