use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{seconds, with_remedy, write_uploaded};
use crate::Error;
use crate::handle::InferenceHandle;
use crate::uri::S3Uri;

/// Why there is no usable response.
///
/// ```
/// use sagemaker_async_inference::TransportError;
/// use sagemaker_async_inference::error::TransportErrorKind;
///
/// fn is_worth_another_try(error: &TransportError) -> bool {
///     !matches!(error.kind(), TransportErrorKind::Tls | TransportErrorKind::TooLong)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host's name could not be resolved.
    Resolve,
    /// No connection: refused, unreachable, or not made in time.
    Connect,
    /// The proxy refused to connect, or could not be reached itself. Nothing reached the service.
    Proxy,
    /// The TLS handshake failed: an untrusted or wrong certificate, or no common version.
    Tls,
    /// The connection was lost before the response was complete.
    ConnectionLost,
    /// The server did not read the request, or did not respond, in time.
    Timeout,
    /// The response is not HTTP, or not one of this operation.
    Protocol,
    /// The response is larger than what is read into memory.
    TooLong,
    /// The caller cancelled the request before its response came.
    Cancelled,
}

crate::words::words!(TransportErrorKind, "kind of transport error", {
    Resolve => "resolve",
    Connect => "connect",
    Proxy => "proxy",
    Tls => "tls",
    ConnectionLost => "connection-lost",
    Timeout => "timeout",
    Protocol => "protocol",
    TooLong => "too-long",
    Cancelled => "cancelled",
});

impl TransportErrorKind {
    /// Whether the same request may succeed a moment later. For the other kinds a retry would fail in the same way,
    /// and the retry of a response that is too long would also transfer it again.
    pub(crate) fn is_transient(self) -> bool {
        match self {
            Self::Resolve | Self::Connect | Self::Proxy | Self::ConnectionLost | Self::Timeout => {
                true
            }
            Self::Tls | Self::Protocol | Self::TooLong | Self::Cancelled => false,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Resolve => "the host's name could not be resolved",
            Self::Connect => "no connection could be made",
            Self::Proxy => "the proxy made no connection",
            Self::Tls => "the TLS handshake failed",
            Self::ConnectionLost => "the connection was lost",
            Self::Timeout => "the server did not respond in time",
            Self::Protocol => "the response could not be understood",
            Self::TooLong => "the response is too long to be read into memory",
            Self::Cancelled => "it was cancelled before the response came",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Resolve => {
                "check the region, the endpoint URL and the network; at an S3 endpoint of your own, \
                 whether bucket names must be in the path (`force_path_style`)"
            }
            Self::Connect => "check the endpoint URL, the network, and whether a proxy is needed",
            Self::Proxy => "check the proxy's URL, its user and password, and what it allows",
            Self::Tls => {
                "check the endpoint URL and, behind an inspecting proxy, that AWS_CA_BUNDLE or the agent \
                 has its root certificate"
            }
            Self::ConnectionLost | Self::Timeout => {
                "try again; if it persists, raise the session's timeouts or check the network"
            }
            Self::Protocol => "check that the endpoint URL leads to an AWS service",
            Self::Cancelled => "send it again if it is still needed",
            Self::TooLong => {
                "fetch it into a file with download(), or raise TransferConfig::max_result_bytes"
            }
        }
    }
}

/// A request that got no usable response from a service.
///
/// ```
/// use sagemaker_async_inference::Error;
/// use sagemaker_async_inference::error::TransportErrorKind;
///
/// fn is_offline(error: &Error) -> bool {
///     matches!(error, Error::Transport(t) if t.kind() == TransportErrorKind::Resolve)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TransportError {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) kind: TransportErrorKind,
    pub(crate) host: String,
    pub(crate) never_sent: bool,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
    pub(crate) handle: Option<Arc<InferenceHandle>>,
    /// The input that was uploaded for a submit that then failed.
    pub(crate) uploaded: Option<Box<S3Uri>>,
    /// Scheme, host and port, and the variable that names it.
    pub(crate) proxy: Option<String>,
    pub(crate) advice: Option<Arc<Advice>>,
}

/// What is known of a failure beyond its kind, and what to do about it.
#[derive(Debug)]
pub(crate) struct Advice {
    pub(crate) problem: String,
    pub(crate) remedy: String,
    /// Another attempt would fail in the same way.
    pub(crate) is_final: bool,
}

impl TransportError {
    /// Why there is no usable response.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The service's endpoint prefix: `s3`, `sagemaker-runtime`, `sts`.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The API's name of the operation.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Host and port that the request was for.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The proxy that the request was to go through: its URL without user and password, and the
    /// environment variable that names it.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Whether it is certain that no byte of the request reached the service.
    pub fn never_sent(&self) -> bool {
        self.never_sent
    }

    /// Whether another attempt would fail in the same way, as far as is known.
    pub(crate) fn is_final(&self) -> bool {
        let kind = matches!(
            self.kind,
            TransportErrorKind::Tls | TransportErrorKind::TooLong
        );
        kind || self.advice.as_ref().is_some_and(|advice| advice.is_final)
    }

    /// Number of attempts.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Time from the first attempt to the end of the last.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    pub(super) fn remedy(&self) -> &str {
        match &self.advice {
            Some(advice) => &advice.remedy,
            None => self.kind.remedy(),
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match &self.advice {
            Some(advice) => advice.problem.as_str(),
            None => self.kind.describe(),
        };
        write!(
            f,
            "{} {} got no response from {}",
            self.service, self.operation, self.host
        )?;
        if let Some(proxy) = &self.proxy {
            write!(f, " through the proxy {proxy}")?;
        }
        write!(f, ": {problem}")?;
        if f.alternate() {
            let attempts = plural(self.attempts, "attempt");
            write!(f, " ({attempts} in {})", seconds(self.elapsed))?;
        }
        with_remedy(f, Some(self.remedy()))?;
        write_uploaded(f, self.uploaded.as_deref())
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

pub(super) fn plural(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A submit whose response was lost: the inference may be running, or may never have arrived.
///
/// `InvokeEndpointAsync` has no idempotency token, so submitting again could run it twice. The
/// [`inference_id`](Self::inference_id) is in the service's notifications and in the model's log
/// if it did arrive.
///
/// ```
/// use sagemaker_async_inference::Error;
///
/// fn on_error(error: &Error) {
///     if let Error::MaybeSubmitted(maybe) = error {
///         eprintln!("search for inference {} before submitting again", maybe.inference_id());
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct MaybeSubmitted {
    pub(crate) endpoint_name: String,
    pub(crate) inference_id: String,
    pub(crate) input_location: Option<String>,
    pub(crate) cause: Error,
}

impl MaybeSubmitted {
    /// The endpoint that the request was for.
    pub fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    /// The inference id that the request carried.
    pub fn inference_id(&self) -> &str {
        &self.inference_id
    }

    /// The input's location in S3; absent if it was sent in the request's body.
    pub fn input_location(&self) -> Option<&str> {
        self.input_location.as_deref()
    }

    /// What happened to the request.
    pub fn cause(&self) -> &Error {
        &self.cause
    }

    pub(super) fn remedy(&self) -> String {
        format!(
            "search for its id in the endpoint's notifications or in the log group \
             /aws/sagemaker/Endpoints/{} before submitting it again",
            self.endpoint_name
        )
    }
}

impl fmt::Display for MaybeSubmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "inference {} on endpoint {} may have been submitted, but no usable response came",
            self.inference_id, self.endpoint_name
        )?;
        with_remedy(f, Some(&self.remedy()))?;
        match &self.input_location {
            Some(place) => write!(f, "; its input is at {place}"),
            None => Ok(()),
        }
    }
}

impl StdError for MaybeSubmitted {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}
