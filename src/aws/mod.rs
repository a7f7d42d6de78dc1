//! Requests to AWS services. One file per service, one function per operation.

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
pub(crate) mod signin;
pub(crate) mod sqs;
pub(crate) mod sso;
pub(crate) mod sts;
pub(crate) mod xml;

pub(crate) use client::call::{
    Call, Headers, Identity, Payload, Replay, RequestPolicy, Resource, Response,
};
pub(crate) use client::{CallError, Client};
use endpoints::Endpoints;

/// An AWS service that this crate calls.
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
    /// The `SageMaker` runtime, for invocations.
    SageMakerRuntime,
    /// The `SageMaker` control plane, for models, endpoint configurations and endpoints.
    SageMaker,
    /// AWS STS, for the caller's account and for credentials of roles.
    Sts,
    /// The portal of IAM Identity Center (formerly AWS SSO), for credentials of roles.
    Sso,
    /// The OIDC service of IAM Identity Center, for new tokens.
    SsoOidc,
    /// AWS Sign-In, for new credentials of an `aws login` session.
    Signin,
    /// Application Auto Scaling, for scaling an endpoint's variants.
    ApplicationAutoScaling,
    /// Amazon CloudWatch, for the endpoints' metrics and scaling alarms.
    CloudWatch,
    /// Amazon SQS, for notifications of results.
    Sqs,
}

crate::words::words!(Service, "service", {
    S3 => "s3",
    SageMakerRuntime => "sagemaker-runtime",
    SageMaker => "sagemaker",
    Sts => "sts",
    Sso => "sso",
    SsoOidc => "sso-oidc",
    Signin => "signin",
    ApplicationAutoScaling => "application-autoscaling",
    CloudWatch => "cloudwatch",
    Sqs => "sqs",
});

/// Facts of a service from its API model.
struct Facts {
    /// `signingName`: the name in a signature's scope.
    signing_name: &'static str,
    /// `serviceId` in capitals with underscores: the suffix of `AWS_ENDPOINT_URL_`.
    environment_suffix: &'static str,
    /// The part of the public host before the region.
    host_prefix: &'static str,
}

impl Service {
    pub(crate) const ALL: [Self; 10] = [
        Self::S3,
        Self::SageMakerRuntime,
        Self::SageMaker,
        Self::Sts,
        Self::Sso,
        Self::SsoOidc,
        Self::Signin,
        Self::ApplicationAutoScaling,
        Self::CloudWatch,
        Self::Sqs,
    ];

    fn facts(self) -> Facts {
        let [signing_name, environment_suffix, host_prefix] = match self {
            Self::S3 => ["s3", "S3", "s3"],
            Self::SageMakerRuntime => ["sagemaker", "SAGEMAKER_RUNTIME", "runtime.sagemaker"],
            Self::SageMaker => ["sagemaker", "SAGEMAKER", "api.sagemaker"],
            Self::Sts => ["sts", "STS", "sts"],
            Self::Sso => ["awsssoportal", "SSO", "portal.sso"],
            Self::Signin => ["signin", "SIGNIN", "signin"],
            Self::SsoOidc => ["sso-oauth", "SSO_OIDC", "oidc"],
            Self::ApplicationAutoScaling => [
                "application-autoscaling",
                "APPLICATION_AUTO_SCALING",
                "application-autoscaling",
            ],
            Self::CloudWatch => ["monitoring", "CLOUDWATCH", "monitoring"],
            Self::Sqs => ["sqs", "SQS", "sqs"],
        };
        Facts {
            signing_name,
            environment_suffix,
            host_prefix,
        }
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

/// What an operation needs from its caller, which is a session or a credentials provider.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) region: &'a str,
}

/// Maximum length of a response that is a document, not a payload.
pub(crate) const MAX_DOCUMENT: u64 = 8 << 20;
