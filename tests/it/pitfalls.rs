//! Known problems of users of other clients: a test for each, named after the problem. Details are in the file of the
//! topic, if there is one.

use crate::support;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::waiter::WaitStopReason;
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, CredentialsError, Csv, Error, JsonLines, WaiterConfig,
};
use serde_json::{Value, json};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{
        accepted, builder, denied, is_list, is_submit, keys, not_found, refused, s3_error,
        session_at, session_in, sys, uri,
    },
    verifier::{Reply, Rules, Seen, Verifier},
};

fn header<'a>(seen: &'a Seen, suffix: &str) -> Option<&'a str> {
    seen.header(&format!("x-amzn-sagemaker-{suffix}"))
}

fn submits(server: &Verifier) -> usize {
    server.seen().iter().filter(|seen| is_submit(seen)).count()
}

/// Accepts submits and never has a result.
fn slow() -> Verifier {
    Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
                .header("X-Amzn-SageMaker-FailureLocation", "s3://my-bucket/err")
        } else if seen.method == "PUT" {
            Reply::new(200, "")
        } else {
            not_found()
        }
    })
}

fn ten_polls() -> WaiterConfig {
    WaiterConfig::new(10, Duration::from_secs(15)).expect("a wait")
}

#[test]
fn a_wait_that_never_ends() {
    let server = slow();
    let clock = ManualClock::new();
    let predictor = AsyncPredictor::new("my-endpoint", &session_in(&server.url(), clock.clone()))
        .with_waiter_config(ten_polls());
    let outcome = predictor.predict::<_, Value>(&json!(1));
    assert!(
        matches!(outcome, Err(Error::PollingTimeout(_))),
        "{outcome:?}"
    );
    assert_eq!(clock.slept(), Duration::from_secs(135));
}

#[test]
fn a_403_while_the_object_is_not_there_yet() {
    let looks = AtomicUsize::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        if is_list(seen) || looks.fetch_add(1, Ordering::SeqCst) < 4 {
            denied()
        } else {
            Reply::new(200, "[1]")
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let predictor = AsyncPredictor::new("my-endpoint", &session);
    let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    let result: Vec<i32> = response.get_result(&ten_polls()).expect("a result");
    assert_eq!(result, [1]);
}

#[test]
fn a_timeout_that_hides_its_cause() {
    for (reply, cause) in [
        (denied(), "s3:ListBucket on arn:aws:s3:::my-bucket"),
        (s3_error(500, "InternalError", "?"), "InternalError"),
        (Reply::hang_up(), "the connection was lost"),
        (not_found(), "wait longer"),
    ] {
        let server = Verifier::start(Rules::new(), move |_| reply.clone());
        let session = session_in(&server.url(), ManualClock::new());
        let predictor = AsyncPredictor::new("my-endpoint", &session);
        let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
            .expect("valid locations");
        let polls = WaiterConfig::new(2, Duration::from_secs(15)).expect("a wait");
        match response.get_result::<Value>(&polls) {
            Err(Error::PollingTimeout(timeout)) => {
                let text = format!("{timeout:#}");
                assert!(text.contains(cause), "{text}");
                // And it waited for as long as the error says.
                assert!(timeout.elapsed() >= Duration::from_secs(15), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_side_timeout_that_loses_the_job_or_submits_it_twice() {
    let done = Arc::new(AtomicUsize::new(0));
    let is_done = done.clone();
    let server = Verifier::start(Rules::new(), move |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else if is_done.load(Ordering::SeqCst) == 1 {
            Reply::new(200, "42")
        } else {
            not_found()
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let predictor = AsyncPredictor::new("my-endpoint", &session).with_waiter_config(ten_polls());
    let Err(Error::PollingTimeout(timeout)) = predictor.predict::<_, i32>(&1) else {
        panic!("no timeout")
    };
    done.store(1, Ordering::SeqCst);
    let response = AsyncInferenceResponse::new(
        &predictor,
        timeout.output_path().clone(),
        timeout.failure_path().cloned(),
    )
    .expect("valid locations");
    assert_eq!(response.get_result::<i32>(&ten_polls()).ok(), Some(42));
    assert_eq!(submits(&server), 1);

    // A lost response is not a reason to submit again either.
    let server = Verifier::start(Rules::new(), |_| Reply::hang_up());
    let session = session_in(&server.url(), ManualClock::new());
    let outcome = AsyncPredictor::new("my-endpoint", &session).predict_async(&1);
    assert!(
        matches!(outcome, Err(Error::MaybeSubmitted(_))),
        "{outcome:?}"
    );
    assert_eq!(submits(&server), 1);
}

#[test]
fn a_plain_text_failure_object_that_the_json_deserializer_cannot_read() {
    let server = Verifier::start(Rules::new(), |seen| {
        if seen.path.ends_with("/err") {
            Reply::new(200, "Model container failed to respond")
        } else {
            not_found()
        }
    });
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(&server.url()));
    let response = AsyncInferenceResponse::new(
        &predictor,
        uri("s3://my-bucket/out"),
        Some(uri("s3://my-bucket/err")),
    )
    .expect("valid locations");
    match response.get_result::<Value>(&ten_polls()) {
        Err(Error::Model(failure)) => {
            assert_eq!(failure.text(), "Model container failed to respond");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deserializer_that_has_no_effect() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "1\n2\n"));
    let session = session_at(&server.url());
    let lines = AsyncPredictor::new("my-endpoint", &session).with_deserializer(JsonLines::new());
    let response = AsyncInferenceResponse::new(&lines, uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    let numbers: Vec<i32> = response.get_result(&ten_polls()).expect("a result");
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_name_that_is_none_crashes() {
    // There is no name to leave out: an upload is named after the endpoint.
    let server = slow();
    let _ = AsyncPredictor::new("my-endpoint", &session_at(&server.url()))
        .request(&1)
        .via_s3()
        .submit()
        .expect("a submit");
    let path = &server.seen()[0].path;
    assert!(
        path.contains("/async-endpoint-inputs/my-endpoint-"),
        "{path}"
    );
}

#[test]
fn a_failure_location_that_is_absent() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else {
            Reply::new(200, "[1]")
        }
    });
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(&server.url()));
    assert_eq!(predictor.predict::<_, Vec<i32>>(&1).ok(), Some(vec![1]));
}

#[test]
fn the_servers_own_time_limits_not_passed_on() {
    let server = slow();
    let _ = AsyncPredictor::new("my-endpoint", &session_at(&server.url()))
        .request(&1)
        .request_ttl(Duration::from_mins(10))
        .invocation_timeout(Duration::from_hours(1))
        .submit()
        .expect("a submit");
    let seen = server.seen();
    assert_eq!(header(&seen[0], "requestttlseconds"), Some("600"));
    assert_eq!(header(&seen[0], "invocationtimeoutseconds"), Some("3600"));
}

#[test]
fn a_content_type_never_sent_with_the_invocation() {
    let server = slow();
    let session = session_at(&server.url());
    let json = AsyncPredictor::new("my-endpoint", &session);
    let _ = json.predict_async(&1).expect("a submit");
    let _ = json.request(&1).via_s3().submit().expect("a submit");
    let _ = json
        .with_serializer(Csv::new())
        .predict_async(&vec![(1, 2)])
        .expect("a submit");
    let types: Vec<_> = server
        .seen()
        .iter()
        .filter(|seen| is_submit(seen))
        .map(|seen| header(seen, "content-type").map(str::to_owned))
        .collect();
    let [json, csv] = ["application/json", "text/csv"].map(|text| Some(text.to_owned()));
    assert_eq!(types, [json.clone(), json, csv]);
}

#[test]
fn polling_with_no_progress_and_no_way_to_stop() {
    let server = slow();
    let session = session_in(&server.url(), ManualClock::new());
    let elapsed = Arc::new(Mutex::new(Vec::new()));
    let telling = elapsed.clone();
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_secs(1))
        .growing(2.0, Duration::from_mins(1))
        .progress(move |wait| {
            telling
                .lock()
                .expect("a list")
                .push(wait.elapsed().as_secs());
            if wait.attempts() == 5 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .build()
        .expect("a wait");
    let predictor = AsyncPredictor::new("my-endpoint", &session).with_waiter_config(waiter);
    match predictor.predict::<_, Value>(&1) {
        Err(Error::WaitStopped(stop)) => assert_eq!(stop.reason(), WaitStopReason::Progress),
        other => panic!("{other:?}"),
    }
    assert_eq!(*elapsed.lock().expect("a list"), [0, 1, 3, 7, 15]);
}

#[test]
fn waiting_for_many_results_one_after_another() {
    // A thread for each over one session; one thread can also wait for all, see `batch`.
    let server = Verifier::start(Rules::new(), |seen| {
        let (_, number) = seen.path.rsplit_once('/').unwrap_or_default();
        Reply::new(200, number)
    });
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(&server.url()));
    let threads: Vec<_> = (0..8)
        .map(|number: u32| {
            let response = AsyncInferenceResponse::new(
                &predictor,
                uri(&format!("s3://my-bucket/{number}")),
                None,
            )
            .expect("valid locations");
            std::thread::spawn(move || response.get_result::<u32>(&ten_polls()))
        })
        .collect();
    for (number, thread) in (0..).zip(threads) {
        assert_eq!(thread.join().expect("no panic").ok(), Some(number));
    }
}

#[test]
fn throttling_mistaken_for_failure() {
    let replies = [
        refused(429, "ThrottlingException", "Rate exceeded"),
        accepted("s3://my-bucket/out"),
        s3_error(503, "SlowDown", "Please reduce your request rate."),
        Reply::new(200, "[1]"),
    ];
    let server = Verifier::with_replies(Rules::new(), replies);
    let session = session_in(&server.url(), ManualClock::new());
    let predictor = AsyncPredictor::new("my-endpoint", &session);
    assert_eq!(predictor.predict::<_, Vec<i32>>(&1).ok(), Some(vec![1]));
}

#[test]
fn requests_signed_long_before_they_are_sent() {
    let replies = [
        refused(503, "ServiceUnavailable", "later").header("retry-after", "20"),
        accepted("s3://my-bucket/out"),
    ];
    let server = Verifier::with_replies(Rules::new(), replies);
    let session = session_in(&server.url(), ManualClock::new());
    let _ = AsyncPredictor::new("my-endpoint", &session)
        .predict_async(&1)
        .expect("a submit");
    let seen = server.seen();
    let date = |seen: &Seen| seen.header("x-amz-date").expect("a date").to_owned();
    // 20 s later, to the second or the next one.
    let seconds = |date: &str| -> u32 {
        let number = |range: std::ops::Range<usize>| date[range].parse::<u32>().expect("a number");
        number(9..11) * 3600 + number(11..13) * 60 + number(13..15)
    };
    let apart = (seconds(&date(&seen[1])) + 86_400 - seconds(&date(&seen[0]))) % 86_400;
    assert_eq!(apart, 20);
    assert!(seen.iter().all(|seen| seen.verified.is_ok()));
}

/// New credentials each time the previous ones were refused.
#[derive(Debug, Default)]
struct Renewing {
    generation: AtomicUsize,
}

#[derive(Debug, Clone)]
struct Shared(Arc<Renewing>);

impl ProvideCredentials for Shared {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let token = format!("token-{}", self.0.generation.load(Ordering::SeqCst));
        Ok(keys(ACCESS_KEY, SECRET_KEY, Some(token)))
    }

    fn invalidate(&self, _refused: &Credentials) {
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn credentials_that_expire_in_the_middle_of_a_long_wait() {
    let polls = AtomicUsize::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        let poll = polls.fetch_add(1, Ordering::SeqCst);
        let token = seen.header("x-amz-security-token").unwrap_or_default();
        match (poll, token) {
            (0..4, "token-0") => not_found(),
            (_, "token-0") => s3_error(400, "ExpiredToken", "The provided token has expired."),
            (0..8, _) => not_found(),
            _ => Reply::new(200, "[1]"),
        }
    });
    let clock = ManualClock::new();
    let provider = Shared(Arc::new(Renewing::default()));
    let session = builder()
        .credentials(provider.clone())
        .endpoint_url(server.url())
        .sys(sys().with_clock(clock))
        .build()
        .expect("a session");
    let predictor = AsyncPredictor::new("my-endpoint", &session);
    let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    let result: Vec<i32> = response.get_result(&ten_polls()).expect("a result");
    assert_eq!(result, [1]);
    assert_eq!(provider.0.generation.load(Ordering::SeqCst), 1);
}
