//! A request's whole life: attempts, and what to try again.

mod attempt;
mod clock;
pub(crate) mod fault;
pub(crate) mod foreign;
pub(crate) mod gate;
pub(crate) mod payload;
pub(crate) mod retry;
mod sign;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::http::{Attempted, BodyStream, Broken, Transport, authority};
use super::{Answer, Call, Repeat};
use crate::aws::identity::{Credentials, ProvideCredentials};
use crate::error::{Error, Result, TransportErrorKind, is_throttling};
use crate::invalid_input::InvalidInput;
use crate::sys::Sys;
use crate::trace;
use clock::ClockMended;
use fault::Fault;
use payload::Source;
use retry::{RetryConfig, RetryQuota, is_expired_token, is_transient, may_be_clock_skew};

/// A pause looks this often whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// What all requests of a session share.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) transport: Transport,
    pub(crate) credentials: Arc<dyn ProvideCredentials>,
    pub(crate) retry: RetryConfig,
    pub(crate) quota: Arc<RetryQuota>,
    pub(crate) sys: Sys,
    pub(crate) user_agent: HeaderValue,
    /// The services' time less ours, in milliseconds; learned from their refusals.
    pub(crate) clock_offset: Arc<AtomicI64>,
}

/// Why an attempt brought no success.
enum Failure {
    Fault(Box<Fault>),
    Broken(Broken),
}

/// What has been tried so far.
struct Progress {
    started: Duration,
    attempts: u32,
    quota_taken: Option<u32>,
    /// The client's own credentials that the last attempt was signed with.
    signed_with: Option<Credentials>,
    credentials_renewed: bool,
    clock_mended: Option<ClockMended>,
    /// Whether an attempt that was followed by another may have been carried out.
    perhaps_done: bool,
}

impl Client {
    /// Sends until it succeeds, fails for good, or runs out of attempts, quota or time.
    pub(crate) fn send(&self, call: &Call<'_>) -> Result<Answer> {
        self.send_or_fault(call).map_err(Error::from)
    }

    /// As [`send`](Self::send), but with all that an error answer told.
    pub(crate) fn send_or_fault(&self, call: &Call<'_>) -> Result<Answer, Failed> {
        self.send_until(call, None)
    }

    /// As [`send_or_fault`](Self::send_or_fault), but once `stop` is set nothing is tried again, and
    /// a pause before that ends soon.
    pub(crate) fn send_until(
        &self,
        call: &Call<'_>,
        stop: Option<&AtomicBool>,
    ) -> Result<Answer, Failed> {
        self.repeat(call, stop, |progress| self.attempt(call, progress))
    }

    /// As [`send_until`](Self::send_until), with a payload that is read from its source for each
    /// attempt. A source that fails ends it.
    pub(crate) fn upload_until(
        &self,
        call: &Call<'_>,
        source: &dyn Source,
        stop: Option<&AtomicBool>,
    ) -> Result<Answer, UploadFailed> {
        let mut failed = None;
        let outcome = self.repeat(call, stop, |progress| {
            self.attempt_upload(call, source, &mut failed, progress)
        });
        match (outcome, failed) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Some(error)) => Err(UploadFailed::Source(error)),
            (Err(failed), None) => Err(UploadFailed::Request(failed)),
        }
    }

    /// As [`send_until`](Self::send_until), but the answer's body is left to be read.
    pub(crate) fn open_until(
        &self,
        call: &Call<'_>,
        stop: Option<&AtomicBool>,
    ) -> Result<(HeaderMap, BodyStream), Failed> {
        self.repeat(call, stop, |progress| self.attempt_open(call, progress))
    }

    /// Tries until it succeeds, fails for good, or runs out of attempts, quota or time.
    fn repeat<T>(
        &self,
        call: &Call<'_>,
        stop: Option<&AtomicBool>,
        mut attempt: impl FnMut(&mut Progress) -> Result<Result<T, Failure>>,
    ) -> Result<T, Failed> {
        let mut progress = Progress {
            started: self.sys.clock().monotonic(),
            attempts: 0,
            quota_taken: None,
            signed_with: None,
            credentials_renewed: false,
            clock_mended: None,
            perhaps_done: false,
        };
        let _span = trace::request(call);
        let mut last = None;
        loop {
            progress.attempts += 1;
            let failure = match (attempt(&mut progress), last) {
                (Ok(Ok(answer)), _) => {
                    self.quota.release(progress.quota_taken);
                    return Ok(answer);
                }
                (Ok(Err(failure)), _) => failure,
                // It could not be sent again; what became of it before is what counts.
                (Err(_), Some(before)) if progress.perhaps_done => {
                    progress.attempts -= 1;
                    return Err(self.failed(call, before, &progress));
                }
                (Err(error), _) => return Err(error.into()),
            };
            match self.pause_before_retry(call, &failure, &mut progress) {
                Some(pause) if self.pause(pause, stop) => {
                    progress.perhaps_done |= may_be_done(&failure);
                    last = Some(failure);
                }
                _ => return Err(self.failed(call, failure, &progress)),
            }
        }
    }

    /// The same client, with the same quota and clock, that tries as often as `retry` says.
    pub(crate) fn with_retry(&self, retry: RetryConfig) -> Self {
        Self {
            retry,
            ..self.clone()
        }
    }

    /// Whether it paused to the end.
    pub(crate) fn pause(&self, pause: Duration, stop: Option<&AtomicBool>) -> bool {
        let clock = self.sys.clock();
        let Some(stop) = stop else {
            clock.sleep(pause);
            return true;
        };
        let wake = clock.monotonic() + pause;
        loop {
            if stop.load(Ordering::SeqCst) {
                return false;
            }
            let left = wake.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return true;
            }
            clock.sleep(left.min(STOP_CHECK));
        }
    }

    /// How long to wait before trying again; `None` if that is not to be done.
    fn pause_before_retry(
        &self,
        call: &Call<'_>,
        failure: &Failure,
        progress: &mut Progress,
    ) -> Option<Duration> {
        if let Failure::Fault(fault) = failure
            && self.mend(fault, progress)
        {
            return self.in_time(call, Duration::ZERO);
        }
        if progress.attempts >= self.retry.max_attempts() || !may_repeat(call, failure) {
            return None;
        }
        let (timed_out, asked_for) = match failure {
            Failure::Broken(broken) => (broken.kind == TransportErrorKind::Timeout, None),
            Failure::Fault(fault) => (false, fault.retry_after),
        };
        let pause = self.retry.backoff(progress.attempts, asked_for);
        let pause = self.in_time(call, pause)?;
        progress.quota_taken = Some(self.quota.acquire(timed_out)?);
        trace::retry(progress.attempts, pause);
        Some(pause)
    }

    /// A retry that could not be answered before the caller's deadline is not begun.
    fn in_time(&self, call: &Call<'_>, pause: Duration) -> Option<Duration> {
        let then = self.sys.clock().monotonic() + pause;
        call.deadline
            .is_none_or(|deadline| then < deadline)
            .then_some(pause)
    }

    /// A refusal for expired credentials or a wrong clock is mended once each, outside the count of
    /// attempts: the service has looked at nothing but the signature.
    fn mend(&self, fault: &Fault, progress: &mut Progress) -> bool {
        let code = fault.error.code.as_deref();
        if is_expired_token(code)
            && !progress.credentials_renewed
            && let Some(refused) = &progress.signed_with
        {
            self.credentials.invalidate(refused);
            progress.credentials_renewed = true;
            return true;
        }
        may_be_clock_skew(fault.error.status, code) && self.mend_clock(fault.date(), progress)
    }

    fn failed(&self, call: &Call<'_>, failure: Failure, progress: &Progress) -> Failed {
        let elapsed = self
            .sys
            .clock()
            .monotonic()
            .saturating_sub(progress.started);
        match failure {
            Failure::Fault(mut fault) => {
                fault.error.attempts = progress.attempts;
                fault.error.elapsed = elapsed;
                fault.error.perhaps_done = progress.perhaps_done;
                fault.error.clock_error = self.clock_error(&fault);
                trace::refused(&fault.error);
                Failed::Fault(fault)
            }
            Failure::Broken(broken) => {
                let never_sent = broken.never_sent && !progress.perhaps_done;
                let attempted = Attempted {
                    service: call.service.name(),
                    operation: call.operation,
                    host: authority(&call.uri),
                    attempts: progress.attempts,
                    elapsed,
                };
                Failed::Error(broken.into_error(&attempted, never_sent))
            }
        }
    }
}

/// How an upload ended that did not succeed.
pub(crate) enum UploadFailed {
    /// The payload could not be read.
    Source(io::Error),
    Request(Failed),
}

/// How a request ended that did not succeed.
pub(crate) enum Failed {
    Fault(Box<Fault>),
    Error(Error),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Fault(fault) => fault.error.into(),
            Failed::Error(error) => error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<InvalidInput> for Failed {
    fn from(error: InvalidInput) -> Self {
        Self::Error(error.into())
    }
}

/// Could the service have carried it out all the same?
fn may_be_done(failure: &Failure) -> bool {
    match failure {
        Failure::Fault(fault) => fault.error.leaves_open(),
        Failure::Broken(broken) => !broken.never_sent,
    }
}

fn may_repeat(call: &Call<'_>, failure: &Failure) -> bool {
    match failure {
        Failure::Fault(fault) => {
            let (status, code) = (fault.error.status, fault.error.code.as_deref());
            match call.repeat {
                Repeat::Idempotent => {
                    is_throttling(status, code) || is_transient(call.service, status, code)
                }
                Repeat::OnlyIfNotDone => is_throttling(status, code),
                Repeat::OnlyIfNotSent | Repeat::Never => false,
            }
        }
        Failure::Broken(broken) => match broken.kind {
            // Sent again, it would be the same; an answer that is too long even costs its length.
            TransportErrorKind::Tls
            | TransportErrorKind::Protocol
            | TransportErrorKind::TooLong => false,
            _ => match call.repeat {
                Repeat::Idempotent => true,
                Repeat::OnlyIfNotDone | Repeat::OnlyIfNotSent => broken.never_sent,
                Repeat::Never => false,
            },
        },
    }
}
