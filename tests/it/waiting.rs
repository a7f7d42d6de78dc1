//! The wait for a result: what is polled and when, and what the caller can do to end it.

use crate::support;
use crate::support::HANG;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use sagemaker_async_inference::waiter::WaitStopReason;
use sagemaker_async_inference::{
    CancelToken, Error, Json, PollingTimeout, Text, WaiterConfig, WaiterConfigBuilder,
};
use support::{
    client::{not_found, predictor, s3_error, session_at, session_in, uri},
    verifier::{Reply, Rules, Verifier},
    wait::{FAILURE, OUTPUT, is_output, response, seconds, timed_out, waiter},
};

/// A virtual clock, a server that lives in the middle of the wait, and the times of its polls of the
/// output, none of which finds anything.
struct Polls {
    clock: ManualClock,
    server: Verifier,
    times: Arc<Mutex<Vec<Duration>>>,
}

impl Polls {
    fn start(middle: Duration) -> Self {
        let clock = ManualClock::new();
        let rules = Rules {
            now: Some(clock.now() + middle),
            ..Rules::new()
        };
        let times = Arc::new(Mutex::new(Vec::new()));
        let (seen_at, server_clock) = (times.clone(), clock.clone());
        let server = Verifier::start(rules, move |seen| {
            if is_output(seen) {
                seen_at.lock().expect("times").push(server_clock.slept());
            }
            not_found()
        });
        Self {
            clock,
            server,
            times,
        }
    }

    fn wait(&self, waiter: &WaiterConfig) -> PollingTimeout {
        let session = session_in(&self.server.url(), self.clock.clone());
        timed_out(response(&session).get_result(waiter))
    }

    fn times(&self) -> Vec<Duration> {
        self.times.lock().expect("times").clone()
    }
}

#[test]
fn by_default_60_polls_are_15_seconds_apart() {
    let polls = Polls::start(seconds(442));
    let timeout = polls.wait(&WaiterConfig::default());
    let expected: Vec<_> = (0..60).map(|n| seconds(15 * n)).collect();
    assert_eq!(polls.times(), expected);
    assert_eq!(polls.clock.slept(), seconds(885));
    assert_eq!(timeout.attempts(), 60);
    assert_eq!(timeout.elapsed(), seconds(885));
    assert_eq!(timeout.observed().not_found, 60);
    assert_eq!(timeout.output_path(), &uri(OUTPUT));
    assert_eq!(timeout.failure_path(), Some(&uri(FAILURE)));
    // Output and failure, and nothing else.
    assert_eq!(polls.server.seen().len(), 120);
    let text = format!("{timeout:#}");
    for part in [
        OUTPUT,
        "60 polls",
        "885 s",
        "60 not found",
        "/aws/sagemaker/Endpoints/my-endpoint",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn delays_grow_up_to_their_cap() {
    let polls = Polls::start(Duration::ZERO);
    polls.wait(&waiter(|w| {
        w.delay(seconds(1))
            .growing(2.0, seconds(10))
            .max_attempts(8)
    }));
    let expected = [0, 1, 3, 7, 15, 25, 35, 45].map(seconds);
    assert_eq!(polls.times(), expected);
}

#[test]
fn jitter_shortens_each_delay_by_up_to_its_share() {
    let polls = Polls::start(Duration::ZERO);
    polls.wait(&waiter(|w| {
        w.delay(seconds(10)).jitter(0.5).max_attempts(40)
    }));
    let times = polls.times();
    let gaps: Vec<_> = times
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    assert_eq!(gaps.len(), 39);
    assert!(
        gaps.iter()
            .all(|gap| (seconds(5)..=seconds(10)).contains(gap)),
        "{gaps:?}"
    );
    let (least, most) = (gaps.iter().min(), gaps.iter().max());
    assert!(
        least < Some(&seconds(7)) && most > Some(&seconds(8)),
        "{gaps:?}"
    );
}

#[test]
fn an_initial_delay_goes_before_the_first_poll() {
    let polls = Polls::start(Duration::ZERO);
    polls.wait(&waiter(|w| {
        w.initial_delay(seconds(30))
            .delay(seconds(1))
            .max_attempts(3)
    }));
    assert_eq!(polls.times(), [30, 31, 32].map(seconds));
}

#[test]
fn a_deadline_ends_the_wait_before_its_polls_do() {
    let polls = Polls::start(Duration::ZERO);
    let timeout = polls.wait(&waiter(|w| w.deadline(seconds(100)).max_attempts(10_000)));
    let times = polls.times();
    assert_eq!(times[..7], [0, 15, 30, 45, 60, 75, 90].map(seconds));
    // The last poll is sent just before the deadline.
    assert_eq!(times.len(), 8);
    assert!(
        (seconds(95)..=seconds(100)).contains(&times[7]),
        "{times:?}"
    );
    assert_eq!(timeout.attempts(), 8);
    assert!(polls.clock.slept() <= seconds(100));
}

#[test]
fn one_attempt_is_one_poll_and_no_sleep() {
    let polls = Polls::start(Duration::ZERO);
    let timeout = polls.wait(&waiter(|w| w.max_attempts(1)));
    assert_eq!(polls.times(), [Duration::ZERO]);
    assert_eq!(timeout.attempts(), 1);
    assert_eq!(polls.clock.slept(), Duration::ZERO);
}

#[test]
fn values_that_make_no_wait_are_refused() {
    let day = seconds(24 * 3600);
    let refused: [(&str, WaiterConfigBuilder); 12] = [
        ("max attempts", WaiterConfig::builder().max_attempts(0)),
        (
            "max attempts",
            WaiterConfig::builder().max_attempts(u32::MAX),
        ),
        ("delay", WaiterConfig::builder().delay(Duration::ZERO)),
        ("delay", WaiterConfig::builder().delay(Duration::MAX)),
        (
            "initial delay",
            WaiterConfig::builder().initial_delay(Duration::MAX),
        ),
        (
            "growth factor",
            WaiterConfig::builder().growing(f64::NAN, day),
        ),
        ("growth factor", WaiterConfig::builder().growing(0.5, day)),
        (
            "growth factor",
            WaiterConfig::builder().growing(f64::INFINITY, day),
        ),
        (
            "largest delay",
            WaiterConfig::builder().growing(2.0, Duration::MAX),
        ),
        ("jitter", WaiterConfig::builder().jitter(f64::NAN)),
        ("jitter", WaiterConfig::builder().jitter(-0.1)),
        ("deadline", WaiterConfig::builder().deadline(Duration::ZERO)),
    ];
    for (what, builder) in refused {
        match builder.build() {
            Err(Error::InvalidInput(error)) => assert_eq!(error.what(), what),
            other => panic!("{what}: {other:?}"),
        }
    }
    let too_long = WaiterConfig::builder().deadline(Duration::MAX).build();
    assert!(matches!(too_long, Err(Error::InvalidInput(_))));
    assert!(WaiterConfig::new(0, seconds(1)).is_err());
}

#[test]
fn the_largest_growth_overflows_nothing() {
    let polls = Polls::start(seconds(160));
    polls.wait(&waiter(|w| {
        w.delay(Duration::from_millis(1))
            .growing(10.0, seconds(1))
            .max_attempts(320)
    }));
    assert_eq!(polls.times().len(), 320);
}

#[test]
fn the_output_is_polled_first_and_wins_over_a_failure() {
    let looks = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        let mut looks = looks.lock().expect("a count");
        *looks += 1;
        match *looks {
            1..=3 => not_found(),
            // The failure object is found, and the output appeared in the meantime.
            4 => Reply::new(200, "a stale failure"),
            _ if is_output(seen) => Reply::new(200, "result"),
            _ => not_found(),
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let result: Vec<u8> = response(&session)
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(result, b"result");
    let order: Vec<_> = server.seen().iter().map(is_output).collect();
    assert_eq!(order, [true, false, true, false, true]);
}

fn failing(body: &'static [u8], content_type: &'static str) -> Verifier {
    Verifier::start(Rules::new(), move |seen| {
        if is_output(seen) {
            not_found()
        } else {
            Reply::new(200, body).header("content-type", content_type)
        }
    })
}

#[test]
fn a_failure_in_plain_text_is_kept_as_it_came() {
    let body = "Model server error: caf\u{e9}\n\u{0}".as_bytes();
    let server = failing(body, "text/plain; charset=utf-8");
    let session = session_at(&server.url());
    // Whatever type was requested.
    let response = AsyncInferenceResponse::new(
        &predictor(&session).with_deserializer(Json::default()),
        uri(OUTPUT),
        Some(uri(FAILURE)),
    )
    .expect("valid locations");
    for _ in 0..2 {
        match response.get_result::<Vec<i32>>(&WaiterConfig::default()) {
            Err(Error::Model(failure)) => {
                assert_eq!(failure.bytes(), body);
                assert_eq!(failure.text().as_bytes(), body);
                assert_eq!(failure.content_type(), Some("text/plain; charset=utf-8"));
                assert_eq!(failure.output_path(), Some(&uri(OUTPUT)));
                assert_eq!(failure.failure_path(), Some(&uri(FAILURE)));
                assert_eq!(failure.endpoint_name(), "my-endpoint");
            }
            other => panic!("{other:?}"),
        }
    }
    // Output, failure, output once more, and nothing for the second call.
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_failure_that_is_no_text_or_empty_is_a_failure_too() {
    for body in [&b"\xff\xfe\x00"[..], b""] {
        let server = failing(body, "application/octet-stream");
        let session = session_at(&server.url());
        match response(&session).try_get_result::<Vec<u8>>() {
            Err(Error::Model(failure)) => assert_eq!(failure.bytes(), body),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn without_a_failure_location_only_the_output_is_polled() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let session = session_in(&server.url(), ManualClock::new());
    let response = AsyncInferenceResponse::new(&predictor(&session), uri(OUTPUT), None)
        .expect("valid locations");
    let timeout = timed_out(response.get_result(&waiter(|w| w.max_attempts(3))));
    assert!(server.seen().iter().all(is_output));
    assert_eq!(server.seen().len(), 3);
    assert!(
        format!("{timeout:#}").contains("no S3FailurePath"),
        "{timeout}"
    );
}

#[test]
fn a_result_is_cached_and_not_requested_again() {
    let server = Verifier::with_replies(Rules::new(), [Reply::new(200, "[1, 2]")]);
    let session = session_at(&server.url());
    let response = response(&session);
    for _ in 0..2 {
        let result: Vec<u8> = response
            .get_result(&WaiterConfig::default())
            .expect("a result");
        assert_eq!(result, b"[1, 2]");
        let again: Option<Vec<u8>> = response.try_get_result().expect("a result");
        assert_eq!(again.as_deref(), Some(&b"[1, 2]"[..]));
    }
    let response = response.with_deserializer(Json::default());
    let numbers: Vec<i32> = response
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(numbers, [1, 2]);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_result_that_cannot_be_decoded_is_cached_for_another_deserializer() {
    let server = Verifier::with_replies(
        Rules::new(),
        [Reply::new(200, "plain words").header("content-type", "text/plain")],
    );
    let session = session_at(&server.url());
    let response = response(&session).with_deserializer(Json::default());
    let outcome = response.get_result::<Vec<i32>>(&WaiterConfig::default());
    match outcome {
        Err(Error::Codec(error)) => assert_eq!(error.content_type(), Some("text/plain")),
        other => panic!("{other:?}"),
    }
    let text: String = response
        .with_deserializer(Text::default())
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(text, "plain words");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_timed_out_wait_can_be_resumed() {
    let replies = [not_found(), not_found(), Reply::new(200, "late")];
    let server = Verifier::with_replies(Rules::new(), replies);
    let session = session_in(&server.url(), ManualClock::new());
    let response = response(&session);
    timed_out(response.get_result(&waiter(|w| w.max_attempts(1))));
    let result: Vec<u8> = response
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(result, b"late");
}

#[test]
fn one_poll_finds_nothing_then_the_result() {
    let replies = [not_found(), not_found(), Reply::new(200, "result")];
    let server = Verifier::with_replies(Rules::new(), replies);
    let clock = ManualClock::new();
    let session = session_in(&server.url(), clock.clone());
    let response = response(&session);
    assert!(matches!(response.try_get_result::<Vec<u8>>(), Ok(None)));
    let found: Option<Vec<u8>> = response.try_get_result().expect("a look");
    assert_eq!(found.as_deref(), Some(&b"result"[..]));
    assert_eq!(clock.slept(), Duration::ZERO);
}

#[test]
fn progress_reports_each_poll_and_can_stop_the_wait() {
    let polls = Polls::start(Duration::ZERO);
    let reported = Arc::new(Mutex::new(Vec::new()));
    let telling = reported.clone();
    let waiter = waiter(|w| {
        w.progress(move |wait| {
            assert_eq!(wait.output_path(), &uri(OUTPUT));
            telling.lock().expect("a list").push((
                wait.attempts(),
                wait.max_attempts(),
                wait.elapsed(),
                wait.next_poll_in(),
            ));
            if wait.attempts() < 3 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
    });
    let session = session_in(&polls.server.url(), polls.clock.clone());
    match response(&session).get_result::<Vec<u8>>(&waiter) {
        Err(Error::WaitStopped(stop)) => {
            assert_eq!(stop.reason(), WaitStopReason::Progress);
            assert_eq!((stop.attempts(), stop.elapsed()), (3, seconds(30)));
            assert_eq!(stop.output_path(), &uri(OUTPUT));
        }
        other => panic!("{other:?}"),
    }
    let next = Some(seconds(15));
    assert_eq!(
        *reported.lock().expect("a list"),
        [
            (1, 60, seconds(0), next),
            (2, 60, seconds(15), next),
            (3, 60, seconds(30), next)
        ]
    );
}

#[test]
fn after_the_last_poll_progress_reports_that_none_follows() {
    let polls = Polls::start(Duration::ZERO);
    let last = Arc::new(Mutex::new(Some(seconds(99))));
    let telling = last.clone();
    polls.wait(&waiter(|w| {
        w.max_attempts(2).progress(move |wait| {
            *telling.lock().expect("a time") = wait.next_poll_in();
            ControlFlow::Continue(())
        })
    }));
    assert_eq!(*last.lock().expect("a time"), None);
}

#[test]
fn a_cancel_token_wakes_a_wait_from_another_thread() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let response = response(&session_at(&server.url()));
    let cancel = CancelToken::new();
    let hour = seconds(3600);
    let waiter = waiter(|w| w.delay(hour).deadline(2 * hour).cancel(cancel.clone()));
    let canceller = cancel;
    let cancelled_at = std::thread::spawn(move || {
        SystemClock.sleep(Duration::from_millis(100));
        canceller.cancel();
        SystemClock.monotonic()
    });
    match response.get_result::<Vec<u8>>(&waiter) {
        Err(Error::WaitStopped(stop)) => assert_eq!(stop.reason(), WaitStopReason::Cancelled),
        other => panic!("{other:?}"),
    }
    let woke = SystemClock.monotonic();
    let after = woke.saturating_sub(cancelled_at.join().expect("a time"));
    // Not cancelled, it would sleep for an hour.
    assert!(after < HANG, "{after:?}");
}

#[test]
fn a_cancel_token_wakes_the_pause_before_a_retry_too() {
    let server = Verifier::start(Rules::new(), |_| {
        s3_error(503, "SlowDown", "Please reduce your request rate.").header("retry-after", "15")
    });
    let response = response(&session_at(&server.url()));
    let cancel = CancelToken::new();
    let (waiter, canceller) = (waiter(|w| w.cancel(cancel.clone())), cancel);
    std::thread::spawn(move || {
        SystemClock.sleep(Duration::from_millis(100));
        canceller.cancel();
    });
    let started = SystemClock.monotonic();
    match response.get_result::<Vec<u8>>(&waiter) {
        Err(Error::WaitStopped(stop)) => assert_eq!(stop.reason(), WaitStopReason::Cancelled),
        other => panic!("{other:?}"),
    }
    let took = SystemClock.monotonic().saturating_sub(started);
    // The server asks for a pause of 15 s.
    assert!(took < seconds(10), "{took:?}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_wait_that_is_cancelled_beforehand_sends_no_request() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let cancel = CancelToken::new();
    cancel.cancel();
    let outcome = response(&session_at(&server.url()))
        .get_result::<Vec<u8>>(&waiter(|w| w.initial_delay(seconds(3600)).cancel(cancel)));
    assert!(matches!(outcome, Err(Error::WaitStopped(_))), "{outcome:?}");
    assert_eq!(server.seen().len(), 0);
}

/// As a bucket of failures that a network policy drops packets to.
#[cfg(feature = "local")]
#[test]
fn a_failure_that_cannot_be_reached_does_not_hold_up_the_polls_of_the_output() {
    use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
    use sagemaker_async_inference::session::{RetryConfig, Timeouts};

    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let failures = Fault::on(Operation::GetObject).key_contains("failures");
    endpoint.fault(failures.always().hang());
    let timeouts = Timeouts::default().with_read(Duration::from_millis(300));
    let session = endpoint.session_builder().timeouts(timeouts);
    let session = session.retry(RetryConfig::off()).build();
    let predictor = predictor(&session.expect("a session"));
    let at = |key: &str| format!("s3://{}/{key}", endpoint.bucket());
    let response = AsyncInferenceResponse::new(&predictor, at("1.out"), Some(at("failures/1")));
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_millis(10))
        .max_attempts(60)
        .build();
    let outcome = response
        .expect("valid locations")
        .get_result::<Vec<u8>>(&waiter.expect("a wait"));
    let timeout = timed_out(outcome);
    assert!(timeout.observed().not_found > 50, "{timeout:?}");
    assert!(timeout.observed().failed >= 1, "{timeout:?}");
}
