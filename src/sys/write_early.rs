//! Starts to write a file to the disk while more of it comes, so that the last flush is short. Only builds with
//! `rustix` can: the others [flush](super::write_behind) on a thread.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;

use rustix::fs::{Advice, fadvise};

/// Bytes that are started at a time.
const STEP: u64 = 8 << 20;

/// A flush of each step would write the file system's journal and empty the disk's cache each time, which was a quarter
/// slower.
#[derive(Default)]
pub(super) struct WriteBehind(());

impl WriteBehind {
    /// Starts what the system still keeps of the steps that end within these bytes. It waits for nothing, and guarantees
    /// nothing: errors of the disk are those of the last flush.
    #[allow(clippy::unused_self)] // as the other one
    pub(super) fn wrote(&self, file: &File, offset: u64, bytes: u64) {
        let (first, end) = (offset / STEP, (offset + bytes) / STEP);
        if let Some(length) = NonZeroU64::new((end - first) * STEP) {
            // Linux writes what is said not to be needed any more. A file system that does not take the advice writes at
            // the last flush.
            let _ = fadvise(file, first * STEP, Some(length), Advice::DontNeed);
        }
    }

    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as the other one
    pub(super) fn stop(&mut self) -> io::Result<()> {
        Ok(())
    }
}
