//! Handles that are added while others are waited for.

use std::time::Duration;

use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{CancelToken, WaiterConfig, as_completed};

use super::{idle_endpoint, in_folder, now, often, predictor, put, since, start};

#[test]
fn other_threads_add_while_it_runs() {
    let endpoint = start(|b| b);
    let predictor = predictor(&endpoint);
    let mut waiting = as_completed([], &often());
    let mut threads = Vec::new();
    for thread in 0..3 {
        let (adder, predictor) = (waiting.adder(), predictor.clone());
        threads.push(std::thread::spawn(move || {
            for response in predictor.submit_all(thread * 100..thread * 100 + 50) {
                adder
                    .add(response.expect("a submit"))
                    .expect("someone waits");
                SystemClock.sleep(Duration::from_millis(1));
            }
        }));
    }
    let mut replies: Vec<_> = waiting.by_ref().map(|done| done.result::<u32>()).collect();
    replies.sort_by_key(|reply| reply.as_ref().ok().copied());
    let expected = (0..50).chain(100..150).chain(200..250);
    assert!(
        replies
            .into_iter()
            .map(|reply| reply.expect("a response"))
            .eq(expected)
    );
    for thread in threads {
        thread.join().expect("a thread");
    }
    // It has ended, and goes on if there is more.
    assert!(waiting.next().is_none());
    let index = waiting.add(predictor.predict_async(&7).expect("a submit"));
    let done = waiting.next().expect("an outcome");
    assert_eq!((index, done.index()), (150, 150));
    assert_eq!(done.result::<u32>().ok(), Some(7));
}

/// In rounds of 15 s, a handle that is added before the first one, or while no other is pending, is
/// polled without delay.
#[test]
fn first_rounds_are_at_once() {
    let endpoint = idle_endpoint(|b| b);
    let mut responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 40);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let began = now();
    let last = responses.split_off(39);
    let mut waiting = as_completed(responses, &WaiterConfig::default());
    assert_eq!(waiting.by_ref().count(), 39);
    for response in last {
        waiting.add(response);
    }
    assert_eq!(waiting.count(), 1);
    assert!(since(began) < Duration::from_secs(10), "{:?}", since(began));
}

#[test]
fn an_adder_that_lives_can_be_cancelled_and_outlives_the_wait() {
    let endpoint = idle_endpoint(|b| b);
    let mut responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 3);
    put(&endpoint, &responses[0], "1");
    let cancel = CancelToken::new();
    let waiter = WaiterConfig::builder()
        .cancel(cancel.clone())
        .build()
        .expect("a wait");
    let mut waiting = as_completed([], &waiter);
    let adder = waiting.adder();
    let began = now();
    assert!(matches!(adder.add(responses.remove(0)), Ok(0)));
    assert!(waiting.next().is_some());
    assert!(
        since(began) < Duration::from_secs(5),
        "the first round is at once"
    );
    let soon = std::thread::spawn(move || {
        SystemClock.sleep(Duration::from_millis(50));
        cancel.cancel();
    });
    assert!(waiting.next().is_none(), "nothing came");
    soon.join().expect("a thread");
    assert!(matches!(adder.add(responses.remove(0)), Ok(1)));
    assert_eq!(waiting.unfinished().len(), 1);
    drop(waiting);
    let refused = adder
        .clone()
        .add(responses.remove(0))
        .expect_err("nobody waits");
    assert!(refused.output_path().key().ends_with("2.out"));
}
