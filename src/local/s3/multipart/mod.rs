//! S3: multipart uploads.

mod complete;
mod list;

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use super::content::Content;
use super::listing;
use super::objects::{in_bucket, kept_headers, key, with_encryption};
use super::store::{Bucket, ObjectChecksum, checksum_kind, quoted};
use super::{checksums, conditions};
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::local::http::payload::name;
use crate::local::http::response::{Refusal, Response};
use crate::local::s3::S3;
use crate::local::server::{Request, random_hex, storage_failed};
use crate::local::xml::Xml;

const MAX_PARTS: u32 = 10_000;

pub(in crate::local) use complete::Completed;
pub(super) use complete::complete;
pub(super) use list::{list_parts, list_uploads};

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
    /// By the upload's algorithm; if it has none, by that of the checksum sent with the part.
    sum: Option<(Algorithm, Checksum)>,
    last_modified: SystemTime,
}

impl Part {
    fn etag(&self) -> String {
        quoted(&self.md5)
    }

    /// Its checksum, as returned to clients.
    fn checksum(&self) -> Option<ObjectChecksum> {
        self.sum.as_ref().map(|(algorithm, sum)| ObjectChecksum {
            algorithm: *algorithm,
            value: sum.clone().into_base64(),
            composite: false,
        })
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

pub(super) fn create(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let key = key(request)?;
    let id = random_hex(32);
    let algorithm = checksums::asked(&request.head)?;
    let of_the_whole = is_of_the_whole(algorithm, request.head.text("x-amz-checksum-type"))?;
    let upload = Upload {
        key: key.to_owned(),
        headers: kept_headers(request),
        algorithm,
        of_the_whole,
        begun: s3.common.clock.now(),
        parts: BTreeMap::new(),
    };
    let headers = upload.headers.clone();
    in_bucket(s3, request, |bucket| {
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
    let mut response = with_encryption(Response::xml(200, xml), &headers);
    if let Some(algorithm) = algorithm {
        response = response
            .header("x-amz-checksum-algorithm", name(algorithm))
            .header("x-amz-checksum-type", checksum_kind(!of_the_whole));
    }
    Ok(response)
}

/// Whether the object's checksum is to be that of the whole: as `x-amz-checksum-type` says, if the
/// algorithm can do it.
fn is_of_the_whole(algorithm: Option<Algorithm>, kind: Option<&str>) -> Result<bool, Refusal> {
    let invalid = |message: String| Err(Refusal::new(400, "InvalidRequest", message));
    let Some(algorithm) = algorithm else {
        return match kind {
            None => Ok(false),
            Some(_) => invalid(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
                    .to_owned(),
            ),
        };
    };
    match kind {
        None => Ok(algorithm == Algorithm::Crc64Nvme),
        Some("FULL_OBJECT") if algorithm.combines() => Ok(true),
        Some("COMPOSITE") if algorithm != Algorithm::Crc64Nvme => Ok(false),
        Some(kind @ ("FULL_OBJECT" | "COMPOSITE")) => invalid(format!(
            "The {kind} checksum type cannot be used with the {} checksum algorithm.",
            name(algorithm).to_lowercase()
        )),
        Some(_) => invalid("Value for x-amz-checksum-type header is invalid.".to_owned()),
    }
}

pub(super) fn upload_part(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let number = part_number(request)?;
    let announced = checksums::verified(request)?;
    let sent = announced.as_ref().map(|(announced, _)| announced.algorithm);
    let (algorithm, headers) = in_upload(s3, request, |upload| {
        check_algorithm(upload, sent)?;
        Ok((upload.algorithm, upload.headers.clone()))
    })?;
    let content = s3.disk.settle(&request.content);
    let content = content.map_err(|error| storage_failed(&error))?;
    let sum = match (announced, algorithm) {
        (Some((announced, sum)), _) => Some((announced.algorithm, sum)),
        (None, Some(algorithm)) => Some((algorithm, checksums::sum(&content, algorithm)?)),
        (None, None) => None,
    };
    let part = Part {
        content,
        md5: request.sums.md5,
        crc64: request.sums.crc64.clone(),
        sum,
        last_modified: s3.common.clock.now(),
    };
    let mut response = Response::empty(200).header("etag", part.etag());
    if let Some(checksum) = part.checksum() {
        response = response.header(checksum.algorithm.header(), checksum.value);
    }
    in_upload(s3, request, |upload| {
        upload.parts.insert(number, part);
        Ok(())
    })?;
    Ok(with_encryption(response, &headers))
}

/// `partNumber` of the request.
pub(super) fn part_number(request: &Request) -> Result<u32, Refusal> {
    let sent = request.target.parameter("partNumber").unwrap_or_default();
    sent.parse()
        .ok()
        .filter(|number| (1..=MAX_PARTS).contains(number) && !sent.starts_with('+'))
        .ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidArgument",
                "Part number must be an integer between 1 and 10000, inclusive",
            )
            .detail("ArgumentName", "partNumber")
            .detail("ArgumentValue", sent)
        })
}

/// Adds a part that was copied from an object. Returns its `ETag`, its time, and its checksum if the upload has an
/// algorithm.
pub(super) fn add_copied(
    s3: &S3,
    request: &Request,
    content: Content,
) -> Result<(String, SystemTime, Option<ObjectChecksum>), Refusal> {
    let number = part_number(request)?;
    let algorithm = in_upload(s3, request, |upload| Ok(upload.algorithm))?;
    let wanted: Vec<_> = [Algorithm::Crc64Nvme]
        .into_iter()
        .chain(algorithm)
        .collect();
    let (md5, mut sums) = checksums::sums(&content, &wanted)?;
    let part = Part {
        sum: algorithm.zip(sums.get(1).cloned()),
        crc64: sums.swap_remove(0),
        content,
        md5,
        last_modified: s3.common.clock.now(),
    };
    let known = (part.etag(), part.last_modified, part.checksum());
    in_upload(s3, request, |upload| {
        upload.parts.insert(number, part);
        Ok(known)
    })
}

/// A part may have only a checksum by the upload's algorithm, and must have it if the object's checksum is computed
/// from the parts'. In an upload without an algorithm it may have any.
fn check_algorithm(upload: &Upload, sent: Option<Algorithm>) -> Result<(), Refusal> {
    let fits = match (upload.algorithm, sent) {
        (None, _) => true,
        (Some(_), None) => upload.of_the_whole,
        (wanted, sent) => wanted == sent,
    };
    if fits {
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
            named(sent)
        ),
    ))
}

pub(super) fn abort(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    in_bucket(s3, request, |bucket| {
        find(bucket, request)?;
        let id = request.target.parameter("uploadId").unwrap_or_default();
        bucket.uploads.remove(id);
        Ok(())
    })?;
    Ok(Response::empty(204))
}

fn in_upload<T>(
    s3: &S3,
    request: &Request,
    act: impl FnOnce(&mut Upload) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    in_bucket(s3, request, |bucket| {
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
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    )
    .detail("UploadId", id)
}
