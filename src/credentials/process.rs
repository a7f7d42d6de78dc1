use std::time::Duration;

use zeroize::Zeroizing;

use super::document::{self, Form};
use super::{Credentials, CredentialsError, ProvideCredentials};
use crate::sys::Sys;

/// Credentials that a command writes, run at each call; put
/// [`CachedCredentials`](crate::credentials::CachedCredentials) before it. A profile's `credential_process` is run the same
/// way by [`ProfileProvider`](crate::credentials::ProfileProvider).
///
/// The command goes to the shell as it stands ([`Processes::shell`](crate::sys::Processes::shell)). It must
/// end with exit code 0 and write a JSON object with `Version` 1, `AccessKeyId`, `SecretAccessKey` and, where
/// they apply, `SessionToken`, `Expiration` (ISO 8601; without it the credentials are kept until they are
/// refused) and `AccountId`. Source: "Process credential provider" in the AWS SDKs and Tools Reference
/// Guide. What it writes to standard error goes to this process's; no error shows any of its output, nor
/// the command, for both may hold secrets.
///
/// Limits: 5 minutes, for it may ask its user; 256 KiB of output.
///
/// ```
/// use sagemaker_async_inference::sys::{ProcessOutput, Processes, Sys};
/// use sagemaker_async_inference::credentials::{ProcessProvider, ProvideCredentials};
///
/// let sys = Sys::real().with_processes(Processes::from_fn(|_command| {
///     Ok(ProcessOutput {
///         exit_code: Some(0),
///         stdout: br#"{"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "secret"}"#.to_vec(),
///     })
/// }));
/// let provider = ProcessProvider::new(&sys, "my-vault print-keys");
/// assert_eq!(provider.provide_credentials()?.access_key_id(), "AKIDEXAMPLE");
/// # Ok::<(), sagemaker_async_inference::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct ProcessProvider {
    sys: Sys,
    command: String,
    timeout: Duration,
}

const NAME: &str = "process";

const TIMEOUT: Duration = Duration::from_mins(5);

impl ProcessProvider {
    /// Runs `command` with what `sys` runs commands with.
    pub fn new(sys: &Sys, command: impl Into<String>) -> Self {
        Self {
            sys: sys.clone(),
            command: command.into(),
            timeout: TIMEOUT,
        }
    }

    /// How long the command may take, in the machine's time. Default: 5 minutes.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl ProvideCredentials for ProcessProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        run(&self.sys, &self.command, self.timeout, None, NAME)
    }
}

impl std::fmt::Debug for ProcessProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessProvider").finish_non_exhaustive()
    }
}

/// A profile's command, whose account is the profile's unless the command tells another.
pub(super) fn of_profile(
    sys: &Sys,
    command: &str,
    account: Option<&str>,
    provider: &'static str,
) -> Result<Credentials, CredentialsError> {
    run(sys, command, TIMEOUT, account, provider)
}

fn run(
    sys: &Sys,
    command: &str,
    timeout: Duration,
    account: Option<&str>,
    provider: &'static str,
) -> Result<Credentials, CredentialsError> {
    let broken = |problem: String| {
        CredentialsError::broken(
            provider,
            format!("the credential process {problem}; run it by hand to see what it says"),
        )
    };
    let output = sys
        .processes()
        .run(command, timeout)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => broken(format!("did not end within {timeout:?}")),
            std::io::ErrorKind::FileTooLarge => broken("wrote more than 256 KiB".into()),
            _ => broken("could not be run".into()).with_source(error),
        })?;
    let (exit_code, stdout) = (output.exit_code, Zeroizing::new(output.stdout));
    match exit_code {
        Some(0) => {}
        Some(code) => return Err(broken(format!("ended with exit code {code}"))),
        None => return Err(broken("was ended by a signal".into())),
    }
    let form = Form {
        what: "the output of the credential process",
        token: "SessionToken",
        is_temporary: false,
        has_version: true,
    };
    document::parse(&stdout, &form, account, provider, "CredentialProcess")
}
