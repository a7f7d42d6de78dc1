//! `completions`: shell completion scripts.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use std::io::{self, Write};

use crate::cli::Arguments;
use crate::cli::output::exit::{CommandError, Outcome};

/// Print a completion script for a shell
///
/// Example:
///
///     sagemaker-async completions bash > ~/.local/share/bash-completion/completions/sagemaker-async
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(in crate::cli) fn run(self) -> Outcome {
        // In memory first: the generator panics where it cannot write.
        let mut script = Vec::new();
        let mut command = Arguments::command();
        let name = command.get_name().to_owned();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(&script)
            .and_then(|()| stdout.flush())
            .map_err(|error| CommandError::io("standard output", &error))
    }
}
