use super::{Credentials, CredentialsError, ProvideCredentials};
use crate::profile::{Choice, ProfileFiles, Section};
use crate::sys::Sys;

/// Credentials from a profile of the shared config and credentials files: `aws_access_key_id`,
/// `aws_secret_access_key`, `aws_session_token` and `aws_account_id`, read anew at each call.
///
/// Files: `~/.aws/config` and `~/.aws/credentials`, or those that `AWS_CONFIG_FILE` and
/// `AWS_SHARED_CREDENTIALS_FILE` name; of a property in both the credentials file's counts.
/// Profile: [`with_profile`](Self::with_profile), `AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, `default`.
/// Source: "Shared config and credentials files" in the AWS SDKs and Tools Reference Guide.
///
/// The source is not configured where the profile has no credentials, and where no profile was
/// asked for and `default` does not exist. It is broken, which stops a chain, where
/// - the profile that was asked for does not exist;
/// - a file cannot be read or is malformed;
/// - one of the two keys is missing;
/// - the profile takes its credentials in a way that this version does not read: a role (`role_arn`,
///   `credential_source`), a web identity (`web_identity_token_file`), `sso_session` and the other
///   `sso_` settings, `credential_process`. Keys beside them are not used, for they are not
///   certainly the identity that was meant.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Files, Sys};
/// use sagemaker_async_inference::{ProfileProvider, ProvideCredentials};
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
#[derive(Debug, Clone, Default)]
pub struct ProfileProvider {
    sys: Sys,
    profile: Option<String>,
}

const NAME: &str = "profile";

const ACCESS_KEY: &str = "aws_access_key_id";
const SECRET_KEY: &str = "aws_secret_access_key";
const SESSION_TOKEN: &str = "aws_session_token";
const ACCOUNT: &str = "aws_account_id";

/// What makes a profile's credentials come from elsewhere than its keys.
const ELSEWHERE: [&str; 9] = [
    "role_arn",
    "web_identity_token_file",
    "credential_source",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "sso_role_name",
    "sso_region",
    "credential_process",
];

impl ProfileProvider {
    /// Reads the files of `sys`, in the places that its environment names; [`Sys::real`] is the
    /// program's own.
    pub fn new(sys: Sys) -> Self {
        Self { sys, profile: None }
    }

    /// The profile's name, which goes before `AWS_PROFILE`.
    pub fn with_profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }
}

impl ProvideCredentials for ProfileProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let broken =
            |error: crate::error::ConfigError| CredentialsError::broken(NAME, error.to_string());
        let choice = Choice::of(self.profile.as_deref(), &self.sys);
        let files = ProfileFiles::load(&self.sys).map_err(broken)?;
        match files.chosen(&choice).map_err(broken)? {
            Some(profile) => {
                check_its_own(profile, &choice, &files)?;
                keys(profile, &choice)
            }
            None => Err(CredentialsError::not_configured(
                NAME,
                format!("{choice} is not in the files {}", files.looked_at()),
            )),
        }
    }
}

/// Nothing but keys, so that nobody runs under another identity than the profile's.
fn check_its_own(
    profile: &Section,
    choice: &Choice,
    files: &ProfileFiles,
) -> Result<(), CredentialsError> {
    let used: Vec<_> = ELSEWHERE
        .into_iter()
        .filter(|key| profile.get_non_blank(key).is_some())
        .collect();
    if used.is_empty() {
        return Ok(());
    }
    let mut message = format!(
        "{choice} takes its credentials from {}, which this version does not read yet; name a \
         profile with keys, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the session \
         credentials",
        used.join(", ")
    );
    if profile
        .get_non_blank("sso_session")
        .is_some_and(|name| files.sso_session(name).is_none())
    {
        message
            .push_str(" (and its sso_session names a section [sso-session ..] that is not there)");
    }
    Err(CredentialsError::broken(NAME, message))
}

fn keys(profile: &Section, choice: &Choice) -> Result<Credentials, CredentialsError> {
    let get = |key| match profile.get_non_blank(key) {
        Some(value) if value.contains('\n') => Err(CredentialsError::broken(
            NAME,
            format!(
                "{key} of {choice} goes over more than one line; write the lines below it without a space before them"
            ),
        )),
        value => Ok(value),
    };
    let missing = |key, other| {
        CredentialsError::broken(NAME, format!("{choice} has {other} and no {key}; set both"))
    };
    let session_token = get(SESSION_TOKEN)?;
    let (access_key, secret_key) = match (get(ACCESS_KEY)?, get(SECRET_KEY)?) {
        (Some(access_key), Some(secret_key)) => (access_key, secret_key),
        (Some(_), None) => return Err(missing(SECRET_KEY, ACCESS_KEY)),
        (None, Some(_)) => return Err(missing(ACCESS_KEY, SECRET_KEY)),
        (None, None) if session_token.is_some() => return Err(missing(ACCESS_KEY, SESSION_TOKEN)),
        (None, None) => {
            return Err(CredentialsError::not_configured(
                NAME,
                format!("{choice} has no {ACCESS_KEY}; set it together with {SECRET_KEY}"),
            ));
        }
    };
    let mut builder = Credentials::builder()
        .access_key_id(access_key)
        .secret_access_key(secret_key)
        .provider_name("ProfileFile");
    builder.set_session_token(session_token.map(str::to_owned));
    builder.set_account_id(get(ACCOUNT)?.map(Into::into));
    Ok(builder.build())
}
