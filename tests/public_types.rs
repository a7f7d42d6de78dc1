//! What holds for all public types: they go between threads, and the error is small.

use sagemaker_async_inference as crate_;
use sagemaker_async_inference::sys;

fn goes_between_threads<T: Send + Sync + 'static>() {}

#[test]
fn everything_public_is_send_sync_and_static() {
    goes_between_threads::<crate_::AccessDenied>();
    goes_between_threads::<crate_::AsyncInferenceConfig>();
    goes_between_threads::<crate_::AsyncInferenceConfigBuilder>();
    goes_between_threads::<crate_::AsyncInferenceResponse<crate_::Json>>();
    goes_between_threads::<crate_::AsyncPredictor>();
    goes_between_threads::<crate_::AsyncRequest<'static, crate_::Json>>();
    goes_between_threads::<crate_::Bytes>();
    goes_between_threads::<crate_::CancelToken>();
    goes_between_threads::<crate_::CodecDirection>();
    goes_between_threads::<crate_::CodecError>();
    goes_between_threads::<crate_::ConfigError>();
    goes_between_threads::<crate_::Credentials>();
    goes_between_threads::<crate_::CredentialsError>();
    goes_between_threads::<crate_::Csv>();
    goes_between_threads::<crate_::EnvironmentProvider>();
    goes_between_threads::<crate_::Error>();
    goes_between_threads::<crate_::InvalidInput>();
    goes_between_threads::<crate_::Json>();
    goes_between_threads::<crate_::JsonLines>();
    goes_between_threads::<crate_::MaybeSubmitted>();
    goes_between_threads::<crate_::ModelFailure>();
    goes_between_threads::<crate_::NotificationConfig>();
    goes_between_threads::<crate_::NotificationConfigBuilder>();
    goes_between_threads::<crate_::NotificationTopic>();
    goes_between_threads::<crate_::Observed>();
    goes_between_threads::<crate_::PollingTimeout>();
    goes_between_threads::<crate_::ResultReader>();
    goes_between_threads::<crate_::RetryConfig>();
    goes_between_threads::<crate_::S3Uri>();
    goes_between_threads::<crate_::Service>();
    goes_between_threads::<crate_::ServiceError>();
    goes_between_threads::<crate_::Session>();
    goes_between_threads::<crate_::SessionBuilder>();
    goes_between_threads::<crate_::Text>();
    goes_between_threads::<crate_::Timeouts>();
    goes_between_threads::<crate_::TransferConfig>();
    goes_between_threads::<crate_::TransferConfigBuilder>();
    goes_between_threads::<crate_::TransferDirection>();
    goes_between_threads::<crate_::TransferError>();
    goes_between_threads::<crate_::TransferErrorKind>();
    goes_between_threads::<crate_::TransferProgress<'static>>();
    goes_between_threads::<crate_::TransportError>();
    goes_between_threads::<crate_::TransportErrorKind>();
    goes_between_threads::<crate_::WaitProgress<'static>>();
    goes_between_threads::<crate_::WaitStopReason>();
    goes_between_threads::<crate_::WaitStopped>();
    goes_between_threads::<crate_::WaiterConfig>();
    goes_between_threads::<crate_::UploadChecksum>();
    goes_between_threads::<crate_::WaiterConfigBuilder>();
    goes_between_threads::<sys::Environment>();
    goes_between_threads::<sys::ManualClock>();
    goes_between_threads::<sys::Sys>();
    goes_between_threads::<sys::SystemClock>();
    goes_between_threads::<Box<dyn sys::Clock>>();
    goes_between_threads::<Box<dyn crate_::ProvideCredentials>>();
}

#[cfg(feature = "local")]
#[test]
fn so_is_the_local_endpoint() {
    use sagemaker_async_inference::local;

    goes_between_threads::<local::LocalEndpoint>();
    goes_between_threads::<local::LocalEndpointBuilder>();
}

#[test]
fn an_error_is_small() {
    // It is in every `Result`: every payload is boxed.
    assert!(size_of::<crate_::Error>() <= 128);
    assert!(size_of::<crate_::Error>() <= 2 * size_of::<usize>());
}
