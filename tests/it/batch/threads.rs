//! Threads that fetch, and the one that lists.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
use sagemaker_async_inference::local::Operation;
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{AsyncPredictor, CredentialsError, as_completed};

use super::{idle_endpoint, in_folder, now, often, predictor, put, since};

/// A page that is held back still comes after this time.
const GUARD: Duration = Duration::from_secs(8);

/// The second page comes once the outputs of the first one were fetched.
#[test]
fn threads_fetch_what_a_page_found_while_the_next_one_is_listed() {
    const FIRST_PAGE: usize = 1000;
    let [pages, fetched, before] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let (got, seen) = (fetched.clone(), before.clone());
    let endpoint = idle_endpoint(|builder| {
        builder.on_request(move |request| match request.operation {
            Operation::GetObject => {
                got.fetch_add(1, Ordering::SeqCst);
            }
            Operation::ListObjectsV2 if pages.fetch_add(1, Ordering::SeqCst) == 1 => {
                let began = now();
                while got.load(Ordering::SeqCst) < FIRST_PAGE && since(began) < GUARD {
                    SystemClock.sleep(Duration::from_millis(1));
                }
                seen.store(got.load(Ordering::SeqCst), Ordering::SeqCst);
            }
            _ => {}
        })
    });
    let responses = in_folder(
        &predictor(&endpoint),
        endpoint.bucket(),
        "out",
        FIRST_PAGE + 100,
    );
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let waiting = as_completed(responses, &often()).download_threads(4);
    let finished = waiting.expect("threads");
    assert_eq!(
        finished.filter(|done| done.error().is_none()).count(),
        FIRST_PAGE + 100
    );
    assert!(before.load(Ordering::SeqCst) >= FIRST_PAGE, "{before:?}");
    assert_eq!(
        fetched.load(Ordering::SeqCst),
        FIRST_PAGE + 100,
        "one GET each"
    );
}

/// A panic in the thread that lists goes on in the caller's, and its handles are polled one by one.
#[test]
fn a_panic_while_a_page_is_listed_loses_no_handle() {
    #[derive(Debug)]
    struct Once(Credentials, AtomicUsize);
    impl ProvideCredentials for Once {
        fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
            let lists = std::thread::current().name() == Some("as_completed list");
            assert!(
                !lists || self.1.fetch_add(1, Ordering::SeqCst) > 0,
                "the test's provider panics once"
            );
            Ok(self.0.clone())
        }
    }
    let endpoint = idle_endpoint(|b| b);
    let keys = Credentials::new(
        endpoint.access_key(),
        endpoint.secret_key(),
        None,
        None,
        "test",
    );
    let session = endpoint
        .session_builder()
        .uncached_credentials(Once(keys, AtomicUsize::new(0)))
        .build()
        .expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 30);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let waiting = as_completed(responses, &often()).download_threads(2);
    let mut waiting = waiting.expect("threads");
    let (mut panics, mut done) = (0, 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| waiting.next())) {
            Ok(Some(_)) => done += 1,
            Ok(None) => break,
            Err(_) => panics += 1,
        }
    }
    assert_eq!((panics, done), (1, 30));
}
