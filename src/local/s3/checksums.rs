//! Checksums of objects and parts, as requests send them.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::content::Content;
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::local::http::head::Head;
use crate::local::http::payload::{Announced, name};
use crate::local::http::response::Refusal;
use crate::local::operation::Operation;
use crate::local::server::{Request, storage_failed};

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidRequest", message)
}

/// The algorithm with this name, ignoring case.
pub(super) fn named(text: &str) -> Option<Algorithm> {
    let mut all = Algorithm::ALL.into_iter();
    all.find(|algorithm| name(*algorithm).eq_ignore_ascii_case(text.trim()))
}

/// The algorithm of `x-amz-checksum-algorithm`.
pub(super) fn asked(head: &Head) -> Result<Option<Algorithm>, Refusal> {
    let Some(text) = head.text("x-amz-checksum-algorithm") else {
        return Ok(None);
    };
    match named(text) {
        Some(algorithm) => Ok(Some(algorithm)),
        None => Err(invalid(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )),
    }
}

/// Verifies the announced checksum and `Content-MD5`. Returns the former with its state, to be continued.
pub(super) fn verified(request: &Request) -> Result<Option<(Announced, Checksum)>, Refusal> {
    let head = &request.head;
    request.sums.check_md5(head)?;
    check_headers(head)?;
    let known = request.sums.verified(head)?.cloned();
    Ok(known.zip(request.sums.announced_sum()))
}

/// Verifies what other requests than uploads say of their bodies. Of a completion `x-amz-checksum-*` is the
/// object's.
pub(super) fn check_document(request: &Request) -> Result<(), Refusal> {
    match request.target.operation {
        Operation::CompleteMultipartUpload => request.sums.check_md5(&request.head),
        Operation::CopyObject | Operation::UploadPartCopy | Operation::CreateMultipartUpload => {
            request.sums.verified(&request.head).map(drop)
        }
        Operation::CreateBucket => verified(request).map(drop),
        _ => Ok(()),
    }
}

pub(super) fn bad_digest(algorithm: Algorithm) -> Refusal {
    let message = format!(
        "The {} you specified did not match the calculated checksum.",
        name(algorithm)
    );
    Refusal::new(400, "BadDigest", message)
}

/// Checks that the checksum headers are consistent.
fn check_headers(head: &Head) -> Result<(), Refusal> {
    let decoded = |text: &str| STANDARD.decode(text.trim()).map(|bytes| bytes.len());
    let trailer = head.text("x-amz-trailer").unwrap_or_default();
    let follows = |algorithm: Algorithm| {
        let mut names = trailer.split(',');
        names.any(|name| name.trim().eq_ignore_ascii_case(algorithm.header()))
    };
    let mut announced = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| head.headers.contains_key(algorithm.header()) || follows(*algorithm));
    let first = announced.next();
    if announced.next().is_some() {
        return Err(invalid(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    if let Some(algorithm) = first
        && let Some(value) = head.headers.get(algorithm.header())
        && value.to_str().ok().and_then(|text| decoded(text).ok()) != Some(algorithm.width())
    {
        let header = algorithm.header();
        return Err(invalid(format!("Value for {header} header is invalid.")));
    }
    match (head.text("x-amz-sdk-checksum-algorithm"), first) {
        (Some(text), _) if named(text).is_none() => Err(invalid(
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        )),
        (Some(_), None) => Err(invalid(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
        )),
        (Some(text), _) if named(text) != first => Err(invalid(
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        )),
        _ => Ok(()),
    }
}

/// Computes checksums of a stream.
struct Summing {
    md5: Option<Md5>,
    sums: Vec<Checksum>,
}

impl io::Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.sums.iter_mut().for_each(|sum| sum.update(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Summing {
    fn of(content: &Content, md5: Option<Md5>, algorithms: &[Algorithm]) -> Result<Self, Refusal> {
        let sums = algorithms.iter().copied().map(Checksum::new).collect();
        let mut summing = Self { md5, sums };
        let read = content.copy(0..content.len(), &mut summing);
        read.map_err(|error| storage_failed(&error))?;
        Ok(summing)
    }
}

/// The MD5 and the checksums of stored content, in the requested order.
pub(super) fn sums(
    content: &Content,
    algorithms: &[Algorithm],
) -> Result<([u8; 16], Vec<Checksum>), Refusal> {
    let summed = Summing::of(content, Some(Md5::new()), algorithms)?;
    let md5 = summed.md5.unwrap_or_default().finalize().into();
    Ok((md5, summed.sums))
}

/// The checksum of content that is stored.
pub(super) fn sum(content: &Content, algorithm: Algorithm) -> Result<Checksum, Refusal> {
    let summed = Summing::of(content, None, &[algorithm])?;
    let sum = summed.sums.into_iter().next();
    Ok(sum.unwrap_or_else(|| Checksum::new(algorithm)))
}
