//! How long and how often to poll.

use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{WaiterConfig, WaiterConfigBuilder};

use super::values::duration;
use crate::cli::output::exit::{CommandError, Outcome};

/// The wait for a result.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(in crate::cli) struct Waiting {
    /// Time between two polls [default: 250ms at first, growing to 15s with the inference's age; 15s with
    /// --max-attempts; 10m with --queue]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<Duration>,

    /// Maximum number of polls [default: 60 with --delay, or else as many as 15 minutes take; unlimited with
    /// --timeout]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    max_attempts: Option<u32>,

    /// Poll less often the older the inference is, and by how long earlier ones took, with --delay as the shortest
    /// time between polls. This is the default without --delay and --max-attempts
    #[arg(long)]
    adaptive: bool,

    /// Time limit for the result to appear; `predict` counts from the start of the upload. The inference itself
    /// goes on, and so does a download that has begun, as long as it makes progress
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

/// The shortest time between polls, unless an option sets it: an inference of a second costs three or four polls.
const FIRST: Duration = Duration::from_millis(250);

const RARE: Duration = Duration::from_mins(10);

/// The shortest deadline that the library accepts.
const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_hours(365 * 24);

/// The highest number of polls that the library accepts.
const WITHOUT_END: u32 = 10_000_000;

impl Waiting {
    pub(in crate::cli) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// A waiter for a wait that began at this time of the system's monotonic clock.
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
        let builder = WaiterConfig::builder();
        let is_fixed = self.delay.is_some() || self.max_attempts.is_some();
        self.limit(match (self.adaptive, is_fixed) {
            (true, _) => builder.adaptive(),
            (false, true) => builder,
            (false, false) => builder.adaptive().delay(FIRST),
        })
    }

    fn limit(&self, mut builder: WaiterConfigBuilder) -> WaiterConfigBuilder {
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

    /// For a wait that messages wake: a poll each ten minutes, unless the options say otherwise.
    pub(in crate::cli) fn rare(&self) -> WaiterConfigBuilder {
        match self.delay {
            Some(_) => self.builder(),
            None => self.limit(WaiterConfig::builder().delay(RARE)),
        }
    }

    /// Checks the values before anything is sent.
    pub(in crate::cli) fn check(&self) -> Outcome {
        if let Some(timeout) = self
            .timeout
            .filter(|timeout| !(LEAST..=MOST).contains(timeout))
        {
            let text = format!("--timeout is {timeout:?}, and must be 1ms to 365d");
            return Err(CommandError::usage(text));
        }
        Ok(self.builder().build().map(drop)?)
    }
}
