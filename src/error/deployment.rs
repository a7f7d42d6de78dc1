use std::fmt;
use std::time::Duration;

use super::endpoint_status::EndpointStatus;
use super::transport::plural;
use super::{seconds, with_remedy};
use crate::Error;

/// A named resource of the control plane.
///
/// ```
/// use sagemaker_async_inference::error::Resource;
///
/// let model = Resource::Model("my-model".into());
/// assert_eq!(model.to_string(), "model my-model");
/// assert_eq!(model.name(), "my-model");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// A model.
    Model(String),
    /// An endpoint configuration.
    EndpointConfig(String),
    /// An endpoint.
    Endpoint(String),
    /// The scaling of a variant, by its resource id in Application Auto Scaling:
    /// `endpoint/{endpoint}/variant/{variant}`.
    Scaling(String),
}

impl Resource {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Model(name)
            | Self::EndpointConfig(name)
            | Self::Endpoint(name)
            | Self::Scaling(name) => name,
        }
    }

    /// The member of a response that holds its ARN.
    pub(crate) fn arn_member(&self) -> &'static str {
        match self {
            Self::Model(_) => "ModelArn",
            Self::EndpointConfig(_) => "EndpointConfigArn",
            Self::Endpoint(_) => "EndpointArn",
            Self::Scaling(_) => "ScalableTargetARN",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Model(_) => "model",
            Self::EndpointConfig(_) => "endpoint configuration",
            Self::Endpoint(_) => "endpoint",
            Self::Scaling(_) => "scaling of",
        };
        write!(f, "{kind} {}", self.name())
    }
}

/// A deployment, an update or a removal that stopped part-way.
///
/// Its [`cause`](Self::cause) is the reason; the other methods list what exists now. Delete what is left with
/// [`SageMaker::delete`](crate::endpoint::SageMaker::delete).
///
/// ```
/// use sagemaker_async_inference::Error;
///
/// fn explain(error: &Error) {
///     if let Error::Deployment(partial) = error {
///         eprintln!("{}", partial.cause());
///         for resource in partial.left() {
///             eprintln!("still there: {resource}");
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct DeploymentError {
    pub(crate) endpoint_name: String,
    /// The operation: "deploying".
    pub(crate) doing: &'static str,
    pub(crate) left: Vec<Resource>,
    pub(crate) unsure: Vec<Resource>,
    /// Those among the unsure ones that an earlier run, or somebody else, had created.
    pub(crate) found: Vec<Resource>,
    pub(crate) removed: Vec<Resource>,
    pub(crate) cause: Error,
}

impl DeploymentError {
    /// The endpoint that it was about.
    pub fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    /// Why it stopped.
    pub fn cause(&self) -> &Error {
        &self.cause
    }

    /// Resources that it created, or was to remove, and that still exist.
    pub fn left(&self) -> &[Resource] {
        &self.left
    }

    /// Resources that may exist: the response to their creation or deletion was lost, or did not arrive before the
    /// call was cancelled. Also those of an earlier run that was continued. They are never removed, because they may have
    /// existed before.
    pub fn unsure(&self) -> &[Resource] {
        &self.unsure
    }

    /// Resources that were removed.
    pub fn removed(&self) -> &[Resource] {
        &self.removed
    }
}

impl fmt::Display for DeploymentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} endpoint {} stopped part-way",
            self.doing, self.endpoint_name
        )?;
        let is_found = |resource: &Resource| self.found.contains(resource);
        let lost = self.unsure.iter().filter(|resource| !is_found(resource));
        let lost: Vec<_> = lost.cloned().collect();
        let lists = [
            ("still there", &self.left),
            ("there from before", &self.found),
            ("may exist, because the response was lost", &lost),
            ("removed", &self.removed),
        ];
        for (what, resources) in lists {
            if !resources.is_empty() {
                let names: Vec<_> = resources.iter().map(ToString::to_string).collect();
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for DeploymentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Why a wait for an endpoint ended without what it waited for.
///
/// ```
/// use sagemaker_async_inference::error::{EndpointWaitError, EndpointWaitReason};
///
/// fn is_worth_waiting_again(error: &EndpointWaitError) -> bool {
///     error.reason() == EndpointWaitReason::TimedOut
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointWaitReason {
    /// The endpoint failed; it can only be deleted.
    Failed,
    /// The endpoint is in service, but with its old configuration: the update failed and was undone.
    RolledBack,
    /// There is no such endpoint.
    NotFound,
    /// The maximum number of polls or the time limit was reached; the service goes on.
    TimedOut,
    /// A [`CancelToken`](crate::CancelToken) stopped the wait; the service goes on.
    Cancelled,
    /// The progress callback stopped the wait; the service goes on.
    Progress,
}

crate::words::words!(EndpointWaitReason, "reason", {
    Failed => "failed",
    RolledBack => "rolled-back",
    NotFound => "not-found",
    TimedOut => "timed-out",
    Cancelled => "cancelled",
    Progress => "progress",
});

impl EndpointWaitReason {
    /// Whether the endpoint does not change any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Failed | Self::RolledBack | Self::NotFound)
    }
}

/// A wait for an endpoint that ended without what it waited for.
///
/// ```
/// use sagemaker_async_inference::Error;
///
/// fn explain(error: &Error) {
///     if let Error::EndpointWait(wait) = error {
///         eprintln!("{:?}: {}", wait.status(), wait.failure_reason().unwrap_or("no reason given"));
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointWaitError {
    pub(crate) endpoint_name: String,
    /// "in service" or "deleted".
    pub(crate) awaited: &'static str,
    pub(crate) reason: EndpointWaitReason,
    pub(crate) status: Option<EndpointStatus>,
    pub(crate) failure_reason: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) last_error: Option<String>,
}

impl EndpointWaitError {
    /// The endpoint.
    pub fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    /// Why the wait ended.
    pub fn reason(&self) -> EndpointWaitReason {
        self.reason
    }

    /// The last known state, if any.
    pub fn status(&self) -> Option<&EndpointStatus> {
        self.status.as_ref()
    }

    /// The service's reason (`FailureReason`).
    pub fn failure_reason(&self) -> Option<&str> {
        self.failure_reason.as_deref()
    }

    /// Number of polls.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long the wait took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let name = &self.endpoint_name;
        match self.reason {
            EndpointWaitReason::NotFound => "check the endpoint's name, region and account".into(),
            EndpointWaitReason::TimedOut => format!(
                "wait longer; if the endpoint stays as it is, read the log group \
                 /aws/sagemaker/Endpoints/{name}"
            ),
            EndpointWaitReason::Cancelled | EndpointWaitReason::Progress => {
                "the service continues; wait again for the outcome".into()
            }
            EndpointWaitReason::Failed | EndpointWaitReason::RolledBack => {
                let known = self.failure_reason().and_then(failure_remedy);
                known.map_or_else(
                    || format!("read the log group /aws/sagemaker/Endpoints/{name}"),
                    |remedy| remedy.replace("{name}", name),
                )
            }
        }
    }
}

/// The remedies of the most frequent failures, recognized by words in the service's reason.
fn failure_remedy(reason: &str) -> Option<&'static str> {
    let reason = reason.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    Some(
        if any(&[
            "insufficientcapacity",
            "insufficient capacity",
            "unable to provision requested ml compute capacity",
        ]) {
            "AWS has no such instances available now: try again later, or use another instance \
            type or region"
        } else if any(&["resourcelimitexceeded", "service limit", "quota"]) {
            "ask for a higher quota in Service Quotas (Amazon SageMaker, \"for endpoint \
            usage\"), or use fewer or other instances"
        } else if any(&["ping health check", "health check"]) {
            "the container did not respond to /ping in time: read the log group /aws/sagemaker/Endpoints/{name}, and raise container_startup_health_check_timeout if it only needs longer"
        } else if any(&["kms"]) {
            "check that the execution role may use the KMS key (kms:CreateGrant, kms:Decrypt)"
        } else if any(&["subnet", "security group", "network interface"]) {
            "check that the subnets have free addresses, that they and the security groups exist, and that \
            the execution role may create network interfaces there (ec2:CreateNetworkInterface, \
            ec2:CreateNetworkInterfacePermission, ec2:DescribeSubnets)"
        } else if any(&["download model data", "model data", "modeldataurl"]) {
            "check that the model's data exist and that the execution role may s3:GetObject \
            them; raise model_data_download_timeout if they are large"
        } else if any(&["image", "ecr:"]) {
            "check that the image exists, in the endpoint's region, and that the execution role \
            may pull it (ecr:BatchGetImage, ecr:GetDownloadUrlForLayer, ecr:GetAuthorizationToken)"
        } else if any(&["assume role", "assume the role", "assumerole"]) {
            "check that the execution role exists and that its trust policy allows \
            sagemaker.amazonaws.com to assume it"
        } else {
            return None;
        },
    )
}

impl fmt::Display for EndpointWaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            EndpointWaitReason::Failed => "it failed",
            EndpointWaitReason::RolledBack => "the update failed and was undone",
            EndpointWaitReason::NotFound => "there is no such endpoint",
            EndpointWaitReason::TimedOut => "the wait timed out",
            EndpointWaitReason::Cancelled => "the wait was stopped by its cancel token",
            EndpointWaitReason::Progress => "the wait was stopped by its progress callback",
        };
        write!(
            f,
            "endpoint {} is not {}: {why}",
            self.endpoint_name, self.awaited
        )?;
        if let Some(reason) = &self.failure_reason {
            write!(f, ": {}", reason.trim_end_matches('.'))?;
        }
        let status = self
            .status
            .as_ref()
            .map_or("unknown", EndpointStatus::as_str);
        write!(f, " (status {status}")?;
        if f.alternate() {
            let polls = plural(self.attempts, "poll");
            write!(f, ", {polls} in {}", seconds(self.elapsed))?;
            if let Some(last) = &self.last_error {
                write!(f, "; last: {last}")?;
            }
        }
        f.write_str(")")?;
        with_remedy(f, Some(&self.remedy()))
    }
}

impl std::error::Error for EndpointWaitError {}
