//! The threads that submit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::caught::{Caught, Ran};
use super::journal::{Claim, Journal, Stage};
use crate::aws::client::gate::{Gate, Pace};
use crate::error::{Error, Result};
use crate::handle::InferenceHandle;
use crate::request::{AsyncRequest, Identity};
use crate::response::AsyncInferenceResponse;
use crate::sys::{Sys, lock, unpoisoned};
use crate::trace;
use crate::waiter::CancelToken;

/// The end of a request.
pub(super) struct Finished<D> {
    /// The outcome, or the panic of the caller's code (such as a credentials provider's).
    pub(super) outcome: Ran<Result<AsyncInferenceResponse<D>>>,
    /// The panic of `on_submitted`.
    pub(super) panic: Option<Caught>,
}

/// One request for a thread.
pub(super) struct Job<D> {
    pub(super) index: u64,
    pub(super) request: AsyncRequest<'static, D>,
    /// Not shared by the threads for longer: with the last outcome the journal is unlocked.
    pub(super) recorder: Option<Recorder>,
}

/// The journal, and how to handle inputs whose submit is uncertain.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    pub(super) journal: Arc<Journal>,
    pub(super) resubmit_uncertain: bool,
}

/// Called with an input's index as soon as it is submitted.
pub(super) type OnSubmitted = Arc<dyn Fn(u64, &InferenceHandle) + Send + Sync>;

/// How a batch submits.
pub(super) struct Plan {
    pub(super) extension: Extension,
    pub(super) on_submitted: Option<OnSubmitted>,
    pub(super) batch: trace::Batch,
    pub(super) cancel: Option<CancelToken>,
}

/// A path of the batch's own below the endpoint's output path.
#[derive(Debug, Clone)]
pub(super) struct Extension {
    /// `None`: none is sent.
    pub(super) path: Option<Arc<str>>,
    /// False once an output location came without it.
    pub(super) understood: Arc<AtomicBool>,
}

/// The threads' shared state.
struct Shared<D> {
    jobs: Mutex<Receiver<Job<D>>>,
    pace: Pace,
    stop: AtomicBool,
    plan: Plan,
}

/// Threads that live until this is dropped and their work is done; dropping it does not wait for them.
pub(super) struct Workers<D> {
    jobs: Sender<Job<D>>,
    /// Behind a lock only for the sake of `Sync`.
    outcomes: Mutex<Receiver<(u64, Finished<D>)>>,
    finished: Sender<(u64, Finished<D>)>,
    shared: Arc<Shared<D>>,
    threads: usize,
    sys: Sys,
}

impl<D: Send + 'static> Workers<D> {
    pub(super) fn new(plan: Plan, submits_per_second: f64, sys: &Sys) -> Self {
        let (jobs, taken) = mpsc::channel();
        let (finished, outcomes) = mpsc::channel();
        Self {
            jobs,
            outcomes: Mutex::new(outcomes),
            finished,
            shared: Arc::new(Shared {
                jobs: Mutex::new(taken),
                pace: Pace::new(submits_per_second, sys.clock().monotonic()),
                stop: AtomicBool::new(false),
                plan,
            }),
            threads: 0,
            sys: sys.clone(),
        }
    }

    /// Passes a job to a thread, a new one while there are fewer than `threads`.
    pub(super) fn hand_out(&mut self, job: Job<D>, threads: usize) {
        if self.threads < threads {
            let (shared, finished) = (self.shared.clone(), self.finished.clone());
            let thread = thread::Builder::new().name("submit_all".into());
            if thread.spawn(move || work(&shared, &finished)).is_ok() {
                self.threads += 1;
            }
        }
        if self.threads > 0 {
            // The receiver lives as long as `shared`.
            let _ = self.jobs.send(job);
        } else {
            // The system starts no thread: this one does the work.
            let _ = self.finished.send(self.shared.carry_out(job));
        }
    }
}

impl<D> Workers<D> {
    pub(super) fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }

    /// The next outcome, if one comes within `timeout` of real time.
    pub(super) fn receive(&mut self, timeout: Duration) -> Option<(u64, Finished<D>)> {
        let outcomes = unpoisoned(self.outcomes.get_mut());
        // It cannot be disconnected: this end holds a sender.
        outcomes.recv_timeout(timeout).ok()
    }

    pub(super) fn now(&self) -> Duration {
        self.sys.clock().monotonic()
    }
}

impl<D> Drop for Workers<D> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ends when no more jobs can come, or the receiver of outcomes is gone.
fn work<D>(shared: &Shared<D>, finished: &Sender<(u64, Finished<D>)>) {
    loop {
        let job = {
            let jobs = lock(&shared.jobs);
            jobs.recv()
        };
        let Ok(job) = job else { return };
        if finished.send(shared.carry_out(job)).is_err() {
            return;
        }
    }
}

/// An input of a batch with a journal.
enum Begun<D> {
    /// It is recorded as begun, and is now to be submitted.
    Now(Box<ToSubmit<D>>),
    /// An earlier run submitted it.
    Before(AsyncInferenceResponse<D>),
}

struct ToSubmit<D> {
    request: AsyncRequest<'static, D>,
    claim: Claim,
    identity: Identity,
}

impl<D> Begun<D> {
    /// Fails if the input cannot be recorded, or if an earlier run may have submitted it.
    fn or_before(
        index: u64,
        mut request: AsyncRequest<'static, D>,
        recorder: &Recorder,
    ) -> Result<Self> {
        let identity = request.identity()?;
        let mut claim = recorder.journal.claim(index, &identity)?;
        match claim.stage.take() {
            Some(Stage::Submitted(handle)) => {
                return Ok(Self::Before(request.into_response(*handle)));
            }
            Some(Stage::Begun(inference_id)) if !recorder.resubmit_uncertain => {
                return Err(request.uncertain(inference_id));
            }
            _ => {}
        }
        let stage = Stage::Begun(request.settle_inference_id());
        recorder.journal.record(&claim, &identity, stage)?;
        Ok(Self::Now(Box::new(ToSubmit {
            request,
            claim,
            identity,
        })))
    }
}

impl<D> Shared<D> {
    fn carry_out(&self, job: Job<D>) -> (u64, Finished<D>) {
        let (index, mut panic) = (job.index, None);
        let submit = || {
            let (outcome, is_new) = self.submit_or_find(job);
            if is_new && let Ok(response) = &outcome {
                panic = self.call_on_submitted(index, response);
            }
            outcome
        };
        let outcome = Caught::catch(|| self.plan.batch.input(index, submit));
        (index, Finished { outcome, panic })
    }

    /// Calls the caller's callback for an input that was submitted; returns its panic.
    fn call_on_submitted(
        &self,
        index: u64,
        response: &AsyncInferenceResponse<D>,
    ) -> Option<Caught> {
        let on_submitted = self.plan.on_submitted.as_ref()?;
        match Caught::catch(|| on_submitted(index, &response.handle())) {
            Ran::Returned(()) => None,
            Ran::Panicked(panic) => Some(panic),
        }
    }

    /// Submits an input, unless the journal has it from an earlier run; and whether it was submitted now.
    fn submit_or_find(&self, job: Job<D>) -> (Result<AsyncInferenceResponse<D>>, bool) {
        let Job {
            index,
            request,
            recorder,
        } = job;
        let Some(recorder) = recorder else {
            return (self.submit(request), true);
        };
        match Begun::or_before(index, request, &recorder) {
            Ok(Begun::Now(begun)) => (self.submit_and_record(*begun, &recorder.journal), true),
            Ok(Begun::Before(response)) => {
                self.plan.batch.known(index, None::<&Error>);
                (Ok(response), false)
            }
            Err(error) => {
                self.plan.batch.known(index, Some(&error));
                (Err(error), false)
            }
        }
    }

    fn submit_and_record(
        &self,
        begun: ToSubmit<D>,
        journal: &Journal,
    ) -> Result<AsyncInferenceResponse<D>> {
        let outcome = self.submit(begun.request);
        let stage = match &outcome {
            Ok(response) => Stage::Submitted(Box::new(response.handle())),
            Err(Error::MaybeSubmitted(_)) => return outcome,
            Err(error) => Stage::Refused(error.to_string().chars().take(1000).collect()),
        };
        // A handle that cannot be written now is written with the next record, or at the end.
        let _ = journal.record(&begun.claim, &begun.identity, stage);
        outcome
    }

    fn submit(&self, request: AsyncRequest<'static, D>) -> Result<AsyncInferenceResponse<D>> {
        let sys = request.session().sys().clone();
        let gate = Gate {
            pace: &self.pace,
            sys: &sys,
            stop: &self.stop,
        };
        let request = request.or_cancel(self.plan.cancel.as_ref());
        self.submit_below(request, &gate)
    }

    /// Submits below the batch's own path, if it has one and the service supports it.
    fn submit_below(
        &self,
        request: AsyncRequest<'static, D>,
        gate: &Gate<'_>,
    ) -> Result<AsyncInferenceResponse<D>> {
        let Extension { path, understood } = &self.plan.extension;
        let path = path
            .as_ref()
            .filter(|_| understood.load(Ordering::Relaxed) && !request.has_output_path_extension());
        let Some(path) = path else {
            return request.submit_through(Some(gate));
        };
        let request = request.output_path_extension(path.to_string());
        let response = request.submit_through(Some(gate))?;
        if !response.output_path().key().contains(&**path) {
            understood.store(false, Ordering::Relaxed);
        }
        Ok(response)
    }
}
