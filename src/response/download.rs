//! Results to files, writers and readers, never completely in memory.

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

/// A result that is about to be fetched, or was fetched earlier.
enum Ready {
    Open(Box<OpenObject>),
    Kept(Arc<Outcome>),
}

impl<D> AsyncInferenceResponse<D> {
    /// Waits for the result and stores it in a file; returns its length in bytes. Blocks.
    ///
    /// The file is complete or absent: it is written to the same directory under another name
    /// (`.{name}.{random}.part`), synced to disk, and renamed. An existing file is replaced and keeps its
    /// permissions; a symbolic link stays one and its target is replaced. Whether the directory can be written to
    /// is checked before the wait.
    ///
    /// A large result is fetched over several connections ([`TransferConfig`](crate::TransferConfig)). A broken
    /// connection is resumed from the last byte, for the same version of the object (`Range`, `If-Match`). An
    /// object without an `ETag`, or with a weak one, is fetched again from its start. The length is verified, and the
    /// checksum if S3 returns one for the complete object: CRC-64/NVME, CRC-32C, CRC-32 or SHA-256. An object that
    /// arrived damaged is fetched again.
    ///
    /// Memory: below 1 MiB for each connection. The result is not cached in this response. The waiter's deadline
    /// bounds the wait, not the transfer; its cancel token ends both.
    ///
    /// # Errors
    /// Those of [`get_result`](Self::get_result) without [`Error::Codec`], and:
    ///
    /// - [`Error::Transfer`]: the file could not be written, the object was replaced while it was fetched, its
    ///   checksum differs, or the transfer was stopped.
    /// - [`Error::Transport`]: the connection broke as often as [`RetryConfig`](crate::session::RetryConfig) has
    ///   attempts, with no byte in between; or less than 1 KiB/s arrived over a read timeout
    ///   ([`Timeouts`](crate::session::Timeouts)), all connections together.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let session = endpoint.session()?;
    /// let directory = std::env::temp_dir().join(format!("download-{}", std::process::id()));
    /// std::fs::create_dir_all(&directory)?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &session);
    /// let response = predictor.predict_async("hello")?;
    ///
    /// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
    /// let path = directory.join("result.json");
    /// assert_eq!(response.download(&path, &waiter)?, 7);
    /// std::fs::remove_dir_all(&directory)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn download(&self, path: impl AsRef<Path>, waiter: &WaiterConfig) -> Result<u64> {
        self.about(self.download_to(path.as_ref(), waiter))
    }

    fn download_to(&self, path: &Path, waiter: &WaiterConfig) -> Result<u64> {
        // An hour of waiting in vain would be worse than a file created in vain.
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
        self.restarting(object, waiter.policy(None), Error::is_damaged, |object| {
            self.origin(waiter).to_file(object, path)
        })
    }

    /// Waits for the result and writes it to `writer` in order, over one connection; returns its length in bytes.
    /// Blocks.
    ///
    /// Resumes and verifies like [`download`](Self::download).
    ///
    /// # Errors
    /// Those of [`download`](Self::download). Part of the result may already have been written. [`Error::Transfer`] of
    /// the kind [`Write`](TransferErrorKind::Write) has the error of `writer` as its source.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use std::time::Duration;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let session = endpoint.session()?;
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
    pub fn write_result(&self, mut writer: impl Write, waiter: &WaiterConfig) -> Result<u64> {
        self.about(self.write_to(&mut writer, waiter))
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

    /// Waits for the result and returns a reader for it. Blocks.
    ///
    /// The transfer's progress callback is not called.
    ///
    /// # Errors
    /// Those of [`get_result`](Self::get_result) without [`Error::Codec`]. Errors of the transfer come from the
    /// [`ResultReader`].
    ///
    /// ```
    /// use std::io::{BufRead, BufReader};
    /// use sagemaker_async_inference::{AsyncInferenceResponse, WaiterConfig};
    ///
    /// fn count_lines(response: &AsyncInferenceResponse) -> Result<usize, Box<dyn std::error::Error>> {
    ///     let reader = BufReader::new(response.read_result(&WaiterConfig::adaptive())?);
    ///     let mut count = 0;
    ///     for line in reader.lines() {
    ///         line?;
    ///         count += 1;
    ///     }
    ///     Ok(count)
    /// }
    /// ```
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
