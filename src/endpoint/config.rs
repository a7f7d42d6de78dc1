//! `CreateEndpointConfig`: on which instances which model runs, and where results go.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::data_capture::DataCaptureConfig;
use super::document::{add_tags, append, document, number, part, request, seconds};
use super::model::VpcConfig;
use crate::AsyncInferenceConfig;
use crate::limits::{self, facts::sagemaker};

/// How requests are spread over a variant's instances (`RoutingStrategy`).
///
/// ```
/// use sagemaker_async_inference::endpoint::RoutingStrategy;
///
/// assert_eq!(RoutingStrategy::LeastOutstandingRequests.as_str(), "LEAST_OUTSTANDING_REQUESTS");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RoutingStrategy {
    /// To the instance with the fewest requests in progress: `LEAST_OUTSTANDING_REQUESTS`.
    LeastOutstandingRequests,
    /// To a random one, which is the service's default: `RANDOM`.
    Random,
}

crate::words::words!(RoutingStrategy, "routing strategy", {
    LeastOutstandingRequests => "LEAST_OUTSTANDING_REQUESTS",
    Random => "RANDOM",
});

/// A model on instances of one type (`ProductionVariant`).
///
/// Limits, from the API's model, checked before anything is sent: names of at most 63 letters,
/// digits and inner hyphens, at least 1 instance, an instance type of the form `ml.FAMILY.SIZE`, a
/// weight of at least 0, a volume of 1 to 512 GB, timeouts of 60 s to 1 hour.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::endpoint::ProductionVariant;
///
/// let variant = ProductionVariant::new("AllTraffic", "my-model", "ml.g5.xlarge", 1)
///     .volume_size_in_gb(100)
///     .model_data_download_timeout(Duration::from_secs(1800))
///     .container_startup_health_check_timeout(Duration::from_secs(900));
/// variant.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct ProductionVariant {
    pub(crate) members: Map<String, Value>,
}

part!(ProductionVariant, sagemaker::PRODUCTION_VARIANT);

impl ProductionVariant {
    /// Creates a variant with a weight of 1. The SDK names a single variant `AllTraffic`.
    pub fn new(
        variant_name: impl Into<String>,
        model_name: impl Into<String>,
        instance_type: impl Into<String>,
        initial_instance_count: u32,
    ) -> Self {
        let members = json!({
            "VariantName": variant_name.into(),
            "ModelName": model_name.into(),
            "InstanceType": instance_type.into(),
            "InitialInstanceCount": initial_instance_count,
            "InitialVariantWeight": 1,
        });
        Self {
            members: limits::members(members),
        }
    }

    /// Sets the weight (`InitialVariantWeight`): the variant's share of the requests is its weight by the sum of
    /// all. Default: 1.
    pub fn weight(self, weight: f64) -> Self {
        self.with_raw("InitialVariantWeight", number(weight))
    }

    /// Sets the size of the volume that holds the model's data (`VolumeSizeInGB`), for instance types without a disk
    /// of their own. Default: the service's.
    pub fn volume_size_in_gb(self, size: u32) -> Self {
        self.with_raw("VolumeSizeInGB", size)
    }

    /// Sets how long the download of the model's data may take (`ModelDataDownloadTimeoutInSeconds`), in whole
    /// seconds. Default: the service's.
    pub fn model_data_download_timeout(self, timeout: Duration) -> Self {
        self.with_raw("ModelDataDownloadTimeoutInSeconds", seconds(timeout))
    }

    /// Sets how long the container may take until it responds to `/ping`
    /// (`ContainerStartupHealthCheckTimeoutInSeconds`), in whole seconds. Default: the service's.
    pub fn container_startup_health_check_timeout(self, timeout: Duration) -> Self {
        let member = "ContainerStartupHealthCheckTimeoutInSeconds";
        self.with_raw(member, seconds(timeout))
    }

    /// Sets how requests are spread over the instances (`RoutingConfig`). Default: the service's, at random.
    pub fn routing(self, strategy: RoutingStrategy) -> Self {
        self.with_raw(
            "RoutingConfig",
            json!({"RoutingStrategy": strategy.as_str()}),
        )
    }

    /// The variant's name (`VariantName`), unique in the configuration.
    pub fn variant_name(&self) -> &str {
        let name = self.members.get("VariantName").and_then(Value::as_str);
        name.unwrap_or_default()
    }
}

/// An endpoint configuration: variants, output locations, data capture (`CreateEndpointConfig`).
///
/// ```
/// use sagemaker_async_inference::AsyncInferenceConfig;
/// use sagemaker_async_inference::endpoint::{EndpointConfig, ProductionVariant};
///
/// let config = EndpointConfig::new(
///     "my-config",
///     [ProductionVariant::new("AllTraffic", "my-model", "ml.m5.xlarge", 1)],
/// )
/// .async_inference_config(
///     AsyncInferenceConfig::builder()
///         .output_path("s3://my-bucket/out/")
///         .failure_path("s3://my-bucket/failed/")
///         .build()?,
/// );
/// config.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct EndpointConfig {
    pub(crate) members: Map<String, Value>,
}

request!(EndpointConfig, sagemaker::CREATE_ENDPOINT_CONFIG_INPUT);

impl EndpointConfig {
    /// Creates a configuration with 1 to 10 variants (`ProductionVariants`), each with a different name.
    pub fn new(
        name: impl Into<String>,
        variants: impl IntoIterator<Item = ProductionVariant>,
    ) -> Self {
        let variants: Value = variants
            .into_iter()
            .map(ProductionVariant::into_json)
            .collect();
        Self {
            members: Map::from_iter([
                ("EndpointConfigName".to_owned(), name.into().into()),
                ("ProductionVariants".to_owned(), variants),
            ]),
        }
    }

    /// Makes the endpoint asynchronous, with these output locations. Default: none; the endpoint is a real-time
    /// one.
    #[allow(clippy::needless_pass_by_value)] // as all other parts are given
    pub fn async_inference_config(self, config: AsyncInferenceConfig) -> Self {
        self.with_raw("AsyncInferenceConfig", config.to_json())
    }

    /// Sets which requests and responses are stored for monitoring. Default: none.
    ///
    /// Its destination must be set here; [`Endpoint::deploy`](crate::endpoint::Endpoint::deploy) fills it in.
    pub fn data_capture_config(self, config: DataCaptureConfig) -> Self {
        self.with_raw("DataCaptureConfig", config.into_json())
    }

    /// Sets the key that encrypts the volumes of the instances (`KmsKeyId`). Default: the service's.
    pub fn kms_key_id(self, id: impl Into<String>) -> Self {
        self.with_raw("KmsKeyId", id.into())
    }

    /// Sets the network of the endpoint's containers. Default: that of the models.
    pub fn vpc_config(self, vpc: VpcConfig) -> Self {
        self.with_raw("VpcConfig", vpc.into_json())
    }

    /// Adds a variant that receives a copy of the requests and whose responses are discarded
    /// (`ShadowProductionVariants`). Default: none.
    pub fn shadow_variant(mut self, variant: ProductionVariant) -> Self {
        let variants = vec![variant.into_json()];
        append(&mut self.members, "ShadowProductionVariants", variants);
        self
    }

    /// Adds a tag. At most 50; keys have at most 128 characters, values at most 256.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        add_tags(&mut self.members, &[(key.into(), value.into())]);
        self
    }

    /// The configuration's name (`EndpointConfigName`), which endpoints refer to.
    pub fn name(&self) -> &str {
        let name = self.members.get("EndpointConfigName");
        name.and_then(Value::as_str).unwrap_or_default()
    }
}
