//! What holds for all public types: they go between threads, and the error is small.

use sagemaker_async_inference as crate_;
use sagemaker_async_inference::sys;

fn goes_between_threads<T: Send + Sync + 'static>() {}

#[test]
#[allow(clippy::too_many_lines)] // a line for each type
fn everything_public_is_send_sync_and_static() {
    goes_between_threads::<crate_::waiter::AccessDenied>();
    goes_between_threads::<crate_::batch::Adder<crate_::Json>>();
    goes_between_threads::<crate_::batch::AsCompleted<crate_::Json>>();
    goes_between_threads::<crate_::AsyncInferenceConfig>();
    goes_between_threads::<crate_::endpoint::AsyncInferenceConfigBuilder>();
    goes_between_threads::<crate_::AsyncInferenceResponse<crate_::Json>>();
    goes_between_threads::<crate_::AsyncPredictor>();
    goes_between_threads::<crate_::AsyncRequest<'static, crate_::Json>>();
    goes_between_threads::<crate_::endpoint::Backlog>();
    goes_between_threads::<crate_::batch::BatchProgress>();
    goes_between_threads::<crate_::Bytes>();
    goes_between_threads::<crate_::CancelToken>();
    goes_between_threads::<crate_::endpoint::CapacitySize>();
    goes_between_threads::<crate_::endpoint::CaptureMode>();
    goes_between_threads::<crate_::response::CleanUp>();
    goes_between_threads::<crate_::response::CleanUpFailure>();
    goes_between_threads::<crate_::response::CleanUpReport>();
    goes_between_threads::<crate_::error::CodecDirection>();
    goes_between_threads::<crate_::CodecError>();
    goes_between_threads::<crate_::batch::Completed<crate_::Json>>();
    goes_between_threads::<crate_::batch::Skipped>();
    goes_between_threads::<crate_::ConfigError>();
    goes_between_threads::<crate_::endpoint::ContainerDefinition>();
    goes_between_threads::<crate_::endpoint::CreateEndpoint>();
    goes_between_threads::<crate_::credentials::Credentials>();
    goes_between_threads::<crate_::CredentialsError>();
    goes_between_threads::<crate_::Csv>();
    goes_between_threads::<crate_::endpoint::DataCaptureConfig>();
    goes_between_threads::<crate_::endpoint::Deployment>();
    goes_between_threads::<crate_::endpoint::DeploymentConfig>();
    goes_between_threads::<crate_::error::DeploymentError>();
    goes_between_threads::<crate_::endpoint::Endpoint>();
    goes_between_threads::<crate_::endpoint::EndpointConfig>();
    goes_between_threads::<crate_::endpoint::EndpointConfigDescription>();
    goes_between_threads::<crate_::endpoint::EndpointDescription>();
    goes_between_threads::<crate_::endpoint::EndpointOverview>();
    goes_between_threads::<crate_::endpoint::EndpointProgress<'static>>();
    goes_between_threads::<crate_::endpoint::EndpointStatus>();
    goes_between_threads::<crate_::endpoint::EndpointSummary>();
    goes_between_threads::<crate_::endpoint::EndpointUpdate>();
    goes_between_threads::<crate_::error::EndpointWaitError>();
    goes_between_threads::<crate_::error::EndpointWaitReason>();
    goes_between_threads::<crate_::endpoint::EndpointWaiter>();
    goes_between_threads::<crate_::credentials::EnvironmentProvider>();
    goes_between_threads::<crate_::Error>();
    goes_between_threads::<crate_::InferenceHandle>();
    goes_between_threads::<crate_::InvalidInput>();
    goes_between_threads::<crate_::queue::InvocationStatus>();
    goes_between_threads::<crate_::Json>();
    goes_between_threads::<crate_::JsonLines>();
    goes_between_threads::<crate_::endpoint::ListEndpoints>();
    goes_between_threads::<crate_::endpoint::ListedEndpoints>();
    goes_between_threads::<crate_::MaybeSubmitted>();
    goes_between_threads::<crate_::endpoint::Model>();
    goes_between_threads::<crate_::endpoint::ModelDescription>();
    goes_between_threads::<crate_::ModelFailure>();
    goes_between_threads::<crate_::queue::Notification>();
    goes_between_threads::<crate_::NotificationConfig>();
    goes_between_threads::<crate_::endpoint::NotificationConfigBuilder>();
    goes_between_threads::<crate_::endpoint::NotificationTopic>();
    goes_between_threads::<crate_::waiter::Observed>();
    goes_between_threads::<crate_::endpoint::OnFailure>();
    goes_between_threads::<crate_::PollingTimeout>();
    goes_between_threads::<crate_::endpoint::ProductionVariant>();
    goes_between_threads::<crate_::error::Resource>();
    goes_between_threads::<crate_::transfer::ResultReader>();
    goes_between_threads::<crate_::session::RetryConfig>();
    goes_between_threads::<crate_::endpoint::RoutingStrategy>();
    goes_between_threads::<crate_::S3Uri>();
    goes_between_threads::<crate_::endpoint::SageMaker>();
    goes_between_threads::<crate_::endpoint::ScalableTarget>();
    goes_between_threads::<crate_::endpoint::ScaleToZero>();
    goes_between_threads::<crate_::endpoint::ScalingPolicy>();
    goes_between_threads::<crate_::endpoint::ScalingPolicyDescription>();
    goes_between_threads::<crate_::session::Service>();
    goes_between_threads::<crate_::session::ServiceEndpoint>();
    goes_between_threads::<crate_::ServiceError>();
    goes_between_threads::<crate_::Session>();
    goes_between_threads::<crate_::SessionBuilder>();
    goes_between_threads::<
        crate_::batch::SubmitAll<
            std::vec::IntoIter<crate_::AsyncRequest<'static, crate_::Json>>,
            crate_::Json,
        >,
    >();
    goes_between_threads::<crate_::Text>();
    goes_between_threads::<crate_::session::Timeouts>();
    goes_between_threads::<crate_::TransferConfig>();
    goes_between_threads::<crate_::transfer::TransferConfigBuilder>();
    goes_between_threads::<crate_::transfer::TransferDirection>();
    goes_between_threads::<crate_::TransferError>();
    goes_between_threads::<crate_::error::TransferErrorKind>();
    goes_between_threads::<crate_::transfer::TransferProgress<'static>>();
    goes_between_threads::<crate_::TransportError>();
    goes_between_threads::<crate_::error::TransportErrorKind>();
    goes_between_threads::<crate_::endpoint::UpdateEndpoint>();
    goes_between_threads::<crate_::endpoint::VariantProperty>();
    goes_between_threads::<crate_::endpoint::VariantScaling>();
    goes_between_threads::<crate_::endpoint::VariantSummary>();
    goes_between_threads::<crate_::endpoint::VpcConfig>();
    goes_between_threads::<crate_::waiter::WaitLimit>();
    goes_between_threads::<crate_::waiter::WaitProgress<'static>>();
    goes_between_threads::<crate_::waiter::WaitStopReason>();
    goes_between_threads::<crate_::WaitStopped>();
    goes_between_threads::<crate_::WaiterConfig>();
    goes_between_threads::<crate_::transfer::UploadChecksum>();
    goes_between_threads::<crate_::WaiterConfigBuilder>();
    goes_between_threads::<crate_::credentials::AssumeRoleProvider>();
    goes_between_threads::<crate_::credentials::CachedCredentials>();
    goes_between_threads::<crate_::credentials::ChainSlot>();
    goes_between_threads::<crate_::credentials::ContainerProvider>();
    goes_between_threads::<crate_::credentials::DefaultChain>();
    goes_between_threads::<crate_::credentials::InstanceMetadataProvider>();
    goes_between_threads::<crate_::credentials::ProcessProvider>();
    goes_between_threads::<crate_::credentials::ProfileProvider>();
    goes_between_threads::<crate_::credentials::ProviderConfig>();
    goes_between_threads::<crate_::credentials::SsoProvider>();
    goes_between_threads::<crate_::credentials::WebIdentityProvider>();
    goes_between_threads::<sys::Files>();
    goes_between_threads::<sys::Processes>();
    goes_between_threads::<sys::ProcessOutput>();
    goes_between_threads::<sys::Environment>();
    goes_between_threads::<sys::ManualClock>();
    goes_between_threads::<sys::Sys>();
    goes_between_threads::<sys::SystemClock>();
    goes_between_threads::<Box<dyn sys::Clock>>();
    goes_between_threads::<Box<dyn crate_::credentials::ProvideCredentials>>();
}

#[cfg(feature = "local")]
#[test]
fn so_is_the_local_endpoint() {
    use sagemaker_async_inference::local;

    goes_between_threads::<local::DamagedObject>();
    goes_between_threads::<local::LocalEndpoint>();
    goes_between_threads::<local::LocalEndpointBuilder>();
}

#[test]
fn an_error_is_small() {
    // It is in every `Result`: every payload is boxed.
    assert!(size_of::<crate_::Error>() <= 128);
    assert!(size_of::<crate_::Error>() <= 2 * size_of::<usize>());
}
