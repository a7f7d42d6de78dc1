//! Why an attempt, and why a call, did not succeed.

use std::io;
use std::time::Duration;

use super::error_response::ErrorResponse;
use crate::aws::http::{Attempted, ConnectionError};
use crate::error::{
    CredentialsError, Error, ServiceError, TransferError, TransferErrorKind, TransportErrorKind,
};
use crate::invalid_input::InvalidInput;

/// S3's code for an absent object.
pub(crate) const NO_SUCH_KEY: &str = "NoSuchKey";

/// Why one attempt did not succeed, with what the decision on a retry needs to know.
#[derive(Debug)]
pub(super) enum AttemptError {
    /// The request could not be made: there are no credentials, or they cannot sign it.
    Request(Error),
    /// The payload could not be read.
    Payload(io::Error),
    /// No whole response came.
    Connection(ConnectionError),
    /// The service responded with an error.
    Response(Box<ErrorResponse>),
    /// The response to a poll of an absent key.
    NoSuchKey,
}

impl AttemptError {
    /// Whether the service may nevertheless have carried out the request.
    pub(super) fn leaves_open(&self) -> bool {
        match self {
            Self::Request(_) | Self::NoSuchKey => false,
            Self::Payload(_) => true,
            Self::Connection(error) => !error.never_sent,
            Self::Response(response) => response.error.leaves_open(),
        }
    }

    pub(super) fn is_timeout(&self) -> bool {
        matches!(self, Self::Connection(error) if error.kind == TransportErrorKind::Timeout)
    }
}

impl From<ConnectionError> for AttemptError {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

impl From<Box<CredentialsError>> for AttemptError {
    fn from(error: Box<CredentialsError>) -> Self {
        Self::Request(error.into())
    }
}

/// Why a call did not succeed, after all attempts.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The service responded with an error.
    Response(Box<ErrorResponse>),
    /// The object is absent, and the caller [polls](super::RequestPolicy::polls) for it. Most polls end so, and nothing
    /// more of the response is used.
    NoSuchKey,
    /// The payload could not be read.
    Payload(io::Error),
    /// Anything else: no connection, no credentials, a response that cannot be read.
    Other(Error),
}

impl CallError {
    /// The service's error, if it responded with one.
    pub(crate) fn service(&self) -> Option<&ServiceError> {
        match self {
            Self::Response(response) => Some(&response.error),
            Self::Other(Error::Service(error)) => Some(error),
            Self::NoSuchKey | Self::Payload(_) | Self::Other(_) => None,
        }
    }
}

/// Without the facts of the response, for the callers that poll do not return it.
fn no_such_key() -> ServiceError {
    ServiceError {
        code: Some(NO_SUCH_KEY.to_owned()),
        ..ServiceError::new("S3", "GetObject", 404)
    }
}

/// The error of a call whose process ended before it recorded the response.
pub(crate) fn unrecorded(service: &'static str, operation: &'static str) -> Error {
    let problem = "the process ended before it recorded the response";
    let attempted = Attempted {
        service,
        operation,
        host: "an earlier run",
        attempts: 1,
        elapsed: Duration::ZERO,
    };
    ConnectionError::new(TransportErrorKind::ConnectionLost, false, problem)
        .into_error(&attempted, false)
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Response(response) => response.error.into(),
            CallError::NoSuchKey => no_such_key().into(),
            CallError::Payload(error) => TransferError::new(TransferErrorKind::Read, "the payload")
                .with_source(error)
                .into(),
            CallError::Other(error) => error,
        }
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<InvalidInput> for CallError {
    fn from(error: InvalidInput) -> Self {
        Self::Other(error.into())
    }
}
