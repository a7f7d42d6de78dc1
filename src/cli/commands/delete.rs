//! `delete`: an endpoint and what belongs to it.

use clap::Args;
use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter};
use serde_json::json;

use super::settling::{Settling, unfinished};
use crate::cli::args::connect::Connection;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::Outcome;
use crate::cli::output::form::Form;
use crate::cli::output::progress::{Progress, Show};

/// Delete an endpoint and its configuration, and wait until it is gone
///
/// Example:
///
///     sagemaker-async delete my-endpoint
///     sagemaker-async delete my-endpoint --all
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Delete {
    /// The endpoint's name
    endpoint: String,

    /// Also delete its models and its scaling, and what an interrupted deployment left: the configuration and the
    /// model of this name; always waits
    #[arg(long, conflicts_with_all = ["keep_config", "no_wait"])]
    all: bool,

    /// Keep the configuration
    #[arg(long)]
    keep_config: bool,

    #[command(flatten)]
    settling: Settling,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

impl Delete {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self.connection.session(None)?;
        let waiter = self
            .settling
            .waiter(EndpointWaiter::deleted(), 60, &progress, &interrupt)?;
        let endpoint = Endpoint::new(&self.endpoint, &session).with_cancel(interrupt.token());
        progress.stage("deleting");
        let deleted = match &waiter {
            Some(waiter) if self.all => endpoint.remove(waiter),
            Some(waiter) => endpoint
                .delete(!self.keep_config)
                .and_then(|()| endpoint.wait_deleted(waiter)),
            None => endpoint.delete(!self.keep_config),
        };
        progress.clear();
        deleted.map_err(|error| {
            let hint = "What was not deleted still exists; run the same command again to continue.";
            unfinished(error, &interrupt, hint.into())
        })?;
        let status = if waiter.is_some() {
            "Deleted"
        } else {
            "Deleting"
        };
        self.form
            .print(&json!({ "endpoint_name": self.endpoint, "status": status }))
    }
}
