//! The thread that extends visibility timeouts.

use std::time::Duration;

use super::core::{Core, State, TICK_WHILE_BUSY, Wish, is_stale, take_due};
use super::stats::add;
use crate::aws::RequestPolicy;
use crate::aws::sqs::{self, Outcomes};
use crate::error::Error;
use crate::sys::lock;

/// The wait while there are no messages: a new one wakes the thread.
const IDLE: Duration = Duration::from_mins(1);

/// Runs until the core closes and no message is left.
pub(super) fn run(core: &Core) {
    let mut state = lock(&core.state);
    loop {
        let working = state
            .entries
            .values()
            .any(|entry| entry.wish == Wish::Keep && !entry.busy);
        if state.closing && !working {
            return;
        }
        let now = core.now();
        let batch = due(core, &mut state, now);
        if batch.is_empty() {
            let nap = if working { TICK_WHILE_BUSY } else { IDLE };
            state = core.wait(state, nap);
            continue;
        }
        drop(state);
        send(core, &batch, now);
        state = lock(&core.state);
    }
}

/// The messages whose visibility timeout is half over, with their new one.
fn due(core: &Core, state: &mut State, now: Duration) -> Vec<(u64, String, Duration)> {
    if state.may_not_change {
        return Vec::new();
    }
    let half = core.visibility / 2;
    let due = take_due(state, |entry| {
        entry.wish == Wish::Keep
            && entry.deadline > now
            && entry.deadline.saturating_sub(now) <= half
            && entry.not_before <= now
            // At the end of the 12 hours nothing can be extended.
            && now + Core::longest(entry.received, now) > entry.deadline
    });
    due.into_iter()
        .map(|(key, receipt, _)| {
            let received = state.entries.get(&key).map_or(now, |entry| entry.received);
            let longest = Core::longest(received, now);
            (key, receipt, core.visibility.min(longest))
        })
        .collect()
}

fn send(core: &Core, batch: &[(u64, String, Duration)], sent: Duration) {
    let changes: Vec<_> = batch
        .iter()
        .map(|(_, receipt, visibility)| (receipt.as_str(), *visibility))
        .collect();
    // A deletion waits for the end of this request, which therefore leaves time for that and for another attempt.
    let policy = RequestPolicy {
        deadline: Some(sent + core.visibility / 4),
        ..RequestPolicy::default()
    };
    let outcomes = core.queue().change_visibility(&changes, policy);
    let outcomes = outcomes.map_err(Error::from);
    let mut state = lock(&core.state);
    settle(core, &mut state, batch, outcomes, sent);
    drop(state);
    core.changed.notify_all();
}

fn settle(
    core: &Core,
    state: &mut State,
    batch: &[(u64, String, Duration)],
    outcomes: Result<Outcomes, Error>,
    sent: Duration,
) {
    let now = core.now();
    let denied = match &outcomes {
        Err(error) => sqs::is_access_denied(error),
        Ok(outcomes) => outcomes
            .iter()
            .flatten()
            .any(|outcome| outcome.as_ref().is_err_and(sqs::Refused::is_denied)),
    };
    state.may_not_change |= denied;
    // For a single message the refusal is that of the request.
    let useless = outcomes.as_ref().is_err_and(is_stale) && batch.len() == 1;
    let outcomes = outcomes.unwrap_or_default();
    for (index, (key, _, visibility)) in batch.iter().enumerate() {
        let Some(entry) = state.entries.get_mut(key) else {
            continue;
        };
        entry.busy = false;
        match outcomes.get(index).and_then(Option::as_ref) {
            Some(Ok(())) => {
                entry.deadline = sent + *visibility;
                add(&core.counters.extended, 1);
            }
            outcome if useless || matches!(outcome, Some(Err(refused)) if refused.is_stale()) => {
                // Another consumer may have it.
                entry.deadline = entry.deadline.min(now);
                add(&core.counters.extension_failures, 1);
            }
            _ => {
                entry.not_before = now + core.visibility / 16;
                add(&core.counters.extension_failures, 1);
            }
        }
    }
}
