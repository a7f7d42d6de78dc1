//! Waits until an endpoint is in service, or gone.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::EndpointStatus;
use super::describe::EndpointDescription;
use super::settle::is_not_found;
use crate::aws::{CallError, RequestPolicy, sagemaker};
use crate::error::{EndpointWaitError, EndpointWaitReason, Error, Result};
use crate::limits::check_name;
use crate::session::Session;
use crate::waiter::drive::{Ended, Polled, drive};
use crate::waiter::schedule::Age;
use crate::waiter::state::{WaitState, is_passing};
use crate::waiter::{CancelToken, WaiterConfig};

/// How long a wait for an endpoint lasts and how often it polls.
///
/// [`in_service`](Self::in_service) and [`deleted`](Self::deleted) are the published waiters of the API's model:
/// `DescribeEndpoint` every 30 s, up to 120 and up to 60 times. Like those, a wait ends with the state that is waited
/// for, with `Failed`, and when the endpoint does not exist (a `ValidationException` that says so; another is an
/// error). It also ends with `UpdateRollbackFailed`, from which no operation recovers.
///
/// For a minute after a change that was requested with this [`Endpoint`](super::Endpoint) or a clone, the state from
/// before it does not end a wait: the service may not show the change yet. Polls that fail because of the network or
/// the service are ignored, and so are those without credentials once there was a description.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::endpoint::EndpointWaiter;
///
/// let waiter = EndpointWaiter::in_service()
///     .every(Duration::from_secs(10), 360)?
///     .deadline(Duration::from_secs(3600))?
///     .progress(|wait| {
///         eprintln!("{} after {:?}", wait.description().status().as_str(), wait.elapsed());
///         std::ops::ControlFlow::Continue(())
///     });
/// # let _ = waiter;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct EndpointWaiter {
    delay: Duration,
    max_attempts: u32,
    deadline: Option<Duration>,
    progress: Option<Arc<ProgressFn>>,
    cancel: Option<CancelToken>,
}

type ProgressFn = dyn Fn(&EndpointProgress<'_>) -> ControlFlow<()> + Send + Sync;

/// The progress of a wait, after each poll that did not end it.
///
/// ```
/// use std::ops::ControlFlow;
/// use sagemaker_async_inference::endpoint::EndpointWaiter;
///
/// let waiter = EndpointWaiter::in_service().progress(|wait| {
///     eprintln!("poll {} of {}", wait.attempts(), wait.max_attempts());
///     ControlFlow::Continue(())
/// });
/// # let _ = waiter;
/// ```
#[derive(Debug)]
pub struct EndpointProgress<'a> {
    description: &'a EndpointDescription,
    attempts: u32,
    max_attempts: u32,
    elapsed: Duration,
    next_poll_in: Option<Duration>,
}

#[cfg(feature = "local")]
impl<'a> EndpointProgress<'a> {
    /// For tests of a progress callback: what it receives after `attempts` polls that had this description.
    pub fn for_tests(
        description: &'a EndpointDescription,
        attempts: u32,
        max_attempts: u32,
        elapsed: Duration,
    ) -> Self {
        Self {
            description,
            attempts,
            max_attempts,
            elapsed,
            next_poll_in: (attempts < max_attempts).then_some(Duration::from_secs(30)),
        }
    }
}

impl EndpointProgress<'_> {
    /// The description from the last poll.
    pub fn description(&self) -> &EndpointDescription {
        self.description
    }

    /// Number of polls so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Maximum number of polls of this wait.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Time since the wait began.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Time until the next poll; `None` if this was the last.
    pub fn next_poll_in(&self) -> Option<Duration> {
        self.next_poll_in
    }
}

impl EndpointWaiter {
    /// The published waiter `EndpointInService`: every 30 s, up to 120 times.
    pub fn in_service() -> Self {
        Self::new(120)
    }

    /// The published waiter `EndpointDeleted`: every 30 s, up to 60 times.
    pub fn deleted() -> Self {
        Self::new(60)
    }

    fn new(max_attempts: u32) -> Self {
        Self {
            delay: Duration::from_secs(30),
            max_attempts,
            deadline: None,
            progress: None,
            cancel: None,
        }
    }

    /// Polls every `delay` (1 ms to 24 hours), at most `max_attempts` times (1 to 10,000,000).
    ///
    /// # Errors
    /// [`Error::InvalidInput`]: a value is out of range.
    pub fn every(mut self, delay: Duration, max_attempts: u32) -> Result<Self> {
        let _ = WaiterConfig::new(max_attempts, delay)?;
        (self.delay, self.max_attempts) = (delay, max_attempts);
        Ok(self)
    }

    /// Sets the longest time that the wait may take (1 ms to 365 days). Default: none.
    ///
    /// # Errors
    /// [`Error::InvalidInput`]: the time is out of range.
    pub fn deadline(mut self, deadline: Duration) -> Result<Self> {
        let _ = WaiterConfig::builder().deadline(deadline).build()?;
        self.deadline = Some(deadline);
        Ok(self)
    }

    /// Sets a callback for each poll that did not end the wait, on the waiting thread; [`ControlFlow::Break`] stops
    /// the wait. Default: none.
    pub fn progress(
        mut self,
        callback: impl Fn(&EndpointProgress<'_>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(callback));
        self
    }

    /// Stops the wait from another thread. Default: none.
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    pub(crate) fn cancel_token(&self) -> Option<CancelToken> {
        self.cancel.clone()
    }

    /// The schedule, in the form that waits for results use.
    fn schedule(&self) -> Result<WaiterConfig> {
        let mut builder = WaiterConfig::builder()
            .delay(self.delay)
            .max_attempts(self.max_attempts);
        if let Some(deadline) = self.deadline {
            builder = builder.deadline(deadline);
        }
        if let Some(token) = &self.cancel {
            builder = builder.cancel(token.clone());
        }
        builder.build()
    }
}

impl fmt::Debug for EndpointWaiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointWaiter")
            .field("delay", &self.delay)
            .field("max_attempts", &self.max_attempts)
            .field("deadline", &self.deadline)
            .field("progress", &self.progress.is_some())
            .field("cancel", &self.cancel)
            .finish()
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
enum Awaited<'a> {
    /// With this configuration, if one is named.
    InService(Option<&'a str>),
    Deleted,
}

/// A change that was requested. The service may describe what was there before for a while.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Creation,
    /// With the description before it.
    Update(Box<EndpointDescription>),
    /// Another number of instances of a variant.
    Capacity {
        variant: String,
        count: u64,
    },
    Deletion,
}

/// A change, and when it was requested, on the monotonic clock.
#[derive(Debug, Clone)]
pub(crate) struct Requested {
    pub(crate) at: Duration,
    pub(crate) change: Change,
}

/// From this time on a description is taken to be of the state after the change.
const VISIBLE_AFTER: Duration = Duration::from_mins(1);

impl Change {
    /// Whether a wait may take the state from before this change for its end.
    fn misleads(&self, awaited: Awaited<'_>) -> bool {
        matches!(self, Self::Deletion) == matches!(awaited, Awaited::Deleted)
    }

    /// Whether this is the description from before the change.
    fn is_before(&self, seen: Option<&EndpointDescription>) -> bool {
        match (self, seen) {
            (Self::Creation, None) => true,
            (Self::Update(before), Some(seen)) => {
                let modified = |of: &EndpointDescription| of.raw().get("LastModifiedTime").cloned();
                before.status() == seen.status() && modified(before) == modified(seen)
            }
            (Self::Capacity { variant, count }, Some(seen)) => {
                let variants = seen.variants();
                let found = variants.iter().find(|found| found.name() == variant);
                seen.status() == EndpointStatus::InService
                    && found.is_some_and(|found| found.desired_instance_count() != Some(*count))
            }
            // An endpoint that failed before.
            (Self::Deletion, Some(seen)) => has_failed(&seen.status()),
            _ => false,
        }
    }
}

fn has_failed(status: &EndpointStatus) -> bool {
    matches!(
        status,
        EndpointStatus::Failed | EndpointStatus::UpdateRollbackFailed
    )
}

/// An endpoint that is waited for.
struct Waiting<'a> {
    session: &'a Session,
    name: &'a str,
    awaited: Awaited<'a>,
    waiter: &'a EndpointWaiter,
    /// Until it is visible.
    change: Option<Requested>,
    seen: Option<EndpointDescription>,
    last_error: Option<String>,
    /// A state that ends the wait.
    bad_end: Option<EndpointWaitReason>,
}

/// Waits until the endpoint is in service, with a certain configuration if one is named.
pub(crate) fn in_service(
    session: &Session,
    name: &str,
    config: Option<&str>,
    change: Option<Requested>,
    waiter: &EndpointWaiter,
) -> Result<EndpointDescription> {
    let awaited = Awaited::InService(config);
    wait(session, name, awaited, change, waiter)
}

/// The error of what was cancelled before its next step.
pub(crate) fn cancelled(name: &str, awaited: &'static str) -> Error {
    EndpointWaitError {
        endpoint_name: name.to_owned(),
        awaited,
        reason: EndpointWaitReason::Cancelled,
        status: None,
        failure_reason: None,
        attempts: 0,
        elapsed: Duration::ZERO,
        last_error: None,
    }
    .into()
}

/// Waits until the endpoint is gone.
pub(crate) fn deleted(
    session: &Session,
    name: &str,
    change: Option<Requested>,
    waiter: &EndpointWaiter,
) -> Result<()> {
    wait(session, name, Awaited::Deleted, change, waiter).map(drop)
}

/// The last description; of an endpoint that is gone there is none.
fn wait(
    session: &Session,
    name: &str,
    awaited: Awaited<'_>,
    change: Option<Requested>,
    waiter: &EndpointWaiter,
) -> Result<EndpointDescription> {
    check_name("endpoint name", name)?;
    let sys = session.sys();
    let schedule = waiter.schedule()?;
    let mut state = WaitState::new(&schedule, sys.clock().monotonic());
    let mut waiting = Waiting {
        session,
        name,
        awaited,
        waiter,
        change: change.filter(|requested| requested.change.misleads(awaited)),
        seen: None,
        last_error: None,
        bad_end: None,
    };
    drive(&schedule, sys, &mut state, &mut waiting)
        .and_then(|end| match waiting.bad_end.take() {
            None => Ok(end),
            Some(reason) => Err(Ended::Failed(waiting.ended(&state, reason))),
        })
        .map_err(|ended| match ended {
            Ended::Failed(error) => error,
            Ended::Cancelled => waiting.ended(&state, EndpointWaitReason::Cancelled),
            Ended::StoppedByProgress => waiting.ended(&state, EndpointWaitReason::Progress),
            Ended::TimedOut => waiting.ended(&state, EndpointWaitReason::TimedOut),
        })
}

impl Polled for Waiting<'_> {
    type Outcome = EndpointDescription;

    fn poll(
        &mut self,
        _wait: &mut WaitState,
        policy: RequestPolicy<'_>,
    ) -> Result<Option<EndpointDescription>> {
        let input = json!({ "EndpointName": self.name });
        match sagemaker::DESCRIBE_ENDPOINT.send_within(
            self.session.caller(),
            self.name,
            &input,
            policy,
        ) {
            Ok(found) => {
                self.last_error = None;
                let description = EndpointDescription::new(found);
                self.seen = Some(description.clone());
                if self.is_stale(Some(&description)) {
                    return Ok(None);
                }
                match self.judge(&description) {
                    None => return Ok(None),
                    Some(Ok(())) => {}
                    Some(Err(reason)) => self.bad_end = Some(reason),
                }
                Ok(Some(description))
            }
            Err(CallError::Response(response)) if is_not_found(&response.error) => {
                if let Awaited::InService(_) = self.awaited {
                    if self.is_stale(None) {
                        self.last_error = Some(response.error.to_string());
                        return Ok(None);
                    }
                    self.bad_end = Some(EndpointWaitReason::NotFound);
                }
                Ok(Some(EndpointDescription::new(Value::Null)))
            }
            Err(failed) => {
                let error = Error::from(failed);
                // Credentials that were valid earlier in this wait may be renewed before it ends.
                let renewable = matches!(error, Error::Credentials(_)) && self.seen.is_some();
                if !is_passing(&error) && !renewable {
                    return Err(error);
                }
                self.last_error = Some(error.to_string());
                Ok(None)
            }
        }
    }

    fn age(&self, _wait: &WaitState) -> Age {
        Age::default()
    }

    fn report(&mut self, wait: &WaitState, next: Option<Duration>) -> ControlFlow<()> {
        let (Some(callback), Some(description)) = (&self.waiter.progress, &self.seen) else {
            return ControlFlow::Continue(());
        };
        let now = self.session.sys().clock().monotonic();
        callback(&EndpointProgress {
            description,
            attempts: wait.attempts,
            max_attempts: self.waiter.max_attempts,
            elapsed: now.saturating_sub(wait.started),
            next_poll_in: next.map(|next| next.saturating_sub(now)),
        })
    }
}

impl Waiting<'_> {
    /// Whether the service does not describe the requested change yet.
    fn is_stale(&mut self, seen: Option<&EndpointDescription>) -> bool {
        let now = self.session.sys().clock().monotonic();
        self.change.take_if(|requested| {
            now.saturating_sub(requested.at) >= VISIBLE_AFTER || !requested.change.is_before(seen)
        });
        self.change.is_some()
    }

    /// Whether a state ends the wait, and how.
    fn judge(&self, seen: &EndpointDescription) -> Option<Result<(), EndpointWaitReason>> {
        match (seen.status(), self.awaited) {
            (status, _) if has_failed(&status) => Some(Err(EndpointWaitReason::Failed)),
            (EndpointStatus::InService, Awaited::InService(config)) => {
                let other = config.is_some() && seen.endpoint_config_name() != config;
                Some(if other {
                    Err(EndpointWaitReason::RolledBack)
                } else {
                    Ok(())
                })
            }
            _ => None,
        }
    }

    fn ended(&mut self, wait: &WaitState, reason: EndpointWaitReason) -> Error {
        let seen = self.seen.take();
        let clock = self.session.sys().clock();
        EndpointWaitError {
            endpoint_name: self.name.to_owned(),
            awaited: match self.awaited {
                Awaited::InService(_) => "in service",
                Awaited::Deleted => "deleted",
            },
            reason,
            status: seen.as_ref().map(EndpointDescription::status),
            failure_reason: seen.and_then(|seen| seen.failure_reason().map(str::to_owned)),
            attempts: wait.attempts,
            elapsed: clock.monotonic().saturating_sub(wait.started),
            last_error: self.last_error.take(),
        }
        .into()
    }
}
