//! `CreateModel`.

use super::shape::{Conflict, Rule, Shape, list};
use super::{NAME, ROLE, TAGS, URL, VPC, texts as p};

pub(crate) static MODEL: Shape = Shape {
    also: |model| {
        let both = model.contains_key("PrimaryContainer") == model.contains_key("Containers");
        both.then_some(Conflict {
            member: "PrimaryContainer",
            limit: "a model has one container or a pipeline of several",
            remedy: "give one of them and not both",
        })
    },
    ..Shape::new(
        "Model",
        &["ModelName"],
        &[
            ("ModelName", NAME),
            ("PrimaryContainer", Rule::Structure(&CONTAINER_DEFINITION)),
            (
                "Containers",
                list(1, 15, &Rule::Structure(&CONTAINER_DEFINITION)),
            ),
            (
                "InferenceExecutionConfig",
                Rule::Structure(&INFERENCE_EXECUTION),
            ),
            ("ExecutionRoleArn", ROLE),
            ("Tags", TAGS),
            ("VpcConfig", VPC),
            ("EnableNetworkIsolation", Rule::Flag),
        ],
    )
};

static INFERENCE_EXECUTION: Shape = Shape::new(
    "InferenceExecutionConfig",
    &["Mode"],
    &[("Mode", Rule::Word)],
);

pub(crate) static VPC_CONFIG: Shape = Shape::new(
    "VpcConfig",
    &["SecurityGroupIds", "Subnets"],
    &[
        ("SecurityGroupIds", list(1, 5, &Rule::Text(&p::VPC_ID))),
        ("Subnets", list(1, 16, &Rule::Text(&p::VPC_ID))),
    ],
);

pub(crate) static CONTAINER_DEFINITION: Shape = Shape {
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
    ..Shape::new(
        "ContainerDefinition",
        &[],
        &[
            ("ContainerHostname", NAME),
            ("Image", Rule::Text(&p::IMAGE)),
            ("ImageConfig", Rule::Structure(&IMAGE_CONFIG)),
            ("Mode", Rule::Word),
            ("ModelDataUrl", URL),
            ("ModelDataSource", Rule::Structure(&MODEL_DATA_SOURCE)),
            (
                "AdditionalModelDataSources",
                list(0, 5, &Rule::Structure(&ADDITIONAL_MODEL_DATA_SOURCE)),
            ),
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
            ("MultiModelConfig", Rule::Structure(&MULTI_MODEL)),
            ("ContainerMetricsConfig", Rule::Structure(&METRICS)),
        ],
    )
};

static IMAGE_CONFIG: Shape = Shape::new(
    "ImageConfig",
    &["RepositoryAccessMode"],
    &[
        ("RepositoryAccessMode", Rule::Word),
        ("RepositoryAuthConfig", Rule::Structure(&REPOSITORY_AUTH)),
    ],
);

static REPOSITORY_AUTH: Shape = Shape::new(
    "RepositoryAuthConfig",
    &["RepositoryCredentialsProviderArn"],
    &[(
        "RepositoryCredentialsProviderArn",
        Rule::Text(&p::REPOSITORY_CREDENTIALS),
    )],
);

static MODEL_DATA_SOURCE: Shape = Shape::new(
    "ModelDataSource",
    &[],
    &[("S3DataSource", Rule::Structure(&S3_MODEL_DATA_SOURCE))],
);

static ADDITIONAL_MODEL_DATA_SOURCE: Shape = Shape::new(
    "AdditionalModelDataSource",
    &["ChannelName", "S3DataSource"],
    &[
        ("ChannelName", Rule::Text(&p::CHANNEL)),
        ("S3DataSource", Rule::Structure(&S3_MODEL_DATA_SOURCE)),
    ],
);

static S3_MODEL_DATA_SOURCE: Shape = Shape::new(
    "S3ModelDataSource",
    &["S3Uri", "S3DataType", "CompressionType"],
    &[
        ("S3Uri", URL),
        ("S3DataType", Rule::Word),
        ("CompressionType", Rule::Word),
        ("ModelAccessConfig", Rule::Structure(&MODEL_ACCESS)),
        ("HubAccessConfig", Rule::Structure(&HUB_ACCESS)),
        ("ManifestS3Uri", URL),
        ("ETag", Rule::Word),
        ("ManifestEtag", Rule::Word),
    ],
);

static MODEL_ACCESS: Shape = Shape::new(
    "ModelAccessConfig",
    &["AcceptEula"],
    &[("AcceptEula", Rule::Flag)],
);

static HUB_ACCESS: Shape = Shape::new(
    "HubAccessConfig",
    &["HubContentArn"],
    &[("HubContentArn", Rule::Text(&p::HUB_CONTENT))],
);

static MULTI_MODEL: Shape = Shape::new(
    "MultiModelConfig",
    &[],
    &[("ModelCacheSetting", Rule::Word)],
);

static METRICS: Shape = Shape::new(
    "ContainerMetricsConfig",
    &[],
    &[(
        "MetricsEndpoints",
        list(0, 1, &Rule::Structure(&METRICS_ENDPOINT)),
    )],
);

static METRICS_ENDPOINT: Shape = Shape::new(
    "MetricsEndpoint",
    &["MetricsEndpointPath"],
    &[
        ("MetricsEndpointPath", Rule::Text(&p::METRICS_PATH)),
        ("MetricPublishFrequencyInSeconds", super::ANY_INTEGER),
    ],
);
