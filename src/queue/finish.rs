//! The thread that sends deletions and releases.

use std::time::Duration;

use super::core::{Core, State, TICK_WHILE_BUSY, Wish, is_passing, is_stale, linger, take_due};
use super::stats::add;
use crate::aws::RequestPolicy;
use crate::aws::sqs::{self, MAX_BATCH, Outcomes, Refused};
use crate::error::Error;
use crate::sys::lock;

/// The wait while there are no entries: a new one wakes the thread.
const IDLE: Duration = Duration::from_mins(1);
/// One request, retries included.
const REQUEST_TIME: Duration = Duration::from_secs(20);
/// Maximum number of attempts of a deletion that fails for a transient reason; at the end there is one.
const MAX_ATTEMPTS: u32 = 5;
/// Time from the first attempt to the second; doubled after each further one.
const BACKOFF: Duration = Duration::from_secs(1);

type Batch = Vec<(u64, String, Wish)>;

/// Runs until the core closes and nothing waits.
pub(super) fn run(core: &Core) {
    let mut state = lock(&core.state);
    loop {
        let pending = state.pending();
        if state.closing && state.entries.is_empty() {
            return;
        }
        let batch = due(core, &mut state);
        if batch.is_empty() {
            let nap = if pending > 0 { TICK_WHILE_BUSY } else { IDLE };
            state = core.wait(state, nap);
            continue;
        }
        drop(state);
        send(core, &batch);
        state = lock(&core.state);
    }
}

/// The entries of one kind that are to be sent now.
fn due(core: &Core, state: &mut State) -> Batch {
    let now = core.now();
    let at_once = state.closing || state.flush;
    let deletions = || {
        let entries = state.entries.values();
        entries.filter(|entry| entry.wish == Wish::Delete && !entry.busy)
    };
    let first = deletions().map(|entry| entry.since).min();
    let ripe = first.is_some_and(|first| now >= first + linger(core));
    if at_once || ripe || deletions().count() >= MAX_BATCH {
        let batch = take_due(state, |entry| {
            entry.wish == Wish::Delete && (at_once || entry.not_before <= now)
        });
        if !batch.is_empty() {
            return batch;
        }
    }
    take_due(state, |entry| matches!(entry.wish, Wish::Release(_)))
}

fn send(core: &Core, batch: &Batch) {
    let deletes = matches!(batch.first(), Some((_, _, Wish::Delete)));
    let policy = RequestPolicy {
        deadline: Some(core.now() + REQUEST_TIME),
        ..RequestPolicy::default()
    };
    if deletes {
        let receipts: Vec<_> = batch.iter().map(|(_, receipt, _)| &**receipt).collect();
        let outcomes = core.queue().delete(&receipts, policy);
        settle_deletions(core, batch, outcomes.map_err(Error::from));
    } else {
        release(core, batch, policy);
    }
    core.changed.notify_all();
}

/// Releases messages. A failure only costs time: they become visible by themselves.
fn release(core: &Core, batch: &Batch, policy: RequestPolicy<'_>) {
    let now = core.now();
    let changes: Vec<_> = batch
        .iter()
        .filter_map(|(key, receipt, wish)| match wish {
            Wish::Release(after) => {
                let state = lock(&core.state);
                let received = state.entries.get(key)?.received;
                Some((&**receipt, (*after).min(Core::longest(received, now))))
            }
            _ => None,
        })
        .collect();
    let may_not = lock(&core.state).may_not_change;
    let outcomes = if may_not || changes.is_empty() {
        Ok(Vec::new())
    } else {
        let outcomes = core.queue().change_visibility(&changes, policy);
        outcomes.map_err(Error::from)
    };
    let denied = outcomes.as_ref().is_err_and(sqs::is_access_denied);
    let given_back = outcomes.unwrap_or_default();
    let given_back = given_back
        .iter()
        .flatten()
        .filter(|one| one.is_ok())
        .count();
    add(&core.counters.released, given_back);
    let mut state = lock(&core.state);
    state.may_not_change |= denied;
    for (key, ..) in batch {
        state.entries.remove(key);
    }
}

fn settle_deletions(core: &Core, batch: &Batch, outcomes: Result<Outcomes, Error>) {
    let mut state = lock(&core.state);
    let last = state.closing || state.flush;
    let (outcomes, whole) = match outcomes {
        Ok(outcomes) => (outcomes, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let operation = "DeleteMessageBatch";
    let mut gave_up = false;
    for (index, (key, ..)) in batch.iter().enumerate() {
        let verdict = match (outcomes.get(index), &whole) {
            (Some(Some(Ok(()))), _) => Verdict::Deleted,
            (Some(Some(Err(refused))), _) => Verdict::of_entry(refused),
            (_, Some(error)) => Verdict::of_request(error),
            // The response does not mention it; a second deletion does no harm.
            _ => Verdict::Again,
        };
        if verdict == Verdict::Again && again(core, &mut state, *key, last) {
            continue;
        }
        state.entries.remove(key);
        match verdict {
            Verdict::Deleted => add(&core.counters.deleted, 1),
            Verdict::Stale => add(&core.counters.lost, 1),
            Verdict::Again | Verdict::Failed => {
                add(&core.counters.delete_failures, 1);
                gave_up = true;
                let entry = outcomes.get(index).cloned().flatten();
                if let Some(Err(refused)) = entry {
                    let error = refused.into_error(operation, &core.url);
                    core.note_failure(&mut state, error);
                }
            }
        }
    }
    if let Some(error) = whole
        && gave_up
    {
        core.note_failure(&mut state, error);
    }
}

/// Schedules another attempt of an entry. False if it has had all attempts.
fn again(core: &Core, state: &mut State, key: u64, last: bool) -> bool {
    let now = core.now();
    let Some(entry) = state.entries.get_mut(&key) else {
        return false;
    };
    entry.attempts += 1;
    entry.busy = false;
    entry.not_before = now + BACKOFF * (1 << entry.attempts.min(5));
    entry.attempts < if last { 2 } else { MAX_ATTEMPTS }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Deleted,
    /// The receipt handle is no longer valid, so that the message is delivered again.
    Stale,
    Again,
    Failed,
}

impl Verdict {
    fn of_entry(refused: &Refused) -> Self {
        if refused.is_stale() {
            Self::Stale
        } else if refused.is_passing() && !refused.is_denied() {
            Self::Again
        } else {
            Self::Failed
        }
    }

    fn of_request(error: &Error) -> Self {
        if is_stale(error) {
            Self::Stale
        } else if is_passing(error) {
            Self::Again
        } else {
            Self::Failed
        }
    }
}
