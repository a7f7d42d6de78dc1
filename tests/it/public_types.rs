//! What holds for all public types: they go between threads, and the error is small.

use sagemaker_async_inference as crate_;
use sagemaker_async_inference::sys;

fn goes_between_threads<T: Send + Sync + 'static>() {}

#[test]
#[allow(clippy::too_many_lines)] // a line for each type
fn everything_public_is_send_sync_and_static() {
    goes_between_threads::<crate_::AccessDenied>();
    goes_between_threads::<crate_::Adder<crate_::Json>>();
    goes_between_threads::<crate_::AsCompleted<u32, crate_::Json>>();
    goes_between_threads::<crate_::AsyncInferenceConfig>();
    goes_between_threads::<crate_::AsyncInferenceConfigBuilder>();
    goes_between_threads::<crate_::AsyncInferenceResponse<crate_::Json>>();
    goes_between_threads::<crate_::AsyncPredictor>();
    goes_between_threads::<crate_::AsyncRequest<'static, crate_::Json>>();
    goes_between_threads::<crate_::Backlog>();
    goes_between_threads::<crate_::BatchProgress>();
    goes_between_threads::<crate_::Bytes>();
    goes_between_threads::<crate_::CancelToken>();
    goes_between_threads::<crate_::CapacitySize>();
    goes_between_threads::<crate_::CaptureMode>();
    goes_between_threads::<crate_::CleanUp>();
    goes_between_threads::<crate_::CleanUpFailure>();
    goes_between_threads::<crate_::CleanUpReport>();
    goes_between_threads::<crate_::CodecDirection>();
    goes_between_threads::<crate_::CodecError>();
    goes_between_threads::<crate_::Completed<u32, crate_::Json>>();
    goes_between_threads::<crate_::ConfigError>();
    goes_between_threads::<crate_::ContainerDefinition>();
    goes_between_threads::<crate_::CreateEndpoint>();
    goes_between_threads::<crate_::Credentials>();
    goes_between_threads::<crate_::CredentialsError>();
    goes_between_threads::<crate_::Csv>();
    goes_between_threads::<crate_::DataCaptureConfig>();
    goes_between_threads::<crate_::Deployment>();
    goes_between_threads::<crate_::DeploymentConfig>();
    goes_between_threads::<crate_::DeploymentError>();
    goes_between_threads::<crate_::Endpoint>();
    goes_between_threads::<crate_::EndpointConfig>();
    goes_between_threads::<crate_::EndpointConfigDescription>();
    goes_between_threads::<crate_::EndpointDescription>();
    goes_between_threads::<crate_::EndpointOverview>();
    goes_between_threads::<crate_::EndpointProgress<'static>>();
    goes_between_threads::<crate_::EndpointStatus>();
    goes_between_threads::<crate_::EndpointSummary>();
    goes_between_threads::<crate_::EndpointUpdate>();
    goes_between_threads::<crate_::EndpointWaitError>();
    goes_between_threads::<crate_::EndpointWaitReason>();
    goes_between_threads::<crate_::EndpointWaiter>();
    goes_between_threads::<crate_::EnvironmentProvider>();
    goes_between_threads::<crate_::Error>();
    goes_between_threads::<crate_::InferenceHandle>();
    goes_between_threads::<crate_::InvalidInput>();
    goes_between_threads::<crate_::InvocationStatus>();
    goes_between_threads::<crate_::Json>();
    goes_between_threads::<crate_::JsonLines>();
    goes_between_threads::<crate_::ListEndpoints>();
    goes_between_threads::<crate_::ListedEndpoints>();
    goes_between_threads::<crate_::MaybeSubmitted>();
    goes_between_threads::<crate_::Model>();
    goes_between_threads::<crate_::ModelDescription>();
    goes_between_threads::<crate_::ModelFailure>();
    goes_between_threads::<crate_::Notification>();
    goes_between_threads::<crate_::NotificationConfig>();
    goes_between_threads::<crate_::NotificationConfigBuilder>();
    goes_between_threads::<crate_::NotificationTopic>();
    goes_between_threads::<crate_::Observed>();
    goes_between_threads::<crate_::OnFailure>();
    goes_between_threads::<crate_::PollingTimeout>();
    goes_between_threads::<crate_::ProductionVariant>();
    goes_between_threads::<crate_::Resource>();
    goes_between_threads::<crate_::ResultReader>();
    goes_between_threads::<crate_::RetryConfig>();
    goes_between_threads::<crate_::RoutingStrategy>();
    goes_between_threads::<crate_::S3Uri>();
    goes_between_threads::<crate_::SageMaker>();
    goes_between_threads::<crate_::ScalableTarget>();
    goes_between_threads::<crate_::ScaleToZero>();
    goes_between_threads::<crate_::ScalingPolicy>();
    goes_between_threads::<crate_::ScalingPolicyDescription>();
    goes_between_threads::<crate_::Service>();
    goes_between_threads::<crate_::ServiceEndpoint>();
    goes_between_threads::<crate_::ServiceError>();
    goes_between_threads::<crate_::Session>();
    goes_between_threads::<crate_::SessionBuilder>();
    goes_between_threads::<
        crate_::SubmitAll<
            std::vec::IntoIter<crate_::AsyncRequest<'static, crate_::Json>>,
            crate_::Json,
        >,
    >();
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
    goes_between_threads::<crate_::UpdateEndpoint>();
    goes_between_threads::<crate_::VariantProperty>();
    goes_between_threads::<crate_::VariantScaling>();
    goes_between_threads::<crate_::VariantSummary>();
    goes_between_threads::<crate_::VpcConfig>();
    goes_between_threads::<crate_::WaitLimit>();
    goes_between_threads::<crate_::WaitProgress<'static>>();
    goes_between_threads::<crate_::WaitStopReason>();
    goes_between_threads::<crate_::WaitStopped>();
    goes_between_threads::<crate_::WaiterConfig>();
    goes_between_threads::<crate_::UploadChecksum>();
    goes_between_threads::<crate_::WaiterConfigBuilder>();
    goes_between_threads::<crate_::AssumeRoleProvider>();
    goes_between_threads::<crate_::CachedCredentials>();
    goes_between_threads::<crate_::ChainSlot>();
    goes_between_threads::<crate_::ContainerProvider>();
    goes_between_threads::<crate_::DefaultChain>();
    goes_between_threads::<crate_::InstanceMetadataProvider>();
    goes_between_threads::<crate_::ProcessProvider>();
    goes_between_threads::<crate_::ProfileProvider>();
    goes_between_threads::<crate_::ProviderConfig>();
    goes_between_threads::<crate_::SsoProvider>();
    goes_between_threads::<crate_::WebIdentityProvider>();
    goes_between_threads::<sys::Files>();
    goes_between_threads::<sys::Processes>();
    goes_between_threads::<sys::ProcessOutput>();
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
