use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::invalid_input::InvalidInput;
use crate::session::transfer_progress::TransferProgress;

/// S3's limits, from "Amazon S3 multipart upload limits" in its user guide.
pub(crate) const MIN_PART: u64 = 5 << 20;
const MAX_PART: u64 = 5 << 30;

const DEFAULT_THRESHOLD: u64 = 16 << 20;

/// How inputs are uploaded to S3 and results fetched from it.
///
/// The defaults depend on the payload's size, for few requests and little memory:
///
/// | payload | requests | at a time |
/// |---|---|---|
/// | up to 16 MiB (the [threshold](TransferConfigBuilder::multipart_threshold)) | 1 | 1 |
/// | up to 512 MiB | parts or ranges of 8 MiB | parts 4, ranges 2 to 4 |
/// | more | of 16 MiB | parts 4, ranges 2 to 4 |
/// | a reader of more than 16 MiB, whose length is not known | parts of 8 MiB | 4 |
///
/// A download to a file begins with two connections and measures its rate. It adds a third and a fourth connection as
/// long as each one raises the rate by at least an eighth, as on a link with high latency. A connection that does not
/// is closed after its range.
///
/// A file, in either direction, needs less than 1 MiB of memory for each concurrent request, whatever the size of
/// parts; a reader needs one part for each.
///
/// ```
/// use std::ops::ControlFlow;
/// use sagemaker_async_inference::{Session, TransferConfig};
///
/// let transfer = TransferConfig::builder()
///     .part_size(32 << 20)
///     .parallelism(2)
///     .progress(|transfer| {
///         eprintln!("{:?}: {} of {:?} bytes", transfer.direction(), transfer.bytes(), transfer.total());
///         ControlFlow::Continue(())
///     })
///     .build()?;
/// let builder = Session::builder().transfer(transfer);
/// # let _ = builder;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct TransferConfig {
    multipart_threshold: u64,
    part_size: Option<u64>,
    parallelism: Option<usize>,
    upload_checksum: UploadChecksum,
    max_result_bytes: u64,
    progress: Option<Arc<ProgressFn>>,
}

pub(crate) type ProgressFn = dyn Fn(&TransferProgress<'_>) -> ControlFlow<()> + Send + Sync;

/// How the integrity of an upload from a file or reader is protected. S3 verifies it and refuses a mismatch.
///
/// ```
/// use sagemaker_async_inference::TransferConfig;
/// use sagemaker_async_inference::transfer::UploadChecksum;
///
/// let transfer = TransferConfig::builder().upload_checksum(UploadChecksum::SignedSha256).build()?;
/// # let _ = transfer;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum UploadChecksum {
    /// [`Crc32c`](Self::Crc32c) over TLS, which protects against changes itself, and
    /// [`SignedSha256`](Self::SignedSha256) over plain HTTP, and for stores without these checksums: where
    /// `AWS_REQUEST_CHECKSUM_CALCULATION`, or the profile's `request_checksum_calculation`, is `when_required`.
    #[default]
    Auto,
    /// The SHA-256 of each part is in its signature: a change in transit is noticed. Costs a CPU second for each
    /// 0.5 to 2 GB.
    SignedSha256,
    /// The payload is not signed (`UNSIGNED-PAYLOAD`) and each part has a CRC-32C (`x-amz-checksum-crc32c`), as with
    /// the AWS SDKs over TLS. Detects accidental changes, at memory speed. Over plain HTTP an attacker could change
    /// both.
    Crc32c,
}

crate::words::words!(UploadChecksum, "upload checksum", {
    Auto => "auto",
    SignedSha256 => "signed-sha256",
    Crc32c => "crc32c",
});

impl TransferConfig {
    /// Starts to build a configuration from the defaults.
    pub fn builder() -> TransferConfigBuilder {
        TransferConfigBuilder {
            config: Self::default(),
        }
    }

    /// The size in bytes above which payloads are sent in parts and fetched in ranges.
    pub fn multipart_threshold(&self) -> u64 {
        self.multipart_threshold
    }

    /// The size of parts and ranges in bytes, if it was set.
    pub fn part_size(&self) -> Option<u64> {
        self.part_size
    }

    /// The number of concurrent parts or ranges, if it was set.
    pub fn parallelism(&self) -> Option<usize> {
        self.parallelism
    }

    /// How the integrity of uploads is protected.
    pub fn upload_checksum(&self) -> UploadChecksum {
        self.upload_checksum
    }

    /// The largest result that is read into memory, in bytes.
    pub fn max_result_bytes(&self) -> u64 {
        self.max_result_bytes
    }

    pub(crate) fn progress(&self) -> Option<&ProgressFn> {
        self.progress.as_deref()
    }
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self {
            multipart_threshold: DEFAULT_THRESHOLD,
            part_size: None,
            parallelism: None,
            upload_checksum: UploadChecksum::Auto,
            max_result_bytes: 1 << 30,
            progress: None,
        }
    }
}

impl fmt::Debug for TransferConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferConfig")
            .field("multipart_threshold", &self.multipart_threshold)
            .field("part_size", &self.part_size)
            .field("parallelism", &self.parallelism)
            .field("upload_checksum", &self.upload_checksum)
            .field("max_result_bytes", &self.max_result_bytes)
            .field("progress", &self.progress.is_some())
            .finish()
    }
}

/// Builds a [`TransferConfig`].
///
/// ```
/// use sagemaker_async_inference::TransferConfig;
///
/// let small_memory = TransferConfig::builder().parallelism(1).max_result_bytes(10 << 20).build()?;
/// assert_eq!(small_memory.max_result_bytes(), 10 << 20);
/// assert!(TransferConfig::builder().part_size(1).build().is_err()); // S3 takes 5 MiB or more
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TransferConfigBuilder {
    config: TransferConfig,
}

impl TransferConfigBuilder {
    /// Sets the size in bytes up to which a payload is one request; larger ones are sent in parts and fetched in
    /// ranges. At most 5 GiB, which is S3's limit for one request. Default: 16 MiB.
    pub fn multipart_threshold(mut self, bytes: u64) -> Self {
        self.config.multipart_threshold = bytes;
        self
    }

    /// Sets the size of parts and ranges in bytes, 5 MiB to 5 GiB. It is raised if a payload would need more than
    /// 10,000 of them (all three are S3's limits). Default: by the payload's size, see [`TransferConfig`].
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.config.part_size = Some(bytes);
        self
    }

    /// Sets the number of concurrent parts or ranges, 1 to 64. Each has a thread and a connection from the start.
    /// Default: see [`TransferConfig`].
    pub fn parallelism(mut self, parallelism: usize) -> Self {
        self.config.parallelism = Some(parallelism);
        self
    }

    /// Sets how the integrity of uploads is protected. Default: [`UploadChecksum::Auto`].
    pub fn upload_checksum(mut self, checksum: UploadChecksum) -> Self {
        self.config.upload_checksum = checksum;
        self
    }

    /// Sets the largest result in bytes that [`get_result`](crate::AsyncInferenceResponse::get_result) and
    /// similar methods read into memory. A larger one is an error; fetch it with
    /// [`download`](crate::AsyncInferenceResponse::download). Default: 1 GiB, the service's limit.
    pub fn max_result_bytes(mut self, bytes: u64) -> Self {
        self.config.max_result_bytes = bytes;
        self
    }

    /// Sets a callback for bytes that were sent or fetched. It is called some thousand times per gigabyte by the
    /// transferring threads, never by two at once. [`ControlFlow::Break`] ends the transfer with
    /// [`TransferErrorKind::Stopped`](crate::error::TransferErrorKind::Stopped).
    pub fn progress(
        mut self,
        callback: impl Fn(&TransferProgress<'_>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.config.progress = Some(Arc::new(callback));
        self
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the multipart threshold is above 5 GiB, the part
    /// size is not within 5 MiB to 5 GiB, or the parallelism not within 1 to 64.
    pub fn build(self) -> Result<TransferConfig> {
        let config = self.config;
        if config.multipart_threshold > MAX_PART {
            return Err(InvalidInput::new(
                "multipart threshold",
                format!("{} bytes", config.multipart_threshold),
                "at most 5 GiB, S3's limit for one request",
                "lower it",
            )
            .into());
        }
        if let Some(size) = config.part_size
            && !(MIN_PART..=MAX_PART).contains(&size)
        {
            return Err(InvalidInput::new(
                "part size",
                format!("{size} bytes"),
                "5 MiB to 5 GiB, S3's limits",
                "choose one of them, or leave it out",
            )
            .into());
        }
        if let Some(parallelism) = config.parallelism
            && !(1..=64).contains(&parallelism)
        {
            return Err(InvalidInput::new(
                "parallelism",
                parallelism.to_string(),
                "1 to 64",
                "leave it out to have it chosen by the payload's size",
            )
            .into());
        }
        Ok(config)
    }
}
