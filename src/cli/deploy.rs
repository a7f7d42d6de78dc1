//! `deploy`: a model, a configuration and an endpoint.

use clap::Args;
use sagemaker_async_inference::{
    AsyncInferenceConfig, ContainerDefinition, Deployment, Endpoint, EndpointWaiter, Model,
    NotificationConfig, OnFailure,
};
use serde_json::json;

use super::connect::Connection;
use super::exit::{Failure, Outcome};
use super::interrupt::Interrupt;
use super::lines::print;
use super::progress::{Progress, Show};
use super::settling::Settling;
use super::values::pair;

/// Deploy an asynchronous endpoint, and wait until it is in service
///
/// Makes a model (unless --model-name names one that is there), an endpoint configuration and the
/// endpoint, and prints their names as a JSON line. Example:
///
///     sagemaker-async deploy my-endpoint --image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/my:1 \
///         --model-data s3://my-bucket/model.tar.gz --role arn:aws:iam::123456789012:role/my-role \
///         --instance-type ml.g5.xlarge --failure-path s3://my-bucket/failures
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Deploy {
    /// The endpoint's name
    endpoint: String,

    /// The container's image, for a new model
    #[arg(long, value_name = "URI", required_unless_present_any = ["model_package", "model_name"])]
    image: Option<String>,

    /// A model package, for a new model
    #[arg(long, value_name = "ARN", conflicts_with = "image")]
    model_package: Option<String>,

    /// A model that is there; with --image or --model-package, the new one's name [default: the
    /// endpoint's]
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,

    /// The model's data, a tar.gz in S3
    #[arg(long, value_name = "S3_URI")]
    model_data: Option<String>,

    /// A variable of the container's environment; may be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,

    /// The role that SageMaker takes on
    #[arg(long, value_name = "ARN")]
    role: Option<String>,

    /// The instances' type
    #[arg(long, value_name = "TYPE")]
    instance_type: String,

    /// How many instances at first
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    instance_count: u32,

    /// Where outputs go [default: below async-endpoint-outputs/ in the default bucket]
    #[arg(long, value_name = "S3_URI")]
    output_path: Option<String>,

    /// Where failures go [default: below async-endpoint-failures/ in the default bucket]
    #[arg(long, value_name = "S3_URI")]
    failure_path: Option<String>,

    /// So many invocations at a time on each instance, 1 to 1000
    #[arg(long, value_name = "COUNT")]
    max_concurrent: Option<u32>,

    /// The KMS key that outputs are encrypted with
    #[arg(long, value_name = "ID")]
    output_kms_key: Option<String>,

    /// The SNS topic that is told of results
    #[arg(long, value_name = "ARN")]
    success_topic: Option<String>,

    /// The SNS topic that is told of failures
    #[arg(long, value_name = "ARN")]
    error_topic: Option<String>,

    /// A tag of everything that is made; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,

    /// Delete what was made if it does not come into service
    #[arg(long)]
    remove_on_failure: bool,

    #[command(flatten)]
    settling: Settling,

    #[command(flatten)]
    connection: Connection,
}

impl Deploy {
    pub(super) fn run(self, show: Show) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self.connection.session(None)?;
        let waiter =
            self.settling
                .waiter(EndpointWaiter::in_service(), 120, &progress, &interrupt)?;
        let deployment = self.deployment(Endpoint::deploy(&self.endpoint, &session))?;
        progress.stage("deploying");
        let deployed = match &waiter {
            Some(waiter) => deployment.start_and_wait(waiter),
            None => deployment.start(),
        };
        progress.clear();
        let endpoint = deployed?;
        let status = if waiter.is_some() {
            "InService"
        } else {
            "Creating"
        };
        print(&json!({ "endpoint_name": endpoint.name(), "status": status }).to_string())
    }

    fn deployment(&self, mut deployment: Deployment) -> Outcome<Deployment> {
        deployment = match (self.container(), &self.model_name) {
            (Some(container), name) => {
                let name = name.as_ref().unwrap_or(&self.endpoint);
                let model = Model::new(name, container);
                deployment.model(match &self.role {
                    Some(role) => model.execution_role_arn(role),
                    None => model,
                })
            }
            (None, Some(name)) => {
                if self.model_data.is_some() || !self.env.is_empty() || self.role.is_some() {
                    return Err(Failure::usage(
                        "--model-data, --env and --role are a new model's; --model-name alone names one that is there",
                    ));
                }
                deployment.model_name(name)
            }
            (None, None) => return Err(Failure::usage("name an --image or a --model-name")),
        };
        deployment = deployment
            .instances(&self.instance_type, self.instance_count)
            .async_inference_config(self.async_inference()?);
        for (key, value) in &self.tag {
            deployment = deployment.tag(key, value);
        }
        Ok(deployment.on_failure(if self.remove_on_failure {
            OnFailure::Remove
        } else {
            OnFailure::Keep
        }))
    }

    fn container(&self) -> Option<ContainerDefinition> {
        let mut container = match (&self.image, &self.model_package) {
            (Some(image), _) => ContainerDefinition::new(image),
            (None, Some(package)) => ContainerDefinition::from_model_package(package),
            (None, None) => return None,
        };
        if let Some(data) = &self.model_data {
            container = container.model_data_url(data);
        }
        for (name, value) in &self.env {
            container = container.environment(name, value);
        }
        Some(container)
    }

    fn async_inference(&self) -> Outcome<AsyncInferenceConfig> {
        let mut config = AsyncInferenceConfig::builder();
        if let Some(path) = &self.output_path {
            config = config.output_path(path);
        }
        if let Some(path) = &self.failure_path {
            config = config.failure_path(path);
        }
        if let Some(count) = self.max_concurrent {
            config = config.max_concurrent_invocations_per_instance(count);
        }
        if let Some(id) = &self.output_kms_key {
            config = config.kms_key_id(id);
        }
        if self.success_topic.is_some() || self.error_topic.is_some() {
            let mut notification = NotificationConfig::builder();
            if let Some(arn) = &self.success_topic {
                notification = notification.success_topic(arn);
            }
            if let Some(arn) = &self.error_topic {
                notification = notification.error_topic(arn);
            }
            config = config.notification_config(notification.build()?);
        }
        Ok(config.build()?)
    }
}
