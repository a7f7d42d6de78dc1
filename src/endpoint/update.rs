//! Updates an endpoint with a new configuration, made from the old one.

use serde_json::{Map, Value, json};

use super::config::{EndpointConfig, ProductionVariant};
use super::data_capture::DataCaptureConfig;
use super::deployment_config::DeploymentConfig;
use super::describe::EndpointDescription;
use super::document::{add_tags, tag};
use super::names::name_from_base;
use super::requests::{UpdateEndpoint, VariantProperty};
use super::settle::{self, Creation, Made};
use super::wait::{self, Change, EndpointWaiter};
use super::{Endpoint, EndpointStatus};
use crate::aws::sagemaker;
use crate::error::{ConfigError, DeploymentError, Error, Resource, Result};
use crate::{AsyncInferenceConfig, InvalidInput};

/// Builds an update. Created by [`Endpoint::update`] and
/// [`AsyncPredictor::update_endpoint`](crate::AsyncPredictor::update_endpoint).
///
/// A configuration cannot be changed, so a new one is created from the one in use. It keeps everything that is not set
/// here, also members that this crate does not know, and all tags except those of AWS (`aws:..`). Then the endpoint
/// switches to it. The old configuration stays, so that the endpoint can return to it.
///
/// Unlike the SDK's `update_endpoint`, which replaces the variant when one of its settings is set, this keeps a
/// variant's other settings too.
///
/// Where scaling is set up, [`retain_all_variant_properties`](Self::retain_all_variant_properties) keeps the
/// current number of instances; without it the endpoint starts with the configuration's.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter};
///
/// let local = LocalEndpoint::builder().start()?;
/// let session = local.session()?;
/// let waiter = EndpointWaiter::in_service().every(Duration::from_millis(20), 500)?;
/// let endpoint = Endpoint::new(local.name(), &session);
/// let config = endpoint.update().instance_type("ml.g5.xlarge").start_and_wait(&waiter)?;
/// assert!(config.starts_with("local-endpoint-2"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "call `start` or `start_and_wait`"]
pub struct EndpointUpdate {
    endpoint: Endpoint,
    config_name: Option<String>,
    /// Members of the variant that change.
    variant: Map<String, Value>,
    variants: Option<Vec<ProductionVariant>>,
    data_capture: Option<DataCaptureConfig>,
    members: Map<String, Value>,
    tags: Option<Vec<(String, String)>>,
    continues: bool,
    request: UpdateEndpoint,
}

impl EndpointUpdate {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            request: UpdateEndpoint::new(endpoint.name(), ""),
            endpoint,
            config_name: None,
            variant: Map::new(),
            variants: None,
            data_capture: None,
            members: Map::new(),
            tags: None,
            continues: false,
        }
    }

    /// Sets the initial number of instances. For an endpoint with one variant.
    pub fn initial_instance_count(mut self, count: u32) -> Self {
        self.variant
            .insert("InitialInstanceCount".into(), count.into());
        self
    }

    /// Sets the instance type. For an endpoint with one variant.
    pub fn instance_type(mut self, instance_type: impl Into<String>) -> Self {
        let value = Value::String(instance_type.into());
        self.variant.insert("InstanceType".into(), value);
        self
    }

    /// Sets the model, which must exist. For an endpoint with one variant.
    pub fn model_name(mut self, name: impl Into<String>) -> Self {
        let value = Value::String(name.into());
        self.variant.insert("ModelName".into(), value);
        self
    }

    /// Sets a member of the variant by its API name. For an endpoint with one variant.
    pub fn with_raw_variant(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        self.variant.insert(member.into(), value.into());
        self
    }

    /// Replaces all variants.
    pub fn variants(mut self, variants: impl IntoIterator<Item = ProductionVariant>) -> Self {
        self.variants = Some(variants.into_iter().collect());
        self
    }

    /// Replaces the settings of asynchronous inference.
    #[allow(clippy::needless_pass_by_value)] // as all other parts are given
    pub fn async_inference_config(self, config: AsyncInferenceConfig) -> Self {
        self.with_raw_config("AsyncInferenceConfig", config.to_json())
    }

    /// Replaces the settings of data capture.
    pub fn data_capture_config(mut self, config: DataCaptureConfig) -> Self {
        self.data_capture = Some(config);
        self
    }

    /// Sets the key that encrypts the volumes of the instances.
    pub fn kms_key_id(self, id: impl Into<String>) -> Self {
        self.with_raw_config("KmsKeyId", id.into())
    }

    /// Sets a member of the configuration by its API name.
    pub fn with_raw_config(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(member.into(), value.into());
        self
    }

    /// Sets the tags of the new configuration, instead of the old one's.
    pub fn tags<K: Into<String>, V: Into<String>>(
        mut self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let tags = tags
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()));
        self.tags = Some(tags.collect());
        self
    }

    /// Sets the new configuration's name. Default: the old one's name, in which the current time replaces the time
    /// that an earlier update appended, as in the SDK.
    pub fn endpoint_config_name(mut self, name: impl Into<String>) -> Self {
        self.config_name = Some(name.into());
        self
    }

    /// Continues an earlier run of the same update that was interrupted: an existing configuration of
    /// [the name](Self::endpoint_config_name) counts as created if it is as requested, and an endpoint that uses it
    /// already is not updated again. Default: a name that is taken is an error.
    pub fn resume(mut self) -> Self {
        self.continues = true;
        self
    }

    /// Keeps each variant's current number of instances, weight and data capture instead of those of the new
    /// configuration. Default: no.
    pub fn retain_all_variant_properties(mut self) -> Self {
        self.request = self.request.retain_all_variant_properties();
        self
    }

    /// Takes this property from the new configuration although the others are retained.
    pub fn exclude_retained(mut self, property: VariantProperty) -> Self {
        self.request = self.request.exclude_retained(property);
        self
    }

    /// Sets how the endpoint switches over: blue/green or rolling. Default: blue/green, all at once.
    pub fn deployment_config(mut self, config: DeploymentConfig) -> Self {
        self.request = self.request.deployment_config(config);
        self
    }

    /// Switches over as in the last update. Default: no.
    pub fn retain_deployment_config(mut self) -> Self {
        self.request = self.request.retain_deployment_config();
        self
    }

    /// Creates the new configuration, starts the update, and returns the configuration's name. The endpoint keeps
    /// accepting requests.
    ///
    /// # Errors
    /// - [`Error::InvalidInput`]: a value violates a limit, or a variant's setting is set and there are several
    ///   variants; nothing was created.
    /// - [`Error::Config`]: the endpoint has no configuration, failed, or is being created, changed or deleted, so that
    ///   the service would refuse the update; nothing was created.
    /// - [`Error::EndpointWait`]: it was cancelled before anything was created.
    /// - Those of [`SageMaker`](crate::endpoint::SageMaker#errors): the endpoint or its configuration could not
    ///   be read, or the new configuration could not be created.
    /// - [`Error::Deployment`]: the configuration was, or may have been, created, and the update was refused or
    ///   cancelled.
    pub fn start(self) -> Result<String> {
        self.check()?;
        let session = &self.endpoint.acting();
        let described = self.endpoint.description()?;
        if let Some(name) = self.under_way(&described) {
            self.endpoint
                .has_requested(Change::Update(Box::new(described)));
            return Ok(name);
        }
        // Before the configuration is created, which nothing would use.
        self.endpoint.check_unchanging(&described)?;
        self.check_not_failed(&described)?;
        let config = self.config(&described)?;
        let name = config.name().to_owned();
        let request = self
            .request
            .clone()
            .with_raw("EndpointConfigName", name.as_str());
        config.validate()?;
        request.validate()?;

        let resource = Resource::EndpointConfig(name.clone());
        let input = config.to_json();
        let creation = Creation {
            resource,
            input: &input,
            taken_up: self.continues.then_some(&[]),
            follows: false,
        };
        self.endpoint.check_not_cancelled("in service")?;
        let made = match creation.make(session) {
            Ok((_, made)) => made,
            Err(failed) if failed.perhaps => {
                return Err(self.failed(&creation.resource, Made::Presumably, failed.error));
            }
            Err(failed) => return Err(failed.error),
        };
        if made == Made::Before && described.endpoint_config_name() == Some(name.as_str()) {
            // The earlier run has switched the endpoint over.
            return Ok(name);
        }
        let input = request.to_json();
        let updated = self
            .endpoint
            .check_not_cancelled("in service")
            .and_then(|()| settle::update(session, self.endpoint.name(), &name, &input, true));
        match updated {
            Ok(()) => {
                self.endpoint
                    .has_requested(Change::Update(Box::new(described)));
                Ok(name)
            }
            Err(cause) => Err(self.failed(&creation.resource, made, cause)),
        }
    }

    /// Refuses an endpoint that failed: the service only deletes it.
    fn check_not_failed(&self, described: &EndpointDescription) -> Result<()> {
        if described.status() != EndpointStatus::Failed {
            return Ok(());
        }
        let reason = described
            .failure_reason()
            .map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_default();
        Err(ConfigError::new(
            format!("endpoint {}", self.endpoint.name()),
            format!("is Failed, and the service only deletes it{reason}"),
            "delete it, and deploy it again",
        )
        .into())
    }

    /// The configuration's name, if an earlier run of this update, which is continued, has already started it.
    fn under_way(&self, described: &EndpointDescription) -> Option<String> {
        let name = self.config_name.as_ref().filter(|_| self.continues)?;
        let pending = described.pending_endpoint_config_name();
        (pending == Some(name.as_str())).then(|| name.clone())
    }

    /// Like [`start`](Self::start), then waits until the endpoint is in service with the new configuration. For a minute
    /// a description from before the update is not taken for a rollback: the service may not show the update yet.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), then those of
    /// [`Endpoint::wait_in_service`](crate::endpoint::Endpoint::wait_in_service), while the update goes on. One
    /// that was rolled back is [`Error::EndpointWait`] with
    /// [`RolledBack`](crate::error::EndpointWaitReason::RolledBack).
    pub fn start_and_wait(self, waiter: &EndpointWaiter) -> Result<String> {
        let endpoint = self.endpoint.clone();
        let config = self.start()?;
        let (session, name, change) = (endpoint.session(), endpoint.name(), endpoint.requested());
        wait::in_service(session, name, Some(&config), change, waiter)?;
        Ok(config)
    }

    /// Checks what needs no request: everything that is set here.
    fn check(&self) -> Result<(), InvalidInput> {
        let name = self.config_name.as_deref().unwrap_or("any");
        let request = self.request.clone();
        request.with_raw("EndpointConfigName", name).validate()?;
        let variants = self.variants.clone().unwrap_or_else(|| {
            let mut variant = ProductionVariant::new("any", "any", "ml.any.any", 1);
            variant.members.extend(self.variant.clone());
            vec![variant]
        });
        let mut config = EndpointConfig::new(name, variants);
        if let Some(capture) = self.data_capture.clone() {
            config = config.data_capture_config(capture.drafted());
        }
        if let Some(tags) = &self.tags {
            add_tags(&mut config.members, tags);
        }
        config.members.extend(self.members.clone());
        config.validate()
    }

    /// The error of an update that stopped after its configuration was made.
    fn failed(&self, config: &Resource, made: Made, cause: Error) -> Error {
        let of = |is_it: bool| is_it.then(|| config.clone()).into_iter().collect();
        let (left, unsure): (Vec<_>, Vec<_>) = (of(made == Made::Surely), of(made != Made::Surely));
        let found = of(made == Made::Before);
        DeploymentError {
            endpoint_name: self.endpoint.name().to_owned(),
            doing: "updating",
            left,
            unsure,
            found,
            removed: Vec::new(),
            cause,
        }
        .into()
    }

    /// The new configuration: the old one's members with those that are set here.
    fn config(&self, described: &EndpointDescription) -> Result<EndpointConfig> {
        let session = &self.endpoint.acting();
        let remedy =
            "create a configuration, and switch the endpoint to it with SageMaker::update_endpoint";
        let old_name = self.endpoint.config_name_of(described, remedy)?;
        let old = settle::describe(session, &Resource::EndpointConfig(old_name.clone()))?;
        let arn = old.get("EndpointConfigArn").and_then(Value::as_str);
        let arn = arn.unwrap_or_default().to_owned();
        let mut members = crate::limits::members(old);
        for read_only in ["EndpointConfigArn", "CreationTime", "EndpointConfigName"] {
            members.remove(read_only);
        }
        // The service reports what is not set as null, as an empty list or as an empty object; but within a
        // member an empty object can say something (OutputConfig).
        members.retain(|_, value| strip_unset(value) && *value != json!({}));

        let name = self.config_name.clone().unwrap_or_else(|| {
            name_from_base(without_time(&old_name), session.sys().clock().now())
        });
        members.insert("EndpointConfigName".into(), name.into());
        self.change_variants(&mut members)?;
        if let Some(capture) = self.data_capture.clone() {
            let capture = capture.located(session)?;
            members.insert("DataCaptureConfig".into(), capture.into_json());
        }
        members.extend(self.members.clone());
        let tags = self.tags_for(&arn)?;
        if !tags.is_empty() {
            members.insert("Tags".into(), Value::Array(tags));
        }
        Ok(EndpointConfig { members })
    }

    fn change_variants(&self, members: &mut Map<String, Value>) -> Result<(), InvalidInput> {
        if let Some(variants) = &self.variants {
            let variants: Value = variants
                .iter()
                .cloned()
                .map(ProductionVariant::into_json)
                .collect();
            members.insert("ProductionVariants".into(), variants);
        }
        if self.variant.is_empty() {
            return Ok(());
        }
        match members
            .get_mut("ProductionVariants")
            .and_then(Value::as_array_mut)
        {
            Some(variants) if variants.len() == 1 => {
                if let Some(Value::Object(variant)) = variants.first_mut() {
                    variant.extend(self.variant.clone());
                }
                Ok(())
            }
            variants => Err(InvalidInput::new(
                "update of a variant's settings",
                format!("{} variants", variants.map_or(0, |variants| variants.len())),
                "the endpoint has one variant",
                "give all of them with variants(..)",
            )),
        }
    }

    /// The caller's tags, or the old ones without those that only AWS may set.
    fn tags_for(&self, arn: &str) -> Result<Vec<Value>> {
        if let Some(tags) = &self.tags {
            return Ok(tags.iter().map(tag).collect());
        }
        let mut tags = sagemaker::list_tags(self.endpoint.acting().caller(), arn)?;
        tags.retain(|tag| {
            let key = tag.get("Key").and_then(Value::as_str).unwrap_or_default();
            !key.to_ascii_lowercase().starts_with("aws:")
        });
        Ok(tags)
    }
}

/// Removes empty members within the value; false if it is empty itself.
fn strip_unset(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => {
            items.retain_mut(strip_unset);
            !items.is_empty()
        }
        Value::Object(members) => {
            members.retain(|_, value| strip_unset(value));
            true
        }
        _ => true,
    }
}

/// A name without the time that [`name_from_base`] appended, or the names of often updated endpoints would
/// consist of times only.
fn without_time(name: &str) -> &str {
    const STAMP: &str = "-0000-00-00-00-00-00-000";
    let Some(start) = name.len().checked_sub(STAMP.len()) else {
        return name;
    };
    match name.split_at_checked(start) {
        Some((base, stamp))
            if stamp.bytes().zip(STAMP.bytes()).all(|(b, form)| {
                if form == b'-' {
                    b == b'-'
                } else {
                    b.is_ascii_digit()
                }
            }) =>
        {
            base
        }
        _ => name,
    }
}
