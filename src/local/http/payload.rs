//! The body of a request as it arrives: checksums are computed on the way, and a long body goes to disk.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha2::Sha256;

use super::chunked::{Chunked, STREAMING, malformed_trailer};
use super::head::Head;
use super::response::Refusal;
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::local::auth::Auth;
use crate::local::auth::chunk_signer::ChunkSigner;
use crate::local::auth::signature::UNSIGNED;
use crate::local::s3::content::{Content, Disk, Spool};

/// A body with its checksums.
pub(in crate::local) struct Payload {
    spool: Spool,
    sums: Running,
    chunked: Option<Chunked>,
}

/// The sums so far.
struct Running {
    sha256: Option<Sha256>,
    md5: Md5,
    /// The checksums that S3 stores with every object.
    crc64: Checksum,
    /// The announced checksum and the computed one. Its value may follow the body.
    announced: Option<(Algorithm, Option<String>, Checksum)>,
}

/// A checksum sent with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::local) struct Announced {
    pub(in crate::local) algorithm: Algorithm,
    pub(in crate::local) base64: String,
}

/// The checksums of a complete body.
pub(in crate::local) struct Sums {
    /// In hexadecimal digits; `None` if the signature covers no body, or covers it in chunks.
    pub(in crate::local) sha256: Option<String>,
    pub(in crate::local) md5: [u8; 16],
    pub(in crate::local) crc64: Checksum,
    announced: Option<(Announced, Checksum)>,
    /// Why the body cannot be taken.
    pub(in crate::local) problem: Option<Refusal>,
}

impl Payload {
    pub(in crate::local) fn new(head: &Head, auth: &Auth) -> Self {
        let hash = head.text("x-amz-content-sha256");
        let in_chunks = hash.is_some_and(|hash| hash.starts_with(STREAMING));
        let trailer = head.text("x-amz-trailer").unwrap_or_default();
        let announced = Algorithm::ALL.into_iter().find_map(|algorithm| {
            let value = head.text(algorithm.header());
            let value = value.map(|base64| base64.trim().to_owned());
            let follows = trailer
                .split(',')
                .any(|name| name.trim().eq_ignore_ascii_case(algorithm.header()));
            (value.is_some() || follows).then(|| (algorithm, value, Checksum::new(algorithm)))
        });
        Self {
            spool: Spool::new(),
            sums: Running {
                sha256: (hash != Some(UNSIGNED) && !in_chunks).then(Sha256::new),
                md5: Md5::new(),
                crc64: Checksum::new(Algorithm::Crc64Nvme),
                announced,
            },
            chunked: Chunked::of(head, || ChunkSigner::of(auth, head)),
        }
    }

    pub(in crate::local) fn len(&self) -> u64 {
        self.spool.len()
    }

    pub(in crate::local) fn add(&mut self, bytes: &[u8], disk: &Disk) -> io::Result<()> {
        let Self {
            spool,
            sums,
            chunked,
        } = self;
        let mut keep = |bytes: &[u8]| {
            sums.add(bytes);
            spool.add(bytes, disk)
        };
        match chunked {
            Some(chunked) => chunked.add(bytes, keep),
            None => keep(bytes),
        }
    }

    pub(in crate::local) fn finish(self) -> (Content, Sums) {
        let trailer = self.chunked.map(Chunked::finish);
        let mut problem = None;
        let trailer = match trailer {
            Some(Err(refusal)) => {
                problem = Some(refusal);
                None
            }
            Some(Ok(trailer)) => Some(trailer),
            None => None,
        };
        let announced = self.sums.announced.and_then(|(algorithm, base64, found)| {
            let in_head = base64.is_some();
            let base64 = base64.or_else(|| {
                let value = trailer.as_ref()?.get(algorithm.header())?;
                value.to_str().ok().map(str::to_owned)
            });
            let Some(base64) = base64 else {
                problem.get_or_insert_with(malformed_trailer);
                return None;
            };
            // One of the head is checked with the other headers.
            let len = STANDARD.decode(&base64).map(|bytes| bytes.len());
            if !in_head && len != Ok(algorithm.width()) {
                let header = algorithm.header();
                let message = format!("Value for {header} trailing header is invalid.");
                problem.get_or_insert_with(|| Refusal::new(400, "InvalidRequest", message));
            }
            Some((Announced { algorithm, base64 }, found))
        });
        let sums = Sums {
            sha256: self
                .sums
                .sha256
                .map(|sha256| hex::encode(sha256.finalize())),
            md5: self.sums.md5.finalize().into(),
            crc64: self.sums.crc64,
            announced,
            problem,
        };
        (self.spool.finish(), sums)
    }
}

impl Running {
    fn add(&mut self, bytes: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.md5.update(bytes);
        self.crc64.update(bytes);
        if let Some((_, _, checksum)) = &mut self.announced {
            checksum.update(bytes);
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sums").finish_non_exhaustive()
    }
}

impl Sums {
    /// The computed checksum, by the algorithm of the announced one.
    pub(in crate::local) fn announced_sum(&self) -> Option<Checksum> {
        self.announced.as_ref().map(|(_, found)| found.clone())
    }

    /// Verifies `Content-MD5`, if it was sent.
    pub(in crate::local) fn check_md5(&self, head: &Head) -> Result<(), Refusal> {
        let Some(announced) = head.text("content-md5") else {
            return Ok(());
        };
        if STANDARD.decode(announced.trim()).map(|bytes| bytes.len()) != Ok(self.md5.len()) {
            let message = "The Content-MD5 you specified was invalid.";
            return Err(
                Refusal::new(400, "InvalidDigest", message).detail("Content-MD5", announced)
            );
        }
        let found = STANDARD.encode(self.md5);
        if announced.trim() == found {
            return Ok(());
        }
        Err(Refusal::new(
            400,
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
        )
        .detail("ExpectedDigest", announced)
        .detail("CalculatedDigest", found))
    }

    /// Verifies the announced checksum and `Content-MD5`, and returns the former.
    pub(in crate::local) fn verified(&self, head: &Head) -> Result<Option<&Announced>, Refusal> {
        self.check_md5(head)?;
        match &self.announced {
            Some((announced, found)) if announced.base64 != found.clone().into_base64() => {
                Err(Refusal::new(
                    400,
                    "BadDigest",
                    format!(
                        "The {} you specified did not match the calculated checksum.",
                        name(announced.algorithm)
                    ),
                ))
            }
            announced => Ok(announced.as_ref().map(|(announced, _)| announced)),
        }
    }
}

/// As `x-amz-checksum-algorithm` and the elements of a list of parts spell it.
pub(in crate::local) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Crc64Nvme => "CRC64NVME",
        Algorithm::Crc32c => "CRC32C",
        Algorithm::Crc32 => "CRC32",
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
    }
}
