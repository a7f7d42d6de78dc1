use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::{Error, with_remedy, write_uploaded};
use crate::handle::InferenceHandle;
use crate::uri::S3Uri;

/// Why a source returned no credentials.
///
/// After a source that is *not configured* a chain tries the next one. A source that is configured and fails stops
/// the chain, so that a program never runs under another identity than its user meant.
///
/// ```
/// use sagemaker_async_inference::CredentialsError;
///
/// let error = CredentialsError::not_configured("environment", "AWS_ACCESS_KEY_ID is not set");
/// assert!(error.is_not_configured());
/// ```
#[derive(Debug, Clone)]
pub struct CredentialsError {
    pub(crate) provider: String,
    pub(crate) message: String,
    pub(crate) not_configured: bool,
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
    /// The error of the request that the source made; the message has its words.
    pub(crate) cause: Option<Box<Error>>,
    pub(crate) handle: Option<Arc<InferenceHandle>>,
    /// The input that was uploaded for a submit that then failed.
    pub(crate) uploaded: Option<Box<S3Uri>>,
}

impl CredentialsError {
    /// The source is not configured.
    pub fn not_configured(provider: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            message: message.into(),
            not_configured: true,
            source: None,
            cause: None,
            handle: None,
            uploaded: None,
        }
    }

    /// The source is configured, but fetching credentials from it failed.
    pub fn failed(provider: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            not_configured: false,
            ..Self::not_configured(provider, message)
        }
    }

    /// Adds the cause, which [`source`](StdError::source) returns.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The source's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether the source is not configured; otherwise it is configured and failed.
    pub fn is_not_configured(&self) -> bool {
        self.not_configured
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no credentials from {}: {}", self.provider, self.message)?;
        let remedy = self.cause.as_ref().and_then(|cause| cause.remedy());
        // That of a value or setting is part of its error's text.
        let remedy = remedy.filter(|remedy| !self.message.contains(remedy.as_str()));
        with_remedy(f, remedy.as_deref())?;
        write_uploaded(f, self.uploaded.as_deref())
    }
}

impl StdError for CredentialsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
