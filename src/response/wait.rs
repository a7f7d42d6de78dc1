//! The wait for one inference.

use std::ops::ControlFlow;
use std::time::Duration;

use super::AsyncInferenceResponse;
use super::poll::Poll;
use crate::aws::s3::objects::OpenObject;
use crate::aws::{RequestPolicy, s3};
use crate::error::{Error, ModelFailure, PollingTimeout, Result, WaitStopReason, WaitStopped};
use crate::trace;
use crate::uri::S3Uri;
use crate::waiter::drive::{Ended, Polled, drive};
use crate::waiter::schedule::Age;
use crate::waiter::state::WaitState;
use crate::waiter::{WaitProgress, WaiterConfig};

/// How an inference ended: its processed output, or its failure.
pub(crate) enum Finished<T> {
    Output(T),
    Failure(ModelFailure),
}

/// The wait of a response, whose output `take` processes.
struct Waiting<'a, D, F> {
    response: &'a AsyncInferenceResponse<D>,
    waiter: &'a WaiterConfig,
    take: F,
}

/// Whether a server did not respond in time, or no connection was made.
fn is_unreachable(error: &Error) -> bool {
    use crate::error::TransportErrorKind::{Connect, Timeout};
    matches!(error, Error::Transport(error) if matches!(error.kind(), Connect | Timeout))
}

impl<D, F, T> Polled for Waiting<'_, D, F>
where
    F: FnMut(OpenObject) -> Result<T>,
{
    type Outcome = Finished<T>;

    fn poll(
        &mut self,
        wait: &mut WaitState,
        policy: RequestPolicy<'_>,
    ) -> Result<Option<Finished<T>>> {
        let polled = self.response.poll_in_wait(wait, policy);
        let polled = polled.and_then(|polled| match polled {
            // An output that breaks off while it is read is a failed poll.
            Poll::Output(object) => (self.take)(object).map(Poll::Output),
            Poll::Failure(failure) => Ok(Poll::Failure(failure)),
            Poll::Pending(pending) => Ok(Poll::Pending(pending)),
        });
        self.response.settle(polled, wait, self.waiter, policy)
    }

    fn age(&self, wait: &WaitState) -> Age {
        self.response.age(wait, self.waiter)
    }

    fn report(&mut self, wait: &WaitState, next: Option<Duration>) -> ControlFlow<()> {
        let now = self.response.session.sys().clock().monotonic();
        self.response.report(wait, self.waiter, now, next)
    }
}

impl<D> AsyncInferenceResponse<D> {
    /// Polls on the waiter's schedule; `take` processes the output, whose body is still to be read.
    pub(super) fn wait<T>(
        &self,
        waiter: &WaiterConfig,
        take: impl FnMut(OpenObject) -> Result<T>,
    ) -> Result<Finished<T>> {
        let id = self.inference_id();
        let _span = trace::wait(self.endpoint_name(), id, self.output_path());
        let sys = self.session.sys();
        let mut wait = self.begin_wait(waiter, sys.clock().monotonic());
        let mut waiting = Waiting {
            response: self,
            waiter,
            take,
        };
        let outcome = drive(waiter, sys, &mut wait, &mut waiting);
        let outcome = outcome.map_err(|ended| match ended {
            Ended::Failed(error) => error,
            Ended::Cancelled => self.stopped(&wait, WaitStopReason::Cancelled).into(),
            Ended::StoppedByProgress => self.stopped(&wait, WaitStopReason::Progress).into(),
            Ended::TimedOut => self.timed_out(&wait).into(),
        });
        let elapsed = self.elapsed(&wait);
        trace::waited(wait.attempts, elapsed, outcome.as_ref().err());
        outcome
    }

    /// One poll of a wait. A failure that cannot be requested in time takes a fifth of the time at most: the output
    /// may come.
    fn poll_in_wait(
        &self,
        wait: &mut WaitState,
        policy: RequestPolicy<'_>,
    ) -> Result<Poll<OpenObject>> {
        let get = |uri: &S3Uri, policy: RequestPolicy<'_>| self.open(uri, policy);
        let pending = match self.poll_output(policy, get)? {
            Poll::Pending(pending) => pending,
            found => return Ok(found),
        };
        let clock = self.session.sys().clock();
        let began = clock.monotonic();
        if began < wait.no_failure_before {
            return Ok(Poll::Pending(pending));
        }
        let polled = self.poll_failure(pending, policy, get);
        if polled.as_ref().is_err_and(is_unreachable) {
            let now = clock.monotonic();
            wait.no_failure_before = now + now.saturating_sub(began) * 4;
        }
        polled
    }

    /// Counts a poll's outcome: `Some` if the inference is finished, `None` if the wait continues. An error
    /// ends the wait.
    pub(crate) fn settle<T>(
        &self,
        polled: Result<Poll<T>>,
        wait: &mut WaitState,
        waiter: &WaiterConfig,
        policy: RequestPolicy<'_>,
    ) -> Result<Option<Finished<T>>> {
        let pending = match polled {
            Ok(Poll::Output(output)) => {
                self.record(wait);
                return Ok(Some(Finished::Output(output)));
            }
            Ok(Poll::Failure(failure)) => {
                self.record(wait);
                return Ok(Some(Finished::Failure(failure)));
            }
            Ok(Poll::Pending(pending)) => pending,
            Err(error) => return wait.failed(error).map(|()| None),
        };
        let may_list = || s3::may_list(self.session.s3(), self.output_path(), policy).ok();
        wait.pending(pending, waiter.access_denied(), may_list)?;
        Ok(None)
    }

    /// Reports a poll that found it pending.
    pub(crate) fn report(
        &self,
        wait: &WaitState,
        waiter: &WaiterConfig,
        now: Duration,
        next: Option<Duration>,
    ) -> ControlFlow<()> {
        let elapsed = now.saturating_sub(wait.started);
        trace::poll(wait.attempts, elapsed, wait.last.as_deref());
        waiter.report(|| WaitProgress {
            output_path: self.output_path(),
            attempts: wait.attempts,
            max_attempts: waiter.max_attempts(),
            elapsed,
            observed: &wait.observed,
            last_response: wait.last.as_deref(),
            next_poll_in: next.map(|next| next.saturating_sub(now)),
        })
    }

    pub(crate) fn stopped(&self, wait: &WaitState, reason: WaitStopReason) -> WaitStopped {
        WaitStopped {
            reason,
            handle: self.handle.clone(),
            attempts: wait.attempts,
            elapsed: self.elapsed(wait),
        }
    }

    pub(crate) fn timed_out(&self, wait: &WaitState) -> PollingTimeout {
        PollingTimeout {
            denied_by_code: wait.denied_by_code,
            handle: self.handle.clone(),
            attempts: wait.attempts,
            elapsed: self.elapsed(wait),
            observed: wait.observed.clone(),
            last_response: wait.last.as_deref().map(str::to_owned),
            last_remedy: wait.remedy.clone(),
            limit: wait.limit(),
            since_submit: self.since_submit(wait),
        }
    }

    fn elapsed(&self, wait: &WaitState) -> Duration {
        let clock = self.session.sys().clock();
        clock.monotonic().saturating_sub(wait.started)
    }

    /// The age of the inference and the durations of others, for an adaptive waiter.
    pub(crate) fn age(&self, wait: &WaitState, waiter: &WaiterConfig) -> Age {
        if !waiter.is_adaptive() {
            return Age::default();
        }
        let history = self.session.history();
        Age {
            elapsed: self.since_submit(wait),
            usual: history.usual(self.endpoint_name()),
        }
    }

    /// The state of a wait that begins now.
    pub(crate) fn begin_wait(&self, waiter: &WaiterConfig, now: Duration) -> WaitState {
        let mut wait = WaitState::new(waiter, now);
        wait.age = match self.submitted {
            Some(submitted) => now.saturating_sub(submitted),
            None => self.age_by_wall_clock(),
        };
        wait
    }

    /// The age of an inference that was submitted by another process or an earlier one; the clock may have been set since.
    /// Zero where the time of the submit is not known, or is in the future by this machine's clock.
    fn age_by_wall_clock(&self) -> Duration {
        let now = self.session.sys().clock().now();
        let age = self
            .handle
            .submitted_at
            .map(|submitted| now.duration_since(submitted));
        age.and_then(std::result::Result::ok).unwrap_or_default()
    }

    /// Time since the submit, or where that is not known since the wait began. A wall clock that is set during the
    /// wait does not change it.
    fn since_submit(&self, wait: &WaitState) -> Duration {
        wait.age + self.elapsed(wait)
    }

    /// Records how long the inference took, if that is known: an outcome that the first poll found may have
    /// been there for long.
    fn record(&self, wait: &WaitState) {
        if self.handle.submitted_at.is_some() && wait.observed.not_found > 0 {
            let history = self.session.history();
            history.record(self.endpoint_name(), self.since_submit(wait));
        }
    }
}
