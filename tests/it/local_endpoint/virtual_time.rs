//! One manual clock for the client and the endpoint: minutes in milliseconds, the same in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::local::{
    JobState, LocalEndpoint, LocalEndpointBuilder, ModelResponse,
};
use sagemaker_async_inference::sys::{Clock, ManualClock};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Error, Text, WaiterConfig, as_completed, submit_all,
};

const REPETITIONS: usize = 50;

fn start(
    set: impl FnOnce(LocalEndpointBuilder) -> LocalEndpointBuilder,
) -> (ManualClock, LocalEndpoint) {
    let clock = ManualClock::new();
    let builder = LocalEndpoint::builder().clock(clock.clone());
    (clock, set(builder).start().expect("an endpoint"))
}

fn predictor(endpoint: &LocalEndpoint) -> AsyncPredictor<Text, Text> {
    let session = endpoint.session().expect("a session");
    AsyncPredictor::new(endpoint.name(), &session)
        .with_serializer(Text::default())
        .with_deserializer(Text::default())
}

#[test]
fn a_job_of_ten_minutes_ends_at_the_poll_of_its_last_second_in_every_run() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| b.model_delay(Duration::from_mins(10)));
        let response = predictor(&endpoint)
            .predict_async("hello")
            .expect("a submit");
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let waiter = WaiterConfig::builder().progress(move |wait| {
            counted.store(wait.attempts() as usize, Ordering::SeqCst);
            std::ops::ControlFlow::Continue(())
        });
        let waiter = waiter.build().expect("a waiter");
        let text: String = response.get_result(&waiter).expect("a result");
        assert_eq!(text, "hello");
        assert_eq!(clock.slept(), Duration::from_mins(10));
        assert_eq!(
            polls.load(Ordering::SeqCst),
            40,
            "and the 41st has the result"
        );
    }
}

#[test]
fn a_poll_one_second_before_the_end_finds_nothing() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| b.model_delay(Duration::from_mins(1)));
        let response = predictor(&endpoint)
            .predict_async("hello")
            .expect("a submit");
        let result = || response.try_get_result::<String>().expect("a poll");
        clock.advance(Duration::from_secs(59));
        assert_eq!(result(), None);
        clock.advance(Duration::from_secs(1));
        assert_eq!(result().as_deref(), Some("hello"));
    }
}

#[test]
fn jobs_queue_for_an_instance_in_virtual_time() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| {
            b.model_delay(Duration::from_secs(10))
                .instances(1)
                .max_concurrent_invocations_per_instance(2)
        });
        let predictor = predictor(&endpoint);
        let responses: Vec<_> = (0..5)
            .map(|number| {
                predictor
                    .predict_async(&number.to_string())
                    .expect("a submit")
            })
            .collect();
        let ready = || {
            let found = responses
                .iter()
                .map(AsyncInferenceResponse::try_get_result::<String>);
            found.filter(|found| matches!(found, Ok(Some(_)))).count()
        };
        // Two at a time, each for ten seconds.
        for (seconds, expected) in [(9, 0), (1, 2), (9, 2), (1, 4), (9, 4), (1, 5)] {
            clock.advance(Duration::from_secs(seconds));
            assert_eq!(ready(), expected, "after {:?}", clock.slept());
        }
    }
}

#[test]
fn one_long_sleep_is_worth_many_short_ones() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| {
            b.model_delay(Duration::from_secs(4))
                .max_concurrent_invocations_per_instance(1)
        });
        let predictor = predictor(&endpoint);
        for number in 0..3 {
            let _ = predictor
                .predict_async(&number.to_string())
                .expect("a submit");
        }
        clock.sleep(Duration::from_secs(11));
        let states: Vec<_> = endpoint.jobs().iter().map(|job| job.state).collect();
        let (done, running) = (JobState::Completed, JobState::Running);
        assert_eq!(states, [done, done, running]);
        clock.sleep(Duration::from_secs(1));
        assert!(endpoint.jobs().iter().all(|job| job.state == done));
    }
}

#[test]
fn an_invocation_timeout_comes_in_virtual_time() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| b.model_delay(Duration::from_mins(20)));
        let predictor = predictor(&endpoint);
        let request = predictor
            .request("slow")
            .invocation_timeout(Duration::from_mins(5));
        let response = request.submit().expect("a submit");
        let error = response.get_result::<String>(&WaiterConfig::default());
        let Err(Error::Model(failure)) = error else {
            panic!("{error:?}");
        };
        assert!(
            failure.text().contains("did not respond"),
            "{}",
            failure.text()
        );
        assert_eq!(clock.slept(), Duration::from_mins(5));
    }
}

#[test]
fn a_request_outlives_its_time_to_live_in_the_queue_in_virtual_time() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| {
            b.model_delay(Duration::from_mins(10))
                .max_concurrent_invocations_per_instance(1)
        });
        let predictor = predictor(&endpoint);
        let _ = predictor.predict_async("first").expect("a submit");
        let second = predictor
            .request("second")
            .request_ttl(Duration::from_mins(5));
        let second = second.submit().expect("a submit");
        let error = second.get_result::<String>(&WaiterConfig::default());
        let Err(Error::Model(failure)) = error else {
            panic!("{error:?}");
        };
        assert!(
            failure.text().contains("time to live"),
            "{}",
            failure.text()
        );
        assert_eq!(clock.slept(), Duration::from_mins(10));
    }
}

#[test]
fn a_wait_that_gives_up_before_the_job_ends_is_a_timeout_in_every_run() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| b.model_delay(Duration::from_mins(30)));
        let predictor = predictor(&endpoint);
        let request = predictor.request("hello");
        let request = request.invocation_timeout(Duration::from_hours(1));
        let response = request.submit().expect("a submit");
        let error = response.get_result::<String>(&WaiterConfig::default());
        assert!(matches!(error, Err(Error::PollingTimeout(_))), "{error:?}");
        assert!(clock.slept() <= Duration::from_mins(15));
        let waiter = WaiterConfig::new(1000, Duration::from_secs(15)).expect("a waiter");
        let text: String = response.get_result(&waiter).expect("a result");
        assert_eq!(text, "hello");
    }
}

#[test]
fn a_closures_own_work_keeps_the_time_and_its_sleeps_are_virtual() {
    for _ in 0..REPETITIONS {
        let clock = ManualClock::new();
        let models = clock.clone();
        let endpoint = LocalEndpoint::builder()
            .clock(clock.clone())
            .model(move |request| {
                // Work in real time, which takes a while on a busy machine.
                for _ in 0..100 {
                    std::thread::yield_now();
                }
                models.sleep(Duration::from_secs(30));
                ModelResponse::ok(request.body.clone())
            })
            .start()
            .expect("an endpoint");
        let response = predictor(&endpoint)
            .predict_async("hello")
            .expect("a submit");
        let text: String = response
            .get_result(&WaiterConfig::default())
            .expect("a result");
        assert_eq!(text, "hello");
        let slept = clock.slept();
        assert!(
            slept >= Duration::from_secs(30) && slept <= Duration::from_mins(1),
            "{slept:?}"
        );
    }
}

#[test]
fn an_endpoint_that_scales_out_from_zero_takes_its_time() {
    for _ in 0..10 {
        let (clock, endpoint) = start(|b| b.model_delay(Duration::from_secs(5)).instances(0));
        let response = predictor(&endpoint)
            .predict_async("hello")
            .expect("a submit");
        clock.sleep(Duration::from_hours(1));
        assert_eq!(response.try_get_result::<String>().expect("a poll"), None);
        assert!(!endpoint.wait_until_idle(Duration::from_mins(1)));
        assert_eq!(
            clock.slept(),
            Duration::from_hours(1) + Duration::from_mins(1)
        );
    }
}

#[test]
fn waiting_until_idle_moves_the_time_to_the_end_of_the_last_job() {
    for _ in 0..REPETITIONS {
        let (clock, endpoint) = start(|b| b.model_delay(Duration::from_mins(10)));
        let _ = predictor(&endpoint)
            .predict_async("hello")
            .expect("a submit");
        assert!(!endpoint.wait_until_idle(Duration::from_mins(9)));
        assert!(endpoint.wait_until_idle(Duration::from_mins(9)));
        assert_eq!(clock.slept(), Duration::from_mins(10));
    }
}

#[test]
fn a_batch_waits_in_virtual_time() {
    for _ in 0..10 {
        let (clock, endpoint) = start(|b| {
            b.model_delay(Duration::from_mins(3))
                .max_concurrent_invocations_per_instance(4)
        });
        let predictor = predictor(&endpoint);
        let inputs: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let requests: Vec<_> = inputs
            .iter()
            .map(|input| predictor.request(input).into_owned())
            .collect();
        let responses: Result<Vec<_>, _> = submit_all(requests).collect();
        let waiter = WaiterConfig::new(1000, Duration::from_secs(15)).expect("a waiter");
        let mut results: Vec<String> = as_completed(responses.expect("submits"), &waiter)
            .map(|done| done.result().expect("a result"))
            .collect();
        results.sort_by_key(|text| text.parse::<u32>().expect("a number"));
        assert_eq!(results, inputs);
        assert!(
            clock.slept() >= Duration::from_mins(15),
            "{:?}",
            clock.slept()
        );
        assert!(
            clock.slept() < Duration::from_mins(17),
            "{:?}",
            clock.slept()
        );
    }
}

#[test]
fn an_endpoint_that_stops_lets_go_of_the_time() {
    let (clock, endpoint) = start(|b| b.model_delay(Duration::from_hours(2)));
    let _ = predictor(&endpoint)
        .predict_async("hello")
        .expect("a submit");
    drop(endpoint);
    clock.sleep(Duration::from_hours(3));
    assert_eq!(clock.slept(), Duration::from_hours(3));
}
