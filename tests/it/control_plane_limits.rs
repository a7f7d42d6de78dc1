//! How the builders of the control plane's requests treat limits, and the rules that the API's model states only in
//! prose. The members themselves are compared with the model in `model_limits.rs`.

use std::time::Duration;

use sagemaker_async_inference::endpoint::{
    CapacitySize, ContainerDefinition, CreateEndpoint, DataCaptureConfig, DeploymentConfig,
    EndpointConfig, Model, ProductionVariant, VpcConfig,
};
use serde_json::{Value, json};

fn container() -> ContainerDefinition {
    ContainerDefinition::new("img:1")
}

fn model() -> Model {
    Model::new("m", container())
}

fn variant() -> ProductionVariant {
    ProductionVariant::new("v", "m", "ml.m5.large", 1)
}

fn config() -> EndpointConfig {
    EndpointConfig::new("c", [variant()])
}

#[test]
fn a_document_is_written_by_serde_as_the_api_has_it() {
    let written = serde_json::to_value(model().tag("team", "vision")).expect("JSON");
    let container = json!({"Image": "img:1"});
    let tags = json!([{"Key": "team", "Value": "vision"}]);
    assert_eq!(
        written,
        json!({"ModelName": "m", "PrimaryContainer": container, "Tags": tags})
    );
    // So one is part of another without a type for it.
    let capture = DataCaptureConfig::enabled().destination("s3://b/c");
    let capture = serde_json::to_value(capture).expect("JSON");
    let raw = config().with_raw("DataCaptureConfig", capture);
    assert_eq!(raw.validate(), Ok(()));
}

#[test]
fn a_container_keeps_its_limits() {
    let refused = |container: ContainerDefinition| container.validate().expect_err("a refusal");
    let many = (0..100).fold(container(), |c, n| c.environment(format!("V{n}"), "x"));
    assert_eq!(many.validate(), Ok(()));
    assert!(
        refused(many.environment("V100", "x"))
            .to_string()
            .contains("100")
    );
    for name in ["", "1A", "A-B", "ä", &"A".repeat(1025)] {
        refused(container().environment(name, "x"));
    }
    assert_eq!(container().environment("_a9", "").validate(), Ok(()));
    let secret = "s3cret".repeat(200);
    let error = refused(container().environment("TOKEN", secret));
    assert!(
        error.to_string().contains("TOKEN") && !error.to_string().contains("s3cret"),
        "{error}"
    );

    let both = container()
        .model_data_url("s3://b/k")
        .uncompressed_model_data("s3://b/p/");
    assert!(refused(both).to_string().contains("either"));
    let package = ContainerDefinition::from_model_package("group/1");
    assert_eq!(
        package.uncompressed_model_data("s3://b/p/").validate(),
        Ok(())
    );
}

#[test]
fn a_model_keeps_its_limits() {
    let pipeline = |count| Model::pipeline("m", (0..count).map(|_| container())).validate();
    assert_eq!((pipeline(1), pipeline(15)), (Ok(()), Ok(())));
    assert!(pipeline(0).is_err() && pipeline(16).is_err());
    let odd = Model::pipeline("m", [container(), ContainerDefinition::new("a b")]);
    assert!(
        odd.validate()
            .expect_err("an image")
            .what()
            .contains("Containers[1].Image")
    );
    let both = model().with_raw("Containers", json!([{"Image": "i"}]));
    assert!(both.validate().is_err());

    let vpc = |groups: usize, subnets: usize| {
        VpcConfig::new(vec!["sg-1"; groups], vec!["subnet-1"; subnets]).validate()
    };
    assert_eq!((vpc(1, 1), vpc(5, 16)), (Ok(()), Ok(())));
    for (groups, subnets) in [(0, 1), (1, 0), (6, 1), (1, 17)] {
        assert!(vpc(groups, subnets).is_err(), "{groups} {subnets}");
    }
    assert!(
        VpcConfig::new(["s".repeat(33)], ["subnet-1"])
            .validate()
            .is_err()
    );
    assert!(
        model()
            .vpc_config(VpcConfig::new(["a_b"], ["subnet-1"]))
            .validate()
            .is_err()
    );
}

#[test]
fn tags_keep_their_limits() {
    let tagged = |count: usize| (0..count).fold(model(), |m, n| m.tag(format!("k{n}"), "v"));
    assert_eq!(tagged(50).validate(), Ok(()));
    assert!(
        tagged(51)
            .validate()
            .expect_err("51 tags")
            .to_string()
            .contains("50")
    );
    for (key, value, good) in [
        ("a", "", true),
        ("Größe/_.:=+-@ x", "ü 1", true),
        (&"k".repeat(128), &"v".repeat(256), true),
        ("", "x", false),
        (&"k".repeat(129), "x", false),
        ("k", &"v".repeat(257), false),
        ("k", "a;b", false),
        ("k\n", "v", false),
        ("aws:k", "v", false),
        ("AWS:k", "v", false),
    ] {
        assert_eq!(
            model().tag(key, value).validate().is_ok(),
            good,
            "{key} {value}"
        );
        assert_eq!(
            config().tag(key, value).validate().is_ok(),
            good,
            "{key} {value}"
        );
        let endpoint = CreateEndpoint::new("e", "c").tag(key, value);
        assert_eq!(endpoint.validate().is_ok(), good, "{key} {value}");
    }
}

#[test]
fn a_variant_keeps_its_limits() {
    // From the model's list, whose names are of one form; new ones come every few months.
    for (instance_type, good) in [
        ("ml.t2.medium", true),
        ("ml.p4de.24xlarge", true),
        ("ml.trn1n.32xlarge", true),
        ("ml.m5.12xlarge", true),
        ("ml.inf2.xlarge", true),
        ("ml.r7i.48xlarge", true),
        ("ml.p6-b200.48xlarge", true),
        ("ml.u-new.metal-1", true),
        ("", false),
        ("m5.large", false),
        ("ml.m5", false),
        ("ml..large", false),
        ("ml.M5.large", false),
        ("ml.m5.large.x", false),
        ("ml.m5 .large", false),
    ] {
        let variant = ProductionVariant::new("v", "m", instance_type, 1);
        assert_eq!(variant.validate().is_ok(), good, "{instance_type}");
    }
    for (weight, good) in [
        (0.0, true),
        (0.5, true),
        (-0.1, false),
        (f64::NAN, false),
        (f64::INFINITY, false),
    ] {
        assert_eq!(
            variant().weight(weight).validate().is_ok(),
            good,
            "{weight}"
        );
    }
    let half = Duration::from_millis(60_500);
    assert!(
        variant()
            .model_data_download_timeout(half)
            .validate()
            .is_err()
    );
    let serverless = variant().with_raw("ServerlessConfig", json!({"MaxConcurrency": 1}));
    assert!(serverless.validate().is_err());
}

#[test]
fn a_configuration_keeps_its_limits() {
    let set =
        |member: &'static str| move |value: Value| config().with_raw(member, value).validate();
    let variants = |count: usize| {
        let variants =
            (0..count).map(|n| ProductionVariant::new(format!("v{n}"), "m", "ml.m5.large", 1));
        EndpointConfig::new("c", variants).validate()
    };
    assert_eq!((variants(1), variants(10)), (Ok(()), Ok(())));
    assert!(variants(0).is_err() && variants(11).is_err());
    let twice = EndpointConfig::new("c", [variant(), variant()]).validate();
    assert!(
        twice
            .expect_err("the same name")
            .to_string()
            .contains("name of its own")
    );
    assert!(set("AsyncInferenceConfig")(json!({"OutputConfig": {"S3OutputPath": "x"}})).is_err());
    assert!(set("AsyncInferenceConfig")(json!({"OutputConfig": 1})).is_err());
    assert_eq!(set("Tomorrow")(json!({"any": ["thing"]})), Ok(()));
    let shadow = config().shadow_variant(variant().weight(-1.0));
    assert!(
        shadow
            .validate()
            .expect_err("a weight")
            .what()
            .contains("ShadowProductionVariants[0]")
    );
}

#[test]
fn data_capture_keeps_its_limits() {
    let capture = || DataCaptureConfig::enabled().destination("s3://b/p");
    assert!(
        DataCaptureConfig::enabled().validate().is_err(),
        "without a destination"
    );
    assert!(capture().capture([]).validate().is_err());
    let types = |count: usize| {
        capture()
            .csv_content_types(vec!["text/x-csv.1"; count])
            .validate()
    };
    assert_eq!((types(0), types(10)), (Ok(()), Ok(())));
    assert!(types(11).is_err());
    for odd in [
        "",
        "text",
        "text/",
        "/csv",
        "text/csv; charset=utf-8",
        "-a/b",
        "a/b-",
    ] {
        assert!(
            capture().json_content_types([odd]).validate().is_err(),
            "{odd}"
        );
    }
}

#[test]
fn deployments_keep_their_limits() {
    let second = Duration::from_secs(1);
    let hour = Duration::from_hours(1);
    let one = CapacitySize::Instances(1);
    let good = [
        DeploymentConfig::all_at_once(),
        DeploymentConfig::canary(CapacitySize::Percent(100), hour).termination_wait(hour),
        DeploymentConfig::linear(one, Duration::ZERO).maximum_execution_timeout(8 * hour),
        DeploymentConfig::rolling(one, hour)
            .rollback_batch(CapacitySize::Percent(1))
            .maximum_execution_timeout(Duration::from_mins(10)),
        (0..10).fold(DeploymentConfig::all_at_once(), |d, n| {
            d.auto_rollback_on(format!("alarm {n}"))
        }),
    ];
    for config in good {
        assert_eq!(config.validate(), Ok(()), "{config:?}");
    }
    let bad = [
        DeploymentConfig::canary(CapacitySize::Percent(0), hour),
        DeploymentConfig::canary(CapacitySize::Percent(101), hour),
        DeploymentConfig::canary(one, hour + second),
        DeploymentConfig::canary(one, Duration::from_millis(500)),
        DeploymentConfig::linear(CapacitySize::Instances(0), hour),
        DeploymentConfig::rolling(one, hour + second),
        DeploymentConfig::rolling(one, hour).rollback_batch(CapacitySize::Percent(0)),
        DeploymentConfig::all_at_once().termination_wait(hour + second),
        DeploymentConfig::all_at_once().maximum_execution_timeout(Duration::from_secs(599)),
        DeploymentConfig::all_at_once().maximum_execution_timeout(8 * hour + second),
        DeploymentConfig::all_at_once().auto_rollback_on(" "),
        DeploymentConfig::all_at_once().auto_rollback_on("x".repeat(256)),
        DeploymentConfig::rolling(one, hour).termination_wait(second),
        (0..11).fold(DeploymentConfig::all_at_once(), |d, n| {
            d.auto_rollback_on(format!("alarm {n}"))
        }),
    ];
    for config in bad {
        assert!(config.validate().is_err(), "{config:?}");
    }
}

#[test]
fn debug_shows_no_variable() {
    let container = container()
        .environment("TOKEN", "s3cret")
        .model_data_url("s3://b/k");
    let shown = format!(
        "{container:?} {:?} {:?}",
        Model::new("m", container.clone()),
        Model::pipeline("m", [container.clone()])
    );
    assert!(
        shown.contains("TOKEN") && shown.contains("s3://b/k"),
        "{shown}"
    );
    assert!(!shown.contains("s3cret"), "{shown}");
}
