//! Results to standard output or to a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sagemaker_async_inference::{AsyncInferenceResponse, Bytes, ModelFailure, WaiterConfig};

use super::exit::{Failure, Outcome};

/// Where a result's bytes go.
#[derive(Debug)]
pub(in crate::cli) enum Target {
    Standard,
    /// A file that is there whole or not at all.
    File(PathBuf),
    /// What has no content of its own: a pipe, a device.
    Stream(File),
}

impl Target {
    /// Looks at the place before anything is sent: an hour's wait for nothing would be worse.
    pub(in crate::cli) fn of(path: Option<&Path>) -> Outcome<Self> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Standard);
        };
        let failed = |error: &io::Error| Failure::io(path.display(), error);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Failure::usage(format!("{} is a directory", path.display())))
            }
            Ok(metadata) if metadata.is_file() => Ok(Self::File(path.to_owned())),
            Ok(_) => {
                let opened = OpenOptions::new().write(true).open(path);
                opened.map(Self::Stream).map_err(|error| failed(&error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                check_parent(path).map_err(|error| failed(&error))?;
                Ok(Self::File(path.to_owned()))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// For what goes nowhere unless a place is named.
    pub(in crate::cli) fn if_named(path: Option<&Path>) -> Outcome<Option<Self>> {
        path.map(|path| Self::of(Some(path))).transpose()
    }

    /// Waits for a result and puts it there.
    pub(in crate::cli) fn take(
        &mut self,
        response: &AsyncInferenceResponse<Bytes>,
        waiter: &WaiterConfig,
    ) -> sagemaker_async_inference::Result<u64> {
        match self {
            // Not line by line: these are bytes.
            Self::Standard => response.write_result(&mut StandardOutput, waiter),
            Self::File(path) => response.download(path, waiter),
            Self::Stream(file) => response.write_result(file, waiter),
        }
    }

    /// Keeps a failed model's own words there, byte by byte.
    pub(in crate::cli) fn keep(&mut self, failure: &ModelFailure) -> Outcome {
        let written = match self {
            Self::Standard => StandardOutput.write_all(failure.bytes()),
            Self::File(path) => return Ok(failure.save(path)?),
            Self::Stream(file) => file.write_all(failure.bytes()),
        };
        written.map_err(|error| Failure::io("the failure's output", &error))
    }
}

fn check_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if fs::metadata(parent)?.is_dir() {
        Ok(())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

/// Standard output, each block written through: what cannot be written is known at once.
struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
