//! The wait for one inference: its polls, what each is worth, and how it ends.

use std::ops::ControlFlow;
use std::time::Duration;

use super::AsyncInferenceResponse;
use crate::aws::{RequestPolicy, s3};
use crate::error::{Error, PollingTimeout, Result, WaitStopReason, WaitStopped};
use crate::response::look::{Fetch, Found, Look};
use crate::trace;
use crate::waiter::drive::{Wait, is_passing};
use crate::waiter::{AccessDenied, Age, WaitProgress, WaiterConfig};

impl<D> AsyncInferenceResponse<D> {
    pub(crate) fn wait<T>(&self, waiter: &WaiterConfig, fetch: &Fetch<'_, T>) -> Result<Found<T>> {
        let id = self.inference_id();
        let _span = trace::wait(self.endpoint_name(), id, self.output_path());
        let started = self.session.sys().clock().monotonic();
        let mut wait = Wait::new(waiter, started);
        let outcome = self.poll_until(waiter, &mut wait, fetch);
        let elapsed = self.elapsed(&wait);
        trace::waited(wait.attempts, elapsed, outcome.as_ref().err());
        outcome
    }

    fn poll_until<T>(
        &self,
        waiter: &WaiterConfig,
        wait: &mut Wait,
        fetch: &Fetch<'_, T>,
    ) -> Result<Found<T>> {
        let clock = self.session.sys().clock();
        let random = self.session.sys().random();
        let mut wake = wait.clamp(wait.started + waiter.first_pause(&self.age(wait, waiter)));
        loop {
            waiter.sleep_until(clock, wake);
            if waiter.is_cancelled() {
                return Err(self.stopped(wait, WaitStopReason::Cancelled).into());
            }
            let overslept = wait.grant_last_poll(clock.monotonic());
            wait.attempts += 1;
            let policy = waiter.policy(wait.deadline);
            let look = self.look_by(policy, fetch);
            if let Some(outcome) = self.judge(look, wait, waiter, policy)? {
                return Ok(outcome);
            }
            if waiter.is_cancelled() {
                return Err(self.stopped(wait, WaitStopReason::Cancelled).into());
            }
            let now = clock.monotonic();
            let next = waiter
                .pause_after(wait.attempts, &self.age(wait, waiter), random)
                .filter(|_| !overslept)
                .map(|pause| wait.clamp(now + pause))
                .filter(|next| *next > now);
            if let ControlFlow::Break(()) = self.report(wait, waiter, next) {
                return Err(self.stopped(wait, WaitStopReason::Progress).into());
            }
            match next {
                Some(next) => wake = next,
                None => return Err(self.timed_out(wait).into()),
            }
        }
    }

    /// Tells of a poll that found nothing.
    pub(crate) fn report(
        &self,
        wait: &Wait,
        waiter: &WaiterConfig,
        next: Option<Duration>,
    ) -> ControlFlow<()> {
        let now = self.session.sys().clock().monotonic();
        let elapsed = now.saturating_sub(wait.started);
        trace::poll(wait.attempts, elapsed, wait.last_answer.as_deref());
        waiter.report(&WaitProgress {
            output_path: self.output_path(),
            attempts: wait.attempts,
            max_attempts: waiter.max_attempts(),
            elapsed,
            observed: &wait.observed,
            next_poll_in: next.map(|next| next.saturating_sub(now)),
        })
    }

    /// One look, with what it found counted. An error ends the wait.
    pub(crate) fn judge<T>(
        &self,
        look: Result<Look<T>>,
        wait: &mut Wait,
        waiter: &WaiterConfig,
        policy: RequestPolicy<'_>,
    ) -> Result<Option<Found<T>>> {
        match look {
            Ok(Look::Done(outcome)) => {
                self.record(wait);
                return Ok(Some(outcome));
            }
            Ok(Look::NotFound) => {
                wait.observed.not_found += 1;
                wait.last_answer = Some("not found".into());
            }
            // A proxy or a filter answered, which says nothing of permissions.
            Ok(Look::AccessDenied(error)) if error.foreign_body().is_some() => {
                wait.observed.failed += 1;
                wait.last_answer = Some(error.to_string().into());
            }
            Ok(Look::AccessDenied(error)) => {
                if self.denied_for_good(wait, waiter, policy) {
                    return Err(Error::Service(error));
                }
                wait.observed.access_denied += 1;
                wait.last_answer = Some(error.to_string().into());
            }
            // The output may come yet, so this is no reason to look who may list.
            Ok(Look::FailureUnknown(error)) => {
                if error.status() != 403 {
                    wait.observed.failed += 1;
                } else if waiter.access_denied() == AccessDenied::Fail {
                    return Err(Error::Service(error));
                } else {
                    wait.observed.access_denied += 1;
                }
                wait.last_answer = Some(error.to_string().into());
            }
            Err(error) if is_passing(&error) || wait.outlasts(&error) => {
                wait.observed.failed += 1;
                wait.last_answer = Some(error.to_string().into());
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// Whether a 403 ends the wait. A probe that fails finds out nothing; the next 403 tries again.
    fn denied_for_good(
        &self,
        wait: &mut Wait,
        waiter: &WaiterConfig,
        policy: RequestPolicy<'_>,
    ) -> bool {
        match waiter.access_denied() {
            AccessDenied::Pending => false,
            AccessDenied::Fail => true,
            AccessDenied::Probe => {
                if wait.may_list.is_none() {
                    wait.may_list =
                        s3::may_list(self.session.s3(), self.output_path(), policy).ok();
                }
                wait.may_list == Some(true)
            }
        }
    }

    pub(crate) fn stopped(&self, wait: &Wait, reason: WaitStopReason) -> WaitStopped {
        WaitStopped {
            reason,
            handle: self.handle.clone(),
            attempts: wait.attempts,
            elapsed: self.elapsed(wait),
        }
    }

    pub(crate) fn timed_out(&self, wait: &Wait) -> PollingTimeout {
        PollingTimeout {
            handle: self.handle.clone(),
            attempts: wait.attempts,
            elapsed: self.elapsed(wait),
            observed: wait.observed.clone(),
            last_answer: wait.last_answer.as_deref().map(str::to_owned),
            limit: wait.limit(),
            since_submit: self.since_submit(wait),
        }
    }

    fn elapsed(&self, wait: &Wait) -> Duration {
        let clock = self.session.sys().clock();
        clock.monotonic().saturating_sub(wait.started)
    }

    /// How old the inference is, and what others took, for a waiter that asks for it.
    pub(crate) fn age(&self, wait: &Wait, waiter: &WaiterConfig) -> Age {
        if !waiter.is_adaptive() {
            return Age::default();
        }
        let history = self.session.history();
        Age {
            elapsed: self.since_submit(wait),
            usual: history.usual(self.endpoint_name()),
        }
    }

    /// Time since the submit, or where that is not known since the wait began.
    fn since_submit(&self, wait: &Wait) -> Duration {
        match self.handle.submitted_at {
            // A wall clock that was set back makes it young.
            Some(submitted) => {
                let now = self.session.sys().clock().now();
                now.duration_since(submitted).unwrap_or_default()
            }
            None => self.elapsed(wait),
        }
    }

    /// Remembers how long the inference took, if that is known: an outcome that the first look
    /// found may have been there for long.
    pub(crate) fn record(&self, wait: &Wait) {
        if self.handle.submitted_at.is_some() && wait.observed.not_found > 0 {
            let history = self.session.history();
            history.record(self.endpoint_name(), self.since_submit(wait));
        }
    }
}
