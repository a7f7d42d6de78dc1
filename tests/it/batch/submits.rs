//! Many submits.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::service_code;
use sagemaker_async_inference::batch::SubmitAll;
use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::session::Timeouts;
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use sagemaker_async_inference::{
    AsyncPredictor, AsyncRequest, CancelToken, CredentialsError, Error, Json, Session, submit_all,
};

use super::support::client::{accepted, is_submit, keys, refused, session_at, session_in};
use super::support::verifier::{Rules, Verifier};
use super::{idle_endpoint, now, predictor, predictor_in, since};

#[test]
fn outcomes_come_in_order_each_its_own() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    // Some take longer, some are refused by us, some by the service.
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .skip(3)
            .times(5)
            .delay(Duration::from_millis(30)),
    );
    let requests = (0..100).map(|number| {
        let id = if number % 10 == 7 {
            " no".into()
        } else {
            format!("id-{number}")
        };
        predictor.request(&number).inference_id(id).into_owned()
    });
    let outcomes: Vec<_> = submit_all(requests).collect();
    assert_eq!(outcomes.len(), 100);
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(response) => {
                assert_eq!(response.inference_id(), Some(&*format!("id-{number}")));
            }
            Err(error) => {
                assert_eq!(number % 10, 7);
                assert!(matches!(error, Error::InvalidInput(_)), "{error}");
            }
        }
    }
    assert_eq!(endpoint.jobs().len(), 90);
}

/// A batch in a program's own type.
struct Job<I: Iterator<Item = AsyncRequest<'static, Json>>> {
    submits: SubmitAll<I, Json>,
}

#[test]
fn a_batch_outlives_its_predictor_and_moves_to_a_thread() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let job = Job {
        submits: predictor.submit_all(vec!["a".to_owned(), "b".to_owned()]),
    };
    drop(predictor);
    let thread = std::thread::spawn(move || job.submits.collect::<Result<Vec<_>, _>>());
    let responses = thread.join().expect("a thread").expect("responses");
    assert_eq!(responses.len(), 2);
    assert_eq!(endpoint.jobs().len(), 2);
}

#[test]
fn a_request_is_cloned_unless_its_input_can_be_read_only_once() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "from a file").expect("written");
    let requests = [
        predictor.request("hello").custom_attributes("tenant=a"),
        predictor.request_at("s3://my-bucket/in"),
        predictor.request_file(file.path()).expect("a request"),
    ];
    for request in requests {
        let copy = request.try_clone().expect("a copy");
        let [first, second] = [request, copy].map(|request| request.submit().expect("a submit"));
        assert_ne!(first.inference_id(), second.inference_id());
    }
    let jobs = endpoint.jobs();
    let attributes: Vec<_> = jobs
        .iter()
        .map(|job| job.custom_attributes.as_deref())
        .collect();
    assert_eq!(&attributes[..2], [Some("tenant=a"); 2]);
    assert_eq!(jobs.len(), 6);
    assert!(predictor.request_reader(&b"once"[..]).try_clone().is_none());
}

#[test]
fn inputs_are_taken_as_they_are_needed() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let taken = AtomicUsize::new(0);
    // Without an end.
    let inputs = std::iter::from_fn(|| Some(taken.fetch_add(1, Ordering::SeqCst)));
    let mut outcomes = predictor
        .submit_all(inputs)
        .concurrency(3)
        .expect("a number");
    assert_eq!(
        taken.load(Ordering::SeqCst),
        0,
        "nothing happens before the first is taken"
    );
    for number in 1..=50 {
        assert!(outcomes.next().is_some_and(|outcome| outcome.is_ok()));
        let ahead = taken.load(Ordering::SeqCst) - number;
        assert!(ahead <= 6, "{ahead} more were taken than yielded");
    }
}

/// A service that takes 20 submits a second, after 30 that it had saved up, in the clock's time.
fn throttling_service(clock: &ManualClock) -> Verifier {
    let (clock, tokens) = (clock.clone(), Mutex::new((Duration::ZERO, 30.0)));
    let rules = Rules {
        now: Some(clock.now()),
        ..Rules::new()
    };
    Verifier::start(rules, move |_| {
        let mut tokens = tokens.lock().expect("tokens");
        let now = clock.slept();
        let earned = now.saturating_sub(tokens.0).as_secs_f64() * 20.0;
        *tokens = (now, (tokens.1 + earned).min(30.0));
        if tokens.1 < 1.0 {
            return refused(400, "ThrottlingException", "Rate exceeded");
        }
        tokens.1 -= 1.0;
        accepted("s3://my-bucket/out/1.out")
    })
}

#[test]
fn throttling_slows_all_of_them_and_fails_none() {
    let clock = ManualClock::new();
    let server = throttling_service(&clock);
    let session = session_in(&server.url(), clock.clone());
    let predictor = AsyncPredictor::new("my-endpoint", &session);
    let submitted = predictor.submit_all(0..600).flatten().count();
    assert_eq!(submitted, 600);
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.verified.is_ok()));
    // What was refused was sent again under its id, and nothing else twice.
    let refused = seen.len() - 600;
    assert!(refused < 100, "{refused} were refused");
    // At the service's rate it takes 28.5 s.
    let took = clock.slept();
    assert!(took > Duration::from_secs(28), "{took:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
}

#[test]
fn if_nothing_gets_through_for_ten_minutes_the_refusal_is_the_outcome() {
    let clock = ManualClock::new();
    let endpoint = idle_endpoint(|builder| builder.clock(clock.clone()));
    let predictor = predictor_in(&endpoint, &clock);
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .always()
            .throttle(),
    );
    let mut outcomes = predictor.submit_all(0..3).concurrency(3).expect("a number");
    let outcome = outcomes.next().expect("an outcome");
    assert!(outcome.is_err_and(|error| service_code(&error) == Some("ThrottlingException")));
    assert!(
        clock.slept() >= Duration::from_mins(10),
        "{:?}",
        clock.slept()
    );
}

#[test]
fn at_the_first_error_no_more_is_taken_and_nothing_is_lost() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .skip(10)
            .times(1)
            .error(400, "ValidationError"),
    );
    let taken = AtomicUsize::new(0);
    let inputs = (0..1000).inspect(|_| {
        taken.fetch_add(1, Ordering::SeqCst);
    });
    let outcomes = predictor
        .submit_all(inputs)
        .concurrency(4)
        .expect("a number");
    let outcomes: Vec<_> = outcomes.stop_at_first_error().collect();
    let taken = taken.load(Ordering::SeqCst);
    assert!(taken < 30, "{taken}");
    assert_eq!(outcomes.len(), taken);
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_err()).count(),
        1
    );
    assert_eq!(endpoint.jobs().len(), taken - 1);
}

#[test]
fn by_default_an_error_stops_nothing() {
    let endpoint = idle_endpoint(|b| b);
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .times(5)
            .error(400, "ValidationError"),
    );
    let outcomes: Vec<_> = predictor(&endpoint).submit_all(0..50).collect();
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        45
    );
}

#[test]
fn a_lost_response_is_reported_and_not_retried() {
    let endpoint = idle_endpoint(|b| b);
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .skip(7)
            .times(1)
            .drop_after_handling(),
    );
    let outcomes: Vec<_> = predictor(&endpoint).submit_all(0..20).collect();
    let maybe = |outcome: &Result<_, _>| matches!(outcome, Err(Error::MaybeSubmitted(_)));
    assert_eq!(outcomes.iter().filter(|outcome| maybe(outcome)).count(), 1);
    assert_eq!(endpoint.jobs().len(), 20);
}

#[test]
fn cancelling_ends_it_with_the_outcomes_that_are_on_their_way() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let cancel = CancelToken::new();
    let mut outcomes = predictor.submit_all(0_u64..).cancel(cancel.clone());
    for _ in 0..20 {
        assert!(outcomes.next().is_some_and(|outcome| outcome.is_ok()));
    }
    cancel.cancel();
    let rest = outcomes.by_ref().flatten().count();
    assert!(rest <= 16, "{rest}");
    assert_eq!(endpoint.jobs().len(), 20 + rest);
    assert!(outcomes.next().is_none());
}

#[test]
fn cancelling_ends_the_wait_of_throttled_submits() {
    let endpoint = idle_endpoint(|b| b);
    endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .always()
            .throttle(),
    );
    let predictor = predictor(&endpoint);
    let cancel = CancelToken::new();
    let mut outcomes = predictor.submit_all(0..10).cancel(cancel.clone());
    let soon = std::thread::spawn(move || {
        SystemClock.sleep(Duration::from_millis(100));
        cancel.cancel();
    });
    let began = now();
    assert!(
        outcomes
            .all(|outcome| outcome.is_err_and(|e| service_code(&e) == Some("ThrottlingException")))
    );
    assert!(since(began) < Duration::from_secs(5), "{:?}", since(began));
    soon.join().expect("a thread");
}

#[test]
fn dropping_it_does_not_wait() {
    let endpoint = idle_endpoint(|b| b);
    let hang = Fault::on(Operation::InvokeEndpointAsync)
        .skip(1)
        .always()
        .hang();
    endpoint.fault(hang);
    // The first outcome may be the one that passes or one whose response never came.
    let timeouts = Timeouts::default().with_read(Duration::from_secs(2));
    let session = endpoint.session_builder().timeouts(timeouts).build();
    let predictor = AsyncPredictor::new(endpoint.name(), &session.expect("a session"));
    let mut outcomes = predictor
        .submit_all(0..100)
        .concurrency(2)
        .expect("a number");
    assert!(outcomes.next().is_some());
    let began = now();
    drop(outcomes);
    assert!(
        since(began) < Duration::from_millis(500),
        "{:?}",
        since(began)
    );
}

#[test]
fn progress_reports_totals_and_may_stop_it() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let outcomes = predictor.submit_all(0..1000).progress(move |progress| {
        let call = counted.fetch_add(1, Ordering::SeqCst) as u64 + 1;
        assert_eq!((progress.done(), progress.failed()), (call, 0));
        assert!(progress.submitted() >= call && progress.remaining().is_some());
        if call < 50 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let yielded = outcomes.count();
    assert!((50..70).contains(&yielded), "{yielded}");
    assert_eq!(calls.load(Ordering::SeqCst), yielded);
}

#[test]
fn a_batch_has_a_place_of_its_own() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let folders =
        |responses: Vec<Result<sagemaker_async_inference::AsyncInferenceResponse<Json>, Error>>| {
            let mut folders: Vec<_> = responses
                .into_iter()
                .map(|response| {
                    let response = response.expect("a submit");
                    let key = response.output_path().key();
                    key.rsplit_once('/')
                        .map(|(folder, _)| folder.to_owned())
                        .unwrap_or_default()
                })
                .collect();
            folders.dedup();
            folders
        };
    let first = folders(predictor.submit_all(0..20).collect());
    let second = folders(predictor.submit_all(0..20).collect());
    assert!(
        first.len() == 1 && second.len() == 1 && first != second,
        "{first:?} {second:?}"
    );
    assert!(first[0].starts_with("async-output/batch-"), "{first:?}");
    let none = folders(
        predictor
            .submit_all(0..5)
            .without_output_path_extension()
            .collect(),
    );
    assert_eq!(none, ["async-output"]);
    let own = predictor
        .submit_all(0..5)
        .output_path_extension("nightly/7");
    assert_eq!(
        folders(own.expect("a path").collect()),
        ["async-output/nightly/7"]
    );
    let kept = (0..3).map(|n| {
        predictor
            .request(&n)
            .output_path_extension("mine")
            .into_owned()
    });
    assert_eq!(folders(submit_all(kept).collect()), ["async-output/mine"]);
    assert!(
        predictor
            .submit_all(0..1)
            .output_path_extension("s3://no")
            .is_err()
    );
}

#[test]
fn a_service_that_does_not_know_the_extension_is_not_sent_more_of_them() {
    let server = Verifier::start(Rules::new(), |_| {
        accepted("s3://my-bucket/out/somewhere.out")
    });
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(&server.url()));
    let outcomes = predictor
        .submit_all(0..50)
        .concurrency(2)
        .expect("a number");
    assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
    let seen = server.seen();
    assert_eq!(seen.iter().filter(|seen| is_submit(seen)).count(), 50);
    let extended = seen
        .iter()
        .filter(|s| s.header("x-amzn-sagemaker-s3outputpathextension").is_some());
    assert!((1..=4).contains(&extended.count()));
    assert!(seen.iter().all(|seen| seen.verified.is_ok()));
}

#[test]
fn large_inputs_go_through_s3_and_a_throttled_upload_is_no_failure() {
    let clock = ManualClock::new();
    let endpoint = idle_endpoint(|builder| builder.clock(clock.clone()));
    let predictor = predictor_in(&endpoint, &clock);
    endpoint.fault(Fault::on(Operation::PutObject).times(20).throttle());
    let inputs = (0..6).map(|number| format!("{number}").repeat(200_000));
    let outcomes: Vec<_> = predictor.submit_all(inputs).collect();
    for outcome in outcomes {
        assert!(outcome.expect("a submit").input_location().is_some());
    }
    assert_eq!(endpoint.jobs().len(), 6);
}

/// Panics at every fifth request.
#[derive(Debug)]
struct Unsteady(AtomicUsize, Credentials);

impl ProvideCredentials for Unsteady {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        assert!(
            !(self.0.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(5),
            "unsteady"
        );
        Ok(self.1.clone())
    }
}

#[test]
fn a_panic_on_a_thread_goes_on_where_its_outcome_would_come() {
    let endpoint = idle_endpoint(|b| b);
    let credentials = keys(endpoint.access_key(), endpoint.secret_key(), None);
    let session: Session = endpoint
        .session_builder()
        .uncached_credentials(Unsteady(AtomicUsize::new(0), credentials))
        .build()
        .expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let mut outcomes = predictor.submit_all(0..50);
    let (mut submitted, mut panics) = (0, 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| outcomes.next())) {
            Ok(Some(outcome)) => submitted += usize::from(outcome.is_ok()),
            Ok(None) => break,
            Err(_) => panics += 1,
        }
    }
    assert_eq!((submitted, panics), (40, 10));
}

#[test]
fn the_concurrency_has_limits() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    assert!(predictor.submit_all(0..1).concurrency(0).is_err());
    assert!(predictor.submit_all(0..1).concurrency(257).is_err());
    assert_eq!(predictor.submit_all(0..7).size_hint(), (0, Some(7)));
    assert_eq!(endpoint.requests().len(), 0);
}
