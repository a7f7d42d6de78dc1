//! What a request carries when that is not in memory.

use std::io::{self, Read};

/// A payload that is read again for each attempt.
pub(crate) trait Source: Sync {
    fn len(&self) -> u64;

    /// What the signature covers.
    fn hash(&self) -> PayloadHash;

    /// From the first byte.
    fn open(&self) -> Box<dyn Read + '_>;
}

/// What a signature says of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PayloadHash {
    /// SHA-256, as lower-case hexadecimal digits.
    Sha256(String),
    /// Unsigned: TLS protects it, and a separate checksum detects accidents.
    Unsigned,
}

/// Reads exactly as many bytes as were announced, and separates the source's errors from those
/// of the connection.
pub(crate) struct Feed<'a> {
    reader: Box<dyn Read + 'a>,
    left: u64,
    failed: Option<io::Error>,
}

impl<'a> Feed<'a> {
    pub(crate) fn new(source: &'a dyn Source) -> Self {
        Self {
            reader: source.open(),
            left: source.len(),
            failed: None,
        }
    }

    /// Why the source could not be read, if it could not.
    pub(crate) fn into_failure(self) -> Option<io::Error> {
        self.failed
    }
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let read = match self.reader.read(&mut buffer[..most]) {
            // The announced length cannot be reached: the request has to fail.
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            outcome => outcome,
        };
        match read {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("the payload's source failed"))
            }
        }
    }
}
