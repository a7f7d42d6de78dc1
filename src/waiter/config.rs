//! How long a wait lasts and how often it polls.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::RequestPolicy;
use crate::aws::client::retry::RetryConfig;
use crate::error::Result;
use crate::sys::Clock;
use crate::waiter::{AccessDenied, CancelToken, WaitProgress, WaiterConfigBuilder};

/// How long a wait lasts and how often it polls for the result.
///
/// [`WaiterConfig::default`] is the `SageMaker` Python SDK's: 60 polls, 15 s apart, so 14 min 45 s
/// from the first to the last. A wait ends with the result, with
/// [`Error::PollingTimeout`](crate::Error::PollingTimeout) after the last poll or at the deadline,
/// or when it is stopped.
///
/// Times are those of the monotonic clock: setting the wall clock does not change them. On Linux and macOS it stops
/// while the machine is suspended, so a wait has as many polls as without the suspension; on other systems a wait that
/// wakes after its deadline polls once more. A connection that the suspension broke costs at most one failed poll.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::WaiterConfig;
///
/// let waiter = WaiterConfig::builder()
///     .delay(Duration::from_millis(200))
///     .growing(1.5, Duration::from_secs(10))
///     .jitter(0.2)
///     .max_attempts(10_000)
///     .deadline(Duration::from_secs(3600))
///     .build()?;
/// # let _ = waiter;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct WaiterConfig {
    pub(super) max_attempts: u32,
    pub(super) delay: Duration,
    pub(super) initial_delay: Duration,
    pub(super) growth: f64,
    pub(super) max_delay: Duration,
    pub(super) jitter: f64,
    /// Delays depend on the inference's age instead of the number of polls.
    pub(super) adaptive: bool,
    pub(super) deadline: Option<Duration>,
    pub(super) access_denied: AccessDenied,
    pub(super) retry: Option<RetryConfig>,
    pub(super) progress: Option<Arc<ProgressFn>>,
    pub(super) cancel: Option<CancelToken>,
}

pub(super) type ProgressFn = dyn Fn(&WaitProgress<'_>) -> ControlFlow<()> + Send + Sync;

/// How often a sleeping wait checks its cancel token.
const CANCEL_CHECK: Duration = Duration::from_millis(50);

impl WaiterConfig {
    /// Creates a waiter from the number of polls and the delay between them, like the `SageMaker` Python SDK.
    ///
    /// `max_attempts` is 1 to 10,000,000; `delay` is 1 ms to 24 hours.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): a value is out of range.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sagemaker_async_inference::WaiterConfig;
    ///
    /// let waiter = WaiterConfig::new(120, Duration::from_secs(30))?; // an hour
    /// assert_eq!(waiter.max_attempts(), 120);
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn new(max_attempts: u32, delay: Duration) -> Result<Self> {
        Self::builder()
            .max_attempts(max_attempts)
            .delay(delay)
            .build()
    }

    /// Starts to build a waiter from the defaults.
    pub fn builder() -> WaiterConfigBuilder {
        WaiterConfigBuilder::default()
    }

    /// Creates a waiter whose delays grow with the age of the inference: for inferences of a second as well as of
    /// an hour, with few requests.
    ///
    /// Each poll is due when the inference is a tenth older than at the previous poll, at least 50 ms and at most 15 s
    /// later. So a result is found at most a tenth of its time late, a twentieth on average. Once the session knows
    /// the durations of the endpoint's latest 32 inferences, the first poll is due at four fifths of the shortest, but
    /// after a minute at the latest, and polls are 15 s apart until then and twice as frequent from there until the longest
    /// has passed. The age counts from the submit, or from the start of the wait if the time of the submit is not known. It
    /// is by the wall clock if another process submitted the inference.
    ///
    /// The wait lasts 15 minutes, as long as the default one;
    /// [`builder().adaptive()`](WaiterConfigBuilder::adaptive) takes another
    /// [`deadline`](WaiterConfigBuilder::deadline).
    ///
    /// ```
    /// use std::time::Duration;
    /// use sagemaker_async_inference::WaiterConfig;
    ///
    /// let waiter = WaiterConfig::adaptive();
    /// assert_eq!(waiter.deadline(), Some(Duration::from_secs(900)));
    /// ```
    pub fn adaptive() -> Self {
        Self {
            max_attempts: 10_000,
            delay: Duration::from_millis(50),
            adaptive: true,
            deadline: Some(Duration::from_mins(15)),
            ..Self::default()
        }
    }

    /// Maximum number of polls.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// The delay between two polls; the first one if delays grow.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// The time limit of the wait, if there is one.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    pub(crate) fn access_denied(&self) -> AccessDenied {
        self.access_denied
    }

    pub(crate) fn is_adaptive(&self) -> bool {
        self.adaptive
    }

    /// A single poll that this waiter's token can cancel.
    pub(crate) fn one_poll(&self) -> Self {
        Self {
            max_attempts: 1,
            access_denied: self.access_denied,
            retry: self.retry,
            cancel: self.cancel.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn cancel(&self) -> Option<&CancelToken> {
        self.cancel.as_ref()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(CancelToken::is_cancelled)
    }

    /// What a poll of a wait with this end may take.
    pub(crate) fn policy(&self, deadline: Option<Duration>) -> RequestPolicy<'_> {
        RequestPolicy {
            deadline,
            cancel: self.cancel.as_ref().map(CancelToken::flag),
            retry: self.retry,
            ..RequestPolicy::default()
        }
    }

    pub(crate) fn report<'p>(
        &self,
        progress: impl FnOnce() -> WaitProgress<'p>,
    ) -> ControlFlow<()> {
        match &self.progress {
            Some(callback) => callback(&progress()),
            None => ControlFlow::Continue(()),
        }
    }

    /// Sleeps until `wake` on the monotonic clock, in short steps if it can be cancelled.
    pub(crate) fn sleep_until(&self, clock: &dyn Clock, wake: Duration) {
        loop {
            let left = wake.saturating_sub(clock.monotonic());
            if left.is_zero() || self.is_cancelled() {
                return;
            }
            let step = if self.cancel.is_some() {
                left.min(CANCEL_CHECK)
            } else {
                left
            };
            clock.sleep(step);
        }
    }
}

impl Default for WaiterConfig {
    fn default() -> Self {
        Self {
            max_attempts: 60,
            delay: Duration::from_secs(15),
            initial_delay: Duration::ZERO,
            growth: 1.0,
            max_delay: Duration::from_secs(15),
            jitter: 0.0,
            adaptive: false,
            deadline: None,
            access_denied: AccessDenied::default(),
            retry: None,
            progress: None,
            cancel: None,
        }
    }
}

impl fmt::Debug for WaiterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaiterConfig")
            .field("max_attempts", &self.max_attempts)
            .field("delay", &self.delay)
            .field("initial_delay", &self.initial_delay)
            .field("growth", &self.growth)
            .field("max_delay", &self.max_delay)
            .field("jitter", &self.jitter)
            .field("adaptive", &self.adaptive)
            .field("deadline", &self.deadline)
            .field("access_denied", &self.access_denied)
            .field("retry", &self.retry)
            .field("progress", &self.progress.is_some())
            .field("cancel", &self.cancel)
            .finish()
    }
}
