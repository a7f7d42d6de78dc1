//! The progress of a wait.

use std::time::Duration;

use crate::error::Observed;
use crate::uri::S3Uri;

/// The progress of a wait, after each poll that found no result.
///
/// ```
/// use std::ops::ControlFlow;
/// use sagemaker_async_inference::WaiterConfig;
///
/// let waiter = WaiterConfig::builder()
///     .progress(|wait| {
///         eprintln!("poll {}: nothing after {:?}", wait.attempts(), wait.elapsed());
///         if wait.attempts() < 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
///     })
///     .build()?;
/// # let _ = waiter;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug)]
pub struct WaitProgress<'a> {
    pub(crate) output_path: &'a S3Uri,
    pub(crate) attempts: u32,
    pub(crate) max_attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) observed: &'a Observed,
    pub(crate) next_poll_in: Option<Duration>,
}

impl WaitProgress<'_> {
    /// Where the output will be.
    pub fn output_path(&self) -> &S3Uri {
        self.output_path
    }

    /// Number of polls so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Maximum number of polls of this wait.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Time since the wait began.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What the polls have observed.
    pub fn observed(&self) -> &Observed {
        self.observed
    }

    /// Time until the next poll; `None` if this was the last.
    pub fn next_poll_in(&self) -> Option<Duration> {
        self.next_poll_in
    }
}
