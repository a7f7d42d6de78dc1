//! Providers that a program sets: their types, and how often they are called.

use crate::support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::credentials::{
    AssumeRoleProvider, CachedCredentials, ChainSlot, Credentials, DefaultChain, ProvideCredentials,
};
use sagemaker_async_inference::sys::{Clock, ManualClock, Sys};
use sagemaker_async_inference::{CredentialsError, Error, Session, SessionBuilder, WaiterConfig};
use support::client::{caller_identity, keys};
use support::verifier::{Reply, Rules, Verifier};
use support::{ACCESS_KEY, SECRET_KEY};

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Own;

impl ProvideCredentials for Own {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        CALLS.fetch_add(1, Ordering::SeqCst);
        Ok(keys(ACCESS_KEY, SECRET_KEY, None))
    }
}

static OWN: Own = Own;

fn function() -> Result<Credentials, CredentialsError> {
    Own.provide_credentials()
}

fn server() -> Verifier {
    Verifier::start(Rules::new(), |_| caller_identity())
}

/// Has the account, which only a signed request returns.
fn works(builder: SessionBuilder) {
    let server = server();
    let session = support::client::session_without_bucket(&server.url());
    let builder = builder.region(session.region()).endpoint_url(server.url());
    let session = builder
        .sys(support::client::sys())
        .build()
        .expect("a session");
    session.default_bucket().expect("an account");
    assert_eq!(server.seen()[0].verified, Ok(()));
}

#[test]
fn what_leads_to_a_provider_is_one() {
    let shared: Arc<dyn ProvideCredentials> = Arc::new(Own);
    let boxed: Box<dyn ProvideCredentials> = Box::new(Own);
    let dynamic: &'static dyn ProvideCredentials = &OWN;
    works(Session::builder().credentials(keys(ACCESS_KEY, SECRET_KEY, None)));
    works(Session::builder().credentials(Own));
    works(Session::builder().credentials(Arc::new(Own)));
    works(Session::builder().credentials(Arc::clone(&shared)));
    works(Session::builder().credentials(boxed));
    works(Session::builder().credentials(&OWN));
    works(Session::builder().credentials(dynamic));
    works(Session::builder().credentials(function));
    works(Session::builder().credentials(|| Ok(keys(ACCESS_KEY, SECRET_KEY, None))));
    let captured = Arc::clone(&shared);
    works(Session::builder().credentials(move || captured.provide_credentials()));
    works(Session::builder().uncached_credentials(|| OWN.provide_credentials()));

    let cached = CachedCredentials::new(|| OWN.provide_credentials());
    assert!(cached.provide_credentials().is_ok());
    let chain = DefaultChain::new(Sys::real())
        .with(ChainSlot::Environment, || OWN.provide_credentials())
        .then(shared);
    assert!(chain.provide_credentials().is_ok());
    let arn = "arn:aws:iam::123456789012:role/r";
    assert!(AssumeRoleProvider::new(Sys::real(), arn, function).is_ok());
}

/// The requests that a session signs, and how often its provider is called for them.
fn provided(
    requests: usize,
    life: Option<Duration>,
    between: Duration,
    give: impl FnOnce(SessionBuilder, Arc<Counting>) -> SessionBuilder,
) -> usize {
    let clock = ManualClock::new();
    let server = Verifier::start(
        Rules {
            clock: Some(clock.clone()),
            ..Rules::new()
        },
        |_| Reply::new(200, ""),
    );
    let counting = Arc::new(Counting {
        clock: clock.clone(),
        life,
        calls: AtomicUsize::new(0),
    });
    let builder = support::client::builder()
        .sys(support::client::sys().with_clock(clock.clone()))
        .endpoint_url(server.url());
    let session = give(builder, Arc::clone(&counting))
        .build()
        .expect("a session");
    for _ in 0..requests {
        let found = support::wait::response(&session).try_get_result::<Vec<u8>>();
        assert!(matches!(found, Ok(Some(_))), "{found:?}");
        clock.advance(between);
    }
    counting.calls.load(Ordering::SeqCst)
}

#[derive(Debug)]
struct Counting {
    clock: ManualClock,
    life: Option<Duration>,
    calls: AtomicUsize,
}

impl ProvideCredentials for Counting {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let expiry = self.life.map(|life| self.clock.now() + life);
        Ok(Credentials::new(
            ACCESS_KEY, SECRET_KEY, None, expiry, "test",
        ))
    }
}

/// Another request may have more time.
#[test]
fn the_failure_of_a_provider_that_had_no_more_time_is_not_cached() {
    let clock = ManualClock::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let (time, count) = (clock.clone(), Arc::clone(&calls));
    let slow = move || {
        count.fetch_add(1, Ordering::SeqCst);
        time.advance(Duration::from_secs(10));
        Err(CredentialsError::failed("vault", "is slow"))
    };
    let session = support::client::builder()
        .sys(support::client::sys().with_clock(clock))
        .endpoint_url("http://127.0.0.1:1")
        .credentials(slow)
        .build()
        .expect("a session");
    let wait = |seconds| {
        let waiter = WaiterConfig::builder().deadline(Duration::from_secs(seconds));
        let waiter = waiter.build().expect("a waiter");
        let result = support::wait::response(&session).get_result::<Vec<u8>>(&waiter);
        assert!(matches!(result, Err(Error::Credentials(_))), "{result:?}");
        calls.load(Ordering::SeqCst)
    };
    assert_eq!(wait(5), 1);
    assert_eq!(wait(60), 2);
    // That one had time, and its failure is cached for a second.
    assert_eq!(wait(60), 2);
}

#[test]
fn a_given_provider_is_called_again_by_the_expiry_that_it_states() {
    let hour = Some(Duration::from_hours(1));
    let minute = Duration::from_mins(1);
    assert_eq!(provided(30, None, minute, SessionBuilder::credentials), 1);
    assert_eq!(provided(30, hour, minute, SessionBuilder::credentials), 1);
    // From a quarter of an hour before the end on.
    assert_eq!(provided(60, hour, minute, SessionBuilder::credentials), 2);
    let uncached = |builder: SessionBuilder, provider| builder.uncached_credentials(provider);
    assert_eq!(provided(30, hour, minute, uncached), 30);
}
