//! How the wait for one inference stands.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Observed, TransportErrorKind, WaitLimit, is_throttling};
use crate::waiter::WaiterConfig;

/// A wait in progress.
pub(crate) struct Wait {
    pub(crate) started: Duration,
    /// On the monotonic clock.
    pub(crate) deadline: Option<Duration>,
    /// The waiter's own limits.
    max_attempts: u32,
    whole: Option<Duration>,
    pub(crate) attempts: u32,
    pub(crate) observed: Observed,
    pub(crate) last_answer: Option<Arc<str>>,
    /// What the probe after a 403 found out.
    pub(crate) may_list: Option<bool>,
}

/// Before the deadline, so much is kept for the last poll's answer.
const LAST_POLL: Duration = Duration::from_secs(2);

impl Wait {
    pub(crate) fn new(waiter: &WaiterConfig, now: Duration) -> Self {
        Self {
            started: now,
            deadline: waiter.deadline().map(|deadline| now + deadline),
            max_attempts: waiter.max_attempts(),
            whole: waiter.deadline(),
            attempts: 0,
            observed: Observed::default(),
            last_answer: None,
            may_list: None,
        }
    }

    /// Which limit of the waiter's it ran into, if it ran into one.
    pub(crate) fn limit(&self) -> WaitLimit {
        match self.whole {
            Some(deadline) if self.attempts < self.max_attempts => WaitLimit::Deadline(deadline),
            _ => WaitLimit::MaxAttempts(self.max_attempts),
        }
    }

    /// Whoever wakes after the deadline, as on a machine that was suspended over it, looks once more:
    /// the result has been there for long, maybe.
    pub(crate) fn grant_last_poll(&mut self, now: Duration) -> bool {
        let overslept = self.deadline.is_some_and(|deadline| deadline <= now);
        if overslept {
            self.deadline = Some(now + LAST_POLL);
        }
        overslept
    }

    /// Credentials that served earlier in this wait may be renewed again before it ends.
    pub(crate) fn outlasts(&self, error: &Error) -> bool {
        let answered = self.observed.not_found + self.observed.access_denied;
        matches!(error, Error::Credentials(_)) && answered > 0
    }

    /// The time of a poll that has to be answered before the deadline.
    pub(crate) fn clamp(&self, wake: Duration) -> Duration {
        match self.deadline {
            None => wake,
            Some(deadline) => {
                let whole = deadline.saturating_sub(self.started);
                wake.min(deadline.saturating_sub(LAST_POLL.min(whole / 10)))
            }
        }
    }
}

/// Is it worth polling on after this error?
pub(crate) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Transport(transport) => !matches!(
            transport.kind(),
            TransportErrorKind::Tls | TransportErrorKind::TooLong
        ),
        Error::Service(fault) => {
            fault.status() >= 500 || is_throttling(fault.status(), fault.code())
        }
        _ => false,
    }
}
