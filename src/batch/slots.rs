//! The handles that are waited for.

use std::time::Duration;

use crate::error::ModelFailure;
use crate::response::AsyncInferenceResponse;
use crate::waiter::state::WaitState;

/// A handle, and the state of its wait. In this order, because each round reads the first fields of all handles, and
/// seldom the others.
#[repr(C)]
pub(super) struct Slot<D> {
    /// When its next poll is due, on the monotonic clock.
    pub(super) due: Duration,
    /// The pause before that; a round after half of it includes the handle.
    pub(super) pause: Duration,
    pub(super) state: State,
    /// Whether it is in the queue of handles whose failure is requested.
    pub(super) failure_queued: bool,
    /// How many polls timed out; each doubles the time limit of the next one.
    pub(super) slow: u8,
    /// It is polled before its time, because a message reports that it may be done.
    pub(super) woken: bool,
    /// The prefixes of its output and its failure.
    pub(super) output: u32,
    pub(super) failure: Option<u32>,
    pub(super) wait: WaitState,
    pub(super) response: AsyncInferenceResponse<D>,
    /// The reported failure, in case no object holds it.
    pub(super) reported: Option<Box<ModelFailure>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Waiting until its next poll is due.
    Waiting,
    /// Its output was not listed; its failure is listed next.
    FailureOpen,
    /// Waiting for its turn for a GET of its own.
    Queued,
    /// As [`Queued`](Self::Queued), and it is the last poll, which a listing has already counted.
    QueuedLast,
    /// The object exists and is fetched.
    Found,
}

impl<D> Slot<D> {
    /// Whether a round at this time is one of its polls.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.state == State::Waiting && self.due <= now
    }

    /// Whether it is worthwhile to poll it now, together with others.
    pub(super) fn is_soon_due(&self, now: Duration) -> bool {
        self.state == State::Waiting && self.due <= now + self.pause / 2
    }
}

/// The slots of all handles; a finished one costs a pointer.
pub(super) struct Slots<D> {
    slots: Vec<Option<Box<Slot<D>>>>,
    pending: usize,
}

impl<D> Default for Slots<D> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            pending: 0,
        }
    }
}

impl<D> Slots<D> {
    pub(super) fn add(&mut self, slot: Slot<D>) {
        self.slots.push(Some(Box::new(slot)));
        self.pending += 1;
    }

    /// Number of all handles so far.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Slot<D>> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Slot<D>> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<Slot<D>> {
        let taken = self.slots.get_mut(slot as usize)?.take()?;
        self.pending -= 1;
        Some(*taken)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<D>> {
        self.indexed().map(|(_, slot)| slot)
    }

    pub(super) fn indexed(&self) -> impl Iterator<Item = (usize, &Slot<D>)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| Some((index, slot.as_deref()?)))
    }
}
