//! Interprets listings: which outcomes exist, which do not, and which must be requested one by one.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::caught::{Caught, Ran};
use super::poller::{Poller, REQUEST_TIME};
use super::polls::is_timeout;
use super::prefix::{BREAK_EVEN, Covered, Listed, Scan, Which};
use super::slots::State;
use super::turns::Turn;
use crate::aws::{CallError, Replay, RequestPolicy};
use crate::error::Error;
use crate::error::is_throttling;

impl<D> Poller<D> {
    /// Requests a page of a listing: on a separate thread if outputs are fetched by threads, which would otherwise be
    /// idle while this one waits for the page.
    pub(super) fn list(&mut self, now: Duration) -> bool {
        if self.is_listing() {
            return false;
        }
        if self.scan.is_none() {
            let Some(prefix) = self.failures.pop_front() else {
                return false;
            };
            self.begin_failures(prefix, now);
        }
        let Some(scan) = self.scan.take() else {
            return true;
        };
        let prefix = self.prefixes.get(scan.prefix as usize);
        let Some(request) = prefix.and_then(|prefix| prefix.page_request(&scan)) else {
            return true;
        };
        let deadline = now + REQUEST_TIME;
        let handed_out = match &mut self.downloads {
            Some(downloads) => downloads.list(request, deadline),
            None => Err(request),
        };
        match handed_out {
            Ok(()) => self.listed = Some(scan),
            Err(request) => {
                let policy = RequestPolicy {
                    replay: Replay::Never,
                    ..self.waiter.policy(Some(deadline))
                };
                let listed = Caught::catch(|| request.send(policy));
                self.take_listed(scan, listed);
            }
        }
        true
    }

    /// Whether a page has been requested.
    pub(super) fn is_listing(&self) -> bool {
        self.listed.is_some()
    }

    pub(super) fn take_listed(&mut self, mut scan: Scan, listed: Ran<Result<Listed, CallError>>) {
        let now = self.now();
        let Some(prefix) = self.prefixes.get_mut(scan.prefix as usize) else {
            return;
        };
        let which = prefix.which;
        let listed = match listed {
            Ran::Returned(listed) => listed,
            Ran::Panicked(panic) => {
                self.panic = Some(panic);
                return self.enqueue_rest(&scan, which, now);
            }
        };
        match prefix.cover(&mut scan, listed, now) {
            Ok(page) => {
                self.turns.listed(scan.prefix);
                self.take_page(scan, which, &page, now);
            }
            Err(error) => {
                if let Error::Service(fault) = &error
                    && is_throttling(fault.status(), fault.code())
                {
                    self.turns.throttled(scan.prefix, now);
                }
                if is_timeout(&error) {
                    self.turns.took_too_long(scan.prefix);
                }
                self.enqueue_rest(&scan, which, now);
            }
        }
    }

    /// Applies the outcome of a page.
    fn take_page(&mut self, scan: Scan, which: Which, page: &Covered, now: Duration) {
        let mut found = 0;
        for (slot, size) in &page.found {
            if let Some(there) = self.slots.get_mut(*slot)
                && there.state != State::Found
                && !(there.state == State::Queued && there.slow > 0)
            {
                found += 1;
                there.state = State::Found;
                self.found.push_back((*slot, *size));
            }
        }
        if scan.extra {
            // Handles that were not found are polled in the round.
            return;
        }
        let mut resolved = found;
        for at in page.from..page.to {
            let Some(slot) = self.entry(scan.prefix, at) else {
                continue;
            };
            resolved += usize::from(match which {
                Which::Output => self.output_not_listed(slot, scan.failures, now),
                Which::Failure => self.failure_not_listed(slot, now),
            });
        }
        let crowded = page.more && resolved < BREAK_EVEN;
        let Some(prefix) = self.prefixes.get_mut(scan.prefix as usize) else {
            return;
        };
        if crowded {
            prefix.is_crowded(now);
            self.enqueue_rest(&scan, which, now);
        } else {
            prefix.paid();
            if page.more {
                self.scan = Some(scan);
            } else if which == Which::Output && found > 0 && page.from == 0 {
                self.look_again_soon(scan.prefix, now);
            }
        }
    }

    /// While outcomes appear, one more page between two rounds halves the time until they are found.
    fn look_again_soon(&mut self, index: u32, now: Duration) {
        let half = self.round_before(now) + self.waiter.delay() / 2;
        if let Some(prefix) = self.prefixes.get_mut(index as usize)
            && half > now
        {
            prefix.extra = half;
            self.due.push(Reverse((half, index)));
        }
    }

    fn entry(&self, prefix: u32, at: usize) -> Option<u32> {
        let prefix = self.prefixes.get(prefix as usize)?;
        prefix.entries().get(at).map(|entry| entry.slot)
    }

    fn output_not_listed(&mut self, slot: u32, with_failure: bool, now: Duration) -> bool {
        let Some(polled) = self.slots.get_mut(slot).filter(|s| s.is_soon_due(now)) else {
            return false;
        };
        polled.wait.attempts += 1;
        polled.wait.observed.not_found += 1;
        let last = &mut polled.wait.last;
        // The same as before for most.
        if !matches!(last, Some(last) if Arc::ptr_eq(last, &self.not_listed)) {
            *last = Some(Arc::clone(&self.not_listed));
        }
        match polled.failure.filter(|_| with_failure) {
            Some(prefix) => {
                polled.state = State::FailureOpen;
                // Those of one round mostly come one after another.
                if self.failures.back() != Some(&prefix) {
                    self.failures.push_back(prefix);
                }
            }
            None => self.end_poll(slot, false, now),
        }
        true
    }

    fn failure_not_listed(&mut self, slot: u32, now: Duration) -> bool {
        let open = self.slots.get(slot).map(|slot| slot.state);
        if open != Some(State::FailureOpen) {
            return false;
        }
        self.end_poll(slot, false, now);
        true
    }

    /// Handles that a listing leaves open are requested one by one.
    fn enqueue_rest(&mut self, scan: &Scan, which: Which, now: Duration) {
        for at in scan.at.. {
            let Some(slot) = self.entry(scan.prefix, at) else {
                return;
            };
            let Some(open) = self.slots.get(slot) else {
                continue;
            };
            match which {
                Which::Output if open.is_due(now) => self.enqueue(slot, State::Queued),
                Which::Failure if open.state == State::FailureOpen => {
                    self.enqueue_failure(slot, now);
                }
                _ => {}
            }
        }
    }

    /// Schedules the failures of handles whose outputs were not listed.
    fn begin_failures(&mut self, index: u32, now: Duration) {
        let slots = &self.slots;
        let Some(prefix) = self.prefixes.get_mut(index as usize) else {
            return;
        };
        let is_open = |slot| {
            slots
                .get(slot)
                .is_some_and(|s| s.state == State::FailureOpen)
        };
        let entries = prefix.tidy(|slot| slots.get(slot).is_some());
        let open: Vec<u32> = entries
            .iter()
            .map(|entry| entry.slot)
            .filter(|slot| is_open(*slot))
            .collect();
        let listable = prefix.is_listable(now) && !self.turns.is_stuck(index);
        if open.len() >= BREAK_EVEN && listable {
            self.scan = Some(Scan::of(index));
        } else {
            for slot in open {
                self.enqueue_failure(slot, now);
            }
        }
    }

    /// The failure is requested next; otherwise the poll is complete.
    fn enqueue_failure(&mut self, slot: u32, now: Duration) {
        if let Some(open) = self.slots.get_mut(slot)
            && let Some(prefix) = open.failure
            && !open.failure_queued
        {
            open.failure_queued = true;
            self.turns.push(Turn { prefix, slot }, false);
        }
        self.end_poll(slot, false, now);
    }
}
