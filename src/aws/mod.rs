//! Requests to AWS: resolve, sign, send, understand, retry. One file a service, one function an
//! operation.

pub(crate) mod endpoints;
mod fault;
pub(crate) mod retry;
pub(crate) mod s3;
pub(crate) mod sagemaker_runtime;
mod send;
mod signing;
pub(crate) mod sts;
pub(crate) mod transport;
mod xml;

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{HeaderMap, Method, Uri};

pub(crate) use send::{Client, Failed};

/// A service that this crate speaks to.
///
/// ```
/// use sagemaker_async_inference::{Service, Session};
///
/// let builder = Session::builder().endpoint_url_for(Service::S3, "http://127.0.0.1:9000");
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Service {
    /// Amazon S3.
    S3,
    /// The `SageMaker` runtime, which takes invocations.
    SageMakerRuntime,
    /// The security token service, asked for the account's number.
    Sts,
}

impl Service {
    pub(crate) const ALL: [Self; 3] = [Self::S3, Self::SageMakerRuntime, Self::Sts];

    /// The name in errors: the API's id as the AWS CLI writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::SageMakerRuntime => "sagemaker-runtime",
            Self::Sts => "sts",
        }
    }

    /// The name in a signature's scope (`signingName` of the API's model).
    pub(crate) fn signing_name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::SageMakerRuntime => "sagemaker",
            Self::Sts => "sts",
        }
    }

    /// The suffix of `AWS_ENDPOINT_URL_` (the model's `serviceId` in capitals).
    pub(crate) fn environment_suffix(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::SageMakerRuntime => "SAGEMAKER_RUNTIME",
            Self::Sts => "STS",
        }
    }
}

/// May a request be sent again when it is not known what became of it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Sending it twice is the same as sending it once.
    Idempotent,
    /// Only when it provably did not happen.
    OnlyIfNotDone,
}

/// One request to a service, before it is signed. It has no `Debug`, for it holds the payload.
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) region: Cow<'a, str>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: &'a [u8],
    /// What the request is about, for errors.
    pub(crate) resource: String,
    pub(crate) repeat: Repeat,
    /// When, on the monotonic clock, the caller needs an end.
    pub(crate) deadline: Option<Duration>,
    /// The largest body of a successful answer that is taken into memory.
    pub(crate) max_answer: u64,
}

/// How long a caller has patience with an idempotent request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patience<'a> {
    /// When, on the monotonic clock, it needs an end.
    pub(crate) deadline: Option<Duration>,
    /// Once this is set, nothing is tried again.
    pub(crate) stop: Option<&'a AtomicBool>,
}

/// A successful answer, read whole.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Bound on answers that are documents and not somebody's payload.
pub(crate) const MAX_DOCUMENT: u64 = 8 << 20;
