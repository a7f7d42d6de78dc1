use std::sync::Arc;

use super::{
    ContainerProvider, Credentials, CredentialsError, EnvironmentProvider,
    InstanceMetadataProvider, IntoProvider, ProfileProvider, ProvideCredentials, ProviderConfig,
    WebIdentityProvider,
};

/// Tries several sources of credentials in order. A [`Session`](crate::Session) uses it unless it is given
/// credentials.
///
/// Order, as in the other AWS SDKs:
/// 1. the environment ([`EnvironmentProvider`]),
/// 2. the profile ([`ProfileProvider`]): keys, roles, web identity, IAM Identity Center, process,
/// 3. web identity from the environment ([`WebIdentityProvider`]),
/// 4. the container's ([`ContainerProvider`]: ECS, EKS pod identity),
/// 5. the instance's ([`InstanceMetadataProvider`]: EC2).
///
/// If code names a profile ([`ProviderConfig::with_profile`]), the profile comes first, as in the Python SDK.
/// `AWS_PROFILE` alone changes which profile is read, not the order.
///
/// If a source is not configured, the next one is tried. If a source is configured and fails, the chain stops, so that
/// no program runs under another identity than its user intended. The error has the reason of every source that was
/// tried; it is itself "not configured" only if all were.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Files, Sys};
/// use sagemaker_async_inference::credentials::{ChainSlot, DefaultChain, ProvideCredentials};
///
/// let nothing = Sys::real()
///     .with_environment(Environment::from_pairs([("HOME", "/home/me")]))
///     .with_files(Files::none());
/// let chain = DefaultChain::new(&nothing).without(ChainSlot::InstanceMetadata);
/// let error = chain.provide_credentials().unwrap_err();
/// assert!(error.is_not_configured());
/// assert!(error.to_string().contains("environment: AWS_ACCESS_KEY_ID is not set"));
/// assert!(error.to_string().contains("/home/me/.aws/credentials (not found)"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct DefaultChain {
    sources: Vec<(Option<ChainSlot>, Arc<dyn ProvideCredentials>)>,
}

/// A position in the [`DefaultChain`], to replace or remove its source.
///
/// ```
/// use sagemaker_async_inference::sys::Sys;
/// use sagemaker_async_inference::credentials::{ChainSlot, Credentials, DefaultChain};
///
/// let chain = DefaultChain::new(&Sys::real())
///     .with(ChainSlot::Profile, Credentials::new("AKIDEXAMPLE", "secret", None, None, "example"))
///     .without(ChainSlot::InstanceMetadata);
/// # let _ = chain;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainSlot {
    /// [`EnvironmentProvider`].
    Environment,
    /// [`ProfileProvider`].
    Profile,
    /// [`WebIdentityProvider`].
    WebIdentity,
    /// [`ContainerProvider`].
    Container,
    /// [`InstanceMetadataProvider`].
    InstanceMetadata,
}

crate::words::words!(ChainSlot, "credential source", {
    Environment => "environment",
    Profile => "profile",
    WebIdentity => "web-identity",
    Container => "container",
    InstanceMetadata => "instance-metadata",
});

const NAME: &str = "the default chain";

impl DefaultChain {
    /// Creates the chain with all sources, from one configuration.
    pub fn new(config: impl Into<ProviderConfig>) -> Self {
        let config = config.into();
        let sys = config.sys();
        let environment: Arc<dyn ProvideCredentials> =
            Arc::new(EnvironmentProvider::new(sys.environment().clone()));
        let mut sources = vec![
            (Some(ChainSlot::Environment), environment),
            (
                Some(ChainSlot::Profile),
                Arc::new(ProfileProvider::new(config.clone())),
            ),
            (
                Some(ChainSlot::WebIdentity),
                Arc::new(WebIdentityProvider::new(config.clone())),
            ),
            (
                Some(ChainSlot::Container),
                Arc::new(ContainerProvider::new(sys)),
            ),
            (
                Some(ChainSlot::InstanceMetadata),
                Arc::new(InstanceMetadataProvider::new(config.clone())),
            ),
        ];
        if config.profile().is_some() {
            sources.swap(0, 1);
        }
        Self { sources }
    }

    /// Replaces the source of a slot. No effect on a slot that was removed.
    pub fn with<Kind>(mut self, slot: ChainSlot, source: impl IntoProvider<Kind>) -> Self {
        if let Some((_, found)) = self.sources.iter_mut().find(|(of, _)| *of == Some(slot)) {
            *found = source.into_provider();
        }
        self
    }

    /// Removes a slot.
    pub fn without(mut self, slot: ChainSlot) -> Self {
        self.sources.retain(|(of, _)| *of != Some(slot));
        self
    }

    /// Appends a source at the end.
    pub fn then<Kind>(mut self, source: impl IntoProvider<Kind>) -> Self {
        self.sources.push((None, source.into_provider()));
        self
    }
}

/// What the sources of a [`DefaultChain`] returned, one by one.
///
/// ```no_run
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::credentials::DefaultChain;
///
/// let session = Session::from_env()?;
/// let report = DefaultChain::new(session.provider_config()).report();
/// for (slot, error) in &report.tried {
///     eprintln!("{slot:?}: {error}");
/// }
/// println!("from {:?}", report.slot);
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct ChainReport {
    /// What the chain returns.
    pub outcome: Result<Credentials, CredentialsError>,
    /// The slot whose source returned credentials; `None` if none did, or one added by [`DefaultChain::then`].
    pub slot: Option<ChainSlot>,
    /// The sources that were tried and returned no credentials, in order, with their errors.
    pub tried: Vec<(Option<ChainSlot>, CredentialsError)>,
}

impl DefaultChain {
    /// Tries the sources like [`provide_credentials`](ProvideCredentials::provide_credentials), and reports the result
    /// of each.
    ///
    /// ```
    /// use sagemaker_async_inference::sys::{Environment, Sys};
    /// use sagemaker_async_inference::credentials::{ChainSlot, DefaultChain};
    ///
    /// let sys = Sys::real().with_environment(Environment::from_pairs([
    ///     ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ///     ("AWS_SECRET_ACCESS_KEY", "secret"),
    /// ]));
    /// let report = DefaultChain::new(&sys).report();
    /// assert_eq!(report.slot, Some(ChainSlot::Environment));
    /// assert!(report.tried.is_empty());
    /// ```
    pub fn report(&self) -> ChainReport {
        let mut tried = Vec::new();
        for (slot, source) in &self.sources {
            match source.provide_credentials() {
                Ok(credentials) => {
                    return ChainReport {
                        outcome: Ok(credentials),
                        slot: *slot,
                        tried,
                    };
                }
                Err(error) => {
                    let is_final = !error.not_configured;
                    tried.push((*slot, error));
                    if is_final {
                        break;
                    }
                }
            }
        }
        ChainReport {
            outcome: Err(of_all(&tried)),
            slot: None,
            tried,
        }
    }
}

/// The chain's error, with the reason of each source.
fn of_all(tried: &[(Option<ChainSlot>, CredentialsError)]) -> CredentialsError {
    let reasons = tried.iter();
    let reasons = reasons.map(|(_, error)| format!("{}: {}", error.provider, error.message));
    let reasons = reasons.collect::<Vec<_>>().join(" | ");
    match tried.last() {
        Some((_, last)) if !last.not_configured => CredentialsError {
            source: last.source.clone(),
            cause: last.cause.clone(),
            ..CredentialsError::failed(NAME, reasons)
        },
        _ => CredentialsError::not_configured(NAME, reasons),
    }
}

impl ProvideCredentials for DefaultChain {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        self.report().outcome
    }

    fn invalidate(&self, refused: &Credentials) {
        for (_, source) in &self.sources {
            source.invalidate(refused);
        }
    }
}
