//! Starts to write a file to the disk while more of it arrives, so that the last flush is short. Needs `rustix`, which
//! the features `local` and `cli` bring. Other builds flush on a thread: see `write_behind`.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;

use rustix::fs::{Advice, fadvise};

/// Bytes that are started at a time.
const STEP: u64 = 8 << 20;

/// Flushing each step instead was a quarter slower: a flush also writes the file system's journal and empties the disk's
/// cache.
#[derive(Default)]
pub(super) struct WriteBehind(());

impl WriteBehind {
    /// Starts to write the steps that end within these bytes. Does not wait. The last flush reports the disk's errors.
    #[allow(clippy::unused_self)] // as the other one
    pub(super) fn wrote(&self, file: &File, offset: u64, bytes: u64) {
        let (first, end) = (offset / STEP, (offset + bytes) / STEP);
        if let Some(length) = NonZeroU64::new((end - first) * STEP) {
            // On this advice Linux starts to write the pages. A file system that ignores it writes at the last flush.
            let _ = fadvise(file, first * STEP, Some(length), Advice::DontNeed);
        }
    }

    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as the other one
    pub(super) fn stop(&mut self) -> io::Result<()> {
        Ok(())
    }
}
