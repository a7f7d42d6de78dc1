//! A large object to a file, over several connections.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::CHUNK;
use super::plan::Plan;
use super::progress::Meter;
use super::stream::ObjectStream;
use crate::aws::s3::checksum::{Checksum, Expected};
use crate::error::{Error, Result, TransferError, TransferErrorKind};
use crate::session::Session;
use crate::sys::lock;
use crate::sys::payload::OutputFile;
use crate::uri::S3Uri;

/// What all threads of a download share.
pub(super) struct Ranges<'a> {
    pub(super) session: &'a Session,
    pub(super) uri: &'a S3Uri,
    pub(super) etag: &'a str,
    pub(super) len: u64,
    pub(super) plan: Plan,
    pub(super) expected: Option<&'a Expected>,
    pub(super) meter: &'a Meter<'a>,
    pub(super) file: &'a OutputFile,
}

/// Which ranges are still open, and the outcomes of the others.
struct Board {
    free: Mutex<Range<u64>>,
    sums: Mutex<BTreeMap<u64, Checksum>>,
    failed: Mutex<Option<Error>>,
}

impl Ranges<'_> {
    /// Reads the open response from its start, and ranges from the object's end on further connections, until
    /// they meet. Verifies the checksum of the complete object.
    pub(super) fn fetch(&self, first: ObjectStream) -> Result<()> {
        let board = Board {
            free: Mutex::new(0..self.plan.parts(self.len)),
            sums: Mutex::default(),
            failed: Mutex::default(),
        };
        thread::scope(|scope| {
            for _ in 1..self.plan.parallelism {
                let spawned = thread::Builder::new()
                    .name("sagemaker-async-download".to_owned())
                    .spawn_scoped(scope, || {
                        self.work(&board, DoubleEndedIterator::next_back, None);
                    });
                // The existing threads fetch all of it.
                if spawned.is_err() {
                    break;
                }
            }
            self.work(&board, Range::next, Some(first));
        });
        if let Some(error) = lock(&board.failed).take() {
            return Err(error);
        }
        let Some(expected) = self.expected else {
            return Ok(());
        };
        let mut whole = expected.start();
        for sum in std::mem::take(&mut *lock(&board.sums)).into_values() {
            whole.append(&sum);
        }
        expected.check(whole, self.uri)
    }

    fn work(
        &self,
        board: &Board,
        take: impl Fn(&mut Range<u64>) -> Option<u64>,
        mut running: Option<ObjectStream>,
    ) {
        let mut buffer = vec![0; CHUNK];
        // A panic of the callback ends the others too.
        let stop = StopUnlessDone(&self.meter.stop);
        while !self.meter.stop.load(Ordering::SeqCst) {
            let Some(index) = take(&mut lock(&board.free)) else {
                break;
            };
            match self.fetch_one(index, &mut running, &mut buffer) {
                Ok(Some(sum)) => drop(lock(&board.sums).insert(index, sum)),
                Ok(None) => {}
                Err(error) => {
                    // The first error is reported; the others follow from it.
                    lock(&board.failed).get_or_insert(error);
                    return;
                }
            }
        }
        if let Some(mut stream) = running {
            // At the object's end this returns the connection; before it, the rest belongs to another thread.
            if stream.position() == self.len {
                drop(stream.read(&mut buffer, None));
            }
        }
        stop.done();
    }

    /// Over the open response if there is one, else over a new one.
    fn fetch_one(
        &self,
        index: u64,
        running: &mut Option<ObjectStream>,
        buffer: &mut [u8],
    ) -> Result<Option<Checksum>> {
        let (start, len) = self.plan.part(index, self.len);
        let end = start + len;
        let mut own = None;
        let stream = match running {
            Some(stream) => stream,
            None => own.insert(ObjectStream::range(
                self.session,
                self.uri,
                self.etag,
                start,
                end,
            )),
        };
        let mut checksum = self.expected.map(Expected::start);
        while stream.position() < end {
            let left = usize::try_from(end - stream.position()).unwrap_or(usize::MAX);
            let most = left.min(buffer.len());
            let at = stream.position();
            let read = stream.read(&mut buffer[..most], Some(self.meter.stopper()))?;
            let bytes = &buffer[..read];
            if let Some(checksum) = &mut checksum {
                checksum.update(bytes);
            }
            self.file.write_all_at(bytes, at).map_err(unwritable)?;
            self.meter.add(read)?;
        }
        if let Some(mut own) = own {
            // Reads the end, so that the connection can be used again.
            own.read(buffer, None)?;
        }
        Ok(checksum)
    }
}

pub(super) fn unwritable(error: std::io::Error) -> TransferError {
    TransferError::new(TransferErrorKind::Write, "the result's file").with_source(error)
}

/// Stops the other threads unless this one has finished.
struct StopUnlessDone<'a>(&'a AtomicBool);

impl StopUnlessDone<'_> {
    fn done(self) {
        std::mem::forget(self);
    }
}

impl Drop for StopUnlessDone<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
