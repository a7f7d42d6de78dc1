//! Interruptible input streams: reading standard input or a pipe may block for ever.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::cli::interrupt::Interrupt;

const BLOCK: usize = 64 << 10;
/// Blocks that are read ahead.
const AHEAD: usize = 4;
const CANCEL_CHECK: Duration = Duration::from_millis(50);

/// A stream that is read on a thread of its own.
pub(in crate::cli) struct Stream {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    read: usize,
    interrupt: Interrupt,
}

impl Stream {
    /// Opens it on that thread too: a named pipe blocks until somebody writes to it.
    pub(in crate::cli) fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let (sender, blocks) = mpsc::sync_channel(AHEAD);
        let read = move || {
            let mut stream = match open() {
                Ok(stream) => stream,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            loop {
                let mut block = vec![0; BLOCK];
                let outcome = match stream.read(&mut block) {
                    Ok(0) => return,
                    Ok(length) => {
                        block.truncate(length);
                        Ok(block)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let over = outcome.is_err();
                if sender.send(outcome).is_err() || over {
                    return;
                }
            }
        };
        thread::Builder::new().name("input".into()).spawn(read)?;
        Ok(Self {
            blocks,
            block: Vec::new(),
            read: 0,
            interrupt: interrupt.clone(),
        })
    }

    /// The next block, waiting for it no longer than this; empty at the end.
    pub(in crate::cli) fn next_block(&mut self, limit: Duration) -> Option<io::Result<Vec<u8>>> {
        match self.blocks.recv_timeout(limit) {
            Ok(block) => Some(block),
            Err(RecvTimeoutError::Disconnected) => Some(Ok(Vec::new())),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.block.len() {
            if self.interrupt.flow().is_break() {
                // Not `Interrupted`, after which readers read on.
                return Err(io::Error::other("stopped while reading"));
            }
            let Some(block) = self.next_block(CANCEL_CHECK) else {
                continue;
            };
            (self.block, self.read) = (block?, 0);
            if self.block.is_empty() {
                return Ok(0);
            }
        }
        let length = buffer.len().min(self.block.len() - self.read);
        buffer[..length].copy_from_slice(&self.block[self.read..self.read + length]);
        self.read += length;
        Ok(length)
    }
}
