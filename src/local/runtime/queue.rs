//! The endpoint's queue and the workers behind it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;

use super::job_record::{JobRecord, JobState};
use super::location::Location;
use super::model::{Invocation, Prediction, Surroundings};
use crate::local::control::Serving;
use crate::local::notify;
use crate::local::notify::Receipt;
use crate::local::s3::S3;
use crate::local::s3::content::Content;
use crate::local::s3::store::StoredObject;
use crate::local::services::Services;
use crate::local::sqs;
use crate::local::sync::wait_while;
use crate::sys::{Clock, ManualClock, lock};

/// Maximum number of recorded jobs.
const KEPT: usize = 10_000;

/// Where the input of a job is.
pub(in crate::local) enum Input {
    Inline(Content),
    Location(String),
}

/// An invocation that was accepted.
pub(in crate::local) struct Job {
    pub(in crate::local) inference_id: String,
    pub(in crate::local) input: Input,
    pub(in crate::local) content_type: Option<String>,
    pub(in crate::local) accept: Option<String>,
    pub(in crate::local) custom_attributes: Option<String>,
    pub(in crate::local) ttl: Duration,
    pub(in crate::local) invocation_timeout: Duration,
    /// Time of acceptance, by the endpoint's monotonic clock.
    pub(in crate::local) received: Duration,
    /// The same by its wall clock.
    pub(in crate::local) received_at: SystemTime,
    pub(in crate::local) output: Location,
    /// `None`: a failure leaves no object.
    pub(in crate::local) failure: Option<Location>,
    /// Its endpoint, as it was when the job came.
    pub(in crate::local) serving: Arc<Serving>,
}

/// The jobs that wait or run at an endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::local) struct Backlog {
    pub(in crate::local) size: u64,
    /// Time of acceptance of the oldest, by the endpoint's monotonic clock.
    pub(in crate::local) oldest: Option<Duration>,
}

#[derive(Default)]
struct State {
    /// By endpoint.
    pending: BTreeMap<String, Pending>,
    records: BTreeMap<u64, JobRecord>,
    /// The recorded jobs that are over, the first one first.
    over: VecDeque<u64>,
    next_number: u64,
    workers: usize,
    idle: usize,
    /// The endpoints of running jobs.
    running: BTreeMap<u64, String>,
    /// Workers that have started and not yet asked for a job.
    starting: usize,
    /// Jobs that hold a manual clock's time until a worker has seen them.
    unnoticed: usize,
    stopped: bool,
}

/// Interval of checks for free capacity while jobs wait: it changes with time, without an event.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);
/// The same by a manual clock, whose time costs nothing but these checks.
const MANUAL_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The unfinished jobs of one endpoint, by number.
#[derive(Default)]
struct Pending {
    waiting: VecDeque<(u64, Job)>,
    /// Times of acceptance.
    running: BTreeMap<u64, Duration>,
}

impl Pending {
    fn backlog(&self) -> Backlog {
        let waiting = self.waiting.front().map(|(_, job)| job.received);
        let running = self.running.values().next().copied();
        Backlog {
            size: u64::try_from(self.waiting.len() + self.running.len()).unwrap_or(u64::MAX),
            oldest: waiting.into_iter().chain(running).min(),
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }
}

impl State {
    fn expect_worker(&mut self) {
        self.workers += 1;
        self.starting += 1;
    }

    /// A worker has taken a job. Returns how many jobs are noticed with it: all, if no other worker can come
    /// for the rest.
    fn notice_one(&mut self) -> usize {
        let others = self.waiting() > 0 && self.idle + self.starting > 0;
        let noticed = if others {
            self.unnoticed.min(1)
        } else {
            self.unnoticed
        };
        self.unnoticed -= noticed;
        noticed
    }

    /// Number of waiting jobs.
    fn waiting(&self) -> usize {
        let pending = self.pending.values();
        pending.map(|pending| pending.waiting.len()).sum()
    }

    /// The first job whose endpoint has free capacity.
    fn take(&mut self, slots: &BTreeMap<String, usize>) -> Option<(u64, Job)> {
        let with_room = self.pending.iter_mut().filter(|(endpoint, pending)| {
            let capacity = slots.get(*endpoint).copied().unwrap_or(0);
            pending.running.len() < capacity && !pending.waiting.is_empty()
        });
        let (endpoint, pending) =
            with_room.min_by_key(|(_, pending)| pending.waiting.front().map(|job| job.0))?;
        let (number, job) = pending.waiting.pop_front()?;
        pending.running.insert(number, job.received);
        self.running.insert(number, endpoint.clone());
        Some((number, job))
    }

    /// Removes a job that was running.
    fn is_over(&mut self, number: u64) {
        if let Some(endpoint) = self.running.remove(&number)
            && let Some(pending) = self.pending.get_mut(&endpoint)
        {
            pending.running.remove(&number);
            if pending.is_empty() {
                self.pending.remove(&endpoint);
            }
        }
    }

    /// Fails the jobs that wait at deleted endpoints; true if there were any.
    fn give_up(&mut self, slots: &BTreeMap<String, usize>) -> bool {
        let pending = self.pending.iter_mut();
        let deleted = pending.filter(|(endpoint, _)| !slots.contains_key(*endpoint));
        let gone: Vec<_> = deleted
            .flat_map(|(_, pending)| std::mem::take(&mut pending.waiting))
            .collect();
        for (number, _) in &gone {
            self.record_end(*number, Some("The endpoint was deleted.".to_owned()));
        }
        self.pending.retain(|_, pending| !pending.is_empty());
        !gone.is_empty()
    }

    fn record(&mut self, number: u64, job: &Job) {
        self.records.insert(number, JobRecord::of(job));
        while self.records.len() > KEPT
            && let Some(first) = self.over.pop_front()
        {
            self.records.remove(&first);
        }
    }

    fn record_end(&mut self, number: u64, failure: Option<String>) {
        if let Some(record) = self.records.get_mut(&number) {
            record.state = if failure.is_some() {
                JobState::Failed
            } else {
                JobState::Completed
            };
            record.failure_reason = failure;
            self.over.push_back(number);
        }
    }
}

/// Jobs in order of acceptance, and as many workers as the endpoint has capacity for.
#[derive(Default)]
pub(in crate::local) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Counts changes, for threads that wait for one.
    changes: AtomicU64,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    /// Adds a job, and a worker if none is idle: an endpoint with capacity for thousands starts without them.
    pub(in crate::local) fn push(&self, services: &Arc<Services>, job: Job) -> io::Result<()> {
        let room: usize = services.control.slots(&services.queue).values().sum();
        let mut state = lock(&self.state);
        if state.idle <= state.waiting() && state.workers < room.max(1) {
            match spawn_worker(services) {
                Ok(()) => state.expect_worker(),
                // The existing workers will take it.
                Err(_) if state.workers > 0 => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(clock) = services.common.clock.manual()
            && state.idle + state.starting > 0
            && !state.stopped
        {
            state.unnoticed += 1;
            clock.hand_over();
        }
        let number = state.next_number;
        state.next_number += 1;
        state.record(number, &job);
        let pending = state.pending.entry(job.serving.endpoint.clone());
        pending.or_default().waiting.push_back((number, job));
        drop(state);
        self.has_changed(services);
        Ok(())
    }

    fn has_changed(&self, services: &Services) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        if let Some(clock) = services.common.clock.manual() {
            clock.wake();
        }
    }

    /// The next job; `None` when the endpoint stops. The calling thread holds the time of a manual clock.
    fn next(&self, services: &Arc<Services>, is_new: bool) -> Option<(u64, Job)> {
        let mut state = lock(&self.state);
        state.idle += 1;
        state.starting -= usize::from(is_new);
        drop(state);
        let clock = services.common.clock.manual();
        loop {
            let seen = self.changes.load(Ordering::SeqCst);
            // The control plane's lock is never taken while this one is held.
            let slots = services.control.slots(&services.queue);
            let mut state = lock(&self.state);
            if state.stopped {
                return None;
            }
            if state.give_up(&slots) {
                self.changed.notify_all();
            }
            if let Some((number, job)) = state.take(&slots) {
                state.idle -= 1;
                if let Some(record) = state.records.get_mut(&number) {
                    record.state = JobState::Running;
                }
                // A scale-out may have added capacity since the jobs were accepted.
                let room = slots.values().sum();
                if state.waiting() > 0
                    && state.idle == 0
                    && state.workers < room
                    && spawn_worker(services).is_ok()
                {
                    state.expect_worker();
                }
                let noticed = state.notice_one();
                drop(state);
                if let Some(clock) = clock {
                    clock.taken_over(noticed);
                }
                return Some((number, job));
            }
            let is_empty = state.waiting() == 0;
            let is_changed = || self.changes.load(Ordering::SeqCst) != seen;
            if let Some(clock) = clock {
                let noticed = std::mem::take(&mut state.unnoticed);
                drop(state);
                clock.taken_over(noticed);
                let next_look = (!is_empty).then(|| clock.slept() + MANUAL_CHECK_INTERVAL);
                clock.wait_until(next_look, is_changed);
            } else {
                let nap = if is_empty {
                    Duration::from_mins(1)
                } else {
                    CHECK_INTERVAL
                };
                drop(wait_while(&self.changed, state, nap, |_| !is_changed()));
            }
        }
    }

    /// The jobs that wait or run at each endpoint.
    pub(in crate::local) fn backlogs(&self) -> BTreeMap<String, Backlog> {
        let state = lock(&self.state);
        let pending = state.pending.iter();
        pending
            .map(|(endpoint, pending)| (endpoint.clone(), pending.backlog()))
            .collect()
    }

    fn finish(&self, services: &Services, number: u64, failure: Option<String>) {
        let mut state = lock(&self.state);
        state.is_over(number);
        state.record_end(number, failure);
        drop(state);
        self.has_changed(services);
    }

    pub(in crate::local) fn stop(&self, services: &Services) {
        let mut state = lock(&self.state);
        state.stopped = true;
        let unnoticed = std::mem::take(&mut state.unnoticed);
        drop(state);
        if let Some(clock) = services.common.clock.manual() {
            clock.taken_over(unnoticed);
        }
        self.has_changed(services);
    }

    pub(in crate::local) fn records(&self) -> Vec<JobRecord> {
        lock(&self.state).records.values().cloned().collect()
    }

    /// Waits until no job waits or runs; false after `timeout`. A manual clock is advanced from event to event.
    pub(in crate::local) fn wait_idle(&self, clock: &dyn Clock, timeout: Duration) -> bool {
        let busy = |state: &mut State| !state.pending.is_empty();
        if let Some(clock) = clock.manual() {
            let end = clock.slept().saturating_add(timeout);
            while let Some(next) = clock.settle(timeout).filter(|next| *next <= end) {
                if !busy(&mut lock(&self.state)) {
                    return true;
                }
                clock.advance(next.saturating_sub(clock.slept()));
            }
            if busy(&mut lock(&self.state)) {
                clock.advance(end.saturating_sub(clock.slept()));
            }
            return !busy(&mut lock(&self.state));
        }
        let mut state = wait_while(&self.changed, lock(&self.state), timeout, busy);
        !busy(&mut state)
    }
}

fn spawn_worker(services: &Arc<Services>) -> io::Result<()> {
    let inside = Arc::clone(services);
    services.threads.spawn("local-endpoint-worker", move || {
        let services = &inside;
        let _hold = services.common.clock.manual().map(ManualClock::hold);
        let mut is_new = true;
        while let Some((number, job)) = services.queue.next(services, is_new) {
            is_new = false;
            let receipt = Receipt::of(&job);
            let outcome = run(services, job);
            // Notified before it counts as finished, so that a waiter for that finds the notification sent.
            notify::publish_outcome(services, &receipt, outcome.as_ref());
            services.queue.finish(services, number, outcome.err());
        }
    })
}

/// Runs a job and writes its object. The error is the reason of the failure.
fn run(services: &Services, job: Job) -> Result<Prediction, String> {
    let (output, failure) = (job.output.clone(), job.failure.clone());
    let mut outcome = predict(services, job);
    if let Ok(prediction) = &outcome {
        let content_type = prediction.content_type.as_deref();
        let content_type = content_type.unwrap_or("application/octet-stream");
        if let Err(error) = leave(services, &output, &prediction.content, content_type) {
            outcome = Err(format!("Failed to upload the output: {error}."));
        }
    }
    if let (Err(reason), Some(failure)) = (&mut outcome, failure) {
        let content = reason.clone().into_bytes().into();
        if let Err(error) = leave(services, &failure, &content, "text/plain") {
            *reason = format!("{reason} (The failure object could not be written: {error}.)");
        }
    }
    outcome
}

fn leave(
    services: &Services,
    to: &Location,
    content: &Content,
    content_type: &str,
) -> io::Result<()> {
    let headers = vec![("content-type".to_owned(), content_type.as_bytes().to_vec())];
    let now = services.common.clock.now();
    services
        .s3
        .store_object(&to.bucket, &to.key, content, |content| {
            StoredObject::new(content, headers, now)
        })?;
    sqs::object_created(services, &to.bucket, &to.key, "Put");
    Ok(())
}

fn predict(services: &Services, job: Job) -> Result<Prediction, String> {
    let clock = &*services.common.clock;
    if clock.monotonic().saturating_sub(job.received) > job.ttl {
        return Err(format!(
            "Request exceeded its time to live of {} seconds before it could be processed.",
            job.ttl.as_secs()
        ));
    }
    let invocation = Invocation {
        content: match job.input {
            Input::Inline(body) => body,
            Input::Location(location) => input_at(&services.s3, &location)?,
        },
        content_type: job.content_type,
        accept: job.accept,
        custom_attributes: job.custom_attributes,
        inference_id: job.inference_id,
        timeout: job.invocation_timeout,
    };
    let around = Surroundings {
        clock,
        disk: &services.s3.disk,
        stop: &services.threads.stop,
    };
    services.backend.run(invocation, around)
}

/// The input at the location; if it is missing, at the percent-decoded location: clients write special characters
/// either way.
fn input_at(s3: &S3, uri: &str) -> Result<Content, String> {
    let find = |uri: &str| {
        let location = Location::parse(uri)?;
        s3.store.get(&location.bucket, &location.key)
    };
    let decoded = percent_decode_str(uri).decode_utf8().unwrap_or_default();
    let object = find(uri)
        .or_else(|| find(&decoded))
        .ok_or_else(|| format!("Failed to download input data from {uri}: no such object."))?;
    Ok(object.content)
}
