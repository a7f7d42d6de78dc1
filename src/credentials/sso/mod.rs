//! Credentials from IAM Identity Center.

mod token;

use super::config::failed;
use super::{Credentials, CredentialsError, ProvideCredentials, ProviderConfig};
use crate::aws::sso;
use token::TokenCache;

/// Provides the credentials of a role from IAM Identity Center (formerly AWS SSO), for the token of `aws sso
/// login`. Each call sends a request; wrap it in [`CachedCredentials`](crate::credentials::CachedCredentials).
/// Profiles with `sso_` settings are read by [`ProfileProvider`](crate::credentials::ProfileProvider).
///
/// The token is read from `~/.aws/sso/cache`, the file whose name is the SHA-1 of the session's name, or of the
/// start URL if there is no session. A session's token is refreshed (`CreateToken` of the OIDC service) 5 minutes
/// before it expires, if the cache has a refresh token; the new one is written back for other tools, if possible.
/// A refresh that fails is retried after 30 s, and the old token is used while it is valid. A token of a start
/// URL is not refreshed.
///
/// Every failure is that of a configured source, and names the login command to run. No error contains a token.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Files, Sys};
/// use sagemaker_async_inference::credentials::{ProvideCredentials, SsoProvider};
///
/// let sys = Sys::real()
///     .with_environment(Environment::from_pairs([("HOME", "/home/me")]))
///     .with_files(Files::none());
/// let provider = SsoProvider::for_session(
///     &sys,
///     "my-sso",
///     "eu-west-1",
///     "https://example.awsapps.com/start",
///     "123456789012",
///     "Invoker",
/// );
/// let error = provider.provide_credentials().unwrap_err();
/// assert!(error.to_string().contains("aws sso login --sso-session my-sso"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SsoProvider {
    config: ProviderConfig,
    login: Login,
    role: SsoRole,
    cache: TokenCache,
}

const NAME: &str = "SSO";

/// Where the user logs in, and which token belongs to the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// The profile whose settings these are; none if code gave them.
    pub(super) profile: Option<String>,
    /// The name of the `sso-session` section; none in the older form of the settings.
    pub(super) session: Option<String>,
    pub(super) region: String,
    pub(super) start_url: String,
}

/// What the token is exchanged for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SsoRole {
    pub(super) account: String,
    pub(super) name: String,
}

impl SsoProvider {
    /// Uses the token of the `sso-session` of this name, with these values of its `sso_region` and
    /// `sso_start_url`.
    pub fn for_session(
        config: impl Into<ProviderConfig>,
        session: impl Into<String>,
        region: impl Into<String>,
        start_url: impl Into<String>,
        account: impl Into<String>,
        role: impl Into<String>,
    ) -> Self {
        let provider = Self::for_start_url(config, region, start_url, account, role);
        Self {
            login: Login {
                session: Some(session.into()),
                ..provider.login
            },
            ..provider
        }
    }

    /// Uses the token of a start URL, as in profiles without `sso_session`.
    pub fn for_start_url(
        config: impl Into<ProviderConfig>,
        region: impl Into<String>,
        start_url: impl Into<String>,
        account: impl Into<String>,
        role: impl Into<String>,
    ) -> Self {
        Self {
            config: config.into(),
            login: Login {
                profile: None,
                session: None,
                region: region.into(),
                start_url: start_url.into(),
            },
            role: SsoRole {
                account: account.into(),
                name: role.into(),
            },
            cache: TokenCache::default(),
        }
    }
}

impl ProvideCredentials for SsoProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        fetch(&self.config, &self.login, &self.role, &self.cache, NAME)
    }
}

/// The source that a profile's `sso_` settings configure. `cache` outlives the call, so that a token whose file
/// cannot be written is not refreshed each time.
pub(super) fn fetch(
    config: &ProviderConfig,
    login: &Login,
    role: &SsoRole,
    cache: &TokenCache,
    provider: &'static str,
) -> Result<Credentials, CredentialsError> {
    let token = cache.token(config, login, provider)?;
    let services = config
        .services()
        .map_err(|error| failed(provider, "cannot call IAM Identity Center", error))?;
    let caller = services.in_region(&login.region);
    sso::get_role_credentials(caller, &role.account, &role.name, token.access_token()).map_err(
        |error| {
            let remedy = match refused_with(&error) {
                // Also the response to a token of another region.
                Some(401) => format!(
                    "{}; if that does not help, check sso_region {:?}",
                    login.remedy(config),
                    login.region
                ),
                Some(_) => "check sso_account_id, sso_role_name and who is assigned to it".into(),
                None => login.remedy_of_no_response(),
            };
            failed(
                provider,
                format!("no credentials from IAM Identity Center; {remedy}"),
                error,
            )
        },
    )
}

pub(super) use token::TokenCache as SsoTokenCache;

/// The status of a response that says that the request itself is not accepted, so that the settings or the token are
/// the cause.
fn refused_with(error: &crate::Error) -> Option<u16> {
    match error {
        crate::Error::Service(fault) => Some(fault.status())
            .filter(|status| (400..500).contains(status) && !matches!(status, 408 | 429)),
        _ => None,
    }
}

impl Login {
    /// What may be wrong if the service was not reached or did not work.
    fn remedy_of_no_response(&self) -> String {
        format!(
            "check sso_region {:?} and the network, or try again later",
            self.region
        )
    }

    /// The command to run.
    fn remedy(&self, config: &ProviderConfig) -> String {
        let profile = self.profile.as_deref().or(config.profile());
        match (&self.session, profile) {
            (Some(session), _) => format!("run aws sso login --sso-session {session}"),
            (None, Some(profile)) => format!("run aws sso login --profile {profile}"),
            (None, None) => "run aws sso login".to_owned(),
        }
    }
}
