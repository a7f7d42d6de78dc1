//! One received message.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::core::{Core, Guard, Wish, is_stale};
use super::event::QueueEvent;
use super::stats::add;
use crate::aws::RequestPolicy;
use crate::aws::sqs::{self, MAX_VISIBILITY, Message};
use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::sys::lock;

/// A message that was received and is invisible to other consumers for as long as this value is held (at
/// most 12 hours).
///
/// End it with [`delete`](Self::delete) when the work is done, or with [`release`](Self::release) when it is not.
/// Dropping it releases the message, also during a panic. `Send`: another thread may handle it.
///
/// ```
/// use sagemaker_async_inference::Error;
/// use sagemaker_async_inference::queue::{Delivery, QueueEvent};
///
/// fn handle(delivery: Delivery) -> Result<(), Error> {
///     match delivery.event() {
///         QueueEvent::Inference(done) => println!("{:?} is done", done.inference_id()),
///         QueueEvent::Test => {}
///         _ => return delivery.release(), // for the dead-letter queue
///     }
///     delivery.delete()
/// }
/// ```
#[must_use = "dropping a delivery returns its message to the queue"]
pub struct Delivery {
    guard: Arc<Guard>,
    key: u64,
    event: QueueEvent,
    id: String,
    body: String,
    attributes: Vec<(String, String)>,
    finished: bool,
}

/// From the second receive on, a released message stays invisible: 1 s, then twice that each time.
const MAX_RELEASE: Duration = Duration::from_mins(15);

impl Delivery {
    pub(super) fn new(guard: Arc<Guard>, key: u64, message: Message) -> Self {
        let event = QueueEvent::parse(&message.body);
        let counters = &guard.core.counters;
        match event {
            QueueEvent::Test => add(&counters.tests, 1),
            QueueEvent::Unknown(_) => add(&counters.unknown, 1),
            _ => {}
        }
        Self {
            guard,
            key,
            event,
            id: message.id,
            body: message.body,
            attributes: message.attributes,
            finished: false,
        }
    }

    fn core(&self) -> &Core {
        &self.guard.core
    }

    /// The content of the message.
    pub fn event(&self) -> &QueueEvent {
        &self.event
    }

    /// The unchanged body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The message's id in SQS: the same each time it is delivered. Two messages about one inference have different
    /// ids.
    pub fn message_id(&self) -> &str {
        &self.id
    }

    /// How often the message was received, this time included; approximate. 1 if the service does not report it.
    pub fn receive_count(&self) -> u32 {
        let count = self.attribute("ApproximateReceiveCount");
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// When the message was sent to the queue.
    pub fn sent_at(&self) -> Option<SystemTime> {
        let millis = self.attribute("SentTimestamp")?.parse().ok()?;
        UNIX_EPOCH.checked_add(Duration::from_millis(millis))
    }

    /// The group of a message in a FIFO queue.
    pub fn group(&self) -> Option<&str> {
        self.attribute("MessageGroupId")
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Time for which the message stays invisible to others, unless it is extended. Counted from before the receive
    /// or the extension was sent, so that it is never too long.
    pub fn time_left(&self) -> Duration {
        let deadline = self.core().deadline_of(self.key);
        deadline.map_or(Duration::ZERO, |deadline| {
            deadline.saturating_sub(self.core().now())
        })
    }

    /// Whether the message is still invisible to others. If it is not, another consumer may be handling it. Extensions
    /// are automatic; this is false after they failed for too long, or after 12 hours.
    pub fn is_ours(&self) -> bool {
        !self.time_left().is_zero()
    }

    /// Keeps the message invisible for this long from now, in whole seconds, rounded up, at most until 12 hours after it was
    /// received. Automatic extensions continue; this is for a handler that knows that it will be suspended.
    ///
    /// # Errors
    /// [`Error::Service`]: the visibility timeout has expired, or the permission is missing.
    pub fn extend(&self, by: Duration) -> Result<()> {
        check_visibility(by)?;
        let core = self.core();
        let mut state = lock(&core.state);
        let (receipt, received) = loop {
            match state.entries.get_mut(&self.key) {
                Some(entry) if entry.busy => {
                    state = core.wait(state, super::core::TICK_WHILE_BUSY);
                }
                Some(entry) => {
                    entry.busy = true;
                    break (entry.receipt.clone(), entry.received);
                }
                None => return Ok(()),
            }
        };
        drop(state);
        let sent = core.now();
        let visibility = whole_seconds(by).min(Core::longest(received, sent));
        let queue = core.queue();
        let outcome = queue.change_visibility_of(&receipt, visibility, RequestPolicy::default());
        let outcome = outcome.map_err(Error::from);
        let mut state = lock(&core.state);
        if let Some(entry) = state.entries.get_mut(&self.key) {
            entry.busy = false;
            match &outcome {
                Ok(()) => entry.deadline = sent + visibility,
                Err(error) if is_stale(error) => entry.deadline = entry.deadline.min(sent),
                Err(_) => {}
            }
        }
        state.may_not_change |= outcome.as_ref().is_err_and(sqs::is_access_denied);
        drop(state);
        core.changed.notify_all();
        outcome
    }

    /// Deletes the message, because the work is done. The deletion is sent in the background within half a second, ten
    /// at a time; at the end of the iterator, and when the last delivery is dropped, at once.
    ///
    /// # Errors
    /// The failure of an *earlier* deletion, reported once: without the permission, for example, all messages are
    /// delivered again. A message whose visibility timeout has expired is deleted if the service still allows it, and
    /// counted in [`QueueStats::lost`](super::QueueStats::lost).
    pub fn delete(mut self) -> Result<()> {
        self.finish(Wish::Delete);
        self.core().take_failure().map_or(Ok(()), Err)
    }

    /// Releases the message for this or another consumer: at once if it was received for the first time, otherwise after
    /// 1, 2, 4 .. seconds and at most 15 minutes, so that a message that no handler can process is not delivered in a
    /// tight loop. The queue's redrive policy moves it to the dead-letter queue when it was received often enough.
    ///
    /// # Errors
    /// None at present. If the request fails, the message becomes visible when its visibility timeout expires.
    pub fn release(mut self) -> Result<()> {
        self.finish(Wish::Release(self.backoff()));
        Ok(())
    }

    /// Releases the message so that it becomes visible after this time: 0 to 12 h, in whole seconds, rounded up.
    ///
    /// # Errors
    /// [`Error::InvalidInput`]: the time is more than 12 h; the message is then released as by
    /// [`release`](Self::release).
    pub fn release_after(mut self, delay: Duration) -> Result<()> {
        check_visibility(delay)?;
        self.finish(Wish::Release(whole_seconds(delay)));
        Ok(())
    }

    fn backoff(&self) -> Duration {
        match self.receive_count() {
            0 | 1 => Duration::ZERO,
            count => Duration::from_secs(1 << (count - 2).min(16)).min(MAX_RELEASE),
        }
    }

    fn finish(&mut self, wish: Wish) {
        self.finished = true;
        self.core().finish(self.key, wish);
    }
}

fn check_visibility(duration: Duration) -> Result<()> {
    if duration <= MAX_VISIBILITY {
        return Ok(());
    }
    let value = format!("{} s", duration.as_secs());
    Err(InvalidInput::new("visibility timeout", value, "at most 12 h", "").into())
}

/// The service's unit. A part of a second is a second: as 0 it would make the message visible at once.
fn whole_seconds(duration: Duration) -> Duration {
    let part = Duration::from_secs(u64::from(duration.subsec_nanos() > 0));
    Duration::from_secs(duration.as_secs()) + part
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.finished {
            self.finish(Wish::Release(self.backoff()));
        }
    }
}

/// Without the body.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message_id", &self.id)
            .field("event", &self.event)
            .field("receive_count", &self.receive_count())
            .finish_non_exhaustive()
    }
}
