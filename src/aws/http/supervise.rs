//! Work that cannot be interrupted: a provider of credentials, name resolution, a connect, the user's agent. It runs on
//! its own thread, so that the caller can stop waiting for it. An abandoned thread ends by its timeouts, and its outcome
//! is dropped.

use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;

use super::cancel::{self, CHECK};
use super::connect::Unconnected;

/// The size of a piece of a request's body that is passed between the threads.
const CHUNK: usize = 128 << 10;

enum Event<T> {
    /// The next piece of the request's body goes into this buffer.
    Wanted(Vec<u8>),
    /// The outcome, or the panic that ended it.
    Done(thread::Result<T>),
}

/// Runs `work` until it is done or this thread's [exchange](cancel::cancellable) is cancelled. It runs on its own thread
/// if the exchange can be cancelled. The reader that it is given reads from `body`, on this thread. A panic continues in
/// the caller.
pub(crate) fn supervise<T: Send + 'static>(
    body: &mut dyn Read,
    work: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
) -> Result<T, ureq::Error> {
    if !cancel::is_possible() {
        return Ok(work(body));
    }
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
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(&mut remote)));
        // If the caller no longer waits for it, it is dropped.
        let _ = events.send(Event::Done(outcome));
    });
    spawned.map_err(|error| ureq::Error::Other(Box::new(Unconnected(error))))?;
    loop {
        match happened.recv_timeout(CHECK) {
            Ok(Event::Done(outcome)) => {
                return Ok(outcome.unwrap_or_else(|panicked| panic::resume_unwind(panicked)));
            }
            Ok(Event::Wanted(buffer)) => {
                // If the thread is gone, its end is received next.
                let _ = filled.send(fill(body, buffer));
            }
            Err(RecvTimeoutError::Timeout) => cancel::check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the request's thread ended early").into());
            }
        }
    }
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
        let rest = &self.piece[self.at..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}
