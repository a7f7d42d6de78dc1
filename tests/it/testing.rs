//! Values that the tests of other programs create: errors, progress values, requests to a model.

use std::time::Duration;

use sagemaker_async_inference::batch::{BatchProgress, Completed};
use sagemaker_async_inference::error::{
    DeploymentError, EndpointWaitError, EndpointWaitReason, Resource, TransferErrorKind,
    TransportErrorKind,
};
use sagemaker_async_inference::local::{LocalEndpoint, ModelRequest};
use sagemaker_async_inference::transfer::{TransferDirection, TransferProgress};
use sagemaker_async_inference::waiter::{Observed, WaitProgress, WaitStopReason};
use sagemaker_async_inference::{
    AsyncPredictor, CodecError, ConfigError, CredentialsError, Error, InferenceHandle,
    InvalidInput, MaybeSubmitted, ModelFailure, PollingTimeout, ServiceError, TransferError,
    TransportError, WaitStopped,
};

use super::support::client::uri;

fn handle() -> InferenceHandle {
    let line = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/1.out"}"#;
    line.parse().expect("a handle")
}

#[test]
fn every_error_can_be_made_and_behaves_as_one_of_the_service() {
    let lost = TransportError::for_tests(TransportErrorKind::ConnectionLost, "PutObject", "host");
    let refused = ServiceError::for_tests("s3", "GetObject", 403, "AccessDenied", "no");
    let cases: [(Error, bool, bool); 13] = [
        (
            InvalidInput::new("name", "a_b", "letters", "remove `_`").into(),
            false,
            false,
        ),
        (
            ConfigError::new("AWS_REGION", "is missing", "set it").into(),
            false,
            false,
        ),
        (
            CredentialsError::failed("mine", "broken").into(),
            false,
            false,
        ),
        (
            CodecError::deserialize("mine", "not a number").into(),
            false,
            false,
        ),
        (lost.clone().into(), true, false),
        (
            TransferError::new(TransferErrorKind::Corrupt, "s3://b/k")
                .with_source("a checksum")
                .into(),
            true,
            false,
        ),
        (refused.into(), false, false),
        (
            MaybeSubmitted::for_tests("e", "job-7", lost.clone()).into(),
            false,
            false,
        ),
        (ModelFailure::for_tests(handle(), "no").into(), false, true),
        (
            PollingTimeout::for_tests(handle(), 3, Duration::from_secs(45)).into(),
            true,
            true,
        ),
        (
            WaitStopped::for_tests(handle(), WaitStopReason::Cancelled, 1).into(),
            false,
            true,
        ),
        (
            DeploymentError::for_tests("e", [Resource::Model("m".into())], lost).into(),
            true,
            false,
        ),
        (
            EndpointWaitError::for_tests("e", EndpointWaitReason::Failed).into(),
            false,
            false,
        ),
    ];
    for (error, is_retryable, has_handle) in cases {
        assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
        assert_eq!(error.handle().is_some(), has_handle, "{error:?}");
        assert!(!error.to_string().is_empty());
    }
    let denied = ServiceError::for_tests("s3", "GetObject", 403, "AccessDenied", "no");
    assert!(
        denied
            .remedy()
            .is_some_and(|remedy| remedy.contains("s3:GetObject"))
    );
}

#[test]
fn every_progress_value_can_be_made() {
    let (object, observed) = (uri("s3://my-bucket/1"), Observed::default());
    let wait = WaitProgress::for_tests(&object, 60, 60, Duration::from_mins(15), &observed);
    assert_eq!((wait.attempts(), wait.next_poll_in()), (60, None));
    let transfer = TransferProgress::for_tests(TransferDirection::Download, &object, 5, Some(10));
    assert_eq!((transfer.bytes(), transfer.total()), (5, Some(10)));
    let batch = BatchProgress::for_tests(10, 6, 1, Duration::from_secs(7));
    assert_eq!(
        (batch.done(), batch.failed(), batch.submitted()),
        (6, 1, 10)
    );
}

#[test]
fn a_model_and_what_takes_results_are_tested_without_a_batch() {
    let request = ModelRequest::new("hello");
    assert_eq!(
        (request.body.as_slice(), request.accept.as_deref()),
        (&b"hello"[..], None)
    );
    assert!(!request.inference_id.is_empty());

    let endpoint = LocalEndpoint::builder().start().expect("an endpoint");
    let session = endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let response = predictor.predict_async("hello").expect("a submit");
    assert!(endpoint.wait_until_idle(Duration::from_secs(20)));
    let done = Completed::for_tests(7, response.clone(), None);
    assert_eq!(done.index(), 7);
    assert_eq!(done.result::<String>().expect("a result"), "hello");
    let failure = ModelFailure::for_tests(response.handle(), "no");
    let failed = Completed::for_tests(8, response, Some(failure.into()));
    assert!(matches!(failed.result::<String>(), Err(Error::Model(_))));
}
