//! Random numbers come from `sys`: with a source of the test's own, pauses and ids are known exactly.

use crate::support;

use std::time::Duration;

use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::sys::{ManualClock, Random};
use sagemaker_async_inference::{Error, Session};
use support::{
    client::{accepting, builder, is_submit, not_found, predictor, s3_error, sys},
    verifier::{Rules, Verifier},
    wait::{response, timed_out, waiter},
};

fn session(url: &str, clock: &ManualClock, random: Random) -> Session {
    let retry = RetryConfig::default().with_max_attempts(7).expect("7");
    builder()
        .endpoint_url(url)
        .retry(retry)
        .sys(sys().with_clock(clock.clone()).with_random(random))
        .build()
        .expect("a session")
}

#[test]
fn backoff_is_a_random_part_of_a_ceiling_that_doubles() {
    let server = Verifier::start(Rules::new(), |_| s3_error(500, "InternalError", "?"));
    // 1, 2, 4, 8 and 16 s, and then 20 s, which is the most.
    for (fraction, millis) in [(0.0, 0), (0.25, 12_750), (0.5, 25_500)] {
        let clock = ManualClock::new();
        let session = session(&server.url(), &clock, Random::constant(fraction));
        let outcome = response(&session).try_get_result::<Vec<u8>>();
        assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
        assert_eq!(clock.slept(), Duration::from_millis(millis));
    }
}

#[test]
fn jitter_shortens_the_pauses_between_polls() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    for (fraction, seconds) in [(0.0, 20), (0.5, 15)] {
        let clock = ManualClock::new();
        let session = session(&server.url(), &clock, Random::constant(fraction));
        let waiter = waiter(|waiter| {
            let waiter = waiter.max_attempts(3).delay(Duration::from_secs(10));
            waiter.jitter(0.5)
        });
        timed_out(response(&session).get_result(&waiter));
        assert_eq!(clock.slept(), Duration::from_secs(seconds));
    }
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let server = accepting();
    let ids = |seed| {
        let session = session(&server.url(), &ManualClock::new(), Random::seeded(seed));
        for _ in 0..3 {
            let _ = predictor(&session)
                .request("x")
                .inline()
                .submit()
                .expect("a submit");
        }
        let mut seen = server.seen();
        seen.drain(..seen.len() - 3);
        assert!(seen.iter().all(is_submit));
        let id = |seen: &support::verifier::Seen| {
            let id = seen.header("x-amzn-sagemaker-inference-id");
            id.expect("an id").to_owned()
        };
        seen.iter().map(id).collect::<Vec<_>>()
    };
    let first = ids(1);
    assert_eq!(ids(1), first);
    assert_ne!(ids(2), first);
    assert!(first[0] != first[1] && first[1] != first[2]);
}
