//! The threads that submit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::caught::Caught;
use super::journal::{Journal, Stage};
use crate::aws::client::gate::{Gate, Pace};
use crate::error::{Error, Result};
use crate::request::AsyncRequest;
use crate::response::AsyncInferenceResponse;
use crate::sys::Sys;
use crate::trace;

/// What came of a request: its outcome, or the panic of code that the caller gave (a credentials
/// provider's, say).
pub(super) type Finished<D> = Result<Result<AsyncInferenceResponse<D>>, Caught>;

/// One request on its way to a thread.
pub(super) struct Job<D> {
    pub(super) index: u64,
    pub(super) request: AsyncRequest<'static, D>,
    /// Where to write how far it got.
    pub(super) record: Option<Recorder>,
}

/// A job's place in a journal.
pub(super) struct Recorder {
    journal: Arc<Journal>,
    sha256: Option<String>,
}

impl<D> Job<D> {
    /// What an earlier run tells of it; the job again if it is still to be done.
    pub(super) fn look_up(
        self,
        journal: Arc<Journal>,
        resubmit_uncertain: bool,
    ) -> Result<Self, Box<Result<AsyncInferenceResponse<D>>>> {
        let sha256 = self.request.fingerprint();
        match journal.stage(self.index, sha256.as_deref()) {
            Err(error) => Err(Box::new(Err(error))),
            Ok(Some(Stage::Submitted(handle))) => {
                Err(Box::new(Ok(self.request.into_response(*handle))))
            }
            Ok(Some(Stage::Begun(inference_id))) if !resubmit_uncertain => {
                Err(Box::new(Err(self.request.uncertain(inference_id))))
            }
            Ok(_) => Ok(Self {
                record: Some(Recorder { journal, sha256 }),
                ..self
            }),
        }
    }
}

impl Recorder {
    fn record(&self, index: u64, stage: Stage) -> Result<()> {
        self.journal.record(index, self.sha256.clone(), stage)
    }
}

/// A path of the batch's own below the endpoint's output path.
#[derive(Debug, Clone)]
pub(super) struct Extension {
    /// `None`: none is sent.
    pub(super) path: Option<Arc<str>>,
    /// False once an output location came without it.
    pub(super) understood: Arc<AtomicBool>,
}

/// What the threads share.
struct Shared<D> {
    jobs: Mutex<Receiver<Job<D>>>,
    pace: Pace,
    stop: AtomicBool,
    extension: Extension,
    batch: trace::Batch,
}

/// Threads that live until this is dropped and their work is done; dropping it waits for none.
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
    pub(super) fn new(extension: &Extension, batch: &trace::Batch, sys: &Sys) -> Self {
        let (jobs, taken) = mpsc::channel();
        let (finished, outcomes) = mpsc::channel();
        Self {
            jobs,
            outcomes: Mutex::new(outcomes),
            finished,
            shared: Arc::new(Shared {
                jobs: Mutex::new(taken),
                pace: Pace::new(f64::INFINITY, sys.clock().monotonic()),
                stop: AtomicBool::new(false),
                extension: extension.clone(),
                batch: batch.clone(),
            }),
            threads: 0,
            sys: sys.clone(),
        }
    }

    /// Gives a job to a thread, a new one while there are fewer than `threads`.
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
            // The system has no thread for us: then this one does it.
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
        let outcomes = self
            .outcomes
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // Disconnected it cannot be: this end holds a sender.
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

/// Ends when no more jobs can come, or nobody takes their outcomes.
fn work<D>(shared: &Shared<D>, finished: &Sender<(u64, Finished<D>)>) {
    loop {
        let job = {
            let jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.recv()
        };
        let Ok(job) = job else { return };
        if finished.send(shared.carry_out(job)).is_err() {
            return;
        }
    }
}

impl<D> Shared<D> {
    fn carry_out(&self, job: Job<D>) -> (u64, Finished<D>) {
        let index = job.index;
        let submit = || self.submit_and_record(job);
        let outcome = Caught::catch(|| self.batch.input(index, submit));
        (index, outcome)
    }

    fn submit_and_record(&self, job: Job<D>) -> Result<AsyncInferenceResponse<D>> {
        let Job {
            index,
            mut request,
            record,
        } = job;
        let Some(record) = record else {
            return self.submit(request);
        };
        let inference_id = request.settle_inference_id();
        record.record(index, Stage::Begun(inference_id))?;
        let outcome = self.submit(request);
        let stage = match &outcome {
            Ok(response) => Stage::Submitted(Box::new(response.handle())),
            Err(Error::MaybeSubmitted(_)) => return outcome,
            Err(error) => Stage::Refused(error.to_string().chars().take(1000).collect()),
        };
        // A handle that could not be written is not lost yet, and the next input's record fails too.
        let _ = record.record(index, stage);
        outcome
    }

    fn submit(&self, request: AsyncRequest<'static, D>) -> Result<AsyncInferenceResponse<D>> {
        let sys = request.session().sys().clone();
        let gate = Gate {
            pace: &self.pace,
            sys: &sys,
            stop: &self.stop,
        };
        let Extension { path, understood } = &self.extension;
        let path = path
            .as_ref()
            .filter(|_| understood.load(Ordering::Relaxed) && !request.has_output_path_extension());
        let Some(path) = path else {
            return request.submit_through(Some(&gate));
        };
        let request = request.output_path_extension(path.to_string());
        let response = request.submit_through(Some(&gate))?;
        if !response.output_path().key().contains(&**path) {
            understood.store(false, Ordering::Relaxed);
        }
        Ok(response)
    }
}
