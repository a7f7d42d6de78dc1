use std::sync::Arc;

use super::{
    ContainerProvider, Credentials, CredentialsError, EnvironmentProvider, ProfileProvider,
    ProvideCredentials,
};
use crate::sys::Sys;

/// Sources of credentials asked one after another; what a [`Session`](crate::Session) uses unless
/// it is given credentials.
///
/// Order: the environment ([`EnvironmentProvider`]), then the profile ([`ProfileProvider`]), then the
/// container's ([`ContainerProvider`]), as in the other AWS SDKs. Where a
/// profile was named in code ([`DefaultChain::with_profile`]) it is asked first, as in the Python
/// SDK: who names a profile does not mean the keys that happen to be in the environment.
/// `AWS_PROFILE` alone changes which profile is read and not the order.
///
/// A source that is not configured passes on to the next. One that is configured and broken stops
/// the chain, so that no program runs under another identity than the one its user meant. The error
/// says of every source that was asked why it did not serve; it is itself "not configured" only if
/// all were.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Files, Sys};
/// use sagemaker_async_inference::{DefaultChain, ProvideCredentials};
///
/// let nothing = Sys::real()
///     .with_environment(Environment::from_pairs([("HOME", "/home/me")]))
///     .with_files(Files::none());
/// let error = DefaultChain::new(&nothing).provide_credentials().unwrap_err();
/// assert!(error.is_not_configured());
/// assert!(error.to_string().contains("environment: AWS_ACCESS_KEY_ID is not set"));
/// assert!(error.to_string().contains("/home/me/.aws/credentials (not found)"));
/// ```
#[derive(Debug, Clone)]
pub struct DefaultChain {
    sources: Vec<Arc<dyn ProvideCredentials>>,
}

const NAME: &str = "the default chain";

impl DefaultChain {
    /// The environment, then the profile, then the container's.
    pub fn new(sys: &Sys) -> Self {
        Self {
            sources: vec![
                Arc::new(EnvironmentProvider::new(sys.environment().clone())),
                Arc::new(ProfileProvider::new(sys.clone())),
                Arc::new(ContainerProvider::new(sys)),
            ],
        }
    }

    /// The profile of this name, then the environment, then the container's.
    pub fn with_profile(sys: &Sys, name: impl Into<String>) -> Self {
        Self {
            sources: vec![
                Arc::new(ProfileProvider::new(sys.clone()).with_profile(name)),
                Arc::new(EnvironmentProvider::new(sys.environment().clone())),
                Arc::new(ContainerProvider::new(sys)),
            ],
        }
    }

    /// With one more source at the end.
    pub fn then(mut self, source: impl ProvideCredentials) -> Self {
        self.sources.push(Arc::new(source));
        self
    }
}

impl ProvideCredentials for DefaultChain {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut reasons = Vec::new();
        for source in &self.sources {
            let error = match source.provide_credentials() {
                Ok(credentials) => return Ok(credentials),
                Err(error) => error,
            };
            reasons.push(format!("{}: {}", error.provider, error.message));
            if !error.not_configured {
                return Err(CredentialsError {
                    source: error.source,
                    ..CredentialsError::broken(NAME, reasons.join(" | "))
                });
            }
        }
        Err(CredentialsError::not_configured(NAME, reasons.join(" | ")))
    }

    fn invalidate(&self, refused: &Credentials) {
        for source in &self.sources {
            source.invalidate(refused);
        }
    }
}
