//! Credentials and their providers.

use std::fmt;
use std::sync::Arc;

pub use aws_credential_types::Credentials;

use crate::error::CredentialsError;

/// A source of AWS credentials. Implemented for [`Credentials`] and for `Arc`, `Box` and `&'static` of another
/// provider. Methods that take a provider also take a function
/// ([`IntoProvider`](crate::credentials::IntoProvider)).
///
/// A session caches the credentials until shortly before their expiry, so an implementation may fetch them at
/// each call, and may block. Pass one that caches by itself to
/// [`SessionBuilder::uncached_credentials`](crate::SessionBuilder::uncached_credentials).
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
    /// Returns credentials that are valid now.
    ///
    /// # Errors
    /// [`CredentialsError::not_configured`] where this source is not set up, so that a chain goes on to the
    /// next one; [`CredentialsError::failed`] where it is and returns no credentials, which ends a chain.
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError>;

    /// Returns valid credentials if they are available at once: without a request, a file or a process, and without
    /// waiting for another thread that uses one of these. Default: `None`.
    ///
    /// Providers that cache should implement it: a request that can be cancelled then needs no thread for
    /// [`provide_credentials`](Self::provide_credentials).
    fn cached_credentials(&self) -> Option<Credentials> {
        None
    }

    /// Called when a service rejected these credentials as expired. A cache that still holds them fetches new ones
    /// at the next call. If different credentials have been fetched since, keep those.
    fn invalidate(&self, _refused: &Credentials) {}
}

/// Static credentials.
impl ProvideCredentials for Credentials {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        Ok(self.clone())
    }

    fn cached_credentials(&self) -> Option<Credentials> {
        Some(self.clone())
    }
}

macro_rules! provide_through {
    ($($pointer:ty),*) => {$(
        impl<T: ProvideCredentials + ?Sized> ProvideCredentials for $pointer {
            fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
                (**self).provide_credentials()
            }

            fn cached_credentials(&self) -> Option<Credentials> {
                (**self).cached_credentials()
            }

            fn invalidate(&self, refused: &Credentials) {
                (**self).invalidate(refused);
            }
        }
    )*};
}

provide_through!(Arc<T>, Box<T>, &'static T);
