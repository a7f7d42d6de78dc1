//! What the control plane tells of models, configurations and endpoints. Each answer is kept whole,
//! so that members that this crate does not model can be read too.

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::AsyncInferenceConfig;
use crate::aws::json_rpc::{list, text, timestamp};
use crate::error::endpoint_status::EndpointStatus;

/// An answer that is kept whole.
macro_rules! answer {
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

/// The answer to `DescribeEndpoint`.
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

answer!(EndpointDescription);

impl EndpointDescription {
    /// `EndpointName`.
    pub fn endpoint_name(&self) -> &str {
        text(&self.document, "EndpointName").unwrap_or_default()
    }

    /// `EndpointArn`.
    pub fn endpoint_arn(&self) -> &str {
        text(&self.document, "EndpointArn").unwrap_or_default()
    }

    /// The configuration that is in use (`EndpointConfigName`).
    pub fn endpoint_config_name(&self) -> Option<&str> {
        text(&self.document, "EndpointConfigName")
    }

    /// The configuration that an update goes over to, while it does
    /// (`PendingDeploymentSummary.EndpointConfigName`).
    pub fn pending_endpoint_config_name(&self) -> Option<&str> {
        let pending = self.document.get("PendingDeploymentSummary")?;
        text(pending, "EndpointConfigName")
    }

    /// `EndpointStatus`.
    pub fn status(&self) -> EndpointStatus {
        status(&self.document)
    }

    /// Why it failed or went back (`FailureReason`).
    pub fn failure_reason(&self) -> Option<&str> {
        text(&self.document, "FailureReason")
    }

    /// The variants (`ProductionVariants`).
    pub fn variants(&self) -> Vec<VariantSummary> {
        let variants = list(&self.document, "ProductionVariants");
        variants.iter().cloned().map(VariantSummary::new).collect()
    }

    /// How many instances serve now, over all variants.
    pub fn current_instance_count(&self) -> u64 {
        self.sum(VariantSummary::current_instance_count)
    }

    /// How many instances there are to be, over all variants.
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

    /// `CreationTime`.
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }

    /// `LastModifiedTime`.
    pub fn last_modified_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "LastModifiedTime")
    }
}

/// What `DescribeEndpoint` tells of a variant (`ProductionVariantSummary`).
///
/// ```
/// # use sagemaker_async_inference::endpoint::{EndpointDescription, VariantSummary};
/// fn is_asleep(endpoint: &EndpointDescription) -> bool {
///     endpoint.variants().iter().all(|variant| variant.current_instance_count() == Some(0))
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct VariantSummary {
    document: Value,
}

answer!(VariantSummary);

impl VariantSummary {
    /// `VariantName`.
    pub fn name(&self) -> &str {
        text(&self.document, "VariantName").unwrap_or_default()
    }

    /// How many instances serve now (`CurrentInstanceCount`).
    pub fn current_instance_count(&self) -> Option<u64> {
        self.document.get("CurrentInstanceCount")?.as_u64()
    }

    /// How many instances there are to be (`DesiredInstanceCount`).
    pub fn desired_instance_count(&self) -> Option<u64> {
        self.document.get("DesiredInstanceCount")?.as_u64()
    }

    /// Its share of the requests now (`CurrentWeight`).
    pub fn current_weight(&self) -> Option<f64> {
        self.document.get("CurrentWeight")?.as_f64()
    }

    /// What the service does with it at present (`VariantStatus`): `Creating`, `Baking` and such.
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

answer!(EndpointSummary);

impl EndpointSummary {
    /// `EndpointName`.
    pub fn endpoint_name(&self) -> &str {
        text(&self.document, "EndpointName").unwrap_or_default()
    }

    /// `EndpointArn`.
    pub fn endpoint_arn(&self) -> &str {
        text(&self.document, "EndpointArn").unwrap_or_default()
    }

    /// `EndpointStatus`.
    pub fn status(&self) -> EndpointStatus {
        status(&self.document)
    }

    /// `CreationTime`.
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }
}

/// The answer to `DescribeEndpointConfig`.
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

answer!(EndpointConfigDescription);

impl EndpointConfigDescription {
    /// `EndpointConfigName`.
    pub fn endpoint_config_name(&self) -> &str {
        text(&self.document, "EndpointConfigName").unwrap_or_default()
    }

    /// `EndpointConfigArn`.
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

    /// What makes the endpoint asynchronous; `None` for a real-time one, and for one whose
    /// configuration has not the known shape (see [`raw`](Self::raw)).
    pub fn async_inference_config(&self) -> Option<AsyncInferenceConfig> {
        AsyncInferenceConfig::from_json(self.document.get("AsyncInferenceConfig")?).ok()
    }

    /// The key that encrypts the volumes (`KmsKeyId`).
    pub fn kms_key_id(&self) -> Option<&str> {
        text(&self.document, "KmsKeyId")
    }

    /// `CreationTime`.
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }
}

/// The answer to `DescribeModel`. `Debug` does not show the variables' values.
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

answer!(ModelDescription);

impl ModelDescription {
    /// `ModelName`.
    pub fn model_name(&self) -> &str {
        text(&self.document, "ModelName").unwrap_or_default()
    }

    /// `ModelArn`.
    pub fn model_arn(&self) -> &str {
        text(&self.document, "ModelArn").unwrap_or_default()
    }

    /// `ExecutionRoleArn`.
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

    /// `CreationTime`.
    pub fn creation_time(&self) -> Option<SystemTime> {
        timestamp(&self.document, "CreationTime")
    }
}
