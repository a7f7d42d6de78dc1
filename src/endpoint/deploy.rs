//! From a model to an endpoint: `CreateModel`, `CreateEndpointConfig`, `CreateEndpoint`.

use serde_json::Value;

use super::config::{EndpointConfig, ProductionVariant};
use super::data_capture::{DRAFT, DataCaptureConfig, default_place};
use super::deployment_config::DeploymentConfig;
use super::document::add_tags;
use super::model::Model;
use super::names::name_from_base;
use super::requests::CreateEndpoint;
use super::settle::{self, Creation, Made};
use super::wait::{self, Change, EndpointWaiter};
use super::{Endpoint, VARIANT};
use crate::error::{
    DeploymentError, EndpointWaitError, EndpointWaitReason, Error, Resource, Result,
};
use crate::session::Session;
use crate::waiter::CancelToken;
use crate::{AsyncInferenceConfig, InvalidInput};

/// What happens to the resources that a failed deployment created.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::endpoint::{Endpoint, OnFailure};
///
/// let session = Session::from_env()?;
/// let endpoint = Endpoint::deploy("my-endpoint", &session)
///     .model_name("my-model")
///     .instances("ml.m5.xlarge", 1)
///     .on_failure(OnFailure::Remove)
///     .start()?;
/// # let _ = endpoint;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// They stay, so that they can be examined, and the error names them.
    #[default]
    Keep,
    /// They are deleted; the error names those that could not be. What existed before, or may have, is never
    /// deleted.
    Remove,
}

crate::words::words!(OnFailure, "action on failure", {
    Keep => "keep",
    Remove => "remove",
});

/// Builds a deployment. Created by [`Endpoint::deploy`].
///
/// It creates a model (unless an existing one is named), an endpoint configuration and an endpoint. Everything is
/// checked against the API's limits before anything is sent.
///
/// | | default |
/// |---|---|
/// | configuration's name | the endpoint's |
/// | variant's name | `AllTraffic`, as in the SDK |
/// | output path | `s3://{default bucket}/{prefix}/async-endpoint-outputs/{endpoint}-{time}` |
/// | failure path | `s3://{default bucket}/{prefix}/async-endpoint-failures/{endpoint}-{time}` |
/// | data capture, KMS keys, VPC, tags | none |
/// | on failure | what was created stays, and the error names it |
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::endpoint::{ContainerDefinition, Endpoint, EndpointWaiter, Model};
///
/// let local = LocalEndpoint::builder().start()?;
/// let session = local.session()?;
/// let container = ContainerDefinition::new("123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1")
///     .model_data_url("s3://my-bucket/model.tar.gz");
/// let model = Model::new("my-model", container)
///     .execution_role_arn("arn:aws:iam::123456789012:role/my-role");
/// let waiter = EndpointWaiter::in_service().every(Duration::from_millis(20), 500)?; // default: 30 s
///
/// let endpoint = Endpoint::deploy("my-endpoint", &session)
///     .model(model)
///     .instances("ml.m5.xlarge", 1)
///     .start_and_wait(&waiter)?;
/// assert_eq!(endpoint.describe()?.description().current_instance_count(), 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "call `start` or `start_and_wait`"]
pub struct Deployment {
    session: Session,
    endpoint_name: String,
    model: Option<Model>,
    model_name: Option<String>,
    instances: Option<(String, u32)>,
    variants: Vec<ProductionVariant>,
    config_name: Option<String>,
    async_inference: AsyncInferenceConfig,
    data_capture: Option<DataCaptureConfig>,
    config_members: Vec<(String, Value)>,
    update: Option<DeploymentConfig>,
    tags: Vec<(String, String)>,
    on_failure: OnFailure,
    cancel: Option<CancelToken>,
    continues: bool,
}

/// All requests of a deployment, checked.
struct Plan {
    model: Option<Model>,
    config: EndpointConfig,
    endpoint: CreateEndpoint,
    cancel: Option<CancelToken>,
    /// If an earlier run is continued: members whose values were generated and differ in every run.
    taken_up: Option<Vec<&'static str>>,
}

/// What a deployment has created so far.
#[derive(Default)]
struct Progress {
    made: Vec<Resource>,
    unsure: Vec<Resource>,
    /// Those among the unsure ones that were taken up.
    found: Vec<Resource>,
}

impl Deployment {
    pub(crate) fn new(endpoint_name: String, session: Session) -> Self {
        Self {
            session,
            endpoint_name,
            model: None,
            model_name: None,
            instances: None,
            variants: Vec::new(),
            config_name: None,
            async_inference: AsyncInferenceConfig::default(),
            data_capture: None,
            config_members: Vec::new(),
            update: None,
            tags: Vec::new(),
            on_failure: OnFailure::default(),
            cancel: None,
            continues: false,
        }
    }

    /// Creates this model.
    pub fn model(mut self, model: Model) -> Self {
        self.model = Some(model);
        self
    }

    /// Uses an existing model.
    pub fn model_name(mut self, name: impl Into<String>) -> Self {
        self.model_name = Some(name.into());
        self
    }

    /// Runs the model on `count` instances of this type, as the variant `AllTraffic`.
    pub fn instances(mut self, instance_type: impl Into<String>, count: u32) -> Self {
        self.instances = Some((instance_type.into(), count));
        self
    }

    /// Adds a variant with its own settings, instead of [`instances`](Self::instances) or in addition.
    pub fn variant(mut self, variant: ProductionVariant) -> Self {
        self.variants.push(variant);
        self
    }

    /// Sets where results and failures are stored, which topics are notified, and how many requests an instance
    /// gets at a time. Paths that it leaves out get their defaults.
    pub fn async_inference_config(mut self, config: AsyncInferenceConfig) -> Self {
        self.async_inference = config;
        self
    }

    /// Stores requests and responses for monitoring. Default: none.
    pub fn data_capture_config(mut self, config: DataCaptureConfig) -> Self {
        self.data_capture = Some(config);
        self
    }

    /// Sets the name of the endpoint configuration. Default: the endpoint's.
    pub fn endpoint_config_name(mut self, name: impl Into<String>) -> Self {
        self.config_name = Some(name.into());
        self
    }

    /// Sets the key that encrypts the volumes of the instances. Default: the service's.
    pub fn kms_key_id(self, id: impl Into<String>) -> Self {
        self.with_raw_config("KmsKeyId", id.into())
    }

    /// Sets how later updates switch over, unless an update sets its own.
    pub fn deployment_config(mut self, config: DeploymentConfig) -> Self {
        self.update = Some(config);
        self
    }

    /// Adds a tag to the model, the configuration and the endpoint, as the SDK does. At most 50.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// Sets a member of `CreateEndpointConfig` by its API name, for members without a method. Models and variants have
    /// their own `with_raw`.
    pub fn with_raw_config(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        self.config_members.push((member.into(), value.into()));
        self
    }

    /// Sets what happens to the created resources if the deployment fails. Default: they stay.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets a token that cancels the deployment: no further step is started, and the error has an
    /// [`EndpointWaitReason::Cancelled`] as its cause. A step in progress waits for its response up to 2 s longer;
    /// without one the error names its resource as [unsure](DeploymentError::unsure). Default: the token of the
    /// waiter, if there is one.
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Continues an earlier run of the same deployment that was interrupted: an existing model, configuration or
    /// endpoint of the name counts as created if it is as requested (default paths may differ). It is never removed on
    /// failure, because it may belong to somebody else. Default: a name that is taken is an error.
    pub fn resume(mut self) -> Self {
        self.continues = true;
        self
    }

    /// Creates model, configuration and endpoint, and does not wait. The endpoint is in service some minutes
    /// later: see [`Endpoint::wait_in_service`].
    ///
    /// # Errors
    /// - [`Error::Deployment`]: something was, or may have been, created; it lists the resources and has the cause.
    /// - The cause itself if nothing was created: the errors of [`SageMaker`](crate::endpoint::SageMaker#errors);
    ///   those of [`Session::default_bucket`](crate::Session::default_bucket) if a default path needs it; or
    ///   [`Error::EndpointWait`] if it was cancelled.
    pub fn start(self) -> Result<Endpoint> {
        let (endpoint, _) = self.run()?;
        Ok(endpoint)
    }

    /// Like [`start`](Self::start), then waits until the endpoint is in service.
    ///
    /// An endpoint that fails counts as a failed deployment: with [`OnFailure::Remove`] it is deleted with the rest,
    /// and so is one whose wait was cancelled. An endpoint that is still being created when the wait ends is not
    /// deleted, because the service refuses that. For a minute after its creation one that is not found is waited for:
    /// the service may not show it yet.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and [`Error::Deployment`] with the cause that
    /// [`Endpoint::wait_in_service`] lists.
    pub fn start_and_wait(self, waiter: &EndpointWaiter) -> Result<Endpoint> {
        let on_failure = self.on_failure;
        let mut deployment = self;
        deployment.cancel = deployment.cancel.or_else(|| waiter.cancel_token());
        let (endpoint, progress) = deployment.run()?;
        match endpoint.wait_in_service(waiter) {
            Ok(_) => Ok(endpoint),
            Err(cause) => {
                let over = matches!(&cause, Error::EndpointWait(wait) if is_over(wait));
                let on_failure = if over { on_failure } else { OnFailure::Keep };
                Err(progress.failed(endpoint.session(), endpoint.name(), on_failure, cause))
            }
        }
    }

    fn run(self) -> Result<(Endpoint, Progress)> {
        let plan = self.plan()?;
        let mut progress = Progress::default();
        let session = match &self.cancel {
            Some(token) => self.session.cancelled_by(token.shared_flag()),
            None => self.session.clone(),
        };
        if let Err(cause) = plan.carry_out(&session, &mut progress) {
            let name = &self.endpoint_name;
            return Err(progress.failed(&self.session, name, self.on_failure, cause));
        }
        let endpoint = Endpoint::new(self.endpoint_name, &self.session);
        endpoint.has_requested(Change::Creation);
        Ok((endpoint, progress))
    }

    fn plan(&self) -> Result<Plan> {
        let model = self.model.clone().map(|mut model| {
            add_tags(&mut model.members, &self.tags);
            model
        });
        if let Some(model) = &model {
            model.validate()?;
        }
        let config_name = self.config_name.as_ref().unwrap_or(&self.endpoint_name);
        let mut endpoint = CreateEndpoint::new(&self.endpoint_name, config_name).tags(&self.tags);
        if let Some(update) = &self.update {
            endpoint = endpoint.deployment_config(update.clone());
        }
        endpoint.validate()?;
        let variants = self.variants()?;

        // The name of the default bucket may need a request: the rest is checked before that.
        let capture = self.data_capture.clone();
        let capture = capture.map(DataCaptureConfig::drafted);
        let draft = self.with_paths(|_| Ok(DRAFT.to_owned()))?;
        self.config(config_name, &variants, draft, capture)
            .validate()?;

        let folder = name_from_base(&self.endpoint_name, self.session.sys().clock().now());
        let inference = self.with_paths(|kind| {
            let place = default_place(&self.session, &format!("{kind}/{folder}"))?;
            Ok(place.to_string())
        })?;
        let capture = self.data_capture.clone();
        let capture = capture.map(|capture| capture.located(&self.session));
        let config = self.config(config_name, &variants, inference, capture.transpose()?);
        config.validate()?;
        Ok(Plan {
            model,
            config,
            endpoint,
            cancel: self.cancel.clone(),
            taken_up: self.continues.then(|| self.made_up()),
        })
    }

    fn config(
        &self,
        name: &str,
        variants: &[ProductionVariant],
        inference: AsyncInferenceConfig,
        capture: Option<DataCaptureConfig>,
    ) -> EndpointConfig {
        let mut config =
            EndpointConfig::new(name, variants.iter().cloned()).async_inference_config(inference);
        if let Some(capture) = capture {
            config = config.data_capture_config(capture);
        }
        add_tags(&mut config.members, &self.tags);
        for (member, value) in &self.config_members {
            config = config.with_raw(member, value.clone());
        }
        config
    }

    fn variants(&self) -> Result<Vec<ProductionVariant>, InvalidInput> {
        let mut variants = self.variants.clone();
        if let Some((instance_type, count)) = &self.instances {
            let named = self.model_name.as_deref();
            let model = named
                .or(self.model.as_ref().map(Model::name))
                .ok_or_else(|| {
                    InvalidInput::redacted(
                        "deployment",
                        "an endpoint needs a model",
                        "call model(..) or model_name(..)",
                    )
                })?;
            let variant = ProductionVariant::new(VARIANT, model, instance_type, *count);
            variants.insert(0, variant);
        }
        if variants.is_empty() {
            return Err(InvalidInput::redacted(
                "deployment",
                "an endpoint needs instances",
                "call instances(..) or variant(..)",
            ));
        }
        Ok(variants)
    }

    /// The members whose values have the time of the deployment in them.
    fn made_up(&self) -> Vec<&'static str> {
        let given = &self.async_inference;
        let paths = [
            ("S3OutputPath", given.output_path().is_none()),
            ("S3FailurePath", given.failure_path().is_none()),
        ];
        let made_up = paths.into_iter().filter(|(_, made_up)| *made_up);
        made_up.map(|(member, _)| member).collect()
    }

    /// Fills in the paths that are absent.
    fn with_paths(&self, path: impl Fn(&str) -> Result<String>) -> Result<AsyncInferenceConfig> {
        let given = &self.async_inference;
        let mut config = given.to_builder();
        if given.output_path().is_none() {
            config = config.output_path(path("async-endpoint-outputs")?);
        }
        if given.failure_path().is_none() {
            config = config.failure_path(path("async-endpoint-failures")?);
        }
        Ok(config.build()?)
    }
}

/// Whether the endpoint failed, or the caller cancelled.
fn is_over(wait: &EndpointWaitError) -> bool {
    let reason = wait.reason();
    matches!(
        reason,
        EndpointWaitReason::Failed | EndpointWaitReason::Cancelled
    )
}

impl Plan {
    fn carry_out(&self, session: &Session, progress: &mut Progress) -> Result<()> {
        if let Some(model) = &self.model {
            let resource = Resource::Model(model.name().to_owned());
            self.make(session, progress, resource, &model.to_json())?;
        }
        let resource = Resource::EndpointConfig(self.config.name().to_owned());
        self.make(session, progress, resource, &self.config.to_json())?;
        let resource = Resource::Endpoint(self.endpoint.endpoint_name().to_owned());
        self.make(session, progress, resource, &self.endpoint.to_json())
    }

    fn make(
        &self,
        session: &Session,
        progress: &mut Progress,
        resource: Resource,
        input: &Value,
    ) -> Result<()> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(wait::cancelled(self.endpoint.endpoint_name(), "in service"));
        }
        let creation = Creation {
            resource,
            input,
            taken_up: self.taken_up.as_deref(),
            follows: !(progress.made.is_empty() && progress.unsure.is_empty()),
        };
        match creation.make(session) {
            Ok((_, Made::Surely)) => progress.made.push(creation.resource),
            Ok((_, Made::Presumably)) => progress.unsure.push(creation.resource),
            Ok((_, Made::Before)) => {
                progress.found.push(creation.resource.clone());
                progress.unsure.push(creation.resource);
            }
            Err(failed) => {
                if failed.perhaps {
                    progress.unsure.push(creation.resource);
                }
                return Err(failed.error);
            }
        }
        Ok(())
    }
}

impl Progress {
    /// The error, after the created resources were removed, if that was chosen: the last one first.
    fn failed(
        self,
        session: &Session,
        endpoint_name: &str,
        on_failure: OnFailure,
        cause: Error,
    ) -> Error {
        if self.made.is_empty() && self.unsure.is_empty() {
            return cause;
        }
        let (mut left, mut removed) = (Vec::new(), Vec::new());
        let mut remove = on_failure == OnFailure::Remove;
        for resource in self.made.into_iter().rev() {
            // What cannot be removed is named in the error, beside its cause.
            let removable = remove && settle::delete(session, &resource).is_ok();
            // An endpoint that stays (one that is being created cannot be deleted) needs the rest.
            remove &= removable || !matches!(resource, Resource::Endpoint(_));
            if removable {
                removed.push(resource);
            } else {
                left.push(resource);
            }
        }
        DeploymentError {
            endpoint_name: endpoint_name.to_owned(),
            doing: "deploying",
            left,
            unsure: self.unsure,
            found: self.found,
            removed,
            cause,
        }
        .into()
    }
}
