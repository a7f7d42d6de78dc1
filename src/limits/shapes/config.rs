//! `CreateEndpointConfig`, with its data capture.

use serde_json::Value;

use super::async_inference::ASYNC_INFERENCE_CONFIG;
use super::explainer::EXPLAINER_CONFIG;
use super::shape::{Conflict, Rule, Shape, list};
use super::variant::PRODUCTION_VARIANT;
use super::{DESTINATION, KMS_KEY, NAME, ROLE, TAGS, VPC, texts as p};

const VARIANTS: Rule = Rule::List {
    min: 1,
    max: 10,
    of: &Rule::Structure(&PRODUCTION_VARIANT),
};

pub(crate) static ENDPOINT_CONFIG: Shape = Shape {
    also: |config| {
        let names = config.get("ProductionVariants").and_then(Value::as_array)?;
        let mut names: Vec<_> = names.iter().map(|v| v.get("VariantName")).collect();
        let count = names.len();
        names.sort_by_key(|name| name.and_then(Value::as_str));
        names.dedup();
        (names.len() < count).then_some(Conflict {
            member: "ProductionVariants",
            limit: "each variant has a name of its own",
            remedy: "rename one of them",
        })
    },
    ..Shape::new(
        "EndpointConfig",
        &["EndpointConfigName", "ProductionVariants"],
        &[
            ("EndpointConfigName", NAME),
            ("ProductionVariants", VARIANTS),
            ("ShadowProductionVariants", VARIANTS),
            ("DataCaptureConfig", Rule::Structure(&DATA_CAPTURE_CONFIG)),
            ("Tags", TAGS),
            ("KmsKeyId", KMS_KEY),
            (
                "AsyncInferenceConfig",
                Rule::Structure(&ASYNC_INFERENCE_CONFIG),
            ),
            ("ExplainerConfig", Rule::Structure(&EXPLAINER_CONFIG)),
            ("ExecutionRoleArn", ROLE),
            ("VpcConfig", VPC),
            ("EnableNetworkIsolation", Rule::Flag),
            ("MetricsConfig", Rule::Structure(&METRICS)),
            (
                "CrossRegionTrafficConfig",
                Rule::Structure(&CROSS_REGION_TRAFFIC),
            ),
        ],
    )
};

static METRICS: Shape = Shape::new(
    "MetricsConfig",
    &[],
    &[
        ("EnableEnhancedMetrics", Rule::Flag),
        ("EnableDetailedObservability", Rule::Flag),
        ("MetricPublishFrequencyInSeconds", super::ANY_INTEGER),
    ],
);

static CROSS_REGION_TRAFFIC: Shape = Shape::new(
    "CrossRegionTrafficConfig",
    &[
        "MaxInvocationsPerSecondPerInstance",
        "MaxCrossRegionPercentPerEndpoint",
    ],
    &[
        (
            "MaxInvocationsPerSecondPerInstance",
            Rule::Integer(1, 10_000),
        ),
        ("MaxCrossRegionPercentPerEndpoint", Rule::Integer(1, 100)),
    ],
);

pub(crate) static DATA_CAPTURE_CONFIG: Shape = Shape::new(
    "DataCaptureConfig",
    &[
        "InitialSamplingPercentage",
        "DestinationS3Uri",
        "CaptureOptions",
    ],
    &[
        ("EnableCapture", Rule::Flag),
        ("InitialSamplingPercentage", Rule::Integer(0, 100)),
        ("DestinationS3Uri", DESTINATION),
        ("KmsKeyId", KMS_KEY),
        (
            "CaptureOptions",
            list(1, 32, &Rule::Structure(&CAPTURE_OPTION)),
        ),
        (
            "CaptureContentTypeHeader",
            Rule::Structure(&CAPTURE_CONTENT_TYPE_HEADER),
        ),
    ],
);

static CAPTURE_OPTION: Shape = Shape::new(
    "CaptureOption",
    &["CaptureMode"],
    &[("CaptureMode", Rule::Word)],
);

const CONTENT_TYPES: Rule = Rule::List {
    min: 1,
    max: 10,
    of: &Rule::Text(&p::CONTENT_TYPE),
};

static CAPTURE_CONTENT_TYPE_HEADER: Shape = Shape::new(
    "CaptureContentTypeHeader",
    &[],
    &[
        ("CsvContentTypes", CONTENT_TYPES),
        ("JsonContentTypes", CONTENT_TYPES),
    ],
);
