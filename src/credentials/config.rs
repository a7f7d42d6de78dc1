use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use http::HeaderValue;
use zeroize::Zeroizing;

use super::{Credentials, CredentialsError, ProvideCredentials, settings};
use crate::aws::client::retry::{RetryConfig, RetryQuota};
use crate::aws::config::Settings;
use crate::aws::endpoints::Endpoints;
use crate::aws::http::{Network, Timeouts, Transport};
use crate::aws::{Caller, Client};
use crate::error::ConfigError;
use crate::sys::Sys;

/// What providers need in addition to their own settings: clock, environment, files and commands; the profile; region
/// and HTTP agent for requests to STS or IAM Identity Center; and the function that returns MFA codes.
///
/// What is not set comes from the same places as for a [`Session`](crate::Session): profile, region, endpoint
/// URLs, FIPS and dual-stack, attempts. A session passes its own configuration to its
/// [`DefaultChain`](crate::credentials::DefaultChain). A [`Sys`] converts into one, so that providers accept
/// either.
///
/// ```
/// use sagemaker_async_inference::sys::Sys;
/// use sagemaker_async_inference::credentials::{ProfileProvider, ProviderConfig};
///
/// let config = ProviderConfig::new(&Sys::real())
///     .with_profile("team-a")
///     .with_region("eu-west-1")
///     .with_mfa(|device| {
///         println!("Code of {device}:");
///         let mut code = String::new();
///         std::io::stdin().read_line(&mut code)?;
///         Ok(code)
///     });
/// let provider = ProfileProvider::new(config);
/// # let _ = provider;
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProviderConfig {
    sys: Sys,
    profile: Option<String>,
    region: Option<String>,
    agent: Option<ureq::Agent>,
    mfa: Option<Arc<AskMfa>>,
    session: Option<Arc<OfSession>>,
}

pub(crate) type AskMfa =
    dyn Fn(&str) -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync;

/// What a session has already created.
#[derive(Clone)]
pub(crate) struct OfSession {
    pub(crate) transport: Transport,
    pub(crate) endpoints: Endpoints,
    pub(crate) retry: RetryConfig,
    pub(crate) user_agent: HeaderValue,
}

impl OfSession {
    /// Returns what sends requests signed with these credentials.
    pub(crate) fn client(&self, credentials: Arc<dyn ProvideCredentials>, sys: &Sys) -> Client {
        Client {
            cancel: None,
            transport: self.transport.clone(),
            credentials,
            retry: self.retry,
            quota: Arc::new(RetryQuota::new()),
            sys: sys.clone(),
            user_agent: self.user_agent.clone(),
            clock_offset: Arc::new(AtomicI64::new(0)),
        }
    }
}

impl ProviderConfig {
    /// Creates a configuration from the environment and the files of `sys`.
    pub fn new(sys: &Sys) -> Self {
        Self {
            sys: sys.clone(),
            profile: None,
            region: None,
            agent: None,
            mfa: None,
            session: None,
        }
    }

    /// Sets the profile. Default: `AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, `default`.
    pub fn with_profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Sets the region whose STS is called. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`,
    /// the region of the machine that this runs on (EC2).
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets the HTTP agent for STS and IAM Identity Center. Metadata of instances and containers always has its
    /// own agent, without a proxy. Default: the session's.
    pub fn with_agent(mut self, agent: ureq::Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// Sets a function that returns the current MFA code. It is called with the profile's `mfa_serial` each time
    /// that a role with one is assumed, on the thread that needs the credentials. Default: none; such a role is
    /// an error.
    pub fn with_mfa(
        mut self,
        ask: impl Fn(&str) -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        self.mfa = Some(Arc::new(ask));
        self
    }

    pub(crate) fn with_mfa_of(mut self, ask: Option<Arc<AskMfa>>) -> Self {
        self.mfa = ask;
        self
    }

    pub(crate) fn of_session(mut self, session: OfSession) -> Self {
        self.session = Some(Arc::new(session));
        self
    }

    pub(super) fn sys(&self) -> &Sys {
        &self.sys
    }

    pub(super) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    pub(super) fn settings(&self) -> Settings<'_> {
        Settings::new(&self.sys, self.profile())
    }

    pub(super) fn region(&self) -> crate::Result<String> {
        settings::region(self.region.clone(), &self.settings())
    }

    /// The code of an MFA device, from the user.
    pub(super) fn mfa_code(&self, device: &str) -> Result<Zeroizing<String>, MfaProblem> {
        let ask = self.mfa.as_ref().ok_or(MfaProblem::NobodyToAsk)?;
        let text = Zeroizing::new(ask(device).map_err(MfaProblem::NotTold)?);
        let code = text.trim();
        if code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Zeroizing::new(code.to_owned()))
        } else {
            Err(MfaProblem::NotACode)
        }
    }

    /// The client for AWS's services: the session's, or one like it.
    pub(super) fn services(&self) -> crate::Result<Services> {
        let shared = match &self.session {
            Some(shared) => Arc::clone(shared),
            None => Arc::new(self.without_session()?),
        };
        Ok(Services {
            client: shared.client(Arc::new(Nobody), &self.sys),
            endpoints: shared.endpoints.clone(),
        })
    }

    fn without_session(&self) -> crate::Result<OfSession> {
        let settings = self.settings();
        let timeouts = Timeouts::default();
        Ok(OfSession {
            transport: match &self.agent {
                Some(agent) => Transport::with_agent(agent.clone(), timeouts),
                None => Transport::new(&Network::from_settings(None, &settings)?, timeouts),
            },
            endpoints: Endpoints::from_settings(&settings)?,
            retry: RetryConfig::from_settings(&settings)?,
            user_agent: settings::user_agent(settings::app_name(None, &settings)?.as_deref())?,
        })
    }
}

impl From<&Sys> for ProviderConfig {
    fn from(sys: &Sys) -> Self {
        Self::new(sys)
    }
}

impl From<Sys> for ProviderConfig {
    fn from(sys: Sys) -> Self {
        Self::new(&sys)
    }
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConfig")
            .field("profile", &self.profile)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Why there is no code.
pub(super) enum MfaProblem {
    NobodyToAsk,
    NotTold(Box<dyn StdError + Send + Sync>),
    NotACode,
}

/// Calls AWS's services for a source of credentials.
pub(super) struct Services {
    client: Client,
    endpoints: Endpoints,
}

impl Services {
    pub(super) fn in_region<'a>(&'a self, region: &'a str) -> Caller<'a> {
        Caller {
            client: &self.client,
            endpoints: &self.endpoints,
            region,
        }
    }
}

/// Sources of credentials pass their own to each request, or send none.
#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        Err(CredentialsError::not_configured(
            "a source of credentials",
            "it has none of its own",
        ))
    }
}

/// The error of a source whose call to a service failed. Its text contains that error's, so that the chain can
/// report it in one line.
pub(super) fn failed(
    provider: &'static str,
    about: impl fmt::Display,
    error: impl Into<crate::Error>,
) -> CredentialsError {
    let error = error.into();
    if let crate::Error::Credentials(error) = error {
        return *error;
    }
    let source = match &error {
        crate::Error::Transport(transport) => transport.source.clone(),
        _ => None,
    };
    CredentialsError {
        source,
        cause: Some(Box::new(error.clone())),
        ..CredentialsError::failed(provider, format!("{about}: {error}"))
    }
}

/// Like [`failed`], for a file or setting.
pub(super) fn misconfigured(provider: &'static str, error: &ConfigError) -> CredentialsError {
    CredentialsError::failed(provider, error.to_string())
}
