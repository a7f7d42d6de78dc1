//! Panics and calls of the caller's code within a batch: they lose no handle and block nothing.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use sagemaker_async_inference::batch::Adder;
use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, CredentialsError, Error, Json, as_completed,
};

use super::{idle_endpoint, in_folder, often, predictor, put, start};

/// Takes all items although some calls of `next` panic; returns them and the number of panics.
fn all_of<I: Iterator>(mut items: I) -> (Vec<I::Item>, usize) {
    let (mut all, mut panics) = (Vec::new(), 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| items.next())) {
            Ok(Some(item)) => all.push(item),
            Ok(None) => return (all, panics),
            Err(_) => panics += 1,
        }
    }
}

/// A function that panics in its third call.
fn third_call() -> impl Fn() + Send + Sync + 'static {
    let calls = AtomicUsize::new(0);
    move || assert_ne!(calls.fetch_add(1, Ordering::SeqCst), 2, "a bad callback")
}

#[test]
fn a_panic_where_an_output_gets_its_name_loses_no_handle() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let large = serde_json::to_string(&"x".repeat(9 << 20)).expect("JSON");
    for (round, (threads, body)) in [(0, "1"), (2, "1"), (0, &*large), (2, &*large)]
        .into_iter()
        .enumerate()
    {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("out-{round}");
        let responses = in_folder(&predictor, endpoint.bucket(), &name, 4);
        for response in &responses {
            put(&endpoint, response, body);
        }
        let (place, call) = (folder.path().to_owned(), third_call());
        let mut waiting = as_completed(responses, &often()).download_to(move |handle| {
            call();
            place.join(handle.output_path().key().replace('/', "-"))
        });
        if threads > 0 {
            waiting = waiting.download_threads(threads).expect("threads");
        }
        let (done, panics) = all_of(waiting);
        let stored = done.iter().filter(|done| done.error().is_none()).count();
        assert_eq!((stored, panics), (4, 1), "{threads} threads");
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        assert_eq!(files.count(), 4);
    }
}

#[test]
fn results_that_are_cached_get_their_names_without_a_lock() {
    let endpoint = start(|b| b);
    let predictor = predictor(&endpoint);
    let responses = predictor.submit_all(0..4).collect::<Result<Vec<_>, _>>();
    let responses = responses.expect("submits");
    for (number, response) in (0..).zip(&responses) {
        assert_eq!(
            response.get_result::<u32>(&often()).expect("a result"),
            number
        );
    }
    let late = predictor.predict_async(&9).expect("a submit");
    let folder = tempfile::tempdir().expect("a folder");
    let (place, call) = (folder.path().to_owned(), third_call());
    // The callback adds an inference, as one does whose outputs lead to the next inputs.
    let adder = Arc::new(Mutex::new(None::<Adder<Json>>));
    let (slot, late) = (adder.clone(), Mutex::new(Some(late)));
    let waiting = as_completed(responses, &often()).download_to(move |handle| {
        call();
        if let Some(adder) = slot.lock().expect("a lock").take() {
            let late = late.lock().expect("a lock").take();
            assert!(adder.add(late.expect("one")).is_ok());
        }
        place.join(handle.inference_id().expect("an id"))
    });
    *adder.lock().expect("a lock") = Some(waiting.adder());
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let (done, panics) = all_of(waiting);
        let stored = done.iter().filter(|done| done.error().is_none()).count();
        let _ = ended.send((stored, panics));
    });
    let end = end.recv_timeout(Duration::from_mins(1));
    assert_eq!(end.expect("no deadlock"), (5, 1));
}

#[test]
fn a_panicking_credentials_provider_loses_no_handle_without_threads() {
    #[derive(Debug)]
    struct Unsteady(Credentials, AtomicUsize);
    impl ProvideCredentials for Unsteady {
        fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
            let call = self.1.fetch_add(1, Ordering::SeqCst);
            assert!(!call.is_multiple_of(3), "unsteady");
            Ok(self.0.clone())
        }
    }
    let endpoint = idle_endpoint(|b| b);
    let (key, secret) = (endpoint.access_key(), endpoint.secret_key());
    let keys = Credentials::new(key, secret, None, None, "test");
    let session = endpoint
        .session_builder()
        .uncached_credentials(Unsteady(keys, AtomicUsize::new(0)))
        .build()
        .expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 10);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let (done, panics) = all_of(as_completed(responses, &often()).without_listing());
    assert_eq!(done.len(), 10);
    assert!(panics >= 3, "{panics}");
}

#[test]
fn a_panic_of_a_callback_loses_no_handle_of_a_submit() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let call = third_call();
    let submits = predictor.submit_all(0..10).progress(move |_| {
        call();
        ControlFlow::Continue(())
    });
    let (outcomes, panics) = all_of(submits);
    let submitted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!((submitted, panics), (10, 1));

    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal.jsonl");
    let call = third_call();
    let submits = predictor.submit_all(10..20).journal(&journal);
    let submits = submits.expect("a journal").on_submitted(move |_, _| call());
    let (outcomes, panics) = all_of(submits);
    let handles: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().expect("a submit").output_path().clone())
        .collect();
    assert_eq!((handles.len(), panics), (10, 1));

    // The journal has them all.
    let again = predictor.submit_all(10..20).journal(&journal);
    let again = again.expect("a journal").collect::<Result<Vec<_>, Error>>();
    let again = again.expect("none is uncertain");
    assert!(
        again
            .iter()
            .map(AsyncInferenceResponse::output_path)
            .eq(&handles)
    );
    assert_eq!(endpoint.jobs().len(), 20);
}

#[test]
fn a_panic_of_both_callbacks_is_one_and_the_outcome_follows() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let submits = predictor
        .submit_all([7])
        .on_submitted(|_, _| panic!("a bad callback"))
        .progress(|_| panic!("another one"));
    let (outcomes, panics) = all_of(submits);
    assert_eq!((outcomes.len(), panics), (1, 1));
    assert_eq!(endpoint.jobs().len(), 1);
}
