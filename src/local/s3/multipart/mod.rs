//! S3: multipart uploads.

mod complete;
mod list;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::SystemTime;

use md5::{Digest, Md5};

use super::content::Content;
use super::listing;
use super::objects::{in_bucket, kept_headers, key};
use super::store::{Bucket, checksum_kind, quoted};
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::local::http::answer::{Answer, Refusal};
use crate::local::http::payload::{Announced, name};
use crate::local::server::{Request, Shared, random_hex, storage_failed};
use crate::local::xml::Xml;

const MAX_PARTS: u32 = 10_000;

pub(in crate::local) use complete::complete;
pub(in crate::local) use list::{list_parts, list_uploads};

/// A multipart upload that is not complete.
pub(in crate::local) struct Upload {
    pub(in crate::local) key: String,
    headers: Vec<(String, Vec<u8>)>,
    /// `x-amz-checksum-algorithm`.
    algorithm: Option<Algorithm>,
    /// `x-amz-checksum-type`: the object's checksum is that of the whole, not of the parts' checksums.
    of_the_whole: bool,
    begun: SystemTime,
    parts: BTreeMap<u32, Part>,
}

/// A part that was stored.
struct Part {
    content: Content,
    md5: [u8; 16],
    crc64: Checksum,
    /// What came along, verified, and its sum to go on from.
    announced: Option<Announced>,
    announced_sum: Option<Checksum>,
    last_modified: SystemTime,
}

impl Part {
    fn etag(&self) -> String {
        quoted(&self.md5)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("key", &self.key)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

pub(in crate::local) fn create(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let key = key(request)?;
    let id = random_hex(32);
    let algorithm = Algorithm::ALL
        .into_iter()
        .find(|algorithm| request.head.text("x-amz-checksum-algorithm") == Some(name(*algorithm)));
    let kind = request.head.text("x-amz-checksum-type");
    let of_the_whole = match algorithm {
        Some(Algorithm::Crc64Nvme) => true,
        Some(algorithm) => algorithm.combines() && kind == Some("FULL_OBJECT"),
        None => false,
    };
    let upload = Upload {
        key: key.to_owned(),
        headers: kept_headers(request),
        algorithm,
        of_the_whole,
        begun: shared.config.clock.now(),
        parts: BTreeMap::new(),
    };
    in_bucket(shared, request, |bucket| {
        bucket.uploads.insert(id.clone(), upload);
        Ok(())
    })?;
    let mut xml = Xml::document();
    xml.element(
        "InitiateMultipartUploadResult",
        Some(listing::NAMESPACE),
        |xml| {
            xml.text("Bucket", &request.target.container)
                .text("Key", key)
                .text("UploadId", &id);
        },
    );
    let mut answer = Answer::xml(200, xml);
    if let Some(algorithm) = algorithm {
        answer = answer
            .header("x-amz-checksum-algorithm", name(algorithm))
            .header("x-amz-checksum-type", checksum_kind(!of_the_whole));
    }
    Ok(answer)
}

pub(in crate::local) fn upload_part(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let number = part_number(request)?;
    let content = shared.config.disk.settle(&request.content);
    let content = content.map_err(|error| storage_failed(&error))?;
    let announced = request.sums.verified(&request.head)?.cloned();
    let part = Part {
        content,
        md5: request.sums.md5,
        crc64: request.sums.crc64.clone(),
        announced,
        announced_sum: request.sums.announced_sum(),
        last_modified: shared.config.clock.now(),
    };
    let mut answer = Answer::empty(200).header("etag", part.etag());
    if let Some(Announced { algorithm, base64 }) = &part.announced {
        answer = answer.header(algorithm.header(), base64);
    }
    in_upload(shared, request, |upload| {
        check_algorithm(upload, part.announced.as_ref())?;
        upload.parts.insert(number, part);
        Ok(())
    })?;
    Ok(answer)
}

fn part_number(request: &Request) -> Result<u32, Refusal> {
    request
        .target
        .parameter("partNumber")
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=MAX_PARTS).contains(number))
        .ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidArgument",
                "Part number must be an integer between 1 and 10000, inclusive",
            )
            .detail("ArgumentName", "partNumber")
        })
}

/// Adds a part that was copied from an object. Gives its `ETag` and its time.
pub(in crate::local) fn add_copied(
    shared: &Shared,
    request: &Request,
    content: Content,
) -> Result<(String, SystemTime), Refusal> {
    let number = part_number(request)?;
    let algorithm = in_upload(shared, request, |upload| Ok(upload.algorithm))?;
    let mut sums = Copied {
        md5: Md5::new(),
        crc64: Checksum::new(Algorithm::Crc64Nvme),
        other: algorithm.map(Checksum::new),
    };
    let summed = content.copy(0..content.len(), &mut sums);
    summed.map_err(|error| storage_failed(&error))?;
    let announced = algorithm.zip(sums.other.clone());
    let part = Part {
        content,
        md5: sums.md5.finalize().into(),
        crc64: sums.crc64,
        announced: announced.map(|(algorithm, sum)| Announced {
            algorithm,
            base64: sum.into_base64(),
        }),
        announced_sum: sums.other,
        last_modified: shared.config.clock.now(),
    };
    let told = (part.etag(), part.last_modified);
    in_upload(shared, request, |upload| {
        upload.parts.insert(number, part);
        Ok(told)
    })
}

/// The sums of what is copied.
struct Copied {
    md5: Md5,
    crc64: Checksum,
    other: Option<Checksum>,
}

impl io::Write for Copied {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.md5.update(bytes);
        self.crc64.update(bytes);
        if let Some(other) = &mut self.other {
            other.update(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Parts carry the checksum that the upload was begun for, and no other.
fn check_algorithm(upload: &Upload, announced: Option<&Announced>) -> Result<(), Refusal> {
    let actual = announced.map(|announced| announced.algorithm);
    if actual.is_none() || actual == upload.algorithm {
        return Ok(());
    }
    let named = |algorithm: Option<Algorithm>| {
        algorithm.map_or_else(|| "null".to_owned(), |one| name(one).to_lowercase())
    };
    Err(Refusal::new(
        400,
        "InvalidRequest",
        format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            named(upload.algorithm),
            named(actual)
        ),
    ))
}

pub(in crate::local) fn abort(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    in_bucket(shared, request, |bucket| {
        find(bucket, request)?;
        let id = request.target.parameter("uploadId").unwrap_or_default();
        bucket.uploads.remove(id);
        Ok(())
    })?;
    Ok(Answer::empty(204))
}

fn in_upload<T>(
    shared: &Shared,
    request: &Request,
    act: impl FnOnce(&mut Upload) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    in_bucket(shared, request, |bucket| {
        find(bucket, request)?;
        let id = request.target.parameter("uploadId").unwrap_or_default();
        bucket
            .uploads
            .get_mut(id)
            .map_or_else(|| Err(no_such_upload(id)), act)
    })
}

/// The upload that the request names; it must be one of the request's key.
fn find<'a>(bucket: &'a Bucket, request: &Request) -> Result<&'a Upload, Refusal> {
    let id = request.target.parameter("uploadId").unwrap_or_default();
    bucket
        .uploads
        .get(id)
        .filter(|upload| Some(&upload.key) == request.target.key.as_ref())
        .ok_or_else(|| no_such_upload(id))
}

fn no_such_upload(id: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchUpload",
        "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed.",
    )
    .detail("UploadId", id)
}
