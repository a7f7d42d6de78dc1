//! Rate limit of requests that share a service's quota: as fast as they can, until the service
//! throttles.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::CallError;
use crate::error::is_throttling;
use crate::sys::{Sys, lock};

/// One refusal halves the rate; refusals of requests that were in progress then are ignored.
const ONE_CUT: Duration = Duration::from_millis(500);
/// Least rate, in requests a second, that the first refusal is taken to show: fewer may have been sent because fewer were
/// to be sent, or because the first second has just begun.
const LEAST_SEEN: f64 = 20.0;
/// Maximum time between requests: the rate does not fall below one request in this time.
const SLOWEST: Duration = Duration::from_secs(5);
/// Time to recover from half of the throttled rate to all of it.
const RECOVERY: f64 = 10.0;
/// Burst: unused sends of this much time may be sent later.
const BURST: Duration = Duration::from_millis(50);
/// If no request succeeds for this long, the service's error is returned.
const MAX_THROTTLED: Duration = Duration::from_mins(10);
/// Interval at which a pause checks for cancellation.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// A shared rate: additive increase, multiplicative decrease.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Requests a second that are never exceeded.
    ceiling: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Requests a second; unlimited but for the ceiling until the first refusal.
    limit: Option<f64>,
    /// The rate at the last refusal.
    too_much: f64,
    /// When the next request may be sent.
    next: Duration,
    last_cut: Option<Duration>,
    last_success: Duration,
    /// The beginning of a second and the requests in it, to know the rate at a refusal.
    second: (Duration, u32),
    rate: f64,
}

impl Pace {
    pub(crate) fn new(ceiling: f64, now: Duration) -> Self {
        Self {
            ceiling,
            state: Mutex::new(State {
                limit: None,
                too_much: f64::INFINITY,
                next: now,
                last_cut: None,
                last_success: now,
                second: (now, 0),
                rate: 0.0,
            }),
        }
    }

    /// Whether a send is due; otherwise returns when one will be.
    pub(crate) fn ready(&self, now: Duration) -> Result<(), Duration> {
        let state = lock(&self.state);
        if self.rate(&state).is_finite() && now < state.next {
            return Err(state.next);
        }
        Ok(())
    }

    fn rate(&self, state: &State) -> f64 {
        state.limit.unwrap_or(f64::INFINITY).min(self.ceiling)
    }

    /// Reserves a send; otherwise returns when to try again.
    pub(crate) fn pass(&self, now: Duration) -> Result<(), Duration> {
        let mut state = lock(&self.state);
        let rate = self.rate(&state);
        if rate.is_finite() {
            if now < state.next {
                return Err(state.next);
            }
            let interval = Duration::from_secs_f64(1.0 / rate);
            state.next = state.next.max(now.saturating_sub(BURST)) + interval;
        }
        let (began, count) = state.second;
        let lasted = now.saturating_sub(began).as_secs_f64();
        if lasted >= 1.0 {
            state.rate = f64::from(count) / lasted;
            state.second = (now, 1);
        } else {
            state.second.1 = count.saturating_add(1);
        }
        Ok(())
    }

    pub(crate) fn succeeded(&self, now: Duration) {
        let mut state = lock(&self.state);
        state.last_success = now;
        let Some(limit) = state.limit else { return };
        // Adding in proportion to the gap gives the same increase a second at any rate.
        let limit = limit + state.too_much / 2.0 / RECOVERY / limit.max(1.0);
        state.limit = (limit < 2.0 * state.too_much).then_some(limit);
    }

    /// Whether to keep trying.
    pub(crate) fn throttled(&self, now: Duration, requested: Option<Duration>) -> bool {
        let mut state = lock(&self.state);
        let just_cut = state
            .last_cut
            .is_some_and(|last| now.saturating_sub(last) < ONE_CUT);
        if !just_cut {
            let seen = state.rate.max(f64::from(state.second.1)).max(LEAST_SEEN);
            let rate = state.limit.unwrap_or(seen).min(self.ceiling);
            state.too_much = rate;
            state.limit = Some((rate / 2.0).max(1.0 / SLOWEST.as_secs_f64()));
            state.last_cut = Some(now);
        }
        let interval = Duration::from_secs_f64(1.0 / state.limit.unwrap_or(1.0));
        state.next = state.next.max(now + requested.unwrap_or(interval));
        now.saturating_sub(state.last_success) < MAX_THROTTLED
    }
}

/// A pace, and how to wait for a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate<'a> {
    pub(crate) pace: &'a Pace,
    pub(crate) sys: &'a Sys,
    /// Once this is set, nothing is retried.
    pub(crate) stop: &'a AtomicBool,
}

impl Gate<'_> {
    /// Runs the operation in its turn, and again when the service throttles it.
    pub(crate) fn run<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let clock = self.sys.clock();
        loop {
            self.wait();
            let outcome = attempt();
            let now = clock.monotonic();
            let refusal = outcome.as_ref().err().filter(|error| is_refusal(error));
            let Some(refusal) = refusal else {
                self.pace.succeeded(now);
                return outcome;
            };
            let requested = match refusal {
                CallError::Response(response) => response.retry_after,
                _ => None,
            };
            let stop = self.stop.load(Ordering::SeqCst);
            if !self.pace.throttled(now, requested) || stop {
                return outcome;
            }
        }
    }

    fn wait(&self) {
        let clock = self.sys.clock();
        loop {
            let now = clock.monotonic();
            match self.pace.pass(now) {
                Err(then) if !self.stop.load(Ordering::SeqCst) => {
                    clock.sleep(then.saturating_sub(now).min(STOP_CHECK));
                }
                _ => return,
            }
        }
    }
}

/// Whether the service throttled it.
fn is_refusal(error: &CallError) -> bool {
    let error = error.service();
    error.is_some_and(|error| is_throttling(error.status(), error.code()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    /// Number of requests sent in `seconds` of virtual time from `from` on.
    fn requests(pace: &Pace, from: Duration, seconds: u64) -> u32 {
        let mut passed = 0;
        for milli in 0..seconds * 1000 {
            let now = from + Duration::from_millis(milli);
            while passed < 1_000_000 && pace.pass(now).is_ok() {
                pace.succeeded(now);
                passed += 1;
                if passed % 100 == 0 {
                    break; // no more than 100 a millisecond get through
                }
            }
        }
        passed
    }

    #[test]
    fn the_ceiling_holds() {
        let pace = Pace::new(200.0, Duration::ZERO);
        let passed = requests(&pace, Duration::ZERO, 10);
        assert!((1990..=2020).contains(&passed), "{passed}");
    }

    #[test]
    fn a_refusal_halves_the_rate_once_and_it_recovers() {
        let pace = Pace::new(f64::INFINITY, Duration::ZERO);
        for request in 0..1000 {
            assert!(pace.pass(Duration::from_millis(request)).is_ok());
        }
        let now = Duration::from_secs(1);
        for _ in 0..8 {
            assert!(pace.throttled(now, None));
        }
        let slow = requests(&pace, now, 2);
        assert!((900..=1250).contains(&slow), "{slow}");
        requests(&pace, now + Duration::from_secs(2), 8);
        let later = requests(&pace, now + Duration::from_secs(10), 2);
        assert!((1900..=2300).contains(&later), "{later}");
    }

    #[test]
    fn a_refusal_of_few_requests_is_no_sign_of_a_slow_service() {
        for before in [0, 10] {
            let pace = Pace::new(1000.0, Duration::ZERO);
            for second in 0..=before {
                assert!(pace.pass(Duration::from_secs(second)).is_ok());
            }
            let now = Duration::from_secs(before);
            assert!(pace.throttled(now, None));
            let passed = requests(&pace, now, 2);
            assert!((15..=30).contains(&passed), "{passed}");
        }
    }

    #[test]
    fn retry_after_takes_precedence_and_retries_end() {
        let pace = Pace::new(f64::INFINITY, Duration::ZERO);
        let pause = Duration::from_secs(7);
        assert!(pace.throttled(Duration::ZERO, Some(pause)));
        assert_eq!(pace.pass(Duration::from_secs(6)), Err(pause));
        assert_eq!(pace.pass(pause), Ok(()));
        assert!(pace.throttled(Duration::from_secs(599), None));
        assert!(!pace.throttled(Duration::from_mins(10), None));
    }
}
