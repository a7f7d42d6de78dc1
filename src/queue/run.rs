//! Messages handled by several threads.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::deliveries::Deliveries;
use super::delivery::Delivery;
use super::stats::{QueueStats, add};
use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::sys::{lock, unpoisoned};

/// Maximum number of threads of one consumer.
const MAX_WORKERS: usize = 256;
/// Interval of checks for cancellation while all workers are busy.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Default)]
struct State {
    waiting: VecDeque<Delivery>,
    /// Workers that wait for a message.
    free: usize,
    over: bool,
    panic: Option<Box<dyn Any + Send>>,
}

#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

impl Desk {
    /// Returns the next message for a worker; none at the end.
    fn take(&self) -> Option<Delivery> {
        let mut state = lock(&self.state);
        state.free += 1;
        self.changed.notify_all();
        loop {
            if state.panic.is_some() {
                return None;
            }
            // What waited here was extended all the time; if that failed, others have it.
            while let Some(delivery) = state.waiting.pop_front() {
                if delivery.is_ours() {
                    state.free -= 1;
                    return Some(delivery);
                }
            }
            if state.over {
                return None;
            }
            let woken = self.changed.wait(state);
            state = unpoisoned(woken);
        }
    }

    /// Waits for free workers and returns how many there are; none when a handler panicked or it was
    /// cancelled.
    fn free(&self, cancelled: impl Fn() -> bool) -> Option<usize> {
        let mut state = lock(&self.state);
        loop {
            if state.panic.is_some() || cancelled() {
                return None;
            }
            match state.free.saturating_sub(state.waiting.len()) {
                0 => {
                    let woken = self.changed.wait_timeout(state, LOOK);
                    state = unpoisoned(woken).0;
                }
                free => return Some(free),
            }
        }
    }
}

impl Deliveries {
    /// Handles messages on `workers` threads, 1 to 256, until the iterator would end, the queue fails permanently, or
    /// a handler panics. Never receives more messages than there are free workers, unless [`at_once`](Self::at_once)
    /// is larger. After a cancel, messages that are already being handled are finished.
    ///
    /// When a handler returns an error or panics, its message is released unless the handler deleted it before. After a
    /// panic the other workers finish their messages, deletions are sent, and the panic continues in the caller.
    ///
    /// # Errors
    /// - [`Error::InvalidInput`]: the number of workers is out of range; nothing was received.
    /// - [`Error::Config`]: a worker's thread could not be started.
    /// - Those of the iterator: messages could not be received, or a deletion could not be carried out.
    ///   Messages that were being handled are finished before it is returned.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::queue::ResultQueue;
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let url = endpoint.create_queue("done", &[])?;
    /// endpoint.send_message(&url, "{}");
    /// let queue = ResultQueue::new(&url, &endpoint.session()?)?;
    /// let stats = queue.deliveries().max_messages(1).run(2, |delivery| delivery.delete())?;
    /// assert_eq!((stats.received, stats.deleted), (1, 1));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<E>(
        mut self,
        workers: usize,
        handler: impl Fn(Delivery) -> Result<(), E> + Sync,
    ) -> Result<QueueStats>
    where
        E: fmt::Display,
    {
        if !(1..=MAX_WORKERS).contains(&workers) {
            let limit = format!("1 to {MAX_WORKERS}");
            return Err(InvalidInput::new("workers", workers.to_string(), limit, "").into());
        }
        let queue = self.queue().clone();
        let desk = Desk::default();
        let cancel = self.cancel_token();
        let outcome = thread::scope(|scope| {
            let mut failure = None;
            for number in 0..workers {
                let work = || work(&desk, &handler, &queue);
                let name = format!("queue-worker-{number}");
                if let Err(error) = thread::Builder::new().name(name).spawn_scoped(scope, work) {
                    failure = Some(no_thread(&error));
                    break;
                }
            }
            let failure = failure.or_else(|| self.hand_out(&desk));
            let mut state = lock(&desk.state);
            state.over = true;
            if cancel.is_cancelled() {
                // They are released for others: the wait is only for messages that are being handled.
                state.waiting.clear();
            }
            drop(state);
            desk.changed.notify_all();
            failure
        });
        // The workers are done: their deletions and releases are sent now.
        let mut state = lock(&desk.state);
        let panic = state.panic.take();
        state.waiting.clear();
        drop(state);
        let late = self.finish();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        match outcome.or(late) {
            Some(error) => Err(error),
            None => Ok(queue.stats()),
        }
    }

    /// Receives for the workers; returns why it stopped, if that is an error.
    fn hand_out(&mut self, desk: &Desk) -> Option<Error> {
        let cancel = self.cancel_token();
        while let Some(free) = desk.free(|| cancel.is_cancelled()) {
            match self.next_batch(free.max(self.max_at_once())) {
                Some(Ok(received)) => {
                    lock(&desk.state).waiting.extend(received);
                    desk.changed.notify_all();
                }
                Some(Err(error)) => return Some(error),
                None => return None,
            }
        }
        None
    }
}

fn no_thread(error: &std::io::Error) -> Error {
    crate::error::ConfigError::new(
        "threads",
        format!("a worker could not be started: {error}"),
        "use fewer workers, or raise the limit on threads",
    )
    .into()
}

fn work<E: fmt::Display>(
    desk: &Desk,
    handler: &(impl Fn(Delivery) -> Result<(), E> + Sync),
    queue: &super::ResultQueue,
) {
    while let Some(delivery) = desk.take() {
        // What a handler leaves half done when it panics is its own.
        match catch_unwind(AssertUnwindSafe(|| handler(delivery))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                add(&queue.counters().handler_errors, 1);
                crate::trace::handler_failed(&error);
            }
            Err(panic) => {
                add(&queue.counters().handler_errors, 1);
                lock(&desk.state).panic.get_or_insert(panic);
                desk.changed.notify_all();
            }
        }
    }
}
