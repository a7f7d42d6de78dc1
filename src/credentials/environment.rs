use super::{Credentials, CredentialsError, ProvideCredentials};
use crate::sys::Environment;

/// Provides credentials from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and
/// `AWS_ACCOUNT_ID`, which are read at each call.
///
/// A blank variable counts as not set. `AWS_SECURITY_TOKEN`, the older name that the Python SDK still reads, is used if
/// `AWS_SESSION_TOKEN` is not set. An access key without a secret is an error, as is a value in quotes, and no other
/// source is tried.
///
/// ```
/// use sagemaker_async_inference::sys::Environment;
/// use sagemaker_async_inference::credentials::{EnvironmentProvider, ProvideCredentials};
///
/// let provider = EnvironmentProvider::new(Environment::from_pairs([
///     ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
///     ("AWS_SECRET_ACCESS_KEY", "secret"),
/// ]));
/// assert_eq!(provider.provide_credentials()?.access_key_id(), "AKIDEXAMPLE");
/// # Ok::<(), sagemaker_async_inference::CredentialsError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct EnvironmentProvider {
    environment: Environment,
}

const NAME: &str = "environment";

impl EnvironmentProvider {
    /// Reads from `environment`; [`Environment::process`] is the program's own.
    pub fn new(environment: Environment) -> Self {
        Self { environment }
    }
}

impl ProvideCredentials for EnvironmentProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let get = |name| match self.environment.get_non_blank(name) {
            Some(value) if is_in_quotes(&value) => Err(CredentialsError::failed(
                NAME,
                format!("{name} {IN_QUOTES}, also in a file for docker run --env-file"),
            )),
            value => Ok(value),
        };
        let Some(access_key) = get("AWS_ACCESS_KEY_ID")? else {
            return Err(CredentialsError::not_configured(
                NAME,
                "AWS_ACCESS_KEY_ID is not set; set it together with AWS_SECRET_ACCESS_KEY",
            ));
        };
        let Some(secret_key) = get("AWS_SECRET_ACCESS_KEY")? else {
            return Err(CredentialsError::failed(
                NAME,
                "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not; set both",
            ));
        };
        let mut builder = Credentials::builder()
            .access_key_id(access_key)
            .secret_access_key(secret_key)
            .provider_name("Environment");
        let token = match get("AWS_SESSION_TOKEN")? {
            Some(token) => Some(token),
            None => get("AWS_SECURITY_TOKEN")?,
        };
        builder.set_session_token(token);
        builder.set_account_id(get("AWS_ACCOUNT_ID")?.map(Into::into));
        Ok(builder.build())
    }
}

/// The problem of such a value, and its remedy.
pub(super) const IN_QUOTES: &str = "is in quotes, which would be part of it; remove them";

/// No key or token has quotes, which what writes a file or the environment may have left there.
pub(super) fn is_in_quotes(value: &str) -> bool {
    ['"', '\'']
        .iter()
        .any(|quote| value.len() > 1 && value.starts_with(*quote) && value.ends_with(*quote))
}
