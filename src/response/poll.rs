//! One poll: the state of an inference's objects in S3.

use super::AsyncInferenceResponse;
use crate::aws::s3::objects::{OpenObject, Piece, open_object};
use crate::aws::{CallError, RequestPolicy};
use crate::error::{Error, ModelFailure, Result};
use crate::transfer::memory;
use crate::uri::S3Uri;
use crate::waiter::state::Pending;

/// What one poll found.
pub(crate) enum Poll<T> {
    /// The output, as the poll opened it.
    Output(T),
    Failure(ModelFailure),
    Pending(Pending),
}

/// What one request for an object found.
enum Requested<T> {
    Object(T),
    Missing(Pending),
}

/// The most that is read of a failure object.
const MAX_FAILURE: u64 = 1 << 20;

impl<D> AsyncInferenceResponse<D> {
    /// The output, or the failure if there is no output. Opens the output: its body is still to be read.
    pub(crate) fn poll(&self, policy: RequestPolicy<'_>) -> Result<Poll<OpenObject>> {
        let get = |uri: &S3Uri, policy: RequestPolicy<'_>| self.open(uri, policy);
        match self.poll_output(policy, get)? {
            Poll::Pending(pending) => self.poll_failure(pending, policy, get),
            found => Ok(found),
        }
    }

    /// The first part of a poll: the output, which `get` requests.
    pub(crate) fn poll_output<T>(
        &self,
        policy: RequestPolicy<'_>,
        get: impl Fn(&S3Uri, RequestPolicy<'_>) -> Result<T, CallError>,
    ) -> Result<Poll<T>> {
        Ok(match found(get(self.output_path(), policy.polling()))? {
            Requested::Object(output) => Poll::Output(output),
            Requested::Missing(pending) => Poll::Pending(pending),
        })
    }

    /// The second part of a poll, after an output that was `pending`: the failure, if there is still no output.
    pub(crate) fn poll_failure<T>(
        &self,
        pending: Pending,
        policy: RequestPolicy<'_>,
        get: impl Fn(&S3Uri, RequestPolicy<'_>) -> Result<T, CallError>,
    ) -> Result<Poll<T>> {
        let Some(failure_path) = self.failure_path() else {
            return Ok(Poll::Pending(pending));
        };
        let failure = match (found(self.open(failure_path, policy.polling())), &pending) {
            (Ok(Requested::Object(failure)), _) => failure,
            (Ok(Requested::Missing(Pending::AccessDenied(error))), Pending::NotFound) => {
                return Ok(Poll::Pending(Pending::FailureUnknown(error)));
            }
            (Ok(Requested::Missing(_)), _) => return Ok(Poll::Pending(pending)),
            // The output may still come.
            (Err(Error::Service(error)), Pending::NotFound)
                if error.code() == Some("NoSuchBucket") =>
            {
                return Ok(Poll::Pending(Pending::FailureUnknown(error)));
            }
            (Err(error), _) => return Err(error),
        };
        let content_type = failure.content_type.clone();
        let body = memory::read_start(
            &self.session,
            failure_path,
            failure,
            MAX_FAILURE,
            policy.cancel,
        )?;
        // Both may have appeared between the two requests: then the output counts.
        if let Requested::Object(output) = found(get(self.output_path(), policy.polling()))? {
            return Ok(Poll::Output(output));
        }
        Ok(Poll::Failure(ModelFailure {
            endpoint_name: self.handle.endpoint_name.clone(),
            output_path: Some(self.output_path().clone()),
            failure_path: Some(failure_path.clone()),
            content_type,
            body: body.into(),
            handle: Some(self.handle.clone()),
        }))
    }

    pub(super) fn open(
        &self,
        uri: &S3Uri,
        policy: RequestPolicy<'_>,
    ) -> Result<OpenObject, CallError> {
        open_object(self.session.s3(), uri, Piece::WHOLE, policy)
    }

    /// Whether the failure object exists, as far as one request shows.
    pub(crate) fn has_failed(&self, policy: RequestPolicy<'_>) -> Result<bool> {
        let Some(path) = self.failure_path() else {
            return Ok(false);
        };
        let found = found(self.open(path, policy.polling()))?;
        Ok(matches!(found, Requested::Object(_)))
    }
}

/// The object, or what its absence means.
fn found<T>(got: Result<T, CallError>) -> Result<Requested<T>> {
    match got {
        Ok(object) => Ok(Requested::Object(object)),
        Err(CallError::NoSuchKey) => Ok(Requested::Missing(Pending::NotFound)),
        Err(CallError::Response(response)) => {
            match (response.error.status, response.error.code()) {
                (404, None) if response.error.unrecognized_body().is_some() => {
                    let foreign = Pending::Foreign(Box::new(response.error));
                    Ok(Requested::Missing(foreign))
                }
                (404, None | Some("NoSuchKey")) => Ok(Requested::Missing(Pending::NotFound)),
                // S3 asks KMS only for the key of an object that exists.
                (403, _) if response.error.is_about_key() => Err(response.error.into()),
                (403, None | Some("AccessDenied")) => {
                    let denied = Pending::AccessDenied(Box::new(response.error));
                    Ok(Requested::Missing(denied))
                }
                _ => Err(response.error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}
