//! What one look for an inference's outcome finds.

use crate::aws::s3::Object;
use crate::aws::{CallError, RequestPolicy};
use crate::error::{ModelFailure, Result, ServiceError};
use crate::uri::S3Uri;

/// How an inference ended.
pub(crate) enum Found<T> {
    Output(T),
    Failure(ModelFailure),
}

/// How it ended, in memory; kept, so that asking again asks nobody.
pub(crate) type Outcome = Found<Object>;

impl Outcome {
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Output(object) => &object.body,
            Self::Failure(failure) => failure.bytes(),
        }
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        match self {
            Self::Output(object) => object.content_type.as_deref(),
            Self::Failure(failure) => failure.content_type(),
        }
    }
}

/// How an output is fetched once it is there.
pub(crate) type Fetch<'a, T> = dyn Fn(&S3Uri, RequestPolicy<'_>) -> Result<T, CallError> + 'a;

/// What one look at the objects found.
pub(crate) enum Look<T = Object> {
    Done(Found<T>),
    NotFound,
    AccessDenied(Box<ServiceError>),
    /// The output is not there, and whether the failure is cannot be known: access to it is denied,
    /// or its bucket does not exist.
    FailureUnknown(Box<ServiceError>),
}

/// The object, or what its absence looks like.
pub(crate) fn found<T>(fetched: Result<T, CallError>) -> Result<Result<T, Look<T>>> {
    match fetched {
        Ok(object) => Ok(Ok(object)),
        Err(CallError::Response(response)) => {
            match (response.error.status, response.error.code()) {
                (404, None | Some("NoSuchKey")) => Ok(Err(Look::NotFound)),
                (403, None | Some("AccessDenied")) => {
                    Ok(Err(Look::AccessDenied(Box::new(response.error))))
                }
                _ => Err(response.error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}
