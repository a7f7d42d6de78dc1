//! The wait for a result: what is looked at and when, and everything that can end it.

mod support;

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::{
    AccessDenied, AsyncInferenceResponse, Bytes, CancelToken, Error, Json, PollingTimeout,
    RetryConfig, Session, Text, Timeouts, WaitStopReason, WaiterConfig, WaiterConfigBuilder,
    sys::{Clock, ManualClock, SystemClock},
};
use support::{
    client::{
        builder, denied, is_list, not_found, predictor, s3_error, session_at, session_in, sys, uri,
    },
    raw::{self, Raw},
    verifier::{Reply, Rules, Seen, Verifier},
};

const OUTPUT: &str = "s3://out-bucket/out/1.out";
const FAILURE: &str = "s3://out-bucket/failures/1.error";

fn is_output(seen: &Seen) -> bool {
    seen.path == "/out-bucket/out/1.out"
}

fn response(session: &Session) -> AsyncInferenceResponse<Bytes> {
    predictor(session).response(uri(OUTPUT), Some(uri(FAILURE)))
}

fn waiter(change: impl FnOnce(WaiterConfigBuilder) -> WaiterConfigBuilder) -> WaiterConfig {
    change(WaiterConfig::builder()).build().expect("a wait")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn timed_out(outcome: Result<Vec<u8>, Error>) -> Box<PollingTimeout> {
    match outcome {
        Err(Error::PollingTimeout(timeout)) => timeout,
        other => panic!("{other:?}"),
    }
}

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

    fn wait(&self, waiter: &WaiterConfig) -> Box<PollingTimeout> {
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
    let text = timeout.to_string();
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
    // The last look is made just before the deadline.
    assert_eq!(times.len(), 8);
    assert!(
        (seconds(95)..=seconds(100)).contains(&times[7]),
        "{times:?}"
    );
    assert_eq!(timeout.attempts(), 8);
    assert!(polls.clock.slept() <= seconds(100));
}

#[test]
fn one_attempt_is_one_look_and_no_sleep() {
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
fn the_output_is_looked_at_first_and_counts_where_both_are() {
    let looks = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        let mut looks = looks.lock().expect("a count");
        *looks += 1;
        match *looks {
            1..=3 => not_found(),
            // The failure object is found, and the output came in the meantime.
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
    // Whatever the result would be read as.
    let response = predictor(&session)
        .with_deserializer(Json::default())
        .response(uri(OUTPUT), Some(uri(FAILURE)));
    for _ in 0..2 {
        match response.get_result::<Vec<i32>>(&WaiterConfig::default()) {
            Err(Error::Model(failure)) => {
                assert_eq!(failure.bytes(), body);
                assert_eq!(failure.text().as_bytes(), body);
                assert_eq!(failure.content_type(), Some("text/plain; charset=utf-8"));
                assert_eq!(failure.output_path(), &uri(OUTPUT));
                assert_eq!(failure.failure_path(), &uri(FAILURE));
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
fn without_a_failure_location_only_the_output_is_looked_at() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let session = session_in(&server.url(), ManualClock::new());
    let response = predictor(&session).response(uri(OUTPUT), None);
    let timeout = timed_out(response.get_result(&waiter(|w| w.max_attempts(3))));
    assert!(server.seen().iter().all(is_output));
    assert_eq!(server.seen().len(), 3);
    assert!(
        timeout.to_string().contains("no S3FailurePath"),
        "{timeout}"
    );
}

#[test]
fn a_result_is_kept_and_nobody_is_asked_again() {
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
fn a_result_that_cannot_be_read_is_kept_for_another_deserializer() {
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
fn a_timed_out_wait_can_be_taken_up_again() {
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
fn one_look_finds_nothing_then_the_result() {
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

/// 403 for every object until there have been `polls` looks at the output; `may_list` answers the probe.
fn without_list(polls: usize, may_list: bool) -> Verifier {
    let looks = Mutex::new(0);
    Verifier::start(Rules::new(), move |seen| {
        if is_list(seen) {
            return if may_list {
                Reply::new(200, "<ListBucketResult></ListBucketResult>")
            } else {
                denied()
            };
        }
        let mut looks = looks.lock().expect("a count");
        *looks += usize::from(is_output(seen));
        if is_output(seen) && *looks > polls {
            Reply::new(200, "result")
        } else {
            denied()
        }
    })
}

fn lists(server: &Verifier) -> usize {
    server.seen().iter().filter(|seen| is_list(seen)).count()
}

#[test]
fn a_403_of_one_who_may_not_list_means_not_there_yet() {
    let server = without_list(3, false);
    let clock = ManualClock::new();
    let session = session_in(&server.url(), clock.clone());
    let result: Vec<u8> = response(&session)
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(result, b"result");
    assert_eq!(clock.slept(), seconds(45));
    assert_eq!(lists(&server), 1);
}

#[test]
fn a_403_of_one_who_may_list_is_final() {
    let server = without_list(3, true);
    let clock = ManualClock::new();
    let session = session_in(&server.url(), clock.clone());
    let error = response(&session)
        .get_result::<Vec<u8>>(&WaiterConfig::default())
        .expect_err("a refusal");
    assert!(error.is_service_code("AccessDenied"), "{error:?}");
    assert!(error.to_string().contains("s3:GetObject"), "{error}");
    assert_eq!(clock.slept(), Duration::ZERO);
    let look = response(&session).try_get_result::<Vec<u8>>();
    assert!(matches!(look, Err(Error::Service(_))), "{look:?}");
}

#[test]
fn a_403_to_the_end_is_a_timeout_that_names_the_grant() {
    let server = without_list(usize::MAX, false);
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(5))));
    let observed = timeout.observed();
    assert_eq!(
        (observed.access_denied, observed.not_found, observed.failed),
        (5, 0, 0)
    );
    let text = timeout.to_string();
    for part in [
        "5 denied",
        "s3:GetObject on arn:aws:s3:::out-bucket/*",
        "s3:ListBucket on arn:aws:s3:::out-bucket",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(
        timeout
            .last_answer()
            .is_some_and(|last| last.contains("AccessDenied"))
    );
    assert_eq!(lists(&server), 1);
    assert!(matches!(
        response(&session).try_get_result::<Vec<u8>>(),
        Ok(None)
    ));
}

#[test]
fn the_waiters_policy_says_what_a_403_means() {
    let server = without_list(3, true);
    let session = session_in(&server.url(), ManualClock::new());
    let pending = waiter(|w| w.access_denied(AccessDenied::Pending));
    let result: Vec<u8> = response(&session).get_result(&pending).expect("a result");
    assert_eq!(result, b"result");
    assert_eq!(lists(&server), 0);

    let server = without_list(3, false);
    let session = session_in(&server.url(), ManualClock::new());
    let fail = waiter(|w| w.access_denied(AccessDenied::Fail));
    let outcome = response(&session).get_result::<Vec<u8>>(&fail);
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(lists(&server), 0);
}

#[test]
fn a_probe_that_fails_is_made_again() {
    let probes = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        if !is_list(seen) {
            return denied();
        }
        let mut probes = probes.lock().expect("a count");
        *probes += 1;
        if *probes == 1 {
            s3_error(400, "Odd", "?")
        } else {
            Reply::new(200, "<ListBucketResult></ListBucketResult>")
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let outcome = response(&session).get_result::<Vec<u8>>(&WaiterConfig::default());
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(lists(&server), 2);
}

#[test]
fn a_failure_object_that_may_not_be_read_is_told_and_the_wait_goes_on() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_output(seen) {
            not_found()
        } else {
            denied()
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(4))));
    let text = timeout.to_string();
    assert_eq!(
        timeout.observed().not_found + timeout.observed().access_denied,
        4
    );
    assert!(
        text.contains(FAILURE) && text.contains("s3:GetObject"),
        "{text}"
    );
    assert!(matches!(
        response(&session).try_get_result::<Vec<u8>>(),
        Ok(None)
    ));
    let fail = waiter(|w| w.access_denied(AccessDenied::Fail));
    let outcome = response(&session).get_result::<Vec<u8>>(&fail);
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
}

#[test]
fn a_timeout_names_the_grants_for_both_buckets() {
    let server = Verifier::start(Rules::new(), |_| denied());
    let session = session_in(&server.url(), ManualClock::new());
    let response = predictor(&session).response(uri(OUTPUT), Some(uri("s3://failures/1.error")));
    let timeout = timed_out(response.get_result(&waiter(|w| w.max_attempts(2))));
    for bucket in ["out-bucket", "failures"] {
        let grant = format!("s3:ListBucket on arn:aws:s3:::{bucket}");
        assert!(timeout.remedy().contains(&grant), "{timeout}");
    }
}

#[test]
fn troubles_on_the_way_are_counted_and_the_wait_goes_on() {
    let looks = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        if !is_output(seen) {
            return not_found();
        }
        let mut looks = looks.lock().expect("a count");
        *looks += 1;
        match *looks {
            1 => s3_error(500, "InternalError", "?"),
            2 => Reply::hang_up(),
            3 => s3_error(503, "SlowDown", "Please reduce your request rate."),
            4 => Reply::new(502, "<html>a proxy's page</html>"),
            5 => not_found(),
            _ => Reply::new(200, "result"),
        }
    });
    let observed = Arc::new(Mutex::new(None));
    let last = observed.clone();
    let session = builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session");
    let result: Vec<u8> = response(&session)
        .get_result(&waiter(|w| {
            w.progress(move |wait| {
                *last.lock().expect("counts") = Some(wait.observed().clone());
                ControlFlow::Continue(())
            })
        }))
        .expect("a result");
    assert_eq!(result, b"result");
    let observed = observed.lock().expect("counts").clone().expect("a call");
    assert_eq!((observed.failed, observed.not_found), (4, 1));
}

#[test]
fn a_server_that_is_gone_is_waited_for_to_the_end() {
    let session = session_in(&raw::nobody(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(5))));
    assert_eq!(timeout.observed().failed, 5);
    assert!(
        timeout
            .last_answer()
            .is_some_and(|last| last.contains("no connection"))
    );
}

#[test]
fn progress_tells_each_poll_and_can_stop_the_wait() {
    let polls = Polls::start(Duration::ZERO);
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
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
        *told.lock().expect("a list"),
        [
            (1, 60, seconds(0), next),
            (2, 60, seconds(15), next),
            (3, 60, seconds(30), next)
        ]
    );
}

#[test]
fn after_the_last_poll_progress_is_told_that_none_follows() {
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
    let (waiter, canceller) = (waiter(|w| w.cancel(cancel.clone())), cancel);
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
    // 100 ms are promised; the rest is the scheduler's on a busy machine.
    assert!(after < Duration::from_millis(600), "{after:?}");
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
    assert!(took < seconds(1), "{took:?}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_wait_that_is_cancelled_beforehand_asks_nobody() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let cancel = CancelToken::new();
    cancel.cancel();
    let outcome = response(&session_at(&server.url()))
        .get_result::<Vec<u8>>(&waiter(|w| w.initial_delay(seconds(3600)).cancel(cancel)));
    assert!(matches!(outcome, Err(Error::WaitStopped(_))), "{outcome:?}");
    assert_eq!(server.seen().len(), 0);
}

/// The wait's real time, under a deadline of 300 ms.
fn wait_under_a_deadline(server: &Raw) -> (Box<PollingTimeout>, Duration) {
    let session = session_at(&server.url());
    let waiter = waiter(|w| w.deadline(Duration::from_millis(300)));
    let started = SystemClock.monotonic();
    let timeout = timed_out(response(&session).get_result(&waiter));
    (timeout, SystemClock.monotonic().saturating_sub(started))
}

#[test]
fn a_deadline_holds_when_the_server_accepts_and_never_answers() {
    let server = Raw::start(|stream| {
        SystemClock.sleep(seconds(5));
        drop(stream);
        Ok(())
    });
    let (timeout, took) = wait_under_a_deadline(&server);
    assert!(took < seconds(1), "{took:?}");
    assert_eq!(timeout.observed().failed, timeout.attempts());
}

fn drip(mut stream: std::net::TcpStream, start: &str) -> std::io::Result<()> {
    raw::read_head(&stream)?;
    stream.write_all(start.as_bytes())?;
    for _ in 0..500 {
        stream.write_all(b"a")?;
        SystemClock.sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn a_deadline_holds_when_headers_come_byte_by_byte() {
    let server = Raw::start(|stream| drip(stream, "HTTP/1.1 200 OK\r\nx-long: "));
    let (_, took) = wait_under_a_deadline(&server);
    assert!(took < seconds(1), "{took:?}");
}

#[test]
fn a_deadline_holds_when_the_body_comes_byte_by_byte() {
    let waits = ["200 OK", "404 Not Found", "500 Oh"].map(|status| {
        std::thread::spawn(move || {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 100000\r\n\r\n");
            let server = Raw::start(move |stream| drip(stream, &head));
            wait_under_a_deadline(&server).1
        })
    });
    for wait in waits {
        let took = wait.join().expect("no panic");
        assert!(took < seconds(1), "{took:?}");
    }
}

#[test]
fn a_body_that_ends_too_soon_is_a_failed_poll_and_never_a_short_result() {
    let server = Raw::start(|mut stream| {
        raw::read_head(&stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(2))));
    assert_eq!(timeout.observed().failed, 2);
}

#[test]
fn a_server_that_reads_and_never_answers_is_left_after_the_read_timeout() {
    let server = Raw::start(|stream| {
        SystemClock.sleep(seconds(5));
        drop(stream);
        Ok(())
    });
    let session = builder()
        .endpoint_url(server.url())
        .timeouts(Timeouts::default().with_read(Duration::from_millis(100)))
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    let started = SystemClock.monotonic();
    let outcome = response(&session).try_get_result::<Vec<u8>>();
    let took = SystemClock.monotonic().saturating_sub(started);
    assert!(matches!(outcome, Err(Error::Transport(_))), "{outcome:?}");
    assert!(took < seconds(1), "{took:?}");
}

/// Answers for a bucket in eu-west-1.
fn elsewhere(wrong: impl Fn() -> Reply + Send + Sync + 'static) -> Verifier {
    let rules = Rules {
        regions: vec!["us-east-1".to_owned(), "eu-west-1".to_owned()],
        ..Rules::new()
    };
    Verifier::start(rules, move |seen| {
        let scope = seen.header("authorization").unwrap_or_default();
        if scope.contains("/eu-west-1/s3/") {
            if is_output(seen) {
                Reply::new(200, "result")
            } else {
                not_found()
            }
        } else {
            wrong()
        }
    })
}

#[test]
fn a_bucket_in_another_region_costs_one_request_more_and_is_remembered() {
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region \
                     'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>";
    let answers = [
        s3_error(301, "PermanentRedirect", "elsewhere").header("x-amz-bucket-region", "eu-west-1"),
        s3_error(307, "TemporaryRedirect", "elsewhere")
            .header("x-amz-bucket-region", "eu-west-1")
            .header("location", "http://192.0.2.1/elsewhere"),
        Reply::new(400, malformed),
        Reply::new(400, "").header("x-amz-bucket-region", "eu-west-1"),
    ];
    for answer in answers {
        let server = elsewhere(move || answer.clone());
        let session = session_at(&server.url());
        for requests in [2, 3] {
            let result: Option<Vec<u8>> = response(&session)
                .try_get_result()
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(result.as_deref(), Some(&b"result"[..]));
            assert_eq!(server.seen().len(), requests);
        }
        assert!(server.seen().iter().all(|seen| seen.verified.is_ok()));
    }
}

#[test]
fn regions_that_disagree_for_ever_are_an_error_and_no_loop() {
    let server = elsewhere(|| {
        s3_error(301, "PermanentRedirect", "elsewhere").header("x-amz-bucket-region", "us-west-2")
    });
    let outcome = response(&session_at(&server.url())).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(server.seen().len(), 2);

    // What is not formed like a region goes into no host's name.
    let server = elsewhere(|| {
        s3_error(301, "PermanentRedirect", "elsewhere")
            .header("x-amz-bucket-region", "evil.example/")
    });
    let outcome = response(&session_at(&server.url())).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn redirects_are_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let other = Verifier::start(Rules::new(), |_| Reply::new(200, "somebody else's"));
        let location = format!("{}/out", other.url());
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(status, "").header("location", &location)
        });
        let session = session_at(&server.url());
        match response(&session).get_result::<Vec<u8>>(&WaiterConfig::default()) {
            Err(Error::Service(fault)) => assert_eq!(fault.status(), status),
            other => panic!("{other:?}"),
        }
        assert_eq!(server.seen().len(), 1);
        assert_eq!(other.seen().len(), 0);
    }
}

#[test]
fn stored_bytes_come_as_they_are_stored() {
    let bytes = b"\x1f\x8b\x08\x00not really gzip";
    let server = Verifier::start(Rules::new(), |_| {
        Reply::new(200, *bytes)
            .header("content-encoding", "gzip")
            .header("content-type", "application/json")
    });
    let result: Vec<u8> = response(&session_at(&server.url()))
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(result, bytes);
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn a_huge_error_is_cut() {
    let server = Verifier::start(Rules::new(), |_| {
        s3_error(400, "Odd", &"x".repeat(10_000_000))
    });
    let error = response(&session_at(&server.url()))
        .try_get_result::<Vec<u8>>()
        .expect_err("a refusal");
    assert!(format!("{error}{error:?}").len() < 10_000);

    let server = Verifier::start(Rules::new(), |_| s3_error(400, "Odd", &"x".repeat(10_000)));
    let error = response(&session_at(&server.url()))
        .try_get_result::<Vec<u8>>()
        .expect_err("a refusal");
    assert!(error.is_service_code("Odd"), "{error:?}");
    assert!(error.to_string().len() < 2000);
}

#[test]
fn an_error_without_an_end_is_left() {
    let server = Raw::start(|mut stream| {
        raw::read_head(&stream)?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"400\r\n")?;
            stream.write_all(&[b'x'; 0x400])?;
            stream.write_all(b"\r\n")?;
        }
    });
    let started = SystemClock.monotonic();
    let outcome = response(&session_at(&server.url())).try_get_result::<Vec<u8>>();
    let took = SystemClock.monotonic().saturating_sub(started);
    match outcome {
        Err(Error::Service(fault)) => assert_eq!(fault.status(), 400),
        other => panic!("{other:?}"),
    }
    assert!(took < seconds(2), "{took:?}");
}

#[test]
fn a_result_longer_than_the_service_allows_is_refused_at_its_announcement() {
    let server = Raw::start(|mut stream| {
        raw::read_head(&stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000000\r\n\r\n")
    });
    let outcome =
        response(&session_at(&server.url())).get_result::<Vec<u8>>(&WaiterConfig::default());
    match outcome {
        Err(Error::Transport(error)) => {
            assert!(error.to_string().contains("too long"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn polls_share_one_connection() {
    let server = Raw::start(|mut stream| {
        loop {
            if raw::read_head(&stream)?.is_empty() {
                return Ok(());
            }
            let body = "<Error><Code>NoSuchKey</Code></Error>";
            // In one piece, or the loopback waits for an acknowledgement.
            let answer = format!(
                "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes())?;
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(20))));
    assert_eq!(timeout.observed().not_found, 20);
    assert_eq!(server.connections(), 1);
}

#[test]
fn many_threads_share_a_response() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "result"));
    let response = Arc::new(response(&session_at(&server.url())));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let response = response.clone();
            std::thread::spawn(move || response.get_result::<Vec<u8>>(&WaiterConfig::default()))
        })
        .collect();
    for thread in threads {
        let result = thread.join().expect("no panic").expect("a result");
        assert_eq!(result, b"result");
    }
}
