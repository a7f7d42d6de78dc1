//! Blocking, sync-only client for Amazon `SageMaker` Asynchronous Inference.

mod codec;
pub use codec::{
    Bytes, CodecDirection, CodecError, Csv, Deserializer, Json, JsonLines, Serializer, Text,
};

mod inference_config;
pub use inference_config::{
    AsyncInferenceConfig, AsyncInferenceConfigBuilder, NotificationConfig,
    NotificationConfigBuilder, NotificationTopic,
};

mod invalid_input;
pub use invalid_input::InvalidInput;

#[cfg(feature = "local")]
#[cfg_attr(docsrs, doc(cfg(feature = "local")))]
pub mod local;
pub mod sys;

mod uri;
pub use uri::S3Uri;
