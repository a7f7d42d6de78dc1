//! Requests to AWS: resolve, sign, send, understand, retry. One file a service, one function an
//! operation.

pub(crate) mod application_autoscaling;
pub(crate) mod client;
pub(crate) mod cloudwatch;
pub(crate) mod config;
pub(crate) mod endpoints;
pub(crate) mod http;
pub(crate) mod identity;
pub(crate) mod json_rpc;
pub(crate) mod s3;
pub(crate) mod sagemaker;
pub(crate) mod sagemaker_runtime;
pub(crate) mod sqs;
pub(crate) mod sso;
pub(crate) mod sts;
pub(crate) mod xml;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ::http::{HeaderMap, Method, Uri};

use aws_credential_types::Credentials;

pub(crate) use client::{Client, Failed, UploadFailed};
use endpoints::Endpoints;

use crate::error::{Error, TransportError, TransportErrorKind};

/// A service that this crate speaks to.
///
/// ```
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::session::Service;
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
    /// `SageMaker`'s control plane, which deploys models and endpoints.
    SageMaker,
    /// The security token service, which names the caller and hands out roles' credentials.
    Sts,
    /// The portal of IAM Identity Center (formerly AWS SSO), which hands out roles' credentials.
    Sso,
    /// The OIDC service of IAM Identity Center, which refreshes its tokens.
    SsoOidc,
    /// Application Auto Scaling, which scales an endpoint's variants.
    ApplicationAutoScaling,
    /// Amazon CloudWatch, which has the endpoints' metrics and the alarms that scale them.
    CloudWatch,
    /// Amazon SQS, whose queues hand out the results.
    Sqs,
}

/// What this crate needs to know of a service, from its API's model.
struct Facts {
    /// The name in errors: the API's id as the AWS CLI writes it.
    name: &'static str,
    /// `signingName`: the name in a signature's scope.
    signing_name: &'static str,
    /// `serviceId` in capitals with underscores: the suffix of `AWS_ENDPOINT_URL_`.
    environment_suffix: &'static str,
    /// What stands before the region in the public host.
    host_prefix: &'static str,
}

impl Service {
    pub(crate) const ALL: [Self; 9] = [
        Self::S3,
        Self::SageMakerRuntime,
        Self::SageMaker,
        Self::Sts,
        Self::Sso,
        Self::SsoOidc,
        Self::ApplicationAutoScaling,
        Self::CloudWatch,
        Self::Sqs,
    ];

    fn facts(self) -> Facts {
        let [name, signing_name, environment_suffix, host_prefix] = match self {
            Self::S3 => ["s3", "s3", "S3", "s3"],
            Self::SageMakerRuntime => [
                "sagemaker-runtime",
                "sagemaker",
                "SAGEMAKER_RUNTIME",
                "runtime.sagemaker",
            ],
            Self::SageMaker => ["sagemaker", "sagemaker", "SAGEMAKER", "api.sagemaker"],
            Self::Sts => ["sts", "sts", "STS", "sts"],
            Self::Sso => ["sso", "awsssoportal", "SSO", "portal.sso"],
            Self::SsoOidc => ["sso-oidc", "sso-oauth", "SSO_OIDC", "oidc"],
            Self::ApplicationAutoScaling => [
                "application-autoscaling",
                "application-autoscaling",
                "APPLICATION_AUTO_SCALING",
                "application-autoscaling",
            ],
            Self::CloudWatch => ["cloudwatch", "monitoring", "CLOUDWATCH", "monitoring"],
            Self::Sqs => ["sqs", "sqs", "SQS", "sqs"],
        };
        Facts {
            name,
            signing_name,
            environment_suffix,
            host_prefix,
        }
    }

    /// The name in errors.
    pub(crate) fn name(self) -> &'static str {
        self.facts().name
    }

    /// The name in a signature's scope.
    pub(crate) fn signing_name(self) -> &'static str {
        self.facts().signing_name
    }

    /// The suffix of `AWS_ENDPOINT_URL_`.
    pub(crate) fn environment_suffix(self) -> &'static str {
        self.facts().environment_suffix
    }

    /// What stands before the region in the public host.
    pub(crate) fn host_prefix(self) -> &'static str {
        self.facts().host_prefix
    }
}

/// May a request be sent again when it is not known what became of it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Sending it twice is the same as sending it once.
    Idempotent,
    /// Only when it provably did not happen.
    OnlyIfNotDone,
    /// Only when no byte of it reached the service; what it refuses, the caller repeats in its own time.
    OnlyIfNotSent,
    /// The caller asks again by itself anyway.
    Never,
}

/// Who sends a request.
#[derive(Clone, Copy)]
pub(crate) enum Identity<'a> {
    /// The client's own credentials, asked for at each attempt.
    Client,
    /// These, as when one role's credentials fetch another's.
    Given(&'a Credentials),
    /// Nobody: what proves the caller is in the request, and it is not signed.
    Anonymous,
}

/// What an operation needs of whoever calls it: a session, or a source of credentials.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) region: &'a str,
}

/// One request to a service, before it is signed. It has no `Debug`, for it holds the payload.
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) identity: Identity<'a>,
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) region: Cow<'a, str>,
    pub(crate) headers: Cow<'a, HeaderMap>,
    pub(crate) body: &'a [u8],
    /// What the request is about, for errors.
    pub(crate) resource: Resource<'a>,
    pub(crate) repeat: Repeat,
    /// When, on the monotonic clock, the caller needs an end.
    pub(crate) deadline: Option<Duration>,
    /// The largest body of a successful answer that is taken into memory.
    pub(crate) max_answer: u64,
}

/// What a request is about. It is written out only where somebody wants to read it.
pub(crate) enum Resource<'a> {
    Named(Cow<'a, str>),
    /// A bucket, or an object in it.
    S3 {
        bucket: &'a str,
        key: &'a str,
    },
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::S3 { bucket, key: "" } => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

/// How long a caller has patience with an idempotent request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patience<'a> {
    /// When, on the monotonic clock, it needs an end.
    pub(crate) deadline: Option<Duration>,
    /// Once this is set, nothing is tried again.
    pub(crate) stop: Option<&'a AtomicBool>,
    /// Attempts, if they are other ones than the session's.
    pub(crate) retry: Option<client::retry::RetryConfig>,
    /// Nothing is tried again at all (but for credentials and clock): the caller asks anew soon.
    pub(crate) once: bool,
}

/// A successful answer, read whole.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The service said yes, in words that cannot be read.
pub(crate) fn not_understood(call: &Call<'_>, problem: impl Into<String>) -> Error {
    TransportError {
        service: call.service.name(),
        operation: call.operation,
        kind: TransportErrorKind::Protocol,
        host: call
            .uri
            .authority()
            .map_or_else(String::new, ToString::to_string),
        never_sent: false,
        attempts: 1,
        elapsed: Duration::ZERO,
        source: Some(std::sync::Arc::from(Box::from(problem.into()))),
        handle: None,
        proxy: None,
        advice: None,
    }
    .into()
}

/// Bound on answers that are documents and not somebody's payload.
pub(crate) const MAX_DOCUMENT: u64 = 8 << 20;
