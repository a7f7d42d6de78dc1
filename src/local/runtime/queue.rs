//! The endpoint's queue and the workers behind it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;

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
use crate::local::sync::{lock, wait_while};

/// How many records of jobs are kept.
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
    /// When it came, by the endpoint's monotonic clock.
    pub(in crate::local) received: Duration,
    /// The same by its wall clock.
    pub(in crate::local) received_at: SystemTime,
    pub(in crate::local) output: Location,
    /// `None`: a failure leaves no object.
    pub(in crate::local) failure: Option<Location>,
    /// Its endpoint, as it was when the job came.
    pub(in crate::local) serving: Arc<Serving>,
}

/// What waits at an endpoint or is in work there.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::local) struct Backlog {
    pub(in crate::local) size: u64,
    /// When, on the endpoint's monotonic clock, the oldest of them came.
    pub(in crate::local) oldest: Option<Duration>,
}

/// Where a job is on its way.
///
/// ```
/// use sagemaker_async_inference::local::{JobState, LocalEndpoint};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// // .. submits ..
/// let failed = endpoint.jobs().iter().filter(|job| job.state == JobState::Failed).count();
/// assert_eq!(failed, 0);
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// Waits for a free worker.
    Queued,
    /// The model has it.
    Running,
    /// The output object is there.
    Completed,
    /// The failure object is there, if the endpoint has a failure path.
    Failed,
}

/// An invocation that the endpoint accepted.
///
/// ```
/// use sagemaker_async_inference::local::{JobState, LocalEndpoint};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// // .. submits ..
/// let failed = endpoint.jobs().iter().filter(|job| job.state == JobState::Failed).count();
/// assert_eq!(failed, 0);
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct JobRecord {
    /// `EndpointName`.
    pub endpoint_name: String,
    /// `InferenceId`, the caller's or made up.
    pub inference_id: String,
    /// `InputLocation`; `None` for an inline body.
    pub input_location: Option<String>,
    /// `OutputLocation` of the answer.
    pub output_location: String,
    /// `FailureLocation` of the answer.
    pub failure_location: Option<String>,
    /// `ContentType`.
    pub content_type: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// `CustomAttributes`.
    pub custom_attributes: Option<String>,
    /// `RequestTTLSeconds`, or its default.
    pub request_ttl: Duration,
    /// `InvocationTimeoutSeconds`, or its default.
    pub invocation_timeout: Duration,
    /// How far it is.
    pub state: JobState,
    /// Why it failed.
    pub failure_reason: Option<String>,
}

impl fmt::Debug for JobRecord {
    /// Without the custom attributes, which are sensitive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRecord")
            .field("endpoint_name", &self.endpoint_name)
            .field("inference_id", &self.inference_id)
            .field("input_location", &self.input_location)
            .field("output_location", &self.output_location)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl JobRecord {
    fn of(job: &Job) -> Self {
        Self {
            endpoint_name: job.serving.endpoint.clone(),
            inference_id: job.inference_id.clone(),
            input_location: match &job.input {
                Input::Inline(_) => None,
                Input::Location(location) => Some(location.clone()),
            },
            output_location: job.output.uri(),
            failure_location: job.failure.as_ref().map(Location::uri),
            content_type: job.content_type.clone(),
            accept: job.accept.clone(),
            custom_attributes: job.custom_attributes.clone(),
            request_ttl: job.ttl,
            invocation_timeout: job.invocation_timeout,
            state: JobState::Queued,
            failure_reason: None,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.state, JobState::Completed | JobState::Failed)
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(u64, Job)>,
    records: BTreeMap<u64, JobRecord>,
    next_number: u64,
    workers: usize,
    idle: usize,
    /// The endpoints of the jobs in work.
    running: BTreeMap<u64, String>,
    pending: BTreeMap<String, Pending>,
    /// Counts what changes, for those who wait for a change.
    changes: u64,
    stopped: bool,
}

/// While jobs wait that no endpoint has room for, a look this often whether one has: that comes with
/// the time, and nobody tells.
const LOOK: Duration = Duration::from_millis(10);

/// The jobs of one endpoint that are not over.
#[derive(Default)]
struct Pending {
    /// When they came, by number.
    jobs: BTreeMap<u64, Duration>,
    running: usize,
}

impl State {
    /// The first job that its endpoint has room for.
    fn take(&mut self, slots: &BTreeMap<String, usize>) -> Option<(u64, Job)> {
        let has_room = |endpoint: &String| {
            let running = self
                .pending
                .get(endpoint)
                .map_or(0, |pending| pending.running);
            running < slots.get(endpoint).copied().unwrap_or(0)
        };
        let mut waiting = self.waiting.iter();
        let position = waiting.position(|(_, job)| has_room(&job.serving.endpoint))?;
        let (number, job) = self.waiting.remove(position)?;
        let endpoint = job.serving.endpoint.clone();
        self.pending.entry(endpoint.clone()).or_default().running += 1;
        self.running.insert(number, endpoint);
        Some((number, job))
    }

    /// Takes a job that was in work off the books.
    fn is_over(&mut self, number: u64) {
        if let Some(endpoint) = self.running.remove(&number)
            && let Some(pending) = self.pending.get_mut(&endpoint)
        {
            pending.running -= 1;
            pending.jobs.remove(&number);
            if pending.jobs.is_empty() {
                self.pending.remove(&endpoint);
            }
        }
    }

    /// Fails the jobs that wait at endpoints that are gone; true if there were any.
    fn give_up(&mut self, slots: &BTreeMap<String, usize>) -> bool {
        if self
            .pending
            .keys()
            .all(|endpoint| slots.contains_key(endpoint))
        {
            return false;
        }
        let (kept, gone): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, job)| slots.contains_key(&job.serving.endpoint));
        self.waiting = kept;
        for (number, job) in &gone {
            if let Some(record) = self.records.get_mut(number) {
                record.state = JobState::Failed;
                record.failure_reason = Some("The endpoint was deleted.".to_owned());
            }
            if let Some(pending) = self.pending.get_mut(&job.serving.endpoint) {
                pending.jobs.remove(number);
            }
        }
        self.pending.retain(|_, pending| !pending.jobs.is_empty());
        !gone.is_empty()
    }
}

/// Jobs in the order they came, and as many workers as the endpoint has room for.
#[derive(Default)]
pub(in crate::local) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    /// Adds a job, and a worker if none is free: an endpoint with room for thousands still starts
    /// at once.
    pub(in crate::local) fn push(&self, services: &Arc<Services>, job: Job) -> io::Result<()> {
        let room: usize = services.control.slots(&services.queue).values().sum();
        let mut state = lock(&self.state);
        if state.idle <= state.waiting.len() && state.workers < room.max(1) {
            match spawn_worker(services) {
                Ok(()) => state.workers += 1,
                // Those that are there will get to it.
                Err(_) if state.workers > 0 => {}
                Err(error) => return Err(error),
            }
        }
        let number = state.next_number;
        state.next_number += 1;
        state.records.insert(number, JobRecord::of(&job));
        if state.records.len() > KEPT {
            let oldest = state.records.iter().find(|(_, record)| record.is_over());
            if let Some(oldest) = oldest.map(|(number, _)| *number) {
                state.records.remove(&oldest);
            }
        }
        let pending = state.pending.entry(job.serving.endpoint.clone());
        pending.or_default().jobs.insert(number, job.received);
        state.waiting.push_back((number, job));
        state.changes += 1;
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// The next job; `None` when the endpoint stops.
    fn next(&self, services: &Arc<Services>) -> Option<(u64, Job)> {
        lock(&self.state).idle += 1;
        loop {
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
                // After a scale-out there is room for more than was there when the jobs came.
                let room = slots.values().sum();
                if !state.waiting.is_empty()
                    && state.idle == 0
                    && state.workers < room
                    && spawn_worker(services).is_ok()
                {
                    state.workers += 1;
                }
                return Some((number, job));
            }
            let seen = state.changes;
            let nap = if state.waiting.is_empty() {
                Duration::from_mins(1)
            } else {
                LOOK
            };
            drop(wait_while(&self.changed, state, nap, |state| {
                state.changes == seen && !state.stopped
            }));
        }
    }

    /// What waits at each endpoint or is in work there.
    pub(in crate::local) fn backlogs(&self) -> BTreeMap<String, Backlog> {
        let state = lock(&self.state);
        let pending = state.pending.iter();
        pending
            .map(|(endpoint, pending)| {
                let backlog = Backlog {
                    size: u64::try_from(pending.jobs.len()).unwrap_or(u64::MAX),
                    oldest: pending.jobs.values().next().copied(),
                };
                (endpoint.clone(), backlog)
            })
            .collect()
    }

    fn finish(&self, number: u64, failure: Option<String>) {
        let mut state = lock(&self.state);
        state.is_over(number);
        state.changes += 1;
        if let Some(record) = state.records.get_mut(&number) {
            record.state = if failure.is_some() {
                JobState::Failed
            } else {
                JobState::Completed
            };
            record.failure_reason = failure;
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(in crate::local) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }

    pub(in crate::local) fn records(&self) -> Vec<JobRecord> {
        lock(&self.state).records.values().cloned().collect()
    }

    /// Waits until no job waits or runs; false after `timeout`.
    pub(in crate::local) fn wait_idle(&self, timeout: Duration) -> bool {
        let busy = |state: &mut State| !state.waiting.is_empty() || !state.running.is_empty();
        let mut state = wait_while(&self.changed, lock(&self.state), timeout, busy);
        !busy(&mut state)
    }
}

fn spawn_worker(services: &Arc<Services>) -> io::Result<()> {
    let inside = Arc::clone(services);
    services.threads.spawn("local-endpoint-worker", move || {
        let services = &inside;
        while let Some((number, job)) = services.queue.next(services) {
            let receipt = Receipt::of(&job);
            let outcome = run(services, job);
            // Notified before it counts as finished, so that a waiter for that finds the notification sent.
            notify::tell(services, &receipt, outcome.as_ref());
            services.queue.finish(number, outcome.err());
        }
    })
}

/// Runs a job and leaves its object. The error is why it failed.
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
            *reason = format!("{reason} (And no object could be left to say so: {error}.)");
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

/// The input as the location names it; failing that, with the location percent-decoded: clients
/// write odd keys either way.
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
