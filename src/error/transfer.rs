use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::with_remedy;
use crate::handle::InferenceHandle;

/// What was wrong with a file, a reader, a writer or a stored object.
///
/// ```
/// use sagemaker_async_inference::Error;
/// use sagemaker_async_inference::error::TransferErrorKind;
///
/// fn is_full_disk(error: &Error) -> bool {
///     matches!(error, Error::Transfer(t) if t.kind() == TransferErrorKind::Write)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferErrorKind {
    /// A file or the input's reader could not be opened or read.
    Read,
    /// The input's file was replaced or truncated while it was read.
    Changed,
    /// A file could not be created, or a file or the result's writer could not be written.
    Write,
    /// The journal is in use by another process.
    Locked,
    /// The object in S3 was replaced by another while it was fetched in pieces.
    Replaced,
    /// The received bytes are not what the service reports as stored: another checksum or length.
    Corrupt,
    /// The progress callback or the wait's cancel token stopped it.
    Stopped,
}

crate::words::words!(TransferErrorKind, "kind of transfer error", {
    Read => "read",
    Write => "write",
    Locked => "locked",
    Changed => "changed",
    Replaced => "replaced",
    Corrupt => "corrupt",
    Stopped => "stopped",
});

impl TransferErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Read => "cannot be read",
            Self::Changed => "changed while it was read",
            Self::Write => "cannot be written",
            Self::Locked => "is in use by another process",
            Self::Replaced => "was replaced while it was fetched",
            Self::Corrupt => "what arrived is not what the service stored",
            Self::Stopped => "the transfer was stopped",
        }
    }

    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Read => "check the path and its permissions",
            Self::Locked => "wait for the process that runs this job",
            Self::Changed => "submit it again once nothing writes to it",
            Self::Write => "check the path, its permissions and the space on the disk",
            Self::Replaced => "fetch it again, and find out what else writes there",
            Self::Corrupt => "fetch it again",
            Self::Stopped => "start it again at any time",
        }
    }
}

/// A file, a reader, a writer or a stored object that could not be read or written whole: inputs, results,
/// journals and files of handles.
///
/// [`source`](std::error::Error::source) is the [`io::Error`](std::io::Error) of the operating system, the
/// reader or the writer, where there is one. Nothing partial is left: a multipart upload was aborted, and no file
/// has the final name.
///
/// ```
/// use sagemaker_async_inference::Error;
/// use sagemaker_async_inference::error::TransferErrorKind;
///
/// fn on_error(error: &Error) {
///     if let Error::Transfer(transfer) = error {
///         eprintln!("{}: {}", transfer.resource(), transfer);
///         assert_ne!(transfer.kind(), TransferErrorKind::Changed);
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TransferError {
    pub(crate) kind: TransferErrorKind,
    pub(crate) resource: String,
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
    pub(crate) handle: Option<Arc<InferenceHandle>>,
}

impl TransferError {
    /// A problem with `resource`: a path, an S3 URI, `the reader` or `the writer`.
    pub fn new(kind: TransferErrorKind, resource: impl fmt::Display) -> Self {
        Self {
            kind,
            resource: resource.to_string(),
            source: None,
            handle: None,
        }
    }

    /// Adds the cause, which [`source`](std::error::Error::source) returns.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What was wrong.
    pub fn kind(&self) -> TransferErrorKind {
        self.kind
    }

    /// What could not be read or written: a path, an S3 URI, or `the reader` or `the writer` that
    /// the caller gave.
    pub fn resource(&self) -> &str {
        &self.resource
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = match self.kind {
            TransferErrorKind::Corrupt | TransferErrorKind::Stopped => ":",
            _ => "",
        };
        write!(f, "{}{colon} {}", self.resource, self.kind.describe())?;
        with_remedy(f, Some(self.kind.remedy()))
    }
}

impl StdError for TransferError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
