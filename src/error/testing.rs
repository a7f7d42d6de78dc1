//! Constructors for the tests of programs that handle these errors. Feature `local`.

use std::sync::Arc;
use std::time::Duration;

use super::{
    DeploymentError, EndpointWaitError, EndpointWaitReason, Error, MaybeSubmitted, ModelFailure,
    Observed, PollingTimeout, Resource, ServiceError, TransportError, TransportErrorKind,
    WaitStopReason, WaitStopped,
};
use crate::error::wait::WaitLimit;
use crate::handle::InferenceHandle;

impl ServiceError {
    /// For tests: an error response with this status and code to `operation` of `service` (`s3`,
    /// `sagemaker-runtime`), after one attempt.
    ///
    /// ```
    /// use sagemaker_async_inference::{Error, ServiceError};
    ///
    /// let throttled = ServiceError::for_tests("s3", "GetObject", 503, "SlowDown", "Please reduce your rate.");
    /// assert!(throttled.is_throttling());
    /// assert!(Error::from(throttled).is_retryable());
    /// ```
    pub fn for_tests(
        service: &'static str,
        operation: &'static str,
        status: u16,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: Some(code.into()).filter(|code| !code.is_empty()),
            message: Some(message.into()).filter(|message| !message.is_empty()),
            request_id: Some("for-tests".into()),
            ..Self::new(service, operation, status)
        }
    }
}

impl TransportError {
    /// For tests: a request of `operation` to `host` that failed in this way, after one attempt.
    ///
    /// ```
    /// use sagemaker_async_inference::error::TransportErrorKind;
    /// use sagemaker_async_inference::{Error, TransportError};
    ///
    /// let kind = TransportErrorKind::Timeout;
    /// let error = Error::from(TransportError::for_tests(kind, "GetObject", "my-bucket.s3.amazonaws.com"));
    /// assert!(error.is_retryable());
    /// ```
    pub fn for_tests(
        kind: TransportErrorKind,
        operation: &'static str,
        host: impl Into<String>,
    ) -> Self {
        let before = matches!(
            kind,
            TransportErrorKind::Resolve | TransportErrorKind::Connect | TransportErrorKind::Proxy
        );
        Self {
            service: "s3",
            operation,
            kind,
            host: host.into(),
            never_sent: before,
            attempts: 1,
            elapsed: Duration::ZERO,
            source: None,
            handle: None,
            uploaded: None,
            proxy: None,
            advice: None,
        }
    }
}

impl MaybeSubmitted {
    /// For tests: a submit whose response was lost for this reason.
    ///
    /// ```
    /// use sagemaker_async_inference::error::TransportErrorKind;
    /// use sagemaker_async_inference::{Error, MaybeSubmitted, TransportError};
    ///
    /// let lost = TransportErrorKind::ConnectionLost;
    /// let cause = TransportError::for_tests(lost, "InvokeEndpointAsync", "host");
    /// let error = Error::from(MaybeSubmitted::for_tests("my-endpoint", "job-7", cause));
    /// assert!(!error.is_retryable());
    /// ```
    pub fn for_tests(
        endpoint_name: impl Into<String>,
        inference_id: impl Into<String>,
        cause: impl Into<Error>,
    ) -> Self {
        Self {
            endpoint_name: endpoint_name.into(),
            inference_id: inference_id.into(),
            input_location: None,
            cause: cause.into(),
        }
    }
}

impl ModelFailure {
    /// For tests: the failure of this inference, with the failure object's bytes.
    ///
    /// ```
    /// use sagemaker_async_inference::{InferenceHandle, ModelFailure};
    ///
    /// let line = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/1.out"}"#;
    /// let failure = ModelFailure::for_tests(line.parse()?, "out of memory");
    /// assert_eq!(failure.text(), "out of memory");
    /// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
    /// ```
    pub fn for_tests(handle: InferenceHandle, body: impl Into<Vec<u8>>) -> Self {
        Self {
            endpoint_name: Arc::clone(&handle.endpoint_name),
            output_path: Some(handle.output_path.clone()),
            failure_path: handle.failure_path.clone(),
            content_type: Some("text/plain".into()),
            body: body.into().into(),
            handle: Some(Arc::new(handle)),
        }
    }
}

impl PollingTimeout {
    /// For tests: a wait of `attempts` polls that found nothing within `elapsed`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sagemaker_async_inference::{Error, PollingTimeout};
    ///
    /// let line = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/1.out"}"#;
    /// let timeout = PollingTimeout::for_tests(line.parse()?, 60, Duration::from_secs(900));
    /// let error = Error::from(timeout);
    /// assert_eq!(error.to_string(), "no result at s3://my-bucket/1.out after 60 polls in 900 s");
    /// assert!(error.handle().is_some());
    /// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
    /// ```
    pub fn for_tests(handle: InferenceHandle, attempts: u32, elapsed: Duration) -> Self {
        Self {
            handle: Arc::new(handle),
            attempts,
            elapsed,
            observed: Observed {
                not_found: attempts,
                ..Observed::default()
            },
            last_response: None,
            last_remedy: None,
            denied_by_code: false,
            limit: WaitLimit::MaxAttempts(attempts),
            since_submit: elapsed,
        }
    }
}

impl WaitStopped {
    /// For tests: a wait that was stopped after `attempts` polls.
    ///
    /// ```
    /// use sagemaker_async_inference::WaitStopped;
    /// use sagemaker_async_inference::waiter::WaitStopReason;
    ///
    /// let line = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/1.out"}"#;
    /// let stopped = WaitStopped::for_tests(line.parse()?, WaitStopReason::Cancelled, 3);
    /// assert_eq!(stopped.attempts(), 3);
    /// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
    /// ```
    pub fn for_tests(handle: InferenceHandle, reason: WaitStopReason, attempts: u32) -> Self {
        Self {
            reason,
            handle: Arc::new(handle),
            attempts,
            elapsed: Duration::ZERO,
        }
    }
}

impl DeploymentError {
    /// For tests: a deployment that stopped for this reason and left these resources.
    ///
    /// ```
    /// use sagemaker_async_inference::ServiceError;
    /// use sagemaker_async_inference::error::{DeploymentError, Resource};
    ///
    /// let cause = ServiceError::for_tests("sagemaker", "CreateEndpoint", 400, "ResourceLimitExceeded", "");
    /// let left = [Resource::Model("my-model".into())];
    /// let error = DeploymentError::for_tests("my-endpoint", left, cause);
    /// assert_eq!(error.left().len(), 1);
    /// ```
    pub fn for_tests(
        endpoint_name: impl Into<String>,
        left: impl Into<Vec<Resource>>,
        cause: impl Into<Error>,
    ) -> Self {
        Self {
            endpoint_name: endpoint_name.into(),
            doing: "deploying",
            left: left.into(),
            unsure: Vec::new(),
            found: Vec::new(),
            removed: Vec::new(),
            cause: cause.into(),
        }
    }
}

impl EndpointWaitError {
    /// For tests: a wait for an endpoint to be in service that ended for this reason.
    ///
    /// ```
    /// use sagemaker_async_inference::Error;
    /// use sagemaker_async_inference::error::{EndpointWaitError, EndpointWaitReason};
    ///
    /// let wait = EndpointWaitError::for_tests("my-endpoint", EndpointWaitReason::TimedOut);
    /// assert!(Error::from(wait).is_retryable());
    /// ```
    pub fn for_tests(endpoint_name: impl Into<String>, reason: EndpointWaitReason) -> Self {
        Self {
            endpoint_name: endpoint_name.into(),
            awaited: "in service",
            reason,
            status: None,
            failure_reason: None,
            attempts: 1,
            elapsed: Duration::ZERO,
            last_error: None,
        }
    }
}
