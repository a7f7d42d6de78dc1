//! The state of one inference's wait: what its polls observed, and which errors it tolerates.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use super::{AccessDenied, Observed, WaitLimit, WaiterConfig};
use crate::error::{Error, Result, ServiceError};

/// A wait in progress.
pub(crate) struct WaitState {
    pub(crate) started: Duration,
    /// The inference's age then, by the wall clock if another process submitted it; from there on the monotonic clock
    /// counts.
    pub(crate) age: Duration,
    /// On the monotonic clock.
    pub(crate) deadline: Option<Duration>,
    /// The waiter's own limits.
    max_attempts: u32,
    whole: Option<Duration>,
    pub(crate) attempts: u32,
    pub(crate) observed: Observed,
    /// Whether a code said that access was denied, and not the status alone.
    pub(crate) denied_by_code: bool,
    /// What the last poll observed, in words.
    pub(crate) last: Option<Arc<str>>,
    /// The remedy of the last poll that failed.
    pub(crate) remedy: Option<String>,
    /// The failure is not requested before this time, because the last request for it took too long.
    pub(crate) no_failure_before: Duration,
    /// Whether the caller may list the bucket, once that is known.
    pub(crate) may_list: Option<bool>,
}

/// Why a poll has no outcome.
pub(crate) enum Pending {
    NotFound,
    /// Another server than S3 does not find it.
    Foreign(Box<ServiceError>),
    AccessDenied(Box<ServiceError>),
    /// The output is not there, and whether the failure is cannot be known: access to it is denied, or its
    /// bucket does not exist.
    FailureUnknown(Box<ServiceError>),
}

/// The time before the deadline that is reserved for the last poll's response.
const LAST_POLL: Duration = Duration::from_secs(2);

impl WaitState {
    pub(crate) fn new(waiter: &WaiterConfig, now: Duration) -> Self {
        Self {
            started: now,
            age: Duration::ZERO,
            deadline: waiter.deadline().map(|deadline| now + deadline),
            max_attempts: waiter.max_attempts(),
            whole: waiter.deadline(),
            attempts: 0,
            observed: Observed::default(),
            denied_by_code: false,
            last: None,
            remedy: None,
            no_failure_before: Duration::ZERO,
            may_list: None,
        }
    }

    /// Which limit of the waiter was reached, if one was.
    pub(crate) fn limit(&self) -> WaitLimit {
        match self.whole {
            Some(deadline) if self.attempts < self.max_attempts => WaitLimit::Deadline(deadline),
            _ => WaitLimit::MaxAttempts(self.max_attempts),
        }
    }

    /// A wait that wakes after its deadline, as on a machine that was suspended, polls once more: the
    /// result may have been there for long.
    pub(crate) fn grant_last_poll(&mut self, now: Duration) -> bool {
        let overslept = self.deadline.is_some_and(|deadline| deadline <= now);
        if overslept {
            self.deadline = Some(now + LAST_POLL);
        }
        overslept
    }

    /// The time of a poll whose response has to come before the deadline.
    pub(crate) fn clamp(&self, wake: Duration) -> Duration {
        match self.deadline {
            None => wake,
            Some(deadline) => {
                let whole = deadline.saturating_sub(self.started);
                wake.min(deadline.saturating_sub(LAST_POLL.min(whole / 10)))
            }
        }
    }

    /// Counts a poll without an outcome; an error ends the wait. `may_list` finds out whether the caller may
    /// list the bucket; where that fails, the next 403 tries again.
    pub(crate) fn pending(
        &mut self,
        pending: Pending,
        policy: AccessDenied,
        may_list: impl FnOnce() -> Option<bool>,
    ) -> Result<()> {
        match pending {
            Pending::NotFound => {
                self.observed.not_found += 1;
                self.last = Some("not found".into());
            }
            Pending::Foreign(error) => self.foreign(&error),
            // A proxy or a filter responded, which says nothing about permissions.
            Pending::AccessDenied(error) if error.unrecognized_body().is_some() => {
                self.foreign(&error);
            }
            Pending::AccessDenied(error) => {
                let ends = match policy {
                    AccessDenied::Pending => false,
                    AccessDenied::Fail => true,
                    AccessDenied::Probe => {
                        self.may_list = self.may_list.or_else(may_list);
                        self.may_list == Some(true)
                    }
                };
                if ends {
                    return Err(Error::Service(error));
                }
                self.denied(&error);
                self.last = Some(error.to_string().into());
            }
            // The output may still come, so this is no reason to find out who may list.
            Pending::FailureUnknown(error) => {
                if error.status() != 403 {
                    self.observed.failed += 1;
                } else if policy == AccessDenied::Fail {
                    return Err(Error::Service(error));
                } else {
                    self.denied(&error);
                }
                self.last = Some(error.to_string().into());
            }
        }
        Ok(())
    }

    /// Counts the response of another server, which says nothing about the objects.
    fn foreign(&mut self, error: &ServiceError) {
        self.observed.failed += 1;
        self.last = Some(error.to_string().into());
        self.remedy = error.remedy();
    }

    fn denied(&mut self, error: &ServiceError) {
        self.observed.access_denied += 1;
        self.denied_by_code |= error.is_missing_permission();
    }

    /// Counts a poll that failed; an error that polling on does not cure ends the wait.
    pub(crate) fn failed(&mut self, error: Error) -> Result<()> {
        // Credentials that were valid earlier in this wait may be renewed before it ends.
        let responded = self.observed.not_found + self.observed.access_denied > 0;
        let renewable = matches!(error, Error::Credentials(_)) && responded;
        if !is_passing(&error) && !renewable {
            return Err(error);
        }
        self.observed.failed += 1;
        self.last = Some(with_cause(&error).into());
        self.remedy = error.remedy();
        Ok(())
    }
}

/// The error, and where its own words do not say why, its cause.
fn with_cause(error: &Error) -> String {
    use crate::error::TransportErrorKind::{Protocol, Tls};
    match (error, error.source()) {
        (Error::Transport(transport), Some(cause))
            if matches!(transport.kind(), Protocol | Tls) =>
        {
            format!("{error}: {cause}")
        }
        _ => error.to_string(),
    }
}

/// Whether to continue polling after this error.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Transport(transport) => !transport.is_final(),
        Error::Service(fault) => {
            fault.status() >= 500 || fault.is_throttling() || fault.is_transient()
        }
        _ => false,
    }
}
