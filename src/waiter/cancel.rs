//! Cancellation of waits and submits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Cancels waits, submits and transfers from another thread. They end within 100 ms, whatever they wait for: a
/// request in progress is given up, also while its address is resolved, its connection is opened, or its response
/// is read.
///
/// All clones cancel the same waits. The inference itself goes on: the service has no way to cancel it.
///
/// ```
/// use sagemaker_async_inference::{CancelToken, WaiterConfig};
///
/// let cancel = CancelToken::new();
/// let waiter = WaiterConfig::builder().cancel(cancel.clone()).build()?;
/// std::thread::spawn(move || cancel.cancel());
/// # let _ = waiter;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
}

impl CancelToken {
    /// Creates a token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every wait that has this token, now and later.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// The flag, for whatever outlives a borrow.
    pub(crate) fn shared_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }

    /// Whether it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}
