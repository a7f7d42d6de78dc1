//! The effect of a panic in the caller's own code: it ends the call, and nothing else.
#![cfg(all(feature = "tracing", feature = "local"))]

#[path = "it/support/mod.rs"]
mod support;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sagemaker_async_inference::credentials::{ProfileProvider, ProvideCredentials, ProviderConfig};
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::{Environment, Files};
use sagemaker_async_inference::{
    AsyncPredictor, Error, Json, Session, TransferConfig, WaiterConfig, as_completed,
};
use support::verifier::{Reply, Rules, Verifier};
use support::{ACCESS_KEY, SECRET_KEY, client};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Panics at each event on a thread that arms it. It listens to all of them: what one thread alone listens to,
/// `tracing` may forget where another comes by first.
struct Panicking;

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

impl Subscriber for Panicking {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sagemaker_async_inference")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        assert!(!ARMED.get(), "in the subscriber");
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn panics<T>(act: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

fn often() -> WaiterConfig {
    WaiterConfig::new(2000, Duration::from_millis(10)).expect("a wait")
}

fn place() -> (LocalEndpoint, Session) {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let session = endpoint.session().expect("a session");
    (endpoint, session)
}

#[test]
fn a_panicking_subscriber_ends_only_the_call_it_observes() {
    let (endpoint, session) = place();
    let predictor: AsyncPredictor<Json> = AsyncPredictor::new(endpoint.name(), &session);
    tracing::subscriber::set_global_default(Panicking).expect("the only one");

    ARMED.set(true);
    assert!(panics(|| predictor.predict_async("x").map(drop)));
    // Another thread, with the same session.
    std::thread::scope(|scope| {
        let other = scope.spawn(|| -> Result<String, Error> {
            predictor.predict_async("y")?.get_result(&often())
        });
        let reply = other.join().expect("no panic");
        assert_eq!(reply.expect("a result"), "y");
    });
    ARMED.set(false);
    let response = predictor.predict_async("z").expect("a submit");
    ARMED.set(true);
    assert!(panics(|| response.get_result::<String>(&often()).map(drop)));
    ARMED.set(false);
    let reply: String = response.get_result(&often()).expect("a result");
    assert_eq!(reply, "z");
}

#[test]
fn a_function_without_an_mfa_code_fails_only_the_call_that_needs_it() {
    let server = Verifier::start(Rules::new(), |_| {
        Reply::new(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>\
             <SecretAccessKey>hush</SecretAccessKey><SessionToken>hush</SessionToken>\
             <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
             </AssumeRoleResponse>",
        )
    });
    let config = format!(
        "[default]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/invoker\n\
         source_profile = base\nmfa_serial = GAHT12345678\n[profile base]\n\
         aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    );
    let url = server.url();
    let environment = Environment::from_pairs([("HOME", "/h"), ("AWS_ENDPOINT_URL", &*url)]);
    let sys = client::sys()
        .with_environment(environment)
        .with_files(Files::from_pairs([("/h/.aws/config", config)]));
    let armed = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&armed);
    let config = ProviderConfig::new(&sys).with_mfa(move |_| {
        assert!(!asked.load(Ordering::SeqCst), "in the function");
        Ok("123456".to_owned())
    });
    let provider = ProfileProvider::new(config);
    assert!(panics(|| provider.provide_credentials().map(drop)));
    assert!(server.seen().is_empty(), "nothing was sent without a code");
    armed.store(false, Ordering::SeqCst);
    let credentials = provider.provide_credentials().expect("credentials");
    assert_eq!(credentials.access_key_id(), "ASIA1");
}

#[test]
fn a_progress_callback_that_panics_ends_its_own_transfer_alone() {
    let (endpoint, session) = place();
    let predictor: AsyncPredictor<Json> = AsyncPredictor::new(endpoint.name(), &session);
    let transfer = |how: TransferConfig| {
        let request = predictor.request_reader(&b"\"x\""[..]).via_s3();
        request.transfer(how).submit()
    };
    let panicking = TransferConfig::builder()
        .progress(|_| -> ControlFlow<()> { panic!("in the callback") })
        .build()
        .expect("a way of transfer");
    assert!(panics(|| transfer(panicking).map(drop)));
    let responses = ["a", "b"].map(|text| predictor.predict_async(text).expect("a submit"));
    let waiter = often();
    let mut batch = as_completed(responses, &waiter)
        .progress(|_| -> ControlFlow<()> { panic!("in the callback") });
    assert!(panics(|| batch.next().map(drop)));
    drop(batch);
    let response = transfer(TransferConfig::default()).expect("a submit");
    let reply: String = response.get_result(&often()).expect("a result");
    assert_eq!(reply, "x");
}
