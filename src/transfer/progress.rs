use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{TransferError, TransferErrorKind};
use crate::session::transfer_config::TransferConfig;
use crate::uri::S3Uri;

/// Which way bytes go.
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

/// What the progress callback of a [`TransferConfig`] is told.
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
    direction: TransferDirection,
    uri: &'a S3Uri,
    bytes: u64,
    total: Option<u64>,
}

impl TransferProgress<'_> {
    /// Which way.
    pub fn direction(&self) -> TransferDirection {
        self.direction
    }

    /// The object in S3.
    pub fn uri(&self) -> &S3Uri {
        self.uri
    }

    /// Bytes that were handed to the connection, or came from it. Goes back by what has to be sent
    /// once more.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many there are in all; `None` for a reader, whose length nobody knows.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

/// Counts what goes by, tells the callback, and knows whether to stop.
pub(super) struct Meter<'a> {
    config: &'a TransferConfig,
    direction: TransferDirection,
    uri: &'a S3Uri,
    total: Option<u64>,
    bytes: Mutex<u64>,
    /// Set by the callback or by the first failure.
    pub(super) stop: AtomicBool,
    /// The caller's wish to stop.
    cancel: Option<&'a AtomicBool>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(
        config: &'a TransferConfig,
        direction: TransferDirection,
        uri: &'a S3Uri,
        total: Option<u64>,
        cancel: Option<&'a AtomicBool>,
    ) -> Self {
        Self {
            config,
            direction,
            uri,
            total,
            bytes: Mutex::new(0),
            stop: AtomicBool::new(false),
            cancel,
        }
    }

    /// Counts; an error if it is to stop.
    pub(super) fn add(&self, bytes: usize) -> Result<(), TransferError> {
        if let Some(callback) = self.config.progress() {
            let mut counted = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            *counted += bytes as u64;
            let progress = TransferProgress {
                direction: self.direction,
                uri: self.uri,
                bytes: *counted,
                total: self.total,
            };
            if let ControlFlow::Break(()) = callback(&progress) {
                self.stop.store(true, Ordering::SeqCst);
            }
        }
        let cancelled = self
            .cancel
            .is_some_and(|cancel| cancel.load(Ordering::SeqCst));
        if cancelled || self.stop.load(Ordering::SeqCst) {
            return Err(TransferError::new(TransferErrorKind::Stopped, self.uri));
        }
        Ok(())
    }

    /// What was counted has to go once more.
    pub(super) fn take_back(&self, bytes: u64) {
        if self.config.progress().is_some() {
            *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        }
    }
}
