//! Arguments in, exit code out.

mod args;
mod commands;
#[cfg(test)]
mod examples;
mod interrupt;
mod output;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use commands::{
    completions, consume, credentials, delete, deploy, describe, local, predict, queue_policy,
    quickstart, scale, status, submit, update, wait,
};
use output::exit::{self, Outcome};
use output::held;
use output::progress::Show;

/// What `--help` of the whole command ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    success (for `predict` also when the reader of standard output closed it)
  1    any other error; also when not all handles or reports could be written to standard output
  2    invalid arguments, or a value beyond one of the service's limits; nothing was sent
  3    the model failed; its message and the objects' locations are on standard error
  4    still pending when the wait ended; the handle is on standard error
  5    the service refused the request, or an endpoint failed
  6    no credentials, or the service rejected them
  130  interrupted (Ctrl-C, SIGTERM, SIGHUP ..); how to continue is on standard error

Results and JSON go to standard output, everything else to standard error. Lines on standard error
that begin with { are handles of submitted inferences: pass them to `wait`.
Region, credentials, profile and endpoints come from the environment and files that every AWS tool
reads.";

/// Amazon SageMaker Asynchronous Inference from the command line.
#[derive(Debug, Parser)]
#[command(name = "sagemaker-async", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// Print nothing but errors on standard error
    #[arg(long, short, global = true)]
    quiet: bool,

    /// How to show progress on standard error: `auto` is a bar on a terminal and nothing otherwise; `json` is one
    /// object per line
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    progress: Show,
}

#[derive(Debug, Subcommand)]
enum Command {
    Predict(predict::Predict),
    Submit(submit::Submit),
    Wait(wait::Wait),
    Consume(consume::Consume),
    QueuePolicy(queue_policy::QueuePolicy),
    Status(status::Status),
    Deploy(deploy::Deploy),
    Describe(describe::Describe),
    Update(update::Update),
    Scale(scale::Scale),
    Delete(delete::Delete),
    Credentials(credentials::ShowCredentials),
    Local(local::Local),
    /// Run asynchronous inferences from end to end, against an endpoint on this machine
    ///
    /// Needs no AWS account and no network. Example:
    ///
    ///     sagemaker-async quickstart
    #[command(verbatim_doc_comment)]
    Quickstart,
    Completions(completions::Completions),
}

/// Runs the command.
pub(crate) fn run() -> ExitCode {
    interrupt::make_file_limits_an_error();
    let Arguments { command, common } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::report_arguments(&error),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(command, &common)));
    match outcome {
        Ok(outcome) => exit::report(outcome),
        Err(panic) => {
            held::print();
            resume_unwind(panic)
        }
    }
}

fn dispatch(command: Command, common: &Common) -> Outcome {
    let show = common.show();
    match command {
        Command::Predict(predict) => predict.run(show),
        Command::Submit(submit) => submit.run(show),
        Command::Wait(wait) => wait.run(show),
        Command::Consume(consume) => consume.run(show),
        Command::QueuePolicy(policy) => policy.run(),
        Command::Status(status) => status.run(),
        Command::Deploy(deploy) => deploy.run(show),
        Command::Describe(describe) => describe.run(),
        Command::Update(update) => update.run(show),
        Command::Scale(scale) => scale.run(),
        Command::Delete(delete) => delete.run(show),
        Command::Credentials(credentials) => credentials.run(),
        Command::Local(local) => local.run(show),
        Command::Quickstart => quickstart::run().map_err(exit::CommandError::from),
        Command::Completions(completions) => completions.run(),
    }
}

impl Common {
    fn show(&self) -> Show {
        if self.quiet {
            Show::None
        } else {
            self.progress
        }
    }
}
