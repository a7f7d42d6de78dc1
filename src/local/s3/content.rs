//! The bytes of objects: small ones in memory, large ones on disk, in one piece for each uploaded part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blob::{Blob, Stored};
use super::directory::{invalid, is_blob_name, new_file};

/// Longer content is not held in memory.
const IN_MEMORY: usize = 4 << 20;
/// The same where all objects are on disk: only content being received is in memory.
const IN_MEMORY_ON_ITS_WAY: usize = 64 << 10;
const CHUNK: usize = 256 << 10;

/// Where large objects are stored.
#[derive(Debug, Clone)]
pub(in crate::local) enum Disk {
    /// Unnamed files, which disappear with the process.
    Unnamed(PathBuf),
    /// Files of a data directory. They exist while something refers to them, and longer if an object is stored in them.
    /// A file is open only while it is read.
    Named(PathBuf),
}

impl Disk {
    /// Maximum number of bytes of one object in memory.
    fn in_memory(&self) -> usize {
        match self {
            Self::Unnamed(_) => IN_MEMORY,
            Self::Named(_) => IN_MEMORY_ON_ITS_WAY,
        }
    }

    fn file(&self) -> io::Result<Stored> {
        match self {
            Self::Unnamed(directory) => Ok(Stored::Unnamed(tempfile::tempfile_in(directory)?)),
            Self::Named(directory) => {
                let name = format!("{:032x}", crate::sys::Random::machine().bits());
                let path = directory.join(&name);
                let file = new_file(&path)?;
                let kept = AtomicUsize::new(0);
                Ok(Stored::Named(Blob { name, path, kept }, Some(file)))
            }
        }
    }

    /// Stores bytes that are in memory: on disk if there are many, unless that fails.
    pub(in crate::local) fn keep(&self, bytes: Vec<u8>) -> Content {
        if bytes.len() <= self.in_memory() {
            return bytes.into();
        }
        self.store(&bytes).unwrap_or_else(|_| bytes.into())
    }

    fn store(&self, bytes: &[u8]) -> io::Result<Content> {
        Ok(Content::of(vec![self.piece(bytes)?]))
    }

    fn piece(&self, bytes: &[u8]) -> io::Result<Piece> {
        let mut file = self.file()?;
        file.write_all_at(bytes, 0)?;
        file.close();
        Ok(Piece::Disk(Arc::new(file), bytes.len() as u64))
    }

    /// The same bytes, all of them on disk if objects are stored in a directory.
    pub(in crate::local) fn settle(&self, content: &Content) -> io::Result<Content> {
        if let Self::Unnamed(_) = self {
            return Ok(content.clone());
        }
        let pieces = content.pieces.iter().map(|piece| match piece {
            Piece::Memory(bytes) if !bytes.is_empty() => self.piece(bytes),
            _ => Ok(piece.clone()),
        });
        Ok(Content::of(pieces.collect::<io::Result<_>>()?))
    }
}

/// Bytes as they arrive: in memory, and on disk once they exceed the limit.
pub(in crate::local) struct Spool {
    memory: Vec<u8>,
    file: Option<Stored>,
    len: u64,
}

impl Spool {
    pub(in crate::local) fn new() -> Self {
        Self {
            memory: Vec::new(),
            file: None,
            len: 0,
        }
    }

    pub(in crate::local) fn len(&self) -> u64 {
        self.len
    }

    pub(in crate::local) fn add(&mut self, bytes: &[u8], disk: &Disk) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + bytes.len() > disk.in_memory() {
            let file = disk.file()?;
            file.write_all_at(&self.memory, 0)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &self.file {
            Some(file) => file.write_all_at(bytes, self.len)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Reads to the end; [`io::ErrorKind::FileTooLarge`] if that is more than `limit`.
    pub(in crate::local) fn fill(
        &mut self,
        from: &mut dyn Read,
        limit: u64,
        disk: &Disk,
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => self.add(&buffer[..read], disk)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.len > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }

    /// A writer that adds to it.
    pub(in crate::local) fn writer<'a>(&'a mut self, disk: &'a Disk) -> impl Write + use<'a> {
        Spooling { spool: self, disk }
    }

    pub(in crate::local) fn finish(self) -> Content {
        match self.file {
            Some(mut file) => {
                file.close();
                Content::on_disk(file, self.len)
            }
            None => self.memory.into(),
        }
    }
}

struct Spooling<'a> {
    spool: &'a mut Spool,
    disk: &'a Disk,
}

impl Write for Spooling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.spool.add(bytes, self.disk)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A piece of an object.
#[derive(Clone)]
enum Piece {
    Memory(Arc<Vec<u8>>),
    Disk(Arc<Stored>, u64),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk(_, len) => *len,
        }
    }

    fn check(&self) -> io::Result<()> {
        match self {
            Self::Disk(stored, len) => match &**stored {
                Stored::Named(blob, _) => blob.check(*len),
                Stored::Unnamed(_) => Ok(()),
            },
            Self::Memory(_) => Ok(()),
        }
    }

    /// Sends some of it, from `at` on. `buffer` is used where the system cannot send files.
    fn send_at(
        &self,
        mut stream: &TcpStream,
        at: u64,
        most: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        if let Self::Disk(stored, _) = self
            && let Some(sent) = stored.send_at(stream, at, most)
        {
            return sent;
        }
        buffer.resize(most, 0);
        self.read_at(buffer, at)?;
        stream.write_all(buffer)?;
        Ok(most)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => {
                let at = usize::try_from(at).map_err(io::Error::other)?;
                let found = bytes.get(at..at + buffer.len());
                buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Self::Disk(file, _) => file.read_exact_at(buffer, at),
        }
    }
}

/// Shared, immutable bytes.
#[derive(Clone)]
pub(in crate::local) struct Content {
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

    fn on_disk(file: Stored, len: u64) -> Self {
        Self::of(vec![Piece::Disk(Arc::new(file), len)])
    }

    /// The files of a data directory that it is stored in, with their lengths. Fails if some of it is in memory.
    pub(in crate::local) fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let files: Vec<_> = self
            .blobs()
            .map(|(blob, len)| (blob.name.clone(), len))
            .collect();
        if files.iter().map(|(_, len)| len).sum::<u64>() == self.len {
            Ok(files)
        } else {
            Err(io::Error::other("a part of the object is not on disk"))
        }
    }

    /// Checks that the files of a range exist and have their lengths.
    pub(in crate::local) fn check(&self, range: Range<u64>) -> io::Result<()> {
        let mut start = 0;
        for piece in &*self.pieces {
            let end = start + piece.len();
            if start < range.end && range.start < end {
                piece.check()?;
            }
            start = end;
        }
        Ok(())
    }

    /// Marks its files as used by one more object, so that they outlast the process.
    pub(in crate::local) fn hold(&self) {
        for (blob, _) in self.blobs() {
            blob.kept.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Marks its files as used by one object less.
    pub(in crate::local) fn release(&self) {
        for (blob, _) in self.blobs() {
            blob.kept.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn blobs(&self) -> impl Iterator<Item = (&Blob, u64)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Disk(stored, len) => match &**stored {
                Stored::Named(blob, _) => Some((blob, *len)),
                Stored::Unnamed(_) => None,
            },
            Piece::Memory(_) => None,
        })
    }

    /// Concatenates contents without copying them.
    pub(in crate::local) fn joined<'a>(contents: impl IntoIterator<Item = &'a Self>) -> Self {
        let pieces = contents
            .into_iter()
            .flat_map(|one| one.pieces.iter().cloned());
        Self::of(pieces.collect())
    }

    pub(in crate::local) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes, if they are in memory in one piece.
    pub(in crate::local) fn in_memory(&self) -> Option<&[u8]> {
        match &*self.pieces {
            [] => Some(&[]),
            [Piece::Memory(bytes)] => Some(bytes),
            _ => None,
        }
    }

    pub(in crate::local) fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).map_err(io::Error::other)?);
        self.copy(0..self.len, &mut bytes)?;
        Ok(bytes)
    }

    pub(in crate::local) fn reader(&self) -> ContentReader {
        ContentReader {
            content: self.clone(),
            at: 0,
        }
    }

    /// Writes a range of it.
    pub(in crate::local) fn copy(&self, range: Range<u64>, to: &mut dyn Write) -> io::Result<()> {
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

    /// Sends a range of it. Calls `sent` with the number of bytes after each step.
    pub(in crate::local) fn send(
        &self,
        range: Range<u64>,
        stream: &TcpStream,
        mut sent: impl FnMut(usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut at, mut start) = (range.start, 0);
        let mut buffer = Vec::new();
        for piece in &*self.pieces {
            let end = range.end.min(start + piece.len());
            while at < end {
                let most = usize::try_from(end - at).map_or(CHUNK, |left| left.min(CHUNK));
                match piece.send_at(stream, at - start, most, &mut buffer)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    some => {
                        at += some as u64;
                        sent(some)?;
                    }
                }
            }
            start += piece.len();
        }
        if at < range.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Reads from one piece into the buffer.
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

/// The pieces that were found in a data directory, each once: objects share them.
pub(in crate::local) struct FoundPieces {
    directory: PathBuf,
    found: BTreeMap<String, Arc<Stored>>,
}

impl FoundPieces {
    pub(in crate::local) fn of(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            found: BTreeMap::new(),
        }
    }

    /// The content of an object. A missing piece, a wrong length, or the name of any other file is an error.
    pub(in crate::local) fn content(&mut self, files: &[(String, u64)]) -> io::Result<Content> {
        let pieces = files.iter().map(|(name, len)| self.piece(name, *len));
        let pieces = pieces.collect::<io::Result<Vec<_>>>()?;
        let total = files
            .iter()
            .try_fold(0_u64, |sum, (_, len)| sum.checked_add(*len));
        total.ok_or_else(|| invalid("the lengths of its pieces are out of range"))?;
        Ok(Content::of(pieces))
    }

    /// Ends the loading: from now on a piece is removed with the last object stored in it. Pieces of damaged objects
    /// stay.
    pub(in crate::local) fn finish(self, of_damaged: &BTreeSet<String>) {
        for (name, stored) in self.found {
            if let Stored::Named(blob, _) = &*stored
                && !of_damaged.contains(&name)
            {
                blob.kept.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    fn piece(&mut self, name: &str, len: u64) -> io::Result<Piece> {
        if !is_blob_name(name) {
            return Err(invalid(format!("{name:?} is not the name of a piece")));
        }
        if let Some(stored) = self.found.get(name) {
            let piece = Piece::Disk(Arc::clone(stored), len);
            return piece.check().map(|()| piece);
        }
        let blob = Blob {
            name: name.to_owned(),
            path: self.directory.join(name),
            // It stays until the whole directory is read, because other documents may name it.
            kept: AtomicUsize::new(1),
        };
        let checked = blob.check(len);
        let stored = Arc::new(Stored::Named(blob, None));
        self.found.insert(name.to_owned(), Arc::clone(&stored));
        checked.map(|()| Piece::Disk(stored, len))
    }
}

/// Reads it from the first byte on.
#[derive(Debug)]
pub(in crate::local) struct ContentReader {
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
