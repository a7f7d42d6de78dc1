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
pub(crate) mod signin;
pub(crate) mod sqs;
pub(crate) mod sso;
pub(crate) mod sts;
pub(crate) mod xml;

pub(crate) use client::call::{Call, Identity, Payload, Replay, RequestPolicy, Resource, Response};
pub(crate) use client::{CallError, Client};
use endpoints::Endpoints;

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
    /// AWS Sign-In, which refreshes the logins of `aws login`.
    Signin,
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
            Self::Signin => ["signin", "signin", "SIGNIN", "signin"],
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

/// What an operation needs of whoever calls it: a session, or a source of credentials.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) client: &'a Client,
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) region: &'a str,
}

/// Bound on answers that are documents and not somebody's payload.
pub(crate) const MAX_DOCUMENT: u64 = 8 << 20;
