//! Many submits: an iterator in, an iterator of outcomes out.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::caught::{Caught, Ran};
use super::journal::Journal;
use super::progress::{BatchProgress, Totals};
use super::workers::{Extension, Finished, Job, OnSubmitted, Plan, Recorder, Workers};
use crate::error::Result;
use crate::handle::InferenceHandle;
use crate::invalid_input::InvalidInput;
use crate::limits;
use crate::request::AsyncRequest;
use crate::response::AsyncInferenceResponse;
use crate::sys::Random;
use crate::trace;
use crate::waiter::CancelToken;

/// Submits requests, several at a time, and yields the outcomes in the order of the inputs, each as its own
/// [`Result`]. Created by [`AsyncPredictor::submit_all`](crate::AsyncPredictor::submit_all) for values and by
/// [`submit_all`] for requests with options of their own.
///
/// It starts at the first `next`. Inputs are taken from their iterator and serialized on the calling thread, at
/// most twice the concurrency ahead of the outcomes that were taken. Uploads and submits run on their own threads.
///
/// A throttled submit is retried: all submits slow down to half the rate, which recovers over ten seconds. It
/// fails with the service's error only if no submit succeeds for 10 minutes. Other errors are those of
/// [`AsyncRequest::submit`], and the next inputs are still submitted, unless
/// [`stop_at_first_error`](Self::stop_at_first_error) is set.
///
/// To stop early, [cancel](Self::cancel) and take the remaining outcomes, which belong to submits in progress.
/// **Dropping it** does not block: no further inputs are taken, and submits in progress end in the background,
/// and their responses are dropped.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig, as_completed};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session()?);
///
/// let mut responses = Vec::new();
/// for outcome in predictor.submit_all((0..100).map(|n| format!("document {n}"))) {
///     match outcome {
///         Ok(response) => responses.push(response),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// let waiter = WaiterConfig::new(6000, Duration::from_millis(10))?;
/// for done in as_completed(responses, &waiter) {
///     let index = done.index();
///     let result: String = done.result()?;
///     assert_eq!(result, format!("document {index}"));
/// }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an iterator submits nothing until its outcomes are taken"]
pub struct SubmitAll<I, D> {
    /// `None` once it has ended, or no more is to be taken.
    requests: Option<I>,
    concurrency: usize,
    submits_per_second: f64,
    stop_at_first_error: bool,
    extension: Extension,
    cancel: Option<CancelToken>,
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) resubmit_uncertain: bool,
    on_submitted: Option<OnSubmitted>,
    workers: Option<Workers<D>>,
    taken: u64,
    yielded: u64,
    /// Outcomes that arrived before their turn.
    early: BTreeMap<u64, Finished<D>>,
    /// The outcome to yield after a panic of a callback.
    held: Option<Result<AsyncInferenceResponse<D>>>,
    totals: Totals,
    /// The batch's span, from the first input to the end.
    batch: Option<trace::Batch>,
}

/// Interval, in real time, at which a wait for an outcome checks for cancellation.
const CANCEL_CHECK: Duration = Duration::from_millis(50);

const MAX_CONCURRENCY: usize = 256;

/// Submits requests that have their own options: [`SubmitAll`].
///
/// ```
/// # #[cfg(feature = "local")] {
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, submit_all};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session()?);
///
/// let scans = ["a.tiff", "b.tiff"];
/// let requests = scans.iter().map(|scan| {
///     let uri = format!("s3://my-bucket/scans/{scan}");
///     predictor.request_at(uri).content_type("image/tiff").inference_id(*scan)
/// });
/// let responses = submit_all(requests).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(responses[1].inference_id(), Some("b.tiff"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn submit_all<R, D>(requests: R) -> SubmitAll<R::IntoIter, D>
where
    R: IntoIterator<Item = AsyncRequest<'static, D>>,
{
    SubmitAll {
        requests: Some(requests.into_iter()),
        concurrency: 8,
        submits_per_second: f64::INFINITY,
        stop_at_first_error: false,
        extension: Extension {
            path: Some(format!("batch-{}", Random::machine().uuid()).into()),
            understood: Arc::new(AtomicBool::new(true)),
        },
        cancel: None,
        journal: None,
        resubmit_uncertain: false,
        on_submitted: None,
        workers: None,
        taken: 0,
        yielded: 0,
        early: BTreeMap::new(),
        held: None,
        totals: Totals::default(),
        batch: None,
    }
}

impl<I, D> SubmitAll<I, D> {
    /// Sets the number of concurrent submits (and uploads), 1 to 256. Default: 8.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the number is out of range.
    pub fn concurrency(mut self, submits: usize) -> Result<Self> {
        if !(1..=MAX_CONCURRENCY).contains(&submits) {
            return Err(InvalidInput::new(
                "concurrency",
                submits.to_string(),
                format!("1 to {MAX_CONCURRENCY}"),
                "choose a number in this range",
            )
            .into());
        }
        self.concurrency = submits;
        Ok(self)
    }

    /// Sets the maximum number of submits in a second: 0.01 to 10,000. Uploads and retries after throttling count
    /// too; inputs that a [journal](Self::journal) has from an earlier run do not. They are spread evenly,
    /// without bursts. Throttling reduces the rate further. Default: no limit.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the number is out of range, or is not a number.
    pub fn submits_per_second(mut self, submits: f64) -> Result<Self> {
        if !(0.01..=10_000.0).contains(&submits) {
            let limit = "0.01 to 10,000";
            let remedy = "choose a value in this range";
            let value = submits.to_string();
            return Err(InvalidInput::new("submits per second", value, limit, remedy).into());
        }
        self.submits_per_second = submits;
        Ok(self)
    }

    /// Takes no further input after the first error. The outcomes of submits in progress are still yielded, so
    /// that none is lost. Default: every input is submitted.
    pub fn stop_at_first_error(mut self) -> Self {
        self.stop_at_first_error = true;
        self
    }

    /// Sets the batch's `S3OutputPathExtension`, a path below the endpoint's output path: 1 to 512 letters,
    /// digits and ``!_.*'()/-``. Default: `batch-{UUID}`.
    ///
    /// The outputs of the batch are then in their own folder, where a single `ListObjectsV2` finds a thousand of
    /// them. A request that has an extension keeps it. If an output location comes back without it, the service
    /// does not support the extension, and no more are sent.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the length is not within 1 to 512, or a character is not
    /// allowed.
    pub fn output_path_extension(mut self, path: impl Into<String>) -> Result<Self> {
        let path = path.into();
        limits::output_path_extension(&path)?;
        self.extension.path = Some(path.into());
        Ok(self)
    }

    /// Sends no output path extension: outputs are in the endpoint's output path.
    pub fn without_output_path_extension(mut self) -> Self {
        self.extension.path = None;
        self
    }

    /// Sets a callback for the totals, on the calling thread at each outcome. [`ControlFlow::Break`] stops like
    /// [`cancel`](Self::cancel). Default: none.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let predictor = AsyncPredictor::new("my-endpoint", &Session::from_env()?);
    /// let submits = predictor.submit_all(0..1000).progress(|batch| {
    ///     eprintln!("{} submitted, {} failed", batch.done(), batch.failed());
    ///     if batch.failed() > 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// });
    /// let responses: Vec<_> = submits.flatten().collect();
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn progress(
        mut self,
        callback: impl Fn(&BatchProgress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.totals.callback = Some(Arc::new(callback));
        self
    }

    /// Stops once the token is cancelled: no further input is taken, and throttled submits are not retried. The
    /// outcomes of submits in progress are yielded, and then the iterator ends. A submit without a response
    /// within 0.6 s after that is [`Error::MaybeSubmitted`](crate::Error::MaybeSubmitted). Default: none.
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Sets a callback for each input's index and handle. It is called as soon as the input is submitted, on the
    /// submitting thread and in no particular order, so that handles can be stored before their turn. Not called
    /// for inputs that a journal has from an earlier run. A panic of it is resumed in `next` at the input's turn; the
    /// following `next` yields the outcome. Default: none.
    ///
    /// ```no_run
    /// use std::io::Write;
    /// use std::sync::Mutex;
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let predictor = AsyncPredictor::new("my-endpoint", &Session::from_env()?);
    /// let file = Mutex::new(std::fs::File::create("handles.jsonl")?);
    /// let submits = predictor.submit_all(0..1000).on_submitted(move |_, handle| {
    ///     let mut file = file.lock().expect("no panic while it was held");
    ///     writeln!(file, "{handle}").expect("a file that can be written");
    /// });
    /// let responses: Vec<_> = submits.flatten().collect();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_submitted(
        mut self,
        callback: impl Fn(u64, &InferenceHandle) + Send + Sync + 'static,
    ) -> Self {
        self.on_submitted = Some(Arc::new(callback));
        self
    }

    /// Takes no further inputs.
    fn stop(&mut self) {
        if self.requests.take().is_some()
            && let Some(batch) = &self.batch
        {
            batch.stopped(self.taken);
        }
        if let Some(workers) = &self.workers {
            workers.stop();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(CancelToken::is_cancelled)
    }
}

impl<I, D> SubmitAll<I, D>
where
    I: Iterator<Item = AsyncRequest<'static, D>>,
    D: Send + 'static,
{
    /// Passes the threads as many requests as may be in progress.
    fn fill(&mut self) {
        let ahead = 2 * self.concurrency as u64;
        loop {
            if self.is_cancelled() {
                self.stop();
            }
            let on_their_way = self.taken - self.yielded - self.early.len() as u64;
            if on_their_way >= self.concurrency as u64 || self.taken - self.yielded >= ahead {
                return;
            }
            let Some(requests) = &mut self.requests else {
                return;
            };
            let Some(request) = requests.next() else {
                self.requests = None;
                return;
            };
            let batch = self.batch.get_or_insert_with(|| {
                trace::submit_all(self.concurrency, self.extension.path.as_deref())
            });
            let workers = self.workers.get_or_insert_with(|| {
                let plan = Plan {
                    extension: self.extension.clone(),
                    on_submitted: self.on_submitted.clone(),
                    batch: batch.clone(),
                    cancel: self.cancel.clone(),
                };
                Workers::new(plan, self.submits_per_second, request.session().sys())
            });
            self.totals.begin(workers.now());
            let index = self.taken;
            self.taken += 1;
            self.totals.submitted += 1;
            let job = Job {
                index,
                request,
                recorder: self.journal.clone().map(|journal| Recorder {
                    journal,
                    resubmit_uncertain: self.resubmit_uncertain,
                }),
            };
            workers.hand_out(job, self.concurrency);
        }
    }

    /// Reports once that there are no more outcomes.
    fn end(&mut self) {
        let now = self.workers.as_ref().map(Workers::now);
        if let (Some(batch), Some(now)) = (self.batch.take(), now) {
            let Totals { done, failed, .. } = self.totals;
            batch.over(done, failed, self.totals.elapsed(now));
        }
    }

    fn receive(&mut self, index: u64, finished: Finished<D>) {
        if self.stop_at_first_error && matches!(finished.outcome, Ran::Returned(Err(_))) {
            self.stop();
        }
        self.early.insert(index, finished);
    }

    fn report(&mut self, outcome: &Result<AsyncInferenceResponse<D>>, now: Duration) {
        self.totals.count(outcome.is_ok());
        let left = self.requests.as_ref().and_then(|requests| {
            let (least, most) = requests.size_hint();
            (most == Some(least)).then_some(least as u64)
        });
        let expected = match &self.requests {
            None => Some(self.taken),
            Some(_) => left.map(|left| self.taken + left),
        };
        if self.totals.report(now, expected).is_break() {
            self.stop();
        }
    }
}

impl<I, D> Iterator for SubmitAll<I, D>
where
    I: Iterator<Item = AsyncRequest<'static, D>>,
    D: Send + 'static,
{
    type Item = Result<AsyncInferenceResponse<D>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        loop {
            self.fill();
            if let Some(finished) = self.early.remove(&self.yielded) {
                self.yielded += 1;
                // A panic of the caller's code on a thread is resumed on the calling thread.
                let outcome = finished.outcome.or_resume();
                let now = self.workers.as_ref()?.now();
                let reported = Caught::catch(|| self.report(&outcome, now));
                let panic = match (finished.panic, reported) {
                    (Some(panic), _) | (None, Ran::Panicked(panic)) => panic,
                    (None, Ran::Returned(())) => return Some(outcome),
                };
                self.held = Some(outcome);
                panic.resume();
            }
            if self.yielded == self.taken {
                self.end();
                return None;
            }
            // Every thread sends an outcome for each job it takes.
            if let Some((index, finished)) = self.workers.as_mut()?.receive(CANCEL_CHECK) {
                self.receive(index, finished);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let taken = self.taken - self.yielded + u64::from(self.held.is_some());
        let taken = usize::try_from(taken).unwrap_or(usize::MAX);
        let left = self.requests.as_ref().map(Iterator::size_hint);
        // It may always end early.
        let most = left.map_or(Some(0), |(_, most)| most);
        (taken, most.and_then(|most| most.checked_add(taken)))
    }
}

impl<I, D> fmt::Debug for SubmitAll<I, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitAll")
            .field("concurrency", &self.concurrency)
            .field("output_path_extension", &self.extension.path)
            .field("taken", &self.taken)
            .field("yielded", &self.yielded)
            .finish_non_exhaustive()
    }
}
