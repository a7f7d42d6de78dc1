use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::error::{TransferError, TransferErrorKind};
use crate::session::transfer_config::TransferConfig;
use crate::session::transfer_progress::{TransferDirection, TransferProgress};
use crate::sys::lock;
use crate::uri::S3Uri;

/// Counts bytes, calls the callback, and records whether to stop.
pub(super) struct Meter<'a> {
    config: &'a TransferConfig,
    direction: TransferDirection,
    uri: &'a S3Uri,
    total: Option<u64>,
    bytes: Mutex<u64>,
    /// Set by the callback. Not `stop`, which would end the requests of other threads before this outcome is recorded.
    stopped_by_caller: AtomicBool,
    /// Set once the first failure is recorded.
    pub(super) stop: Arc<AtomicBool>,
    /// The caller's cancel flag.
    cancel: Option<&'a Arc<AtomicBool>>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(
        config: &'a TransferConfig,
        direction: TransferDirection,
        uri: &'a S3Uri,
        total: Option<u64>,
        cancel: Option<&'a Arc<AtomicBool>>,
    ) -> Self {
        Self {
            config,
            direction,
            uri,
            total,
            bytes: Mutex::new(0),
            stopped_by_caller: AtomicBool::new(false),
            stop: Arc::default(),
            cancel,
        }
    }

    /// Counts; an error if the transfer is to stop.
    pub(super) fn add(&self, bytes: usize) -> Result<(), TransferError> {
        if let Some(callback) = self.config.progress() {
            let mut counted = lock(&self.bytes);
            *counted += bytes as u64;
            let progress = TransferProgress {
                direction: self.direction,
                uri: self.uri,
                bytes: *counted,
                total: self.total,
            };
            if let ControlFlow::Break(()) = callback(&progress) {
                self.stopped_by_caller.store(true, Ordering::SeqCst);
            }
        }
        let is_set = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        if self.cancel.is_some_and(|flag| is_set(flag))
            || is_set(&self.stopped_by_caller)
            || is_set(&self.stop)
        {
            return Err(TransferError::new(TransferErrorKind::Stopped, self.uri));
        }
        Ok(())
    }

    /// What ends a request in progress: the caller's cancel flag, if there is one.
    pub(super) fn stopper(&self) -> &Arc<AtomicBool> {
        self.cancel.unwrap_or(&self.stop)
    }

    /// Subtracts bytes that have to be sent again.
    pub(super) fn take_back(&self, bytes: u64) {
        if self.config.progress().is_some() {
            *lock(&self.bytes) -= bytes;
        }
    }
}
