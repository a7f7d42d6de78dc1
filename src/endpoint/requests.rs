//! The requests about an endpoint itself: `CreateEndpoint`, `UpdateEndpoint`, `ListEndpoints`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::EndpointStatus;
use super::deployment_config::DeploymentConfig;
use super::document::{add_tags, append, document, number, request};
use crate::limits::{self, facts::sagemaker};

/// A request for an endpoint with an existing configuration (`CreateEndpoint`).
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

request!(CreateEndpoint, sagemaker::CREATE_ENDPOINT_INPUT);

impl CreateEndpoint {
    /// Creates the request. No other endpoint of the account may have the name in the region.
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

    /// Sets how later updates switch over, unless an update sets its own. Default: blue/green, all at once.
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

    /// The name of the new endpoint (`EndpointName`).
    pub fn endpoint_name(&self) -> &str {
        text(&self.members, "EndpointName")
    }
}

/// A property of a variant that an update can retain (`VariantPropertyType`).
///
/// ```
/// use sagemaker_async_inference::endpoint::VariantProperty;
///
/// assert_eq!(VariantProperty::DesiredInstanceCount.as_str(), "DesiredInstanceCount");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VariantProperty {
    /// The number of instances, instead of the new configuration's initial one.
    DesiredInstanceCount,
    /// The weight, which is the variant's share of the requests.
    DesiredWeight,
    /// The settings of data capture.
    DataCaptureConfig,
}

crate::words::words!(VariantProperty, "variant property", {
    DesiredInstanceCount => "DesiredInstanceCount",
    DesiredWeight => "DesiredWeight",
    DataCaptureConfig => "DataCaptureConfig",
});

/// A request that switches an endpoint to another configuration (`UpdateEndpoint`).
///
/// [`Endpoint::update`](crate::endpoint::Endpoint::update) also creates the configuration.
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

request!(UpdateEndpoint, sagemaker::UPDATE_ENDPOINT_INPUT);

impl UpdateEndpoint {
    /// Creates a request that switches the endpoint to this configuration.
    pub fn new(endpoint_name: impl Into<String>, endpoint_config_name: impl Into<String>) -> Self {
        let members = json!({
            "EndpointName": endpoint_name.into(),
            "EndpointConfigName": endpoint_config_name.into(),
        });
        Self {
            members: limits::members(members),
        }
    }

    /// Keeps each variant's current instance count, weight and data capture (`RetainAllVariantProperties`)
    /// instead of those of the new configuration. Default: no.
    pub fn retain_all_variant_properties(self) -> Self {
        self.with_raw("RetainAllVariantProperties", true)
    }

    /// Takes this property from the new configuration although the others are retained
    /// (`ExcludeRetainedVariantProperties`).
    pub fn exclude_retained(mut self, property: VariantProperty) -> Self {
        let property = json!({"VariantPropertyType": property.as_str()});
        let member = "ExcludeRetainedVariantProperties";
        append(&mut self.members, member, vec![property]);
        self
    }

    /// Sets how the endpoint switches over. Default: blue/green, all at once.
    pub fn deployment_config(self, config: DeploymentConfig) -> Self {
        self.with_raw("DeploymentConfig", config.into_json())
    }

    /// Switches over as in the last update (`RetainDeploymentConfig`). Default: no.
    pub fn retain_deployment_config(self) -> Self {
        self.with_raw("RetainDeploymentConfig", true)
    }

    /// The endpoint that is updated (`EndpointName`).
    pub fn endpoint_name(&self) -> &str {
        text(&self.members, "EndpointName")
    }

    /// The configuration that the endpoint switches to (`EndpointConfigName`).
    pub fn endpoint_config_name(&self) -> &str {
        text(&self.members, "EndpointConfigName")
    }
}

/// Which endpoints a listing has, and in which order (`ListEndpoints`).
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

request!(ListEndpoints, sagemaker::LIST_ENDPOINTS_INPUT);

impl ListEndpoints {
    /// Lists all endpoints, the newest first, as the service does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists only endpoints whose name contains this text of letters, digits and hyphens. Default: all.
    pub fn name_contains(self, part: impl Into<String>) -> Self {
        self.with_raw("NameContains", part.into())
    }

    /// Lists only endpoints in this state. Default: all.
    pub fn status_equals(self, status: &EndpointStatus) -> Self {
        self.with_raw("StatusEquals", status.as_str())
    }

    /// Lists only endpoints that were created after this time. Default: all.
    pub fn creation_time_after(self, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.with_raw("CreationTimeAfter", number(since.as_secs_f64()))
    }

    /// Sorts by name, ascending. Default: by creation time, the newest first.
    pub fn sorted_by_name(self) -> Self {
        self.with_raw("SortBy", "Name")
            .with_raw("SortOrder", "Ascending")
    }

    /// Number of endpoints in a page, 1 to 100. The iterator yields all pages. Default: the service's, 10.
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
