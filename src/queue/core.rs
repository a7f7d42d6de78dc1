//! The messages that this process has received and not yet deleted or released, and the two threads that serve them:
//! one extends visibility timeouts, the other sends deletions and releases. They are separate so that an
//! extension that hangs delays no deletion, and the other way round.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::address::Address;
use super::stats::{Counters, add};
use crate::aws::sqs::{self, MAX_BATCH, MAX_VISIBILITY, Message, Queue};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::sys::{lock, unpoisoned};

/// Interval, in real time, at which the threads read the clock while there are messages.
const TICK: Duration = Duration::from_millis(20);
/// Deletions wait this long to be sent with others.
const LINGER: Duration = Duration::from_millis(500);
/// Maximum number of deletions that wait to be sent; a handler with one more blocks until some are sent.
const MAX_PENDING: usize = 200;
/// Bounds a wait for the threads themselves, whose requests have deadlines of their own.
const CLOSE_TIME: Duration = Duration::from_secs(30);

/// What all consumers of a queue in this process share, as long as one of them has a message.
pub(super) struct Core {
    pub(super) session: Session,
    pub(super) address: Address,
    pub(super) url: String,
    pub(super) visibility: Duration,
    pub(super) fifo: bool,
    pub(super) counters: Arc<Counters>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) entries: BTreeMap<u64, Entry>,
    next: u64,
    /// No more messages: send what waits, then end.
    pub(super) closing: bool,
    /// Send what waits now.
    pub(super) flush: bool,
    /// The first failure to report to a consumer.
    pub(super) failure: Option<Error>,
    /// `sqs:ChangeMessageVisibility` is denied; it is not tried again.
    pub(super) may_not_change: bool,
}

/// One message.
pub(super) struct Entry {
    pub(super) receipt: String,
    /// Times are of the monotonic clock. When it was received, counted from before the receive was sent.
    pub(super) received: Duration,
    /// Until when it is invisible to other consumers.
    pub(super) deadline: Duration,
    pub(super) wish: Wish,
    /// A request about it is on its way.
    pub(super) busy: bool,
    /// When it was decided what to do with it.
    pub(super) since: Duration,
    pub(super) attempts: u32,
    pub(super) not_before: Duration,
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// It is being worked on.
    Keep,
    Delete,
    /// It becomes visible after this time.
    Release(Duration),
}

impl Core {
    pub(super) fn now(&self) -> Duration {
        self.session.sys().clock().monotonic()
    }

    pub(super) fn queue(&self) -> Queue<'_> {
        Queue {
            caller: self.address.caller(&self.session),
            url: &self.url,
        }
    }

    /// Waits for a change, or for the time to pass.
    pub(super) fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        at_most: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, at_most);
        unpoisoned(waited).0
    }

    /// Adds a message of a receive which was sent at `sent`.
    fn add(&self, state: &mut State, message: &Message, sent: Duration) -> u64 {
        let key = state.next;
        state.next += 1;
        let entry = Entry {
            receipt: message.receipt.clone(),
            received: sent,
            deadline: sent + self.visibility,
            wish: Wish::Keep,
            busy: false,
            since: sent,
            attempts: 0,
            not_before: sent,
        };
        state.entries.insert(key, entry);
        key
    }

    /// Requests the deletion or release of a message. False if its visibility timeout has expired.
    pub(super) fn finish(&self, key: u64, wish: Wish) -> bool {
        let now = self.now();
        let mut state = lock(&self.state);
        // Deletions that pile up in memory, while none succeeds, would be lost in a crash.
        while wish == Wish::Delete && !state.closing && state.pending() >= MAX_PENDING {
            state = self.wait(state, TICK);
        }
        let Some(entry) = state.entries.get_mut(&key) else {
            return false;
        };
        let ours = entry.deadline > now;
        if !ours {
            add(&self.counters.lost, 1);
        }
        entry.wish = wish;
        entry.since = now;
        entry.not_before = now;
        drop(state);
        self.changed.notify_all();
        ours
    }

    /// Until when a message is invisible to other consumers.
    pub(super) fn deadline_of(&self, key: u64) -> Option<Duration> {
        lock(&self.state)
            .entries
            .get(&key)
            .map(|entry| entry.deadline)
    }

    /// The longest visibility timeout that can be set now for a message received then.
    pub(super) fn longest(received: Duration, now: Duration) -> Duration {
        // The service counts from a little later, so that this is never too long.
        let left = (received + MAX_VISIBILITY).saturating_sub(now);
        Duration::from_secs(left.as_secs())
    }

    /// Sends what waits and returns when it is sent, has failed or has timed out.
    pub(super) fn flush(&self) {
        let mut state = lock(&self.state);
        let mut waited = Duration::ZERO;
        while state.entries.values().any(|entry| entry.wish != Wish::Keep) {
            if waited >= CLOSE_TIME {
                break;
            }
            state.flush = true;
            self.changed.notify_all();
            state = self.wait(state, TICK);
            waited += TICK;
        }
        state.flush = false;
    }

    /// The failure that was noted, once.
    pub(super) fn take_failure(&self) -> Option<Error> {
        lock(&self.state).failure.take()
    }

    pub(super) fn note_failure(&self, state: &mut State, error: Error) {
        state.failure.get_or_insert(error);
        self.changed.notify_all();
    }
}

impl State {
    /// Deletions and releases that wait.
    pub(super) fn pending(&self) -> usize {
        let entries = self.entries.values();
        entries.filter(|entry| entry.wish != Wish::Keep).count()
    }
}

/// What a thread does.
type Body = fn(&Core);

/// Keeps the threads running; when the last one is dropped, what waits is sent and the threads end.
pub(super) struct Guard {
    pub(super) core: Arc<Core>,
    threads: Vec<JoinHandle<()>>,
}

impl Guard {
    pub(super) fn start(core: Core) -> Result<Arc<Self>> {
        let core = Arc::new(core);
        let mut guard = Self {
            core: Arc::clone(&core),
            threads: Vec::new(),
        };
        let extend = ("queue-extend", super::extend::run as Body);
        let finish = ("queue-finish", super::finish::run as Body);
        for (name, body) in [extend, finish] {
            let core = Arc::clone(&core);
            let spawned = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || body(&core));
            guard.threads.push(spawned.map_err(|error| {
                crate::error::ConfigError::new(
                    "threads",
                    format!(
                        "a consumer of a queue needs two, and one could not be started: {error}"
                    ),
                    "raise the limit on threads",
                )
            })?);
        }
        Ok(Arc::new(guard))
    }

    /// Adds received messages.
    pub(super) fn add_all(&self, messages: &[Message], sent: Duration) -> Vec<u64> {
        let mut state = lock(&self.core.state);
        let keys = messages
            .iter()
            .map(|message| self.core.add(&mut state, message, sent))
            .collect();
        drop(state);
        self.core.changed.notify_all();
        keys
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.core.state).closing = true;
        self.core.changed.notify_all();
        for thread in self.threads.drain(..) {
            // It runs no code of the caller's that could panic.
            drop(thread.join());
        }
    }
}

/// How long deletions wait for others. In a FIFO queue the next message of a group waits for them.
pub(super) fn linger(core: &Core) -> Duration {
    if core.fifo {
        return Duration::ZERO;
    }
    LINGER.min(core.visibility / 8)
}

/// The first of the entries that are due, as many as fit in one batch.
pub(super) fn take_due(
    state: &mut State,
    is_due: impl Fn(&Entry) -> bool,
) -> Vec<(u64, String, Wish)> {
    let due = state.entries.iter_mut().filter(|(_, entry)| !entry.busy);
    due.filter(|(_, entry)| is_due(entry))
        .take(MAX_BATCH)
        .map(|(key, entry)| {
            entry.busy = true;
            (*key, entry.receipt.clone(), entry.wish)
        })
        .collect()
}

/// Whether a failed request may succeed when it is sent again later.
pub(super) fn is_passing(error: &Error) -> bool {
    // Credentials that were valid before may be refreshed.
    crate::waiter::state::is_passing(error)
        || matches!(error, Error::Credentials(_))
        || matches!(error, Error::Service(fault) if fault.code() == Some("OverLimit"))
}

/// Whether the service reports that the receipt handle is no longer valid.
pub(super) fn is_stale(error: &Error) -> bool {
    matches!(error, Error::Service(fault) if fault.code().is_some_and(sqs::is_stale))
}

pub(super) const TICK_WHILE_BUSY: Duration = TICK;
