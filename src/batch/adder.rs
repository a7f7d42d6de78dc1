//! Responses that are added to a wait in progress.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};

use crate::codec::Json;
use crate::response::AsyncInferenceResponse;
use crate::sys::lock;

/// Responses that were added and not taken up yet.
pub(super) struct Inbox<D> {
    pub(super) state: Mutex<InboxState<D>>,
    pub(super) changed: Condvar,
}

pub(super) struct InboxState<D> {
    pub(super) responses: VecDeque<AsyncInferenceResponse<D>>,
    pub(super) added: usize,
    pub(super) closed: bool,
}

impl<D> Inbox<D> {
    pub(super) fn new(responses: VecDeque<AsyncInferenceResponse<D>>) -> Self {
        Self {
            state: Mutex::new(InboxState {
                added: responses.len(),
                responses,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

/// Adds inferences to an [`AsCompleted`](super::AsCompleted) from other threads.
///
/// The iterator does not end as long as one of its adders lives: drop them. On the iterating thread use
/// [`AsCompleted::add`](super::AsCompleted::add).
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig, as_completed};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session);
/// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
/// let mut waiting = as_completed([], &waiter);
/// let adder = waiting.adder();
/// std::thread::spawn(move || {
///     for response in predictor.submit_all(1..=10).flatten() {
///         if adder.add(response).is_err() {
///             return; // nobody waits any more
///         }
///     }
/// });
/// let results: Result<Vec<u32>, _> = waiting.map(|done| done.result()).collect();
/// assert_eq!(results?.iter().sum::<u32>(), 55);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Adder<D = Json> {
    pub(super) inbox: Arc<Inbox<D>>,
}

impl<D> Adder<D> {
    /// Adds an inference and returns its index.
    ///
    /// # Errors
    /// The response itself, if the iterator was dropped: it was not added, and can be waited for in another way.
    pub fn add(
        &self,
        response: AsyncInferenceResponse<D>,
    ) -> Result<usize, Box<AsyncInferenceResponse<D>>> {
        let mut inbox = lock(&self.inbox.state);
        if inbox.closed {
            return Err(Box::new(response));
        }
        let index = inbox.added;
        inbox.added += 1;
        inbox.responses.push_back(response);
        self.inbox.changed.notify_one();
        Ok(index)
    }
}

impl<D> Clone for Adder<D> {
    fn clone(&self) -> Self {
        Self {
            inbox: self.inbox.clone(),
        }
    }
}

impl<D> Drop for Adder<D> {
    fn drop(&mut self) {
        self.inbox.changed.notify_one();
    }
}

impl<D> fmt::Debug for Adder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added = lock(&self.inbox.state).added;
        f.debug_struct("Adder")
            .field("added", &added)
            .finish_non_exhaustive()
    }
}
