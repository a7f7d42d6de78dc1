use std::fmt;
use std::sync::Arc;

use super::{Credentials, CredentialsError, ProvideCredentials};

/// Accepts a [`ProvideCredentials`] or a function that returns credentials. The type parameter only distinguishes the
/// two; let the compiler infer it.
///
/// ```
/// use std::sync::Arc;
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
///
/// let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "example");
/// let shared: Arc<dyn ProvideCredentials> = Arc::new(keys.clone());
/// let builders = [
///     Session::builder().credentials(keys.clone()),
///     Session::builder().credentials(shared),
///     Session::builder().credentials(move || Ok(keys.clone())),
/// ];
/// # let _ = builders;
/// ```
pub trait IntoProvider<Kind> {
    /// Returns the provider.
    fn into_provider(self) -> Arc<dyn ProvideCredentials>;
}

impl<P: ProvideCredentials> IntoProvider<()> for P {
    fn into_provider(self) -> Arc<dyn ProvideCredentials> {
        Arc::new(self)
    }
}

type Outcome = Result<Credentials, CredentialsError>;

impl<F: Fn() -> Outcome + Send + Sync + 'static> IntoProvider<fn() -> Outcome> for F {
    fn into_provider(self) -> Arc<dyn ProvideCredentials> {
        Arc::new(Function(self))
    }
}

struct Function<F>(F);

impl<F: Fn() -> Outcome + Send + Sync + 'static> ProvideCredentials for Function<F> {
    fn provide_credentials(&self) -> Outcome {
        self.0()
    }
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}
