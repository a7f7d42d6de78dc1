//! `CreateModel`: what runs on an endpoint's instances.

use serde_json::{Map, Value, json};

use super::document::{add_tags, document, part, request, set_in};
use crate::limits::{self, facts::sagemaker};

/// One container of a model: its image, its data, its variables (`ContainerDefinition`).
///
/// Limits, from the API's model, checked before anything is sent: an image of at most 255 characters
/// without white space, data at an `s3://` or `https://` address of at most 1024, at most 100
/// variables with names and values of at most 1024 each.
///
/// Neither `Debug` nor an error shows the values of environment variables.
///
/// ```
/// use sagemaker_async_inference::endpoint::ContainerDefinition;
/// use serde_json::json;
///
/// let container = ContainerDefinition::new("123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1")
///     .model_data_url("s3://my-bucket/model.tar.gz")
///     .environment("TS_MAX_RESPONSE_SIZE", "100000000")
///     .with_raw("ImageConfig", json!({"RepositoryAccessMode": "Platform"}));
/// container.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct ContainerDefinition {
    pub(crate) members: Map<String, Value>,
}

part!(ContainerDefinition, sagemaker::CONTAINER_DEFINITION);

impl ContainerDefinition {
    /// A container from an image in ECR (`Image`).
    pub fn new(image: impl Into<String>) -> Self {
        Self::with("Image", image.into())
    }

    /// A container from a package of the model registry (`ModelPackageName`): its name or ARN.
    pub fn from_model_package(name: impl Into<String>) -> Self {
        Self::with("ModelPackageName", name.into())
    }

    fn with(member: &str, value: String) -> Self {
        Self {
            members: Map::from_iter([(member.to_owned(), value.into())]),
        }
    }

    /// The archive with the model's data (`ModelDataUrl`): a `.tar.gz` in S3. Default: none; the image then
    /// contains what it needs.
    pub fn model_data_url(self, url: impl Into<String>) -> Self {
        self.with_raw("ModelDataUrl", url.into())
    }

    /// The model's data in S3, uncompressed (`ModelDataSource`): all objects below a prefix that ends with `/`.
    /// Default: none.
    pub fn uncompressed_model_data(self, prefix: impl Into<String>) -> Self {
        self.with_raw(
            "ModelDataSource",
            json!({"S3DataSource": {
                "S3Uri": prefix.into(),
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }}),
        )
    }

    /// Sets a variable in the container (`Environment`). Default: none.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = Value::String(value.into());
        set_in(&mut self.members, "Environment", name.into(), value);
        self
    }

    /// Sets the container's name in a pipeline (`ContainerHostname`). Default: the service chooses.
    pub fn hostname(self, name: impl Into<String>) -> Self {
        self.with_raw("ContainerHostname", name.into())
    }
}

/// The VPC's security groups and subnets that the containers run in (`VpcConfig`).
///
/// Limits, from the API's model: 1 to 5 security groups, 1 to 16 subnets.
///
/// ```
/// use sagemaker_async_inference::endpoint::VpcConfig;
///
/// let vpc = VpcConfig::new(["sg-0123456789abcdef0"], ["subnet-0a", "subnet-0b"]);
/// vpc.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct VpcConfig {
    members: Map<String, Value>,
}

part!(VpcConfig, sagemaker::VPC_CONFIG);

impl VpcConfig {
    /// Creates it from the ids of security groups and subnets.
    pub fn new<G: Into<String>, S: Into<String>>(
        security_group_ids: impl IntoIterator<Item = G>,
        subnets: impl IntoIterator<Item = S>,
    ) -> Self {
        let groups: Vec<String> = security_group_ids.into_iter().map(Into::into).collect();
        let subnets: Vec<String> = subnets.into_iter().map(Into::into).collect();
        Self {
            members: limits::members(json!({"SecurityGroupIds": groups, "Subnets": subnets})),
        }
    }
}

/// A model: one container or a pipeline of up to 15, the role under which they run, and their network
/// (`CreateModel`).
///
/// ```
/// use sagemaker_async_inference::endpoint::{ContainerDefinition, Model};
///
/// let container = ContainerDefinition::new("123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1");
/// let model = Model::new("my-model", container)
///     .execution_role_arn("arn:aws:iam::123456789012:role/my-role")
///     .tag("team", "vision");
/// model.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct Model {
    pub(crate) members: Map<String, Value>,
}

request!(Model, sagemaker::CREATE_MODEL_INPUT);

impl Model {
    /// A model of one container (`PrimaryContainer`). The name has at most 63 letters, digits and
    /// inner hyphens.
    pub fn new(name: impl Into<String>, container: ContainerDefinition) -> Self {
        Self {
            members: Map::from_iter([
                ("ModelName".to_owned(), name.into().into()),
                ("PrimaryContainer".to_owned(), container.into_json()),
            ]),
        }
    }

    /// A model whose requests go through several containers one after another (`Containers`).
    pub fn pipeline(
        name: impl Into<String>,
        containers: impl IntoIterator<Item = ContainerDefinition>,
    ) -> Self {
        let containers: Value = containers
            .into_iter()
            .map(ContainerDefinition::into_json)
            .collect();
        Self {
            members: Map::from_iter([
                ("ModelName".to_owned(), name.into().into()),
                ("Containers".to_owned(), containers),
            ]),
        }
    }

    /// The role that `SageMaker` assumes to read the image and the data and to run the containers
    /// (`ExecutionRoleArn`). The caller needs `iam:PassRole` on it.
    pub fn execution_role_arn(self, arn: impl Into<String>) -> Self {
        self.with_raw("ExecutionRoleArn", arn.into())
    }

    /// Sets the network of the containers. Default: none; they run in a network of the service.
    pub fn vpc_config(self, vpc: VpcConfig) -> Self {
        self.with_raw("VpcConfig", vpc.into_json())
    }

    /// Sets whether the containers have no network access; requests and the model's data still reach them
    /// (`EnableNetworkIsolation`). Default: false.
    pub fn network_isolation(self, isolated: bool) -> Self {
        self.with_raw("EnableNetworkIsolation", isolated)
    }

    /// Adds a tag. At most 50; keys have at most 128 characters, values at most 256.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        add_tags(&mut self.members, &[(key.into(), value.into())]);
        self
    }

    /// The model's name (`ModelName`), which variants refer to.
    pub fn name(&self) -> &str {
        let name = self.members.get("ModelName").and_then(Value::as_str);
        name.unwrap_or_default()
    }
}
