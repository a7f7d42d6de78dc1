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
use crate::codec::{Accept, CodecError};
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
/// Made by [`AsyncPredictor::request`](crate::AsyncPredictor::request) and
/// [`request_at`](crate::AsyncPredictor::request_at). [`submit`](Self::submit) checks every option
/// against the limits of the API's model before it sends anything.
///
/// ```
/// # #[cfg(feature = "local")] {
/// # use sagemaker_async_inference::local::LocalEndpoint;
/// use std::time::Duration;
/// use sagemaker_async_inference::AsyncPredictor;
/// # let endpoint = LocalEndpoint::builder().start()?;
/// # let session = endpoint.session()?;
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
pub struct AsyncRequest<'v, D> {
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
    /// A serializer's work, or why the request cannot be sent.
    Body(Result<Cow<'v, [u8]>, Error>),
    At(S3Uri),
    File(InputFile),
    /// Locked for nobody: it makes the request `Sync`.
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
        Ok(Self::new(target, deserializer, RequestInput::File(file)))
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
    /// An id of the caller's, which comes back in the answer, in notifications and in the model's
    /// request: 1 to 64 printable ASCII characters, the first not blank. Default: a random UUID, so
    /// that a submit whose answer is lost can be looked for.
    ///
    /// It is not an idempotency token: the service runs two requests with one id twice.
    pub fn inference_id(mut self, id: impl Into<Cow<'v, str>>) -> Self {
        self.inference_id = Some(id.into());
        self
    }

    /// Text that is handed to the model's container: at most 1024 visible ASCII characters.
    /// Default: none.
    pub fn custom_attributes(mut self, attributes: impl Into<Cow<'v, str>>) -> Self {
        self.custom_attributes = Some(attributes.into());
        self
    }

    /// The input's MIME type, at most 1024 ASCII characters; told to the model, and put on an
    /// upload. Default: the serializer's; for an input that is in S3 already, none.
    pub fn content_type(mut self, mime_type: impl Into<Cow<'v, str>>) -> Self {
        self.content_type = Some(mime_type.into());
        self
    }

    /// The MIME type that the model is asked for, at most 1024 ASCII characters. Default: the
    /// deserializer's.
    pub fn accept(mut self, mime_type: impl Into<Cow<'v, str>>) -> Self {
        self.accept = Some(mime_type.into());
        self
    }

    /// How long the request may stay in the queue, 60 s to 6 hours, in whole seconds. Default: the
    /// service's, 6 hours.
    pub fn request_ttl(mut self, ttl: Duration) -> Self {
        self.request_ttl = Some(ttl);
        self
    }

    /// How long the model may work on it, 1 s to 1 hour, in whole seconds. Default: the service's,
    /// 15 minutes.
    pub fn invocation_timeout(mut self, timeout: Duration) -> Self {
        self.invocation_timeout = Some(timeout);
        self
    }

    /// A name for the output object: 1 to 32 letters, digits, `-`, `_` and at most one `.`, the
    /// first a letter or digit. How the service makes a key of it is not documented; the response
    /// has the key that it chose. Default: the service's.
    pub fn filename(mut self, name: impl Into<Cow<'v, str>>) -> Self {
        self.filename = Some(name.into());
        self
    }

    /// A path below the endpoint's output path: 1 to 512 letters, digits and ``!_.*'()/-``. Default:
    /// none.
    pub fn output_path_extension(mut self, extension: impl Into<Cow<'v, str>>) -> Self {
        self.output_path_extension = Some(extension.into());
        self
    }

    /// How often this submit, and the upload before it, are tried. Default: as the
    /// [session](crate::SessionBuilder::retry) says.
    pub fn retry(mut self, retry: RetryConfig) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Time limit of upload and submit together, with their retries and the pauses between them. Not counted
    /// is whoever gives credentials, and a reader that gives no bytes. A submit that is cut off after its bytes
    /// went out is [`Error::MaybeSubmitted`]; an upload that is cut off is [`Error::Transport`], and nothing was
    /// submitted. Default: none, each attempt is bounded by [`Timeouts`](crate::session::Timeouts) alone.
    pub fn submit_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends the request again also where the service may have taken it: for those to whom a second
    /// run costs less than a lost answer. The inference may then run several times under the one
    /// inference id; the response is that of the attempt that was answered. Where all attempts fail
    /// and one of them may have arrived, the error is [`Error::MaybeSubmitted`] all the same.
    /// Default: never, there is no idempotency token.
    pub fn allow_duplicates(mut self) -> Self {
        self.duplicates = true;
        self
    }

    /// Gives the upload and the submit up once the token is cancelled, whatever they wait for. The submit's
    /// response is waited for 0.6 s longer; without one the error is
    /// [`Error::MaybeSubmitted`](crate::Error::MaybeSubmitted). Default: none;
    /// [`predict`](crate::AsyncPredictor::predict) takes that of its
    /// [`WaiterConfig`](crate::WaiterConfig).
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// With this token, unless the request has one.
    pub(crate) fn or_cancel(mut self, token: Option<&CancelToken>) -> Self {
        self.cancel = self.cancel.or_else(|| token.cloned());
        self
    }

    /// What a [journal](crate::batch::SubmitAll::journal) knows this input by, instead of by its content:
    /// the same in every run, another one for each input. An input that comes from a reader needs one.
    /// Default: none.
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

    /// Uploads the input to exactly this object, or, if the URI has no key or its key ends in `/`,
    /// to a new one below it. Default: as the `SageMaker` Python SDK, a new object under
    /// `{prefix}/async-endpoint-inputs/{endpoint}-{yymmdd-hhmm}/` in the session's
    /// [default bucket](crate::Session::default_bucket).
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

    /// The submit will fail with this, unless it would fail already.
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

    /// Sends an upload in another way than
    /// [`SessionBuilder::transfer`](crate::SessionBuilder::transfer) says; the response fetches its
    /// result in this way too.
    pub fn transfer(mut self, transfer: TransferConfig) -> Self {
        self.transfer = Some(transfer);
        self
    }

    /// Checks everything, uploads the input if it must, and submits it.
    ///
    /// - [`Error::InvalidInput`] names the value that breaks a limit; nothing was sent.
    /// - [`Error::Codec`]: the value could not be serialized; nothing was sent.
    /// - [`Error::Transfer`]: the input's file or reader could not be read, or changed meanwhile; or
    ///   the progress callback stopped the upload. It was not submitted, and parts that were sent
    ///   were thrown away.
    /// - [`Error::MaybeSubmitted`]: the request went out and its answer was lost, or was a 5xx that
    ///   leaves open what happened. It is not sent again by itself, unless
    ///   [`allow_duplicates`](Self::allow_duplicates) says so.
    /// - [`Error::Service`], [`Error::Transport`], [`Error::Credentials`]: it was not submitted.
    ///   The request had been tried again as [`RetryConfig`](crate::session::RetryConfig) says, wherever it
    ///   provably had not happened.
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
