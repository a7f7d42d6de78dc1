//! The requests about an endpoint itself: `CreateEndpoint`, `UpdateEndpoint`, `ListEndpoints`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::EndpointStatus;
use super::deployment_config::DeploymentConfig;
use super::document::{add_tags, append, document, number};
use crate::limits::{self, facts::sagemaker};

/// `CreateEndpoint`: an endpoint from a configuration that is there.
///
/// ```
/// use sagemaker_async_inference::endpoint::CreateEndpoint;
///
/// let request = CreateEndpoint::new("my-endpoint", "my-config").tag("team", "vision");
/// request.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct CreateEndpoint {
    pub(crate) members: Map<String, Value>,
}

document!(CreateEndpoint, sagemaker::CREATE_ENDPOINT_INPUT);

impl CreateEndpoint {
    /// With a name that no other endpoint of the account has in the region.
    pub fn new(endpoint_name: impl Into<String>, endpoint_config_name: impl Into<String>) -> Self {
        let members = json!({
            "EndpointName": endpoint_name.into(),
            "EndpointConfigName": endpoint_config_name.into(),
            // The SDK sends the list also when it is empty.
            "Tags": [],
        });
        Self {
            members: limits::members(members),
        }
    }

    /// How the endpoint is updated later on, unless an update says otherwise.
    pub fn deployment_config(self, config: DeploymentConfig) -> Self {
        self.with_raw("DeploymentConfig", config.into_json())
    }

    /// Adds a tag. At most 50; keys have at most 128 characters, values at most 256.
    pub fn tag(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags(&[(key.into(), value.into())])
    }

    pub(crate) fn tags(mut self, pairs: &[(String, String)]) -> Self {
        add_tags(&mut self.members, pairs);
        self
    }

    /// `EndpointName`.
    pub fn endpoint_name(&self) -> &str {
        text(&self.members, "EndpointName")
    }
}

/// A property of a variant that an update can keep (`VariantPropertyType`).
///
/// ```
/// use sagemaker_async_inference::endpoint::VariantProperty;
///
/// assert_eq!(VariantProperty::DesiredInstanceCount.as_str(), "DesiredInstanceCount");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VariantProperty {
    /// How many instances there are, whatever the configuration says of the first ones.
    DesiredInstanceCount,
    /// The share of the requests.
    DesiredWeight,
    /// Which requests are kept for monitoring.
    DataCaptureConfig,
}

crate::words::words!(VariantProperty, "variant property", {
    DesiredInstanceCount => "DesiredInstanceCount",
    DesiredWeight => "DesiredWeight",
    DataCaptureConfig => "DataCaptureConfig",
});

/// `UpdateEndpoint`: an endpoint goes over to another configuration.
///
/// [`Endpoint::update`](crate::endpoint::Endpoint::update) makes the configuration too.
///
/// ```
/// use sagemaker_async_inference::endpoint::{UpdateEndpoint, VariantProperty};
///
/// // The count that the scaling has reached stays; the weights are the new configuration's.
/// let request = UpdateEndpoint::new("my-endpoint", "my-second-config")
///     .retain_all_variant_properties()
///     .exclude_retained(VariantProperty::DesiredWeight);
/// request.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct UpdateEndpoint {
    pub(crate) members: Map<String, Value>,
}

document!(UpdateEndpoint, sagemaker::UPDATE_ENDPOINT_INPUT);

impl UpdateEndpoint {
    /// Over to this configuration.
    pub fn new(endpoint_name: impl Into<String>, endpoint_config_name: impl Into<String>) -> Self {
        let members = json!({
            "EndpointName": endpoint_name.into(),
            "EndpointConfigName": endpoint_config_name.into(),
        });
        Self {
            members: limits::members(members),
        }
    }

    /// Keeps each variant's present instance count, weight and data capture
    /// (`RetainAllVariantProperties`), over what the new configuration says. Default: no.
    pub fn retain_all_variant_properties(self) -> Self {
        self.with_raw("RetainAllVariantProperties", true)
    }

    /// Of those, takes this one from the new configuration all the same.
    pub fn exclude_retained(mut self, property: VariantProperty) -> Self {
        let property = json!({"VariantPropertyType": property.as_str()});
        let member = "ExcludeRetainedVariantProperties";
        append(&mut self.members, member, vec![property]);
        self
    }

    /// How the endpoint goes over. Default: blue/green, all at once.
    pub fn deployment_config(self, config: DeploymentConfig) -> Self {
        self.with_raw("DeploymentConfig", config.into_json())
    }

    /// Goes over as the last time (`RetainDeploymentConfig`). Default: no.
    pub fn retain_deployment_config(self) -> Self {
        self.with_raw("RetainDeploymentConfig", true)
    }

    /// `EndpointName`.
    pub fn endpoint_name(&self) -> &str {
        text(&self.members, "EndpointName")
    }

    /// `EndpointConfigName`.
    pub fn endpoint_config_name(&self) -> &str {
        text(&self.members, "EndpointConfigName")
    }
}

/// `ListEndpoints`: which endpoints are listed, and in which order.
///
/// ```
/// use sagemaker_async_inference::endpoint::{EndpointStatus, ListEndpoints};
///
/// let request = ListEndpoints::new()
///     .name_contains("vision")
///     .status_equals(&EndpointStatus::InService);
/// request.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq, Default)]
#[must_use]
pub struct ListEndpoints {
    pub(crate) members: Map<String, Value>,
}

document!(ListEndpoints, sagemaker::LIST_ENDPOINTS_INPUT);

impl ListEndpoints {
    /// All, the newest first, as the service lists them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those whose name has this part, of letters, digits and hyphens. Default: all.
    pub fn name_contains(self, part: impl Into<String>) -> Self {
        self.with_raw("NameContains", part.into())
    }

    /// Only those in this state. Default: all.
    pub fn status_equals(self, status: &EndpointStatus) -> Self {
        self.with_raw("StatusEquals", status.as_str())
    }

    /// Only those made after that time. Default: all.
    pub fn creation_time_after(self, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.with_raw("CreationTimeAfter", number(since.as_secs_f64()))
    }

    /// By name, from A. Default: by the time they were made.
    pub fn sorted_by_name(self) -> Self {
        self.with_raw("SortBy", "Name")
            .with_raw("SortOrder", "Ascending")
    }

    /// How many come with one answer, 1 to 100; all of them come in the end. Default: the service's,
    /// 10.
    pub fn page_size(self, size: u32) -> Self {
        self.with_raw("MaxResults", size)
    }
}

fn text<'a>(members: &'a Map<String, Value>, member: &str) -> &'a str {
    members
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
