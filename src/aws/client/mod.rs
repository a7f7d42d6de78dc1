//! One call: attempts, each signed and judged, and the decision on another one.

mod attempt;
pub(crate) mod call;
mod clock;
mod date;
mod error;
pub(crate) mod error_response;
pub(crate) mod foreign;
pub(crate) mod gate;
pub(crate) mod payload;
pub(crate) mod retry;
pub(crate) mod sign;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderValue;

use super::http::{BodyStream, ConnectionError, Transport};
use crate::aws::identity::{Credentials, ProvideCredentials};
use crate::error::{Error, is_throttling};
use crate::sys::Sys;
use crate::trace;
use call::{Call, Payload, Replay, Response};
use clock::Correction;
use error::AttemptError;
pub(crate) use error::{CallError, unrecorded};
use error_response::ErrorResponse;
use retry::{RetryConfig, RetryQuota, is_expired_token, may_be_clock_skew};

/// How often a pause checks for cancellation.
const CANCEL_CHECK: Duration = Duration::from_millis(50);

/// What all requests of a session share.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) transport: Transport,
    pub(crate) credentials: Arc<dyn ProvideCredentials>,
    pub(crate) retry: RetryConfig,
    pub(crate) quota: Arc<RetryQuota>,
    pub(crate) sys: Sys,
    pub(crate) user_agent: HeaderValue,
    /// The services' time less ours, in milliseconds; learned from their error responses.
    pub(crate) clock_offset: Arc<AtomicI64>,
    /// Ends the calls that have no flag of their own.
    pub(crate) cancel: Option<Arc<AtomicBool>>,
}

/// The attempts of one call so far.
struct Attempts {
    started: Duration,
    count: u32,
    quota_taken: Option<u32>,
    /// The client's own credentials that the last attempt was signed with.
    signed_with: Option<Credentials>,
    credentials_refreshed: bool,
    clock_corrected: Option<Correction>,
    /// Whether it was signed again because the last signature was too old, though the clock is right.
    signed_again: bool,
    /// Whether an attempt that was followed by another may have been carried out.
    perhaps_done: bool,
}

impl Client {
    /// Sends until it succeeds, fails permanently, or runs out of attempts, quota or time. The whole response is read
    /// within each attempt, so that a body that breaks off is retried like other failures.
    pub(crate) fn send(
        &self,
        call: &Call<'_>,
        payload: Payload<'_>,
    ) -> Result<Response, CallError> {
        self.run(call, |attempts| self.attempt(call, payload, attempts))
    }

    /// Like [`send`](Self::send), but leaves the body of a success to the caller, who knows how to resume
    /// when it breaks off.
    pub(crate) fn open(
        &self,
        call: &Call<'_>,
        payload: &[u8],
    ) -> Result<Response<BodyStream>, CallError> {
        self.run(call, |attempts| self.attempt_open(call, payload, attempts))
    }

    fn run<T>(
        &self,
        call: &Call<'_>,
        mut attempt: impl FnMut(&mut Attempts) -> Result<T, AttemptError>,
    ) -> Result<T, CallError> {
        let mut attempts = Attempts {
            started: self.sys.clock().monotonic(),
            count: 0,
            quota_taken: None,
            signed_with: None,
            credentials_refreshed: false,
            clock_corrected: None,
            signed_again: false,
            perhaps_done: false,
        };
        let _span = trace::request(call.service.as_str(), call.operation, &call.resource);
        let mut last = None;
        loop {
            attempts.count += 1;
            let error = match (attempt(&mut attempts), last) {
                (Ok(response), _) => {
                    self.quota.release(attempts.quota_taken);
                    return Ok(response);
                }
                // The retry could not be sent; the outcome of the attempt before counts.
                (Err(AttemptError::Request(_)), Some(before)) if attempts.perhaps_done => {
                    attempts.count -= 1;
                    return Err(self.failed(call, before, &attempts));
                }
                (Err(error), _) => error,
            };
            match self.pause_before_retry(call, &error, &mut attempts) {
                Some(pause) if self.pause(pause, self.cancel_flag(call)) => {
                    attempts.perhaps_done |= error.leaves_open();
                    last = Some(error);
                }
                // The error of the last attempt could be retried, but the caller wants no retry.
                Some(_) if !attempts.perhaps_done && !error.leaves_open() => {
                    let before = self.failed(call, error, &attempts);
                    let cancelled = ConnectionError::cancelled_after(Error::from(before));
                    return Err(self.failed(call, cancelled.into(), &attempts));
                }
                _ => return Err(self.failed(call, error, &attempts)),
            }
        }
    }

    /// The same client, with the same quota and clock, whose calls have another number of attempts.
    pub(crate) fn with_retry(&self, retry: RetryConfig) -> Self {
        Self {
            retry,
            ..self.clone()
        }
    }

    /// The same client, whose calls end once this is set.
    pub(crate) fn cancelled_by(&self, flag: Arc<AtomicBool>) -> Self {
        Self {
            cancel: Some(flag),
            ..self.clone()
        }
    }

    fn cancel_flag<'a>(&'a self, call: &Call<'a>) -> Option<&'a Arc<AtomicBool>> {
        call.policy.cancel.or(self.cancel.as_ref())
    }

    /// Whether it paused to the end.
    pub(crate) fn pause(&self, pause: Duration, cancel: Option<&Arc<AtomicBool>>) -> bool {
        let clock = self.sys.clock();
        let Some(cancel) = cancel else {
            clock.sleep(pause);
            return true;
        };
        let wake = clock.monotonic() + pause;
        loop {
            if cancel.load(Ordering::SeqCst) {
                return false;
            }
            let left = wake.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return true;
            }
            clock.sleep(left.min(CANCEL_CHECK));
        }
    }

    /// The pause before the next attempt; `None` if there is none.
    fn pause_before_retry(
        &self,
        call: &Call<'_>,
        error: &AttemptError,
        attempts: &mut Attempts,
    ) -> Option<Duration> {
        let retry_after = match error {
            AttemptError::NoSuchKey => return None,
            AttemptError::Response(response) if self.correct(response, attempts) => {
                return self.in_time(call, Duration::ZERO);
            }
            AttemptError::Response(response) => response.retry_after,
            _ => None,
        };
        let retry = call.policy.retry.unwrap_or(self.retry);
        if attempts.count >= retry.max_attempts() || !may_retry(call, error) {
            return None;
        }
        let pause = retry.backoff(attempts.count, retry_after, self.sys.random());
        let pause = self.in_time(call, pause)?;
        attempts.quota_taken = Some(self.quota.acquire(error.is_timeout())?);
        trace::retry(attempts.count, pause);
        Some(pause)
    }

    /// A retry whose response could not come before the caller's deadline is not begun.
    fn in_time(&self, call: &Call<'_>, pause: Duration) -> Option<Duration> {
        let then = self.sys.clock().monotonic() + pause;
        let deadline = call.policy.deadline;
        deadline
            .is_none_or(|deadline| then < deadline)
            .then_some(pause)
    }

    /// Expired credentials are refreshed and a wrong clock is corrected once each, outside the count of
    /// attempts: the service has only checked the signature.
    fn correct(&self, response: &ErrorResponse, attempts: &mut Attempts) -> bool {
        let code = response.error.code();
        if is_expired_token(code)
            && !attempts.credentials_refreshed
            && let Some(refused) = &attempts.signed_with
        {
            self.credentials.invalidate(refused);
            attempts.credentials_refreshed = true;
            return true;
        }
        may_be_clock_skew(response.error.status(), code) && self.correct_clock(response, attempts)
    }

    /// The error of the last attempt, with the facts about all of them.
    fn failed(&self, call: &Call<'_>, error: AttemptError, attempts: &Attempts) -> CallError {
        let elapsed = || {
            self.sys
                .clock()
                .monotonic()
                .saturating_sub(attempts.started)
        };
        match error {
            AttemptError::Request(error) => CallError::Other(error),
            AttemptError::Payload(error) => CallError::Payload(error),
            AttemptError::Response(mut response) => {
                response.error.clock_error = self.clock_error(&response);
                let error = &mut response.error;
                error.attempts = attempts.count;
                error.elapsed = elapsed();
                error.perhaps_done = attempts.perhaps_done;
                trace::refused(
                    error.status(),
                    error.code(),
                    error.request_id(),
                    (attempts.count, error.elapsed),
                );
                CallError::Response(response)
            }
            AttemptError::NoSuchKey => {
                let all = (attempts.count, elapsed());
                trace::refused(404, Some(error::NO_SUCH_KEY), None, all);
                CallError::NoSuchKey
            }
            AttemptError::Connection(broken) => {
                let never_sent = broken.never_sent && !attempts.perhaps_done;
                let attempted = call.attempted(attempts.count, elapsed());
                CallError::Other(broken.into_error(&attempted, never_sent))
            }
        }
    }
}

fn may_retry(call: &Call<'_>, error: &AttemptError) -> bool {
    let replay = call.policy.replay;
    match error {
        // It would fail again if it were read again; the caller knows the source.
        AttemptError::Request(_) | AttemptError::Payload(_) | AttemptError::NoSuchKey => false,
        AttemptError::Response(response) => {
            let error = &response.error;
            let (status, code) = (error.status(), error.code());
            match replay {
                Replay::Safe => is_throttling(status, code) || error.is_transient(),
                Replay::IfNotProcessed => is_throttling(status, code),
                Replay::IfNotSent | Replay::Never => false,
            }
        }
        AttemptError::Connection(broken) => {
            broken.kind.is_transient()
                && !broken.is_final()
                && match replay {
                    Replay::Safe => true,
                    Replay::IfNotProcessed | Replay::IfNotSent => broken.never_sent,
                    Replay::Never => false,
                }
        }
    }
}
