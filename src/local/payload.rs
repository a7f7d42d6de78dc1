//! The body of a request as it comes in: summed up on its way, and to disk if it is long.

use std::fmt;
use std::fs::File;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha2::Sha256;

use super::answer::Refusal;
use super::content::{Content, Disk, IN_MEMORY};
use super::http1::Head;
use super::signature::UNSIGNED;
use crate::aws::checksum::{Algorithm, Checksum};
use crate::sys::payload::write_all_at;

/// A body, and what was found of it.
pub(super) struct Payload {
    memory: Vec<u8>,
    file: Option<File>,
    len: u64,
    sha256: Option<Sha256>,
    md5: Md5,
    /// What S3 keeps of every object.
    crc64: Checksum,
    /// The checksum that came along, and what it is found to be.
    announced: Option<(Announced, Checksum)>,
}

/// A checksum that came with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) algorithm: Algorithm,
    pub(super) base64: String,
}

/// What is known of a body that has come whole.
pub(super) struct Sums {
    /// In hexadecimal digits; `None` if the signature covers no body.
    pub(super) sha256: Option<String>,
    pub(super) md5: [u8; 16],
    pub(super) crc64: Checksum,
    announced: Option<(Announced, String)>,
}

impl Payload {
    pub(super) fn new(head: &Head) -> Self {
        let signed = head.text("x-amz-content-sha256") != Some(UNSIGNED);
        let announced = Algorithm::ALL.into_iter().find_map(|algorithm| {
            let base64 = head.text(algorithm.header())?.trim().to_owned();
            let announced = Announced { algorithm, base64 };
            Some((announced, Checksum::new(algorithm)))
        });
        Self {
            memory: Vec::new(),
            file: None,
            len: 0,
            sha256: signed.then(Sha256::new),
            md5: Md5::new(),
            crc64: Checksum::new(Algorithm::Crc64Nvme),
            announced,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn add(&mut self, bytes: &[u8], disk: &Disk) -> io::Result<()> {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.md5.update(bytes);
        self.crc64.update(bytes);
        if let Some((_, checksum)) = &mut self.announced {
            checksum.update(bytes);
        }
        if self.file.is_none() && self.memory.len() + bytes.len() > IN_MEMORY {
            let file = disk.file()?;
            write_all_at(&file, &self.memory, 0)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &self.file {
            Some(file) => write_all_at(file, bytes, self.len)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn finish(self) -> (Content, Sums) {
        let content = match self.file {
            Some(file) => Content::on_disk(file, self.len),
            None => self.memory.into(),
        };
        let sums = Sums {
            sha256: self.sha256.map(|sha256| hex::encode(sha256.finalize())),
            md5: self.md5.finalize().into(),
            crc64: self.crc64,
            announced: self
                .announced
                .map(|(announced, found)| (announced, found.into_base64())),
        };
        (content, sums)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sums")
            .field("announced", &self.announced)
            .finish_non_exhaustive()
    }
}

impl Sums {
    /// The checksum that came along, once it is known to be right; and `Content-MD5`.
    pub(super) fn verified(&self, head: &Head) -> Result<Option<&Announced>, Refusal> {
        if let Some(announced) = head.text("content-md5") {
            let found = STANDARD.encode(self.md5);
            if announced.trim() != found {
                return Err(Refusal::new(
                    400,
                    "BadDigest",
                    "The Content-MD5 you specified did not match what we received.",
                )
                .detail("ExpectedDigest", announced)
                .detail("CalculatedDigest", found));
            }
        }
        match &self.announced {
            Some((announced, found)) if announced.base64 != *found => Err(Refusal::new(
                400,
                "BadDigest",
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    name(announced.algorithm)
                ),
            )),
            announced => Ok(announced.as_ref().map(|(announced, _)| announced)),
        }
    }
}

/// As `x-amz-checksum-algorithm` and the elements of a list of parts spell it.
pub(super) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Crc64Nvme => "CRC64NVME",
        Algorithm::Crc32c => "CRC32C",
        Algorithm::Crc32 => "CRC32",
        Algorithm::Sha256 => "SHA256",
    }
}
