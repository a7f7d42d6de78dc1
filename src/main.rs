//! The `sagemaker-async` command.

mod cli;
// Private in the library, and needed here too.
#[path = "sys/sync.rs"]
mod sync;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
