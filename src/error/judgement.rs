//! What follows from an error: whether to retry the call, the remedy, and the matching `std::io` error.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use super::{
    EndpointWaitReason, Error, ServiceError, TransferError, TransferErrorKind, TransportError,
    TransportErrorKind, WaitStopped,
};
use crate::codec::CodecDirection;

impl Error {
    /// Whether the same call may succeed later without a change, and cannot run an inference twice.
    ///
    /// True for connections that failed, timeouts, throttling, failures of the service, conflicts with another
    /// request, objects that arrived damaged, and waits that ran out of time. The
    /// session's own retries were used up before (see [`RetryConfig`](crate::session::RetryConfig)), so leave
    /// some time before the next call. False for everything that needs another input, setting, permission or
    /// decision first: also for [`MaybeSubmitted`](Self::MaybeSubmitted) and for what the caller stopped.
    ///
    /// ```
    /// use std::thread::sleep;
    /// use std::time::Duration;
    /// use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Error};
    ///
    /// fn submit_patiently(predictor: &AsyncPredictor, text: &str) -> Result<AsyncInferenceResponse, Error> {
    ///     for minutes in [1, 5, 15] {
    ///         match predictor.predict_async(text) {
    ///             Err(error) if error.is_retryable() => sleep(Duration::from_secs(60 * minutes)),
    ///             outcome => return outcome,
    ///         }
    ///     }
    ///     predictor.predict_async(text)
    /// }
    /// ```
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport(transport) => transport.kind.is_transient() && !transport.is_final(),
            Self::Transfer(transfer) => matches!(
                transfer.kind,
                TransferErrorKind::Replaced
                    | TransferErrorKind::Corrupt
                    | TransferErrorKind::Locked
            ),
            Self::Service(fault) => fault.is_retryable(),
            Self::Credentials(credentials) => credentials
                .cause
                .as_ref()
                .is_some_and(|cause| cause.is_retryable()),
            Self::PollingTimeout(_) => true,
            Self::Deployment(deployment) => deployment.cause.is_retryable(),
            Self::EndpointWait(wait) => wait.reason() == EndpointWaitReason::TimedOut,
            Self::InvalidInput(_)
            | Self::Config(_)
            | Self::Codec(_)
            | Self::MaybeSubmitted(_)
            | Self::Model(_)
            | Self::WaitStopped(_) => false,
        }
    }

    /// Whether the received bytes are not those that the service stored.
    pub(crate) fn is_damaged(&self) -> bool {
        matches!(self, Self::Transfer(transfer) if transfer.kind == TransferErrorKind::Corrupt)
    }

    /// The remedy, where it is known: a permission to grant, a setting to change, a log to read.
    ///
    /// It is part of `{error:#}`, and of `{error}` for errors of a value that the caller gave.
    ///
    /// ```
    /// use sagemaker_async_inference::{Error, S3Uri};
    ///
    /// let error = Error::from("my-bucket/key".parse::<S3Uri>().unwrap_err());
    /// assert_eq!(error.remedy().as_deref(), Some("begin it with `s3://`, in lower case"));
    /// ```
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::InvalidInput(invalid) => invalid.remedy().to_owned(),
            Self::Config(config) => config.remedy().to_owned(),
            Self::Codec(codec) => match codec.direction() {
                CodecDirection::Serialize => return None,
                CodecDirection::Deserialize => {
                    "read it as another type or with another deserializer: the result is cached"
                        .into()
                }
            },
            Self::Credentials(credentials) => return credentials.cause.as_ref()?.remedy(),
            Self::Transport(transport) => transport.remedy().to_owned(),
            Self::Transfer(transfer) => transfer.kind.remedy().to_owned(),
            Self::Service(fault) => return fault.remedy(),
            Self::MaybeSubmitted(maybe) => maybe.remedy(),
            Self::Model(failure) => failure.remedy(),
            Self::PollingTimeout(timeout) => timeout.remedy(),
            Self::WaitStopped(_) => WaitStopped::REMEDY.into(),
            Self::Deployment(deployment) => return deployment.cause.remedy(),
            Self::EndpointWait(wait) => wait.remedy(),
        };
        (!text.is_empty()).then_some(text)
    }
}

impl ServiceError {
    fn is_retryable(&self) -> bool {
        let conflicts = matches!(
            self.code(),
            Some("ResourceInUse" | "ResourceConflict" | "OperationAborted")
        );
        self.is_throttling() || self.is_transient() || conflicts
    }
}

/// For programs whose own functions return [`io::Error`]. The error is the source, and its kind the nearest that
/// `std` has: `TimedOut`, `PermissionDenied`, `NotFound`, `InvalidInput`, `InvalidData`, the kind of the operating
/// system's error if there is one, or else `Other`. Never `Interrupted` or `WouldBlock`, which callers of
/// [`Read`](io::Read) retry.
///
/// ```
/// use std::io;
/// use sagemaker_async_inference::AsyncPredictor;
///
/// fn summarize(predictor: &AsyncPredictor, text: &str) -> io::Result<String> {
///     Ok(predictor.predict(text)?)
/// }
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.io_kind(), error)
    }
}

impl Error {
    fn io_kind(&self) -> ErrorKind {
        match self {
            Self::InvalidInput(_) | Self::Config(_) => ErrorKind::InvalidInput,
            Self::Credentials(_) => ErrorKind::PermissionDenied,
            Self::Codec(_) => ErrorKind::InvalidData,
            Self::Transport(transport) => transport.io_kind(),
            Self::Transfer(transfer) => transfer.io_kind(),
            Self::Service(fault) => fault.io_kind(),
            Self::MaybeSubmitted(maybe) => maybe.cause.io_kind(),
            Self::PollingTimeout(_) => ErrorKind::TimedOut,
            Self::Deployment(deployment) => deployment.cause.io_kind(),
            Self::EndpointWait(wait) => match wait.reason() {
                EndpointWaitReason::TimedOut => ErrorKind::TimedOut,
                EndpointWaitReason::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Other,
            },
            Self::Model(_) | Self::WaitStopped(_) => ErrorKind::Other,
        }
    }
}

impl TransportError {
    fn io_kind(&self) -> ErrorKind {
        let of_kind = match self.kind {
            TransportErrorKind::Resolve => ErrorKind::HostUnreachable,
            TransportErrorKind::Connect | TransportErrorKind::Proxy => ErrorKind::NotConnected,
            TransportErrorKind::ConnectionLost => ErrorKind::ConnectionAborted,
            TransportErrorKind::Timeout => return ErrorKind::TimedOut,
            TransportErrorKind::TooLong => return ErrorKind::FileTooLarge,
            TransportErrorKind::Tls | TransportErrorKind::Protocol => {
                return ErrorKind::InvalidData;
            }
            TransportErrorKind::Cancelled => return ErrorKind::Other,
        };
        kind_below(self.source()).unwrap_or(of_kind)
    }
}

impl TransferError {
    fn io_kind(&self) -> ErrorKind {
        match self.kind {
            TransferErrorKind::Read | TransferErrorKind::Write => {
                kind_below(self.source()).unwrap_or(ErrorKind::Other)
            }
            TransferErrorKind::Locked => ErrorKind::ResourceBusy,
            TransferErrorKind::Changed
            | TransferErrorKind::Replaced
            | TransferErrorKind::Corrupt => ErrorKind::InvalidData,
            TransferErrorKind::Stopped => ErrorKind::Other,
        }
    }
}

impl ServiceError {
    fn io_kind(&self) -> ErrorKind {
        match self.status {
            _ if self.is_throttling() => ErrorKind::ResourceBusy,
            401 | 403 => ErrorKind::PermissionDenied,
            404 => ErrorKind::NotFound,
            408 | 504 => ErrorKind::TimedOut,
            _ => ErrorKind::Other,
        }
    }
}

/// The kind of the operating system's error among the sources.
fn kind_below(mut source: Option<&(dyn StdError + 'static)>) -> Option<ErrorKind> {
    while let Some(error) = source {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        match kind {
            Some(ErrorKind::Interrupted | ErrorKind::WouldBlock) => return Some(ErrorKind::Other),
            Some(kind) if kind != ErrorKind::Other => return Some(kind),
            _ => source = error.source(),
        }
    }
    None
}
