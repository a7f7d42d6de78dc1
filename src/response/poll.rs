//! One look at an inference's objects.

use super::AsyncInferenceResponse;
use crate::aws::s3::{self, Object};
use crate::aws::{CallError, RequestPolicy};
use crate::error::{Error, ModelFailure, Result};
use crate::response::look::{Fetch, Found, Look, found};
use crate::uri::S3Uri;

impl<D> AsyncInferenceResponse<D> {
    /// Into memory.
    pub(super) fn get(&self, uri: &S3Uri, policy: RequestPolicy<'_>) -> Result<Object, CallError> {
        let max = self.transfer_config().max_result_bytes();
        s3::get_object(self.session.s3(), uri, policy, max)
    }

    /// The output, or the failure if there is no output.
    pub(crate) fn look(&self, policy: RequestPolicy<'_>) -> Result<Look> {
        self.look_by(policy, &|uri, policy| self.get(uri, policy))
    }

    pub(super) fn look_by<T>(
        &self,
        policy: RequestPolicy<'_>,
        fetch: &Fetch<'_, T>,
    ) -> Result<Look<T>> {
        let pending = match found(fetch(self.output_path(), policy))? {
            Ok(output) => return Ok(Look::Done(Found::Output(output))),
            Err(pending) => pending,
        };
        let Some(failure_path) = self.failure_path() else {
            return Ok(pending);
        };
        let failure = match (found(self.get(failure_path, policy)), &pending) {
            (Ok(Ok(failure)), _) => failure,
            (Ok(Err(Look::AccessDenied(error))), Look::NotFound) => {
                return Ok(Look::FailureUnknown(error));
            }
            (Ok(Err(_)), _) => return Ok(pending),
            // The output may come all the same.
            (Err(Error::Service(error)), Look::NotFound)
                if error.code() == Some("NoSuchBucket") =>
            {
                return Ok(Look::FailureUnknown(error));
            }
            (Err(error), _) => return Err(error),
        };
        // Between the two looks both may have come: the output counts.
        if let Ok(output) = found(fetch(self.output_path(), policy))? {
            return Ok(Look::Done(Found::Output(output)));
        }
        Ok(Look::Done(Found::Failure(ModelFailure {
            endpoint_name: self.handle.endpoint_name.clone(),
            output_path: Some(self.output_path().clone()),
            failure_path: Some(failure_path.clone()),
            content_type: failure.content_type,
            body: failure.body.into(),
            handle: Some(self.handle.clone()),
        })))
    }

    /// Whether the failure object is there, as far as one look can tell.
    pub(crate) fn has_failed(&self, policy: RequestPolicy<'_>) -> bool {
        let failure = self.failure_path();
        failure.is_some_and(|path| matches!(found(self.get(path, policy)), Ok(Ok(_))))
    }
}
