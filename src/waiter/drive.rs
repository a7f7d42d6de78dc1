//! The loop of a wait: polls, reports progress, sleeps.

use std::ops::ControlFlow;
use std::time::Duration;

use super::WaiterConfig;
use super::schedule::Age;
use super::state::WaitState;
use crate::aws::RequestPolicy;
use crate::error::{Error, Result, TransferErrorKind};
use crate::sys::Sys;

/// What is waited for.
pub(crate) trait Polled {
    type Outcome;

    /// One poll. `None`: it is pending, and counted as such.
    fn poll(
        &mut self,
        wait: &mut WaitState,
        policy: RequestPolicy<'_>,
    ) -> Result<Option<Self::Outcome>>;

    /// How old it is, for a schedule that adapts to that.
    fn age(&self, wait: &WaitState) -> Age;

    /// Reports a poll that found it pending; `next` is the time of the next one.
    fn report(&mut self, wait: &WaitState, next: Option<Duration>) -> ControlFlow<()>;
}

/// How a wait ends without an outcome.
pub(crate) enum Ended {
    Failed(Error),
    Cancelled,
    StoppedByProgress,
    TimedOut,
}

/// Polls on the waiter's schedule until there is an outcome, an error, or a limit of the waiter is reached.
pub(crate) fn drive<P: Polled>(
    waiter: &WaiterConfig,
    sys: &Sys,
    wait: &mut WaitState,
    polled: &mut P,
) -> Result<P::Outcome, Ended> {
    let clock = sys.clock();
    let mut wake = wait.clamp(wait.started + waiter.first_pause(&polled.age(wait)));
    loop {
        waiter.sleep_until(clock, wake);
        if waiter.is_cancelled() {
            return Err(Ended::Cancelled);
        }
        let overslept = wait.grant_last_poll(clock.monotonic());
        wait.attempts += 1;
        let policy = waiter.policy(wait.deadline);
        match polled.poll(wait, policy) {
            Ok(Some(outcome)) => return Ok(outcome),
            Ok(None) => {}
            // The token ended the read of an output that a poll had found.
            Err(Error::Transfer(error)) if error.kind() == TransferErrorKind::Stopped => {
                return Err(Ended::Cancelled);
            }
            Err(error) => return Err(Ended::Failed(error)),
        }
        // The cancelled request of this poll was counted as a failed one.
        if waiter.is_cancelled() {
            return Err(Ended::Cancelled);
        }
        let now = clock.monotonic();
        let next = waiter
            .pause_after(wait.attempts, &polled.age(wait), sys.random().fraction())
            .filter(|_| !overslept)
            .map(|pause| wait.clamp(now + pause))
            .filter(|next| *next > now);
        if polled.report(wait, next).is_break() {
            return Err(Ended::StoppedByProgress);
        }
        match next {
            Some(next) => wake = next,
            None => return Err(Ended::TimedOut),
        }
    }
}
