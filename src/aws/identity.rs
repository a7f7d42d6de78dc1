//! Who sends a request: credentials, and what provides them.

use std::fmt;
use std::sync::Arc;

pub use aws_credential_types::Credentials;

use crate::error::CredentialsError;

/// A source of AWS credentials. [`Credentials`] are one, and so are `Arc`, `Box` and `&'static` of
/// another one; functions are taken wherever a provider is
/// ([`IntoProvider`](crate::credentials::IntoProvider)).
///
/// A session caches what it returns until shortly before the expiry that the credentials state, so that an
/// implementation fetches at each call and blocks meanwhile. One that caches by itself is given to
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

macro_rules! provide_through {
    ($($pointer:ty),*) => {$(
        impl<T: ProvideCredentials + ?Sized> ProvideCredentials for $pointer {
            fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
                (**self).provide_credentials()
            }

            fn invalidate(&self, refused: &Credentials) {
                (**self).invalidate(refused);
            }
        }
    )*};
}

provide_through!(Arc<T>, Box<T>, &'static T);
