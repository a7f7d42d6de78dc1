//! Messages of a queue, one after another.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::consumer::ResultQueue;
use super::core::{Guard, is_passing};
use super::delivery::Delivery;
use super::stats::add;
use crate::aws::RequestPolicy;
use crate::aws::sqs::{MAX_BATCH, MAX_WAIT, Message, Receive};
use crate::error::{Error, Result};
use crate::sys::Clock;
use crate::waiter::cancel::CancelToken;

/// Transient errors, such as lost connections and throttling, are reported after this time without a success.
const OUTAGE: Duration = Duration::from_mins(5);
/// An empty response that comes sooner than this is followed by a pause.
const MIN_ROUND: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const MAX_ROUND: Duration = Duration::from_secs(5);
/// The longest pause after an error.
const MAX_BACKOFF: Duration = Duration::from_secs(20);
/// How much longer than its wait a receive may take.
const GRACE: Duration = Duration::from_secs(10);
/// How long the service remembers an attempt id, less some time for the request.
const ATTEMPT_LIFE: Duration = Duration::from_mins(4);

/// The callback of [`Deliveries::on_queue_error`].
type OnError = Box<dyn Fn(&Error) + Send + Sync>;

/// Messages of a [`ResultQueue`] as they arrive: a blocking iterator, created by [`ResultQueue::deliveries`].
///
/// It never ends unless [`until_idle`](Self::until_idle), [`cancel`](Self::cancel) or
/// [`max_messages`](Self::max_messages) ends it. At the end the pending deletions are sent, and messages that were
/// received but not yielded are released. After an `Err` the iterator can be continued. Lost connections, throttling,
/// server errors and expired credentials are retried with growing pauses (up to 20 s), and become an `Err` once they
/// have lasted for 5 minutes; a missing queue or permission is an `Err` at once.
///
/// A long poll lasts at most 20 s, and a cancel takes effect at its end: a message that the service delivers to a receive
/// that was given up would stay hidden for its visibility timeout. A receive without a response is given up 10 s later.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::queue::ResultQueue;
/// use sagemaker_async_inference::{CancelToken, Error};
///
/// fn drain(queue: &ResultQueue, stop: &CancelToken) -> Result<(), Error> {
///     let idle = Duration::from_secs(60);
///     for delivery in queue.deliveries().until_idle(idle).cancel(stop.clone()) {
///         let delivery = delivery?;
///         println!("{}", delivery.message_id());
///         delivery.delete()?;
///     }
///     Ok(())
/// }
/// ```
#[must_use = "iterators are lazy"]
pub struct Deliveries {
    queue: ResultQueue,
    guard: Option<Arc<Guard>>,
    buffer: VecDeque<Delivery>,
    at_once: usize,
    until_idle: Option<Duration>,
    max_messages: Option<u64>,
    cancel: CancelToken,
    on_error: Option<OnError>,
    received: u64,
    ended: bool,
    /// On the monotonic clock: when the first receive after the last message was due.
    idle_since: Option<Duration>,
    /// Whether a receive since then returned no message.
    found_empty: bool,
    /// Since when all receives failed, how many did, and why the last one did.
    failing: Option<(Duration, u32, Error)>,
    /// Number of empty responses in a row that came too soon.
    hasty: u32,
    /// The id of a receive from a FIFO queue whose response was lost, and when it was sent.
    attempt: Option<(String, Duration)>,
    /// When the last receive was sent, and its long-poll time.
    last_receive: (Duration, Duration),
}

impl Deliveries {
    pub(super) fn new(queue: ResultQueue) -> Self {
        Self {
            queue,
            guard: None,
            buffer: VecDeque::new(),
            at_once: 1,
            until_idle: None,
            max_messages: None,
            cancel: CancelToken::new(),
            on_error: None,
            received: 0,
            ended: false,
            idle_since: None,
            found_empty: false,
            failing: None,
            hasty: 0,
            attempt: None,
            last_receive: (Duration::ZERO, Duration::ZERO),
        }
    }

    /// Ends the iterator when receives found no message for this long. Time in which nothing is received, because the
    /// caller or all workers handle messages, does not count. If receives failed all this time, their error is returned,
    /// because the queue may hold messages. Default: never.
    pub fn until_idle(mut self, idle: Duration) -> Self {
        self.until_idle = Some(idle);
        self
    }

    /// Ends the iterator when the token is cancelled, after the long poll in progress. Messages that it still receives
    /// are released.
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Sets a callback for each error that is retried, on the receiving thread, so that a queue that cannot be reached is
    /// known before it has failed for 5 minutes. Default: none.
    ///
    /// ```
    /// use sagemaker_async_inference::queue::{Deliveries, ResultQueue};
    ///
    /// fn loud(queue: &ResultQueue) -> Deliveries {
    ///     queue.deliveries().on_queue_error(|error| eprintln!("{error}; it is retried"))
    /// }
    /// ```
    pub fn on_queue_error(mut self, callback: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Box::new(callback));
        self
    }

    /// Ends the iterator after this many messages. Default: no limit.
    pub fn max_messages(mut self, count: u64) -> Self {
        self.max_messages = Some(count);
        self
    }

    /// Sets the maximum number of messages of one receive, 1 to 10. Default: 1, because a message that waits here is
    /// unavailable to other consumers. With more, the messages that are not yielded yet are kept invisible. From a FIFO
    /// queue one message is received at a time, so that those of a group are handled in order.
    ///
    /// With [`run`](Self::run) a receive requests this many, or as many as there are free workers if they are more. 10
    /// costs the fewest requests: 0.1 receives and 0.1 deletions per message.
    pub fn at_once(mut self, count: usize) -> Self {
        self.at_once = count.clamp(1, MAX_BATCH);
        self
    }

    pub(super) fn max_at_once(&self) -> usize {
        self.at_once
    }

    pub(super) fn queue(&self) -> &ResultQueue {
        &self.queue
    }

    pub(super) fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Ends the iterator, if it has not ended, and sends pending deletions and releases.
    pub(super) fn finish(mut self) -> Option<Error> {
        self.end()
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn clock(&self) -> &dyn Clock {
        self.queue.session().sys().clock()
    }

    /// Returns the next messages, up to a maximum; none at the end.
    pub(super) fn next_batch(&mut self, max: usize) -> Option<Result<Vec<Delivery>>> {
        if self.ended {
            return None;
        }
        loop {
            if self.is_over() {
                return self.end().map(Err);
            }
            if let Some(error) = self.outage() {
                return Some(Err(error));
            }
            if let Some(failure) = self.guard.as_ref().and_then(|g| g.core.take_failure()) {
                return Some(Err(failure));
            }
            let left = self
                .max_messages
                .map_or(u64::MAX, |most| most - self.received);
            // One message at a time from a FIFO queue, or several workers would have messages of one group at once.
            let max = if self.queue.is_fifo() { 1 } else { max };
            let max = max
                .min(usize::try_from(left).unwrap_or(MAX_BATCH))
                .min(MAX_BATCH);
            match self.receive(max, MAX_WAIT, Some(GRACE)) {
                Ok(received) if received.is_empty() => self.pace(),
                Ok(received) if self.is_cancelled() => drop(received),
                Ok(received) => return Some(Ok(received)),
                // The next round ends it.
                Err(_) if self.is_cancelled() => {}
                Err(error) => {
                    if let Some(error) = self.failed(error) {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    fn is_over(&mut self) -> bool {
        self.is_cancelled()
            || self.max_messages.is_some_and(|most| self.received >= most)
            || self.found_empty && self.failing.is_none() && self.is_idle()
    }

    /// Whether receives have found nothing for the longest time.
    fn is_idle(&mut self) -> bool {
        let now = self.clock().monotonic();
        let since = *self.idle_since.get_or_insert(now);
        self.until_idle
            .is_some_and(|idle| now.saturating_sub(since) >= idle)
    }

    /// The error of receives that failed until the iterator would have ended.
    fn outage(&mut self) -> Option<Error> {
        if !self.is_idle() {
            return None;
        }
        let (.., error) = self.failing.take()?;
        // A caller that continues waits as long again.
        self.idle_since = None;
        self.found_empty = false;
        Some(error)
    }

    /// Releases what was not yielded and sends pending deletions and releases.
    pub(super) fn end(&mut self) -> Option<Error> {
        self.ended = true;
        self.buffer.clear();
        let guard = self.guard.take()?;
        let core = Arc::clone(&guard.core);
        core.flush();
        // What the time of the flush was too short for is sent by the guard's threads, or fails, until they end here.
        drop(guard);
        core.take_failure()
    }

    /// Sends one receive, which waits for messages no longer than `at_most`.
    pub(super) fn receive_within(
        &mut self,
        max: usize,
        at_most: Duration,
        cancel: Option<&CancelToken>,
    ) -> Result<Vec<Delivery>> {
        if let Some(token) = cancel {
            self.cancel = token.clone();
        }
        let failure = self.guard.as_ref().and_then(|g| g.core.take_failure());
        failure.map_or_else(|| self.receive(max, at_most, None), Err)
    }

    /// With `grace`, a cancel waits for the end of the long poll and this much longer: a message that the service delivers
    /// to a receive that was given up stays hidden.
    fn receive(
        &mut self,
        max: usize,
        at_most: Duration,
        grace: Option<Duration>,
    ) -> Result<Vec<Delivery>> {
        let guard = match &self.guard {
            Some(guard) => Arc::clone(guard),
            None => Arc::clone(self.guard.insert(self.queue.connect(&self.cancel)?)),
        };
        let sent = self.clock().monotonic();
        let wait = self.wait(guard.core.visibility, sent).min(at_most);
        let wait = Duration::from_secs(wait.as_secs());
        self.last_receive = (sent, wait);
        let attempt = guard.core.fifo.then(|| self.attempt_id(sent));
        let receive = Receive {
            max,
            wait,
            visibility: Some(guard.core.visibility),
            attempt_id: attempt.as_deref(),
        };
        let policy = RequestPolicy {
            deadline: Some(sent + wait + GRACE),
            cancel: Some(self.cancel.flag()),
            grace: grace.map(|grace| wait + grace),
            ..RequestPolicy::default()
        };
        let messages = guard.core.queue().receive(&receive, policy)?;
        self.attempt = None;
        self.failing = None;
        add(&guard.core.counters.receives, 1);
        add(&guard.core.counters.received, messages.len());
        if messages.is_empty() {
            self.found_empty = true;
            return Ok(Vec::new());
        }
        self.hasty = 0;
        self.received += messages.len() as u64;
        self.idle_since = None;
        self.found_empty = false;
        Ok(deliver(&guard, messages, sent))
    }

    /// The long-poll time: a quarter of the visibility timeout, which counts from before the request, and well
    /// within the read timeout.
    fn wait(&self, visibility: Duration, now: Duration) -> Duration {
        let read_timeout = self.queue.session().client().transport.read_timeout();
        let mut wait = MAX_WAIT
            .min(visibility / 4)
            .min(read_timeout.saturating_sub(Duration::from_secs(2)));
        if let (Some(idle), Some(last)) = (self.until_idle, self.idle_since) {
            let left = idle.saturating_sub(now.saturating_sub(last));
            // Without a wait the service queries only a part of its servers.
            wait = wait.min(left.max(Duration::from_secs(1)));
        }
        wait
    }

    /// The id of the previous receive, if its response was lost; a new one otherwise.
    fn attempt_id(&mut self, now: Duration) -> String {
        let fresh = self
            .attempt
            .take()
            .filter(|(_, sent)| now < *sent + ATTEMPT_LIFE);
        let (id, sent) = fresh.unwrap_or_else(|| {
            let id = self.queue.session().sys().random().uuid();
            (id, now)
        });
        self.attempt = Some((id.clone(), sent));
        id
    }

    /// Pauses before the next receive from a server that does not wait.
    fn pace(&mut self) {
        let (sent, wait) = self.last_receive;
        let took = self.clock().monotonic().saturating_sub(sent);
        if took >= MIN_ROUND.min(wait.max(Duration::from_millis(1))) {
            self.hasty = 0;
            return;
        }
        self.hasty += 1;
        let round = (MIN_ROUND * self.hasty).min(MAX_ROUND);
        self.pause(round.saturating_sub(took));
    }

    fn pause(&self, pause: Duration) {
        let client = self.queue.session().client();
        client.pause(pause, Some(self.cancel.flag()));
    }

    /// Returns the error, if it is to be reported; otherwise pauses.
    fn failed(&mut self, error: Error) -> Option<Error> {
        let now = self.clock().monotonic();
        let before = self.failing.take();
        let (since, count) = before.map_or((now, 0), |(since, count, _)| (since, count));
        if !is_passing(&error) {
            // A caller that continues in spite of it does so at a limited rate.
            if count > 0 {
                self.pause(MIN_ROUND);
            }
            self.failing = Some((since, count.saturating_add(1), error.clone()));
            return Some(error);
        }
        if now.saturating_sub(since) >= OUTAGE {
            return Some(error);
        }
        crate::trace::queue_failed(&error);
        if let Some(callback) = &self.on_error {
            callback(&error);
        }
        self.failing = Some((since, count.saturating_add(1), error));
        let ceiling = (MIN_ROUND * (1 << count.min(5))).min(MAX_BACKOFF);
        let random = self.queue.session().sys().random();
        self.pause(ceiling.mul_f64(0.5 + random.fraction() / 2.0));
        None
    }
}

fn deliver(guard: &Arc<Guard>, messages: Vec<Message>, sent: Duration) -> Vec<Delivery> {
    let keys = guard.add_all(&messages, sent);
    keys.into_iter()
        .zip(messages)
        .map(|(key, message)| Delivery::new(Arc::clone(guard), key, message))
        .collect()
}

impl Iterator for Deliveries {
    type Item = Result<Delivery>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // What waited here was extended all the time; if that failed, others have it.
            match self.buffer.pop_front() {
                Some(_) if self.is_cancelled() => self.buffer.clear(),
                Some(delivery) if delivery.is_ours() => return Some(Ok(delivery)),
                Some(_) => continue,
                None => {}
            }
            match self.next_batch(self.at_once)? {
                Ok(received) => self.buffer.extend(received),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("queue", &self.queue)
            .field("until_idle", &self.until_idle)
            .finish_non_exhaustive()
    }
}
