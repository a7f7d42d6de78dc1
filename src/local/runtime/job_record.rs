//! Records of accepted invocations.

use std::fmt;
use std::time::Duration;

use super::location::Location;
use super::queue::{Input, Job};

/// The state of a job.
///
/// ```
/// use sagemaker_async_inference::local::{JobState, LocalEndpoint};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// // .. submits ..
/// let failed = endpoint.jobs().iter().filter(|job| job.state == JobState::Failed).count();
/// assert_eq!(failed, 0);
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// Waits for a free worker.
    Queued,
    /// The model processes it.
    Running,
    /// The output object exists.
    Completed,
    /// The failure object exists, if the endpoint has a failure path.
    Failed,
}

crate::words::words!(JobState, "state of a job", {
    Queued => "queued",
    Running => "running",
    Completed => "completed",
    Failed => "failed",
});

/// An invocation that the endpoint accepted.
///
/// ```
/// use sagemaker_async_inference::local::{JobState, LocalEndpoint};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// // .. submits ..
/// let failed = endpoint.jobs().iter().filter(|job| job.state == JobState::Failed).count();
/// assert_eq!(failed, 0);
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct JobRecord {
    /// `EndpointName`.
    pub endpoint_name: String,
    /// `InferenceId`, from the caller or generated.
    pub inference_id: String,
    /// `InputLocation`; `None` for an inline body.
    pub input_location: Option<String>,
    /// `OutputLocation` of the response.
    pub output_location: String,
    /// `FailureLocation` of the response.
    pub failure_location: Option<String>,
    /// `ContentType`.
    pub content_type: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// `CustomAttributes`.
    pub custom_attributes: Option<String>,
    /// `RequestTTLSeconds`, or its default.
    pub request_ttl: Duration,
    /// `InvocationTimeoutSeconds`, or its default.
    pub invocation_timeout: Duration,
    /// State of the job.
    pub state: JobState,
    /// Why it failed.
    pub failure_reason: Option<String>,
}

impl fmt::Debug for JobRecord {
    /// Without the custom attributes, which are sensitive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRecord")
            .field("endpoint_name", &self.endpoint_name)
            .field("inference_id", &self.inference_id)
            .field("input_location", &self.input_location)
            .field("output_location", &self.output_location)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl JobRecord {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            endpoint_name: job.serving.endpoint.clone(),
            inference_id: job.inference_id.clone(),
            input_location: match &job.input {
                Input::Inline(_) => None,
                Input::Location(location) => Some(location.clone()),
            },
            output_location: job.output.uri(),
            failure_location: job.failure.as_ref().map(Location::uri),
            content_type: job.content_type.clone(),
            accept: job.accept.clone(),
            custom_attributes: job.custom_attributes.clone(),
            request_ttl: job.ttl,
            invocation_timeout: job.invocation_timeout,
            state: JobState::Queued,
            failure_reason: None,
        }
    }
}
