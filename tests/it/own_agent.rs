//! An HTTP agent of the caller's, and which timeouts apply.

use std::time::Duration;

use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::session::{RetryConfig, Timeouts};
use sagemaker_async_inference::ureq::config::ConfigBuilder;
use sagemaker_async_inference::ureq::typestate::AgentScope;
use sagemaker_async_inference::ureq::{self, Agent};
use sagemaker_async_inference::{AsyncPredictor, Error, Json};

const SLOW: Duration = Duration::from_millis(400);

/// The outcome of a submit whose response comes after [`SLOW`].
fn slow_submit(
    agent: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    timeouts: Timeouts,
) -> Result<(), Error> {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let fault = Fault::on(Operation::InvokeEndpointAsync);
    endpoint.fault(fault.always().delay(SLOW));
    let session = endpoint.session_builder().timeouts(timeouts);
    let session = session
        .agent(Agent::new_with_config(
            agent(ureq::config::Config::builder()).build(),
        ))
        .retry(RetryConfig::off());
    let session = session.build().expect("a session");
    let predictor: AsyncPredictor<Json, Json> = AsyncPredictor::new(endpoint.name(), &session);
    predictor.predict_async("hello").map(drop)
}

#[test]
fn the_sessions_timeouts_replace_the_agents_for_each_phase() {
    let hasty = Duration::from_millis(1);
    let outcome = slow_submit(
        |agent| {
            agent
                .timeout_recv_response(Some(hasty))
                .timeout_per_read(Some(hasty))
                .timeout_per_call(Some(hasty))
        },
        Timeouts::default(),
    );
    outcome.expect("the session's minute");

    let patient = Some(Duration::from_mins(1));
    let outcome = slow_submit(
        |agent| {
            agent
                .timeout_recv_response(patient)
                .timeout_per_read(patient)
        },
        Timeouts::default().with_read(Duration::from_millis(50)),
    );
    let Err(Error::MaybeSubmitted(lost)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        matches!(lost.cause(), Error::Transport(error) if error.kind() == TransportErrorKind::Timeout),
        "{lost:?}"
    );
}

#[test]
fn the_agents_global_timeout_holds() {
    let outcome = slow_submit(
        |agent| agent.timeout_global(Some(Duration::from_millis(50))),
        Timeouts::default(),
    );
    let Err(Error::MaybeSubmitted(lost)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        matches!(lost.cause(), Error::Transport(error) if error.kind() == TransportErrorKind::Timeout),
        "{lost:?}"
    );
}

#[test]
fn a_session_is_built_with_every_timeout_but_zero() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let session = |timeouts| endpoint.session_builder().timeouts(timeouts).build();
    let default = Timeouts::default;
    for (what, timeouts) in [
        ("connect timeout", default().with_connect(Duration::ZERO)),
        ("read timeout", default().with_read(Duration::ZERO)),
        ("write timeout", default().with_write(Duration::ZERO)),
    ] {
        let Err(Error::InvalidInput(error)) = session(timeouts) else {
            panic!("{what}")
        };
        assert_eq!(error.what(), what);
        let expected = format!("{what} \"0 s\" is not valid: more than 0 s; set a longer one");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    let longest = Duration::MAX;
    let longest = default()
        .with_connect(longest)
        .with_read(longest)
        .with_write(longest);
    let session = session(longest).expect("a session");
    let predictor: AsyncPredictor<Json, Json> = AsyncPredictor::new(endpoint.name(), &session);
    let _ = predictor.predict_async("hello").expect("a submission");
}
