//! Handles that are polled at once, because a message reports that they may be done.

use std::time::Duration;

use super::as_completed::AsCompleted;
use super::poller::Poller;
use super::slots::State;
use crate::error::{Error, ModelFailure};
use crate::handle::InferenceHandle;
use crate::sys::Sys;
use crate::transfer::outcome::Outcome;
use crate::waiter::CancelToken;

/// Waits shorter than this are spent sleeping: receiving messages is a request to a service.
const WORTH_ASKING: Duration = Duration::from_secs(1);
/// Maximum wait for messages while handles can be added from another thread or are being fetched.
const SHORT: Duration = Duration::from_secs(2);

/// Is called with errors.
pub(super) type OnError = Box<dyn Fn(&Error) + Send + Sync>;

/// News of one handle, by its index.
pub(crate) struct News {
    pub(crate) index: u32,
    /// The failure, as the news reports it.
    pub(crate) failure: Option<ModelFailure>,
}

/// A source of news about handles.
pub(crate) trait Wakes: Send + Sync {
    /// Adds a handle to watch.
    fn watch(&mut self, index: u32, handle: &InferenceHandle);

    /// The time of the next request, on the monotonic clock.
    fn not_before(&self) -> Duration;

    /// Whether more messages are probably waiting.
    fn has_more(&self) -> bool;

    /// Receives news, waiting no longer than `wait`.
    fn receive(&mut self, wait: Duration, sys: &Sys, cancel: Option<&CancelToken>) -> Vec<News>;

    /// The caller took the outcome and requested the next one.
    fn taken(&mut self, index: u32);

    /// The poll after the news found nothing.
    fn still_pending(&mut self, index: u32);

    /// Ends; with `drain`, because all outcomes were taken.
    fn finish(&mut self, drain: bool, sys: &Sys);

    /// Returns an error once.
    fn take_error(&mut self) -> Option<Error>;
}

impl<D> Poller<D> {
    /// Polls a handle as soon as possible. A reported failure of which there can be no object ends it.
    pub(super) fn wake(&mut self, news: News) {
        let Some(slot) = self.slots.get_mut(news.index) else {
            return;
        };
        match news.failure {
            Some(failure) if slot.failure.is_none() => return self.end_failed(news.index, failure),
            failure => slot.reported = failure.map(Box::new),
        }
        if slot.state != State::Found {
            slot.woken = slot.state == State::Waiting;
            slot.state = State::Found;
            self.found.push_back((news.index, 0));
        }
    }

    fn end_failed(&mut self, index: u32, failure: ModelFailure) {
        if let Some(slot) = self.slots.get(index) {
            slot.response.keep(Outcome::Failure(failure.clone()));
        }
        self.end(index, Err(failure.into()));
    }

    /// The poll of a woken handle found nothing: a reported failure ends it; otherwise it waits for its own time
    /// as before. False if that is now.
    pub(super) fn sleep_on(&mut self, slot: u32, now: Duration) -> bool {
        let Some(woken) = self.slots.get_mut(slot) else {
            return false;
        };
        if let Some(failure) = woken.reported.take() {
            self.end_failed(slot, *failure);
            return true;
        }
        if !std::mem::take(&mut woken.woken) {
            return false;
        }
        self.still_pending.push(slot);
        if woken.due <= now {
            return false;
        }
        woken.state = State::Waiting;
        let (prefix, due) = (woken.output, woken.due);
        self.schedule(prefix, due);
        true
    }
}

impl<D> AsCompleted<D> {
    pub(crate) fn with_wakes(mut self, mut wakes: Box<dyn Wakes>) -> Self {
        for (index, slot) in self.poller.iter().flat_map(|poller| poller.slots.indexed()) {
            if let Ok(index) = u32::try_from(index) {
                wakes.watch(index, &slot.response.handle());
            }
        }
        self.wakes = Some(wakes);
        self
    }

    /// Sets a callback for each error of the queue that [wakes](Self::woken_by) this wait, on the calling thread: a missing
    /// queue or permission, a lost connection. The wait continues with polls alone, and the queue is read again after a
    /// pause. Default: none.
    pub fn on_queue_error(mut self, callback: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_queue_error = Some(Box::new(callback));
        self
    }

    /// Waits for news until then at most; false if there is no source, or it is unavailable now.
    pub(super) fn wait_for_news(&mut self, until: Duration, has_adders: bool) -> bool {
        let (Some(wakes), Some(poller)) = (&mut self.wakes, &mut self.poller) else {
            return false;
        };
        let now = poller.now();
        let left = until.saturating_sub(now);
        let fetching = poller.is_fetching();
        if now < wakes.not_before() || (fetching && !(wakes.has_more() && poller.has_room())) {
            return false;
        }
        if left < WORTH_ASKING && !wakes.has_more() {
            return false;
        }
        let wait = if has_adders || fetching {
            left.min(SHORT)
        } else {
            left
        };
        let sys = poller.sys().clone();
        for news in wakes.receive(wait, &sys, self.waiter.cancel()) {
            poller.wake(news);
        }
        self.report_error();
        true
    }

    /// When a sleep must end to receive news.
    pub(super) fn next_news(&self) -> Option<Duration> {
        let now = self.poller.as_ref()?.now();
        let then = self.wakes.as_ref()?.not_before();
        (then > now).then_some(then)
    }

    /// Reports to the source what happened since the last call.
    pub(super) fn settle_news(&mut self) {
        let Some(wakes) = &mut self.wakes else {
            return;
        };
        if let Some(index) = self.yielded.take() {
            wakes.taken(index);
        }
        if let Some(poller) = &mut self.poller {
            for index in poller.still_pending.drain(..) {
                wakes.still_pending(index);
            }
        }
    }

    /// Ends the source of news.
    pub(super) fn finish_news(&mut self, drain: bool) {
        self.settle_news();
        if let (Some(wakes), Some(poller)) = (&mut self.wakes, &self.poller) {
            wakes.finish(drain, poller.sys());
        }
        self.report_error();
    }

    fn report_error(&mut self) {
        let error = self.wakes.as_mut().and_then(|wakes| wakes.take_error());
        if let (Some(error), Some(callback)) = (error, &self.on_queue_error) {
            callback(&error);
        }
    }
}
