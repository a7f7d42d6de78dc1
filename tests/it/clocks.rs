//! Clocks that are wrong, are corrected, and jump.

use crate::support;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sagemaker_async_inference::credentials::Credentials;
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::session::Service;
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Bytes, InferenceHandle, Session, SessionBuilder,
    WaiterConfig,
};
use serde_json::json;
use support::client::{accepted, predictor, refused, sys, uri};
use support::verifier::{Rules, Verifier};
use support::wait::{timed_out, waiter};

/// A clock whose wall time the test sets; its monotonic time advances evenly.
#[derive(Debug, Clone)]
struct SetClock {
    even: ManualClock,
    /// Seconds from the true time.
    off_by: Arc<AtomicI64>,
    /// Each sleep sets the wall clock this many seconds ahead or back, in turns.
    jump: i64,
    /// The next sleep takes this many seconds longer than requested.
    oversleep: Arc<AtomicU64>,
}

impl SetClock {
    fn new(off_by: i64) -> Self {
        Self {
            even: ManualClock::new(),
            off_by: Arc::new(AtomicI64::new(off_by)),
            jump: 0,
            oversleep: Arc::default(),
        }
    }

    fn set(&self, off_by: i64) {
        self.off_by.store(off_by, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> SystemTime {
        let off_by = self.off_by.load(Ordering::SeqCst);
        let distance = Duration::from_secs(off_by.unsigned_abs());
        if off_by < 0 {
            SystemClock.now() - distance
        } else {
            SystemClock.now() + distance
        }
    }

    fn monotonic(&self) -> Duration {
        self.even.monotonic()
    }

    fn sleep(&self, duration: Duration) {
        let longer = self.oversleep.swap(0, Ordering::SeqCst);
        self.even.sleep(duration + Duration::from_secs(longer));
        if self.jump != 0 && !duration.is_zero() {
            let ahead = self.off_by.load(Ordering::SeqCst) > 0;
            self.set(if ahead { -self.jump } else { self.jump });
        }
    }
}

const HOUR: i64 = 3600;

/// All services at the endpoint, which has the true time.
fn builder(endpoint: &LocalEndpoint, clock: &SetClock) -> SessionBuilder {
    let (key, secret) = (endpoint.access_key(), endpoint.secret_key());
    Session::builder()
        .region(endpoint.region())
        .credentials(Credentials::new(key, secret, None, None, "test"))
        .endpoint_url(endpoint.url())
        .sys(sys().with_clock(clock.clone()))
}

/// Those of a server that takes the endpoint's key pair, by the true time.
fn rules(endpoint: &LocalEndpoint) -> Rules {
    Rules {
        access_key: endpoint.access_key().to_owned(),
        secret_key: endpoint.secret_key().to_owned(),
        regions: vec![endpoint.region().to_owned()],
        ..Rules::new()
    }
}

fn poll(session: &Session, endpoint: &LocalEndpoint) -> usize {
    endpoint.clear_requests();
    let found = response(session, endpoint).try_get_result::<Vec<u8>>();
    assert!(matches!(found, Ok(None)), "{found:?}");
    endpoint.requests().len()
}

fn response(session: &Session, endpoint: &LocalEndpoint) -> AsyncInferenceResponse<Bytes> {
    AsyncInferenceResponse::new(
        &predictor(session),
        uri(&format!("s3://{}/out", endpoint.bucket())),
        None,
    )
    .expect("valid locations")
}

#[test]
fn an_offset_is_unlearned_when_the_clock_is_set_right() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let clock = SetClock::new(HOUR);
    let session = builder(&endpoint, &clock).build().expect("a session");
    assert_eq!(poll(&session, &endpoint), 2, "refused, and learned from it");
    assert_eq!(poll(&session, &endpoint), 1);
    clock.set(0);
    assert_eq!(poll(&session, &endpoint), 2, "refused, and unlearned");
    assert_eq!(poll(&session, &endpoint), 1);
    clock.set(-HOUR);
    assert_eq!(poll(&session, &endpoint), 2);
}

#[test]
fn a_clock_offset_is_suspected_without_a_server_time() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let runtime = Verifier::start(rules(&endpoint), |_| accepted("s3://my-bucket/out"));
    let clock = SetClock::new(HOUR);
    let session = builder(&endpoint, &clock)
        .endpoint_url_for(Service::SageMakerRuntime, runtime.url())
        .build()
        .expect("a session");
    poll(&session, &endpoint);
    clock.set(0);
    let _ = predictor(&session).predict_async("x").expect("a submit");
    let verified: Vec<_> = runtime
        .seen()
        .iter()
        .map(|seen| seen.verified.is_ok())
        .collect();
    assert_eq!(verified, [false, true]);
    assert_eq!(poll(&session, &endpoint), 1);
}

#[test]
fn a_clock_correction_that_does_not_help_is_undone() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    // A proxy with a clock of its own, say: it refuses whatever the time.
    let runtime = Verifier::start(rules(&endpoint), |_| {
        refused(403, "InvalidSignatureException", "Signature expired")
            .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
    });
    let session = builder(&endpoint, &SetClock::new(0))
        .endpoint_url_for(Service::SageMakerRuntime, runtime.url())
        .build()
        .expect("a session");
    assert!(predictor(&session).predict_async("x").is_err());
    assert_eq!(runtime.seen().len(), 2);
    assert_eq!(
        poll(&session, &endpoint),
        1,
        "S3 is asked with the right time"
    );
}

#[test]
fn a_wall_clock_that_jumps_affects_no_wait() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let endpoint = Arc::new(endpoint);
    let clock = SetClock {
        jump: 2 * HOUR,
        ..SetClock::new(0)
    };
    let session = builder(&endpoint, &clock).build().expect("a session");
    let stored = endpoint.clone();
    let wait = waiter(|w| {
        w.deadline(Duration::from_mins(10)).progress(move |wait| {
            assert_eq!(wait.observed().not_found, wait.attempts(), "no poll failed");
            if wait.attempts() == 6 {
                stored.put_object(stored.bucket(), "out", "result");
            }
            ControlFlow::Continue(())
        })
    });
    let result: Vec<u8> = response(&session, &endpoint)
        .get_result(&wait)
        .expect("a result");
    assert_eq!(result, b"result");
    assert_eq!(clock.even.slept(), Duration::from_secs(6 * 15));
}

#[test]
fn a_wait_that_wakes_after_its_deadline_polls_once_more() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let clock = SetClock::new(0);
    let session = builder(&endpoint, &clock).build().expect("a session");
    let wait = waiter(|w| w.deadline(Duration::from_mins(10)));

    // The machine is suspended for the night, and the result appears meanwhile.
    clock.oversleep.store(8 * 3600, Ordering::SeqCst);
    let response = response(&session, &endpoint);
    let timeout = timed_out(response.get_result(&wait));
    assert_eq!(timeout.attempts(), 2);
    assert_eq!(timeout.observed().not_found, 2);

    clock.oversleep.store(8 * 3600, Ordering::SeqCst);
    let (stored, bucket) = (&endpoint, endpoint.bucket());
    stored.put_object(bucket, "out", "result");
    let late = waiter(|w| {
        w.deadline(Duration::from_mins(10))
            .initial_delay(Duration::from_secs(1))
    });
    let result: Vec<u8> = response.get_result(&late).expect("a result");
    assert_eq!(result, b"result");
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.expect("a time").as_millis()).expect("a number")
}

/// The adaptive wait for an inference that was submitted this long ago, during which the wall clock is set at the first
/// poll, and the result appears before the poll of this number. Returns how long it slept.
fn adaptive_wait(
    (session, endpoint, clock): (&Session, &Arc<LocalEndpoint>, &SetClock),
    age: Duration,
    off_by: i64,
    polls: u32,
) -> Duration {
    let before = clock.even.slept();
    let key = format!("out-{off_by}-{polls}");
    let submitted = clock.now() - age;
    let handle = json!({
        "version": 1,
        "endpoint_name": endpoint.name(),
        "output_path": format!("s3://{}/{key}", endpoint.bucket()),
        "submitted_at": milliseconds(submitted),
    });
    let handle: InferenceHandle = handle.to_string().parse().expect("a handle");
    let (stored, set) = (endpoint.clone(), clock.clone());
    let wait = WaiterConfig::builder().adaptive().progress(move |wait| {
        if wait.attempts() == 1 {
            set.set(off_by);
        }
        if wait.attempts() + 1 == polls {
            stored.put_object(stored.bucket(), &key, "result");
        }
        ControlFlow::Continue(())
    });
    let wait = wait
        .deadline(Duration::from_mins(15))
        .build()
        .expect("a wait");
    let result: Vec<u8> = predictor(session)
        .resume(handle)
        .get_result(&wait)
        .expect("a result");
    assert_eq!(result, b"result");
    clock.even.slept().saturating_sub(before)
}

#[test]
fn a_wall_clock_that_jumps_spoils_no_adaptive_wait() {
    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let endpoint = Arc::new(endpoint);
    let clock = SetClock::new(0);
    let session = builder(&endpoint, &clock).build().expect("a session");
    let here = (&session, &endpoint, &clock);
    let minute = Duration::from_mins(1);

    // An inference of seconds is not one of hours after it: the next wait does not sleep for most of these.
    let first = adaptive_wait(here, Duration::ZERO, 10 * HOUR, 4);
    let second = adaptive_wait(here, Duration::ZERO, 10 * HOUR, 3);
    assert!(first < minute && second < minute, "{first:?} {second:?}");

    // An inference of minutes is not a new one after it, which would be polled every 50 ms.
    let third = adaptive_wait(here, 2 * minute, -HOUR, 30);
    assert!(third > 5 * minute, "{third:?}");
}

/// Submits an inference, lets `before` happen, and waits adaptively for the output, which appears when the wait has slept
/// for `takes`. Returns how long the wait slept and how many polls it had.
fn submitted_and_waited_for(
    (session, endpoint, clock): (&Session, &Arc<LocalEndpoint>, &SetClock),
    before: impl FnOnce(),
    takes: Duration,
) -> (Duration, usize) {
    let predictor = AsyncPredictor::new(endpoint.name(), session).with_deserializer(Bytes::new());
    let response = predictor.predict_async("x").expect("a submit");
    before();
    endpoint.clear_requests();
    let began = clock.even.slept();
    let (stored, even) = (endpoint.clone(), clock.even.clone());
    let output = response.output_path().clone();
    let wait = waiter(|wait| {
        let wait = wait.adaptive().deadline(Duration::from_hours(2));
        wait.progress(move |_| {
            if even.slept().saturating_sub(began) >= takes {
                stored.put_object(output.bucket(), output.key(), "result");
            }
            ControlFlow::Continue(())
        })
    });
    let result: Vec<u8> = response.get_result(&wait).expect("a result");
    assert_eq!(result, b"result");
    let polls = endpoint.requests().len();
    (clock.even.slept().saturating_sub(began), polls)
}

/// An endpoint that processes nothing, and a session in a clock of the test's.
fn idle() -> (Arc<LocalEndpoint>, SetClock, Session) {
    let endpoint = LocalEndpoint::builder().instances(0).start();
    let endpoint = Arc::new(endpoint.expect("an endpoint"));
    let clock = SetClock::new(0);
    let session = builder(&endpoint, &clock).build().expect("a session");
    (endpoint, clock, session)
}

#[test]
fn a_wall_clock_that_is_set_between_submit_and_wait_changes_no_age() {
    let second = Duration::from_secs(1);
    let minute = Duration::from_mins(1);
    for off_by in [10 * HOUR, -10 * HOUR] {
        let (endpoint, clock, session) = idle();
        let here = (&session, &endpoint, &clock);
        // Found as soon as at any other time, and so is the one after it.
        for off_by in [off_by, 0] {
            let (slept, _) = submitted_and_waited_for(here, || clock.set(off_by), second);
            assert!(slept < 2 * second, "{off_by} {slept:?}");
        }
        // One that is old is not polled as if it were new.
        let set = || {
            clock.even.sleep(30 * minute);
            clock.set(off_by);
        };
        let (slept, polls) = submitted_and_waited_for(here, set, 5 * minute);
        assert!(slept < 6 * minute, "{off_by} {slept:?}");
        assert!(polls <= 2 * 25, "{off_by} {polls}");
    }
}

/// The first inference waited for an instance, or its handle came from a machine whose clock was wrong: the next ones
/// are found a minute late at most.
#[test]
fn an_inference_that_took_long_holds_up_no_later_one() {
    let second = Duration::from_secs(1);
    let (endpoint, clock, session) = idle();
    let here = (&session, &endpoint, &clock);
    let (slept, _) = submitted_and_waited_for(here, || (), Duration::from_mins(20));
    assert!(slept >= Duration::from_mins(20));
    let (slept, polls) = submitted_and_waited_for(here, || (), second);
    assert!(slept <= Duration::from_mins(2), "{slept:?}");
    assert!(polls < 10, "{polls}");

    for age in [1_000_000, 50 * 365 * 24 * 3600] {
        let (endpoint, clock, session) = idle();
        let here = (&session, &endpoint, &clock);
        adaptive_wait(here, Duration::from_secs(age), 0, 3);
        let (slept, _) = submitted_and_waited_for(here, || (), second);
        assert!(slept <= Duration::from_mins(2), "{age} {slept:?}");
    }
}

/// A handle from the future, as from a machine whose clock is ahead.
#[test]
fn a_submit_in_the_future_is_polled_as_a_new_one() {
    let (endpoint, clock, session) = idle();
    let submitted = SystemClock.now() + Duration::from_hours(1000);
    let handle = json!({
        "version": 1,
        "endpoint_name": endpoint.name(),
        "output_path": format!("s3://{}/out", endpoint.bucket()),
        "submitted_at": milliseconds(submitted),
    });
    let handle: InferenceHandle = handle.to_string().parse().expect("a handle");
    let response = predictor(&session).resume(handle);
    let timeout = timed_out(response.get_result(&WaiterConfig::adaptive()));
    assert!(
        (90..=160).contains(&timeout.attempts()),
        "{}",
        timeout.attempts()
    );
    assert_eq!(clock.even.slept(), Duration::from_secs(898));
}
