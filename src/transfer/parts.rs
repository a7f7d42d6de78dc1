//! The part of an input that one request sends: hashed, then sent, and both again if necessary.

use std::cell::RefCell;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use super::CHUNK;
use super::progress::Meter;
use crate::aws::client::payload::{PayloadHash, Source};
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::aws::s3::objects::Verified;
use crate::session::transfer_config::UploadChecksum;
use crate::sys::payload::InputFile;

/// Where the bytes are.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    File {
        file: &'a InputFile,
        start: u64,
        len: u64,
    },
    Bytes(&'a [u8]),
}

impl<'a> Content<'a> {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn reader(self) -> ContentReader<'a> {
        ContentReader {
            content: self,
            at: 0,
        }
    }
}

struct ContentReader<'a> {
    content: Content<'a>,
    at: u64,
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.content.len() - self.at;
        let size = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = &mut buffer[..size];
        match self.content {
            Content::File { file, start, .. } => file.read_exact_at(buffer, start + self.at)?,
            Content::Bytes(bytes) => {
                // What is left of a slice fits into its length.
                let at = usize::try_from(self.at).unwrap_or(bytes.len());
                buffer.copy_from_slice(&bytes[at..at + size]);
            }
        }
        self.at += size as u64;
        Ok(size)
    }
}

/// A part with its checksum.
pub(super) struct Share<'a> {
    content: Content<'a>,
    hash: PayloadHash,
    pub(super) verified: Option<Verified>,
    meter: &'a Meter<'a>,
    /// What the meter has counted of it.
    counted: AtomicU64,
}

impl<'a> Share<'a> {
    /// Reads the content once for its hash. `checksum` is not [`UploadChecksum::Auto`] any more.
    pub(super) fn new(
        content: Content<'a>,
        checksum: UploadChecksum,
        meter: &'a Meter<'a>,
    ) -> io::Result<Self> {
        let (hash, verified) = if checksum == UploadChecksum::Crc32c {
            let algorithm = Algorithm::Crc32c;
            let base64 = checksum_of(content, algorithm)?.into_base64();
            let verified = Verified { algorithm, base64 };
            (PayloadHash::Unsigned, Some(verified))
        } else {
            let sha256 = checksum_of(content, Algorithm::Sha256)?;
            (PayloadHash::Sha256(sha256.into_hex()), None)
        };
        Ok(Self {
            content,
            hash,
            verified,
            meter,
            counted: AtomicU64::new(0),
        })
    }
}

fn checksum_of(content: Content<'_>, algorithm: Algorithm) -> io::Result<Checksum> {
    thread_local! {
        // A thread hashes many parts, one after another.
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let mut checksum = Checksum::new(algorithm);
    if let Content::Bytes(bytes) = content {
        checksum.update(bytes);
        return Ok(checksum);
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(CHUNK, 0);
        let mut reader = content.reader();
        loop {
            match reader.read(buffer)? {
                0 => return Ok(checksum),
                read => checksum.update(&buffer[..read]),
            }
        }
    })
}

impl Source for Share<'_> {
    fn len(&self) -> u64 {
        self.content.len()
    }

    fn hash(&self) -> PayloadHash {
        self.hash.clone()
    }

    fn open(&self) -> Box<dyn Read + '_> {
        self.meter.take_back(self.counted.swap(0, Ordering::SeqCst));
        Box::new(Counted {
            reader: self.content.reader(),
            share: self,
        })
    }
}

struct Counted<'a> {
    reader: ContentReader<'a>,
    share: &'a Share<'a>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.share.counted.fetch_add(read as u64, Ordering::SeqCst);
        self.share.meter.add(read).map_err(io::Error::other)?;
        Ok(read)
    }
}
