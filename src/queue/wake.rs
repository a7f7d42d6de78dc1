//! Messages that report which handles of a batch to poll.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::consumer::ResultQueue;
use super::deliveries::Deliveries;
use super::delivery::Delivery;
use super::event::QueueEvent;
use super::notification::{InvocationStatus, Notification};
use super::predictor::failure_of;
use crate::aws::sqs::MAX_BATCH;
use crate::batch::AsCompleted;
use crate::batch::wake::{News, Wakes};
use crate::error::Error;
use crate::handle::InferenceHandle;
use crate::sys::Sys;
use crate::uri::S3Uri;
use crate::waiter::CancelToken;

/// The pause after a receive that brought messages of others, in which those can receive them; doubled each time
/// while nothing else comes.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// A message of others that was received more often than this is hidden for a while, because no consumer takes it.
const OFTEN: u32 = 3;
/// How long it is hidden, times the number of receives.
const HIDDEN: Duration = Duration::from_secs(30);
/// The longest pause after an error, and the one after a refusal.
const MAX_BACKOFF: Duration = Duration::from_secs(20);
const REFUSED: Duration = Duration::from_mins(1);
/// An empty response that comes sooner than this is followed by a pause.
const MIN_ROUND: Duration = Duration::from_secs(1);
/// How long, at the end, messages of results that polls found first are still deleted.
const DRAIN: Duration = Duration::from_secs(30);

impl<D> AsCompleted<D> {
    /// Polls a handle as soon as a message of the queue reports that it is done. The waiter's own polls can then be
    /// rare, such as every few minutes: they find results whose message was lost. Default: no queue.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use sagemaker_async_inference::{AsyncInferenceResponse, Error, Session, WaiterConfig, as_completed};
    /// use sagemaker_async_inference::queue::ResultQueue;
    ///
    /// fn example(responses: Vec<AsyncInferenceResponse>, session: &Session) -> Result<(), Error> {
    ///     let queue = ResultQueue::new("results-of-this-job", session)?.with_visibility(Duration::from_secs(120));
    ///     let slow = WaiterConfig::new(1000, Duration::from_secs(600))?;
    ///     for done in as_completed(responses, &slow).woken_by(&queue) {
    ///         println!("{}: {:?}", done.response().output_path(), done.result::<f64>());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// Messages are matched by the location of output or failure, and notifications without a location by endpoint and
    /// inference id. If a failed inference has no failure path, its message is the outcome, because no object contains
    /// it. Messages are received on the calling thread, between polls, with long polls of up to 20 s.
    ///
    /// A message is deleted when the item after its handle's outcome is requested, and released if the iterator is
    /// dropped before. If the poll that a message starts finds nothing, the message is released and delivered again
    /// later. After the last outcome, messages about results that polls found first are deleted, for at most 30 s.
    ///
    /// **Messages of others** are released at once, and then nothing is received for 2 s, and up to 5 minutes while
    /// only such messages arrive, so that their owners receive them. Each receive counts, and SQS has no request that
    /// lowers the count: if several waits share a queue, set its `maxReceiveCount` well above their number, or better,
    /// subscribe a separate queue for each to the topic.
    ///
    /// An error of the queue does not end the wait, see [`on_queue_error`](Self::on_queue_error). Memory: about 200
    /// bytes more for each handle.
    pub fn woken_by(self, queue: &ResultQueue) -> Self {
        self.with_wakes(Box::new(Waking::new(queue)))
    }
}

/// Handles as messages name them.
type Name = u128;

struct Waking {
    deliveries: Deliveries,
    known: HashMap<Name, Named>,
    /// By index: whether the outcome was yielded.
    taken: Vec<bool>,
    held: Vec<Held>,
    not_before: Duration,
    pause: Duration,
    /// Errors in a row.
    failures: u32,
    has_more: bool,
    /// This batch's messages that were deleted.
    deleted: u64,
    finished: bool,
    error: Option<Error>,
}

/// Most names are one handle's; an inference id may be given to several.
enum Named {
    One(u32),
    Several(Vec<u32>),
}

/// A message of this batch, until the outcomes of its handles are yielded.
struct Held {
    delivery: Delivery,
    open: Vec<u32>,
    /// It is about objects of others too.
    shared: bool,
}

/// What a message is about.
#[derive(Default)]
struct Matched {
    indexes: Vec<u32>,
    failure: Option<crate::error::ModelFailure>,
    /// Whether some of the objects of the message do not belong to this batch.
    others: bool,
}

impl Waking {
    fn new(queue: &ResultQueue) -> Self {
        Self {
            deliveries: queue.deliveries(),
            known: HashMap::new(),
            taken: Vec::new(),
            held: Vec::new(),
            not_before: Duration::ZERO,
            pause: FIRST_PAUSE,
            failures: 0,
            has_more: false,
            deleted: 0,
            finished: false,
            error: None,
        }
    }

    fn know(&mut self, name: Name, index: u32) {
        let named = self.known.entry(name).or_insert(Named::One(index));
        match named {
            Named::One(first) if *first == index => {}
            Named::One(first) => *named = Named::Several(vec![*first, index]),
            Named::Several(indexes) => indexes.push(index),
        }
    }

    fn find(&self, name: Name) -> &[u32] {
        match self.known.get(&name) {
            None => &[],
            Some(Named::One(index)) => std::slice::from_ref(index),
            Some(Named::Several(indexes)) => indexes,
        }
    }

    fn is_taken(&self, index: u32) -> bool {
        self.taken.get(index as usize).copied().unwrap_or(false)
    }

    fn matched(&self, event: &QueueEvent) -> Matched {
        match event {
            QueueEvent::Inference(notification) => self.of_notification(notification),
            QueueEvent::Object(events) => {
                let mut matched = Matched::default();
                for event in events {
                    let found = self.find(of_place(event.bucket(), event.key()));
                    if event.is_created() && !found.is_empty() {
                        matched.indexes.extend(found);
                    } else {
                        matched.others = true;
                    }
                }
                matched
            }
            _ => Matched::default(),
        }
    }

    fn of_notification(&self, notification: &Notification) -> Matched {
        let place: Option<S3Uri> = notification
            .output_location()
            .and_then(|location| location.parse().ok());
        let by_place = place.map_or(&[][..], |place| {
            self.find(of_place(place.bucket(), place.key()))
        });
        let found = match (by_place, notification.inference_id()) {
            ([], Some(id)) if notification.output_location().is_none() => {
                let endpoint = notification.endpoint_name().unwrap_or_default();
                self.find(of_id(endpoint, id))
            }
            (found, _) => found,
        };
        let failure = match (found, notification.status()) {
            // Several handles have this id, and the message does not distinguish them.
            ([_], InvocationStatus::Failed) => {
                let endpoint = notification.endpoint_name().unwrap_or_default();
                Some(failure_of(notification, endpoint))
            }
            _ => None,
        };
        Matched {
            indexes: found.to_vec(),
            failure,
            others: false,
        }
    }

    /// Sorts the messages of a receive.
    fn take_in(&mut self, received: Vec<Delivery>) -> (Vec<News>, bool) {
        let mut news = Vec::new();
        let mut foreign = false;
        for delivery in received {
            if matches!(delivery.event(), QueueEvent::Test) {
                self.note(delivery.delete());
                continue;
            }
            let matched = self.matched(delivery.event());
            if matched.indexes.is_empty() {
                foreign = true;
                self.note(give_back(delivery));
                continue;
            }
            let mut open = matched.indexes;
            open.retain(|index| !self.is_taken(*index));
            let mut failure = matched.failure;
            news.extend(open.iter().map(|index| News {
                index: *index,
                failure: failure.take(),
            }));
            let shared = matched.others;
            let held = Held {
                delivery,
                open,
                shared,
            };
            if held.open.is_empty() {
                self.end(held);
            } else {
                self.held.push(held);
            }
        }
        (news, foreign)
    }

    /// All outcomes of a message were yielded.
    fn end(&mut self, held: Held) {
        let outcome = if held.shared {
            give_back(held.delivery)
        } else {
            self.deleted += 1;
            held.delivery.delete()
        };
        self.note(outcome);
    }

    fn note(&mut self, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.error = Some(error);
        }
    }

    fn failed(&mut self, error: Error, now: Duration) {
        let backoff = if super::core::is_passing(&error) {
            (MIN_ROUND * (1 << self.failures.min(5))).min(MAX_BACKOFF)
        } else {
            REFUSED
        };
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + backoff;
        self.has_more = false;
        crate::trace::queue_failed(&error);
        self.error = Some(error);
    }
}

impl Wakes for Waking {
    fn watch(&mut self, index: u32, handle: &InferenceHandle) {
        self.finished = false;
        let places = [Some(handle.output_path()), handle.failure_path()];
        for place in places.into_iter().flatten() {
            self.know(of_place(place.bucket(), place.key()), index);
        }
        if let Some(id) = handle.inference_id() {
            self.know(of_id(handle.endpoint_name(), id), index);
        }
        if self.taken.len() <= index as usize {
            self.taken.resize(index as usize + 1, false);
        }
    }

    fn not_before(&self) -> Duration {
        self.not_before
    }

    fn has_more(&self) -> bool {
        self.has_more
    }

    fn receive(&mut self, wait: Duration, sys: &Sys, cancel: Option<&CancelToken>) -> Vec<News> {
        let sent = sys.clock().monotonic();
        let received = self.deliveries.receive_within(MAX_BATCH, wait, cancel);
        let now = sys.clock().monotonic();
        let received = match received {
            Ok(received) => received,
            Err(_) if cancel.is_some_and(CancelToken::is_cancelled) => return Vec::new(),
            Err(error) => {
                self.failed(error, now);
                return Vec::new();
            }
        };
        self.failures = 0;
        self.has_more = received.len() >= MAX_BATCH / 2;
        if received.is_empty() {
            // A server that does not wait is not queried in a tight loop.
            if now.saturating_sub(sent) < MIN_ROUND.min(wait) {
                self.not_before = now + MIN_ROUND;
            }
            return Vec::new();
        }
        let (news, foreign) = self.take_in(received);
        if !news.is_empty() {
            self.pause = FIRST_PAUSE;
        }
        if foreign {
            self.not_before = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.has_more = false;
        }
        news
    }

    fn taken(&mut self, index: u32) {
        if let Some(taken) = self.taken.get_mut(index as usize) {
            *taken = true;
        }
        let mut at = 0;
        while at < self.held.len() {
            self.held[at].open.retain(|open| *open != index);
            if self.held[at].open.is_empty() {
                let held = self.held.swap_remove(at);
                self.end(held);
            } else {
                at += 1;
            }
        }
    }

    fn still_pending(&mut self, index: u32) {
        // Dropping it releases it with a growing pause.
        self.held.retain(|held| !held.open.contains(&index));
    }

    fn finish(&mut self, drain: bool, sys: &Sys) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let end = sys.clock().monotonic() + DRAIN;
        while drain && self.error.is_none() && sys.clock().monotonic() < end {
            let deleted = self.deleted;
            self.receive(MIN_ROUND, sys, None);
            if self.deleted == deleted {
                break;
            }
        }
        self.held.clear();
        if let Some(error) = self.deliveries.end() {
            self.error = Some(error);
        }
    }

    fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }
}

/// Its owner, which is unknown.
fn give_back(delivery: Delivery) -> Result<(), Error> {
    let count = delivery.receive_count();
    if count <= OFTEN {
        return delivery.release_after(Duration::ZERO);
    }
    delivery.release_after(HIDDEN * count.min(120))
}

fn of_place(bucket: &str, key: &str) -> Name {
    name("place", bucket, key)
}

fn of_id(endpoint: &str, id: &str) -> Name {
    name("id", endpoint, id)
}

/// Half of a SHA-256: enough to distinguish any number of handles, even if somebody chose the names to collide.
fn name(kind: &str, first: &str, second: &str) -> Name {
    let mut hash = Sha256::new();
    for part in [kind, first, second] {
        hash.update(part);
        hash.update(b"\0");
    }
    let digest = hash.finalize();
    let half = digest.iter().take(16);
    half.fold(0, |number, byte| (number << 8) | Name::from(*byte))
}
