//! The `sagemaker-async` command.

mod cli;
// The library keeps it to itself; the command needs the same.
#[path = "sys/sync.rs"]
mod sync;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
