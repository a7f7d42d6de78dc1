//! S3: multipart uploads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use md5::{Digest, Md5};

use super::answer::{Answer, Refusal};
use super::s3::{check_write_conditions, in_bucket, kept_headers, key};
use super::server::{Request, Shared, random_hex};
use super::store::{Bucket, StoredObject};
use super::xml::{Xml, completed_parts};
use super::{dates, listing};

/// Every part but the last is at least this long.
const MIN_PART: usize = 5 * 1024 * 1024;
const MAX_PARTS: u32 = 10_000;

/// A multipart upload that is not complete.
pub(super) struct Upload {
    pub(super) key: String,
    headers: Vec<(String, Vec<u8>)>,
    parts: BTreeMap<u32, StoredObject>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("key", &self.key)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn create(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let key = key(request)?;
    let id = random_hex(32);
    let upload = Upload {
        key: key.to_owned(),
        headers: kept_headers(request),
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
    Ok(Answer::xml(200, xml))
}

pub(super) fn upload_part(shared: &Shared, request: &mut Request) -> Result<Answer, Refusal> {
    let number = request
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
        })?;
    let body = Arc::new(std::mem::take(&mut request.body));
    let part = StoredObject::new(body, Vec::new(), shared.config.clock.now());
    let etag = part.etag.clone();
    in_upload(shared, request, |upload| {
        upload.parts.insert(number, part);
        Ok(())
    })?;
    Ok(Answer::empty(200).header("etag", etag))
}

pub(super) fn complete(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let wanted = completed_parts(&request.body).ok_or_else(|| {
        Refusal::new(
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    })?;
    let key = key(request)?;
    let now = shared.config.clock.now();
    let etag = in_bucket(shared, request, |bucket| {
        let (body, etag) = assembled(find(bucket, request)?, &wanted)?;
        check_write_conditions(request, bucket, key)?;
        let id = request.target.parameter("uploadId").unwrap_or_default();
        let headers = bucket.uploads.remove(id).map(|upload| upload.headers);
        let mut object = StoredObject::new(Arc::new(body), headers.unwrap_or_default(), now);
        object.etag.clone_from(&etag);
        bucket.objects.insert(key.to_owned(), object);
        Ok(etag)
    })?;
    let mut xml = Xml::document();
    xml.element(
        "CompleteMultipartUploadResult",
        Some(listing::NAMESPACE),
        |xml| {
            xml.text("Bucket", &request.target.container)
                .text("Key", key)
                .text("ETag", &etag);
        },
    );
    Ok(Answer::xml(200, xml))
}

/// The object that the parts make, and its `ETag`: the MD5 of the parts' MD5s.
fn assembled(upload: &Upload, wanted: &[(u32, String)]) -> Result<(Vec<u8>, String), Refusal> {
    if !wanted.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(Refusal::new(
            400,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ));
    }
    let (mut body, mut sums) = (Vec::new(), Md5::new());
    for (position, (number, etag)) in wanted.iter().enumerate() {
        let part = upload
            .parts
            .get(number)
            .filter(|part| part.etag.trim_matches('"') == etag)
            .ok_or_else(|| {
                Refusal::new(
                    400,
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
                )
                .detail("PartNumber", number.to_string())
            })?;
        if part.body.len() < MIN_PART && position + 1 < wanted.len() {
            return Err(Refusal::new(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
            )
            .detail("ProposedSize", part.body.len().to_string())
            .detail("MinSizeAllowed", MIN_PART.to_string())
            .detail("PartNumber", number.to_string()));
        }
        sums.update(Md5::digest(&*part.body));
        body.extend_from_slice(&part.body);
    }
    let etag = format!("\"{}-{}\"", hex::encode(sums.finalize()), wanted.len());
    Ok((body, etag))
}

pub(super) fn abort(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    in_bucket(shared, request, |bucket| {
        find(bucket, request)?;
        let id = request.target.parameter("uploadId").unwrap_or_default();
        bucket.uploads.remove(id);
        Ok(())
    })?;
    Ok(Answer::empty(204))
}

pub(super) fn list_parts(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let number = |name| {
        request
            .target
            .parameter(name)
            .and_then(|number| number.parse::<u32>().ok())
    };
    let marker = number("part-number-marker").unwrap_or(0);
    let max = number("max-parts").unwrap_or(1000).min(1000) as usize;
    let xml = in_upload(shared, request, |upload| {
        let mut rest = upload.parts.range(marker.saturating_add(1)..);
        let page: Vec<_> = rest.by_ref().take(max).collect();
        let truncated = rest.next().is_some();
        let mut xml = Xml::document();
        xml.element("ListPartsResult", Some(listing::NAMESPACE), |xml| {
            xml.text("Bucket", &request.target.container)
                .text("Key", &upload.key)
                .text(
                    "UploadId",
                    request.target.parameter("uploadId").unwrap_or_default(),
                )
                .text("PartNumberMarker", &marker.to_string());
            if let Some((last, _)) = page.last() {
                xml.text("NextPartNumberMarker", &last.to_string());
            }
            xml.text("MaxParts", &max.to_string())
                .text("IsTruncated", if truncated { "true" } else { "false" });
            for (number, part) in &page {
                xml.element("Part", None, |xml| {
                    xml.text("PartNumber", &number.to_string())
                        .text("LastModified", &dates::iso(part.last_modified))
                        .text("ETag", &part.etag)
                        .text("Size", &part.body.len().to_string());
                });
            }
        });
        Ok(xml)
    })?;
    Ok(Answer::xml(200, xml))
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
