//! Descriptions of models, configurations and endpoints. Each response is stored completely, so that members that
//! this crate does not model can be read too.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::AsyncInferenceConfig;
use crate::aws::json_rpc::{list, text, timestamp};
use crate::error::endpoint_status::EndpointStatus;

/// A response that is stored completely.
macro_rules! description {
    ($name:ident) => {
        impl $name {
            pub(crate) fn new(document: Value) -> Self {
                Self { document }
            }

            /// The API's JSON, with members that this crate does not know.
            pub fn raw(&self) -> &Value {
                &self.document
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let nothing = Map::new();
                let members = self.document.as_object().unwrap_or(&nothing);
                f.debug_tuple(stringify!($name))
                    .field(&super::document::Shown(members))
                    .finish()
            }
        }
    };
}

fn status(document: &Value) -> EndpointStatus {
    EndpointStatus::from(text(document, "EndpointStatus").unwrap_or_default())
}

/// A description of an endpoint: the response to `DescribeEndpoint`.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::endpoint::SageMaker;
///
/// let described = SageMaker::new(&Session::from_env()?).describe_endpoint("my-endpoint")?;
/// println!("{}", described.status().as_str());
/// for variant in described.variants() {
///     println!("{}: {:?} instances", variant.name(), variant.current_instance_count());
/// }
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct EndpointDescription {
    document: Value,
}

description!(EndpointDescription);

impl EndpointDescription {
    /// The endpoint's name (`EndpointName`).
    pub fn endpoint_name(&self) -> &str {
        text(&self.document, "EndpointName").unwrap_or_default()
    }

    /// The endpoint's ARN (`EndpointArn`), which tags and IAM policies refer to.
    pub fn endpoint_arn(&self) -> &str {
        text(&self.document, "EndpointArn").unwrap_or_default()
    }

    /// The configuration that is in use (`EndpointConfigName`).
    pub fn endpoint_config_name(&self) -> Option<&str> {
        text(&self.document, "EndpointConfigName")
    }

    /// The configuration that an update is switching to, while it runs
    /// (`PendingDeploymentSummary.EndpointConfigName`).
    pub fn pending_endpoint_config_name(&self) -> Option<&str> {
        let pending = self.document.get("PendingDeploymentSummary")?;
        text(pending, "EndpointConfigName")
    }

    /// The state (`EndpointStatus`): whether it serves, is being changed, or failed.
    pub fn status(&self) -> EndpointStatus {
        status(&self.document)
    }

    /// Why the endpoint failed or an update was rolled back (`FailureReason`).
    pub fn failure_reason(&self) -> Option<&str> {
        text(&self.document, "FailureReason")
    }

    /// The variants (`ProductionVariants`).
    pub fn variants(&self) -> Vec<VariantSummary> {
        let variants = list(&self.document, "ProductionVariants");
        variants.iter().cloned().map(VariantSummary::new).collect()
    }

    /// Number of instances in service, over all variants.
    pub fn current_instance_count(&self) -> u64 {
        self.sum(VariantSummary::current_instance_count)
    }

    /// Number of instances that the endpoint is to have, over all variants.
    pub fn desired_instance_count(&self) -> u64 {
        self.sum(VariantSummary::desired_instance_count)
    }

    fn sum(&self, count: fn(&VariantSummary) -> Option<u64>) -> u64 {
        let variants = self.variants();
        variants
            .iter()
            .filter_map(count)
            .fold(0, u64::saturating_add)
    }

    /// When the endpoint was created (`CreationTime`).
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }

    /// When the endpoint last changed (`LastModifiedTime`), by an update or by scaling.
    pub fn last_modified_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "LastModifiedTime")
    }
}

/// A variant in the description of an endpoint (`ProductionVariantSummary`).
///
/// ```
/// use sagemaker_async_inference::endpoint::{EndpointDescription, VariantSummary};
///
/// fn is_asleep(endpoint: &EndpointDescription) -> bool {
///     endpoint.variants().iter().all(|variant| variant.current_instance_count() == Some(0))
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct VariantSummary {
    document: Value,
}

description!(VariantSummary);

impl VariantSummary {
    /// The variant's name (`VariantName`), unique in the endpoint.
    pub fn name(&self) -> &str {
        text(&self.document, "VariantName").unwrap_or_default()
    }

    /// Number of instances in service (`CurrentInstanceCount`).
    pub fn current_instance_count(&self) -> Option<u64> {
        self.document.get("CurrentInstanceCount")?.as_u64()
    }

    /// Number of instances that the variant is to have (`DesiredInstanceCount`).
    pub fn desired_instance_count(&self) -> Option<u64> {
        self.document.get("DesiredInstanceCount")?.as_u64()
    }

    /// Its weight now (`CurrentWeight`): its share of the requests is this by the sum of all weights.
    pub fn current_weight(&self) -> Option<f64> {
        self.document.get("CurrentWeight")?.as_f64()
    }

    /// What the service is doing with the variant (`VariantStatus`): `Creating`, `Baking` and others.
    pub fn statuses(&self) -> Vec<&str> {
        let statuses = list(&self.document, "VariantStatus");
        statuses
            .iter()
            .filter_map(|status| text(status, "Status"))
            .collect()
    }
}

/// One of the endpoints that `ListEndpoints` lists.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::endpoint::{ListEndpoints, SageMaker};
///
/// let session = Session::from_env()?;
/// for endpoint in SageMaker::new(&session).list_endpoints(&ListEndpoints::new()) {
///     let endpoint = endpoint?;
///     println!("{} {}", endpoint.endpoint_name(), endpoint.status().as_str());
/// }
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct EndpointSummary {
    document: Value,
}

description!(EndpointSummary);

impl EndpointSummary {
    /// The endpoint's name (`EndpointName`).
    pub fn endpoint_name(&self) -> &str {
        text(&self.document, "EndpointName").unwrap_or_default()
    }

    /// The endpoint's ARN (`EndpointArn`).
    pub fn endpoint_arn(&self) -> &str {
        text(&self.document, "EndpointArn").unwrap_or_default()
    }

    /// The state (`EndpointStatus`) at the time of the listing.
    pub fn status(&self) -> EndpointStatus {
        status(&self.document)
    }

    /// When the endpoint was created (`CreationTime`).
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }
}

/// A description of an endpoint configuration: the response to `DescribeEndpointConfig`.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::endpoint::SageMaker;
///
/// let described = SageMaker::new(&Session::from_env()?).describe_endpoint_config("my-config")?;
/// println!("{:?}", described.model_names());
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct EndpointConfigDescription {
    document: Value,
}

description!(EndpointConfigDescription);

impl EndpointConfigDescription {
    /// The configuration's name (`EndpointConfigName`), which endpoints refer to.
    pub fn endpoint_config_name(&self) -> &str {
        text(&self.document, "EndpointConfigName").unwrap_or_default()
    }

    /// The configuration's ARN (`EndpointConfigArn`), which tags and IAM policies refer to.
    pub fn endpoint_config_arn(&self) -> &str {
        text(&self.document, "EndpointConfigArn").unwrap_or_default()
    }

    /// The variants, as the API writes them (`ProductionVariants`).
    pub fn variants(&self) -> &[Value] {
        list(&self.document, "ProductionVariants")
    }

    /// The models of the variants, each once.
    pub fn model_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for name in self.variants().iter().filter_map(|v| text(v, "ModelName")) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The settings of asynchronous inference; `None` for a real-time endpoint, and if they have a shape that
    /// this version does not know (see [`raw`](Self::raw)).
    pub fn async_inference_config(&self) -> Option<AsyncInferenceConfig> {
        AsyncInferenceConfig::deserialize(self.document.get("AsyncInferenceConfig")?).ok()
    }

    /// The key that encrypts the volumes (`KmsKeyId`).
    pub fn kms_key_id(&self) -> Option<&str> {
        text(&self.document, "KmsKeyId")
    }

    /// When the configuration was created (`CreationTime`). It never changes after that.
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }
}

/// A description of a model: the response to `DescribeModel`. `Debug` hides the values of environment variables.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::endpoint::SageMaker;
///
/// let described = SageMaker::new(&Session::from_env()?).describe_model("my-model")?;
/// println!("{:?} runs as {:?}", described.images(), described.execution_role_arn());
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct ModelDescription {
    document: Value,
}

description!(ModelDescription);

impl ModelDescription {
    /// The model's name (`ModelName`), which variants refer to.
    pub fn model_name(&self) -> &str {
        text(&self.document, "ModelName").unwrap_or_default()
    }

    /// The model's ARN (`ModelArn`), which tags and IAM policies refer to.
    pub fn model_arn(&self) -> &str {
        text(&self.document, "ModelArn").unwrap_or_default()
    }

    /// The role under which the containers run (`ExecutionRoleArn`).
    pub fn execution_role_arn(&self) -> Option<&str> {
        text(&self.document, "ExecutionRoleArn")
    }

    /// The containers' images: one, or those of a pipeline in its order.
    pub fn images(&self) -> Vec<&str> {
        let primary = self.document.get("PrimaryContainer");
        let containers = primary
            .into_iter()
            .chain(list(&self.document, "Containers"));
        containers
            .filter_map(|container| text(container, "Image"))
            .collect()
    }

    /// When the model was created (`CreationTime`).
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }
}
