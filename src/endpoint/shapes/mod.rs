//! The limits of the model's structures (`SageMaker` 2017-07-24), as far as this crate knows them.

use serde_json::{Map, Value};

use super::patterns as p;
use super::shape::{Conflict, Rule, Shape, nothing_more};
use crate::AsyncInferenceConfig;
use crate::inference_config::{check_kms_key, check_path};
use crate::invalid_input::InvalidInput;

const NAME: Rule = Rule::Text(&p::NAME);
const DESTINATION: Rule = Rule::OwnText(|path| check_path("DestinationS3Uri", Some(path)));
const KMS_KEY: Rule = Rule::OwnText(|id| check_kms_key(Some(id)));
const ROLE: Rule = Rule::Text(&p::ROLE);
const TAGS: Rule = Rule::List {
    min: 0,
    max: 50,
    of: &Rule::Structure(&TAG),
};
const VPC: Rule = Rule::Structure(&VPC_CONFIG);
const DEPLOYMENT: Rule = Rule::Structure(&DEPLOYMENT_CONFIG);
const VARIANTS: Rule = Rule::List {
    min: 1,
    max: 10,
    of: &Rule::Structure(&PRODUCTION_VARIANT),
};

pub(crate) static TAG: Shape = Shape {
    name: "Tag",
    required: &["Key", "Value"],
    members: &[
        ("Key", Rule::Text(&p::TAG_KEY)),
        ("Value", Rule::Text(&p::TAG_VALUE)),
    ],
    also: |tag| {
        let reserved = tag
            .get("Key")
            .and_then(Value::as_str)
            .is_some_and(|key| key.to_ascii_lowercase().starts_with("aws:"));
        reserved.then_some(Conflict {
            member: "Key",
            limit: "a tag's key does not begin with aws:, which is AWS's own",
            remedy: "rename the tag",
        })
    },
};

pub(crate) static CONTAINER_DEFINITION: Shape = Shape {
    name: "ContainerDefinition",
    required: &[],
    members: &[
        ("ContainerHostname", NAME),
        ("Image", Rule::Text(&p::IMAGE)),
        ("Mode", Rule::Word),
        ("ModelDataUrl", Rule::Text(&p::URL)),
        (
            "Environment",
            Rule::Map {
                max: 100,
                key: &p::VARIABLE,
                of: &Rule::Text(&p::VARIABLE_VALUE),
            },
        ),
        ("ModelPackageName", Rule::Text(&p::MODEL_PACKAGE)),
        ("InferenceSpecificationName", NAME),
        ("ModelDataSource", Rule::Structure(&MODEL_DATA_SOURCE)),
    ],
    also: |container| {
        if !container.contains_key("Image") && !container.contains_key("ModelPackageName") {
            return Some(Conflict {
                member: "Image",
                limit: "a container has an image or a model package",
                remedy: "name one of them",
            });
        }
        (container.contains_key("ModelDataUrl") && container.contains_key("ModelDataSource"))
            .then_some(Conflict {
                member: "ModelDataUrl",
                limit: "the model's data are either one archive or a data source",
                remedy: "leave one of them out",
            })
    },
};

static MODEL_DATA_SOURCE: Shape = Shape {
    name: "ModelDataSource",
    required: &[],
    members: &[("S3DataSource", Rule::Structure(&S3_MODEL_DATA_SOURCE))],
    also: nothing_more,
};

static S3_MODEL_DATA_SOURCE: Shape = Shape {
    name: "S3ModelDataSource",
    required: &["S3Uri", "S3DataType", "CompressionType"],
    members: &[
        ("S3Uri", Rule::Text(&p::URL)),
        ("S3DataType", Rule::Word),
        ("CompressionType", Rule::Word),
        ("ManifestS3Uri", Rule::Text(&p::URL)),
    ],
    also: nothing_more,
};

pub(crate) static VPC_CONFIG: Shape = Shape {
    name: "VpcConfig",
    required: &["SecurityGroupIds", "Subnets"],
    members: &[
        (
            "SecurityGroupIds",
            Rule::List {
                min: 1,
                max: 5,
                of: &Rule::Text(&p::VPC_ID),
            },
        ),
        (
            "Subnets",
            Rule::List {
                min: 1,
                max: 16,
                of: &Rule::Text(&p::VPC_ID),
            },
        ),
    ],
    also: nothing_more,
};

pub(crate) static MODEL: Shape = Shape {
    name: "Model",
    required: &["ModelName"],
    members: &[
        ("ModelName", NAME),
        ("PrimaryContainer", Rule::Structure(&CONTAINER_DEFINITION)),
        (
            "Containers",
            Rule::List {
                min: 1,
                max: 15,
                of: &Rule::Structure(&CONTAINER_DEFINITION),
            },
        ),
        ("ExecutionRoleArn", ROLE),
        ("Tags", TAGS),
        ("VpcConfig", VPC),
        ("EnableNetworkIsolation", Rule::Flag),
    ],
    also: |model| {
        let both = model.contains_key("PrimaryContainer") == model.contains_key("Containers");
        both.then_some(Conflict {
            member: "PrimaryContainer",
            limit: "a model has one container or a pipeline of several",
            remedy: "give one of them and not both",
        })
    },
};

pub(crate) static PRODUCTION_VARIANT: Shape = Shape {
    name: "ProductionVariant",
    required: &["VariantName"],
    members: &[
        ("VariantName", NAME),
        ("ModelName", NAME),
        ("InitialInstanceCount", Rule::Integer(1, i64::MAX)),
        ("InstanceType", Rule::Text(&p::INSTANCE_TYPE)),
        ("InitialVariantWeight", Rule::Number(0.0)),
        ("VolumeSizeInGB", Rule::Integer(1, 512)),
        ("ModelDataDownloadTimeoutInSeconds", Rule::Integer(60, 3600)),
        (
            "ContainerStartupHealthCheckTimeoutInSeconds",
            Rule::Integer(60, 3600),
        ),
        (
            "VariantInstanceProvisionTimeoutInSeconds",
            Rule::Integer(300, 3600),
        ),
        ("EnableSSMAccess", Rule::Flag),
        ("InferenceAmiVersion", Rule::Word),
        ("RoutingConfig", Rule::Structure(&ROUTING_CONFIG)),
        (
            "ManagedInstanceScaling",
            Rule::Structure(&MANAGED_INSTANCE_SCALING),
        ),
        ("CoreDumpConfig", Rule::Structure(&CORE_DUMP_CONFIG)),
    ],
    also: |variant| {
        variant
            .contains_key("ServerlessConfig")
            .then_some(Conflict {
                member: "ServerlessConfig",
                limit: "an asynchronous endpoint runs on instances",
                remedy: "give an instance type and a count instead",
            })
    },
};

static ROUTING_CONFIG: Shape = Shape {
    name: "RoutingConfig",
    required: &["RoutingStrategy"],
    members: &[("RoutingStrategy", Rule::Word)],
    also: nothing_more,
};

static MANAGED_INSTANCE_SCALING: Shape = Shape {
    name: "ManagedInstanceScaling",
    required: &[],
    members: &[
        ("Status", Rule::Word),
        ("MinInstanceCount", Rule::Integer(0, i64::MAX)),
        ("MaxInstanceCount", Rule::Integer(1, i64::MAX)),
    ],
    also: nothing_more,
};

static CORE_DUMP_CONFIG: Shape = Shape {
    name: "CoreDumpConfig",
    required: &["DestinationS3Uri"],
    members: &[("DestinationS3Uri", DESTINATION), ("KmsKeyId", KMS_KEY)],
    also: nothing_more,
};

pub(crate) static DATA_CAPTURE_CONFIG: Shape = Shape {
    name: "DataCaptureConfig",
    required: &[
        "InitialSamplingPercentage",
        "DestinationS3Uri",
        "CaptureOptions",
    ],
    members: &[
        ("EnableCapture", Rule::Flag),
        ("InitialSamplingPercentage", Rule::Integer(0, 100)),
        ("DestinationS3Uri", DESTINATION),
        ("KmsKeyId", KMS_KEY),
        (
            "CaptureOptions",
            Rule::List {
                min: 1,
                max: 32,
                of: &Rule::Structure(&CAPTURE_OPTION),
            },
        ),
        (
            "CaptureContentTypeHeader",
            Rule::Structure(&CAPTURE_CONTENT_TYPE_HEADER),
        ),
    ],
    also: nothing_more,
};

static CAPTURE_OPTION: Shape = Shape {
    name: "CaptureOption",
    required: &["CaptureMode"],
    members: &[("CaptureMode", Rule::Word)],
    also: nothing_more,
};

const CONTENT_TYPES: Rule = Rule::List {
    min: 1,
    max: 10,
    of: &Rule::Text(&p::CONTENT_TYPE),
};

static CAPTURE_CONTENT_TYPE_HEADER: Shape = Shape {
    name: "CaptureContentTypeHeader",
    required: &[],
    members: &[
        ("CsvContentTypes", CONTENT_TYPES),
        ("JsonContentTypes", CONTENT_TYPES),
    ],
    also: nothing_more,
};

pub(crate) static ENDPOINT_CONFIG: Shape = Shape {
    name: "EndpointConfig",
    required: &["EndpointConfigName", "ProductionVariants"],
    members: &[
        ("EndpointConfigName", NAME),
        ("ProductionVariants", VARIANTS),
        ("ShadowProductionVariants", VARIANTS),
        ("DataCaptureConfig", Rule::Structure(&DATA_CAPTURE_CONFIG)),
        ("Tags", TAGS),
        ("KmsKeyId", KMS_KEY),
        ("AsyncInferenceConfig", Rule::Own(check_async_inference)),
        ("ExecutionRoleArn", ROLE),
        ("VpcConfig", VPC),
        ("EnableNetworkIsolation", Rule::Flag),
    ],
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
};

fn check_async_inference(value: &Value) -> Result<(), InvalidInput> {
    AsyncInferenceConfig::from_json(value)
        .map_err(|_| {
            InvalidInput::redacted(
                "AsyncInferenceConfig",
                "an object of the API's shape",
                "build it with AsyncInferenceConfig::builder",
            )
        })?
        .validate()
}

pub(crate) static CAPACITY_SIZE: Shape = Shape {
    name: "CapacitySize",
    required: &["Type", "Value"],
    members: &[("Type", Rule::Word), ("Value", Rule::Integer(1, i64::MAX))],
    also: |size| {
        let percent = size.get("Type").and_then(Value::as_str) == Some("CAPACITY_PERCENT");
        let value = size.get("Value").and_then(Value::as_i64)?;
        (percent && value > 100).then_some(Conflict {
            member: "Value",
            limit: "a share is 1 to 100 per cent",
            remedy: "choose a value in this range",
        })
    },
};

const WAIT_INTERVAL: Rule = Rule::Integer(0, 3600);
const EXECUTION_TIMEOUT: Rule = Rule::Integer(600, 28_800);

pub(crate) static DEPLOYMENT_CONFIG: Shape = Shape {
    name: "DeploymentConfig",
    required: &[],
    members: &[
        ("BlueGreenUpdatePolicy", Rule::Structure(&BLUE_GREEN)),
        ("RollingUpdatePolicy", Rule::Structure(&ROLLING)),
        ("AutoRollbackConfiguration", Rule::Structure(&AUTO_ROLLBACK)),
    ],
    also: |config| {
        let both = config.contains_key("BlueGreenUpdatePolicy")
            && config.contains_key("RollingUpdatePolicy");
        both.then_some(Conflict {
            member: "RollingUpdatePolicy",
            limit: "an update is blue/green or rolling",
            remedy: "leave one of them out",
        })
    },
};

static BLUE_GREEN: Shape = Shape {
    name: "BlueGreenUpdatePolicy",
    required: &["TrafficRoutingConfiguration"],
    members: &[
        (
            "TrafficRoutingConfiguration",
            Rule::Structure(&TRAFFIC_ROUTING),
        ),
        ("TerminationWaitInSeconds", WAIT_INTERVAL),
        ("MaximumExecutionTimeoutInSeconds", EXECUTION_TIMEOUT),
    ],
    also: nothing_more,
};

static TRAFFIC_ROUTING: Shape = Shape {
    name: "TrafficRoutingConfiguration",
    required: &["Type", "WaitIntervalInSeconds"],
    members: &[
        ("Type", Rule::Word),
        ("WaitIntervalInSeconds", WAIT_INTERVAL),
        ("CanarySize", Rule::Structure(&CAPACITY_SIZE)),
        ("LinearStepSize", Rule::Structure(&CAPACITY_SIZE)),
    ],
    also: nothing_more,
};

static ROLLING: Shape = Shape {
    name: "RollingUpdatePolicy",
    required: &["MaximumBatchSize", "WaitIntervalInSeconds"],
    members: &[
        ("MaximumBatchSize", Rule::Structure(&CAPACITY_SIZE)),
        ("WaitIntervalInSeconds", WAIT_INTERVAL),
        ("MaximumExecutionTimeoutInSeconds", EXECUTION_TIMEOUT),
        ("RollbackMaximumBatchSize", Rule::Structure(&CAPACITY_SIZE)),
    ],
    also: nothing_more,
};

static AUTO_ROLLBACK: Shape = Shape {
    name: "AutoRollbackConfiguration",
    required: &[],
    members: &[(
        "Alarms",
        Rule::List {
            min: 1,
            max: 10,
            of: &Rule::Structure(&ALARM),
        },
    )],
    also: nothing_more,
};

static ALARM: Shape = Shape {
    name: "Alarm",
    required: &[],
    members: &[("AlarmName", Rule::Text(&p::ALARM_NAME))],
    also: nothing_more,
};

pub(crate) static CREATE_ENDPOINT: Shape = Shape {
    name: "CreateEndpoint",
    required: &["EndpointName", "EndpointConfigName"],
    members: &[
        ("EndpointName", NAME),
        ("EndpointConfigName", NAME),
        ("DeploymentConfig", DEPLOYMENT),
        ("Tags", TAGS),
    ],
    also: nothing_more,
};

pub(crate) static UPDATE_ENDPOINT: Shape = Shape {
    name: "UpdateEndpoint",
    required: &["EndpointName", "EndpointConfigName"],
    members: &[
        ("EndpointName", NAME),
        ("EndpointConfigName", NAME),
        ("RetainAllVariantProperties", Rule::Flag),
        (
            "ExcludeRetainedVariantProperties",
            Rule::List {
                min: 0,
                max: 3,
                of: &Rule::Structure(&VARIANT_PROPERTY),
            },
        ),
        ("DeploymentConfig", DEPLOYMENT),
        ("RetainDeploymentConfig", Rule::Flag),
    ],
    also: nothing_more,
};

static VARIANT_PROPERTY: Shape = Shape {
    name: "VariantProperty",
    required: &["VariantPropertyType"],
    members: &[("VariantPropertyType", Rule::Word)],
    also: nothing_more,
};

pub(crate) static LIST_ENDPOINTS: Shape = Shape {
    name: "ListEndpoints",
    required: &[],
    members: &[
        ("SortBy", Rule::Word),
        ("SortOrder", Rule::Word),
        ("MaxResults", Rule::Integer(1, 100)),
        ("NameContains", Rule::Text(&p::NAME_PART)),
        ("StatusEquals", Rule::Word),
    ],
    also: nothing_more,
};

/// The name that the caller gave for one thing, as such a name.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), InvalidInput> {
    p::NAME.check(what, name)
}

/// A document of nothing but an object is what every shape describes.
pub(crate) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
