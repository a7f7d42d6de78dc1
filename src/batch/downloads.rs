//! Threads that fetch outputs while the calling thread keeps polling, and one that lists.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::caught::{Caught, Ran};
use super::fetch::{PathOf, Taken, store, take_into_file, take_small};
use super::prefix::{Listed, PageRequest};
use crate::aws::s3::Object;
use crate::aws::{CallError, Replay, RequestPolicy};
use crate::error::Result;
use crate::response::AsyncInferenceResponse;
use crate::response::poll::Poll;
use crate::sys::{lock, unpoisoned};
use crate::waiter::WaiterConfig;

/// An output to fetch.
pub(super) struct Job {
    pub(super) slot: u32,
    pub(super) response: AsyncInferenceResponse<()>,
    pub(super) way: Way,
}

/// How it is fetched.
pub(super) enum Way {
    /// As [`take_small`], until then.
    Small(Option<Duration>),
    /// As [`take_into_file`].
    IntoFile(PathBuf),
    /// As [`store`].
    Store(Object, PathBuf),
}

/// The outcome of a thread's work, or the panic that ended it.
pub(super) enum Received {
    /// The outcome of a handle's poll, and how long it took.
    Polled(u32, Ran<Result<Poll<Taken>>>, Duration),
    /// A page.
    Listed(Ran<Result<Listed, CallError>>),
}

/// The threads live until this is dropped and their work is done; dropping it does not wait for them.
pub(super) struct Downloads {
    jobs: Sender<Job>,
    /// Requests to the thread that lists, which is started with the first listing.
    pages: Option<Sender<(PageRequest, Duration)>>,
    waiter: WaiterConfig,
    finished: Sender<Received>,
    /// Behind a lock only for the sake of `Sync`.
    received: Mutex<Receiver<Received>>,
    threads: usize,
    fetching: usize,
    listing: bool,
}

impl Downloads {
    /// Starts up to `threads` threads; `None` if the system starts none.
    pub(super) fn new(
        threads: usize,
        waiter: &WaiterConfig,
        path_of: Option<&Arc<PathOf>>,
    ) -> Option<Self> {
        let (jobs, taken) = mpsc::channel::<Job>();
        let (finished, received) = mpsc::channel();
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
            pages: None,
            waiter: waiter.clone(),
            finished,
            received: Mutex::new(received),
            threads,
            fetching: 0,
            listing: false,
        })
    }

    /// Whether a thread is free, or will soon be.
    pub(super) fn has_room(&self) -> bool {
        self.fetching < 2 * self.threads
    }

    pub(super) fn are_at_work(&self) -> bool {
        self.fetching > 0 || self.listing
    }

    pub(super) fn hand_out(&mut self, job: Job) {
        if self.jobs.send(job).is_ok() {
            self.fetching += 1;
        }
    }

    /// Requests a page, to be listed until the deadline; returns it if the system starts no thread.
    pub(super) fn list(
        &mut self,
        page: PageRequest,
        deadline: Duration,
    ) -> Result<(), PageRequest> {
        let pages = if let Some(pages) = self.pages.take() {
            pages
        } else {
            let (pages, requested) = mpsc::channel();
            let (finished, waiter) = (self.finished.clone(), self.waiter.clone());
            let thread = thread::Builder::new().name("as_completed list".into());
            let spawned = thread.spawn(move || list(&requested, &finished, &waiter));
            if spawned.is_err() {
                return Err(page);
            }
            pages
        };
        pages.send((page, deadline)).map_err(|unsent| unsent.0.0)?;
        self.pages = Some(pages);
        self.listing = true;
        Ok(())
    }

    /// The next outcome of a thread, if one comes within `timeout` of real time.
    pub(super) fn receive(&mut self, timeout: Duration) -> Option<Received> {
        if !self.are_at_work() {
            return None;
        }
        let received = unpoisoned(self.received.get_mut())
            .recv_timeout(timeout)
            .ok()?;
        match received {
            Received::Listed(_) => self.listing = false,
            Received::Polled(..) => self.fetching -= 1,
        }
        Some(received)
    }
}

/// Lists pages, one after another.
fn list(
    pages: &Receiver<(PageRequest, Duration)>,
    finished: &Sender<Received>,
    waiter: &WaiterConfig,
) {
    for (page, deadline) in pages {
        let policy = RequestPolicy {
            replay: Replay::Never,
            ..waiter.policy(Some(deadline))
        };
        let listed = Caught::catch(|| page.send(policy));
        if finished.send(Received::Listed(listed)).is_err() {
            return;
        }
    }
}

fn work(
    jobs: &Mutex<Receiver<Job>>,
    finished: &Sender<Received>,
    waiter: &WaiterConfig,
    path_of: Option<&PathOf>,
) {
    loop {
        let job = lock(jobs).recv();
        let Ok(job) = job else { return };
        let Job {
            slot,
            response,
            way,
        } = job;
        let clock = response.session().sys().clock();
        let began = clock.monotonic();
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
        let took = clock.monotonic().saturating_sub(began);
        if finished.send(Received::Polled(slot, polled, took)).is_err() {
            return;
        }
    }
}
