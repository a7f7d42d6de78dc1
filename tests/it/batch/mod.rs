//! Many inferences in flight.

use crate::support;

mod adding;
mod fallback;
mod hanging;
#[cfg(all(feature = "inventory", feature = "local"))]
pub(crate) mod inputs;
mod journal;
mod large;
mod panics;
mod schedule;
mod submits;
mod threads;
mod waits;

use std::path::Path;
use std::time::Duration;

use sagemaker_async_inference::batch::Completed;
use sagemaker_async_inference::local::{LocalEndpoint, LocalEndpointBuilder, Operation};
use sagemaker_async_inference::sys::{Clock, Environment, Files, ManualClock, Sys, SystemClock};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Json, Session, WaiterConfig, as_completed,
};

type Responses = Vec<AsyncInferenceResponse<Json>>;
type AsCompletedJson = sagemaker_async_inference::batch::AsCompleted<Json>;

/// An endpoint whose queue nobody works on: outputs are put by the test.
fn idle_endpoint(
    change: impl FnOnce(LocalEndpointBuilder) -> LocalEndpointBuilder,
) -> LocalEndpoint {
    let builder = change(LocalEndpoint::builder().instances(0));
    builder.start().expect("a local endpoint")
}

fn start(change: impl FnOnce(LocalEndpointBuilder) -> LocalEndpointBuilder) -> LocalEndpoint {
    let builder = LocalEndpoint::builder().max_concurrent_invocations_per_instance(8);
    change(builder).start().expect("a local endpoint")
}

fn session(endpoint: &LocalEndpoint) -> Session {
    endpoint.session().expect("a session")
}

fn predictor(endpoint: &LocalEndpoint) -> AsyncPredictor {
    AsyncPredictor::new(endpoint.name(), &session(endpoint))
}

/// In the clock's time.
fn predictor_in(endpoint: &LocalEndpoint, clock: &ManualClock) -> AsyncPredictor {
    let sys = Sys::real()
        .with_environment(Environment::empty())
        .with_clock(clock.clone());
    let session = endpoint.session_builder().sys(sys).build();
    AsyncPredictor::new(endpoint.name(), &session.expect("a session"))
}

/// Every 10 ms, for 20 s at most.
fn often() -> WaiterConfig {
    WaiterConfig::new(2000, Duration::from_millis(10)).expect("a wait")
}

/// Responses in one folder, `000.out` and so on.
fn in_folder(predictor: &AsyncPredictor, bucket: &str, folder: &str, count: usize) -> Responses {
    let at = |key: String| format!("s3://{bucket}/{key}");
    (0..count)
        .map(|number| {
            AsyncInferenceResponse::new(
                predictor,
                at(format!("{folder}/{number:05}.out")),
                Some(at(format!("{folder}-failures/{number:05}.err"))),
            )
            .expect("valid locations")
        })
        .collect()
}

fn put(endpoint: &LocalEndpoint, response: &AsyncInferenceResponse<Json>, body: &str) {
    let path = response.output_path();
    endpoint.put_object(path.bucket(), path.key(), body);
}

/// Real time, where a test is about it.
fn now() -> Duration {
    SystemClock.monotonic()
}

fn since(began: Duration) -> Duration {
    now().saturating_sub(began)
}

fn read(path: &Path) -> Vec<u8> {
    Files::disk().read(path).expect("a file")
}

fn count(endpoint: &LocalEndpoint, operation: Operation) -> usize {
    let requests = endpoint.requests();
    requests
        .iter()
        .filter(|request| request.operation == operation)
        .count()
}

/// The finished inferences in the order of their responses.
fn finish_all<D>(
    responses: impl IntoIterator<Item = AsyncInferenceResponse<D>>,
    waiter: &WaiterConfig,
) -> Vec<Completed<D>> {
    let mut all: Vec<_> = as_completed(responses, waiter).collect();
    all.sort_by_key(Completed::index);
    all
}
