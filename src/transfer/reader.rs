use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use super::stream::ObjectStream;
use crate::aws::s3::checksum::{Checksum, Expected};
use crate::error::Result;
use crate::handle::InferenceHandle;
use crate::transfer::outcome::Outcome;
use crate::uri::S3Uri;

/// Reads a result from S3 as it arrives. Returned by [`read_result`](crate::AsyncInferenceResponse::read_result).
///
/// A broken connection is resumed from the last byte, for the same version of the object. At the end length and
/// checksum are compared with those of the service: the result is complete and correct only when
/// [`read`](Read::read) has returned 0. An [`io::Error`] contains an [`Error`](crate::Error) of this crate
/// ([`io::Error::downcast`]); after one, the reader stays at its end.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::io::{BufRead, BufReader};
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, JsonLines, WaiterConfig};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// let session = endpoint.session()?;
/// let predictor = AsyncPredictor::new(endpoint.name(), &session).with_serializer(JsonLines::new());
/// let response = predictor.predict_async(&[1, 2, 3])?;
///
/// let waiter = WaiterConfig::new(1000, Duration::from_millis(10))?;
/// let lines = BufReader::new(response.read_result(&waiter)?).lines();
/// assert_eq!(lines.count(), 3);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a reader fetches nothing until it is read"]
pub struct ResultReader {
    handle: Arc<InferenceHandle>,
    content_type: Option<String>,
    total: Option<u64>,
    source: Source,
}

enum Source {
    Stream(Box<Streamed>),
    /// Fetched earlier, and how much of it was read.
    Memory(Arc<Outcome>, usize),
    Ended,
}

struct Streamed {
    stream: ObjectStream,
    /// What the service reported, and what arrived so far.
    checksum: Option<(Expected, Checksum)>,
}

impl ResultReader {
    pub(crate) fn of_stream(
        handle: &Arc<InferenceHandle>,
        content_type: Option<String>,
        total: Option<u64>,
        stream: ObjectStream,
        expected: Option<Expected>,
    ) -> Self {
        let checksum = expected.map(|expected| {
            let checksum = expected.start();
            (expected, checksum)
        });
        Self {
            handle: handle.clone(),
            content_type,
            total,
            source: Source::Stream(Box::new(Streamed { stream, checksum })),
        }
    }

    pub(crate) fn of_memory(handle: &Arc<InferenceHandle>, outcome: Arc<Outcome>) -> Self {
        Self {
            handle: handle.clone(),
            content_type: outcome.content_type().map(str::to_owned),
            total: Some(outcome.body().len() as u64),
            source: Source::Memory(outcome, 0),
        }
    }

    /// The object in S3.
    pub fn uri(&self) -> &S3Uri {
        &self.handle.output_path
    }

    /// The `Content-Type` of the object.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The total number of bytes, if the service reports it.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

impl Streamed {
    fn read(&mut self, buffer: &mut [u8], uri: &S3Uri) -> Result<usize> {
        let read = self.stream.read(buffer, None)?;
        if read == 0 {
            if let Some((expected, checksum)) = self.checksum.take() {
                expected.check(checksum, uri)?;
            }
        } else if let Some((_, checksum)) = &mut self.checksum {
            checksum.update(&buffer[..read]);
        }
        Ok(read)
    }
}

impl Read for ResultReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let outcome = match &mut self.source {
            Source::Stream(streamed) => streamed.read(buffer, &self.handle.output_path),
            Source::Memory(outcome, at) => {
                let rest = &outcome.body()[*at..];
                let read = rest.len().min(buffer.len());
                buffer[..read].copy_from_slice(&rest[..read]);
                *at += read;
                Ok(read)
            }
            Source::Ended => Ok(0),
        };
        if !matches!(outcome, Ok(1..)) {
            self.source = Source::Ended;
        }
        outcome.map_err(|error| error.of_inference(&self.handle).into())
    }
}

impl fmt::Debug for ResultReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultReader")
            .field("uri", &self.handle.output_path)
            .field("content_type", &self.content_type)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
