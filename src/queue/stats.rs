//! Counts of a queue's consumers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of all consumers of a [`ResultQueue`](super::ResultQueue) in this process, since it was created.
///
/// `lost` above 0 means that handlers take longer than the 12 hours of a message, or that
/// `sqs:ChangeMessageVisibility` is missing: other consumers then receive the same messages.
///
/// ```
/// use sagemaker_async_inference::queue::ResultQueue;
///
/// fn is_too_slow(queue: &ResultQueue) -> bool {
///     queue.stats().lost > 0
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// Receives that succeeded.
    pub receives: u64,
    /// Messages received.
    pub received: u64,
    /// Messages whose deletion the service confirmed.
    pub deleted: u64,
    /// Messages released.
    pub released: u64,
    /// Test messages received.
    pub tests: u64,
    /// Messages received that could not be read.
    pub unknown: u64,
    /// Visibility timeouts extended.
    pub extended: u64,
    /// Extensions that failed.
    pub extension_failures: u64,
    /// Messages whose visibility timeout had expired when a handler was done with them, by the clock or as the service
    /// reported.
    pub lost: u64,
    /// Deletions that failed permanently: these messages are delivered again.
    pub delete_failures: u64,
    /// Handlers of [`run`](super::ResultQueue::run) that returned an error or panicked.
    pub handler_errors: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) receives: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) deleted: AtomicU64,
    pub(super) released: AtomicU64,
    pub(super) tests: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) extended: AtomicU64,
    pub(super) extension_failures: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) delete_failures: AtomicU64,
    pub(super) handler_errors: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn snapshot(&self) -> QueueStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        QueueStats {
            receives: of(&self.receives),
            received: of(&self.received),
            deleted: of(&self.deleted),
            released: of(&self.released),
            tests: of(&self.tests),
            unknown: of(&self.unknown),
            extended: of(&self.extended),
            extension_failures: of(&self.extension_failures),
            lost: of(&self.lost),
            delete_failures: of(&self.delete_failures),
            handler_errors: of(&self.handler_errors),
        }
    }
}
