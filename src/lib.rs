//! Blocking, sync-only client for Amazon `SageMaker` Asynchronous Inference.

mod invalid_input;
pub use invalid_input::InvalidInput;

#[cfg(feature = "local")]
#[cfg_attr(docsrs, doc(cfg(feature = "local")))]
pub mod local;
pub mod sys;

mod uri;
pub use uri::S3Uri;
