//! Waits that end when the endpoint stops, and the threads that a stop waits for.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::sys::{Clock, lock, unpoisoned};

/// Waits until `condition` no longer holds, at most for `timeout`.
pub(super) fn wait_while<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
    condition: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    unpoisoned(changed.wait_timeout_while(guard, timeout, condition)).0
}

/// The sign that the endpoint stops.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Ends every [`wait`](Self::wait), present and future.
    pub(super) fn stop(&self) {
        *lock(&self.stopped) = true;
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        *lock(&self.stopped)
    }

    /// Waits for `duration` of the clock's time, where a thread holds that, and of real time otherwise; true if
    /// the endpoint stops.
    pub(super) fn wait_in(&self, clock: &dyn Clock, duration: Duration) -> bool {
        let Some(clock) = clock.manual() else {
            return self.wait(duration);
        };
        let until = clock.slept().saturating_add(duration);
        clock.wait_until(Some(until), || self.is_stopped());
        self.is_stopped()
    }

    /// Waits for `duration` of real time; true if the endpoint stops.
    pub(super) fn wait(&self, duration: Duration) -> bool {
        *wait_while(&self.changed, lock(&self.stopped), duration, |stopped| {
            !*stopped
        })
    }
}

/// Counts threads, and holds back those beyond a limit.
#[derive(Debug, Default)]
pub(super) struct Gate {
    inside: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    /// Waits until fewer than `limit` are inside, then goes in; false if the endpoint stops first.
    pub(super) fn enter(&self, limit: usize, stop: &Stop, full: impl Fn()) -> bool {
        let mut inside = lock(&self.inside);
        while *inside >= limit {
            if stop.is_stopped() {
                return false;
            }
            full();
            // A stop does not wake this condition variable: check often.
            inside = wait_while(&self.changed, inside, Duration::from_millis(20), |inside| {
                *inside >= limit
            });
        }
        *inside += 1;
        true
    }

    fn leave(&self) {
        *lock(&self.inside) -= 1;
        self.changed.notify_all();
    }

    /// Waits until all threads have left, at most for `timeout`.
    fn wait_empty(&self, timeout: Duration) {
        let inside = lock(&self.inside);
        drop(wait_while(&self.changed, inside, timeout, |inside| {
            *inside > 0
        }));
    }
}

/// The threads of an endpoint, which a stop waits for.
#[derive(Debug, Default)]
pub(super) struct Threads {
    running: Arc<Gate>,
    pub(super) stop: Stop,
}

impl Threads {
    /// Starts one.
    pub(super) fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let inside = Arc::clone(&self.running);
        inside.enter(usize::MAX, &self.stop, || {});
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _leave = Leave(&inside);
            body();
        });
        if spawned.is_err() {
            drop(Leave(&self.running));
        }
        spawned.map(drop)
    }

    /// Waits until all have ended, at most for `timeout`.
    pub(super) fn wait(&self, timeout: Duration) {
        self.running.wait_empty(timeout);
    }
}

/// Leaves a gate when it is dropped, in a panic too.
#[derive(Debug)]
pub(super) struct Leave<'a>(pub(super) &'a Gate);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
