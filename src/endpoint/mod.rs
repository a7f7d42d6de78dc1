//! Asynchronous endpoints: deploy, describe, update, scale, remove.

mod config;
mod data_capture;
mod deploy;
mod deployment_config;
mod describe;
mod document;
pub(crate) mod inference_config;
mod model;
mod names;
mod operations;
mod predictor;
mod removal;
mod requests;
mod scale_to_zero;
mod scaling;
mod settle;
mod status;
mod update;
mod wait;

pub use inference_config::{
    AsyncInferenceConfigBuilder, NotificationConfigBuilder, NotificationTopic,
};

pub use crate::error::endpoint_status::EndpointStatus;
pub use config::{EndpointConfig, ProductionVariant, RoutingStrategy};
pub use data_capture::{CaptureMode, DataCaptureConfig};
pub use deploy::{Deployment, OnFailure};
pub use deployment_config::{CapacitySize, DeploymentConfig};
pub use describe::{
    EndpointConfigDescription, EndpointDescription, EndpointSummary, ModelDescription,
    VariantSummary,
};
pub use model::{ContainerDefinition, Model, VpcConfig};
pub use operations::{ListedEndpoints, SageMaker};
pub use requests::{CreateEndpoint, ListEndpoints, UpdateEndpoint, VariantProperty};
pub use scale_to_zero::ScaleToZero;
pub use scaling::{ScalableTarget, ScalingPolicy, ScalingPolicyDescription, VariantScaling};
pub use status::{Backlog, EndpointOverview};
pub use update::EndpointUpdate;
pub use wait::{EndpointProgress, EndpointWaiter};

use std::sync::{Arc, Mutex};

use self::removal::Removal;
use self::wait::{Change, Requested};
use crate::error::{Error, Resource, Result};
use crate::predictor::AsyncPredictor;
use crate::session::Session;
use crate::sys::lock;
use crate::waiter::CancelToken;

/// The SDK's name for a single variant.
const VARIANT: &str = "AllTraffic";

/// An asynchronous endpoint, to deploy, describe, update, scale and remove. All methods block; a clone is cheap.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::WaiterConfig;
/// use sagemaker_async_inference::endpoint::{ContainerDefinition, Endpoint, EndpointWaiter, Model, ScaleToZero};
/// use sagemaker_async_inference::local::LocalEndpoint;
///
/// let local = LocalEndpoint::builder().start()?;
/// let session = local.session()?; // on AWS: Session::from_env()?
///
/// let image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1";
/// let model = Model::new("my-model", ContainerDefinition::new(image))
///     .execution_role_arn("arn:aws:iam::123456789012:role/my-role");
/// let often = Duration::from_millis(20); // default: 30 s
/// let endpoint = Endpoint::deploy("my-endpoint", &session)
///     .model(model)
///     .instances("ml.m5.xlarge", 1)
///     .start_and_wait(&EndpointWaiter::in_service().every(often, 500)?)?;
/// endpoint.scaling().scale_to_zero(&ScaleToZero::new().max_capacity(2))?;
///
/// let predictor = endpoint.predictor().with_waiter_config(WaiterConfig::new(500, often)?);
/// let result: String = predictor.predict("hello")?;
/// assert_eq!(result, "hello");
///
/// // Scaling, endpoint, configuration, model.
/// endpoint.remove(&EndpointWaiter::deleted().every(often, 500)?)?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Endpoint {
    name: String,
    session: Session,
    cancel: Option<CancelToken>,
    /// The latest change, for the waits of all clones.
    requested: Arc<Mutex<Option<Requested>>>,
}

impl Endpoint {
    /// Refers to an existing endpoint in the session's region and account. Sends no request.
    pub fn new(name: impl Into<String>, session: &Session) -> Self {
        Self {
            name: name.into(),
            session: session.clone(),
            cancel: None,
            requested: Arc::default(),
        }
    }

    /// Records a change, for the next wait.
    fn has_requested(&self, change: Change) {
        let at = self.session.sys().clock().monotonic();
        *lock(&self.requested) = Some(Requested { at, change });
    }

    fn requested(&self) -> Option<Requested> {
        lock(&self.requested).clone()
    }

    /// Sets a token. Once it is cancelled, [`delete`](Self::delete), [`remove`](Self::remove),
    /// [`update`](Self::update) and [`scaling`](Self::scaling) begin no further step. A request in progress is
    /// cancelled: within 0.1 s if it reads, and within 2 s if it changes something, because its response reports the
    /// outcome. The error has an [`EndpointWaitReason::Cancelled`](crate::error::EndpointWaitReason::Cancelled) as its
    /// cause. Default: none; a removal uses the token of its waiter.
    #[must_use]
    pub fn with_cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Starts to build a deployment of an endpoint of this name.
    pub fn deploy(name: impl Into<String>, session: &Session) -> Deployment {
        Deployment::new(name.into(), session.clone())
    }

    /// The endpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// A predictor for this endpoint, with JSON for inputs and results.
    pub fn predictor(&self) -> AsyncPredictor {
        AsyncPredictor::new(&self.name, &self.session)
    }

    /// Describes the endpoint: state and instances (`DescribeEndpoint`) and its queue (`CloudWatch`
    /// `GetMetricData`: `ApproximateBacklogSize`, `ApproximateAgeOfOldestRequest`, `HasBacklogWithoutCapacity`).
    /// Sends two requests. If only the second fails, the [`backlog`](EndpointOverview::backlog) is that error.
    ///
    /// # Errors
    /// Those of [`SageMaker`](SageMaker#errors): the endpoint could not be described.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::Session;
    /// use sagemaker_async_inference::endpoint::Endpoint;
    ///
    /// let endpoint = Endpoint::new("my-endpoint", &Session::from_env()?);
    /// let overview = endpoint.describe()?;
    /// println!("{overview}"); // "2 instances, 12 waiting, the oldest for 40 s"
    /// println!("{} instances", overview.description().current_instance_count());
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn describe(&self) -> Result<EndpointOverview> {
        let description = self.description()?;
        let backlog = status::backlog(&self.acting(), &self.name);
        Ok(EndpointOverview::new(description, backlog))
    }

    fn description(&self) -> Result<EndpointDescription> {
        self.sagemaker().describe_endpoint(&self.name)
    }

    fn sagemaker(&self) -> SageMaker {
        SageMaker::new(&self.acting())
    }

    /// The session that ends with the token.
    fn acting(&self) -> Session {
        match &self.cancel {
            Some(token) => self.session.cancelled_by(token.shared_flag()),
            None => self.session.clone(),
        }
    }

    /// With the waiter's token, if there is none yet.
    fn ended_by(&self, waiter: &EndpointWaiter) -> Self {
        Self {
            cancel: self.cancel.clone().or_else(|| waiter.cancel_token()),
            ..self.clone()
        }
    }

    /// Waits until the endpoint is in service, and returns its description.
    ///
    /// # Errors
    /// - [`Error::EndpointWait`]: it failed, does not exist, or the wait ended first
    ///   ([`reason`](crate::error::EndpointWaitError::reason)).
    /// - [`Error::InvalidInput`]: its name is not valid.
    /// - [`Error::Service`], [`Error::Credentials`], [`Error::Transport`]: it cannot be described, for a reason that
    ///   waiting does not solve, such as a missing permission.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::Session;
    /// use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter};
    ///
    /// let endpoint = Endpoint::new("my-endpoint", &Session::from_env()?);
    /// let described = endpoint.wait_in_service(&EndpointWaiter::in_service())?;
    /// println!("{} instances", described.current_instance_count());
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn wait_in_service(&self, waiter: &EndpointWaiter) -> Result<EndpointDescription> {
        wait::in_service(&self.session, &self.name, None, self.requested(), waiter)
    }

    /// Waits until the endpoint is deleted.
    ///
    /// # Errors
    /// Those of [`wait_in_service`](Self::wait_in_service), but an endpoint that does not exist is not an error.
    pub fn wait_deleted(&self, waiter: &EndpointWaiter) -> Result<()> {
        wait::deleted(&self.session, &self.name, self.requested(), waiter)
    }

    /// Starts to build an update: to other instances, another model, other settings.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::Session;
    /// use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter};
    ///
    /// let endpoint = Endpoint::new("my-endpoint", &Session::from_env()?);
    /// endpoint.update().instance_type("ml.g5.2xlarge").start_and_wait(&EndpointWaiter::in_service())?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn update(&self) -> EndpointUpdate {
        EndpointUpdate::new(self.clone())
    }

    /// The scaling of the variant `AllTraffic`.
    pub fn scaling(&self) -> VariantScaling {
        self.scaling_of(VARIANT)
    }

    /// The scaling of a variant by its name.
    pub fn scaling_of(&self, variant_name: impl Into<String>) -> VariantScaling {
        VariantScaling::new(self.clone(), variant_name.into())
    }

    /// Deletes the endpoint, and its configuration before it if `delete_config`, as the SDK does. A configuration
    /// that does not exist any more is ignored. The endpoint is gone some time later: see
    /// [`wait_deleted`](Self::wait_deleted). The models stay: call [`delete_models`](Self::delete_models) before,
    /// or [`remove`](Self::remove) instead.
    ///
    /// An endpoint that is being deleted already is no error, so that an interrupted deletion can be repeated.
    ///
    /// Scaling stays too, and its alarm costs money: call [`VariantScaling::remove`] before.
    ///
    /// # Errors
    /// - Those of [`SageMaker`](SageMaker#errors), if nothing was deleted.
    /// - [`Error::Deployment`]: the configuration was deleted, and the endpoint was not.
    /// - [`Error::Config`]: with `delete_config`, the endpoint has no configuration, or is being created or changed, so
    ///   that the service would not delete it; nothing was deleted.
    /// - [`Error::EndpointWait`]: the [token](Self::with_cancel) was cancelled before anything was deleted.
    pub fn delete(&self, delete_config: bool) -> Result<()> {
        let mut removal = self.removal();
        if delete_config {
            let described = self.description()?;
            // The service would refuse to delete the endpoint, which needs its configuration then.
            if described.status() != EndpointStatus::Deleting {
                self.check_unchanging(&described)?;
            }
            let config =
                self.config_name_of(&described, "delete the endpoint alone: delete(false)")?;
            removal.delete(&self.acting(), Resource::EndpointConfig(config))?;
        }
        let endpoint = Resource::Endpoint(self.name.clone());
        let deleted = self
            .check_not_cancelled("deleted")
            .and_then(|()| settle::delete(&self.acting(), &endpoint));
        if deleted.is_ok() {
            self.has_requested(Change::Deletion);
        }
        match deleted {
            Err(error) if !removal.removed.is_empty() => {
                removal.note(endpoint, error);
                removal.end()
            }
            outcome => outcome,
        }
    }

    /// To be called between two steps.
    fn check_not_cancelled(&self, awaited: &'static str) -> Result<()> {
        match &self.cancel {
            Some(token) if token.is_cancelled() => Err(wait::cancelled(&self.name, awaited)),
            _ => Ok(()),
        }
    }

    fn removal(&self) -> Removal {
        Removal {
            name: self.name.clone(),
            cancel: self.cancel.clone(),
            ..Removal::default()
        }
    }

    /// Deletes the models of the endpoint's configuration, as the SDK's `delete_model` does. If one cannot be deleted,
    /// the others still are. Endpoint and configuration must still exist.
    ///
    /// # Errors
    /// - Those of [`SageMaker`](SageMaker#errors), and [`Error::Config`] if the endpoint has no configuration:
    ///   nothing is deleted.
    /// - [`Error::Deployment`] names the models that are left, and has the first cause.
    pub fn delete_models(&self) -> Result<()> {
        let described = self.description()?;
        let config = self.config_name_of(&described, "delete the models by their names")?;
        let models = self.models_of(&config)?;
        let mut removal = self.removal();
        removal.delete_all(&self.acting(), models);
        removal.end()
    }

    /// Removes everything: the scaling of its variants, the endpoint, and, once it is gone, its configuration and
    /// its models. Blocks until then.
    ///
    /// Waits first for an endpoint that is being created or updated, because the service does not delete it before. An
    /// error does not stop the removal, but configuration and models stay while the endpoint exists. What does not
    /// exist counts as removed: if a deployment ended before it created the endpoint, the configuration and the model
    /// of its name are removed. Configurations of earlier updates stay, and so do results in S3.
    ///
    /// # Errors
    /// - [`Error::Deployment`] names what is left, and has the first cause: one of
    ///   [`wait_in_service`](Self::wait_in_service) or of [`SageMaker`](SageMaker#errors).
    /// - Those of [`SageMaker`](SageMaker#errors): endpoint or configuration could not be described, or nothing
    ///   of this name exists.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::Session;
    /// use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter};
    ///
    /// let endpoint = Endpoint::new("my-endpoint", &Session::from_env()?);
    /// endpoint.remove(&EndpointWaiter::deleted())?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn remove(&self, waiter: &EndpointWaiter) -> Result<()> {
        self.ended_by(waiter).remove_all(waiter)
    }

    fn remove_all(&self, waiter: &EndpointWaiter) -> Result<()> {
        let described = match self.description() {
            Err(Error::Service(fault)) if settle::is_not_found(&fault) => {
                return self.remove_parts(Error::Service(fault));
            }
            described => described?,
        };
        // Before anything is removed: an error ends the removal here.
        let mut parts = self.parts(&described)?;
        let variants = described.variants().into_iter();
        let scaling = variants
            .map(|variant| Resource::Scaling(self.scaling_of(variant.name()).resource_id()));
        let (mut removal, session) = (self.removal(), self.acting());
        removal.delete_all(&session, scaling.collect());

        let endpoint = Resource::Endpoint(self.name.clone());
        let in_use = described.endpoint_config_name().map(str::to_owned);
        match self.wait_deletable(described, waiter) {
            Err(error) => removal.note(endpoint.clone(), error),
            Ok(settled) => {
                if settled.endpoint_config_name() != in_use.as_deref() {
                    parts = self.parts_or_config(&settled, &mut removal);
                }
                if settled.status() != EndpointStatus::Deleting {
                    removal.delete_all(&session, vec![endpoint.clone()]);
                    self.has_requested(Change::Deletion);
                }
            }
        }
        if removal.left.contains(&endpoint) || removal.unsure.contains(&endpoint) {
            removal.left.extend(parts);
        } else if let Err(error) = self.wait_deleted(waiter) {
            removal.note(endpoint, error);
            removal.left.extend(parts);
        } else {
            removal.delete_all(&session, parts);
        }
        removal.end()
    }

    /// Waits for an endpoint that the service changes, because it does not delete it before, and describes it then: an
    /// update has replaced its configuration.
    fn wait_deletable(
        &self,
        described: EndpointDescription,
        waiter: &EndpointWaiter,
    ) -> Result<EndpointDescription> {
        let status = described.status();
        if !status.is_in_progress() || status == EndpointStatus::Deleting {
            return Ok(described);
        }
        match wait::in_service(&self.session, &self.name, None, None, waiter) {
            Err(Error::EndpointWait(ended)) if ended.reason().is_final() => {
                match self.description() {
                    Err(Error::Service(fault)) if settle::is_not_found(&fault) => Ok(described),
                    settled => settled,
                }
            }
            settled => settled,
        }
    }

    /// Refuses what the service refuses while it changes the endpoint.
    fn check_unchanging(&self, described: &EndpointDescription) -> Result<()> {
        let status = described.status();
        if !status.is_in_progress() {
            return Ok(());
        }
        Err(crate::error::ConfigError::new(
            format!("endpoint {}", self.name),
            format!(
                "is {}, and the service neither updates nor deletes it meanwhile",
                status.as_str()
            ),
            "repeat this when the change is over",
        )
        .into())
    }

    /// The configuration in use. An endpoint that failed or that is made of inference components
    /// may have none.
    fn config_name_of(
        &self,
        described: &EndpointDescription,
        remedy: &'static str,
    ) -> Result<String> {
        let name = described.endpoint_config_name().map(str::to_owned);
        name.ok_or_else(|| {
            crate::error::ConfigError::new(
                format!("endpoint {}", self.name),
                "has no endpoint configuration",
                remedy,
            )
            .into()
        })
    }
}
