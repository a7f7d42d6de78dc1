//! One invocation: its input and its options.

mod batch;
pub(crate) mod placement;
mod submit;

pub(crate) use batch::Identity;

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::aws::client::retry::RetryConfig;
use crate::codec::{Accept, CodecError, Json};
use crate::error::{Error, Result, TransferError, TransferErrorKind};
use crate::limits;
use crate::predictor::Target;
use crate::request::placement::{Placement, Upload};
use crate::response::AsyncInferenceResponse;
use crate::sys::payload::InputFile;
use crate::transfer::{ReaderInput, TransferConfig};
use crate::uri::S3Uri;
use crate::waiter::CancelToken;

/// One request to an asynchronous endpoint, with every option of `InvokeEndpointAsync`.
///
/// Created by [`AsyncPredictor::request`](crate::AsyncPredictor::request),
/// [`request_at`](crate::AsyncPredictor::request_at), [`request_file`](crate::AsyncPredictor::request_file) and
/// [`request_reader`](crate::AsyncPredictor::request_reader). [`submit`](Self::submit) checks every option
/// against the limits of the API's model before it sends anything.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::AsyncPredictor;
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session);
/// let response = predictor
///     .request("hello")
///     .inference_id("job-7")
///     .custom_attributes("tenant=a")
///     .request_ttl(Duration::from_secs(3600))
///     .invocation_timeout(Duration::from_secs(1200))
///     .submit()?;
/// assert_eq!(response.inference_id(), Some("job-7"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a request does nothing until it is submitted"]
pub struct AsyncRequest<'v, D = Json> {
    target: Arc<Target>,
    deserializer: D,
    input: RequestInput<'v>,
    placement: Placement,
    upload: Upload<'v>,
    transfer: Option<TransferConfig>,
    inference_id: Option<Cow<'v, str>>,
    custom_attributes: Option<Cow<'v, str>>,
    content_type: Option<Cow<'v, str>>,
    accept: Option<Cow<'v, str>>,
    request_ttl: Option<Duration>,
    invocation_timeout: Option<Duration>,
    filename: Option<Cow<'v, str>>,
    output_path_extension: Option<Cow<'v, str>>,
    retry: Option<RetryConfig>,
    deadline: Option<Duration>,
    duplicates: bool,
    cancel: Option<CancelToken>,
    journal_key: Option<String>,
}

enum RequestInput<'v> {
    /// The serialized value, or why the request cannot be sent.
    Body(Result<Cow<'v, [u8]>, Error>),
    At(S3Uri),
    File(Arc<InputFile>),
    /// Never contended: the lock makes the request `Sync`.
    Reader(Mutex<ReaderInput<'v>>),
}

impl<'v, D: Accept> AsyncRequest<'v, D> {
    pub(crate) fn with_body(
        target: Arc<Target>,
        deserializer: D,
        body: Result<Cow<'v, [u8]>, CodecError>,
        content_type: &str,
    ) -> Self {
        let mut request = Self::new(
            target,
            deserializer,
            RequestInput::Body(body.map_err(Error::from)),
        );
        request.content_type = Some(content_type.to_owned().into());
        request
    }

    pub(crate) fn at(target: Arc<Target>, deserializer: D, input: Result<S3Uri>) -> Self {
        let input = input.map_or_else(|error| RequestInput::Body(Err(error)), RequestInput::At);
        Self::new(target, deserializer, input)
    }

    pub(crate) fn with_file(target: Arc<Target>, deserializer: D, path: &Path) -> Result<Self> {
        let file = InputFile::open(path).map_err(|error| {
            TransferError::new(TransferErrorKind::Read, path.display()).with_source(error)
        })?;
        limits::payload_length("input file", file.len())?;
        Ok(Self::new(
            target,
            deserializer,
            RequestInput::File(Arc::new(file)),
        ))
    }

    pub(crate) fn with_reader(
        target: Arc<Target>,
        deserializer: D,
        reader: impl Read + Send + 'v,
    ) -> Self {
        let input = RequestInput::Reader(Mutex::new(ReaderInput::new(Box::new(reader))));
        Self::new(target, deserializer, input)
    }

    fn new(target: Arc<Target>, deserializer: D, input: RequestInput<'v>) -> Self {
        let accept = Some(deserializer.accept().to_owned().into());
        Self {
            target,
            deserializer,
            input,
            placement: Placement::default(),
            upload: Upload::default(),
            transfer: None,
            inference_id: None,
            custom_attributes: None,
            content_type: None,
            accept,
            request_ttl: None,
            invocation_timeout: None,
            filename: None,
            output_path_extension: None,
            retry: None,
            deadline: None,
            duplicates: false,
            cancel: None,
            journal_key: None,
        }
    }
}

impl<'v, D> AsyncRequest<'v, D> {
    /// Sets an id that the response, the notifications and the request to the model contain: 1 to 64 printable ASCII
    /// characters, the first and the last not blank. Default: a random UUID, so that a submit whose response is lost
    /// can be found.
    ///
    /// It is not an idempotency token: the service runs two requests with one id twice.
    pub fn inference_id(mut self, id: impl Into<Cow<'v, str>>) -> Self {
        self.inference_id = Some(id.into());
        self
    }

    /// Sets a text for the model's container: at most 1024 visible ASCII characters. Default: none.
    pub fn custom_attributes(mut self, attributes: impl Into<Cow<'v, str>>) -> Self {
        self.custom_attributes = Some(attributes.into());
        self
    }

    /// Sets the MIME type of the input, for the model and for the uploaded object: at most 1024 ASCII characters.
    /// Default: the serializer's; none for files, readers and inputs that are in S3 already.
    pub fn content_type(mut self, mime_type: impl Into<Cow<'v, str>>) -> Self {
        self.content_type = Some(mime_type.into());
        self
    }

    /// Sets the MIME type that the model is to return: at most 1024 ASCII characters. Default: the
    /// deserializer's.
    pub fn accept(mut self, mime_type: impl Into<Cow<'v, str>>) -> Self {
        self.accept = Some(mime_type.into());
        self
    }

    /// Sets how long the request may stay in the service's queue: 60 s to 6 hours, in whole seconds. Default: the
    /// service's, 6 hours.
    pub fn request_ttl(mut self, ttl: Duration) -> Self {
        self.request_ttl = Some(ttl);
        self
    }

    /// Sets how long the model may take for it: 1 s to 1 hour, in whole seconds. Default: the service's, 15 minutes.
    pub fn invocation_timeout(mut self, timeout: Duration) -> Self {
        self.invocation_timeout = Some(timeout);
        self
    }

    /// Sets a name for the output object: 1 to 32 letters, digits, `-`, `_` and at most one `.`, the first a letter or
    /// digit. The service does not document how it forms the key from it; the response contains the key. Default: the
    /// service's.
    pub fn filename(mut self, name: impl Into<Cow<'v, str>>) -> Self {
        self.filename = Some(name.into());
        self
    }

    /// Sets a path below the endpoint's output path: 1 to 512 letters, digits and ``!_.*'()/-``. Default: none.
    pub fn output_path_extension(mut self, extension: impl Into<Cow<'v, str>>) -> Self {
        self.output_path_extension = Some(extension.into());
        self
    }

    /// Sets the attempts of this submit and of the upload before it. Default: those of the
    /// [session](crate::SessionBuilder::retry).
    pub fn retry(mut self, retry: RetryConfig) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Sets the time limit of upload and submit together, with their retries and pauses. Time spent in a credentials
    /// provider, or waiting for bytes from a reader, is not counted. If the time runs out after the submit was sent,
    /// the error is [`Error::MaybeSubmitted`]; during the upload it is [`Error::Transport`], and nothing was
    /// submitted. Default: none; only [`Timeouts`](crate::session::Timeouts) limit each attempt.
    pub fn submit_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Retries the submit even if the service may have accepted it: for callers to whom a second run costs less
    /// than a lost response. The inference may then run several times under one inference id; the response is
    /// that of the attempt that succeeded. If all attempts fail and one may have arrived, the error is still
    /// [`Error::MaybeSubmitted`]. Default: off, since there is no idempotency token.
    pub fn allow_duplicates(mut self) -> Self {
        self.duplicates = true;
        self
    }

    /// Ends the upload and the submit once the token is cancelled, whatever they wait for. A submit that was sent
    /// waits up to 0.6 s longer for its response; without one the error is
    /// [`Error::MaybeSubmitted`](crate::Error::MaybeSubmitted). A submit that was waiting for a connection or for its
    /// next attempt ends with [`Error::Transport`] of the kind
    /// [`Cancelled`](crate::error::TransportErrorKind::Cancelled): nothing was submitted, and its `source` is the
    /// error response to the previous attempt. Default: none; [`predict`](crate::AsyncPredictor::predict) uses the
    /// token of its [`WaiterConfig`](crate::WaiterConfig).
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, CancelToken, Error};
    ///
    /// fn submit(
    ///     predictor: &AsyncPredictor,
    ///     text: &str,
    ///     stop: &CancelToken, // of a signal handler
    /// ) -> Result<AsyncInferenceResponse, Error> {
    ///     predictor.request(text).cancel(stop.clone()).submit()
    /// }
    /// ```
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Sets this token unless the request has one.
    pub(crate) fn or_cancel(mut self, token: Option<&CancelToken>) -> Self {
        self.cancel = self.cancel.or_else(|| token.cloned());
        self
    }

    /// Sets the key by which a [journal](crate::batch::SubmitAll::journal) identifies this input, instead of its
    /// content: the same in every run, different for each input. An input from a reader needs one. Default: none.
    pub fn journal_key(mut self, key: impl Into<String>) -> Self {
        self.journal_key = Some(key.into());
        self
    }

    /// Sends the input in the request's body, whatever its size: more than 128,000 bytes is an
    /// error. Default: in the body if it fits, through S3 otherwise.
    pub fn inline(mut self) -> Self {
        self.placement = Placement::Inline;
        self
    }

    /// Uploads the input to S3, whatever its size.
    pub fn via_s3(mut self) -> Self {
        self.placement = Placement::S3;
        self
    }

    /// Uploads the input to this object, or, if the URI has no key or its key ends in `/`, to a new one below it.
    /// Default: as in the `SageMaker` Python SDK, a new object under
    /// `{prefix}/async-endpoint-inputs/{endpoint}-{yymmdd-hhmm}/` in the session's [default
    /// bucket](crate::Session::default_bucket).
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    ///
    /// let session = Session::from_env()?;
    /// let predictor = AsyncPredictor::new("my-endpoint", &session);
    /// let response = predictor.request("hello").upload_to("s3://my-bucket/inputs/").submit()?;
    /// assert!(response.input_location().is_some());
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn upload_to(mut self, location: impl TryInto<S3Uri, Error: Into<Error>>) -> Self {
        self.placement = Placement::S3;
        match location.try_into() {
            Ok(uri) => self.upload.destination = Some(uri),
            Err(error) => self.refuse(error.into()),
        }
        self
    }

    /// The error that `submit` will return, unless there is one already.
    fn refuse(&mut self, error: Error) {
        if !matches!(self.input, RequestInput::Body(Err(_))) {
            self.input = RequestInput::Body(Err(error));
        }
    }

    /// Encrypts an upload with this KMS key (an id, alias or ARN) instead of the bucket's default.
    pub fn upload_kms_key_id(mut self, key_id: impl Into<Cow<'v, str>>) -> Self {
        self.upload.kms_key_id = Some(key_id.into());
        self
    }

    /// Sets how the input is uploaded and the result is fetched. Default:
    /// [`SessionBuilder::transfer`](crate::SessionBuilder::transfer).
    pub fn transfer(mut self, transfer: TransferConfig) -> Self {
        self.transfer = Some(transfer);
        self
    }

    /// Checks every option, uploads the input if necessary, and submits it. Blocks until the service responds, not
    /// until the inference is complete.
    ///
    /// # Errors
    /// - [`Error::InvalidInput`] names the value that violates a limit; nothing was submitted.
    /// - [`Error::Codec`]: the value could not be serialized; nothing was sent.
    /// - [`Error::Transfer`]: the input's file or reader could not be read, or changed meanwhile, or the
    ///   progress callback stopped the upload. Nothing was submitted, and uploaded parts were discarded.
    /// - [`Error::MaybeSubmitted`]: the request was sent and its response was lost, or was a 5xx that does not say
    ///   whether the inference was accepted. It is not retried unless [`allow_duplicates`](Self::allow_duplicates) is
    ///   set.
    /// - [`Error::Service`], [`Error::Transport`], [`Error::Credentials`], [`Error::Config`]: nothing was
    ///   submitted. Attempts that provably had no effect were retried as
    ///   [`RetryConfig`](crate::session::RetryConfig) specifies.
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Error};
    ///
    /// fn submit_once(
    ///     predictor: &AsyncPredictor,
    ///     text: &str,
    /// ) -> Result<Option<AsyncInferenceResponse>, Error> {
    ///     match predictor.request(text).inference_id("job-7").submit() {
    ///         Ok(response) => Ok(Some(response)),
    ///         Err(Error::MaybeSubmitted(lost)) => {
    ///             eprintln!("look for {} before you submit it again", lost.inference_id());
    ///             Ok(None)
    ///         }
    ///         Err(error) => Err(error), // nothing was submitted
    ///     }
    /// }
    /// ```
    pub fn submit(self) -> Result<AsyncInferenceResponse<D>> {
        self.submit_through(None)
    }
}

// Neither the input nor the custom attributes are shown.
impl<D> fmt::Debug for AsyncRequest<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AsyncRequest");
        debug.field("endpoint_name", &self.target.endpoint_name);
        match &self.input {
            RequestInput::Body(Ok(body)) => debug.field("body_len", &body.len()),
            RequestInput::Body(Err(error)) => debug.field("body", error),
            RequestInput::At(uri) => debug.field("input", uri),
            RequestInput::File(file) => debug.field("file", file),
            RequestInput::Reader(_) => debug.field("input", &"a reader"),
        };
        debug
            .field("placement", &self.placement)
            .field("inference_id", &self.inference_id)
            .field("content_type", &self.content_type)
            .field("accept", &self.accept)
            .finish_non_exhaustive()
    }
}
