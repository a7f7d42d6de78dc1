//! How a command ends: its exit code and its message on standard error.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use sagemaker_async_inference::error::{DeploymentError, EndpointWaitReason};
use sagemaker_async_inference::sys::Environment;
use sagemaker_async_inference::{Error, InvalidInput};

use super::held;
use super::option_words::in_option_words;
use super::words::{printable, without_secrets};

/// A command's outcome.
pub(in crate::cli) type Outcome<T = ()> = Result<T, CommandError>;

/// The exit codes, which are an interface; `--help` says what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Code {
    // In order of precedence, for runs in which inferences ended differently.
    Model,
    Running,
    Other,
    Usage,
    Service,
    Credentials,
    Interrupted,
}

impl Code {
    pub(in crate::cli) fn number(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Usage => 2,
            Self::Model => 3,
            Self::Running => 4,
            Self::Service => 5,
            Self::Credentials => 6,
            Self::Interrupted => 130,
        }
    }

    /// The exit code of a library error.
    pub(in crate::cli) fn of(error: &Error) -> Self {
        match error {
            Error::InvalidInput(_) => Self::Usage,
            Error::Credentials(_) => Self::Credentials,
            Error::Service(fault) if fault.code().is_some_and(is_about_credentials) => {
                Self::Credentials
            }
            Error::Service(_) => Self::Service,
            Error::Model(_) => Self::Model,
            Error::PollingTimeout(_) => Self::Running,
            Error::WaitStopped(_) => Self::Interrupted,
            Error::Deployment(deployment) => Self::of(DeploymentError::cause(deployment)),
            Error::EndpointWait(wait) => match wait.reason() {
                EndpointWaitReason::TimedOut => Self::Running,
                EndpointWaitReason::Cancelled | EndpointWaitReason::Progress => Self::Interrupted,
                _ => Self::Service,
            },
            _ => Self::Other,
        }
    }
}

/// The error codes with which services reject the caller's credentials.
fn is_about_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
    )
}

/// Why a command failed.
#[derive(Debug)]
pub(in crate::cli) struct CommandError {
    pub(in crate::cli) code: Code,
    pub(in crate::cli) message: String,
    /// Facts, such as where objects are.
    detail: Option<String>,
    /// What to do now.
    hint: Option<String>,
    /// What to do with the printed handles, if there are any.
    about_handles: Option<String>,
    /// The reader of standard output closed it.
    reader_left: bool,
}

impl CommandError {
    pub(in crate::cli) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            hint: None,
            about_handles: None,
            reader_left: false,
        }
    }

    /// The arguments contradict each other.
    pub(in crate::cli) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A file or stream that could not be read or written.
    pub(in crate::cli) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self {
            reader_left: error.kind() == io::ErrorKind::BrokenPipe,
            ..Self::new(Code::Other, format!("{what}: {error}"))
        }
    }

    /// Adds a line of facts below the message.
    pub(in crate::cli) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(in crate::cli) fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Turns a closed pipe into an error: output that was not written is lost.
    pub(in crate::cli) fn that_loses_work(mut self) -> Self {
        self.reader_left = false;
        self
    }

    /// What to do about the handles that are printed below it, if nothing more is known.
    pub(in crate::cli) fn with_default_hint(mut self, hint: impl Into<String>) -> Self {
        self.about_handles.get_or_insert_with(|| hint.into());
        self
    }

    /// Adds what it is about before the message.
    pub(in crate::cli) fn within(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    pub(in crate::cli) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self {
            code: Code::of(&error),
            ..Self::from(Box::new(error) as Box<dyn StdError>)
        }
    }
}

impl From<InvalidInput> for CommandError {
    fn from(error: InvalidInput) -> Self {
        Self::from(Error::from(error))
    }
}

impl From<Box<dyn StdError>> for CommandError {
    fn from(error: Box<dyn StdError>) -> Self {
        Self {
            reader_left: is_broken_pipe(&*error),
            ..Self::new(Code::Other, with_sources(&*error))
        }
    }
}

/// Whether the cause is a write to a pipe without a reader.
fn is_broken_pipe(error: &(dyn StdError + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::BrokenPipe) {
            return true;
        }
        at = error.source();
    }
    false
}

/// An error with what lies beneath it, in a line and in the command's words. Of the HTTP client's own errors only what the error above
/// does not say.
pub(in crate::cli) fn with_sources(error: &dyn StdError) -> String {
    let mut text = format!("{error:#}");
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(inner) = inner_words(error) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        source = error.source();
    }
    in_option_words(&text)
}

/// What a source says, without the HTTP client's names for its kinds of errors: `other: ..`, `io: ..`. `None`
/// for an elapsed timeout, for its phase is the client's own too, and for what is only a wrapper.
fn inner_words(error: &(dyn StdError + 'static)) -> Option<String> {
    match error.downcast_ref::<ureq::Error>() {
        Some(ureq::Error::Timeout(_)) => None,
        Some(ureq::Error::Other(_)) if error.source().is_some() => None,
        Some(ureq::Error::Other(inner)) => Some(inner.to_string()),
        Some(ureq::Error::Io(inner)) => Some(inner.to_string()),
        _ => Some(format!("{error:#}")),
    }
}

/// Prints what went wrong and returns the exit code.
pub(in crate::cli) fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output closed it: there is nothing to report.
        Err(failure) if failure.reader_left => ExitCode::SUCCESS,
        Err(failure) => {
            // When standard error is closed too, there is nowhere left to report.
            drop(say(&failure));
            ExitCode::from(failure.code.number())
        }
    }
}

/// Arguments that cannot be taken, or the help that they ask for. An argument may be a presigned URL.
pub(in crate::cli) fn report_arguments(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.render();
    let text = if wants_colour() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    drop(write!(io::stderr(), "{}", without_secrets(&text)));
    ExitCode::from(Code::Usage.number())
}

fn say(failure: &CommandError) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    let (red, plain) = if wants_colour() {
        ("\x1b[31m", "\x1b[0m")
    } else {
        ("", "")
    };
    let message = printable(&failure.message);
    let said = writeln!(stderr, "{red}sagemaker-async:{plain} {message}");
    if let Some(detail) = &failure.detail {
        drop(writeln!(stderr, "{}", printable(detail)));
    }
    drop(stderr);
    let handles = held::print();
    let mut stderr = io::stderr().lock();
    if let Some(hint) = &failure.hint {
        drop(writeln!(stderr, "{}", printable(hint)));
    }
    if handles {
        let hint = failure.about_handles.clone();
        let hint = hint.unwrap_or_else(|| how_to_go_on(""));
        drop(writeln!(stderr, "{}", printable(&hint)));
    }
    said
}

/// What to do with handles that were printed; with the options that the same wait had.
pub(in crate::cli) fn how_to_go_on(options: &str) -> String {
    format!(
        "The inferences go on. To fetch their results, give the lines that begin with {{ to \
         `sagemaker-async wait{options}` (on standard input, in a file, or one of them as its argument)."
    )
}

/// On a terminal that has colours, unless `NO_COLOR` is set to anything.
fn wants_colour() -> bool {
    let environment = Environment::process();
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    io::stderr().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn of_several_ends_the_gravest_counts() {
        let ends = [Code::Model, Code::Service, Code::Running];
        assert_eq!(ends.into_iter().max(), Some(Code::Service));
        assert!(Code::Interrupted > Code::Credentials);
    }
}
