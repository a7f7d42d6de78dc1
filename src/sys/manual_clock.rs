use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::{Duration, SystemTime};

use super::sync::{lock, unpoisoned};
use super::{Clock, SystemClock};

/// A clock that a test controls: `sleep` returns at once and advances the time by its duration.
///
/// Clones share one time, and any number of threads may use them. If a [`LocalEndpoint`](crate::guide::testing) has
/// this clock, time advances from one event of the endpoint to the next, and only when the endpoint has finished its
/// work of that moment: a sleep of ten minutes returns after everything that is due within them has happened.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::sys::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let start = clock.now();
/// clock.clone().sleep(Duration::from_secs(900));
/// assert_eq!(clock.now(), start + Duration::from_secs(900));
/// ```
#[derive(Clone)]
#[must_use]
pub struct ManualClock {
    start: SystemTime,
    time: Arc<Time>,
}

#[derive(Default)]
struct Time {
    /// Changed under the lock only.
    elapsed_nanos: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The threads whose work keeps the time from moving on.
    holders: Vec<ThreadId>,
    /// Work that was handed to a thread which does not hold the time yet.
    handed_over: usize,
    /// Holders that wait for a time, by that time and the order in which they came.
    waiters: BTreeMap<(Duration, u64), ThreadId>,
    #[cfg(feature = "local")]
    next_waiter: u64,
}

impl State {
    fn is_free(&self) -> bool {
        self.holders.is_empty() && self.handed_over == 0
    }

    /// Releases the hold of a thread; false if it has none.
    fn let_go(&mut self, thread: ThreadId) -> bool {
        let found = self.holders.iter().position(|holder| *holder == thread);
        found.map(|at| self.holders.swap_remove(at)).is_some()
    }
}

impl ManualClock {
    /// A clock that starts at the machine's current time, so that real servers accept signatures made with it, until
    /// it is some minutes ahead.
    pub fn new() -> Self {
        Self::starting_at(SystemClock.now())
    }

    /// A clock that starts at `start`.
    pub fn starting_at(start: SystemTime) -> Self {
        Self {
            start,
            time: Arc::default(),
        }
    }

    /// How much time has passed: the sum of all sleeps and of all [`advance`](Self::advance)s.
    pub fn slept(&self) -> Duration {
        Duration::from_nanos(self.time.elapsed_nanos.load(Ordering::SeqCst))
    }

    /// Advances the time. Blocks while a local endpoint with this clock is working, except for work of the calling
    /// thread.
    pub fn advance(&self, duration: Duration) {
        let me = thread::current().id();
        let mut left = duration;
        let mut state = self.lock();
        let held = state.let_go(me);
        if held {
            self.time.changed.notify_all();
        }
        loop {
            state = self.wait(state, |state| !state.is_free());
            let now = self.slept();
            let next = state.waiters.first_entry();
            let Some(next) = next.filter(|next| next.key().0 <= now.saturating_add(left)) else {
                break;
            };
            let step = next.key().0.saturating_sub(now);
            let thread = next.remove();
            state.holders.push(thread);
            self.pass(step);
            left -= step;
            self.time.changed.notify_all();
        }
        self.pass(left);
        if held {
            state.holders.push(me);
        }
    }

    fn pass(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let elapsed = &self.time.elapsed_nanos;
        elapsed.store(
            elapsed.load(Ordering::SeqCst).saturating_add(nanos),
            Ordering::SeqCst,
        );
    }

    /// No foreign code runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.time.state)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        unpoisoned(self.time.changed.wait_while(state, condition))
    }
}

/// How a local endpoint takes part in the time.
#[cfg(feature = "local")]
impl ManualClock {
    /// The time stands still until the calling thread drops this, or [waits](Self::wait_until).
    pub(crate) fn hold(&self) -> Hold {
        self.lock().holders.push(thread::current().id());
        Hold(self.clone())
    }

    /// The time stands still until as much is [taken over](Self::taken_over) by threads that hold it.
    pub(crate) fn hand_over(&self) {
        self.lock().handed_over += 1;
    }

    pub(crate) fn taken_over(&self, count: usize) {
        if count > 0 {
            self.lock().handed_over -= count;
            self.time.changed.notify_all();
        }
    }

    /// Lets the time go, for a thread that holds it, until it has come to `until`, or something that
    /// [`wake`](Self::wake) follows makes `is_over` true. Then the thread holds the time again.
    pub(crate) fn wait_until(&self, until: Option<Duration>, is_over: impl Fn() -> bool) {
        let me = thread::current().id();
        let mut state = self.lock();
        if is_over() || until.is_some_and(|until| until <= self.slept()) {
            return;
        }
        let number = state.next_waiter;
        state.next_waiter += 1;
        let key = until.map(|until| (until, number));
        if let Some(key) = key {
            state.waiters.insert(key, me);
        }
        state.let_go(me);
        self.time.changed.notify_all();
        let is_due = |state: &State| key.is_some_and(|key| !state.waiters.contains_key(&key));
        state = self.wait(state, |state| !is_due(state) && !is_over());
        // The thread that advanced the time to a waiter has passed it the hold.
        if !is_due(&state) {
            if let Some(key) = key {
                state.waiters.remove(&key);
            }
            state.holders.push(me);
        }
    }

    /// Makes waiting threads check again whether their wait is over.
    pub(crate) fn wake(&self) {
        drop(self.lock());
        self.time.changed.notify_all();
    }

    /// Waits until no work keeps the time, at most for `timeout` of real time. Returns when the next waiting
    /// thread is due; `None` if none waits for a time, or work still goes on.
    pub(crate) fn settle(&self, timeout: Duration) -> Option<Duration> {
        let (state, waited) = unpoisoned(self.time.changed.wait_timeout_while(
            self.lock(),
            timeout,
            |state| !state.is_free(),
        ));
        let next = state.waiters.keys().next().map(|(due, _)| *due);
        next.filter(|_| !waited.timed_out())
    }
}

/// Keeps the time from moving on.
#[cfg(feature = "local")]
#[derive(Debug)]
pub(crate) struct Hold(ManualClock);

#[cfg(feature = "local")]
impl Drop for Hold {
    fn drop(&mut self) {
        self.0.lock().let_go(thread::current().id());
        self.0.time.changed.notify_all();
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock")
            .field("slept", &self.slept())
            .finish_non_exhaustive()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.start + self.slept()
    }

    fn monotonic(&self) -> Duration {
        self.slept()
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn manual(&self) -> Option<&ManualClock> {
        Some(self)
    }
}
