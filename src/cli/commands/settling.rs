//! The wait for an endpoint's change to complete.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::endpoint::EndpointWaiter;
use sagemaker_async_inference::{Error, Result};

use crate::cli::args::values::duration;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, CommandError};
use crate::cli::output::progress::Progress;

/// How to wait for an endpoint.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(in crate::cli) struct Settling {
    /// Do not wait until the change is complete
    #[arg(long)]
    no_wait: bool,

    /// Time between two polls of the endpoint's status [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<Duration>,

    /// Maximum number of polls [default: 120, or 60 for a deletion]
    #[arg(long, value_name = "COUNT")]
    max_attempts: Option<u32>,

    /// Time limit of the wait; the change itself goes on
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

/// A change of the control plane that failed or was interrupted; after an interruption with how to continue.
pub(super) fn unfinished(
    error: Error,
    interrupt: &Interrupt,
    how_to_go_on: String,
) -> CommandError {
    let failure = CommandError::from(error);
    if interrupt.has_struck() {
        failure.with_code(Code::Interrupted).with_hint(how_to_go_on)
    } else {
        failure
    }
}

impl Settling {
    /// `None` with --no-wait. `by_default` has the default number of polls.
    pub(in crate::cli) fn waiter(
        &self,
        by_default: EndpointWaiter,
        looks: u32,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Result<Option<EndpointWaiter>> {
        if self.no_wait {
            return Ok(None);
        }
        let mut waiter = by_default;
        if self.delay.is_some() || self.max_attempts.is_some() {
            let delay = self.delay.unwrap_or(Duration::from_secs(30));
            waiter = waiter.every(delay, self.max_attempts.unwrap_or(looks))?;
        }
        if let Some(timeout) = self.timeout {
            waiter = waiter.deadline(timeout)?;
        }
        let shown = progress.clone();
        Ok(Some(
            waiter
                .progress(move |endpoint| {
                    shown.on_endpoint(endpoint);
                    ControlFlow::Continue(())
                })
                .cancel(interrupt.token()),
        ))
    }
}
