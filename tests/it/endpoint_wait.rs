//! Waits for endpoints: the numbers of the published waiters, and how each state ends a wait.

use crate::support;

use std::time::Duration;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::{EndpointStatus, EndpointWaiter};
use sagemaker_async_inference::error::{EndpointWaitError, EndpointWaitReason};
use sagemaker_async_inference::local::{Fault, Operation};
use support::bench::{Bench, bench, bench_with};

fn ended(error: Error) -> EndpointWaitError {
    match error {
        Error::EndpointWait(wait) => *wait,
        other => panic!("{other:?}"),
    }
}

/// Makes the existing endpoint always report this state.
fn reported_as(bench: &Bench, status: &str) {
    let body = format!(r#"{{"EndpointStatus": "{status}", "FailureReason": "because"}}"#);
    let headers = [("content-type", "application/x-amz-json-1.1")];
    let fault = Fault::on(Operation::DescribeEndpoint).always();
    bench.local.fault(fault.respond(200, headers, body));
}

#[test]
fn polls_as_often_as_the_published_waiters() {
    let forever = Duration::from_hours(1000);
    let bench = bench_with(|builder| builder.transition_time(forever));
    let endpoint = bench.deployment("mine").start().expect("a deployment");
    let wait = ended(
        endpoint
            .wait_in_service(&EndpointWaiter::in_service())
            .expect_err("one"),
    );
    assert_eq!(
        (wait.reason(), wait.attempts()),
        (EndpointWaitReason::TimedOut, 120)
    );
    assert_eq!(wait.elapsed(), 119 * Duration::from_secs(30));
    assert_eq!(wait.status(), Some(&EndpointStatus::Creating));
    assert!(
        format!("{wait:#}").contains("Creating, 120 polls in 3570 s"),
        "{wait}"
    );

    bench.endpoint.delete(false).expect("it goes");
    let wait = ended(
        bench
            .endpoint
            .wait_deleted(&EndpointWaiter::deleted())
            .expect_err("one"),
    );
    assert_eq!(
        (wait.reason(), wait.attempts()),
        (EndpointWaitReason::TimedOut, 60)
    );
    assert_eq!(wait.elapsed(), 59 * Duration::from_secs(30));
    assert_eq!(wait.status(), Some(&EndpointStatus::Deleting));
}

#[test]
fn each_state_ends_a_wait_or_does_not() {
    use EndpointWaitReason::{Failed, TimedOut};

    for (status, in_service, deleted) in [
        ("InService", None, TimedOut),
        ("Creating", Some(TimedOut), TimedOut),
        ("Updating", Some(TimedOut), TimedOut),
        ("SystemUpdating", Some(TimedOut), TimedOut),
        ("RollingBack", Some(TimedOut), TimedOut),
        ("Deleting", Some(TimedOut), TimedOut),
        ("OutOfService", Some(TimedOut), TimedOut),
        ("Failed", Some(Failed), Failed),
        ("UpdateRollbackFailed", Some(Failed), Failed),
        ("Tomorrow", Some(TimedOut), TimedOut),
        ("", Some(TimedOut), TimedOut),
    ] {
        let bench = bench();
        reported_as(&bench, status);
        let waiter = |waiter: EndpointWaiter| waiter.every(Duration::from_secs(1), 3);
        let waiter = |published| waiter(published).expect("a waiter");
        let outcome = bench
            .endpoint
            .wait_in_service(&waiter(EndpointWaiter::in_service()));
        assert_eq!(
            outcome.err().map(|error| ended(error).reason()),
            in_service,
            "{status}"
        );
        let outcome = bench
            .endpoint
            .wait_deleted(&waiter(EndpointWaiter::deleted()));
        let wait = ended(outcome.expect_err(status));
        assert_eq!(wait.reason(), deleted, "{status}");
        assert_eq!(wait.failure_reason(), Some("because"));
        assert_eq!(wait.status().map(EndpointStatus::as_str), Some(status));
    }
}

#[test]
fn a_wait_without_a_successful_poll_returns_the_last_error() {
    let bench = bench();
    bench
        .local
        .fault(Fault::on(Operation::DescribeEndpoint).always().status(500));
    let waiter = EndpointWaiter::in_service()
        .every(Duration::from_mins(1), 2)
        .expect("one");
    let wait = ended(bench.endpoint.wait_in_service(&waiter).expect_err("errors"));
    assert_eq!(
        (wait.reason(), wait.status()),
        (EndpointWaitReason::TimedOut, None)
    );
    assert!(format!("{wait:#}").contains("status unknown"), "{wait}");
    assert!(format!("{wait:#}").contains("InternalFailure"), "{wait}");
}

#[test]
fn a_server_that_never_responds_does_not_outlast_the_deadline() {
    use sagemaker_async_inference::sys::{Clock, SystemClock};

    let local = sagemaker_async_inference::local::LocalEndpoint::builder().start();
    let local = local.expect("a local endpoint");
    local.fault(Fault::on(Operation::DescribeEndpoint).always().hang());
    let session = local.session().expect("a session");
    let endpoint = sagemaker_async_inference::endpoint::Endpoint::new(local.name(), &session);
    let waiter = EndpointWaiter::in_service()
        .deadline(Duration::from_millis(300))
        .expect("one");
    let started = SystemClock.monotonic();
    let wait = ended(endpoint.wait_in_service(&waiter).expect_err("a timeout"));
    assert_eq!(wait.reason(), EndpointWaitReason::TimedOut);
    let took = SystemClock.monotonic().saturating_sub(started);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// Credentials that are available, then cannot be refreshed for a while, then are available again.
#[test]
fn credentials_that_fail_for_a_while_do_not_end_a_wait() {
    use std::sync::atomic::{AtomicU32, Ordering};

    use sagemaker_async_inference::CredentialsError;
    use sagemaker_async_inference::credentials::Credentials;
    use sagemaker_async_inference::endpoint::Endpoint;

    for first in [0, 2] {
        let bench = bench();
        bench.deployment("mine").start().expect("a deployment");
        let local = &bench.local;
        let (key, secret) = (local.access_key().to_owned(), local.secret_key().to_owned());
        let called = AtomicU32::new(0);
        let provider = move || match called.fetch_add(1, Ordering::SeqCst) {
            call if (first..first + 3).contains(&call) => {
                Err(CredentialsError::failed("vault", "is down"))
            }
            _ => Ok(Credentials::new(&*key, &*secret, None, None, "test")),
        };
        let sys = support::client::sys().with_clock(bench.clock.clone());
        let session = local.session_builder().sys(sys);
        let session = session.uncached_credentials(provider).build();
        let endpoint = Endpoint::new("mine", &session.expect("a session"));
        let outcome = endpoint.wait_in_service(&EndpointWaiter::in_service());
        match first {
            0 => assert!(matches!(outcome, Err(Error::Credentials(_))), "{outcome:?}"),
            _ => assert!(outcome.is_ok(), "{outcome:?}"),
        }
    }
}
