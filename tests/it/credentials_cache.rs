//! Cached credentials: when they are refreshed, by how many threads, and what failures do. In virtual time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{CachedCredentials, Credentials, ProvideCredentials};
use sagemaker_async_inference::sys::{Clock, ManualClock, Sys, SystemClock};

const MINUTE: Duration = Duration::from_mins(1);

type Fetch = dyn Fn(usize) -> Result<Credentials, CredentialsError> + Send + Sync;

/// Calls a closure with the number of the fetch, from 1.
#[derive(Clone)]
struct Source {
    fetches: Arc<AtomicUsize>,
    fetch: Arc<Fetch>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        (self.fetch)(self.fetches.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

fn cached(
    clock: &ManualClock,
    fetch: impl Fn(usize) -> Result<Credentials, CredentialsError> + Send + Sync + 'static,
) -> (CachedCredentials, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = Source {
        fetches: fetches.clone(),
        fetch: Arc::new(fetch),
    };
    let sys = Sys::real().with_clock(clock.clone());
    (CachedCredentials::new(source).with_sys(&sys), fetches)
}

fn key(number: usize, clock: &ManualClock, lives: Option<Duration>) -> Credentials {
    let expiry = lives.map(|lives| clock.now() + lives);
    Credentials::new(format!("AKID{number}"), "hush", None, expiry, "test")
}

fn down() -> CredentialsError {
    CredentialsError::failed("vault", "is down")
}

fn provided(cached: &CachedCredentials) -> String {
    let credentials = cached.provide_credentials().expect("credentials");
    credentials.access_key_id().to_owned()
}

#[test]
fn one_hour_credentials_are_refreshed_fifteen_minutes_early() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, _) = cached(&clock, move |n| Ok(key(n, &time, Some(60 * MINUTE))));
    assert_eq!(provided(&cached), "AKID1");
    clock.advance(Duration::from_secs(45 * 60 - 1));
    assert_eq!(provided(&cached), "AKID1");
    clock.advance(Duration::from_secs(1));
    assert_eq!(provided(&cached), "AKID2");
    clock.advance(100 * MINUTE);
    assert_eq!(provided(&cached), "AKID3");
}

#[test]
fn credentials_are_at_hand_until_they_are_to_be_refreshed() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, fetches) = cached(&clock, move |n| Ok(key(n, &time, Some(60 * MINUTE))));
    let at_hand = || {
        cached
            .cached_credentials()
            .map(|it| it.access_key_id().to_owned())
    };
    assert_eq!(at_hand(), None);
    provided(&cached);
    assert_eq!(at_hand().as_deref(), Some("AKID1"));
    clock.advance(45 * MINUTE);
    assert_eq!(at_hand(), None);
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[test]
fn short_lives_are_not_fetched_at_each_request() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, fetches) = cached(&clock, move |n| Ok(key(n, &time, Some(10 * MINUTE))));
    for _ in 0..50 {
        assert_eq!(provided(&cached), "AKID1");
    }
    clock.advance(5 * MINUTE);
    assert_eq!(provided(&cached), "AKID2");
    assert_eq!(fetches.load(Ordering::SeqCst), 2);
}

#[test]
fn without_an_expiry_they_stay_until_invalidated() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, _) = cached(&clock, move |n| Ok(key(n, &time, None)));
    assert_eq!(provided(&cached), "AKID1");
    clock.advance(1_000_000 * MINUTE);
    let kept = cached.provide_credentials().expect("credentials");
    assert_eq!(kept.access_key_id(), "AKID1");
    cached.invalidate(&kept);
    assert_eq!(provided(&cached), "AKID2");
    // Many threads get the refusal at once, and one of them was faster.
    cached.invalidate(&kept);
    assert_eq!(provided(&cached), "AKID2");
}

#[test]
fn a_failing_refresh_serves_what_is_valid_and_is_tried_ever_less_often() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, fetches) = cached(&clock, move |n| match n {
        1 => Ok(key(n, &time, Some(60 * MINUTE))),
        _ => Err(down()),
    });
    assert_eq!(provided(&cached), "AKID1");
    clock.advance(45 * MINUTE);
    // At 0, 1, 3 and 7 seconds: an attempt, and then pauses of 1, 2 and 4 seconds.
    for _ in 0..8 {
        assert_eq!(provided(&cached), "AKID1");
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1 + 4);

    clock.advance(15 * MINUTE);
    let error = cached.provide_credentials().unwrap_err();
    assert_eq!(error.to_string(), "no credentials from vault: is down");
    let before = fetches.load(Ordering::SeqCst);
    assert!(cached.provide_credentials().is_err());
    assert_eq!(fetches.load(Ordering::SeqCst), before);
    clock.advance(Duration::from_secs(5));
    assert!(cached.provide_credentials().is_err());
    assert_eq!(fetches.load(Ordering::SeqCst), before + 1);
}

#[test]
fn a_source_that_recovers_is_served_again_and_forgiven() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, _) = cached(&clock, move |n| match n {
        1 | 2 => Err(down()),
        _ => Ok(key(n, &time, Some(60 * MINUTE))),
    });
    assert!(cached.provide_credentials().is_err());
    cached.invalidate(&key(0, &clock, None));
    assert!(cached.provide_credentials().is_err());
    clock.advance(Duration::from_secs(1));
    assert_eq!(provided(&cached), "AKID3");
}

#[test]
fn credentials_expired_on_arrival_are_returned_and_not_cached() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, _) = cached(&clock, move |n| Ok(key(n, &time, Some(Duration::ZERO))));
    assert_eq!(provided(&cached), "AKID1");
    assert_eq!(provided(&cached), "AKID2");
}

#[test]
fn many_threads_make_one_fetch() {
    for fails in [false, true] {
        let clock = ManualClock::new();
        let time = clock.clone();
        let (cached, fetches) = cached(&clock, move |n| {
            SystemClock.sleep(Duration::from_millis(50)); // so that the others come meanwhile
            if fails {
                return Err(down());
            }
            Ok(key(n, &time, Some(60 * MINUTE)))
        });
        let start = Barrier::new(64);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    start.wait();
                    assert_eq!(cached.provide_credentials().is_err(), fails);
                });
            }
        });
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn while_one_fetches_the_others_get_what_is_valid() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (inside, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (entered, go_on) = (inside.clone(), release.clone());
    let (cached, _) = cached(&clock, move |n| {
        if n == 2 {
            entered.wait();
            go_on.wait();
        }
        Ok(key(n, &time, Some(60 * MINUTE)))
    });
    assert_eq!(provided(&cached), "AKID1");
    clock.advance(50 * MINUTE);
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| provided(&cached));
        inside.wait();
        assert_eq!(provided(&cached), "AKID1");
        release.wait();
        assert_eq!(fetching.join().expect("no panic"), "AKID2");
    });
    assert_eq!(provided(&cached), "AKID2");
}

#[test]
fn credentials_of_a_fetch_that_began_before_an_invalidation_are_not_cached() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (inside, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (entered, go_on) = (inside.clone(), release.clone());
    let (cached, _) = cached(&clock, move |n| {
        if n == 1 {
            entered.wait();
            go_on.wait();
        }
        Ok(key(n, &time, None))
    });
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| provided(&cached));
        inside.wait();
        cached.invalidate(&key(1, &clock, None));
        release.wait();
        assert_eq!(fetching.join().expect("no panic"), "AKID1");
    });
    assert_eq!(provided(&cached), "AKID2");
}

#[test]
fn a_panicking_source_does_not_poison_the_cache() {
    let clock = ManualClock::new();
    let time = clock.clone();
    let (cached, _) = cached(&clock, move |n| {
        assert!(n > 1, "a slip of the source");
        Ok(key(n, &time, None))
    });
    assert!(catch_unwind(AssertUnwindSafe(|| cached.provide_credentials())).is_err());
    assert_eq!(provided(&cached), "AKID2");
    assert!(!format!("{cached:?}").contains("hush"));
}
