//! The rounds: which request is sent next, a LIST or a GET.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::caught::Caught;
use super::downloads::{Downloads, Job, Received, Way};
use super::fetch::{MAX_HELD, PathOf, Taken, store, take_into_file};
use super::prefix::{BREAK_EVEN, Identity, Prefix, Scan, Which};
use super::slots::{Slot, Slots, State};
use super::turns::{Turn, Turns};
use crate::S3Uri;
use crate::error::{Error, Result, WaitStopReason, WaitStopped};
use crate::handle::InferenceHandle;
use crate::response::AsyncInferenceResponse;
use crate::response::poll::Poll;
use crate::sys::Sys;
use crate::transfer::outcome::Outcome;
use crate::waiter::WaiterConfig;

/// The time limit of one request.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(10);
/// One in this many steps is for GETs of single handles, whatever else is due.
const TURN: u32 = 4;

/// A finished handle.
pub(super) struct Ended<D> {
    pub(super) index: u32,
    pub(super) response: AsyncInferenceResponse<D>,
    /// The file of its output, if it was stored in one.
    pub(super) outcome: Result<Option<PathBuf>>,
}

/// The outcome of a step.
pub(super) enum Step {
    /// A request was sent, or an outcome applied.
    Done,
    /// Nothing, until then.
    Idle(Duration),
}

/// All handles and their schedules. It sends one request a step, and never sleeps.
pub(super) struct Poller<D> {
    pub(super) waiter: WaiterConfig,
    pub(super) sys: Sys,
    /// Rounds are at whole multiples of the waiter's delay from here, so that handles share them.
    pub(super) origin: Duration,
    /// Whether the first round has begun; handles that are added before it take part in it.
    begun: bool,
    pub(super) slots: Slots<D>,
    pub(super) prefixes: Vec<Prefix>,
    places: HashMap<Identity, u32>,
    listing: bool,
    /// The times of the prefixes' next rounds; those that differ from the prefix's `next` are outdated.
    pub(super) due: BinaryHeap<Reverse<(Duration, u32)>>,
    pub(super) scan: Option<Scan>,
    /// The scan whose page a thread has requested.
    pub(super) listed: Option<Scan>,
    /// Prefixes of failures that are to be listed.
    pub(super) failures: VecDeque<u32>,
    /// Handles whose object exists, with its size.
    pub(super) found: VecDeque<(u32, u64)>,
    /// Handles that are polled one by one.
    pub(super) turns: Turns,
    /// The first deadline among those whose turn has not come; [`Duration::MAX`] if there is none.
    first_end: Duration,
    turn: u32,
    pub(super) downloads: Option<Downloads>,
    pub(super) path_of: Option<Arc<PathOf>>,
    pub(super) not_listed: Arc<str>,
    pub(super) ended: VecDeque<Ended<D>>,
    /// Handles whose poll before their time found nothing.
    pub(super) still_pending: Vec<u32>,
    /// A panic of the caller's code; it is resumed once the state is consistent.
    pub(super) panic: Option<Caught>,
}

/// The caller's options.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) listing: bool,
    pub(super) polls_per_second: f64,
    pub(super) download_threads: usize,
    pub(super) path_of: Option<Arc<PathOf>>,
}

impl<D> Poller<D> {
    pub(super) fn new(waiter: &WaiterConfig, settings: &Settings, sys: &Sys) -> Self {
        let origin = sys.clock().monotonic();
        Self {
            waiter: waiter.clone(),
            sys: sys.clone(),
            origin,
            begun: false,
            slots: Slots::default(),
            prefixes: Vec::new(),
            places: HashMap::new(),
            listing: settings.listing,
            due: BinaryHeap::new(),
            scan: None,
            listed: None,
            failures: VecDeque::new(),
            found: VecDeque::new(),
            turns: Turns::new(settings.polls_per_second, origin),
            first_end: Duration::MAX,
            turn: 0,
            downloads: Downloads::new(settings.download_threads, waiter, settings.path_of.as_ref()),
            path_of: settings.path_of.clone(),
            not_listed: "not listed".into(),
            ended: VecDeque::new(),
            still_pending: Vec::new(),
            panic: None,
        }
    }

    pub(super) fn add(&mut self, response: AsyncInferenceResponse<D>) {
        let Ok(index) = u32::try_from(self.slots.len()) else {
            // Memory is exhausted long before.
            return;
        };
        let output = self.place(Which::Output, &response, response.output_path(), index);
        let failure = response.failure_path();
        let failure = failure.map(|path| self.place(Which::Failure, &response, path, index));
        let wait = response.begin_wait(&self.waiter, self.now());
        if self.slots.pending() == 0 {
            // The first handles start the rounds.
            self.origin = wait.started;
            self.begun = false;
        }
        let pause = self.waiter.first_pause(&response.age(&wait, &self.waiter));
        let from = if self.begun {
            wait.started
        } else {
            self.origin
        };
        let due = wait.clamp(self.round_after(from + pause));
        let kept = response.kept();
        self.slots.add(Slot {
            response,
            wait,
            due,
            pause,
            output,
            failure,
            state: State::Waiting,
            failure_queued: false,
            slow: 0,
            woken: false,
            reported: None,
        });
        match kept {
            Some(outcome) => self.end_cached(index, &outcome),
            None => self.schedule(output, due),
        }
    }

    /// Ends a handle whose outcome was known when it was added.
    fn end_cached(&mut self, index: u32, outcome: &Outcome) {
        let Some(slot) = self.slots.get(index) else {
            return;
        };
        let result = match (outcome, &self.path_of) {
            (Outcome::Failure(failure), _) => Err(Error::from(failure.clone())),
            (Outcome::Output(_), None) => Ok(None),
            (Outcome::Output(_), Some(path_of)) => {
                let ran = Caught::catch(|| path_of(&slot.response.handle()));
                let Some(path) = self.returned(index, ran) else {
                    return;
                };
                outcome.store(&path).map(|_| Some(path))
            }
        };
        self.end(index, result);
    }

    fn place(
        &mut self,
        which: Which,
        response: &AsyncInferenceResponse<D>,
        uri: &S3Uri,
        slot: u32,
    ) -> u32 {
        let (session, now) = (response.session(), self.now());
        let (prefixes, turns) = (&mut self.prefixes, &mut self.turns);
        let identity = Prefix::identity(which, session, uri);
        let prefix = *self.places.entry(identity).or_insert_with(|| {
            prefixes.push(Prefix::new(which, session, uri));
            turns.add_folder(session.identity(), uri.bucket(), now);
            u32::try_from(prefixes.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(prefix) = self.prefixes.get_mut(prefix as usize) {
            prefix.add(uri, slot);
        }
        prefix
    }

    /// Number of pending handles.
    pub(super) fn pending(&self) -> usize {
        self.slots.pending()
    }

    pub(super) fn ended(&mut self) -> Option<Ended<D>> {
        self.ended.pop_front()
    }

    /// Number of handles that were not yielded yet.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = InferenceHandle> {
        let ended = self.ended.iter().map(|ended| ended.response.handle());
        ended.chain(self.slots.iter().map(|slot| slot.response.handle()))
    }

    /// Ends all waits as unfinished; by index.
    pub(super) fn stopped(&self) -> impl Iterator<Item = (usize, WaitStopped)> {
        self.slots.indexed().map(|(index, slot)| {
            let reason = WaitStopReason::Cancelled;
            (index, slot.response.stopped(&slot.wait, reason))
        })
    }

    pub(super) fn now(&self) -> Duration {
        self.sys.clock().monotonic()
    }

    pub(super) fn sys(&self) -> &Sys {
        &self.sys
    }

    /// The next request.
    pub(super) fn step(&mut self) -> Step {
        self.begun = true;
        if self.receive(Duration::ZERO) {
            return Step::Done;
        }
        let now = self.now();
        // Sends no request, so that one that hangs holds up no prefix.
        if self.scan.is_none() && self.failures.is_empty() && self.begin_round(now) {
            return Step::Done;
        }
        self.turn += 1;
        if self.turn >= TURN {
            self.turn = 0;
            if self.ask(now).is_ok() {
                return Step::Done;
            }
        }
        if self.fetch(now) || self.list(now) {
            return Step::Done;
        }
        match self.ask(now) {
            Ok(()) => Step::Done,
            Err(then) => {
                // A round begins when the last page of the previous one has arrived.
                let round = self.due.peek().filter(|_| !self.is_listing());
                Step::Idle(then.min(round.map_or(Duration::MAX, |Reverse(due)| due.0)))
            }
        }
    }

    /// Applies a thread's outcome, if one comes within `timeout` of real time.
    pub(super) fn receive(&mut self, timeout: Duration) -> bool {
        let downloads = self.downloads.as_mut();
        match downloads.and_then(|downloads| downloads.receive(timeout)) {
            None => return false,
            Some(Received::Polled(slot, polled, took)) => {
                if let Some(polled) = self.returned(slot, polled) {
                    self.note_output(slot, &polled, took);
                    self.settle(slot, polled);
                }
            }
            Some(Received::Listed(listed)) => {
                if let Some(scan) = self.listed.take() {
                    self.take_listed(scan, listed);
                }
            }
        }
        true
    }

    /// Whether threads are working.
    pub(super) fn is_fetching(&self) -> bool {
        self.downloads.as_ref().is_some_and(Downloads::are_at_work)
    }

    /// Whether an output that is found now would be fetched at once.
    pub(super) fn has_room(&self) -> bool {
        self.downloads.as_ref().is_none_or(Downloads::has_room)
    }

    /// Fetches an output that exists.
    fn fetch(&mut self, now: Duration) -> bool {
        let room = self.has_room();
        let Some((slot, size)) = self.found.front().copied().filter(|_| room) else {
            return false;
        };
        self.found.pop_front();
        let Some(response) = self.slots.get(slot).map(|found| &found.response) else {
            return true;
        };
        let way = if size <= MAX_HELD {
            if self.is_slow(slot) {
                // Listed, but its bucket does not respond in time.
                self.enqueue(slot, State::Queued);
                return true;
            }
            Way::Small(self.deadline_for(slot, size))
        } else if let Some(path_of) = &self.path_of {
            let ran = Caught::catch(|| path_of(&response.handle()));
            let Some(path) = self.returned(slot, ran) else {
                return true;
            };
            Way::IntoFile(path)
        } else {
            self.settle(slot, Ok(Poll::Output(Taken::Large)));
            return true;
        };
        let Some(response) = self.slots.get(slot).map(|found| &found.response) else {
            return true;
        };
        match (&mut self.downloads, way) {
            (Some(downloads), way) => {
                let response = response.twin();
                downloads.hand_out(Job {
                    slot,
                    response,
                    way,
                });
            }
            (None, Way::Small(deadline)) => self.poll_now(slot, deadline, now),
            (None, Way::IntoFile(path)) => {
                let ran = Caught::catch(|| take_into_file(response, &self.waiter, &path));
                if let Some(polled) = self.returned(slot, ran) {
                    self.settle(slot, polled);
                }
            }
            (None, Way::Store(object, path)) => self.settle(slot, store(object, path)),
        }
        true
    }

    /// The round of a prefix of outputs that is due.
    fn begin_round(&mut self, now: Duration) -> bool {
        let next = self.due.peek().copied().filter(|_| !self.is_listing());
        let Some(Reverse((due, index))) = next.filter(|next| next.0.0 <= now) else {
            return false;
        };
        self.due.pop();
        let round = self.round_before(now);
        let slots = &self.slots;
        let Some(prefix) = self.prefixes.get_mut(index as usize) else {
            return true;
        };
        if prefix.next != due {
            let pending = prefix.entries().len();
            let listable = prefix.is_listable(now) && !self.turns.is_stuck(index);
            if prefix.extra == due && pending >= BREAK_EVEN && listable {
                prefix.extra = Duration::MAX;
                self.scan = Some(Scan::extra(index));
            }
            return true;
        }
        prefix.next = Duration::MAX;
        let entries = prefix.tidy(|slot| slots.get(slot).is_some());
        let (mut soon, mut later) = (0, Duration::MAX);
        let mut due = Vec::new();
        for slot in entries
            .iter()
            .filter_map(|entry| Some((entry.slot, slots.get(entry.slot)?)))
        {
            soon += usize::from(slot.1.is_soon_due(now));
            if slot.1.is_due(now) {
                due.push(slot.0);
            } else if slot.1.state == State::Waiting {
                later = later.min(slot.1.due);
            }
        }
        let listable = self.listing && prefix.is_listable(now) && !self.turns.is_stuck(index);
        if !due.is_empty() && soon >= BREAK_EVEN && listable {
            let mut scan = Scan::of(index);
            scan.failures = prefix.lists_failures(round);
            self.scan = Some(scan);
        } else {
            for slot in due {
                self.enqueue(slot, State::Queued);
            }
        }
        self.schedule(index, later);
        true
    }

    pub(super) fn enqueue(&mut self, slot: u32, state: State) {
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.state = state;
            let end = entry.wait.deadline.unwrap_or(Duration::MAX);
            self.first_end = self.first_end.min(end);
            let prefix = entry.output;
            self.turns.push(Turn { prefix, slot }, entry.slow > 0);
        }
    }

    /// Whether its poll waits for the time of slow ones. One that a message started does not.
    fn is_slow(&self, slot: u32) -> bool {
        self.slots.get(slot).is_some_and(|slot| {
            let is_news = slot.woken || slot.reported.is_some();
            !is_news && (slot.slow > 0 || self.turns.is_stuck(slot.output))
        })
    }

    /// Sends the GETs of one handle if they are due; otherwise returns when they will be.
    fn ask(&mut self, now: Duration) -> Result<(), Duration> {
        if now >= self.first_end {
            self.end_overdue(now);
            return Ok(());
        }
        self.poll_next(now).map_err(|then| then.min(self.first_end))
    }

    /// Ends handles whose deadline passed before their turn.
    fn end_overdue(&mut self, now: Duration) {
        self.first_end = Duration::MAX;
        let waiting: Vec<u32> = self.turns.queued().collect();
        for slot in waiting {
            let queued = self
                .slots
                .get(slot)
                .filter(|slot| matches!(slot.state, State::Queued | State::QueuedLast));
            let Some(end) = queued.and_then(|queued| queued.wait.deadline) else {
                continue;
            };
            if now >= end {
                self.time_out(slot);
            } else {
                self.first_end = self.first_end.min(end);
            }
        }
    }

    fn poll_next(&mut self, now: Duration) -> Result<(), Duration> {
        let turn = self.turns.next(now)?;
        let prefix = self.prefixes.get(turn.prefix as usize);
        match prefix.map(|prefix| prefix.which) {
            Some(Which::Failure) => self.poll_failure(turn, now),
            _ => self.poll(turn.slot, now),
        }
        Ok(())
    }
}
