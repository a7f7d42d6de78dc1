//! A local endpoint and a session on one virtual clock, for tests of the control plane.

use std::ops::ControlFlow;
use std::time::Duration;

use sagemaker_async_inference::endpoint::{
    ContainerDefinition, Deployment, Endpoint, EndpointWaiter, Model, SageMaker,
};
use sagemaker_async_inference::error::DeploymentError;
use sagemaker_async_inference::local::{LocalEndpoint, LocalEndpointBuilder};
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::{Error, Session, WaiterConfig};

pub const ROLE: &str = "arn:aws:iam::123456789012:role/async-role";
/// How long everything takes, in virtual time.
pub const TAKES: Duration = Duration::from_mins(4);

pub struct Bench {
    pub clock: ManualClock,
    pub local: LocalEndpoint,
    pub session: Session,
    /// The endpoint that exists from the start.
    pub endpoint: Endpoint,
}

pub fn bench() -> Bench {
    bench_with(|builder| builder)
}

pub fn bench_with(set: impl FnOnce(LocalEndpointBuilder) -> LocalEndpointBuilder) -> Bench {
    let clock = ManualClock::new();
    let builder = LocalEndpoint::builder()
        .clock(clock.clone())
        .transition_time(TAKES);
    let local = set(builder).start().expect("a local endpoint");
    let sys = super::client::sys().with_clock(clock.clone());
    let session = local.session_builder().sys(sys).build().expect("a session");
    Bench {
        endpoint: Endpoint::new(local.name(), &session),
        clock,
        local,
        session,
    }
}

pub fn model(name: &str) -> Model {
    let image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/img:1";
    Model::new(name, ContainerDefinition::new(image)).execution_role_arn(ROLE)
}

impl Bench {
    /// Of an endpoint with a model of its own.
    pub fn deployment(&self, name: &str) -> Deployment {
        Endpoint::deploy(name, &self.session)
            .model(model(&format!("{name}-model")))
            .instances("ml.m5.large", 2)
    }

    pub fn sagemaker(&self) -> SageMaker {
        SageMaker::new(&self.session)
    }
}

/// The published waiter.
pub fn waiter() -> EndpointWaiter {
    EndpointWaiter::in_service()
}

/// Polls for a result every virtual millisecond: real time passes too, because the model runs in it.
pub fn soon() -> WaiterConfig {
    WaiterConfig::builder()
        .max_attempts(100_000)
        .delay(Duration::from_millis(1))
        .progress(|_| {
            std::thread::yield_now();
            ControlFlow::Continue(())
        })
        .build()
        .expect("a waiter")
}

/// What a deployment, an update or a removal that stopped part-way reports.
#[track_caller]
pub fn partial(error: Error) -> DeploymentError {
    match error {
        Error::Deployment(partial) => *partial,
        other => panic!("{other:?}"),
    }
}
