//! Threads that look at objects while the first one goes on listing.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::caught::Caught;
use crate::aws::{Replay, RequestPolicy};
use crate::error::Result;
use crate::response::AsyncInferenceResponse;
use crate::response::look::Look;

/// What is to be looked at, and until when.
struct Job {
    slot: u32,
    response: AsyncInferenceResponse<()>,
    deadline: Option<Duration>,
}

type Looked = (u32, Result<Result<Look>, Caught>);

/// They live until this is dropped and their work is done; dropping it waits for none.
pub(super) struct Downloads {
    jobs: Sender<Job>,
    /// Behind a lock only for the sake of `Sync`.
    looked: Mutex<Receiver<Looked>>,
    threads: usize,
    at_work: usize,
}

impl Downloads {
    /// As many threads as the system gives, up to `threads`; `None` if that is none.
    pub(super) fn new(threads: usize) -> Option<Self> {
        let (jobs, taken) = mpsc::channel::<Job>();
        let (finished, looked) = mpsc::channel();
        let taken = Arc::new(Mutex::new(taken));
        let started = (0..threads).filter(|_| {
            let (taken, finished) = (taken.clone(), finished.clone());
            let thread = thread::Builder::new().name("as_completed".into());
            thread.spawn(move || work(&taken, &finished)).is_ok()
        });
        let threads = started.count();
        (threads > 0).then(|| Self {
            jobs,
            looked: Mutex::new(looked),
            threads,
            at_work: 0,
        })
    }

    /// Whether a thread is free, or will soon be.
    pub(super) fn has_room(&self) -> bool {
        self.at_work < 2 * self.threads
    }

    pub(super) fn are_at_work(&self) -> bool {
        self.at_work > 0
    }

    pub(super) fn hand_out(
        &mut self,
        slot: u32,
        response: AsyncInferenceResponse<()>,
        deadline: Option<Duration>,
    ) {
        let job = Job {
            slot,
            response,
            deadline,
        };
        if self.jobs.send(job).is_ok() {
            self.at_work += 1;
        }
    }

    /// What was found, if that comes within `timeout` of real time. A panic of a thread goes on
    /// here.
    pub(super) fn receive(&mut self, timeout: Duration) -> Option<(u32, Result<Look>)> {
        if self.at_work == 0 {
            return None;
        }
        let looked = self.looked.get_mut();
        let looked = looked.unwrap_or_else(PoisonError::into_inner);
        let (slot, look) = looked.recv_timeout(timeout).ok()?;
        self.at_work -= 1;
        match look {
            Ok(look) => Some((slot, look)),
            Err(panic) => panic.resume(),
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, finished: &Sender<Looked>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let policy = RequestPolicy {
            deadline: job.deadline,
            cancel: None,
            replay: Replay::Never,
            retry: None,
        };
        let look = Caught::catch(|| job.response.look(policy));
        if finished.send((job.slot, look)).is_err() {
            return;
        }
    }
}
