//! Where credentials come from.

mod cache;
mod chain;
mod config;
mod container;
mod document;
#[cfg(any(test, fuzzing))]
pub(crate) use document::check_document;
mod environment;
pub(crate) mod imds;
mod process;
mod profile;
mod role;
mod sso;
mod web_identity;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

pub use aws_credential_types::Credentials;
pub use cache::CachedCredentials;
pub use chain::{ChainSlot, DefaultChain};
pub use config::ProviderConfig;
pub(crate) use config::{AskMfa, OfSession};
pub use container::ContainerProvider;
pub use environment::EnvironmentProvider;
pub use imds::InstanceMetadataProvider;
pub use process::ProcessProvider;
pub use profile::ProfileProvider;
pub use role::AssumeRoleProvider;
pub use sso::SsoProvider;
pub use web_identity::WebIdentityProvider;

/// A source of AWS credentials, asked before every request that is signed.
///
/// An implementation should answer from memory while what it has is valid, and block while it
/// fetches anew.
///
/// ```
/// use sagemaker_async_inference::CredentialsError;
/// use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
///
/// #[derive(Debug)]
/// struct FromVault;
///
/// impl ProvideCredentials for FromVault {
///     fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
///         Err(CredentialsError::not_configured("vault", "no vault on this machine"))
///     }
/// }
/// ```
pub trait ProvideCredentials: fmt::Debug + Send + Sync + 'static {
    /// Credentials that are valid now.
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError>;

    /// A service refused these credentials as expired: whoever keeps them should fetch anew. Who
    /// keeps others by now, fetched for another request, keeps them.
    fn invalidate(&self, _refused: &Credentials) {}
}

/// Static credentials, which never change.
impl ProvideCredentials for Credentials {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        Ok(self.clone())
    }
}

/// Why a source gave no credentials.
///
/// A source that is *not configured* lets a chain go on to the next one; one that is configured
/// and broken stops it, for a program must not run under another identity than the one its user
/// meant.
///
/// ```
/// use sagemaker_async_inference::CredentialsError;
///
/// let error = CredentialsError::not_configured("environment", "AWS_ACCESS_KEY_ID is not set");
/// assert!(error.is_not_configured());
/// ```
#[derive(Debug, Clone)]
pub struct CredentialsError {
    provider: String,
    message: String,
    not_configured: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl CredentialsError {
    /// The source has nothing configured.
    pub fn not_configured(provider: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            message: message.into(),
            not_configured: true,
            source: None,
        }
    }

    /// The source is configured, and does not work.
    pub fn broken(provider: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            not_configured: false,
            ..Self::not_configured(provider, message)
        }
    }

    /// With the error underneath.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The source's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether the source has nothing configured, as against configured and broken.
    pub fn is_not_configured(&self) -> bool {
        self.not_configured
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no credentials from {}: {}", self.provider, self.message)
    }
}

impl StdError for CredentialsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
