use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::handle::InferenceHandle;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a payload was not sent or fetched.
///
/// ```
/// # use sagemaker_async_inference::Error;
/// # use sagemaker_async_inference::error::TransferErrorKind;
/// fn is_full_disk(error: &Error) -> bool {
///     matches!(error, Error::Transfer(t) if t.kind() == TransferErrorKind::Write)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferErrorKind {
    /// The input's file or reader could not be read.
    Read,
    /// The input's file became another, or shorter, while it was read.
    Changed,
    /// The result's file or writer could not be written.
    Write,
    /// The object in S3 was replaced by another while it was fetched in pieces.
    Replaced,
    /// What came is not what the service says it stored: another checksum, or another length.
    Corrupt,
    /// The progress callback said so, or the wait's cancel token.
    Stopped,
}

impl TransferErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Read => "the input could not be read",
            Self::Changed => "the input changed while it was read",
            Self::Write => "the result could not be written",
            Self::Replaced => "the object was replaced while it was fetched",
            Self::Corrupt => "what arrived is not what the service stored",
            Self::Stopped => "it was stopped",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Read => "check the file and its permissions",
            Self::Changed => "submit it again once nobody writes to it",
            Self::Write => "check the directory, its permissions and the space on its disk",
            Self::Replaced => "fetch it again, and look for who else writes there",
            Self::Corrupt => "fetch it again",
            Self::Stopped => "it can be begun again at any time",
        }
    }
}

/// A payload that was not sent or fetched whole.
///
/// Nothing half done is left: an upload in parts was aborted, a file is not there under its name.
///
/// ```
/// # use sagemaker_async_inference::Error;
/// # use sagemaker_async_inference::error::TransferErrorKind;
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
    pub(crate) fn new(kind: TransferErrorKind, resource: impl fmt::Display) -> Self {
        Self {
            kind,
            resource: resource.to_string(),
            source: None,
            handle: None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Why.
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
        write!(
            f,
            "{}: {}; {}",
            self.resource,
            self.kind.describe(),
            self.kind.remedy()
        )
    }
}

impl StdError for TransferError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
