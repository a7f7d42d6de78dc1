//! Blocking, sync-only client for Amazon `SageMaker` Asynchronous Inference.

#[cfg(feature = "local")]
#[cfg_attr(docsrs, doc(cfg(feature = "local")))]
pub mod local;
pub mod sys;
