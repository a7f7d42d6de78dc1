//! `update`: a new configuration for an endpoint in service.

use clap::Args;
use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter};
use serde_json::json;

use super::settling::{Settling, unfinished};
use crate::cli::args::connect::Connection;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::Outcome;
use crate::cli::output::form::Form;
use crate::cli::output::progress::{Progress, Show};

/// Change an endpoint's instance type, instance count or model, and wait until it is in service
///
/// Everything else stays the same. Prints the new configuration's name, as text on a terminal and as a JSON line
/// otherwise. The old configuration is kept, so that the endpoint can return to it. Example:
///
///     sagemaker-async update my-endpoint --instance-type ml.g5.2xlarge
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Update {
    /// The endpoint's name
    endpoint: String,

    #[command(flatten)]
    changes: Changes,

    /// The new configuration's name; if an interrupted update created it, it is used [default: the current name with
    /// the time]
    #[arg(long, value_name = "NAME")]
    endpoint_config_name: Option<String>,

    /// Keep the current instance counts and weights, as set by scaling
    #[arg(long)]
    retain_variant_properties: bool,

    #[command(flatten)]
    settling: Settling,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

/// What to change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// The new instance type
    #[arg(long, value_name = "TYPE")]
    instance_type: Option<String>,

    /// The new number of instances
    #[arg(long, value_name = "COUNT")]
    instance_count: Option<u32>,

    /// The new model, which must exist
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,
}

impl Update {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self.connection.session(None)?;
        let waiter =
            self.settling
                .waiter(EndpointWaiter::in_service(), 120, &progress, &interrupt)?;
        let mut update = Endpoint::new(&self.endpoint, &session)
            .with_cancel(interrupt.token())
            .update();
        if let Some(instance_type) = &self.changes.instance_type {
            update = update.instance_type(instance_type);
        }
        if let Some(count) = self.changes.instance_count {
            update = update.initial_instance_count(count);
        }
        if let Some(name) = &self.changes.model_name {
            update = update.model_name(name);
        }
        if let Some(name) = &self.endpoint_config_name {
            update = update.endpoint_config_name(name).resume();
        }
        if self.retain_variant_properties {
            update = update.retain_all_variant_properties();
        }
        progress.stage("updating");
        let updated = match &waiter {
            Some(waiter) => update.start_and_wait(waiter),
            None => update.start(),
        };
        progress.clear();
        let config = updated.map_err(|error| {
            let hint = format!(
                "If a configuration was created, it still exists: run the same command again \
                with --endpoint-config-name and its name to use it. `sagemaker-async describe \
                {}` shows whether the update \
                 has begun.",
                self.endpoint
            );
            unfinished(error, &interrupt, hint)
        })?;
        let status = if waiter.is_some() {
            "InService"
        } else {
            "Updating"
        };
        self.form.print(&json!({
            "endpoint_name": self.endpoint,
            "endpoint_config_name": config,
            "status": status,
        }))
    }
}
