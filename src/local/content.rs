//! The bytes of objects: small ones in memory, large ones on disk, in as many pieces as they came.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::sys::payload::{read_exact_at, write_all_at};

/// What is longer than this many bytes is not held in memory.
pub(super) const IN_MEMORY: usize = 4 << 20;
const CHUNK: usize = 256 << 10;

/// Where large objects are kept: files without a name, which are gone with the process.
#[derive(Debug, Clone)]
pub(super) struct Disk(PathBuf);

impl Disk {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    pub(super) fn file(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.0)
    }

    /// Bytes that are there already; to disk if there are many. Where that fails they stay.
    pub(super) fn keep(&self, bytes: Vec<u8>) -> Content {
        if bytes.len() <= IN_MEMORY {
            return bytes.into();
        }
        let written = self.file().and_then(|file| {
            write_all_at(&file, &bytes, 0)?;
            Ok(file)
        });
        match written {
            Ok(file) => Content::on_disk(file, bytes.len() as u64),
            Err(_) => bytes.into(),
        }
    }
}

/// A piece of an object.
#[derive(Clone)]
enum Piece {
    Memory(Arc<Vec<u8>>),
    Disk(Arc<File>, u64),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk(_, len) => *len,
        }
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => {
                let at = usize::try_from(at).map_err(io::Error::other)?;
                let found = bytes.get(at..at + buffer.len());
                buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Self::Disk(file, _) => read_exact_at(file, buffer, at),
        }
    }
}

/// Bytes that are shared and never change.
#[derive(Clone)]
pub(super) struct Content {
    pieces: Arc<[Piece]>,
    len: u64,
}

impl Content {
    fn of(pieces: Vec<Piece>) -> Self {
        Self {
            len: pieces.iter().map(Piece::len).sum(),
            pieces: pieces.into(),
        }
    }

    pub(super) fn on_disk(file: File, len: u64) -> Self {
        Self::of(vec![Piece::Disk(Arc::new(file), len)])
    }

    /// One after another, none of them copied.
    pub(super) fn joined<'a>(contents: impl IntoIterator<Item = &'a Self>) -> Self {
        let pieces = contents
            .into_iter()
            .flat_map(|one| one.pieces.iter().cloned());
        Self::of(pieces.collect())
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes, if they are in memory in one piece.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match &*self.pieces {
            [] => Some(&[]),
            [Piece::Memory(bytes)] => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).map_err(io::Error::other)?);
        self.copy(0..self.len, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn reader(&self) -> ContentReader {
        ContentReader {
            content: self.clone(),
            at: 0,
        }
    }

    /// Writes a range of it.
    pub(super) fn copy(&self, range: Range<u64>, to: &mut dyn Write) -> io::Result<()> {
        let mut at = range.start;
        let mut buffer = Vec::new();
        while at < range.end {
            let left = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            buffer.resize(left.min(CHUNK), 0);
            match self.read_at(&mut buffer, at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    to.write_all(&buffer[..read])?;
                    at += read as u64;
                }
            }
        }
        Ok(())
    }

    /// Fills as much of the buffer as one piece has there.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut start = 0;
        for piece in &*self.pieces {
            let within = at - start;
            if within < piece.len() {
                let left = usize::try_from(piece.len() - within).unwrap_or(usize::MAX);
                let most = left.min(buffer.len());
                piece.read_at(&mut buffer[..most], within)?;
                return Ok(most);
            }
            start += piece.len();
        }
        Ok(0)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::of(vec![Piece::Memory(Arc::new(bytes))])
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Reads it from the first byte on.
#[derive(Debug)]
pub(super) struct ContentReader {
    content: Content,
    at: u64,
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
