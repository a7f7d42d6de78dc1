//! Blocking, sync-only client for Amazon `SageMaker` Asynchronous Inference.

mod aws;
pub use aws::Service;
pub use aws::retry::RetryConfig;
pub use aws::transport::Timeouts;

mod codec;
pub use codec::{
    Accept, Bytes, CodecDirection, CodecError, Csv, Deserializer, Json, JsonLines, Serializer, Text,
};

mod credentials;
pub use credentials::{
    Credentials, CredentialsError, DefaultChain, EnvironmentProvider, ProfileProvider,
    ProvideCredentials,
};

mod error;
pub use error::{
    ConfigError, Error, MaybeSubmitted, ModelFailure, Observed, PollingTimeout, Result,
    ServiceError, TransportError, TransportErrorKind, WaitStopReason, WaitStopped,
};

mod inference_config;
pub use inference_config::{
    AsyncInferenceConfig, AsyncInferenceConfigBuilder, NotificationConfig,
    NotificationConfigBuilder, NotificationTopic,
};

mod invalid_input;
pub use invalid_input::InvalidInput;

mod limits;

#[cfg(feature = "local")]
#[cfg_attr(docsrs, doc(cfg(feature = "local")))]
pub mod local;

mod placement;

mod predictor;
pub use predictor::AsyncPredictor;

mod profile;

mod request;
pub use request::AsyncRequest;

mod response;
pub use response::AsyncInferenceResponse;

mod session;
pub use session::{Session, SessionBuilder};

pub mod sys;

mod uri;
pub use uri::S3Uri;

mod waiter;
pub use waiter::{AccessDenied, CancelToken, WaitProgress, WaiterConfig, WaiterConfigBuilder};
