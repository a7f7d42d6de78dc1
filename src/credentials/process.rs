use std::time::Duration;

use zeroize::Zeroizing;

use super::document::{self, Form};
use super::{Credentials, CredentialsError, ProvideCredentials};
use crate::sys::Sys;

/// Provides the credentials that a command writes. Each call runs it; wrap it in
/// [`CachedCredentials`](crate::credentials::CachedCredentials). A profile's `credential_process` is run in the
/// same way by [`ProfileProvider`](crate::credentials::ProfileProvider).
///
/// The command is passed to the shell unchanged ([`Processes::shell`](crate::sys::Processes::shell)). It must end with
/// exit code 0 and write a JSON object with `Version` 1, `AccessKeyId`, `SecretAccessKey` and, if they apply,
/// `SessionToken`, `Expiration` (ISO 8601; without it the credentials stay cached until a service refuses them) and
/// `AccountId`. A path or an argument with spaces must be in double quotes; in a profile a comment begins with a blank
/// and `#` or `;` outside quotes. Source: "Process credential provider" in the AWS SDKs and Tools Reference Guide. The
/// command's standard error is that of this process. Errors show the program and the names of its options, but neither
/// its arguments nor its output, which may be secrets.
///
/// Limits: 5 minutes, since it may ask the user; 256 KiB of output.
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
#[must_use]
pub struct ProcessProvider {
    sys: Sys,
    command: String,
    timeout: Duration,
}

const NAME: &str = "process";

const TIMEOUT: Duration = Duration::from_mins(5);

impl ProcessProvider {
    /// Runs `command` with the command runner of `sys`.
    pub fn new(sys: &Sys, command: impl Into<String>) -> Self {
        Self {
            sys: sys.clone(),
            command: command.into(),
            timeout: TIMEOUT,
        }
    }

    /// Sets how long the command may take, in real time. Default: 5 minutes.
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

/// A profile's command; the account is the profile's unless the command returns another.
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
    let shown = shown(command);
    let failed = |problem: String, remedy: &str| {
        let message = format!("the credential process {shown} {problem}; {remedy}");
        CredentialsError::failed(provider, message)
    };
    let broken = |problem: String| failed(problem, "run it manually to see its output");
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
        // Of a POSIX shell.
        Some(code @ (126 | 127)) => {
            let problem = match code {
                126 => "is not executable",
                _ => "was not found",
            };
            return Err(failed(
                format!("{problem} (exit code {code})"),
                "check its path; one with spaces must be in double quotes",
            ));
        }
        Some(code) => return Err(broken(format!("ended with exit code {code}"))),
        None => return Err(broken("was ended by a signal".into())),
    }
    let what = format!("the output of the credential process {shown}");
    let form = Form {
        what: &what,
        token: "SessionToken",
        is_temporary: false,
        has_version: true,
    };
    document::parse(&stdout, &form, account, provider, "CredentialProcess")
}

/// A command as errors show it: the program and the names of its options. All else may be a secret.
fn shown(command: &str) -> String {
    let mut shown = Vec::new();
    for word in words(command) {
        let name = word.split('=').next().unwrap_or_default();
        let bare = name.trim_start_matches('-');
        let is_name = bare.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
        let is_option = match name.len() - bare.len() {
            1 => bare.len() == 1,
            2 => bare.len() > 1,
            _ => false,
        };
        if shown.is_empty() && name == word {
            shown.push(word);
        } else if is_option && is_name {
            shown.push(name.to_owned());
        } else if shown.last().is_none_or(|last| last != "...") {
            shown.push("...".to_owned());
        }
    }
    format!("{:?}", shown.join(" "))
}

/// The words of a command, without their quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_command_is_shown_without_what_may_be_a_secret() {
        for (command, expected) in [
            ("helper", "helper"),
            (
                "/opt/helper --user me --password=hush -v",
                "/opt/helper --user ... --password -v",
            ),
            (
                "\"/opt/my helper\" \"--token hush\" x",
                "/opt/my helper ...",
            ),
            ("helper -phush hush hush", "helper ..."),
            ("TOKEN=hush helper --json", "... --json"),
            ("sh -c 'echo hush | x'", "sh -c ..."),
            ("", ""),
        ] {
            let shown = shown(command);
            assert!(!shown.contains("hush"), "{shown}");
            assert_eq!(shown, format!("{expected:?}"), "{command}");
        }
    }
}
