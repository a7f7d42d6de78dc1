use super::config::{failed, misconfigured};
use super::role::{check_arn, check_session_name, session_name};
use super::{Credentials, CredentialsError, ProvideCredentials, ProviderConfig};
use crate::aws::sts::{self, AssumeRoleWithWebIdentity};
use crate::error::ConfigError;

/// Provides the credentials of a role for a token of another identity provider (`AssumeRoleWithWebIdentity`), as
/// in EKS pods with IAM roles for service accounts. Each call sends a request to STS; wrap it in
/// [`CachedCredentials`](crate::credentials::CachedCredentials).
///
/// From the environment: `AWS_WEB_IDENTITY_TOKEN_FILE`, the file with the token, read for each request, since it
/// is rotated; `AWS_ROLE_ARN`; `AWS_ROLE_SESSION_NAME`, else a name with the time. Without the first, the source
/// is not configured; with it and without the second, it fails. A profile's `web_identity_token_file` and
/// `role_arn` are [`ProfileProvider`](crate::credentials::ProfileProvider)'s.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Sys};
/// use sagemaker_async_inference::credentials::{ProvideCredentials, WebIdentityProvider};
///
/// let sys = Sys::real().with_environment(Environment::from_pairs([(
///     "AWS_WEB_IDENTITY_TOKEN_FILE",
///     "/var/run/secrets/token",
/// )]));
/// let error = WebIdentityProvider::new(&sys).provide_credentials().unwrap_err();
/// assert!(error.to_string().contains("AWS_ROLE_ARN"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct WebIdentityProvider {
    config: ProviderConfig,
}

const NAME: &str = "web identity";

const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE_ARN: &str = "AWS_ROLE_ARN";
const SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";

impl WebIdentityProvider {
    /// Reads environment and files of the configuration.
    pub fn new(config: impl Into<ProviderConfig>) -> Self {
        Self {
            config: config.into(),
        }
    }
}

impl ProvideCredentials for WebIdentityProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let get = |name| self.config.sys().environment().get_non_blank(name);
        let Some(token_file) = get(TOKEN_FILE) else {
            return Err(CredentialsError::not_configured(
                NAME,
                format!("{TOKEN_FILE} is not set"),
            ));
        };
        let Some(role_arn) = get(ROLE_ARN) else {
            return Err(CredentialsError::failed(
                NAME,
                format!("{TOKEN_FILE} is set and {ROLE_ARN} is not; set both"),
            ));
        };
        let identity = WebIdentity {
            token_file,
            role_arn,
            session_name: get(SESSION_NAME),
        };
        identity.assume(&self.config, NAME)
    }
}

/// A role, and where the token for it is.
#[derive(Debug, Clone)]
pub(super) struct WebIdentity {
    pub(super) token_file: String,
    pub(super) role_arn: String,
    pub(super) session_name: Option<String>,
}

impl WebIdentity {
    pub(super) fn assume(
        &self,
        config: &ProviderConfig,
        provider: &'static str,
    ) -> Result<Credentials, CredentialsError> {
        let about = format!("cannot assume the role {}", self.role_arn);
        let failed = |error: crate::Error| failed(provider, &about, error);
        check_arn(&self.role_arn).map_err(|error| failed(error.into()))?;
        if let Some(name) = &self.session_name {
            check_session_name(name).map_err(|error| failed(error.into()))?;
        }
        let token = self.token(config, provider)?;
        let region = config.region().map_err(failed)?;
        let services = config.services().map_err(failed)?;
        let request = AssumeRoleWithWebIdentity {
            role_arn: &self.role_arn,
            session_name: &session_name(self.session_name.as_deref(), config.sys()),
            token: &token,
        };
        sts::assume_role_with_web_identity(services.in_region(&region), &request).map_err(failed)
    }

    fn token(
        &self,
        config: &ProviderConfig,
        provider: &'static str,
    ) -> Result<zeroize::Zeroizing<String>, CredentialsError> {
        let path = &self.token_file;
        let problem = |problem: &str| {
            let error = ConfigError::new(
                format!("the web identity token file {path}"),
                problem,
                "check its path, and what writes it",
            );
            misconfigured(provider, &error)
        };
        let content = config.sys().files().read(path).map_err(|error| {
            // As in other AWS tools; a shell expands it, and a profile does not.
            let problem = problem(if path.starts_with('~') {
                "cannot be read: write the whole path, because ~ is not expanded here"
            } else {
                "cannot be read"
            });
            problem.with_source(error)
        })?;
        let token = String::from_utf8(content).map_err(|_| problem("is not UTF-8 text"))?;
        let token = zeroize::Zeroizing::new(token);
        // The model's limits of `WebIdentityToken`.
        match token.trim().len() {
            0..4 => Err(problem("is empty")),
            4..=20_000 => Ok(token.trim().to_owned().into()),
            _ => Err(problem("is longer than 20000 bytes")),
        }
    }
}
