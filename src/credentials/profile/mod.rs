//! Credentials from a profile.

mod plan;
mod sso_settings;

use super::config::misconfigured;
use super::login::LoginCache;
use super::sso::{self, SsoTokenCache};
use super::{
    ContainerProvider, Credentials, CredentialsError, EnvironmentProvider,
    InstanceMetadataProvider, ProvideCredentials, ProviderConfig, process,
};
use crate::aws::config::{Choice, ProfileFiles};
use crate::error::ConfigError;
use plan::{Base, NamedSource, Plan};

/// Provides the credentials of a profile in the shared config and credentials files: keys, a role, a web
/// identity, IAM Identity Center, a process, a login. Each call reads the files and calls the services; wrap it
/// in [`CachedCredentials`](crate::credentials::CachedCredentials).
///
/// Files: `~/.aws/config` and `~/.aws/credentials`, or those that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`
/// name; if a property is in both, that of the credentials file counts. Profile: the [`ProviderConfig`]'s or
/// [`with_profile`](Self::with_profile), `AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, `default`. Source: "Settings reference"
/// of the AWS SDKs and Tools Reference Guide, and the SDKs' published test cases. The first of these settings counts:
///
/// | setting | credentials |
/// |---|---|
/// | `role_arn` with `source_profile` | of the role, assumed by those of the other profile, which may do the same; a profile that names itself assumes by its own |
/// | `role_arn` with `credential_source` | of the role, assumed by those of `Environment`, `Ec2InstanceMetadata` or `EcsContainer` |
/// | `role_arn` with `web_identity_token_file` | of the role, for the file's token |
/// | `sso_session` or `sso_start_url` and `sso_region`, with `sso_account_id` and `sso_role_name` | those of [`SsoProvider`](crate::credentials::SsoProvider) |
/// | `credential_process` | those of [`ProcessProvider`](crate::credentials::ProcessProvider) |
/// | `aws_access_key_id`, `aws_secret_access_key`, `aws_session_token`, `aws_account_id` | these keys |
/// | `login_session` | of the login that `aws login` left in `~/.aws/login/cache` (or `AWS_LOGIN_CACHE_DIRECTORY`), refreshed from 5 minutes before their end on and written back |
///
/// With a role: `role_session_name` (default: this crate's name and the time), `external_id`, `duration_seconds` (900
/// to 43200), `mfa_serial`, whose code [`ProviderConfig::with_mfa`] provides. If a `source_profile` has keys, these
/// are used, and its other settings are ignored.
///
/// The source is not configured if the profile has no credentials, or if no profile was named and `default` does not
/// exist. These are errors, which stop a chain:
/// - the named profile, or one that it refers to, does not exist;
/// - a file cannot be read or is malformed;
/// - settings are incomplete, contradict each other or form a circle;
/// - the configured method does not work.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Files, Sys};
/// use sagemaker_async_inference::credentials::{ProfileProvider, ProvideCredentials};
///
/// let sys = Sys::real()
///     .with_environment(Environment::from_pairs([("HOME", "/home/me")]))
///     .with_files(Files::from_pairs([(
///         "/home/me/.aws/credentials",
///         "[team-a]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n",
///     )]));
///
/// let provider = ProfileProvider::new(sys).with_profile("team-a");
/// assert_eq!(provider.provide_credentials()?.access_key_id(), "AKIDEXAMPLE");
/// # Ok::<(), sagemaker_async_inference::CredentialsError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ProfileProvider {
    config: ProviderConfig,
    sso_tokens: SsoTokenCache,
    logins: LoginCache,
}

const NAME: &str = "profile";

impl ProfileProvider {
    /// Reads the files that the environment of the configuration names.
    pub fn new(config: impl Into<ProviderConfig>) -> Self {
        Self {
            config: config.into(),
            sso_tokens: SsoTokenCache::default(),
            logins: LoginCache::default(),
        }
    }

    /// Sets the profile, which takes precedence over `AWS_PROFILE`.
    pub fn with_profile(mut self, name: impl Into<String>) -> Self {
        self.config = self.config.with_profile(name);
        self
    }

    fn base(&self, base: Base) -> Result<Credentials, CredentialsError> {
        let config = &self.config;
        let sys = config.sys();
        match base {
            Base::Keys(credentials) => Ok(credentials),
            Base::WebIdentity(identity) => identity.assume(config, NAME),
            Base::Sso(login, role) => sso::fetch(config, &login, &role, &self.sso_tokens, NAME),
            Base::Login(login) => self.logins.credentials(config, &login, NAME),
            Base::Process { command, account } => {
                process::of_profile(sys, &command, account.as_deref(), NAME)
            }
            Base::Source(source) => {
                let credentials = match source {
                    NamedSource::Environment => {
                        EnvironmentProvider::new(sys.environment().clone()).provide_credentials()
                    }
                    NamedSource::Ec2InstanceMetadata => {
                        InstanceMetadataProvider::new(config.clone()).provide_credentials()
                    }
                    NamedSource::EcsContainer => ContainerProvider::new(sys).provide_credentials(),
                };
                // The profile names it, so it counts as configured.
                credentials.map_err(|error| CredentialsError {
                    source: error.source,
                    ..broken(format!(
                        "the credential_source {source:?} has no credentials: {}: {}",
                        error.provider, error.message
                    ))
                })
            }
        }
    }
}

impl ProvideCredentials for ProfileProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let broken = |error: ConfigError| misconfigured(NAME, &error);
        let choice = Choice::of(self.config.profile(), self.config.sys());
        let files = ProfileFiles::load(self.config.sys()).map_err(broken)?;
        let Some(profile) = files.chosen(&choice).map_err(broken)? else {
            return Err(match files.lost_default() {
                Some(lost) => broken(lost),
                None => CredentialsError::not_configured(
                    NAME,
                    format!("{choice} is not in the files {}", files.searched()),
                ),
            });
        };
        let plan = Plan::of(choice.name(), profile, &files)?;
        let mut credentials = self.base(plan.base)?;
        for role in &plan.roles {
            credentials = role.assume(&self.config, &credentials, NAME)?;
        }
        Ok(credentials)
    }
}

fn broken(message: String) -> CredentialsError {
    CredentialsError::failed(NAME, message)
}
