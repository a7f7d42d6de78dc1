use crate::uri::S3Uri;

/// The direction of a transfer.
///
/// ```
/// use std::ops::ControlFlow;
/// use sagemaker_async_inference::TransferConfig;
/// use sagemaker_async_inference::transfer::TransferDirection;
///
/// let transfer = TransferConfig::builder()
///     .progress(|transfer| {
///         let arrow = if transfer.direction() == TransferDirection::Upload { "->" } else { "<-" };
///         eprintln!("{arrow} {}", transfer.bytes());
///         ControlFlow::Continue(())
///     })
///     .build()?;
/// # let _ = transfer;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransferDirection {
    /// An input to S3.
    Upload,
    /// A result from S3.
    Download,
}

crate::words::words!(TransferDirection, "direction", {
    Upload => "upload",
    Download => "download",
});

/// What the progress callback of a [`TransferConfig`](crate::TransferConfig) receives.
///
/// ```
/// use std::ops::ControlFlow;
/// use sagemaker_async_inference::TransferConfig;
///
/// let transfer = TransferConfig::builder()
///     .progress(|transfer| match transfer.total() {
///         Some(total) if total > 100 << 20 => ControlFlow::Break(()), // too much for here
///         _ => ControlFlow::Continue(()),
///     })
///     .build()?;
/// # let _ = transfer;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug)]
pub struct TransferProgress<'a> {
    pub(crate) direction: TransferDirection,
    pub(crate) uri: &'a S3Uri,
    pub(crate) bytes: u64,
    pub(crate) total: Option<u64>,
}

#[cfg(feature = "local")]
impl<'a> TransferProgress<'a> {
    /// For tests of a progress callback: its argument after this many bytes.
    ///
    /// ```
    /// use sagemaker_async_inference::S3Uri;
    /// use sagemaker_async_inference::transfer::{TransferDirection, TransferProgress};
    ///
    /// let object = S3Uri::new("my-bucket", "in/1")?;
    /// let transfer = TransferProgress::for_tests(TransferDirection::Upload, &object, 5, Some(10));
    /// assert_eq!(transfer.bytes(), 5);
    /// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
    /// ```
    pub fn for_tests(
        direction: TransferDirection,
        uri: &'a S3Uri,
        bytes: u64,
        total: Option<u64>,
    ) -> Self {
        Self {
            direction,
            uri,
            bytes,
            total,
        }
    }
}

impl TransferProgress<'_> {
    /// The direction.
    pub fn direction(&self) -> TransferDirection {
        self.direction
    }

    /// The object in S3.
    pub fn uri(&self) -> &S3Uri {
        self.uri
    }

    /// Bytes that were sent or received so far. Decreases by what has to be sent again.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The total number of bytes; `None` for a reader, whose length is not known.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}
