//! Results to files, writers and readers, never in memory whole.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::AsyncInferenceResponse;
use super::wait::Finished;
use crate::aws::s3::objects::OpenObject;
use crate::error::{Error, Result, TransferError, TransferErrorKind};
use crate::sys::payload::{OutputFile, write_file};
use crate::transfer::download::Origin;
use crate::transfer::outcome::Outcome;
use crate::transfer::reader::ResultReader;
use crate::transfer::stream::ObjectStream;
use crate::waiter::WaiterConfig;

/// A result that is about to come, or came earlier.
enum Ready {
    Open(Box<OpenObject>),
    Kept(Arc<Outcome>),
}

impl<D> AsyncInferenceResponse<D> {
    /// Waits for the result and fetches it into a file; gives back its length in bytes. Blocks.
    ///
    /// The file appears whole or not at all: it is written beside its place under another name
    /// (`.{name}.{random}.part`), brought to the disk, and renamed. A file that is there already is
    /// replaced then, and its permissions are kept; a symbolic link stays one and its target is
    /// replaced. Whether the directory can be written to is found out before the wait.
    ///
    /// A large result comes over several connections, as [`TransferConfig`](crate::TransferConfig)
    /// says. A broken connection is resumed from the last byte, for the same version of the object
    /// (`Range`, `If-Match`). The length is verified, and the checksum where S3 gives one of the
    /// whole object: CRC-64/NVME, CRC-32C, CRC-32 or SHA-256.
    ///
    /// Memory: below 1 MiB for each connection. The result is not kept in this response. A deadline
    /// of the waiter's is for the wait and does not cut the transfer; its cancel token does.
    ///
    /// Errors as [`get_result`](Self::get_result), but for [`Error::Codec`]; and
    ///
    /// - [`Error::Transfer`]: the file could not be written, the object was replaced while it was
    ///   fetched, it does not fit its checksum, or the transfer was stopped.
    /// - [`Error::Transport`]: the connection broke as often as
    ///   [`RetryConfig`](crate::session::RetryConfig) has attempts, with no byte in between; or less than 1 KiB/s
    ///   came over a read timeout ([`Timeouts`](crate::session::Timeouts)), all connections together.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// # use sagemaker_async_inference::local::LocalEndpoint;
    /// use std::time::Duration;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
    /// # let endpoint = LocalEndpoint::builder().start()?;
    /// # let session = endpoint.session()?;
    /// # let directory = std::env::temp_dir().join(format!("download-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &session);
    /// let response = predictor.predict_async("hello")?;
    ///
    /// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
    /// let path = directory.join("result.json");
    /// assert_eq!(response.download(&path, &waiter)?, 7);
    /// # std::fs::remove_dir_all(&directory)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn download(&self, path: impl AsRef<Path>, waiter: &WaiterConfig) -> Result<u64> {
        self.about(self.download_to(path.as_ref(), waiter))
    }

    fn download_to(&self, path: &Path, waiter: &WaiterConfig) -> Result<u64> {
        // An hour's wait for nothing would be worse than one file made in vain.
        drop(OutputFile::create(path).map_err(|error| unwritable(path, error))?);
        match self.wait_until_ready(waiter)? {
            Ready::Open(object) => self.store_open(*object, path, waiter),
            Ready::Kept(outcome) => outcome.store(path),
        }
    }

    /// Streams an output that a poll opened into a file.
    pub(crate) fn store_open(
        &self,
        object: OpenObject,
        path: &Path,
        waiter: &WaiterConfig,
    ) -> Result<u64> {
        self.origin(waiter).to_file(object, path)
    }

    /// Waits for the result and writes it to `writer`, from first to last byte, over one
    /// connection; gives back its length in bytes. Blocks.
    ///
    /// Resumes, verifies and fails as [`download`](Self::download); after an error a part of the
    /// result may have been written.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// # use sagemaker_async_inference::local::LocalEndpoint;
    /// use std::time::Duration;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
    /// # let endpoint = LocalEndpoint::builder().start()?;
    /// # let session = endpoint.session()?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &session);
    /// let response = predictor.predict_async("hello")?;
    ///
    /// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
    /// let mut out = Vec::new(); // or a compressor, a socket, standard output
    /// response.write_result(&mut out, &waiter)?;
    /// assert_eq!(out, b"\"hello\"");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_result(&self, writer: &mut impl Write, waiter: &WaiterConfig) -> Result<u64> {
        self.about(self.write_to(writer, waiter))
    }

    fn write_to(&self, writer: &mut impl Write, waiter: &WaiterConfig) -> Result<u64> {
        match self.wait_until_ready(waiter)? {
            Ready::Open(object) => self.origin(waiter).to_writer(*object, writer),
            Ready::Kept(outcome) => {
                let written = writer
                    .write_all(outcome.body())
                    .and_then(|()| writer.flush());
                written.map_err(|error| {
                    TransferError::new(TransferErrorKind::Write, "the writer").with_source(error)
                })?;
                Ok(outcome.body().len() as u64)
            }
        }
    }

    /// Waits for the result and gives back a reader of it. Blocks.
    ///
    /// Errors of the wait as [`get_result`](Self::get_result); those of the transfer come from the
    /// [`ResultReader`]. The progress callback is not told: whoever reads knows.
    pub fn read_result(&self, waiter: &WaiterConfig) -> Result<ResultReader> {
        let uri = self.output_path();
        Ok(match self.about(self.wait_until_ready(waiter))? {
            Ready::Open(mut object) => {
                let expected = object.checksum.take();
                let (content_type, total) = (object.content_type.take(), object.total);
                let stream = ObjectStream::new(self.session(), uri, *object);
                ResultReader::of_stream(self.shared_handle(), content_type, total, stream, expected)
            }
            Ready::Kept(outcome) => ResultReader::of_memory(self.shared_handle(), outcome),
        })
    }

    fn origin<'a>(&'a self, waiter: &'a WaiterConfig) -> Origin<'a> {
        Origin {
            session: self.session(),
            uri: self.output_path(),
            config: self.transfer_config(),
            cancel: waiter.policy(None).cancel,
        }
    }

    /// The output, with its body still to be read; a failure becomes the error.
    fn wait_until_ready(&self, waiter: &WaiterConfig) -> Result<Ready> {
        let outcome = if let Some(outcome) = self.kept() {
            outcome
        } else {
            match self.wait(waiter, Ok)? {
                Finished::Output(object) => return Ok(Ready::Open(Box::new(object))),
                Finished::Failure(failure) => self.keep(Outcome::Failure(failure)),
            }
        };
        match &*outcome {
            Outcome::Output(_) => Ok(Ready::Kept(outcome)),
            Outcome::Failure(failure) => Err(Error::Model(Box::new(failure.clone()))),
        }
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> TransferError {
    TransferError::new(TransferErrorKind::Write, path.display()).with_source(error)
}

impl Outcome {
    /// Writes it to a file; returns its length.
    pub(crate) fn store(&self, path: &Path) -> Result<u64> {
        write_file(path, self.body()).map_err(|error| unwritable(path, error))?;
        Ok(self.body().len() as u64)
    }
}
