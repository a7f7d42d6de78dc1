//! Builds a [`WaiterConfig`] and checks its values.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::{AccessDenied, CancelToken, WaitProgress, WaiterConfig};
use crate::aws::client::retry::RetryConfig;
use crate::error::Result;
use crate::invalid_input::InvalidInput;

/// Sets the parts of a [`WaiterConfig`]; [`build`](Self::build) checks them.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::WaiterConfig;
///
/// let nonsense = WaiterConfig::builder().max_attempts(0).build();
/// assert!(nonsense.is_err());
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct WaiterConfigBuilder {
    config: WaiterConfig,
}

const MAX_ATTEMPTS: u32 = 10_000_000;
const MIN_DELAY: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_hours(24);

impl WaiterConfigBuilder {
    /// Sets the delays, deadline and number of polls of [`WaiterConfig::adaptive`], and replaces earlier settings
    /// of these. Afterwards [`delay`](Self::delay) sets the shortest delay, and [`growing`](Self::growing) the
    /// longest; its factor is ignored.
    pub fn adaptive(mut self) -> Self {
        let WaiterConfig {
            max_attempts,
            delay,
            max_delay,
            adaptive,
            deadline,
            ..
        } = WaiterConfig::adaptive();
        self.config.max_attempts = max_attempts;
        self.config.delay = delay;
        self.config.max_delay = max_delay;
        self.config.adaptive = adaptive;
        self.config.deadline = deadline;
        self
    }

    /// Sets the maximum number of polls, 1 to 10,000,000. Default: 60.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.config.max_attempts = max_attempts;
        self
    }

    /// Sets the time between two polls, 1 ms to 24 hours. Default: 15 s.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.config.delay = delay;
        self
    }

    /// Sets the time before the first poll, up to 24 hours. Default: none.
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.config.initial_delay = delay;
        self
    }

    /// Multiplies each delay by `factor` (1 to 10), up to `max_delay` (at most 24 hours). Default: 1; all delays
    /// are the same.
    pub fn growing(mut self, factor: f64, max_delay: Duration) -> Self {
        self.config.growth = factor;
        self.config.max_delay = max_delay;
        self
    }

    /// Shortens each delay by a random part of up to this share, 0 to 1, so that many programs do
    /// not poll in step. Default: 0.
    pub fn jitter(mut self, share: f64) -> Self {
        self.config.jitter = share;
        self
    }

    /// Sets the time limit of the wait, from its start; it holds even if a server accepts requests and never
    /// responds. The last poll is sent 2 s before it, or a tenth of a shorter deadline, so that its response
    /// arrives in time. Default: none.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.config.deadline = Some(deadline);
        self
    }

    /// Sets what a 403 means. Default: [`AccessDenied::Probe`].
    pub fn access_denied(mut self, policy: AccessDenied) -> Self {
        self.config.access_denied = policy;
        self
    }

    /// Sets the attempts of each request of a poll; with [`RetryConfig::off`] only the next poll retries.
    /// Default: those of the [session](crate::SessionBuilder::retry).
    pub fn retry(mut self, retry: RetryConfig) -> Self {
        self.config.retry = Some(retry);
        self
    }

    /// Sets a callback for each poll that found no result. It runs on the waiting thread; [`ControlFlow::Break`] stops
    /// the wait. If it panics, the panic ends only this wait and continues on the waiting thread; the response can be
    /// waited for again. Default: none.
    pub fn progress(
        mut self,
        callback: impl Fn(&WaitProgress<'_>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.config.progress = Some(Arc::new(callback));
        self
    }

    /// Stops the wait from another thread. Default: none.
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.config.cancel = Some(token);
        self
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) names the first value that is out of the range that
    /// its method states.
    pub fn build(self) -> Result<WaiterConfig> {
        let config = &self.config;
        check(
            "max attempts",
            (1..=MAX_ATTEMPTS).contains(&config.max_attempts),
            &config.max_attempts,
            "1 to 10,000,000",
        )?;
        check(
            "delay",
            (MIN_DELAY..=DAY).contains(&config.delay),
            &config.delay,
            "1 ms to 24 hours",
        )?;
        check(
            "initial delay",
            config.initial_delay <= DAY,
            &config.initial_delay,
            "at most 24 hours",
        )?;
        check(
            "growth factor",
            (1.0..=10.0).contains(&config.growth),
            &config.growth,
            "1 to 10",
        )?;
        check(
            "largest delay",
            config.max_delay <= DAY,
            &config.max_delay,
            "at most 24 hours",
        )?;
        check(
            "jitter",
            (0.0..=1.0).contains(&config.jitter),
            &config.jitter,
            "0 to 1",
        )?;
        let deadline = config.deadline.unwrap_or(DAY);
        check(
            "deadline",
            (MIN_DELAY..=DAY * 365).contains(&deadline),
            &deadline,
            "1 ms to 365 days",
        )?;
        Ok(self.config)
    }
}

fn check(what: &'static str, fits: bool, value: &dyn fmt::Debug, limit: &str) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(InvalidInput::new(
        what,
        format!("{value:?}"),
        limit,
        "choose a value in this range",
    )
    .into())
}
