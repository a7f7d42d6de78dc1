//! Flushes a file to disk while more of it is written, so that the last flush is short.

use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use super::sync::{lock, unpoisoned};

/// Bytes between two flushes. Without them the system writes a file of some hundred megabytes to disk only at the
/// last flush: then the time of the disk is added to that of the network.
const EVERY: u64 = 64 << 20;

/// Starts a thread once there is enough to flush.
#[derive(Default)]
pub(super) struct WriteBehind {
    written: AtomicU64,
    flusher: Mutex<Option<Flusher>>,
}

struct Flusher {
    /// One flush waits while another one is on.
    wanted: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl WriteBehind {
    /// Counts bytes that were written to the file, wherever.
    pub(super) fn wrote(&self, file: &File, _offset: u64, bytes: u64) {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        if before / EVERY == (before + bytes) / EVERY {
            return;
        }
        let mut flusher = lock(&self.flusher);
        if flusher.is_none() {
            *flusher = Flusher::start(file);
        }
        if let Some(flusher) = &*flusher {
            // One that waits covers these bytes too.
            let _ = flusher.wanted.try_send(());
        }
    }

    /// Waits for the running flush and returns its error: the system reports an error of the disk only once per file.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        let flusher = unpoisoned(self.flusher.get_mut());
        let Some(Flusher { wanted, thread }) = flusher.take() else {
            return Ok(());
        };
        drop(wanted);
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the flush panicked")))
    }
}

impl Flusher {
    /// `None` if there is no file handle or thread left: then the last flush does everything.
    fn start(file: &File) -> Option<Self> {
        let file = file.try_clone().ok()?;
        let (wanted, flushes) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("flush".into());
        let thread = thread.spawn(move || flushes.iter().try_for_each(|()| file.sync_data()));
        Some(Self {
            wanted,
            thread: thread.ok()?,
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;
    use std::io::{self, ErrorKind};
    use std::os::fd::OwnedFd;

    use super::{EVERY, WriteBehind};

    #[test]
    fn what_a_flush_reported_is_reported_at_the_end() {
        let (_reader, writer) = io::pipe().expect("a pipe");
        // A pipe cannot be flushed.
        let pipe = File::from(OwnedFd::from(writer));
        let mut behind = WriteBehind::default();
        behind.wrote(&pipe, 0, EVERY - 1);
        assert!(behind.stop().is_ok(), "too little to begin with");
        behind.wrote(&pipe, 0, 1);
        let error = behind.stop().expect_err("the flush's error");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
