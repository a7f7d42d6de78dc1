//! The AWS SDKs' standard retry mode: attempts, full-jitter backoff, and a token bucket that keeps
//! a program from hammering a service that is down.

use std::sync::Mutex;
use std::time::Duration;

use crate::aws::config::Settings;
use crate::error::ConfigError;
use crate::invalid_input::InvalidInput;
use crate::sys::{Random, lock};

/// How often requests are retried, and with which pauses.
///
/// The defaults are those of the AWS SDKs' standard mode: 3 attempts, and before the n-th retry a random pause
/// between zero and `2^(n-1)` s, at most 20 s. A service's `Retry-After` takes precedence. Which errors are
/// retried does not depend on it.
///
/// Without a `RetryConfig`, a session reads from the environment, then from the profile:
/// - `AWS_MAX_ATTEMPTS`, `max_attempts`: all attempts, 1 to 100; other numbers are changed to the nearest limit;
/// - `AWS_RETRY_MODE`, `retry_mode`: `standard`, `adaptive` or `legacy`, which all mean the standard
///   mode here. `adaptive` is that mode with a limit on the client's rate after throttling, which
///   the SDKs call experimental; a session that is throttled slows down by its backoff and the
///   bucket of tokens that its requests share. `legacy` is the older mode of the SDKs, which this crate
///   does not have. Any other value is an error.
///
/// ```
/// use sagemaker_async_inference::session::RetryConfig;
///
/// assert_eq!(RetryConfig::default().max_attempts(), 3);
/// let patient = RetryConfig::default().with_max_attempts(8)?;
/// let never = RetryConfig::off();
/// # let _ = (patient, never);
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct RetryConfig {
    max_attempts: u32,
    base: Duration,
    cap: Duration,
}

const MAX_ATTEMPTS: u32 = 100;

impl RetryConfig {
    /// Returns a configuration with one attempt and no retry.
    pub fn off() -> Self {
        Self {
            max_attempts: 1,
            ..Self::default()
        }
    }

    /// Sets the number of all attempts, 1 to 100. Default: 3.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the number is not within 1 to 100.
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Result<Self, crate::Error> {
        if !(1..=MAX_ATTEMPTS).contains(&max_attempts) {
            return Err(InvalidInput::new(
                "max attempts",
                max_attempts.to_string(),
                format!("1 to {MAX_ATTEMPTS}"),
                "use 1 for no retries",
            )
            .into());
        }
        self.max_attempts = max_attempts;
        Ok(self)
    }

    /// Reads environment and profile.
    pub(crate) fn from_settings(settings: &Settings<'_>) -> Result<Self, ConfigError> {
        check_mode(settings)?;
        let attempts = settings.find_count("AWS_MAX_ATTEMPTS", "max_attempts", MAX_ATTEMPTS)?;
        let default = Self::default();
        Ok(Self {
            max_attempts: attempts.unwrap_or(default.max_attempts),
            ..default
        })
    }

    /// Sets the longest pause between two attempts. Default: 20 s.
    pub fn with_max_backoff(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The number of all attempts.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// The pause before the retry that follows attempt number `attempt` (from 1): what the service requested, or
    /// a random one.
    pub(crate) fn backoff(
        &self,
        attempt: u32,
        requested: Option<Duration>,
        random: &Random,
    ) -> Duration {
        if let Some(requested) = requested {
            return requested.min(self.cap);
        }
        let exponent = attempt.saturating_sub(1).min(16);
        let ceiling = self.base.saturating_mul(1 << exponent).min(self.cap);
        ceiling.mul_f64(random.fraction())
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(20),
        }
    }
}

/// The modes of the SDKs are accepted, and all mean the same here.
fn check_mode(settings: &Settings<'_>) -> Result<(), ConfigError> {
    let Some(found) = settings.find("AWS_RETRY_MODE", "retry_mode")? else {
        return Ok(());
    };
    match found.value.to_ascii_lowercase().as_str() {
        "standard" | "adaptive" | "legacy" => Ok(()),
        _ => Err(ConfigError::new(
            found.name,
            format!("{:?} is not a retry mode", found.value),
            "set it to standard, adaptive or legacy, or remove it",
        )),
    }
}

/// The retry quota that all requests of a session share: 500 tokens, 5 a retry, 10 a retry after a timeout; what
/// a retry took is returned when it succeeds, and 1 with each success of a first attempt.
#[derive(Debug)]
pub(crate) struct RetryQuota {
    tokens: Mutex<u32>,
}

const QUOTA: u32 = 500;

impl RetryQuota {
    pub(crate) fn new() -> Self {
        Self {
            tokens: Mutex::new(QUOTA),
        }
    }

    /// Takes the tokens of one retry, if there are enough.
    pub(crate) fn acquire(&self, after_timeout: bool) -> Option<u32> {
        let cost = if after_timeout { 10 } else { 5 };
        let mut tokens = lock(&self.tokens);
        *tokens = tokens.checked_sub(cost)?;
        Some(cost)
    }

    /// Returns tokens after a success: those `taken` by the last retry, or none after a first attempt.
    pub(crate) fn release(&self, taken: Option<u32>) {
        let mut tokens = lock(&self.tokens);
        *tokens = (*tokens + taken.unwrap_or(1)).min(QUOTA);
    }
}

/// Whether the credentials have expired.
pub(crate) fn is_expired_token(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired")
    )
}

/// Whether the clock may be the reason for the refusal. The `Date` of the response then decides.
pub(crate) fn may_be_clock_skew(status: u16, code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "RequestTimeTooSkewed"
                | "RequestExpired"
                | "RequestInTheFuture"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "AuthFailure"
        )
    ) || (status == 403 && code.is_none())
}
