use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{control_plane, seconds, with_remedy, write_uploaded};
use crate::handle::InferenceHandle;
use crate::uri::S3Uri;

/// An error response of a service.
///
/// ```
/// use sagemaker_async_inference::Error;
///
/// fn report(error: &Error) {
///     if let Error::Service(fault) = error {
///         eprintln!("{} of {}: {:?}", fault.operation(), fault.service(), fault.code());
///         eprintln!("for AWS support: request id {:?}", fault.request_id());
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) extended_request_id: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) expected_owner: Option<String>,
    /// The beginning of a body that is not in the service's format.
    pub(crate) unrecognized_body: Option<String>,
    /// The server that a redirect leads to.
    pub(crate) redirect: Option<Box<str>>,
    /// How far this machine's clock is ahead of the service's, in seconds, if the refusal is about that.
    pub(crate) clock_error: Option<i64>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    /// Whether an earlier attempt, which had another outcome, may have been carried out.
    pub(crate) perhaps_done: bool,
    pub(crate) handle: Option<Arc<InferenceHandle>>,
    /// The input that was uploaded for a submit that then failed.
    pub(crate) uploaded: Option<Box<S3Uri>>,
}

impl ServiceError {
    /// An error response to an operation, of which nothing else is known.
    pub(crate) fn new(service: &'static str, operation: &'static str, status: u16) -> Self {
        Self {
            service,
            operation,
            status,
            code: None,
            message: None,
            request_id: None,
            extended_request_id: None,
            resource: None,
            expected_owner: None,
            unrecognized_body: None,
            redirect: None,
            clock_error: None,
            attempts: 1,
            elapsed: Duration::ZERO,
            perhaps_done: false,
            handle: None,
            uploaded: None,
        }
    }

    /// The service's endpoint prefix: `s3`, `sagemaker-runtime`, `sts`.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The API's name of the operation: `InvokeEndpointAsync`, `GetObject`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The error's code, such as `ValidationError`, `AccessDenied` or `NoSuchBucket`. Absent where
    /// the response had none (every error of an S3 HEAD, and responses of proxies).
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The service's message.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The beginning of a body that is not in the service's format, in one line; of HTML only its text. Such a response
    /// comes from a proxy, a web filter or another server, and [`code`](Self::code) is absent.
    pub fn unrecognized_body(&self) -> Option<&str> {
        self.unrecognized_body.as_deref()
    }

    /// The id that AWS support asks for (`x-amzn-requestid`, `x-amz-request-id`).
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// S3's second id (`x-amz-id-2`).
    pub fn extended_request_id(&self) -> Option<&str> {
        self.extended_request_id.as_deref()
    }

    /// Number of attempts, retries included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Time from the first attempt to this response.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What the request was about: an S3 URI or an endpoint's name.
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// Whether the service throttled the request: a limit of the service's or of the account's, not of this
    /// crate. A throttled request did nothing, and was retried as
    /// [`RetryConfig`](crate::session::RetryConfig) specifies.
    pub fn is_throttling(&self) -> bool {
        is_throttling(self.status, self.code())
    }

    /// May the same request succeed a moment later? (The SDKs' statuses and codes, and what the services'
    /// own tables add: `_retry.json` of the Python SDK.)
    pub(crate) fn is_transient(&self) -> bool {
        let code = self.code().unwrap_or_default();
        let of_service = match self.service {
            // The body that arrived does not have the signed hash: it was changed on its way.
            // The others are those of KMS that pass.
            "s3" => matches!(
                code,
                "BadDigest"
                    | "XAmzContentSHA256Mismatch"
                    | "KMS.KMSInternalException"
                    | "KMS.DependencyTimeoutException"
                    | "KMS.KeyUnavailableException"
            ),
            // STS could not reach the other identity provider, or not fetch its key. The SDKs for PHP, Ruby and Go
            // retry it.
            "sts" => matches!(code, "IDPCommunicationError" | "InvalidIdentityToken"),
            _ => false,
        };
        of_service
            || matches!(self.status, 408 | 500 | 502 | 504 | 509 | 530)
            || matches!(
                code,
                "RequestTimeout"
                    | "RequestTimeoutException"
                    | "InternalError"
                    | "InternalFailure"
                    | "ConcurrentUpdateException"
            )
    }

    /// Whether the request may have been carried out nevertheless: after another 5xx than 503, after a 408, with which
    /// a proxy gives up on the service, or if an earlier attempt got no response. A refusal with another 4xx or 503
    /// did nothing.
    pub(crate) fn leaves_open(&self) -> bool {
        self.perhaps_done || ((self.status == 408 || self.status >= 500) && !self.is_throttling())
    }

    /// What to do about it, where the cause is known.
    pub fn remedy(&self) -> Option<String> {
        let resource = self.resource().unwrap_or("the resource");
        let code = self.code().unwrap_or_default();
        if is_skew(code, self.message()) {
            return self.clock_error.map(set_the_clock);
        }
        let known = of_credentials(code).or_else(|| of_kms(code));
        if let Some(remedy) = self.of_redirect().or_else(|| known.map(str::to_owned)) {
            return Some(remedy);
        }
        let text = match code {
            "NoSuchBucket" => format!("create the bucket of {resource}, or name another one"),
            "InvalidObjectState" => format!(
                "{resource} is archived: restore it (aws s3api restore-object), and read it when that \
                 is done"
            ),
            "NotImplemented" | "InvalidArgument" | "InvalidRequest" if self.is_about_checksums() => {
                "this store does not take checksums of uploads: set AWS_REQUEST_CHECKSUM_CALCULATION, or \
                 request_checksum_calculation in the profile, to when_required"
                    .into()
            }
            "QueueDoesNotExist" => {
                "check the queue's name, account and region: a queue is unknown in every other region, and \
                 for a minute after it was deleted"
                    .into()
            }
            "OptInRequired" | "SubscriptionRequiredException" | "NotSignedUp" => {
                "this account may not use the service here: enable the service or the region for it"
                    .into()
            }
            "INSUFFICIENT_PERMISSIONS" if self.service == "signin" => {
                "grant the user signin:CreateOAuth2Token".into()
            }
            _ if self.is_missing_permission() => self.permission(resource),
            "ValidationError" if self.message().is_some_and(|m| m.contains("not found")) => {
                "check the endpoint's name, region and account".into()
            }
            "ModelError" | "ModelNotReadyException" => format!(
                "read the model's log group /aws/sagemaker/Endpoints/{resource} in CloudWatch"
            ),
            // Some throttling codes also stand for quotas.
            _ if self.is_throttling() && control_plane::remedy(self).is_none() => {
                "this is the service's limit on requests, not this crate's: send fewer at a time, \
                 or ask for a higher quota"
                    .into()
            }
            "InternalFailure" | "InternalDependencyException"
                if self.operation == "InvokeEndpointAsync" =>
            {
                format!(
                    "if it persists, read the log group /aws/sagemaker/Endpoints/{resource} in \
                     CloudWatch"
                )
            }
            "UnknownOperationException" | "UnknownOperation" | "InvalidAction" => {
                "the server there is not this service: check the endpoint URL and any proxy"
                    .into()
            }
            _ => return self.general_remedy().map(str::to_owned),
        };
        Some(text)
    }

    fn of_redirect(&self) -> Option<String> {
        let server = self.redirect.as_ref().filter(|_| self.code.is_none())?;
        Some(format!(
            "it redirects to {server}, which is not followed, because a request is signed for one host: if the \
             service is there, set that as the endpoint URL"
        ))
    }

    fn general_remedy(&self) -> Option<&'static str> {
        match control_plane::remedy(self) {
            Some(remedy) => Some(remedy),
            None if self.status >= 500 || self.code() == Some("InternalServiceException") => Some(
                "the service failed: try again later; if it persists, check the AWS Health \
                 Dashboard, or give AWS support the request id",
            ),
            None if self.unrecognized_body.is_some() || self.is_empty_success() => Some(
                "the service does not send such responses: check the endpoint URL, and proxies \
                and web filters on the way",
            ),
            None => None,
        }
    }

    /// Whether a store refuses a header that only S3 itself is sure to know.
    fn is_about_checksums(&self) -> bool {
        self.message()
            .unwrap_or_default()
            .contains("x-amz-checksum-")
    }

    /// Whether it is a success without what was requested.
    fn is_empty_success(&self) -> bool {
        self.status < 300 && self.code.is_none()
    }

    /// Whether the code says that the caller lacks a permission. Other refusals with 403 are about
    /// something else: archived objects, a proxy, a web filter.
    pub(crate) fn is_missing_permission(&self) -> bool {
        match self.code().unwrap_or_default() {
            // S3 uses this code also for a locked object.
            "AccessDenied" => {
                let message = self.message().unwrap_or_default().to_ascii_lowercase();
                !message.contains("object lock")
            }
            "AccessDeniedException"
            | "NotAuthorized"
            | "AuthorizationError"
            | "AuthorizationErrorException"
            | "UnauthorizedOperation"
            | "UnauthorizedException" => true,
            // The portal of IAM Identity Center; from other services it is a gateway's code.
            "ForbiddenException" => self.service == "sso",
            _ => false,
        }
    }

    /// Whether the permission that the caller lacks is one for the object's KMS key.
    pub(crate) fn is_about_key(&self) -> bool {
        let message = self.message().unwrap_or_default();
        self.is_missing_permission() && message.contains("not authorized to perform: kms:")
    }

    /// What to do about a refusal for want of a permission.
    fn permission(&self, resource: &str) -> String {
        let message = self.message().unwrap_or_default();
        // "User: .. is not authorized to perform: iam:PassRole on resource: ..": the service knows best.
        let after = |words| {
            let (_, rest) = message.split_once(words)?;
            let word = rest.split_whitespace().next()?;
            Some(word.trim_matches(['"', '.', ',']))
        };
        let named = after("not authorized to perform: ").filter(|action| action.contains(':'));
        let actions = named.or(self.iam_actions()).unwrap_or("the action");
        let resource = match after(" on resource: ") {
            Some(named) => Cow::Borrowed(named),
            None if self.is_about_key() => format!("the KMS key of {resource}").into(),
            None => Cow::Borrowed(resource),
        };
        let mut remedy = if message.contains("explicit deny") {
            format!(
                "a policy denies {actions} on {resource}, which takes precedence over every \
                permission: change that policy"
            )
        } else {
            format!("grant the caller {actions} on {resource}")
        };
        if let Some(account) = &self.expected_owner {
            remedy.push_str(", and make sure that the bucket belongs to account ");
            remedy.push_str(account);
            remedy.push_str(", its expected owner");
        }
        remedy
    }

    /// The IAM actions that the operation needs.
    fn iam_actions(&self) -> Option<&'static str> {
        Some(match self.operation {
            "InvokeEndpointAsync" => "sagemaker:InvokeEndpointAsync",
            "GetObject" => "s3:GetObject (and s3:ListBucket on the bucket)",
            "DeleteObject" => "s3:DeleteObject",
            "AssumeRole" => "sts:AssumeRole (and have the role's trust policy name the caller)",
            "AssumeRoleWithWebIdentity" => {
                "sts:AssumeRoleWithWebIdentity in the role's trust policy"
            }
            "GetRoleCredentials" => "sso:GetRoleCredentials",
            "PutObject" => "s3:PutObject (and, with a KMS key, kms:GenerateDataKey)",
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
                "s3:PutObject (and, with a KMS key, kms:GenerateDataKey and kms:Decrypt)"
            }
            "AbortMultipartUpload" => "s3:AbortMultipartUpload",
            "ListObjectsV2" => "s3:ListBucket on the bucket",
            "CreateBucket" => "s3:CreateBucket",
            operation => return control_plane::iam_actions(operation),
        })
    }
}

/// Whether a refusal is throttling: the service did nothing, so that even a submit may be retried. (The SDKs' list
/// of throttling codes.)
pub(crate) fn is_throttling(status: u16, code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "Throttling"
                | "ThrottlingException"
                | "ThrottledException"
                | "RequestThrottledException"
                | "RequestThrottled"
                | "KmsThrottled"
                | "KMS.ThrottlingException"
                | "TooManyRequestsException"
                | "ProvisionedThroughputExceededException"
                | "TransactionInProgressException"
                | "RequestLimitExceeded"
                | "BandwidthLimitExceeded"
                | "LimitExceededException"
                | "SlowDown"
                | "PriorRequestNotComplete"
                | "EC2ThrottledException"
                | "ModelNotReadyException"
                | "ServiceUnavailable"
        )
    ) || matches!(status, 429 | 503)
}

/// What to do about a refusal of AWS KMS that another service passes on: SQS as `KmsDisabled`, S3 as
/// `KMS.DisabledException`.
fn of_kms(code: &str) -> Option<&'static str> {
    let problem = code
        .strip_prefix("Kms")
        .or_else(|| code.strip_prefix("KMS."))?;
    let problem = problem.strip_suffix("Exception").unwrap_or(problem);
    Some(match problem {
        "AccessDenied" => {
            "grant the caller kms:Decrypt (to write, kms:GenerateDataKey too) on the KMS key, also in the \
             key's own policy"
        }
        "Disabled" | "InvalidState" | "KMSInvalidState" => {
            "the KMS key is disabled, or is to be deleted: enable it, or cancel its deletion"
        }
        "NotFound" => {
            "the KMS key does not exist: check the key of the queue or bucket, and its region"
        }
        "InvalidKeyUsage" => "give the queue or bucket a symmetric KMS key for encryption",
        _ => return None,
    })
}

/// What to do about keys, tokens and signatures that are refused.
fn of_credentials(code: &str) -> Option<&'static str> {
    Some(match code {
        "InvalidAccessKeyId" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
            "these credentials are not known to AWS: check the access key, and the session token \
             that belongs to it"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" => {
            "check the secret access key; if it is right, a proxy may be changing requests on \
             their way"
        }
        "ExpiredToken" | "ExpiredTokenException" => {
            "the session token has expired: obtain new credentials"
        }
        _ => return None,
    })
}

/// Whether a refusal is about the time that a request was signed at.
pub(crate) fn is_skew(code: &str, message: Option<&str>) -> bool {
    let says = |words: &str| message.is_some_and(|message| message.contains(words));
    match code {
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => true,
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "AuthFailure" => {
            says("Signature expired") || says("Signature not yet current")
        }
        _ => false,
    }
}

fn set_the_clock(seconds_ahead: i64) -> String {
    let side = if seconds_ahead < 0 {
        "behind"
    } else {
        "ahead of"
    };
    let minutes = (seconds_ahead.unsigned_abs() + 30) / 60;
    let off = if minutes < 120 {
        format!("{minutes} minutes")
    } else {
        format!("{} hours", (minutes + 30) / 60)
    };
    format!("set this machine's clock, which is {off} {side} the service's")
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} was refused", self.service, self.operation)?;
        if let Some(resource) = &self.resource {
            write!(f, " for {resource}")?;
        }
        write!(f, ": {}", self.code.as_deref().unwrap_or("no error code"))?;
        write!(f, " (HTTP {})", self.status)?;
        if let Some(body) = &self.unrecognized_body {
            write!(f, ": the body is not the service's: {body:?}")?;
        }
        if let Some(message) = self.message().filter(|message| !message.is_empty()) {
            write!(f, ": {}", message.trim_end_matches('.'))?;
        }
        with_remedy(f, self.remedy().as_deref())?;
        if let Some(id) = &self.request_id {
            write!(f, " [request id {id}]")?;
        }
        if f.alternate() && self.attempts > 1 {
            let elapsed = seconds(self.elapsed);
            write!(f, " [{} attempts in {elapsed}]", self.attempts)?;
        }
        write_uploaded(f, self.uploaded.as_deref())
    }
}

impl std::error::Error for ServiceError {}
