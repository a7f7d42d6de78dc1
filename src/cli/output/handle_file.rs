//! The file of `predict --handle`, written as soon as the submit has a response.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sagemaker_async_inference::sys::Files;
use serde_json::Value;

use super::exit::{CommandError, Outcome};
use super::files::{check_names_a_file, check_writable};
use super::lines::Submitted;

/// No handle is longer.
const MAX_FILE: u64 = 64 << 10;

/// In addition to the handle's members: the result is stored, and the file may be used for another inference.
const FINISHED: &str = "finished";

#[derive(Debug)]
pub(in crate::cli) struct HandleFile(PathBuf);

impl HandleFile {
    /// Checks the path before anything is sent. A file with the handle of an inference that may still be waited for is
    /// not replaced, and neither is one with other content.
    pub(in crate::cli) fn new(path: &Path) -> Outcome<Self> {
        let failed = |error: io::Error| CommandError::io(path.display(), &error);
        check_names_a_file(path)?;
        let path_there = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                check_replaceable(path)?;
                fs::canonicalize(path).map_err(failed)?
            }
            Ok(_) => {
                let message = format!("{} is not a regular file", path.display());
                return Err(CommandError::usage(message));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        check_writable(&path_there).map_err(failed)?;
        Ok(Self(path_there))
    }

    /// Whether the path names this file.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.0
    }

    /// Stores the handle: completely, synced to disk, and readable by its owner only.
    pub(in crate::cli) fn store(&self, submitted: &Submitted, finished: bool) -> Outcome {
        let mut line = submitted.line();
        if finished && line.ends_with('}') {
            line.pop();
            line = format!("{line},\"{FINISHED}\":true}}");
        }
        line.push('\n');
        Files::disk()
            .write(&self.0, line.as_bytes())
            .map_err(|error| CommandError::io(self.0.display(), &error))
    }
}

fn check_replaceable(path: &Path) -> Outcome {
    let mut text = String::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
        .map_err(|error| CommandError::io(path.display(), &error));
    read?;
    let shown = path.display();
    if text.trim().is_empty() {
        return Ok(());
    }
    let value: Value = serde_json::from_str(text.trim()).unwrap_or_default();
    if Submitted::parse(text.trim()).is_err() {
        return Err(CommandError::usage(format!(
            "{shown} contains something other than a handle; name another file"
        )));
    }
    if value[FINISHED] == true {
        return Ok(());
    }
    Err(CommandError::usage(format!(
        "{shown} holds the handle of an inference whose result was not fetched; nothing was sent. Fetch it \
         with `sagemaker-async wait {shown}`, or remove the file"
    )))
}
