//! One handle's polls: its GETs, their outcome, and when the next one is due.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use super::caught::{Caught, Ran};
use super::downloads::{Job, Way};
use super::fetch::{MAX_HELD, Taken, store, take_failure, take_output};
use super::poller::{Ended, Poller, REQUEST_TIME};
use super::slots::State;
use super::turns::Turn;
use crate::aws::{Replay, RequestPolicy};
use crate::error::{Error, Result, TransportErrorKind, WaitStopReason, is_throttling};
use crate::response::poll::Poll;
use crate::response::wait::Finished;
use crate::transfer::outcome::Outcome;
use crate::waiter::state::Pending;

/// Additional time for every megabyte of an object that is known to exist.
const TIME_PER_MEGABYTE: Duration = Duration::from_secs(1);
/// At first, one poll may take at most this fraction of the whole wait.
const SHARE_OF_WAIT: u32 = 8;
/// A request that fails after this time, for whatever reason, took too long.
const SLOW: Duration = Duration::from_secs(1);
/// A handle whose poll timed out gets twice the time for the next one, up to 2^10 times.
const MAX_SLOW: u8 = 10;

impl<D> Poller<D> {
    /// Polls by GET, the output and then the failure.
    pub(super) fn poll(&mut self, slot: u32, now: Duration) {
        let Some(polled) = self.slots.get_mut(slot) else {
            return;
        };
        let last = match polled.state {
            State::Queued => false,
            State::QueuedLast => true,
            // It was found in the meantime.
            _ => return,
        };
        let wait = &mut polled.wait;
        if wait.deadline.is_some_and(|deadline| now >= deadline) {
            return self.time_out(slot);
        }
        if last {
            // It counted as not found when it was not listed.
            wait.observed.not_found = wait.observed.not_found.saturating_sub(1);
        } else {
            wait.attempts += 1;
        }
        let deadline = self.deadline_for(slot, 0);
        self.poll_now(slot, deadline, now);
    }

    /// Polls on this thread.
    pub(super) fn poll_now(&mut self, slot: u32, deadline: Option<Duration>, now: Duration) {
        let Some(polled) = self.slots.get(slot) else {
            return;
        };
        let failure = polled.failure;
        let ran = Caught::catch(|| take_output(&polled.response, self.once(deadline)));
        let Some(polled) = self.returned(slot, ran) else {
            return;
        };
        let then = self.now();
        if self.note_output(slot, &polled, then.saturating_sub(now)) {
            self.turns.rest(now, then);
        }
        let polled = match (polled, failure) {
            (Ok(Poll::Pending(pending)), Some(prefix)) => {
                self.poll_failure_too(slot, prefix, pending)
            }
            (polled, _) => Some(polled),
        };
        if let Some(polled) = polled {
            self.settle(slot, polled);
        }
    }

    /// The second part of a poll: the failure, unless its bucket does not respond. `None` if the caller's code
    /// panicked.
    fn poll_failure_too(
        &mut self,
        slot: u32,
        prefix: u32,
        pending: Pending,
    ) -> Option<Result<Poll<Taken>>> {
        if self.turns.is_stuck(prefix) {
            return Some(Ok(Poll::Pending(pending)));
        }
        let (began, deadline) = (self.now(), self.deadline_for(slot, 0));
        let policy = self.once(deadline);
        let response = &self.slots.get(slot)?.response;
        let ran = Caught::catch(|| take_failure(response, pending, policy));
        let polled = self.returned(slot, ran)?;
        self.note_failure(prefix, &polled, began);
        Some(polled)
    }

    /// The policy of a request that only the next poll retries.
    fn once(&self, deadline: Option<Duration>) -> RequestPolicy<'_> {
        RequestPolicy {
            replay: Replay::Never,
            ..self.waiter.policy(deadline)
        }
    }

    /// Notes how the server of an output responds; returns whether it took too long.
    pub(super) fn note_output(
        &mut self,
        slot: u32,
        polled: &Result<Poll<Taken>>,
        took: Duration,
    ) -> bool {
        let is_slow = is_too_slow(polled, took);
        let Some(noted) = self.slots.get_mut(slot) else {
            return is_slow;
        };
        let (prefix, is_first) = (noted.output, noted.slow == 0);
        noted.slow = if is_slow {
            (noted.slow + 1).min(MAX_SLOW)
        } else {
            0
        };
        if !is_slow {
            self.turns.responded(prefix);
        } else if is_first {
            self.turns.took_too_long(prefix);
        }
        self.note_pace(prefix, polled);
        is_slow
    }

    /// Notes how the server of a failure responds.
    fn note_failure<T>(&mut self, prefix: u32, polled: &Result<T>, began: Duration) {
        let now = self.now();
        if is_too_slow(polled, now.saturating_sub(began)) {
            self.turns.took_too_long(prefix);
            self.turns.rest(began, now);
        } else {
            self.turns.responded(prefix);
        }
        self.note_pace(prefix, polled);
    }

    fn note_pace<T>(&mut self, prefix: u32, polled: &Result<T>) {
        let now = self.now();
        if matches!(polled, Err(Error::Service(fault)) if is_throttling(fault.status(), fault.code()))
        {
            self.turns.throttled(prefix, now);
        } else {
            self.turns.succeeded(prefix, now);
        }
    }

    /// The deadline of a poll.
    pub(super) fn deadline_for(&self, slot: u32, size: u64) -> Option<Duration> {
        let polled = self.slots.get(slot)?;
        let megabytes = u32::try_from(size >> 20).unwrap_or(u32::MAX);
        let first = match self.waiter.deadline() {
            Some(whole) => REQUEST_TIME.min(whole / SHARE_OF_WAIT),
            None => REQUEST_TIME,
        };
        let policy = first * (1 << polled.slow) + TIME_PER_MEGABYTE * megabytes;
        let end = self.now() + policy;
        let deadline = polled.wait.deadline;
        Some(deadline.map_or(end, |deadline| end.min(deadline)))
    }

    /// Counts a poll's outcome, and ends the handle or schedules its next poll.
    pub(super) fn settle(&mut self, slot: u32, polled: Result<Poll<Taken>>) {
        let now = self.now();
        let Some(polled) = self.store_if_wanted(slot, polled) else {
            return;
        };
        let Some(settled) = self.slots.get_mut(slot) else {
            return;
        };
        let prefix = self.prefixes.get_mut(settled.output as usize);
        let known = prefix.as_ref().and_then(|prefix| prefix.may_list);
        settled.wait.may_list = settled.wait.may_list.or(known);
        let policy = RequestPolicy {
            replay: Replay::Never,
            ..self.waiter.policy(Some(now + REQUEST_TIME))
        };
        let wait = &mut settled.wait;
        let finished = settled.response.settle(polled, wait, &self.waiter, policy);
        if let Some(prefix) = prefix {
            prefix.may_list = prefix.may_list.or(settled.wait.may_list);
        }
        let outcome = match finished {
            Ok(None) => {
                let found = settled.state == State::Found;
                if found && self.sleep_on(slot, now) {
                    return;
                }
                // A listed output that could not be fetched is one of its polls too.
                if found && let Some(settled) = self.slots.get_mut(slot) {
                    settled.wait.attempts += 1;
                }
                return self.end_poll(slot, true, now);
            }
            Ok(Some(Finished::Output(Taken::Held(object)))) => {
                settled.response.keep(Outcome::Output(object));
                Ok(None)
            }
            Ok(Some(Finished::Output(Taken::Large))) => Ok(None),
            Ok(Some(Finished::Output(Taken::Stored(path)))) => Ok(Some(path)),
            Ok(Some(Finished::Failure(failure))) => {
                settled.response.keep(Outcome::Failure(failure.clone()));
                Err(failure.into())
            }
            Err(error) => Err(error),
        };
        self.end(slot, outcome);
    }

    /// Stores an output in its file, if outputs go to files. `None` if a thread or a later request does that, or the
    /// handle is finished.
    fn store_if_wanted(
        &mut self,
        slot: u32,
        polled: Result<Poll<Taken>>,
    ) -> Option<Result<Poll<Taken>>> {
        let settled = self.slots.get_mut(slot)?;
        Some(match (polled, &self.path_of) {
            (Ok(Poll::Output(Taken::Large)), Some(_)) => {
                settled.state = State::Found;
                self.found.push_back((slot, MAX_HELD + 1));
                return None;
            }
            (Ok(Poll::Output(Taken::Held(object))), Some(path_of)) => {
                let ran = Caught::catch(|| path_of(&settled.response.handle()));
                let path = self.returned(slot, ran)?;
                let settled = self.slots.get_mut(slot)?;
                // Syncing a file to disk takes as long as some polls.
                if let Some(downloads) = &mut self.downloads {
                    settled.state = State::Found;
                    let response = settled.response.twin();
                    let way = Way::Store(object, path);
                    downloads.hand_out(Job {
                        slot,
                        response,
                        way,
                    });
                    return None;
                }
                store(object, path)
            }
            (polled, _) => polled,
        })
    }

    /// What the caller's code returned for a handle. A panic of it is stored, and is the handle's poll: the handle has
    /// its next one.
    pub(super) fn returned<T>(&mut self, slot: u32, ran: Ran<T>) -> Option<T> {
        let panic = match ran {
            Ran::Returned(value) => return Some(value),
            Ran::Panicked(panic) => panic,
        };
        self.panic = Some(panic);
        let now = self.now();
        if let Some(polled) = self.slots.get_mut(slot) {
            // A poll that is due was counted when it began.
            if !matches!(polled.state, State::Queued | State::QueuedLast) {
                polled.wait.attempts += 1;
            }
            self.end_poll(slot, true, now);
        }
        None
    }

    /// The failure of a handle whose output is found by listing.
    pub(super) fn poll_failure(&mut self, turn: Turn, now: Duration) {
        let slot = turn.slot;
        let deadline = self.deadline_for(slot, 0);
        let Some(open) = self.slots.get_mut(slot) else {
            return;
        };
        open.failure_queued = false;
        if open.state == State::Found {
            return;
        }
        let policy = RequestPolicy {
            replay: Replay::Never,
            ..self.waiter.policy(deadline)
        };
        match Caught::catch(|| open.response.has_failed(policy)) {
            Ran::Returned(failed) => {
                if matches!(failed, Ok(true)) {
                    open.state = State::Found;
                    self.found.push_back((slot, 0));
                }
                self.note_failure(turn.prefix, &failed, now);
            }
            Ran::Panicked(panic) => self.panic = Some(panic),
        }
    }

    /// Schedules the next poll after one that found nothing. The last poll has to be a GET of the handle's own, because
    /// no timeout depends on a listing alone.
    pub(super) fn end_poll(&mut self, slot: u32, own: bool, now: Duration) {
        let base = self.round_before(now);
        let origin = self.origin;
        let Some(polled) = self.slots.get_mut(slot) else {
            return;
        };
        let (response, wait) = (&polled.response, &polled.wait);
        let pause = self.waiter.pause_after(
            wait.attempts,
            &response.age(wait, &self.waiter),
            self.sys.random().fraction(),
        );
        let next = pause
            .map(|pause| {
                let after = polled.due.max(base) + pause;
                wait.clamp(round_after(origin, self.waiter.delay(), after))
            })
            .filter(|next| *next > now);
        match Caught::catch(|| response.report(wait, &self.waiter, now, next)) {
            Ran::Returned(ControlFlow::Continue(())) => {}
            Ran::Returned(ControlFlow::Break(())) => {
                let stopped = response.stopped(wait, WaitStopReason::Progress);
                return self.end(slot, Err(stopped.into()));
            }
            Ran::Panicked(panic) => self.panic = Some(panic),
        }
        match next {
            Some(due) => {
                polled.pause = pause.unwrap_or_default();
                polled.due = due;
                polled.state = State::Waiting;
                let prefix = polled.output;
                self.schedule(prefix, due);
            }
            None if own => self.time_out(slot),
            None => self.enqueue(slot, State::QueuedLast),
        }
    }

    pub(super) fn time_out(&mut self, slot: u32) {
        if let Some(late) = self.slots.get(slot) {
            let timeout = late.response.timed_out(&late.wait);
            self.end(slot, Err(timeout.into()));
        }
    }

    pub(super) fn end(&mut self, slot: u32, outcome: Result<Option<PathBuf>>) {
        if let Some(ended) = self.slots.take(slot) {
            let outcome = ended.response.about(outcome);
            self.ended.push_back(Ended {
                index: slot,
                response: ended.response,
                outcome,
            });
        }
    }

    /// Notes that the prefix has a handle that is due then.
    pub(super) fn schedule(&mut self, index: u32, due: Duration) {
        if let Some(prefix) = self.prefixes.get_mut(index as usize)
            && due < prefix.next
        {
            prefix.next = due;
            self.due.push(Reverse((due, index)));
        }
    }

    /// The first round that is not before `time`.
    pub(super) fn round_after(&self, time: Duration) -> Duration {
        round_after(self.origin, self.waiter.delay(), time)
    }

    /// The current or last round.
    pub(super) fn round_before(&self, now: Duration) -> Duration {
        let past = nanos(now.saturating_sub(self.origin)) % nanos(self.waiter.delay()).max(1);
        now.saturating_sub(Duration::from_nanos(past))
    }
}

fn round_after(origin: Duration, delay: Duration, time: Duration) -> Duration {
    let delay = nanos(delay).max(1);
    let past = nanos(time.saturating_sub(origin)) % delay;
    if past == 0 {
        time
    } else {
        time + Duration::from_nanos(delay - past)
    }
}

/// 64 bits hold 584 years of a monotonic clock, and are divided ten times as fast as 128.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether there was no response in time. A server that drops packets ends the attempt to connect long before.
fn is_too_slow<T>(polled: &Result<T>, took: Duration) -> bool {
    match polled {
        Err(error @ Error::Transport(_)) => is_timeout(error) || took >= SLOW,
        _ => false,
    }
}

pub(super) fn is_timeout(error: &Error) -> bool {
    matches!(error, Error::Transport(error) if error.kind() == TransportErrorKind::Timeout)
}
