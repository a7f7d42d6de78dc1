//! Files of handles.

use std::io;
use std::path::Path;

use crate::error::{Result, TransferError, TransferErrorKind};
use crate::handle::InferenceHandle;
use crate::invalid_input::InvalidInput;
use crate::sys;

/// A file of handles, read whole: room for a million of them and more.
const MAX_FILE: u64 = 1 << 30;

impl InferenceHandle {
    /// Writes handles to a file, one per line, readable only by its owner. The file is synced to disk and appears
    /// completely or, after an error, not at all. An existing file of that name is replaced.
    ///
    /// # Errors
    /// [`Error::Transfer`](crate::Error::Transfer): the file could not be written; the one that was there is
    /// unchanged.
    ///
    /// ```
    /// use sagemaker_async_inference::InferenceHandle;
    ///
    /// let handle: InferenceHandle =
    ///     r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/out/1.out"}"#.parse()?;
    /// let path = std::env::temp_dir().join(format!("handles-{}.jsonl", std::process::id()));
    /// InferenceHandle::save_all([&handle], &path)?;
    /// assert_eq!(InferenceHandle::load_all(&path)?, [handle]);
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save_all<'h>(
        handles: impl IntoIterator<Item = &'h Self>,
        path: impl AsRef<Path>,
    ) -> Result<()> {
        let mut text = String::new();
        for handle in handles {
            text.push_str(&handle.to_string());
            text.push('\n');
        }
        let path = path.as_ref();
        let written = sys::write_whole(path, text.as_bytes());
        Ok(written.map_err(|error| failed(TransferErrorKind::Write, path, error))?)
    }

    /// Reads a file that [`save_all`](Self::save_all) wrote. Blank lines are skipped.
    ///
    /// # Errors
    /// - [`Error::Transfer`](crate::Error::Transfer): the file cannot be read, is not UTF-8, or is too long
    ///   (1 GiB).
    /// - [`Error::InvalidInput`](crate::Error::InvalidInput): a line is not a handle; the error has its number.
    pub fn load_all(path: impl AsRef<Path>) -> Result<Vec<Self>> {
        let path = path.as_ref();
        let read = sys::read_bounded(path, MAX_FILE).and_then(|text| {
            String::from_utf8(text).map_err(|error| {
                let error = error.utf8_error();
                io::Error::new(io::ErrorKind::InvalidData, error)
            })
        });
        let text = read.map_err(|error| failed(TransferErrorKind::Read, path, error))?;
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(number, line)| {
                line.parse().map_err(|error: InvalidInput| {
                    let what = format!("line {} of {}", number + 1, path.display());
                    InvalidInput::new(what, line, error.limit(), error.remedy()).into()
                })
            })
            .collect()
    }
}

fn failed(kind: TransferErrorKind, path: &Path, error: io::Error) -> TransferError {
    TransferError::new(kind, path.display()).with_source(error)
}
