//! How a batch fetches an output: a small one into memory, any one into a file.

use std::path::{Path, PathBuf};

use crate::S3Uri;
use crate::aws::s3::{self, Object};
use crate::aws::{CallError, Replay, RequestPolicy};
use crate::error::{Error, Result, TransportErrorKind};
use crate::handle::InferenceHandle;
use crate::response::AsyncInferenceResponse;
use crate::response::poll::Poll;
use crate::transfer::outcome::Outcome;
use crate::waiter::WaiterConfig;
use crate::waiter::state::Pending;

/// The largest output that a batch reads into memory.
pub(super) const MAX_HELD: u64 = 8 << 20;

/// Names the file of an inference's output.
pub(super) type PathOf = dyn Fn(&InferenceHandle) -> PathBuf + Send + Sync;

/// Where an output that was found is.
pub(super) enum Taken {
    /// It is in memory.
    Held(Object),
    /// It is larger than [`MAX_HELD`] and still in S3.
    Large,
    /// It is in this file.
    Stored(PathBuf),
}

/// Polls once; reads an output that is not large.
pub(super) fn take_small<D>(
    response: &AsyncInferenceResponse<D>,
    policy: RequestPolicy<'_>,
) -> Result<Poll<Taken>> {
    match take_output(response, policy)? {
        Poll::Pending(pending) => take_failure(response, pending, policy),
        found => Ok(found),
    }
}

/// The first part of [`take_small`]: the output.
pub(super) fn take_output<D>(
    response: &AsyncInferenceResponse<D>,
    policy: RequestPolicy<'_>,
) -> Result<Poll<Taken>> {
    response.poll_output(policy, |uri, policy| get_small(response, uri, policy))
}

/// The second part of [`take_small`]: the failure, after the output was missing.
pub(super) fn take_failure<D>(
    response: &AsyncInferenceResponse<D>,
    pending: Pending,
    policy: RequestPolicy<'_>,
) -> Result<Poll<Taken>> {
    let get = |uri: &S3Uri, policy: RequestPolicy<'_>| get_small(response, uri, policy);
    response.poll_failure(pending, policy, get)
}

fn get_small<D>(
    response: &AsyncInferenceResponse<D>,
    uri: &S3Uri,
    policy: RequestPolicy<'_>,
) -> Result<Taken, CallError> {
    let s3 = response.session().s3();
    let mut got = s3::get_object(s3, uri, policy, MAX_HELD);
    for _ in 1..response.session().client().retry.max_attempts() {
        if !matches!(&got, Err(CallError::Other(error)) if error.is_damaged()) {
            break;
        }
        got = s3::get_object(s3, uri, policy, MAX_HELD);
    }
    match got {
        Err(CallError::Other(Error::Transport(error)))
            if error.kind() == TransportErrorKind::TooLong =>
        {
            Ok(Taken::Large)
        }
        got => got.map(Taken::Held),
    }
}

/// Stores an output that is in memory in its file.
pub(super) fn store(object: Object, path: PathBuf) -> Result<Poll<Taken>> {
    Outcome::Output(object).store(&path)?;
    Ok(Poll::Output(Taken::Stored(path)))
}

/// Polls once; streams an output of any size into its file. `waiter` can cancel that.
pub(super) fn take_into_file<D>(
    response: &AsyncInferenceResponse<D>,
    waiter: &WaiterConfig,
    path: &Path,
) -> Result<Poll<Taken>> {
    let policy = RequestPolicy {
        replay: Replay::Never,
        ..waiter.policy(None)
    };
    Ok(match response.poll(policy)? {
        Poll::Output(object) => {
            response.store_open(object, path, waiter)?;
            Poll::Output(Taken::Stored(path.to_owned()))
        }
        Poll::Failure(failure) => Poll::Failure(failure),
        Poll::Pending(pending) => Poll::Pending(pending),
    })
}
