//! A large object to a file, over several connections.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::growth::{Growth, Step};
use super::plan::Plan;
use super::progress::Meter;
use super::stream::ObjectStream;
use crate::aws::s3::checksum::{Checksum, Expected};
use crate::aws::s3::objects::Piece;
use crate::error::{Error, Result, TransferError, TransferErrorKind};
use crate::session::Session;
use crate::sys::payload::OutputFile;
use crate::sys::{Clock, SystemClock, lock};
use crate::uri::S3Uri;

/// Bytes that are written at a time. They are whole pages of the file: a page that is written in two parts may already
/// be on its way to the disk when the second part arrives.
const BLOCK: usize = 64 << 10;

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
    /// Bytes that were received, and how many connections have received some.
    received: AtomicU64,
    delivering: AtomicUsize,
    /// Number of connections that continue after their range.
    wanted: AtomicUsize,
}

/// A thread of a download, which has one connection at a time.
struct Worker<'a> {
    /// 0 is the calling thread, which continues the open response and decides on the number of the others.
    number: usize,
    running: Option<ObjectStream>,
    /// Called after each read.
    measure: &'a mut dyn FnMut(),
    has_delivered: bool,
    buffer: Vec<u8>,
}

impl<'a> Worker<'a> {
    fn new(number: usize, running: Option<ObjectStream>, measure: &'a mut dyn FnMut()) -> Self {
        Self {
            number,
            running,
            measure,
            has_delivered: false,
            buffer: vec![0; BLOCK],
        }
    }

    fn received(&mut self, board: &Board, read: usize) {
        board.received.fetch_add(read as u64, Ordering::Relaxed);
        if !std::mem::replace(&mut self.has_delivered, true) {
            board.delivering.fetch_add(1, Ordering::Relaxed);
        }
        (self.measure)();
    }
}

impl Ranges<'_> {
    /// Reads the open response from its start, and ranges from the object's end on further connections, until
    /// they meet. Verifies the checksum of the complete object.
    pub(super) fn fetch(&self, first: ObjectStream) -> Result<()> {
        let begin = self.plan.first;
        let board = Board {
            free: Mutex::new(0..self.plan.parts(self.len)),
            sums: Mutex::default(),
            failed: Mutex::default(),
            received: AtomicU64::new(0),
            delivering: AtomicUsize::new(0),
            wanted: AtomicUsize::new(begin),
        };
        thread::scope(|scope| {
            let board = &board;
            let start = |number| {
                let thread = thread::Builder::new().name("sagemaker-async-download".to_owned());
                let spawned = thread.spawn_scoped(scope, move || {
                    self.work(board, Worker::new(number, None, &mut || {}));
                });
                // Without it, the existing threads fetch all of it.
                drop(spawned);
            };
            (1..begin).for_each(start);
            let mut growth = Growth::new(begin, self.plan.parallelism, SystemClock.monotonic());
            let mut measure = || {
                let received = board.received.load(Ordering::Relaxed);
                let delivering = board.delivering.load(Ordering::Relaxed);
                match growth.step(SystemClock.monotonic(), received, delivering) {
                    Step::Stay => {}
                    Step::Add => start(board.wanted.fetch_add(1, Ordering::Relaxed)),
                    Step::Drop => {
                        board.wanted.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            };
            self.work(board, Worker::new(0, Some(first), &mut measure));
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

    fn work(&self, board: &Board, mut worker: Worker<'_>) {
        // A panic of the callback ends the others too.
        let stop = StopUnlessDone(&self.meter.stop);
        while !self.meter.stop.load(Ordering::SeqCst)
            && worker.number < board.wanted.load(Ordering::Relaxed)
        {
            let next = match worker.number {
                0 => lock(&board.free).next(),
                _ => lock(&board.free).next_back(),
            };
            let Some(index) = next else { break };
            match self.fetch_one(index, board, &mut worker) {
                Ok(Some(sum)) => drop(lock(&board.sums).insert(index, sum)),
                Ok(None) => {}
                Err(error) => {
                    // The first error is reported; the others follow from it.
                    lock(&board.failed).get_or_insert(error);
                    return;
                }
            }
        }
        if let Some(mut stream) = worker.running {
            // At the object's end this returns the connection; before it, the rest belongs to another thread.
            if stream.position() == self.len {
                drop(stream.read(&mut worker.buffer, None));
            }
        }
        stop.done();
    }

    /// Over the open response if there is one, else over a new one.
    fn fetch_one(
        &self,
        index: u64,
        board: &Board,
        worker: &mut Worker<'_>,
    ) -> Result<Option<Checksum>> {
        let (start, len) = self.plan.part(index, self.len);
        let end = start + len;
        let piece = Piece {
            start,
            end: Some(end),
            etag: Some(self.etag),
        };
        let running = worker.running.take();
        let is_own = running.is_none();
        let mut stream =
            running.unwrap_or_else(|| ObjectStream::range(self.session, self.uri, piece, self.len));
        let mut block = std::mem::take(&mut worker.buffer);
        let mut checksum = self.expected.map(Expected::start);
        while stream.position() < end {
            let at = stream.position();
            let most = usize::try_from(end - at).map_or(BLOCK, |left| left.min(BLOCK));
            let mut filled = 0;
            while filled < most {
                let rest = &mut block[filled..most];
                let read = stream.read(rest, Some(self.meter.stopper()))?;
                filled += read;
                worker.received(board, read);
                self.meter.add(read)?;
            }
            if let Some(checksum) = &mut checksum {
                checksum.update(&block[..most]);
            }
            let written = self.file.write_all_at(&block[..most], at);
            written.map_err(unwritable)?;
        }
        if is_own {
            // Reads the end, so that the connection can be used again.
            stream.read(&mut block, None)?;
        } else {
            worker.running = Some(stream);
        }
        worker.buffer = block;
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
