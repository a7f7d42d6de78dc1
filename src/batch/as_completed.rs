//! Many waits in one: an iterator that yields each inference when it has finished.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::adder::{Adder, Inbox};
use super::caught::{Caught, Ran};
use super::completed::Completed;
use super::poller::{Ended, Poller, Settings, Step};
use super::progress::{BatchProgress, Totals};
use super::wake::{OnError, Wakes};
use crate::codec::{Deserializer, Json};
use crate::error::Result;
use crate::handle::InferenceHandle;
use crate::invalid_input::InvalidInput;
use crate::response::AsyncInferenceResponse;
use crate::sys::lock;
use crate::waiter::WaiterConfig;

/// Waits for many inferences at once and yields each when it has finished; the [module](super) explains how.
/// Created by [`as_completed`].
///
/// It works in `next`, on the calling thread: between the calls no request is sent. It ends when there is nothing
/// left to wait for (and every [`Adder`] is dropped), or when the waiter's [`CancelToken`](crate::CancelToken) is
/// cancelled; [`unfinished`](Self::unfinished) then returns the handles that are not finished.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{
///     AsyncPredictor, CancelToken, InferenceHandle, WaiterConfig, as_completed,
/// };
/// let endpoint = LocalEndpoint::builder().start()?;
/// let session = endpoint.session()?;
/// let path = std::env::temp_dir().join(format!("pending-{}.jsonl", std::process::id()));
/// let predictor = AsyncPredictor::new(endpoint.name(), &session);
/// let responses = predictor.submit_all(1..=20).collect::<Result<Vec<_>, _>>()?;
///
/// let cancel = CancelToken::new(); // for a signal handler
/// let often = WaiterConfig::builder().delay(Duration::from_millis(10)).max_attempts(1000);
/// let waiter = often.cancel(cancel.clone()).build()?;
/// let mut waiting = as_completed(responses, &waiter);
/// for done in waiting.by_ref().take(5) {
///     let result: u32 = done.result()?;
///     println!("{result}");
/// }
/// cancel.cancel();
/// assert!(waiting.next().is_none());
/// InferenceHandle::save_all(&waiting.unfinished(), &path)?;
///
/// // Later, in another process:
/// let handles = InferenceHandle::load_all(&path)?.into_iter();
/// let responses = handles.map(|handle| predictor.resume(handle));
/// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
/// let results = as_completed(responses, &waiter).map(|done| done.result());
/// let results: Vec<u32> = results.collect::<Result<_, _>>()?;
/// assert_eq!(results.len(), 15);
/// std::fs::remove_file(path)?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an iterator waits only while its items are taken"]
pub struct AsCompleted<D = Json> {
    pub(super) waiter: WaiterConfig,
    settings: Settings,
    inbox: Arc<Inbox<D>>,
    /// From the first handle on, whose session's clock is the clock of all.
    pub(super) poller: Option<Poller<D>>,
    /// Reports which handles to poll before their time.
    pub(super) wakes: Option<Box<dyn Wakes>>,
    pub(super) on_queue_error: Option<OnError>,
    /// The index of the last yielded item.
    pub(super) yielded: Option<u32>,
    totals: Totals,
    stopped: bool,
    /// The item to yield when the progress callback panicked.
    held: Option<Completed<D>>,
}

/// Longest sleep if something can end it.
const CHECK: Duration = Duration::from_millis(50);

/// Waits for all of these inferences and yields each when it has finished, in the order of completion:
/// [`AsCompleted`].
///
/// They may belong to different endpoints, buckets and sessions. The waiter's number of polls, delays, deadline,
/// progress callback and policies apply to each inference separately, from the moment it was added; its delay is
/// the time between two rounds, each of which polls many handles together.
///
/// ```
/// use sagemaker_async_inference::{AsyncInferenceResponse, WaiterConfig, as_completed};
///
/// fn sum(responses: Vec<AsyncInferenceResponse>) -> f64 {
///     as_completed(responses, &WaiterConfig::default())
///         .filter_map(|done| done.result::<f64>().inspect_err(|error| eprintln!("{error}")).ok())
///         .sum()
/// }
/// ```
pub fn as_completed<D>(
    responses: impl IntoIterator<Item = AsyncInferenceResponse<D>>,
    waiter: &WaiterConfig,
) -> AsCompleted<D> {
    AsCompleted {
        waiter: waiter.clone(),
        settings: Settings {
            listing: true,
            polls_per_second: 1000.0,
            download_threads: 0,
            path_of: None,
        },
        inbox: Arc::new(Inbox::new(responses.into_iter().collect())),
        poller: None,
        wakes: None,
        on_queue_error: None,
        yielded: None,
        totals: Totals::default(),
        stopped: false,
        held: None,
    }
}

/// Waits for all of these inferences and returns their results in the order of the responses.
///
/// Each inference has its own result: an error of one does not end the wait for the others. If the waiter's token
/// cancels the wait, the result of an unfinished inference is [`Error::WaitStopped`](crate::Error::WaitStopped)
/// with its handle. Memory: the values, and one output at a time.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig, wait_all};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session);
/// let responses = predictor.submit_all(["a", "b", "c"]).collect::<Result<Vec<_>, _>>()?;
///
/// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
/// let results: Result<Vec<String>, _> = wait_all(responses, &waiter).into_iter().collect();
/// assert_eq!(results?, ["a", "b", "c"]);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the results are in it"]
pub fn wait_all<T, D>(
    responses: impl IntoIterator<Item = AsyncInferenceResponse<D>>,
    waiter: &WaiterConfig,
) -> Vec<Result<T>>
where
    D: Deserializer<T>,
{
    let mut waiting = as_completed(responses, waiter);
    let finished = waiting.by_ref().map(|done| (done.index(), done.result()));
    let mut all: Vec<(usize, Result<T>)> = finished.collect();
    // Handles that were not polled yet are unfinished too, unless their outcome is known already.
    waiting.take_added();
    if let Some(poller) = &mut waiting.poller {
        while let Some(ended) = poller.ended() {
            let done = Completed::new(ended, waiter);
            all.push((done.index(), done.result()));
        }
        let stopped = poller.stopped();
        all.extend(stopped.map(|(index, stopped)| (index, Err(stopped.into()))));
    }
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

impl<D> AsCompleted<D> {
    /// Sets the number of threads that fetch outputs while the calling thread keeps polling. One more thread lists, so
    /// that none of them waits for a page. Range: 1 to 256. Default: no threads; the calling thread does everything.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the number is out of range.
    pub fn download_threads(mut self, threads: usize) -> Result<Self> {
        let fits = (1..=256).contains(&threads);
        check("download threads", fits, &threads, "1 to 256")?;
        self.settings.download_threads = threads;
        Ok(self)
    }

    /// Stores each output in a file when it has appeared, and never holds more than 8 MiB of one in memory. `path_of`
    /// returns the file's path for the inference's handle; see [`Completed::file`]. Default: outputs are not stored in
    /// files.
    ///
    /// A file is complete or absent, as with [`download`](crate::AsyncInferenceResponse::download); an existing
    /// one is replaced. One that cannot be written is the error of its inference
    /// ([`Error::Transfer`](crate::Error::Transfer)), and the others go on. With
    /// [`download_threads`](Self::download_threads) several outputs are fetched at a time.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig, as_completed};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let session = endpoint.session()?;
    /// let folder = std::env::temp_dir().join(format!("results-{}", std::process::id()));
    /// std::fs::create_dir_all(&folder)?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &session);
    /// let responses = predictor.submit_all(["a", "b"]).collect::<Result<Vec<_>, _>>()?;
    ///
    /// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
    /// let waiting = as_completed(responses, &waiter)
    ///     .download_threads(4)?
    ///     .download_to({
    ///         let folder = folder.clone();
    ///         move |handle| folder.join(handle.inference_id().unwrap_or("unnamed"))
    ///     });
    /// for done in waiting {
    ///     match done.error() {
    ///         None => println!("{:?}", done.file()),
    ///         Some(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// std::fs::remove_dir_all(folder)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn download_to(
        mut self,
        path_of: impl Fn(&InferenceHandle) -> PathBuf + Send + Sync + 'static,
    ) -> Self {
        self.settings.path_of = Some(Arc::new(path_of));
        self
    }

    /// Sets the maximum number of single polls (a GET of the output, and one of the failure) in a second: 0.1 to
    /// 100,000. If that is too few for the waiter's delay, all handles are polled in turn, but later. Listings
    /// and fetches of results do not count. Default: 1,000.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the number is out of range, or is not a number.
    pub fn polls_per_second(mut self, polls: f64) -> Result<Self> {
        let fits = (0.1..=100_000.0).contains(&polls);
        check("polls per second", fits, &polls, "0.1 to 100,000")?;
        self.settings.polls_per_second = polls;
        Ok(self)
    }

    /// Never sends `ListObjectsV2`. Default: lists where that needs fewer requests.
    pub fn without_listing(mut self) -> Self {
        self.settings.listing = false;
        self
    }

    /// Sets a callback for the totals, at each outcome and before each pause. [`ControlFlow::Break`] ends the
    /// iterator like a cancelled token. Default: none.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use sagemaker_async_inference::{AsyncInferenceResponse, WaiterConfig, as_completed};
    ///
    /// fn wait(responses: Vec<AsyncInferenceResponse>) {
    ///     let waiting = as_completed(responses, &WaiterConfig::default()).progress(|batch| {
    ///         eprintln!("{} of {}", batch.done() + batch.failed(), batch.submitted());
    ///         ControlFlow::Continue(())
    ///     });
    ///     for done in waiting {
    ///         println!("{:?}", done.result::<f64>());
    ///     }
    /// }
    /// ```
    pub fn progress(
        mut self,
        callback: impl Fn(&BatchProgress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.totals.callback = Some(Arc::new(callback));
        self
    }

    /// Adds an inference and returns its index.
    pub fn add(&mut self, response: AsyncInferenceResponse<D>) -> usize {
        let mut inbox = lock(&self.inbox.state);
        inbox.responses.push_back(response);
        inbox.added += 1;
        inbox.added - 1
    }

    /// Returns an adder, with which other threads add inferences.
    pub fn adder(&self) -> Adder<D> {
        Adder {
            inbox: self.inbox.clone(),
        }
    }

    /// Returns the handles of the inferences that were not yielded. Save them with [`InferenceHandle::save_all`]
    /// and resume them in any process.
    #[must_use = "inferences that were not yielded are named only here"]
    pub fn unfinished(&self) -> Vec<InferenceHandle> {
        let inbox = lock(&self.inbox.state);
        let held = self.held.iter().map(|held| held.response().handle());
        let polled = self.poller.iter().flat_map(Poller::unfinished);
        let added = inbox.responses.iter().map(AsyncInferenceResponse::handle);
        held.chain(polled).chain(added).collect()
    }

    fn has_adders(&self) -> bool {
        Arc::strong_count(&self.inbox) > 1
    }

    /// Takes up added responses; returns how many handles are pending then.
    fn take_added(&mut self) -> usize {
        loop {
            // Not locked for longer: a callback may add inferences too.
            let response = lock(&self.inbox.state).responses.pop_front();
            let Some(response) = response else { break };
            let poller = self.poller.get_or_insert_with(|| {
                let sys = response.session().sys();
                Poller::new(&self.waiter, &self.settings, sys)
            });
            self.totals.begin(poller.now());
            self.totals.submitted += 1;
            if let (Some(wakes), Ok(index)) = (&mut self.wakes, u32::try_from(poller.slots.len())) {
                wakes.watch(index, &response.handle());
            }
            poller.add(response);
        }
        // The capacity for the first ones is not needed again.
        lock(&self.inbox.state).responses.shrink_to(1000);
        self.poller.as_ref().map_or(0, Poller::pending)
    }

    fn report(&mut self) {
        let Some(poller) = &self.poller else { return };
        let expected = (!self.has_adders()).then_some(self.totals.submitted);
        if self.totals.report(poller.now(), expected).is_break() {
            self.stopped = true;
        }
    }

    /// Waits for the next event.
    fn idle(&mut self, until: Duration) {
        self.report();
        if self.stopped {
            return;
        }
        let has_adders = self.has_adders();
        if self.wait_for_news(until, has_adders) {
            return;
        }
        let until = self.next_news().map_or(until, |then| then.min(until));
        let Some(poller) = &mut self.poller else {
            return;
        };
        let left = until.saturating_sub(poller.now());
        if poller.is_fetching() {
            poller.receive(left.min(CHECK));
            return;
        }
        let clock = poller.sys().clock();
        if has_adders {
            clock.sleep(left.min(CHECK));
        } else {
            self.waiter.sleep_until(clock, until);
        }
    }

    /// Waits, in real time, for something to be added.
    fn wait_for_added(&self) {
        let inbox = lock(&self.inbox.state);
        if inbox.responses.is_empty() && self.has_adders() {
            // The token is checked in between.
            let _ = self.inbox.changed.wait_timeout(inbox, CHECK);
        }
    }
}

impl<D> AsCompleted<D> {
    fn complete(&mut self, ended: Ended<D>) -> Completed<D> {
        self.totals.count(ended.outcome.is_ok());
        self.yielded = Some(ended.index);
        let completed = Completed::new(ended, &self.waiter);
        if let Ran::Panicked(panic) = Caught::catch(|| self.report()) {
            self.held = Some(completed);
            panic.resume();
        }
        completed
    }
}

impl<D> Iterator for AsCompleted<D> {
    type Item = Completed<D>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(held) = self.held.take() {
                return Some(held);
            }
            self.settle_news();
            if self.stopped || self.waiter.is_cancelled() {
                self.finish_news(false);
                return None;
            }
            let pending = self.take_added();
            if let Some(ended) = self.poller.as_mut().and_then(Poller::ended) {
                return Some(self.complete(ended));
            }
            if pending > 0 {
                let step = self.poller.as_mut().map(Poller::step);
                if let Some(Step::Idle(until)) = step {
                    self.idle(until);
                }
            } else if self.has_adders() {
                self.wait_for_added();
            } else if lock(&self.inbox.state).responses.is_empty() {
                self.finish_news(true);
                return None;
            }
            if let Some(panic) = self.poller.as_mut().and_then(|poller| poller.panic.take()) {
                panic.resume();
            }
        }
    }
}

impl<D> Drop for AsCompleted<D> {
    fn drop(&mut self) {
        lock(&self.inbox.state).closed = true;
    }
}

impl<D> fmt::Debug for AsCompleted<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("waiter", &self.waiter)
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

fn check(what: &'static str, fits: bool, value: &dyn fmt::Debug, limit: &str) -> Result<()> {
    if fits {
        return Ok(());
    }
    let value = format!("{value:?}");
    Err(InvalidInput::new(what, value, limit, "choose a value in this range").into())
}
