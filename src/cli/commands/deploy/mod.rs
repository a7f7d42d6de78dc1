//! `deploy`: a model, a configuration and an endpoint.

mod inference;
mod instances;
mod model;

use clap::Args;
use sagemaker_async_inference::endpoint::{Deployment, Endpoint, EndpointWaiter, OnFailure};
use serde_json::json;

use self::inference::Inference;
use self::instances::Instances;
use self::model::{Chosen, ModelChoice};
use super::settling::{Settling, unfinished};
use crate::cli::args::connect::Connection;
use crate::cli::args::values::pair;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::Outcome;
use crate::cli::output::form::Form;
use crate::cli::output::progress::{Progress, Show};

/// Deploy an asynchronous endpoint, and wait until it is in service
///
/// Creates a model (unless --model-name names an existing one), an endpoint configuration and the endpoint, and prints
/// the endpoint's name and state. The same command continues an interrupted deployment: existing resources with these
/// names are used if they match. Example:
///
///     sagemaker-async deploy my-endpoint --image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/my:1 \
///         --model-data s3://my-bucket/model.tar.gz --role arn:aws:iam::123456789012:role/my-role \
///         --instance-type ml.g5.xlarge --failure-path s3://my-bucket/failures
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Deploy {
    /// The endpoint's name
    endpoint: String,

    /// A tag for every created resource. Repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,

    /// Delete what this command created if the endpoint fails to come into service or the command is interrupted
    #[arg(long)]
    remove_on_failure: bool,

    #[command(flatten)]
    model: ModelChoice,

    #[command(flatten)]
    instances: Instances,

    #[command(flatten)]
    inference: Inference,

    #[command(flatten)]
    settling: Settling,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

impl Deploy {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self.connection.session(None)?;
        let waiter =
            self.settling
                .waiter(EndpointWaiter::in_service(), 120, &progress, &interrupt)?;
        let deployment = Endpoint::deploy(&self.endpoint, &session)
            .cancel(interrupt.token())
            .resume();
        let deployment = self.deployment(deployment)?;
        progress.stage("deploying");
        let deployed = match &waiter {
            Some(waiter) => deployment.start_and_wait(waiter),
            None => deployment.start(),
        };
        progress.clear();
        let endpoint = deployed.map_err(|error| {
            let hint = format!(
                "What was created and not removed still exists: run the same command again to \
                continue, or `sagemaker-async delete {} --all` to remove it.",
                self.endpoint
            );
            unfinished(error, &interrupt, hint)
        })?;
        let status = if waiter.is_some() {
            "InService"
        } else {
            "Creating"
        };
        self.form
            .print(&json!({ "endpoint_name": endpoint.name(), "status": status }))
    }

    fn deployment(&self, deployment: Deployment) -> Outcome<Deployment> {
        let model = self.model.choose(&self.endpoint)?;
        let mut deployment = deployment
            .variant(self.instances.variant(model.name()))
            .async_inference_config(self.inference.config()?);
        if let Chosen::New(model) = model {
            deployment = deployment.model(model);
        }
        if let Some(capture) = self.inference.capture() {
            deployment = deployment.data_capture_config(capture);
        }
        if let Some(id) = &self.instances.kms_key {
            deployment = deployment.kms_key_id(id);
        }
        for (key, value) in &self.tag {
            deployment = deployment.tag(key, value);
        }
        Ok(deployment.on_failure(if self.remove_on_failure {
            OnFailure::Remove
        } else {
            OnFailure::Keep
        }))
    }
}
