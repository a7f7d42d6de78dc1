//! The response and its waits for a value.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::aws::RequestPolicy;
use crate::aws::s3::objects::OpenObject;
use crate::aws::s3::{self, Object};
use crate::codec::{Deserializer, Json};
use crate::error::{Error, ModelFailure, Result, TransferErrorKind};
use crate::handle::InferenceHandle;
use crate::predictor::AsyncPredictor;
use crate::response::poll::Poll;
use crate::response::wait::Finished;
use crate::session::Session;
use crate::sys::lock;
use crate::transfer::outcome::Outcome;
use crate::transfer::{TransferConfig, memory};
use crate::uri::S3Uri;
use crate::waiter::WaiterConfig;
use crate::waiter::state::{Pending, is_passing};

/// A submitted inference.
///
/// Dropping it does not stop the inference. Save its [`handle`](Self::handle) to resume it later.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session);
/// let response = predictor.predict_async(&[1, 2, 3])?;
///
/// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
/// let result: Vec<i32> = response.get_result(&waiter)?;
/// assert_eq!(result, [1, 2, 3]);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "without the response or its handle, the result cannot be found"]
pub struct AsyncInferenceResponse<D = Json> {
    pub(super) session: Session,
    /// Shared with every error that this response returns.
    pub(super) handle: Arc<InferenceHandle>,
    /// When this process submitted it, on the monotonic clock.
    pub(super) submitted: Option<Duration>,
    deserializer: D,
    /// If it is another one than the session's.
    transfer: Option<Arc<TransferConfig>>,
    outcome: Mutex<Option<Arc<Outcome>>>,
}

impl<D> AsyncInferenceResponse<D> {
    /// Creates the response of an inference that was submitted elsewhere, from its output path and, if the
    /// endpoint has one, its failure path. Sends no request.
    ///
    /// # Errors
    /// [`Error::InvalidInput`]: a location is not valid.
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Error, Session};
    ///
    /// fn result_of_another_program(session: &Session) -> Result<Option<String>, Error> {
    ///     let predictor = AsyncPredictor::new("my-endpoint", session);
    ///     let output = "s3://my-bucket/outputs/1.out";
    ///     AsyncInferenceResponse::new(&predictor, output, None)?.try_get_result()
    /// }
    /// ```
    pub fn new<S, L>(
        predictor: &AsyncPredictor<S, D>,
        output_path: L,
        failure_path: Option<L>,
    ) -> Result<Self>
    where
        D: Clone,
        L: TryInto<S3Uri, Error: Into<Error>>,
    {
        let output_path = output_path.try_into().map_err(Into::into)?;
        let failure_path = failure_path.map(TryInto::try_into).transpose();
        let mut handle = InferenceHandle::new(predictor.target.endpoint_name.clone(), output_path);
        handle.failure_path = failure_path.map_err(Into::into)?;
        let (session, deserializer) = (predictor.session(), predictor.deserializer.clone());
        Ok(Self::of_handle(session.clone(), deserializer, handle))
    }

    pub(crate) fn of_handle(session: Session, deserializer: D, handle: InferenceHandle) -> Self {
        // Release 0.1 made handles of failures that a notification reported.
        let outcome = handle.failed.then(|| {
            Arc::new(Outcome::Failure(ModelFailure {
                endpoint_name: handle.endpoint_name.clone(),
                output_path: None,
                failure_path: handle.failure_path.clone(),
                content_type: None,
                body: Arc::default(),
                handle: None,
            }))
        });
        Self {
            session,
            handle: Arc::new(handle),
            submitted: None,
            deserializer,
            transfer: None,
            outcome: Mutex::new(outcome),
        }
    }

    /// Notes that it was submitted now.
    pub(crate) fn submitted_now(mut self) -> Self {
        self.submitted = Some(self.session.sys().clock().monotonic());
        self
    }

    /// Returns the inference as plain data, for a file, a queue or a database. [`AsyncPredictor::resume`] turns
    /// it into a response again.
    ///
    /// ```
    /// use sagemaker_async_inference::AsyncInferenceResponse;
    ///
    /// /// A line for a file or a database, from which any process can resume.
    /// fn line(response: &AsyncInferenceResponse) -> String {
    ///     response.handle().to_string()
    /// }
    /// ```
    pub fn handle(&self) -> InferenceHandle {
        (*self.handle).clone()
    }

    pub(crate) fn shared_handle(&self) -> &Arc<InferenceHandle> {
        &self.handle
    }

    /// The same inference without its deserializer, for another thread to poll.
    pub(crate) fn twin(&self) -> AsyncInferenceResponse<()> {
        AsyncInferenceResponse {
            session: self.session.clone(),
            handle: self.handle.clone(),
            submitted: self.submitted,
            deserializer: (),
            transfer: self.transfer.clone(),
            outcome: Mutex::new(self.kept()),
        }
    }

    /// Sets another format for the result. What has been fetched stays cached.
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, Error, Text, WaiterConfig};
    ///
    /// fn result_or_its_text(
    ///     response: AsyncInferenceResponse,
    /// ) -> Result<serde_json::Value, Error> {
    ///     let waiter = WaiterConfig::default();
    ///     match response.get_result(&waiter) {
    ///         Err(Error::Codec(_)) => {
    ///             let text: String = response.with_deserializer(Text::default()).get_result(&waiter)?;
    ///             Ok(text.into())
    ///         }
    ///         outcome => outcome,
    ///     }
    /// }
    /// ```
    pub fn with_deserializer<D2>(self, deserializer: D2) -> AsyncInferenceResponse<D2> {
        AsyncInferenceResponse {
            session: self.session,
            handle: self.handle,
            submitted: self.submitted,
            deserializer,
            transfer: self.transfer,
            outcome: self.outcome,
        }
    }

    /// Sets how the result is fetched. Default: [`SessionBuilder::transfer`](crate::SessionBuilder::transfer).
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, Error, TransferConfig, WaiterConfig};
    ///
    /// fn small_or_not_at_all(response: AsyncInferenceResponse) -> Result<serde_json::Value, Error> {
    ///     let small = TransferConfig::builder().max_result_bytes(1 << 20).build()?;
    ///     response.with_transfer(small).get_result(&WaiterConfig::default())
    /// }
    /// ```
    pub fn with_transfer(mut self, transfer: TransferConfig) -> Self {
        self.transfer = Some(Arc::new(transfer));
        self
    }

    pub(crate) fn transfer_config(&self) -> &TransferConfig {
        match &self.transfer {
            Some(transfer) => transfer,
            None => self.session().transfer(),
        }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The output location as the service returned it, if this crate cannot parse it. Then every wait returns
    /// [`Error::InvalidInput`] without a request; the inference runs nevertheless. Usually `None`.
    pub fn unread_output_location(&self) -> Option<&str> {
        self.handle.unread_output_location()
    }

    /// Where the output is or will be.
    pub fn output_path(&self) -> &S3Uri {
        &self.handle.output_path
    }

    /// Where a failure is or will be; absent if the endpoint has no `S3FailurePath`.
    pub fn failure_path(&self) -> Option<&S3Uri> {
        self.handle.failure_path()
    }

    /// The inference's id; absent if it was submitted elsewhere.
    pub fn inference_id(&self) -> Option<&str> {
        self.handle.inference_id()
    }

    /// The location of the input in S3; absent if it was sent in the request's body or submitted elsewhere.
    pub fn input_location(&self) -> Option<&S3Uri> {
        self.handle.input_location()
    }

    /// The endpoint's name.
    pub fn endpoint_name(&self) -> &str {
        self.handle.endpoint_name()
    }

    /// Whether the output has been fetched.
    pub(crate) fn has_output(&self) -> bool {
        matches!(self.kept().as_deref(), Some(Outcome::Output(_)))
    }

    /// Waits for the result and decodes it. Blocks the calling thread.
    ///
    /// Each poll sends a GET for the output object and, if S3 reports it missing, a GET for the failure object.
    /// Between polls the thread sleeps ([`std::thread::sleep`]) as `waiter` specifies. The result is cached: a
    /// second call sends no request. A result in memory has at most 1 GiB
    /// ([`max_result_bytes`](crate::transfer::TransferConfigBuilder::max_result_bytes));
    /// [`download`](Self::download), [`write_result`](Self::write_result) and [`read_result`](Self::read_result)
    /// have no limit.
    ///
    /// If the output is removed before a poll finds it, the inference counts as pending. An empty output is a result.
    /// An output that is replaced during the wait is read entirely from one version. If the body breaks off, or
    /// arrives at less than 1 KiB/s over the [read timeout](crate::session::Timeouts), the poll failed.
    ///
    /// # Errors
    /// - [`Error::Model`]: the failure object exists. If both objects exist, the output wins.
    /// - [`Error::PollingTimeout`]: neither object appeared in time. The inference may still complete: call again
    ///   to wait longer.
    /// - [`Error::WaitStopped`]: the cancel token or the progress callback ended the wait.
    /// - [`Error::Codec`]: the deserializer cannot read the output, which stays cached.
    /// - [`Error::Service`]: S3 refuses permanently: the bucket does not exist, the credentials are unknown, or
    ///   access is denied to a caller who may list (see [`AccessDenied`](crate::waiter::AccessDenied)).
    /// - [`Error::Transport`]: only what waiting does not solve: an untrusted certificate, or a result above the limit
    ///   ([`TransportErrorKind::TooLong`](crate::error::TransportErrorKind::TooLong)). Other failed polls are counted,
    ///   and the wait goes on.
    /// - [`Error::Credentials`]: there are none at the first poll. If they fail later, the poll counts as failed,
    ///   and the wait goes on.
    /// - [`Error::Config`], [`Error::InvalidInput`]: the address to poll cannot be determined, for the reasons that
    ///   [`Session::bucket_endpoint`](crate::Session::bucket_endpoint) lists.
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, Error, WaiterConfig};
    ///
    /// fn score(response: &AsyncInferenceResponse) -> Result<Option<f64>, Error> {
    ///     match response.get_result(&WaiterConfig::adaptive()) {
    ///         Ok(score) => Ok(Some(score)),
    ///         Err(Error::Model(failure)) => {
    ///             eprintln!("the model failed: {}", failure.text());
    ///             Ok(None)
    ///         }
    ///         Err(error) => Err(error), // error.handle() resumes the wait later
    ///     }
    /// }
    /// ```
    pub fn get_result<T>(&self, waiter: &WaiterConfig) -> Result<T>
    where
        D: Deserializer<T>,
    {
        let outcome = match self.kept() {
            Some(outcome) => Ok(outcome),
            None => self
                .wait(waiter, |object| self.read(object, waiter.policy(None)))
                .map(|finished| {
                    self.keep(match finished {
                        Finished::Output(object) => Outcome::Output(object),
                        Finished::Failure(failure) => Outcome::Failure(failure),
                    })
                }),
        };
        self.about(outcome.and_then(|outcome| self.decode(&outcome)))
    }

    /// Adds the handle to an error.
    pub(crate) fn about<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| error.of_inference(&self.handle))
    }

    /// Polls once, without waiting: `None` if neither output nor failure exists.
    ///
    /// # Errors
    /// Those of [`get_result`](Self::get_result) except [`Error::PollingTimeout`] and [`Error::WaitStopped`];
    /// [`Error::Service`] and [`Error::Transport`] also if this poll fails. The inference goes on.
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, Error};
    ///
    /// fn show(response: &AsyncInferenceResponse) -> Result<(), Error> {
    ///     match response.try_get_result::<f64>()? {
    ///         Some(score) => println!("{score}"),
    ///         None => println!("not done yet"),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn try_get_result<T>(&self) -> Result<Option<T>>
    where
        D: Deserializer<T>,
    {
        self.about(self.result_by_one_poll())
    }

    fn result_by_one_poll<T>(&self) -> Result<Option<T>>
    where
        D: Deserializer<T>,
    {
        if let Some(outcome) = self.kept() {
            return self.decode(&outcome).map(Some);
        }
        let outcome = match self.poll(RequestPolicy::default())? {
            Poll::Output(object) => Outcome::Output(self.read(object, RequestPolicy::default())?),
            Poll::Failure(failure) => Outcome::Failure(failure),
            Poll::Pending(Pending::NotFound | Pending::Foreign(_) | Pending::FailureUnknown(_)) => {
                return Ok(None);
            }
            Poll::Pending(Pending::AccessDenied(error)) => {
                if s3::may_list(
                    self.session.s3(),
                    self.output_path(),
                    RequestPolicy::default(),
                )? {
                    return Err(Error::Service(error));
                }
                return Ok(None);
            }
        };
        self.decode(&self.keep(outcome)).map(Some)
    }

    /// Reads the output into memory; again from its start also after the object was replaced or arrived damaged.
    fn read(&self, object: OpenObject, policy: RequestPolicy<'_>) -> Result<Object> {
        let (session, max) = (&self.session, self.transfer_config().max_result_bytes());
        let cures = |error: &Error| is_replaced(error) || error.is_damaged();
        self.restarting(object, policy, cures, |object| {
            memory::read_whole(session, self.output_path(), object, max, policy.cancel)
        })
    }

    /// Takes the output, which resumes an interrupted transfer. Without a version or a length that is not possible:
    /// then it is requested again from its start, and after other errors that `cures` names.
    pub(super) fn restarting<T>(
        &self,
        mut object: OpenObject,
        policy: RequestPolicy<'_>,
        cures: impl Fn(&Error) -> bool,
        take: impl Fn(OpenObject) -> Result<T>,
    ) -> Result<T> {
        let client = self.session.client();
        let retry = policy.retry.unwrap_or(client.retry);
        let mut attempts = 1;
        loop {
            let is_resumed = object.version().is_some() && object.total.is_some();
            let taken = take(object);
            match &taken {
                Err(error)
                    if (is_passing(error) && !is_resumed || cures(error))
                        && attempts < retry.max_attempts() => {}
                _ => return taken,
            }
            let pause = retry.backoff(attempts, None, client.sys.random());
            if !client.pause(pause, policy.cancel) {
                return taken;
            }
            attempts += 1;
            object = self.open(self.output_path(), policy)?;
        }
    }

    pub(crate) fn decode<T>(&self, outcome: &Outcome) -> Result<T>
    where
        D: Deserializer<T>,
    {
        match outcome {
            Outcome::Output(object) => Ok(self
                .deserializer
                .deserialize(&object.body, object.content_type.as_deref())?),
            Outcome::Failure(failure) => Err(failure.clone().into()),
        }
    }

    pub(crate) fn kept(&self) -> Option<Arc<Outcome>> {
        lock(&self.outcome).clone()
    }

    pub(crate) fn keep(&self, outcome: Outcome) -> Arc<Outcome> {
        let outcome = Arc::new(outcome);
        *lock(&self.outcome) = Some(outcome.clone());
        outcome
    }
}

fn is_replaced(error: &Error) -> bool {
    matches!(error, Error::Transfer(transfer) if transfer.kind() == TransferErrorKind::Replaced)
}

/// A clone is another response of the same inference; it has the result if this one has it.
impl<D: Clone> Clone for AsyncInferenceResponse<D> {
    fn clone(&self) -> Self {
        Self {
            session: self.session.clone(),
            handle: self.handle.clone(),
            submitted: self.submitted,
            deserializer: self.deserializer.clone(),
            transfer: self.transfer.clone(),
            outcome: Mutex::new(self.kept()),
        }
    }
}

impl<D> fmt::Debug for AsyncInferenceResponse<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncInferenceResponse")
            .field("endpoint_name", &self.endpoint_name())
            .field("inference_id", &self.inference_id())
            .field("output_path", self.output_path())
            .field("failure_path", &self.failure_path())
            .field("done", &self.kept().is_some())
            .finish_non_exhaustive()
    }
}
