//! How long to wait, and how often to look.

use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{Result, WaiterConfig, WaiterConfigBuilder};

use super::values::duration;

/// The wait for a result.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(in crate::cli) struct Waiting {
    /// The pause between two polls [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<Duration>,

    /// So many polls, and no more [default: 60; without end where --timeout is given]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    max_attempts: Option<u32>,

    /// Poll the more seldom the older the inference is, and by what its like took; --delay is the
    /// shortest pause
    #[arg(long)]
    adaptive: bool,

    /// Time limit for the result to appear, whatever the polls; of `predict` it begins with the upload and
    /// the submit. The inference goes on. A download that has begun goes on too, while it makes progress
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

const LEAST: Duration = Duration::from_millis(1);

/// As many polls as the library lets a waiter have.
const WITHOUT_END: u32 = 10_000_000;

impl Waiting {
    pub(in crate::cli) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// For a wait whose time began then, on the system's monotonic clock.
    pub(in crate::cli) fn builder_since(&self, begun: Duration) -> WaiterConfigBuilder {
        let Some(timeout) = self.timeout else {
            return self.builder();
        };
        let spent = SystemClock.monotonic().saturating_sub(begun);
        // One poll is made however late it is.
        self.builder()
            .deadline(timeout.saturating_sub(spent).max(LEAST))
    }

    pub(in crate::cli) fn builder(&self) -> WaiterConfigBuilder {
        let mut builder = if self.adaptive {
            WaiterConfig::builder().adaptive()
        } else {
            WaiterConfig::builder()
        };
        if let Some(delay) = self.delay {
            builder = builder.delay(delay);
        }
        if let Some(timeout) = self.timeout {
            builder = builder.deadline(timeout);
        }
        match (self.max_attempts, self.timeout) {
            (Some(attempts), _) => builder.max_attempts(attempts),
            (None, Some(_)) => builder.max_attempts(WITHOUT_END),
            (None, None) => builder,
        }
    }

    /// Checks the values before anything is sent.
    pub(in crate::cli) fn check(&self) -> Result<()> {
        self.builder().build().map(drop)
    }
}
