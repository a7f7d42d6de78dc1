//! When rounds are, in virtual time.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use sagemaker_async_inference::batch::Completed;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, Environment, ManualClock, Sys};
use sagemaker_async_inference::{AsyncPredictor, Error, Json, S3Uri, WaiterConfig, as_completed};

use super::{count, finish_all, idle_endpoint, in_folder, predictor_in, put};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An endpoint that lives in the middle of a wait of 15 minutes, which is as long as signatures last.
fn in_the_middle(clock: &ManualClock) -> LocalEndpoint {
    let middle = ManualClock::starting_at(clock.now() + seconds(442));
    idle_endpoint(|builder| builder.clock(middle))
}

#[test]
fn a_progress_callback_that_breaks_ends_without_another_pause() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let predictor = predictor_in(&endpoint, &clock);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 3);
    let waiting = as_completed(responses, &WaiterConfig::default());
    assert_eq!(waiting.progress(|_| ControlFlow::Break(())).count(), 0);
    assert_eq!(clock.slept(), Duration::ZERO);
}

#[test]
fn by_default_each_handle_has_60_polls_15_seconds_apart() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let responses = in_folder(
        &predictor_in(&endpoint, &clock),
        endpoint.bucket(),
        "out",
        30,
    );
    let all: Vec<Completed<Json>> = finish_all(responses, &WaiterConfig::default());
    assert_eq!(all.len(), 30);
    for done in all {
        let Err(Error::PollingTimeout(timeout)) = done.result::<u32>() else {
            panic!("an outcome from nowhere");
        };
        assert_eq!(timeout.attempts(), 60);
        assert_eq!(timeout.observed().not_found, 60);
        assert_eq!(timeout.elapsed(), seconds(885));
    }
    // Each round lists outputs and failures; the last polls are GETs as well.
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 120);
    assert_eq!(count(&endpoint, Operation::GetObject), 60);
}

/// With a short delay, most pages of failures would be empty.
#[test]
fn failures_are_listed_at_most_ten_times_a_second() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let predictor = predictor_in(&endpoint, &clock);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 30);
    let waiter = WaiterConfig::new(101, Duration::from_millis(10)).expect("a wait");
    let all: Vec<Completed<Json>> = finish_all(responses, &waiter);
    for done in all {
        let Err(Error::PollingTimeout(timeout)) = done.result::<u32>() else {
            panic!("an outcome from nowhere");
        };
        assert_eq!(timeout.attempts(), 101);
        assert_eq!(timeout.elapsed(), seconds(1));
    }
    // Of outputs in each round, of failures at 0, 100 and so on to 1000 ms.
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 101 + 11);
    // The last polls are of outputs and of failures.
    assert_eq!(count(&endpoint, Operation::GetObject), 60);
}

#[test]
fn a_failure_between_two_listings_is_found_by_the_next() {
    let clock = ManualClock::new();
    let endpoint = Arc::new(in_the_middle(&clock));
    let predictor = predictor_in(&endpoint, &clock);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 30);
    let failure = responses[7].failure_path().expect("a path").clone();
    let waiter = WaiterConfig::new(101, Duration::from_millis(10)).expect("a wait");
    let mut waiting = as_completed(responses, &waiter).progress({
        let endpoint = Arc::clone(&endpoint);
        move |batch| {
            if batch.elapsed() >= Duration::from_millis(20) {
                endpoint.put_object(failure.bucket(), failure.key(), "no");
            }
            ControlFlow::Continue(())
        }
    });
    let failed = waiting.next().expect("a failure");
    assert_eq!(failed.index(), 7);
    assert!(matches!(failed.result::<u32>(), Err(Error::Model(_))));
    assert_eq!(clock.slept(), Duration::from_millis(100));
}

#[test]
fn alone_a_handle_is_polled_as_by_get_result() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let responses = in_folder(
        &predictor_in(&endpoint, &clock),
        endpoint.bucket(),
        "out",
        1,
    );
    let waiter = WaiterConfig::builder()
        .initial_delay(seconds(2))
        .delay(seconds(1))
        .growing(2.0, seconds(60))
        .max_attempts(5)
        .build()
        .expect("a wait");
    let mut all: Vec<Completed<Json>> = finish_all(responses, &waiter);
    let outcome = all.pop().map(|done| done.result::<u32>());
    let Some(Err(Error::PollingTimeout(timeout))) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        (timeout.attempts(), timeout.elapsed()),
        (5, seconds(2 + 1 + 2 + 4 + 8))
    );
    assert_eq!(count(&endpoint, Operation::GetObject), 10);
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 0);
}

#[test]
fn deadlines_are_each_handles_own() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let predictor = predictor_in(&endpoint, &clock);
    let waiter = WaiterConfig::builder()
        .delay(seconds(7))
        .deadline(seconds(60))
        .max_attempts(1000)
        .build()
        .expect("a wait");
    let first = in_folder(&predictor, endpoint.bucket(), "out", 20);
    let later = in_folder(&predictor, endpoint.bucket(), "later", 20);
    let mut waiting = as_completed(first, &waiter);
    put(
        &endpoint,
        &in_folder(&predictor, endpoint.bucket(), "out", 1)[0],
        "1",
    );
    assert!(waiting.next().is_some_and(|done| done.index() == 0));
    clock.advance(seconds(30));
    for response in later {
        waiting.add(response);
    }
    for done in waiting {
        let index = done.index();
        let Err(Error::PollingTimeout(timeout)) = done.result::<u32>() else {
            panic!("an outcome from nowhere");
        };
        // The last poll is 2 s before the deadline.
        assert_eq!(timeout.elapsed(), seconds(58), "{index}");
    }
    assert_eq!(clock.slept(), seconds(88));
}

#[test]
fn handles_that_are_added_later_meet_the_others_in_their_rounds() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let predictor = predictor_in(&endpoint, &clock);
    let waiter = WaiterConfig::new(10, seconds(10)).expect("a wait");
    let mut waiting = as_completed([], &waiter);
    for response in in_folder(&predictor, endpoint.bucket(), "out", 40) {
        waiting.add(response);
        clock.advance(Duration::from_millis(100));
    }
    assert_eq!(waiting.count(), 40);
    // Ten rounds of outputs and failures, and one more where the first ones were alone.
    let lists = count(&endpoint, Operation::ListObjectsV2);
    assert!((20..=22).contains(&lists), "{lists}");
}

#[test]
fn throttled_polls_slow_down_and_end_nothing() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let responses = in_folder(
        &predictor_in(&endpoint, &clock),
        endpoint.bucket(),
        "out",
        50,
    );
    for response in &responses {
        put(&endpoint, response, "1");
    }
    endpoint.fault(Fault::on(Operation::ListObjectsV2).always().throttle());
    endpoint.fault(Fault::on(Operation::GetObject).times(40).throttle());
    let waiter = WaiterConfig::new(60, seconds(1)).expect("a wait");
    let all: Vec<Completed<Json>> = finish_all(responses, &waiter);
    assert!(all.iter().all(|done| done.result::<u32>().is_ok()));
    // Nothing is retried at once: each GET is a poll.
    assert_eq!(count(&endpoint, Operation::GetObject), 90);
    assert!(clock.slept() > seconds(2), "{:?}", clock.slept());
}

/// Puts an output once a sleep has passed its time.
#[derive(Debug)]
struct Stage {
    clock: ManualClock,
    endpoint: Arc<LocalEndpoint>,
    appears: Arc<Mutex<Option<(Duration, S3Uri)>>>,
}

impl Clock for Stage {
    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration);
        let mut appears = self.appears.lock().expect("an output");
        if let Some((_, path)) = appears.take_if(|(at, _)| *at <= self.clock.slept()) {
            self.endpoint.put_object(path.bucket(), path.key(), "1");
        }
    }
}

/// Of an endpoint that takes 40 s: how many polls the first inference takes, and the ones after it.
#[test]
fn adaptive_polls_start_where_the_endpoints_inferences_usually_end() {
    let clock = ManualClock::new();
    let endpoint = Arc::new(in_the_middle(&clock));
    let appears = Arc::new(Mutex::new(None));
    let stage = Stage {
        clock: clock.clone(),
        endpoint: endpoint.clone(),
        appears: appears.clone(),
    };
    let sys = Sys::real()
        .with_environment(Environment::empty())
        .with_clock(stage);
    let session = endpoint.session_builder().sys(sys).build();
    let predictor = AsyncPredictor::new(endpoint.name(), &session.expect("a session"));
    let mut polls = Vec::new();
    for run in 0..4 {
        let response = predictor.predict_async("x").expect("a submit");
        let submitted = clock.slept();
        let there = submitted + seconds(40);
        *appears.lock().expect("an output") = Some((there, response.output_path().clone()));
        endpoint.clear_requests();
        let waiter = WaiterConfig::adaptive();
        // Both kinds of wait record durations, and both use them.
        let reply: u32 = if run % 2 == 0 {
            response.get_result(&waiter).expect("a response")
        } else {
            let mut waiting = as_completed([response], &waiter);
            let done = waiting.next().expect("an outcome");
            done.result::<u32>().expect("a response")
        };
        assert_eq!(reply, 1);
        let late = clock.slept().saturating_sub(there);
        // The second and later ones know what to expect.
        let most = if run == 0 { 4000 } else { 2100 };
        assert!(
            late <= Duration::from_millis(most),
            "run {run}: {late:?} late"
        );
        polls.push(count(&endpoint, Operation::GetObject) / 2);
    }
    assert!((30..=70).contains(&polls[0]), "{polls:?}");
    assert!(polls[1..].iter().all(|polls| *polls <= 6), "{polls:?}");
}

#[test]
fn an_adaptive_wait_ends_after_its_deadline() {
    let clock = ManualClock::new();
    let endpoint = in_the_middle(&clock);
    let mut responses = in_folder(
        &predictor_in(&endpoint, &clock),
        endpoint.bucket(),
        "out",
        1,
    );
    let response = responses.remove(0);
    let outcome = response.get_result::<u32>(&WaiterConfig::adaptive());
    let Err(Error::PollingTimeout(timeout)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(timeout.elapsed(), seconds(898));
    // A tenth older each time, until pauses are 15 s.
    assert!(
        (90..=160).contains(&timeout.attempts()),
        "{}",
        timeout.attempts()
    );
}
