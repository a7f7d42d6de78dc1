use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::transport::plural;
use super::{Result, TransferError, TransferErrorKind, seconds, with_remedy};
use crate::handle::InferenceHandle;
use crate::sys::payload::write_file;
use crate::uri::S3Uri;

/// The failure object that `SageMaker` wrote instead of an output, or the reason that a notification
/// gives.
///
/// The service and the model's container determine its content: mostly plain text, at times JSON. It is stored
/// unchanged.
///
/// ```
/// use sagemaker_async_inference::Error;
///
/// fn explain(error: &Error) {
///     if let Error::Model(failure) = error {
///         eprintln!("{:?} says: {}", failure.failure_path(), failure.text());
///         let _ = failure.save("failure.txt");
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ModelFailure {
    pub(crate) endpoint_name: Arc<str>,
    pub(crate) output_path: Option<S3Uri>,
    pub(crate) failure_path: Option<S3Uri>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Arc<[u8]>,
    pub(crate) handle: Option<Arc<InferenceHandle>>,
}

impl ModelFailure {
    /// The failure object's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The failure object's bytes as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Writes the failure object's bytes to a file, completely or not at all, like
    /// [`download`](crate::AsyncInferenceResponse::download).
    ///
    /// # Errors
    /// [`Error::Transfer`](crate::Error::Transfer): the file cannot be written. One of that name is unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write_file(path, &self.body).map_err(|error| {
            TransferError::new(TransferErrorKind::Write, path.display())
                .with_source(error)
                .into()
        })
    }

    /// The failure object's content type, as S3 returns it.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Where the output would have been. `None` if a notification reported the failure.
    pub fn output_path(&self) -> Option<&S3Uri> {
        self.output_path.as_ref()
    }

    /// The location of the failure object. `None` if a notification reported the failure without it.
    pub fn failure_path(&self) -> Option<&S3Uri> {
        self.failure_path.as_ref()
    }

    /// The endpoint that the inference ran on.
    pub fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    pub(super) fn remedy(&self) -> String {
        format!(
            "read it (ModelFailure::text) and the model's log group /aws/sagemaker/Endpoints/{}",
            self.endpoint_name
        )
    }
}

// The failure object may repeat the input: neither Display nor Debug shows it.
impl fmt::Display for ModelFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the inference failed; its ")?;
        match &self.failure_path {
            Some(path) => write!(f, "failure object {path}")?,
            None => f.write_str("notification")?,
        }
        write!(
            f,
            " holds {} bytes of {}",
            self.body.len(),
            self.content_type().unwrap_or("unknown type"),
        )?;
        with_remedy(f, Some(&self.remedy()))
    }
}

impl fmt::Debug for ModelFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFailure")
            .field("endpoint_name", &self.endpoint_name)
            .field("output_path", &self.output_path)
            .field("failure_path", &self.failure_path)
            .field("content_type", &self.content_type)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ModelFailure {}

/// What the polls of a wait observed, as counts.
///
/// ```
/// use sagemaker_async_inference::PollingTimeout;
///
/// fn lacks_a_permission(timeout: &PollingTimeout) -> bool {
///     timeout.observed().access_denied > 0
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Polls that found neither object (404).
    pub not_found: u32,
    /// Polls that were denied one of the objects (403). Without `s3:ListBucket` this is also the response for an
    /// object that does not exist yet.
    pub access_denied: u32,
    /// Polls that failed because of the connection or the service, after their retries.
    pub failed: u32,
}

/// A wait that ended before the output or a failure object existed.
///
/// The inference may still complete, and the response can be waited for again.
///
/// ```
/// use sagemaker_async_inference::Error;
///
/// fn explain(error: &Error) {
///     if let Error::PollingTimeout(timeout) = error {
///         eprintln!("after {} polls: {:?}", timeout.attempts(), timeout.observed());
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollingTimeout {
    pub(crate) handle: Arc<InferenceHandle>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) observed: Observed,
    pub(crate) last_response: Option<String>,
    /// The remedy of the last poll that failed.
    pub(crate) last_remedy: Option<String>,
    pub(crate) limit: WaitLimit,
    /// Time since the submit; if that is not known, the duration of the wait.
    pub(crate) since_submit: Duration,
    /// Whether a code said that access was denied, and not the status alone.
    pub(crate) denied_by_code: bool,
}

/// Which limit ended a wait. Both are the caller's, set in [`WaiterConfig`](crate::WaiterConfig); those of
/// the service are usually longer.
///
/// ```
/// use sagemaker_async_inference::PollingTimeout;
/// use sagemaker_async_inference::waiter::WaitLimit;
///
/// fn hit_the_deadline(timeout: &PollingTimeout) -> bool {
///     matches!(timeout.limit(), WaitLimit::Deadline(_))
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitLimit {
    /// All polls were made.
    MaxAttempts(u32),
    /// The deadline passed.
    Deadline(Duration),
}

impl fmt::Display for WaitLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxAttempts(attempts) => write!(f, "{}", plural(*attempts, "poll")),
            Self::Deadline(deadline) => write!(f, "a deadline of {}", seconds(*deadline)),
        }
    }
}

impl PollingTimeout {
    /// Where the output will be.
    pub fn output_path(&self) -> &S3Uri {
        &self.handle.output_path
    }

    /// Where a failure would be, if the endpoint writes failures.
    pub fn failure_path(&self) -> Option<&S3Uri> {
        self.handle.failure_path()
    }

    /// Number of polls.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Duration of the wait.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What the polls observed.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// What the last poll observed, in words.
    pub fn last_response(&self) -> Option<&str> {
        self.last_response.as_deref()
    }

    /// Which of the waiter's limits was reached.
    pub fn limit(&self) -> WaitLimit {
        self.limit
    }

    /// How long after the submit the service itself gives up: the request's time to live in the queue
    /// and its invocation timeout together. A resumed inference has it from its
    /// [handle](crate::InferenceHandle::service_limit). Absent if that is not known.
    pub fn service_limit(&self) -> Option<Duration> {
        self.handle.service_limit()
    }

    /// What may be missing: a permission to grant, a failure path to configure, a longer wait; if every poll failed, the
    /// remedy of the last one.
    pub fn remedy(&self) -> String {
        let responded = self.observed.not_found + self.observed.access_denied > 0;
        if let Some(remedy) = self.last_remedy.as_deref().filter(|_| !responded) {
            return format!("no poll found out whether there is a result: {remedy}");
        }
        let bucket = self.handle.output_path.bucket();
        if self.observed.access_denied > 0 {
            let failures = self.handle.failure_path().map(S3Uri::bucket);
            let grants = [Some(bucket), failures.filter(|other| *other != bucket)]
                .into_iter()
                .flatten()
                .map(|bucket| {
                    format!(
                        "s3:GetObject on arn:aws:s3:::{bucket}/* and s3:ListBucket on \
                         arn:aws:s3:::{bucket}"
                    )
                });
            let grants = grants.collect::<Vec<_>>().join(", and ");
            if !self.denied_by_code {
                return format!(
                    "a 403 without an error code means that the object does not exist yet or may \
                    not be read: wait longer; if it exists, check that the caller has {grants}, \
                    and that the endpoint URL is one of S3"
                );
            }
            return format!(
                "without s3:ListBucket S3 returns 403 for an object that does not exist yet: grant {grants}"
            );
        }
        let log = format!(
            "the log group /aws/sagemaker/Endpoints/{}",
            self.handle.endpoint_name
        );
        let mut text = match self.service_limit() {
            Some(service) if service <= self.since_submit => format!(
                "read {log}; the submit was {} ago, and the service gives up {} after it (request TTL \
                 and invocation timeout), so a longer wait is unlikely to help",
                seconds(self.since_submit),
                seconds(service),
            ),
            _ => format!(
                "wait longer (a cold endpoint and a queue add to the model's own time), or read {log}"
            ),
        };
        if let Some(service) = self
            .service_limit()
            .filter(|limit| *limit > self.since_submit)
        {
            let _ = write!(
                text,
                "; the service may work on it for up to {} after the submit (request TTL and \
                invocation timeout), longer than this wait's own limit of {}",
                seconds(service),
                self.limit,
            );
        }
        if self.handle.failure_path.is_none() {
            text.push_str(
                "; this endpoint has no S3FailurePath, so a failed inference leaves no object",
            );
        }
        text
    }
}

impl fmt::Display for PollingTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Observed {
            not_found,
            access_denied,
            failed,
        } = self.observed;
        write!(
            f,
            "no result at {} after {} in {}",
            self.handle.output_path,
            plural(self.attempts, "poll"),
            seconds(self.elapsed),
        )?;
        if !f.alternate() {
            return match (access_denied, failed) {
                (0, 0) => Ok(()),
                (denied, 0) => write!(f, " ({denied} denied)"),
                (0, failed) => write!(f, " ({failed} failed)"),
                (denied, failed) => write!(f, " ({denied} denied, {failed} failed)"),
            };
        }
        write!(
            f,
            " ({not_found} not found, {access_denied} denied, {failed} failed"
        )?;
        if let Some(last) = &self.last_response {
            write!(f, "; last: {last}")?;
        }
        f.write_str(")")?;
        with_remedy(f, Some(&self.remedy()))
    }
}

impl std::error::Error for PollingTimeout {}

/// Who stopped a wait.
///
/// ```
/// use sagemaker_async_inference::WaitStopped;
/// use sagemaker_async_inference::waiter::WaitStopReason;
///
/// fn exit_code(stop: &WaitStopped) -> i32 {
///     if stop.reason() == WaitStopReason::Cancelled { 130 } else { 4 }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitStopReason {
    /// A [`CancelToken`](crate::CancelToken).
    Cancelled,
    /// The progress callback returned [`ControlFlow::Break`](std::ops::ControlFlow::Break).
    Progress,
}

crate::words::words!(WaitStopReason, "reason", {
    Cancelled => "cancelled",
    Progress => "progress",
});

/// A wait that the caller stopped before there was a result.
///
/// ```
/// use sagemaker_async_inference::Error;
/// use sagemaker_async_inference::waiter::WaitStopReason;
///
/// fn was_cancelled(error: &Error) -> bool {
///     matches!(error, Error::WaitStopped(stop) if stop.reason() == WaitStopReason::Cancelled)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitStopped {
    pub(crate) reason: WaitStopReason,
    pub(crate) handle: Arc<InferenceHandle>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
}

impl WaitStopped {
    pub(super) const REMEDY: &str = "the inference goes on and can be waited for again";

    /// Who stopped it.
    pub fn reason(&self) -> WaitStopReason {
        self.reason
    }

    /// Where the output will be.
    pub fn output_path(&self) -> &S3Uri {
        &self.handle.output_path
    }

    /// How many polls were made.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Duration of the wait until then.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl fmt::Display for WaitStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.reason {
            WaitStopReason::Cancelled => "its cancel token",
            WaitStopReason::Progress => "the progress callback",
        };
        write!(
            f,
            "the wait for {} was stopped by {who} after {} in {}",
            self.handle.output_path,
            plural(self.attempts, "poll"),
            seconds(self.elapsed),
        )?;
        with_remedy(f, Some(Self::REMEDY))
    }
}

impl std::error::Error for WaitStopped {}
