//! Which hosts keep connections open, as they announce.
//!
//! A request that goes out just as the server closes its connection may have been carried out, and a submit is
//! then reported as one that may have been submitted. A server or proxy that closes each connection without
//! saying so would make that of every other submit.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Uri;

use crate::sys::{Clock, SystemClock, lock};

/// Maximum number of hosts; beyond it, all are removed and learned again.
const MAX_KNOWN_HOSTS: usize = 1000;

/// A connection that ends within this time was not idle for too long: the host does not keep connections.
const SOON: Duration = Duration::from_secs(1);

/// Before a host's first connection is used again, its end has this long to arrive.
const SETTLE: Duration = Duration::from_millis(10);
const SETTLE_STEP: Duration = Duration::from_millis(1);

/// A host that kept connections before may have been restarted; three in a row are no accident.
const STRIKES: u32 = 3;
/// After this time its connections are pooled again.
const RECOVERY: Duration = Duration::from_mins(1);

/// The habits of all hosts.
#[derive(Clone, Default)]
pub(super) struct Habits(Arc<Mutex<HashMap<String, Arc<Habit>>>>);

impl Habits {
    pub(super) fn of(&self, uri: &Uri) -> Arc<Habit> {
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut known = lock(&self.0);
        if known.len() >= MAX_KNOWN_HOSTS {
            known.clear();
        }
        known.entry(host.to_owned()).or_default().clone()
    }
}

impl fmt::Debug for Habits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Habits").finish_non_exhaustive()
    }
}

/// Whether a host has kept connections open for a second request.
#[derive(Debug, Default)]
pub(super) struct Habit {
    /// Connections in a row that ended soon after a response, or under the next request.
    strikes: AtomicU32,
    /// The monotonic time of the last one, in milliseconds.
    last: AtomicU64,
    /// How many times a connection served another request.
    reuses: AtomicU32,
}

impl Habit {
    /// Whether connections to this host are worth keeping.
    pub(super) fn keeps(&self) -> bool {
        let strikes = self.strikes.load(Ordering::Relaxed);
        if strikes == 0 || (self.is_proven() && strikes < STRIKES) {
            return true;
        }
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        SystemClock.monotonic().saturating_sub(last) > RECOVERY
    }

    /// A connection that was used before brought another response.
    pub(super) fn kept(&self) {
        if self.reuses.load(Ordering::Relaxed) == 0 || self.strikes.load(Ordering::Relaxed) > 0 {
            self.reuses.fetch_add(1, Ordering::Relaxed);
            self.strikes.store(0, Ordering::Relaxed);
        }
    }

    /// A connection was lost in its next request or before it, after this idle time.
    pub(super) fn ended(&self, idle: Duration) {
        if idle <= SOON {
            let now = u64::try_from(SystemClock.monotonic().as_millis()).unwrap_or(u64::MAX);
            self.last.store(now, Ordering::Relaxed);
            self.strikes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Probes a connection that came back `idle` ago. For a host that is not known yet, the end of the connection
    /// may arrive shortly after the response: the probe waits for it, once.
    pub(super) fn probe(&self, mut idle: Duration, mut is_open: impl FnMut() -> bool) -> bool {
        while !self.is_proven() && idle < SETTLE {
            if !is_open() {
                return false;
            }
            SystemClock.sleep(SETTLE_STEP);
            idle += SETTLE_STEP;
        }
        is_open()
    }

    fn is_proven(&self) -> bool {
        self.reuses.load(Ordering::Relaxed) > 0
    }
}
