//! What the tests of waiting share: one inference, and waits of every kind for it.

use std::time::Duration;

use sagemaker_async_inference::{
    AsyncInferenceResponse, Bytes, Error, PollingTimeout, Session, WaiterConfig,
    WaiterConfigBuilder,
};

use super::client::{predictor, uri};
use super::verifier::Seen;

pub const OUTPUT: &str = "s3://out-bucket/out/1.out";
pub const FAILURE: &str = "s3://out-bucket/failures/1.error";

pub fn is_output(seen: &Seen) -> bool {
    seen.path == "/out-bucket/out/1.out"
}

pub fn response(session: &Session) -> AsyncInferenceResponse<Bytes> {
    AsyncInferenceResponse::new(&predictor(session), uri(OUTPUT), Some(uri(FAILURE)))
        .expect("valid locations")
}

pub fn waiter(change: impl FnOnce(WaiterConfigBuilder) -> WaiterConfigBuilder) -> WaiterConfig {
    change(WaiterConfig::builder()).build().expect("a wait")
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn timed_out(outcome: Result<Vec<u8>, Error>) -> PollingTimeout {
    match outcome {
        Err(Error::PollingTimeout(timeout)) => *timeout,
        other => panic!("{other:?}"),
    }
}
