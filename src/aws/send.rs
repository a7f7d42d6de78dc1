//! A request's whole life: credentials, signature, exchange, and what to try again.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderValue, Request};

use super::endpoints::signing_region;
use super::fault::Fault;
use super::payload::{Feed, Source};
use super::retry::{
    RetryConfig, RetryQuota, is_expired_token, is_throttling, is_transient, may_be_clock_skew,
};
use super::signing::{Body, ToSign, sign_request};
use super::transport::{BodyStream, Bounds, Broken, Opened, Reply, Transport};
use super::xml::texts;
use super::{Answer, Call, Identity, Repeat};
use crate::credentials::{Credentials, CredentialsError, ProvideCredentials};
use crate::error::{Error, Result, TransportError, TransportErrorKind};
use crate::sys::Sys;
use crate::trace;

/// Clocks further apart than this make services refuse (their limit is 5 or 15 minutes).
const TOLERATED_SKEW: Duration = Duration::from_mins(4);

/// A pause looks this often whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// A payload of at least so many bytes is sent once the service has agreed to take it
/// (`Expect: 100-continue`): a refusal then costs no upload, and is not lost in a broken connection. Of an
/// upload in parts, its beginning has asked already.
const WORTH_ASKING: u64 = 1 << 20;

/// The signature's headers, the user agent, and those of a streamed payload.
const ADDED_HEADERS: usize = 8;

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

/// The clock's offset as a refusal found it, and as it was changed for the next attempt.
#[derive(Clone, Copy)]
struct ClockMended {
    before: i64,
    after: i64,
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

    fn attempt(&self, call: &Call<'_>, progress: &mut Progress) -> Result<Result<Answer, Failure>> {
        let request = self
            .signed(call, Body::Bytes(call.body), progress)?
            .map(|()| call.body);
        Ok(self.timed(call, progress, |transport, bounds| {
            transport.exchange(request, bounds)
        }))
    }

    /// Sends, if there is time left for that, and tells how it went.
    fn timed(
        &self,
        call: &Call<'_>,
        progress: &Progress,
        send: impl FnOnce(&Transport, &Bounds<'_>) -> Result<Reply, Broken>,
    ) -> Result<Answer, Failure> {
        let clock = self.sys.clock();
        let began = clock.monotonic();
        // Whoever gave the credentials may have taken all the time there was.
        if call.deadline.is_some_and(|deadline| began >= deadline) {
            return Err(Failure::Broken(Broken::out_of_time()));
        }
        let reply = send(&self.transport, &self.bounds(call));
        let took = clock.monotonic().saturating_sub(began);
        trace::attempt(progress.attempts, &reply, took);
        judge(call, reply)
    }

    fn attempt_upload(
        &self,
        call: &Call<'_>,
        source: &dyn Source,
        failed: &mut Option<io::Error>,
        progress: &mut Progress,
    ) -> Result<Result<Answer, Failure>> {
        let mut request = self.signed(call, Body::Hashed(&source.hash()), progress)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, source.len().into());
        if call.operation == "PutObject" && source.len() >= WORTH_ASKING {
            headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
        let mut feed = Feed::new(source);
        let request = request.map(|()| &mut feed as &mut dyn Read);
        let outcome = self.timed(call, progress, |transport, bounds| {
            transport.upload(request, bounds)
        });
        *failed = feed.into_failure();
        match failed {
            // Read once more, it would fail once more; the caller knows what the source is.
            Some(_) => Ok(Err(Failure::Broken(Broken::source_failed()))),
            None => Ok(outcome),
        }
    }

    fn attempt_open(
        &self,
        call: &Call<'_>,
        progress: &mut Progress,
    ) -> Result<Result<(HeaderMap, BodyStream), Failure>> {
        let request = self
            .signed(call, Body::Bytes(call.body), progress)?
            .map(|()| call.body);
        Ok(match self.transport.open(request, &self.bounds(call)) {
            Ok(Opened::Success(headers, body)) => Ok((headers, body)),
            Ok(Opened::Refused(reply)) => {
                Err(Failure::Fault(Box::new(Fault::from_reply(call, &reply))))
            }
            Err(broken) => Err(Failure::Broken(broken)),
        })
    }

    fn bounds(&self, call: &Call<'_>) -> Bounds<'_> {
        Bounds {
            max_success: call.max_answer,
            clock: self.sys.clock(),
            deadline: call.deadline,
        }
    }

    /// Signed last, with the credentials and the time of this moment.
    fn signed(
        &self,
        call: &Call<'_>,
        body: Body<'_>,
        progress: &mut Progress,
    ) -> Result<Request<()>> {
        let mut headers = HeaderMap::with_capacity(call.headers.len() + ADDED_HEADERS);
        headers.extend(
            call.headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        match call.identity {
            Identity::Anonymous => {}
            Identity::Given(credentials) => self.sign(call, body, credentials, &mut headers)?,
            Identity::Client => {
                let credentials = self.credentials.provide_credentials().map_err(Box::new)?;
                let credentials = progress.signed_with.insert(credentials);
                self.sign(call, body, credentials, &mut headers)?;
            }
        }
        headers.insert(http::header::USER_AGENT, self.user_agent.clone());
        let mut request = Request::new(());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn sign(
        &self,
        call: &Call<'_>,
        body: Body<'_>,
        credentials: &Credentials,
        headers: &mut HeaderMap,
    ) -> Result<()> {
        let to_sign = ToSign {
            service: call.service,
            region: signing_region(&call.region),
            method: &call.method,
            uri: &call.uri,
            headers: &call.headers,
            body,
            time: self.service_time(),
        };
        Ok(
            sign_request(&to_sign, credentials, headers).map_err(|source| {
                CredentialsError::broken("signing", "these credentials cannot sign the request")
                    .with_source(source)
            })?,
        )
    }

    fn service_time(&self) -> SystemTime {
        let now = self.sys.clock().now();
        let offset = self.clock_offset.load(Ordering::Relaxed);
        let distance = Duration::from_millis(offset.unsigned_abs());
        let shifted = if offset < 0 {
            now.checked_sub(distance)
        } else {
            now.checked_add(distance)
        };
        shifted.unwrap_or(now)
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

    /// Takes over the service's time if ours, as last signed with, is far from it. Where the refusal
    /// tells none, what was learned earlier is suspected. What does not help is taken back.
    fn mend_clock(&self, date: Option<SystemTime>, progress: &mut Progress) -> bool {
        let offset = &self.clock_offset;
        if let Some(ClockMended { before, after }) = progress.clock_mended {
            // If another thread has learned something else meanwhile, that stays.
            let (set, failed) = (Ordering::Relaxed, Ordering::Relaxed);
            let _ = offset.compare_exchange(after, before, set, failed);
            return false;
        }
        let before = offset.load(Ordering::Relaxed);
        let after = match date {
            Some(theirs) if apart(theirs, self.service_time()).0 < TOLERATED_SKEW => return false,
            Some(theirs) => {
                let (apart, sign) = apart(theirs, self.sys.clock().now());
                sign * i64::try_from(apart.as_millis()).unwrap_or(i64::MAX)
            }
            None if before != 0 => 0,
            None => return false,
        };
        offset.store(after, Ordering::Relaxed);
        progress.clock_mended = Some(ClockMended { before, after });
        trace::clock(before, after);
        true
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
                trace::refused(&fault.error);
                Failed::Fault(fault)
            }
            Failure::Broken(broken) => Failed::Error(
                TransportError {
                    service: call.service.name(),
                    operation: call.operation,
                    kind: broken.kind,
                    host: call
                        .uri
                        .authority()
                        .map_or_else(String::new, ToString::to_string),
                    never_sent: broken.never_sent && !progress.perhaps_done,
                    attempts: progress.attempts,
                    elapsed,
                    source: broken.source,
                }
                .into(),
            ),
        }
    }
}

fn judge(call: &Call<'_>, reply: Result<Reply, Broken>) -> Result<Answer, Failure> {
    match reply {
        Ok(reply) if (200..300).contains(&reply.status) && !hides_error(call, &reply) => {
            Ok(Answer {
                headers: reply.headers,
                body: reply.body,
            })
        }
        Ok(reply) => Err(Failure::Fault(Box::new(Fault::from_reply(call, &reply)))),
        Err(broken) => Err(Failure::Broken(broken)),
    }
}

/// S3 may begin its answer with 200 while it still works, and only then find out that it fails.
fn hides_error(call: &Call<'_>, reply: &Reply) -> bool {
    let [code] = match call.operation {
        "CompleteMultipartUpload" => texts(&reply.body, &[], ["Code"]),
        _ => [None],
    };
    code.is_some()
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

/// How far apart two times are, and whether the first is after (1) or before (-1) the second.
fn apart(a: SystemTime, b: SystemTime) -> (Duration, i64) {
    match a.duration_since(b) {
        Ok(ahead) => (ahead, 1),
        Err(behind) => (behind.duration(), -1),
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
