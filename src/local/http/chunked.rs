//! `aws-chunked` bodies: the payload in chunks within the body, each perhaps signed, and checksums after
//! the last one.
//!
//! Source: "Signature calculations for the Authorization header: transferring payload in multiple
//! chunks" and "... including trailing headers" in the S3 API reference.

use std::io;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::dechunk::chunk_size;
use super::head::Head;
use super::response::Refusal;
use crate::local::auth::chunk_signer::ChunkSigner;

/// The common prefix of the `x-amz-content-sha256` values.
pub(in crate::local) const STREAMING: &str = "STREAMING-";
/// The longest line between chunks: a length, a signature, and room for other extensions.
const MAX_LINE: usize = 1024;
/// The trailer's lines, of which there are two or three.
const MAX_TRAILER: usize = 8 * 1024;

/// Decodes chunks as they arrive.
pub(in crate::local) struct Chunked {
    state: State,
    line: Vec<u8>,
    /// Present if chunks are signed.
    signer: Option<ChunkSigner>,
    chunk: Sha256,
    /// The signature of the current chunk.
    signature: String,
    trailer: HeaderMap,
    /// The trailer as it is signed.
    trailer_text: Vec<u8>,
    has_trailer: bool,
    /// The fields that the trailer may have, in lower case.
    declared: Vec<String>,
    problem: Option<Refusal>,
    len: u64,
    announced: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `LENGTH;chunk-signature=..`
    Length,
    Data(u64),
    /// The line feed after a chunk.
    DataEnd,
    Trailer,
    End,
    /// Malformed; the rest is ignored.
    Broken,
}

impl Chunked {
    /// Returns `None` for a body that is not in chunks.
    pub(in crate::local) fn of(
        head: &Head,
        signer: impl FnOnce() -> Option<ChunkSigner>,
    ) -> Option<Self> {
        let (are_signed, has_trailer) = kind(head.text("x-amz-content-sha256")?)?;
        let announced = head
            .text("x-amz-decoded-content-length")
            .map(str::trim)
            .filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|length| length.parse().ok());
        let problem = announced.is_none().then(|| {
            let message = "You must provide the Content-Length HTTP header.";
            Refusal::new(411, "MissingContentLength", message)
        });
        Some(Self {
            state: State::Length,
            line: Vec::new(),
            // Without one the request is refused for its signature as a whole.
            signer: if are_signed { signer() } else { None },
            chunk: Sha256::new(),
            signature: String::new(),
            trailer: HeaderMap::new(),
            trailer_text: Vec::new(),
            has_trailer,
            declared: declared(head),
            problem,
            len: 0,
            announced: announced.unwrap_or(0),
        })
    }

    /// Decodes what arrived and passes the payload on.
    pub(in crate::local) fn add(
        &mut self,
        mut bytes: &[u8],
        mut payload: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.state {
                State::Data(left) => {
                    let most =
                        usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    let (data, rest) = bytes.split_at(most);
                    if self.signer.is_some() {
                        self.chunk.update(data);
                    }
                    self.len += most as u64;
                    payload(data)?;
                    bytes = rest;
                    let left = left - most as u64;
                    self.state = State::Data(left);
                    if left == 0 {
                        self.state = State::DataEnd;
                        self.verify_chunk();
                    }
                }
                State::Broken => return Ok(()),
                // Bytes after the end are neither payload nor signed.
                State::End => {
                    self.fail(malformed());
                    return Ok(());
                }
                State::Length | State::DataEnd | State::Trailer => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
                    self.line.extend_from_slice(part);
                    bytes = rest;
                    if self.line.len() > MAX_LINE {
                        self.fail(malformed());
                    } else if end.is_some() {
                        let line = std::mem::take(&mut self.line);
                        self.take_line_with_end(&line);
                    }
                }
            }
        }
        Ok(())
    }

    /// A line ends in CRLF; the trailer's may end in a line feed alone, as S3's reference shows it.
    fn take_line_with_end(&mut self, line: &[u8]) {
        match line.strip_suffix(b"\r\n") {
            Some(line) => self.take_line(line),
            None if self.state == State::Trailer => self.take_line(line.trim_ascii_end()),
            None => self.fail(malformed()),
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        match self.state {
            State::Length => match chunk_head(line) {
                Some((length, signature)) => {
                    self.signature = signature;
                    self.state = State::Data(length);
                    if length == 0 {
                        self.state = State::Trailer;
                        self.verify_chunk();
                    } else if self.len.saturating_add(length) > self.announced {
                        self.fail(incomplete());
                    }
                }
                None => self.fail(malformed()),
            },
            State::DataEnd if line.is_empty() => self.state = State::Length,
            State::Trailer if line.is_empty() => self.end(),
            State::Trailer => self.take_trailer(line),
            _ => self.fail(malformed()),
        }
    }

    fn take_trailer(&mut self, line: &[u8]) {
        let parsed = line
            .iter()
            .position(|byte| *byte == b':')
            .and_then(|colon| {
                let name = HeaderName::from_bytes(line[..colon].trim_ascii()).ok()?;
                let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
                Some((name, value))
            });
        match parsed {
            Some((name, value)) if name == "x-amz-trailer-signature" => {
                self.signature = String::from_utf8_lossy(value.as_bytes()).into_owned();
            }
            // One that was not announced would be neither signed nor checked. Which of two values counts would
            // depend on the reader.
            Some((name, _))
                if !self.has_trailer
                    || !self
                        .declared
                        .iter()
                        .any(|declared| name == declared.as_str())
                    || self.trailer.contains_key(&name) =>
            {
                self.fail(malformed_trailer());
            }
            Some((name, value)) if self.trailer_text.len() + line.len() <= MAX_TRAILER => {
                self.trailer_text
                    .extend_from_slice(name.as_str().as_bytes());
                self.trailer_text.push(b':');
                self.trailer_text.extend_from_slice(value.as_bytes());
                self.trailer_text.push(b'\n');
                self.trailer.append(name, value);
            }
            _ => self.fail(malformed_trailer()),
        }
    }

    fn verify_chunk(&mut self) {
        let hash = std::mem::take(&mut self.chunk).finalize();
        if let Some(signer) = &mut self.signer
            && !signer.chunk_holds(&hash, &self.signature)
        {
            self.fail(wrong_signature());
        }
        // What follows the last chunk brings its own.
        self.signature.clear();
    }

    fn end(&mut self) {
        self.state = State::End;
        if self.has_trailer
            && let Some(signer) = &mut self.signer
            && !signer.trailer_holds(&Sha256::digest(&self.trailer_text), &self.signature)
        {
            self.fail(wrong_signature());
        }
    }

    fn fail(&mut self, refusal: Refusal) {
        self.state = State::Broken;
        self.problem.get_or_insert(refusal);
    }

    /// The trailer, or why the body is malformed.
    pub(in crate::local) fn finish(mut self) -> Result<HeaderMap, Refusal> {
        // Some clients omit the last empty line.
        if self.state == State::Trailer && self.line.is_empty() {
            self.end();
        }
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if self.state != State::End || self.len != self.announced {
            return Err(incomplete());
        }
        Ok(self.trailer)
    }
}

/// The names in `x-amz-trailer`.
fn declared(head: &Head) -> Vec<String> {
    let names = head.list("x-amz-trailer").unwrap_or_default();
    let names = names.split(',').map(str::trim);
    names.map(str::to_ascii_lowercase).collect()
}

/// Whether the chunks are signed, and whether a trailer follows them.
fn kind(hash: &str) -> Option<(bool, bool)> {
    match hash.strip_prefix(STREAMING)? {
        "UNSIGNED-PAYLOAD-TRAILER" => Some((false, true)),
        "AWS4-HMAC-SHA256-PAYLOAD" => Some((true, false)),
        "AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some((true, true)),
        _ => None,
    }
}

/// Whether bodies of this kind are decoded; others are refused.
pub(in crate::local) fn is_understood(hash: &str) -> bool {
    kind(hash).is_some()
}

/// A chunk's length and its signature, which is empty if it has none.
fn chunk_head(line: &[u8]) -> Option<(u64, String)> {
    let length = chunk_size(line)?;
    let line = std::str::from_utf8(line).ok()?;
    let (_, extensions) = line.split_once(';').unwrap_or((line, ""));
    let signature = extensions
        .split(';')
        .find_map(|extension| extension.trim().strip_prefix("chunk-signature="));
    Some((length, signature.unwrap_or_default().to_owned()))
}

fn malformed() -> Refusal {
    Refusal::new(
        400,
        "InvalidRequest",
        "The body is not in the chunks that x-amz-content-sha256 announces.",
    )
}

pub(in crate::local) fn malformed_trailer() -> Refusal {
    Refusal::new(
        400,
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    )
}

pub(in crate::local) fn incomplete() -> Refusal {
    Refusal::new(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    )
}

fn wrong_signature() -> Refusal {
    Refusal::new(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    )
}
