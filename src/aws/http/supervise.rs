//! Work that can be cancelled: it runs on its own thread, so that the caller can stop waiting whatever it waits for
//! (credentials, an address, a connection, a server that neither reads nor sends). An abandoned thread ends by its
//! timeouts, and its outcome is dropped.

use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::ConnectionError;
use crate::error::TransportErrorKind;

/// How often the caller checks its cancel token.
const CHECK: Duration = Duration::from_millis(50);

/// The size of a piece of a request's or response's body that is passed between the threads.
const CHUNK: usize = 128 << 10;

/// What ends an exchange early.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cancel<'a> {
    pub(crate) flag: &'a AtomicBool,
    /// How long the response is still waited for after the cancel.
    pub(crate) grace: Duration,
}

impl Cancel<'_> {
    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }
}

enum Event<T> {
    /// The next piece of the request's body goes into this buffer.
    Wanted(Vec<u8>),
    /// The outcome, or the panic that ended it.
    Done(thread::Result<Result<T, ConnectionError>>),
}

/// Runs `exchange` on its own thread until it is done or `cancel` is set. The body that it is given reads from `body`.
/// A panic continues in the caller.
pub(crate) fn supervise<T: Send + 'static>(
    cancel: Cancel<'_>,
    body: &mut dyn Read,
    exchange: impl FnOnce(&mut dyn Read) -> Result<T, ConnectionError> + Send + 'static,
) -> Result<T, ConnectionError> {
    let (events, happened) = mpsc::channel();
    let (filled, pieces) = mpsc::channel();
    let mut remote = Remote {
        events: events.clone(),
        pieces,
        piece: Vec::new(),
        at: 0,
    };
    let thread = thread::Builder::new().name("request".into());
    let spawned = thread.spawn(move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| exchange(&mut remote)));
        // If the caller no longer waits for it, it is dropped.
        let _ = events.send(Event::Done(outcome));
    });
    if let Err(error) = spawned {
        return Err(ConnectionError::new(
            TransportErrorKind::Connect,
            true,
            error,
        ));
    }
    let mut left = cancel.grace;
    loop {
        match happened.recv_timeout(CHECK) {
            Ok(Event::Done(outcome)) => {
                return outcome.unwrap_or_else(|panicked| panic::resume_unwind(panicked));
            }
            Ok(Event::Wanted(buffer)) => {
                // If the thread is gone, its end is received next.
                let _ = filled.send(fill(body, buffer));
            }
            Err(RecvTimeoutError::Timeout) if cancel.is_set() => {
                if left.is_zero() {
                    return Err(ConnectionError::cancelled(false));
                }
                left = left.saturating_sub(CHECK);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(ended_early()),
        }
    }
}

fn ended_early() -> ConnectionError {
    let problem = "the request's thread ended early";
    ConnectionError::new(TransportErrorKind::Protocol, false, problem)
}

fn fill(body: &mut dyn Read, mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    buffer.resize(CHUNK, 0);
    let length = loop {
        match body.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => break outcome?,
        }
    };
    buffer.truncate(length);
    Ok(buffer)
}

/// A body that is read on another thread.
struct Remote<T> {
    events: Sender<Event<T>>,
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
}

impl<T> Read for Remote<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            let given_up = |_| io::Error::other("the request was given up");
            let empty = std::mem::take(&mut self.piece);
            self.at = 0;
            self.events
                .send(Event::Wanted(empty))
                .map_err(|_| io::Error::other("the request was given up"))?;
            self.piece = self.pieces.recv().map_err(given_up)??;
        }
        Ok(take(&self.piece, &mut self.at, buffer))
    }
}

/// Copies what is left of `piece`.
fn take(piece: &[u8], at: &mut usize, buffer: &mut [u8]) -> usize {
    let rest = &piece[*at..];
    let length = rest.len().min(buffer.len());
    buffer[..length].copy_from_slice(&rest[..length]);
    *at += length;
    length
}

/// The body of a response that is read on a thread of its own.
pub(super) struct Pump {
    /// Behind a lock only for the sake of `Sync`.
    pieces: Mutex<Receiver<Result<Piece, ConnectionError>>>,
    /// Buffers are returned to be filled again: a new one for each piece would cost more than its bytes.
    spares: Sender<Vec<u8>>,
    piece: Piece,
    at: usize,
}

/// A buffer, and how much of it is filled.
#[derive(Default)]
struct Piece {
    buffer: Vec<u8>,
    filled: usize,
}

impl Pump {
    /// `None` if the system has no thread for it; the body is lost then.
    pub(super) fn start(
        read: impl FnMut(&mut [u8]) -> Result<usize, ConnectionError> + Send + 'static,
    ) -> Option<Self> {
        // One piece waits here while the next one is read.
        let (sender, pieces) = mpsc::sync_channel(1);
        let (spares, returned) = mpsc::channel();
        let thread = thread::Builder::new().name("response".into());
        thread.spawn(move || pump(read, &sender, &returned)).ok()?;
        Some(Self {
            pieces: Mutex::new(pieces),
            spares,
            piece: Piece::default(),
            at: 0,
        })
    }

    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        cancel: &AtomicBool,
    ) -> Result<usize, ConnectionError> {
        while self.at == self.piece.filled {
            let pieces = self.pieces.get_mut();
            let pieces = pieces.unwrap_or_else(PoisonError::into_inner);
            match pieces.recv_timeout(CHECK) {
                Ok(piece) => {
                    let read = std::mem::replace(&mut self.piece, piece?);
                    self.at = 0;
                    // If the thread no longer reads, it is dropped.
                    let _ = self.spares.send(read.buffer);
                }
                // It ended.
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if cancel.load(Ordering::SeqCst) => {
                    return Err(ConnectionError::cancelled(false));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let filled = &self.piece.buffer[..self.piece.filled];
        Ok(take(filled, &mut self.at, buffer))
    }
}

fn pump(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, ConnectionError>,
    pieces: &SyncSender<Result<Piece, ConnectionError>>,
    spares: &Receiver<Vec<u8>>,
) {
    loop {
        let mut buffer = spares.try_recv().unwrap_or_default();
        buffer.resize(CHUNK, 0);
        let outcome = match read(&mut buffer) {
            Ok(0) => return,
            Ok(filled) => Ok(Piece { buffer, filled }),
            Err(error) => Err(error),
        };
        let ended = outcome.is_err();
        if pieces.send(outcome).is_err() || ended {
            return;
        }
    }
}
