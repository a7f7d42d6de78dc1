//! `scale`: the number of instances, fixed or by backlog.

use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::Result;
use sagemaker_async_inference::endpoint::{Endpoint, ScaleToZero, VariantScaling};
use serde_json::{Value, json};

use super::settling::unfinished;
use crate::cli::args::connect::Connection;
use crate::cli::args::values::{VARIANT, duration};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::Outcome;
use crate::cli::output::form::Form;

/// Set an endpoint's number of instances, or let it scale to zero by its backlog
///
/// --to-zero registers the variant with Application Auto Scaling, with a policy that follows the backlog and an
/// alarm that scales up from zero at the first request; --remove undoes it and leaves the number of instances as
/// it is. Example:
///
///     sagemaker-async scale my-endpoint --to 3
///     sagemaker-async scale my-endpoint --to-zero --max 4 --backlog-per-instance 10
///     sagemaker-async scale my-endpoint --remove
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Scale {
    /// The endpoint's name
    endpoint: String,

    #[command(flatten)]
    action: Action,

    /// With --to-zero: maximum number of instances [default: 1]
    #[arg(long, value_name = "COUNT", requires = "to_zero")]
    max: Option<u32>,

    /// With --to-zero: target number of waiting requests per instance [default: 5]
    #[arg(long, value_name = "COUNT", requires = "to_zero")]
    backlog_per_instance: Option<f64>,

    /// With --to-zero: cooldown after scaling in [default: 10m]
    #[arg(long = "scale-in-cooldown", value_name = "TIME", value_parser = duration, requires = "to_zero")]
    in_cooldown: Option<Duration>,

    /// With --to-zero: cooldown after scaling out [default: 5m]
    #[arg(long = "scale-out-cooldown", value_name = "TIME", value_parser = duration, requires = "to_zero")]
    out_cooldown: Option<Duration>,

    /// The production variant
    #[arg(long, value_name = "NAME", default_value = VARIANT)]
    variant: String,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

/// What to do.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Action {
    /// Set a fixed number of instances
    #[arg(long, value_name = "COUNT")]
    to: Option<u32>,

    /// Scale between 0 and --max instances by the backlog
    #[arg(long)]
    to_zero: bool,

    /// Remove the automatic scaling
    #[arg(long)]
    remove: bool,
}

impl Scale {
    pub(in crate::cli) fn run(self) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let session = self.connection.session(None)?;
        let scaling = Endpoint::new(&self.endpoint, &session)
            .with_cancel(interrupt.token())
            .scaling_of(&self.variant);
        let done = self.scale(&scaling).map_err(|error| {
            let hint = format!(
                "Run the same command again to continue, or `sagemaker-async scale {} --remove` \
                to remove the scaling.",
                self.endpoint
            );
            unfinished(error, &interrupt, hint)
        })?;
        let mut line = done;
        line["endpoint_name"] = self.endpoint.into();
        line["variant"] = self.variant.into();
        self.form.print(&line)
    }

    /// What is done, as it is printed.
    fn scale(&self, scaling: &VariantScaling) -> Result<Value> {
        Ok(if let Some(count) = self.action.to {
            scaling.set_instance_count(count)?;
            json!({ "desired_instances": count })
        } else if self.action.to_zero {
            let mut settings = ScaleToZero::new();
            if let Some(max) = self.max {
                settings = settings.max_capacity(max);
            }
            if let Some(requests) = self.backlog_per_instance {
                settings = settings.backlog_per_instance(requests);
            }
            if let Some(cooldown) = self.in_cooldown {
                settings = settings.scale_in_cooldown(cooldown);
            }
            if let Some(cooldown) = self.out_cooldown {
                settings = settings.scale_out_cooldown(cooldown);
            }
            scaling.scale_to_zero(&settings)?;
            json!({ "min_instances": 0, "max_instances": self.max.unwrap_or(1) })
        } else {
            scaling.remove()?;
            json!({ "scaling": null })
        })
    }
}
