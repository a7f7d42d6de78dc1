//! Arguments in, exit code out.

mod quickstart;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Amazon SageMaker Asynchronous Inference from the command line.
#[derive(Debug, Parser)]
#[command(name = "sagemaker-async", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show an asynchronous inference from end to end, against an endpoint on this machine
    ///
    /// Needs no AWS account and no network. Example:
    ///
    ///     sagemaker-async quickstart
    #[command(verbatim_doc_comment)]
    Quickstart,
}

/// Runs the command. Exit codes: 0 it worked, 1 it did not, 2 the arguments are wrong.
pub(crate) fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Quickstart => quickstart::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed too there is nobody left to tell.
            let _ = writeln!(io::stderr(), "sagemaker-async: {}", with_sources(&*error));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
