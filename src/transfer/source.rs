//! Inputs of the caller, read before it is known how they are sent.

use std::io::{self, Read};

use crate::error::{Result, TransferError, TransferErrorKind};
use crate::limits;
use crate::sys::payload::InputFile;

/// Memory is reserved in advance up to this.
const MOST_RESERVED: u64 = 64 << 20;

/// Reads a small file.
pub(crate) fn read_file(file: &InputFile) -> Result<Vec<u8>> {
    let failed =
        |kind| move |error| TransferError::new(kind, file.path().display()).with_source(error);
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => failed(TransferErrorKind::Changed)(error),
            _ => failed(TransferErrorKind::Read)(error),
        })?;
    match file.has_changed() {
        Ok(false) => Ok(bytes),
        Ok(true) => {
            Err(TransferError::new(TransferErrorKind::Changed, file.path().display()).into())
        }
        Err(error) => Err(failed(TransferErrorKind::Read)(error).into()),
    }
}

/// A reader, and the bytes that were read and not sent.
pub(crate) struct ReaderInput<'r> {
    begun: Vec<u8>,
    reader: Box<dyn Read + Send + 'r>,
    /// The reader has no more.
    drained: bool,
    /// How many bytes were given out.
    given: u64,
}

impl<'r> ReaderInput<'r> {
    pub(crate) fn new(reader: Box<dyn Read + Send + 'r>) -> Self {
        Self {
            begun: Vec::new(),
            reader,
            drained: false,
            given: 0,
        }
    }

    /// Reads up to `most` bytes, and one more to see whether that is all; they stay to be given out.
    pub(crate) fn peek(&mut self, most: usize) -> Result<&[u8]> {
        let most = most as u64 + 1;
        let want = most.saturating_sub(self.begun.len() as u64);
        self.read_on(want)?;
        Ok(&self.begun)
    }

    /// Everything was given out.
    pub(crate) fn is_over(&self) -> bool {
        self.drained && self.begun.is_empty()
    }

    /// The peeked bytes, if they are the whole content.
    pub(crate) fn into_begun(self) -> Vec<u8> {
        self.begun
    }

    /// Puts the next `size` bytes into the buffer; fewer at the end.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, size: u64) -> Result<()> {
        buffer.clear();
        // One byte more, to know whether these are the last.
        let want = size
            .saturating_add(1)
            .saturating_sub(self.begun.len() as u64);
        self.read_on(want)?;
        let ready = usize::try_from(size).map_or(self.begun.len(), |n| n.min(self.begun.len()));
        if ready == self.begun.len() {
            std::mem::swap(buffer, &mut self.begun);
        } else {
            let rest = self.begun.split_off(ready);
            *buffer = std::mem::replace(&mut self.begun, rest);
        }
        self.given += buffer.len() as u64;
        limits::payload_length("input from a reader", self.given)?;
        Ok(())
    }

    fn read_on(&mut self, want: u64) -> Result<()> {
        if want > 0 && !self.drained {
            // Grown by doubling, a part would take twice its size.
            self.begun
                .reserve_exact(usize::try_from(want.min(MOST_RESERVED)).unwrap_or(0));
            let read = (&mut self.reader)
                .take(want)
                .read_to_end(&mut self.begun)
                .map_err(unreadable)?;
            self.drained = (read as u64) < want;
        }
        Ok(())
    }

    /// Returns bytes that were given out and not sent.
    pub(super) fn unread(&mut self, mut bytes: Vec<u8>) {
        self.given -= bytes.len() as u64;
        bytes.append(&mut self.begun);
        self.begun = bytes;
    }
}

/// Reads everything from a reader.
pub(crate) fn read_all(mut input: ReaderInput<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.fill(&mut bytes, limits::MAX_PAYLOAD_BYTES)?;
    if !input.is_over() {
        limits::payload_length("input from a reader", limits::MAX_PAYLOAD_BYTES + 1)?;
    }
    Ok(bytes)
}

pub(super) fn unreadable(error: io::Error) -> TransferError {
    TransferError::new(TransferErrorKind::Read, "the reader").with_source(error)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::{ReaderInput, limits};
    use crate::error::Error;

    #[test]
    fn a_reader_without_an_end_is_left_at_the_services_limit() {
        let mut input = ReaderInput::new(Box::new(io::repeat(0)));
        input.given = limits::MAX_PAYLOAD_BYTES - 1000;
        let mut buffer = Vec::new();
        assert!(input.fill(&mut buffer, 1000).is_ok());
        let over = input.fill(&mut buffer, 1);
        assert!(matches!(over, Err(Error::InvalidInput(_))), "{over:?}");
    }

    #[test]
    fn whatever_is_peeked_at_or_given_back_comes_in_its_order() {
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..fastrand::usize(..300))
                .map(|_| fastrand::u8(..))
                .collect();
            let mut input = ReaderInput::new(Box::new(bytes.as_slice()));
            let (mut came, mut part) = (Vec::new(), Vec::new());
            loop {
                let most = fastrand::usize(1..80);
                match fastrand::u8(..3) {
                    0 => {
                        let left = bytes.len() - came.len();
                        let peeked = input.peek(most).expect("a slice never fails").len();
                        assert!(peeked >= left.min(most + 1));
                    }
                    1 => {
                        input
                            .fill(&mut part, most as u64)
                            .expect("a slice never fails");
                        input.unread(std::mem::take(&mut part));
                    }
                    _ => {
                        input
                            .fill(&mut part, most as u64)
                            .expect("a slice never fails");
                        came.extend_from_slice(&part);
                        assert_eq!(input.is_over(), came.len() == bytes.len());
                        if part.len() < most {
                            break;
                        }
                    }
                }
            }
            assert_eq!(came, bytes);
        }
    }

    #[test]
    fn an_interrupted_read_is_made_again() {
        struct Interrupted(bool);
        impl Read for Interrupted {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = !self.0;
                if self.0 {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                buffer[0] = 7;
                Ok(1)
            }
        }
        let mut input = ReaderInput::new(Box::new(Interrupted(false).take(5)));
        let mut buffer = Vec::new();
        assert!(input.fill(&mut buffer, 10).is_ok());
        assert_eq!(buffer, [7; 5]);
    }
}
