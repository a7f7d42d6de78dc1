//! Threads that fetch outputs while the calling thread goes on polling.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::caught::Caught;
use super::fetch::{PathOf, Taken, store, take_into_file, take_small};
use crate::aws::s3::Object;
use crate::aws::{Replay, RequestPolicy};
use crate::error::Result;
use crate::response::AsyncInferenceResponse;
use crate::response::poll::Poll;
use crate::waiter::WaiterConfig;

/// An output to take.
pub(super) struct Job {
    pub(super) slot: u32,
    pub(super) response: AsyncInferenceResponse<()>,
    pub(super) way: Way,
}

/// How it is taken.
pub(super) enum Way {
    /// As [`take_small`], until then.
    Small(Option<Duration>),
    /// As [`take_into_file`].
    IntoFile(PathBuf),
    /// As [`store`].
    Store(Object, PathBuf),
}

type Polled = (u32, Result<Result<Poll<Taken>>, Caught>);

/// They live until this is dropped and their work is done; dropping it waits for none.
pub(super) struct Downloads {
    jobs: Sender<Job>,
    /// Behind a lock only for the sake of `Sync`.
    looked: Mutex<Receiver<Polled>>,
    threads: usize,
    at_work: usize,
}

impl Downloads {
    /// As many threads as the system gives, up to `threads`; `None` if that is none.
    pub(super) fn new(
        threads: usize,
        waiter: &WaiterConfig,
        path_of: Option<&Arc<PathOf>>,
    ) -> Option<Self> {
        let (jobs, taken) = mpsc::channel::<Job>();
        let (finished, looked) = mpsc::channel();
        let taken = Arc::new(Mutex::new(taken));
        let started = (0..threads).filter(|_| {
            let (taken, finished) = (taken.clone(), finished.clone());
            let (waiter, path_of) = (waiter.clone(), path_of.cloned());
            let thread = thread::Builder::new().name("as_completed".into());
            let work = move || work(&taken, &finished, &waiter, path_of.as_deref());
            thread.spawn(work).is_ok()
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

    pub(super) fn hand_out(&mut self, job: Job) {
        if self.jobs.send(job).is_ok() {
            self.at_work += 1;
        }
    }

    /// What was found, if that comes within `timeout` of real time. A panic of a thread goes on
    /// here.
    pub(super) fn receive(&mut self, timeout: Duration) -> Option<(u32, Result<Poll<Taken>>)> {
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

fn work(
    jobs: &Mutex<Receiver<Job>>,
    finished: &Sender<Polled>,
    waiter: &WaiterConfig,
    path_of: Option<&PathOf>,
) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let Job {
            slot,
            response,
            way,
        } = job;
        let polled = Caught::catch(|| match way {
            Way::IntoFile(path) => take_into_file(&response, waiter, &path),
            Way::Store(object, path) => store(object, path),
            Way::Small(deadline) => {
                let policy = RequestPolicy {
                    replay: Replay::Never,
                    ..waiter.policy(deadline)
                };
                match (take_small(&response, policy)?, path_of) {
                    (Poll::Output(Taken::Held(object)), Some(path_of)) => {
                        store(object, path_of(&response.handle()))
                    }
                    (polled, _) => Ok(polled),
                }
            }
        });
        if finished.send((slot, polled)).is_err() {
            return;
        }
    }
}
