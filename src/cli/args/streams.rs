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

/// Whether a text begins as UTF-16 does, with the byte order mark and a character of ASCII: what `>` writes in
/// some shells of Windows. Names and JSON in other encodings have no NUL there.
pub(in crate::cli) fn is_utf16(begin: &[u8]) -> bool {
    matches!(
        begin,
        [0xff, 0xfe, 1..=0x7f, 0, ..] | [0xfe, 0xff, 0, 1..=0x7f, ..]
    )
}

/// A text of UTF-16 as UTF-8; anything else as it is.
pub(in crate::cli) fn in_utf8(text: Vec<u8>) -> Vec<u8> {
    if !is_utf16(&text) {
        return text;
    }
    let unit = if text[0] == 0xff {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    };
    let units: Vec<u16> = text[2..]
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units).into_bytes()
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
