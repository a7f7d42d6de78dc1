//! Settings that are missing or malformed.

use std::sync::Arc;

use crate::handle::InferenceHandle;

/// A setting that a [`Session`](crate::Session) needs is missing or malformed.
///
/// ```
/// use sagemaker_async_inference::{Session, sys::{Environment, Sys}};
///
/// let nothing_set = Sys::real()
///     .with_environment(Environment::from_pairs([("AWS_EC2_METADATA_DISABLED", "true")]));
/// let error = Session::builder().sys(nothing_set).build().unwrap_err();
/// assert!(error.to_string().contains("AWS_REGION"));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{setting}: {problem}; {remedy}")]
pub struct ConfigError {
    setting: String,
    problem: String,
    remedy: String,
    pub(crate) handle: Option<Arc<InferenceHandle>>,
}

impl ConfigError {
    /// A setting by the name under which the user gives it, what is wrong with it, and what to do.
    pub fn new(
        setting: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            setting: setting.into(),
            problem: problem.into(),
            remedy: remedy.into(),
            handle: None,
        }
    }

    /// The setting, by the name under which the user gave it.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// What to do.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}
