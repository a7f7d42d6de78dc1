//! The error of every operation.

use std::sync::Arc;

use super::{
    ConfigError, CredentialsError, DeploymentError, EndpointWaitError, MaybeSubmitted,
    ModelFailure, PollingTimeout, ServiceError, TransferError, TransportError, WaitStopped,
};
use crate::codec::CodecError;
use crate::handle::InferenceHandle;
use crate::invalid_input::InvalidInput;
use crate::uri::S3Uri;

/// A [`Result`](std::result::Result) with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of every operation of this crate.
///
/// `Display` is one sentence: what happened and why, without what [`source`](std::error::Error::source) says. The
/// alternate form, `{error:#}`, adds details (attempts, times, counts) and [the remedy](Self::remedy). For
/// [`InvalidInput`](Self::InvalidInput) and [`Config`](Self::Config), which are about one value of the caller's, both
/// forms include the remedy. No secret, token or payload appears in `Display` or `Debug`.
///
/// ```
/// use sagemaker_async_inference::Error;
///
/// fn exit_code(error: &Error) -> i32 {
///     match error {
///         Error::PollingTimeout(timeout) => {
///             eprintln!("still running after {} polls", timeout.attempts());
///             4
///         }
///         Error::Model(failure) => {
///             eprintln!("the model failed: {}", failure.text());
///             3
///         }
///         Error::Service(fault) if fault.code() == Some("ValidationError") => 2,
///         other => {
///             eprintln!("{other:#}"); // with what to do
///             if other.is_retryable() { 75 } else { 1 }
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value violates a limit of the service. Nothing was sent.
    #[error(transparent)]
    InvalidInput(#[from] Box<InvalidInput>),

    /// A needed setting is missing or malformed. Nothing was sent.
    #[error(transparent)]
    Config(#[from] Box<ConfigError>),

    /// No credentials were available, so the request was not sent.
    #[error(transparent)]
    Credentials(#[from] Box<CredentialsError>),

    /// A value could not be serialized (nothing was sent), or a result could not be deserialized (it is
    /// cached: read it again with another deserializer).
    #[error(transparent)]
    Codec(#[from] Box<CodecError>),

    /// There was no usable response: a connection error, a timeout, or a response that is not HTTP.
    #[error(transparent)]
    Transport(#[from] Box<TransportError>),

    /// A file, a reader, a writer or an object could not be read or written completely, and the cause is neither a
    /// connection error nor an error response. Incomplete files and uploads were removed.
    #[error(transparent)]
    Transfer(#[from] Box<TransferError>),

    /// The service returned an error response.
    #[error(transparent)]
    Service(#[from] Box<ServiceError>),

    /// The inference may or may not have been submitted: the response was lost.
    #[error(transparent)]
    MaybeSubmitted(#[from] Box<MaybeSubmitted>),

    /// The inference failed: `SageMaker` wrote a failure object instead of an output.
    #[error(transparent)]
    Model(#[from] Box<ModelFailure>),

    /// Neither output nor failure object existed when the wait ended. The inference may go on; the
    /// response can be waited for again.
    #[error(transparent)]
    PollingTimeout(#[from] Box<PollingTimeout>),

    /// The wait was stopped by a [`CancelToken`](crate::CancelToken) or by the progress callback.
    /// The inference goes on; the response can be waited for again.
    #[error(transparent)]
    WaitStopped(#[from] Box<WaitStopped>),

    /// A deployment, an update or a removal stopped part-way.
    #[error(transparent)]
    Deployment(#[from] Box<DeploymentError>),

    /// An endpoint did not reach the state that was waited for: it failed, or the wait ended first.
    #[error(transparent)]
    EndpointWait(#[from] Box<EndpointWaitError>),
}

impl Error {
    /// The handle of the inference that this error is about, if it was submitted. Every error that a response,
    /// [`predict`](crate::AsyncPredictor::predict) or a batch returns after the submit has one.
    /// [`AsyncPredictor::resume`](crate::AsyncPredictor::resume) makes a response of it again, in any process.
    ///
    /// `None` for errors before the submit, for errors of deployments, and for
    /// [`MaybeSubmitted`](Self::MaybeSubmitted): only the lost response names the output.
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncPredictor, Error};
    ///
    /// fn predict_or_save(predictor: &AsyncPredictor, text: &str) -> Result<String, Error> {
    ///     predictor.predict(text).inspect_err(|error| {
    ///         if let Some(handle) = error.handle() {
    ///             eprintln!("{error}; the inference goes on: {handle}");
    ///         }
    ///     })
    /// }
    /// ```
    pub fn handle(&self) -> Option<&InferenceHandle> {
        match self {
            Self::PollingTimeout(timeout) => Some(&timeout.handle),
            Self::WaitStopped(stopped) => Some(&stopped.handle),
            Self::Credentials(payload) => payload.handle.as_deref(),
            Self::Codec(payload) => payload.handle.as_deref(),
            Self::Transport(payload) => payload.handle.as_deref(),
            Self::Transfer(payload) => payload.handle.as_deref(),
            Self::Service(payload) => payload.handle.as_deref(),
            Self::Model(payload) => payload.handle.as_deref(),
            Self::Config(payload) => payload.handle.as_deref(),
            Self::InvalidInput(payload) => payload.subject(),
            Self::MaybeSubmitted(_) | Self::Deployment(_) | Self::EndpointWait(_) => None,
        }
    }

    /// The input that was uploaded for a submit that then failed: it stays in S3, and
    /// [`request_at`](crate::AsyncPredictor::request_at) submits it without another upload. `None` if nothing was
    /// uploaded, and once the inference is submitted. For [`MaybeSubmitted`](Self::MaybeSubmitted) it is
    /// [`input_location`](crate::MaybeSubmitted::input_location).
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Error};
    ///
    /// /// Submits a large file, and a second time without another upload.
    /// fn submit(predictor: &AsyncPredictor, path: &str) -> Result<AsyncInferenceResponse, Error> {
    ///     match predictor.request_file(path)?.submit() {
    ///         Err(error) if error.is_retryable() => match error.uploaded_input() {
    ///             Some(input) => predictor.request_at(input).submit(),
    ///             None => Err(error),
    ///         },
    ///         outcome => outcome,
    ///     }
    /// }
    /// ```
    pub fn uploaded_input(&self) -> Option<&S3Uri> {
        match self {
            Self::Credentials(payload) => payload.uploaded.as_deref(),
            Self::Transport(payload) => payload.uploaded.as_deref(),
            Self::Service(payload) => payload.uploaded.as_deref(),
            _ => None,
        }
    }

    /// Of a submit that failed after this input was uploaded.
    pub(crate) fn after_upload(mut self, uri: S3Uri) -> Self {
        let uploaded = match &mut self {
            Self::Credentials(payload) => &mut payload.uploaded,
            Self::Transport(payload) => &mut payload.uploaded,
            Self::Service(payload) => &mut payload.uploaded,
            _ => return self,
        };
        *uploaded = Some(Box::new(uri));
        self
    }

    /// The one place where an error learns which inference it is about.
    pub(crate) fn of_inference(mut self, handle: &Arc<InferenceHandle>) -> Self {
        let known = match &mut self {
            Self::Credentials(payload) => &mut payload.handle,
            Self::Codec(payload) => &mut payload.handle,
            Self::Transport(payload) => &mut payload.handle,
            Self::Transfer(payload) => &mut payload.handle,
            Self::Service(payload) => &mut payload.handle,
            Self::Model(payload) => &mut payload.handle,
            Self::Config(payload) => &mut payload.handle,
            Self::InvalidInput(payload) => {
                payload.set_subject(Arc::<InferenceHandle>::clone(handle));
                return self;
            }
            Self::PollingTimeout(_)
            | Self::WaitStopped(_)
            | Self::MaybeSubmitted(_)
            | Self::Deployment(_)
            | Self::EndpointWait(_) => return self,
        };
        known.get_or_insert_with(|| Arc::clone(handle));
        self
    }
}

/// Whether a change that ended in this error may have been carried out nevertheless.
pub(crate) fn is_ambiguous(error: &Error) -> bool {
    match error {
        Error::Transport(transport) => !transport.never_sent(),
        Error::Service(fault) => fault.leaves_open(),
        _ => false,
    }
}

macro_rules! from_unboxed {
    ($($payload:ty => $variant:ident),* $(,)?) => {$(
        impl From<$payload> for Error {
            fn from(payload: $payload) -> Self {
                Self::$variant(Box::new(payload))
            }
        }
    )*};
}

from_unboxed! {
    InvalidInput => InvalidInput,
    ConfigError => Config,
    CredentialsError => Credentials,
    CodecError => Codec,
    TransferError => Transfer,
    TransportError => Transport,
    ServiceError => Service,
    MaybeSubmitted => MaybeSubmitted,
    ModelFailure => Model,
    PollingTimeout => PollingTimeout,
    WaitStopped => WaitStopped,
    DeploymentError => Deployment,
    EndpointWaitError => EndpointWait,
}

/// For conversions that cannot fail where a fallible one is required: an [`S3Uri`] into itself.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
