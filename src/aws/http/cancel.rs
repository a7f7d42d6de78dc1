//! Cancellation and deadline of an exchange. Both are stored for the thread that runs the exchange, and each wait of a
//! connection checks them. The layers between (ureq, TLS, proxies) need not know about them.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::sys::{Clock, SystemClock};

/// How often a wait checks the cancel flag.
pub(super) const CHECK: Duration = Duration::from_millis(50);

/// What ends an exchange early.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cancel<'a> {
    pub(crate) flag: &'a Arc<AtomicBool>,
    /// How long the response is still waited for after the cancel.
    pub(crate) grace: Duration,
}

impl Cancel<'_> {
    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }
}

/// The caller cancelled the exchange.
#[derive(Debug, thiserror::Error)]
#[error("the caller cancelled it")]
pub(super) struct Cancelled {
    /// Whether no byte of the request can have reached the server.
    pub(super) never_sent: bool,
}

impl Cancelled {
    pub(super) fn is(error: &ureq::Error) -> bool {
        matches!(error, ureq::Error::Other(other) if other.is::<Self>())
    }
}

/// Adds to a cancellation that nothing was sent; other errors stay as they are.
pub(super) fn unsent(error: ureq::Error) -> ureq::Error {
    if Cancelled::is(&error) {
        Cancelled { never_sent: true }.into()
    } else {
        error
    }
}

impl From<Cancelled> for ureq::Error {
    fn from(cancelled: Cancelled) -> Self {
        Self::Other(Box::new(cancelled))
    }
}

/// The cancel of the exchange that this thread runs.
struct Current {
    flag: Arc<AtomicBool>,
    grace: Duration,
    /// The monotonic time of the first check that found it set.
    seen: Option<Duration>,
}

thread_local! {
    /// On the machine's monotonic clock.
    static DEADLINE: Cell<Option<Duration>> = const { Cell::new(None) };
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Runs `work`. `cancel` ends its waits for the network.
pub(crate) fn cancellable<T>(cancel: Option<Cancel<'_>>, work: impl FnOnce() -> T) -> T {
    /// Also after a panic. A request body's reader may send requests of its own within an exchange.
    struct Restore(Option<Current>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.replace(self.0.take());
        }
    }
    let _before = Restore(CURRENT.replace(cancel.map(|cancel| Current {
        flag: Arc::clone(cancel.flag),
        grace: cancel.grace,
        seen: None,
    })));
    work()
}

/// Runs `work`, whose waits for the network end when this time is over.
pub(super) fn within<T>(left: Option<Duration>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Duration>);
    impl Drop for Restore {
        fn drop(&mut self) {
            DEADLINE.set(self.0);
        }
    }
    let deadline = left.map(|left| SystemClock.monotonic().saturating_add(left));
    let _before = Restore(DEADLINE.replace(deadline));
    work()
}

/// The time that is left to the exchange of this thread, but no more than `limit`.
pub(super) fn left(limit: Duration) -> Duration {
    match DEADLINE.get() {
        Some(deadline) => limit.min(deadline.saturating_sub(SystemClock.monotonic())),
        None => limit,
    }
}

/// Whether the exchange of this thread may be cancelled.
pub(super) fn is_possible() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// An error once the exchange of this thread is cancelled and its grace is over.
pub(super) fn check() -> Result<(), ureq::Error> {
    if CURRENT.with_borrow_mut(|current| current.as_mut().is_some_and(Current::is_over)) {
        return Err(Cancelled { never_sent: false }.into());
    }
    Ok(())
}

impl Current {
    fn is_over(&mut self) -> bool {
        if !self.flag.load(Ordering::SeqCst) {
            return false;
        }
        let now = SystemClock.monotonic();
        now.saturating_sub(*self.seen.get_or_insert(now)) >= self.grace
    }
}
