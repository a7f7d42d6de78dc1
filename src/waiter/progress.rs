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
    pub(crate) last_response: Option<&'a str>,
    pub(crate) next_poll_in: Option<Duration>,
}

#[cfg(feature = "local")]
impl<'a> WaitProgress<'a> {
    /// For tests of a progress callback: what it receives after `attempts` of at most `max_attempts` polls.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sagemaker_async_inference::S3Uri;
    /// use sagemaker_async_inference::waiter::{Observed, WaitProgress};
    ///
    /// fn shown(wait: &WaitProgress<'_>) -> String {
    ///     format!("{} of {}", wait.attempts(), wait.max_attempts())
    /// }
    ///
    /// let (output, observed) = (S3Uri::new("my-bucket", "1.out")?, Observed::default());
    /// let wait = WaitProgress::for_tests(&output, 3, 60, Duration::from_secs(30), &observed);
    /// assert_eq!(shown(&wait), "3 of 60");
    /// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
    /// ```
    pub fn for_tests(
        output_path: &'a S3Uri,
        attempts: u32,
        max_attempts: u32,
        elapsed: Duration,
        observed: &'a Observed,
    ) -> Self {
        Self {
            output_path,
            attempts,
            max_attempts,
            elapsed,
            observed,
            last_response: None,
            next_poll_in: (attempts < max_attempts).then_some(Duration::from_secs(15)),
        }
    }
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

    /// What the last poll observed, in words, such as the error of a poll that got no response.
    pub fn last_response(&self) -> Option<&str> {
        self.last_response
    }

    /// Time until the next poll; `None` if this was the last.
    pub fn next_poll_in(&self) -> Option<Duration> {
        self.next_poll_in
    }
}
