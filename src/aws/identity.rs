//! Who sends a request: credentials, and what provides them.

use std::fmt;

pub use aws_credential_types::Credentials;

use crate::error::CredentialsError;

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
