//! S3: copies of objects, whole or as parts of an upload.

use std::ops::Range;
use std::time::SystemTime;

use percent_encoding::percent_decode_str;

use super::checksums;
use super::conditions::{check_source, check_write};
use super::content::{Content, Spool};
use super::objects::{
    check_readable, check_version, in_bucket, is_metadata, kept_headers, key, missing_key,
    no_such_bucket, with_encryption,
};
use super::store::{ObjectChecksum, StoredObject};
use super::{headers, listing, multipart, tagging};
use crate::local::dates;
use crate::local::http::payload::name;
use crate::local::http::response::{Refusal, Response};
use crate::local::s3::S3;
use crate::local::server::{Request, storage_failed};
use crate::local::xml::Xml;

/// The largest source that one request copies, whole or as a part.
const MAX_SOURCE: u64 = 5 << 30;

/// The object that `x-amz-copy-source` names, as `/bucket/key` or `bucket/key`, percent-encoded.
struct Source {
    bucket: String,
    key: String,
}

fn invalid(header: &str, problem: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidArgument", problem).detail("ArgumentName", header)
}

impl Source {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let invalid = |problem: &str| invalid("x-amz-copy-source", problem);
        let header = request.head.text("x-amz-copy-source").unwrap_or_default();
        let (header, version) = match header.rsplit_once("?versionId=") {
            Some((header, version)) => (header, Some(version)),
            None => (header, None),
        };
        check_version(version)?;
        let decoded = percent_decode_str(header).decode_utf8();
        let decoded = decoded.map_err(|_| invalid("The copy source is not UTF-8"))?;
        let path = decoded.strip_prefix('/').unwrap_or(&decoded);
        match path.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(Self {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            }),
            _ => Err(invalid(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )),
        }
    }

    fn object(&self, s3: &S3, request: &Request) -> Result<StoredObject, Refusal> {
        let owner = request.head.text("x-amz-source-expected-bucket-owner");
        if owner.is_some_and(|owner| owner != s3.common.account) {
            return Err(Refusal::access_denied());
        }
        let object = s3
            .store
            .with_bucket(&self.bucket, |bucket| {
                bucket.objects().get(&self.key).cloned()
            })
            .ok_or_else(|| no_such_bucket(&self.bucket))?
            .ok_or_else(|| missing_key(s3, &self.key))?;
        check_source(&request.head, &object)?;
        check_readable(&object).map_err(|refusal| {
            let message = "The source object of the COPY action is not in the active tier and is only stored in Amazon S3 Glacier.";
            Refusal::new(refusal.status, "ObjectNotInActiveTierError", message)
        })?;
        Ok(object)
    }
}

/// Headers that allow a copy of an object to itself, because they change it.
const CHANGES: [&str; 5] = [
    "x-amz-checksum-algorithm",
    headers::ENCRYPTION,
    headers::ENCRYPTION_KEY,
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];

pub(super) fn object(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let source = Source::of(request)?;
    let found = source.object(s3, request)?;
    let key = key(request)?;
    let replaces = request.head.text("x-amz-metadata-directive") == Some("REPLACE");
    let to_itself = source.bucket == request.target.container && source.key == key;
    let changes = CHANGES
        .iter()
        .any(|name| request.head.headers.contains_key(*name));
    if to_itself && !replaces && !changes {
        return Err(Refusal::new(
            400,
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    if found.len() > MAX_SOURCE {
        return Err(too_large());
    }
    let mut headers = kept_headers(request);
    if !replaces {
        // Only metadata is copied; other headers are those of the request.
        headers.retain(|(name, _)| !is_metadata(name));
        let metadata = found.headers.iter().filter(|(name, _)| is_metadata(name));
        headers.extend(metadata.cloned());
    }
    if request.head.text("x-amz-tagging-directive") != Some("REPLACE") {
        headers.retain(|(name, _)| name != tagging::HEADER);
        let tags = found.headers.iter();
        headers.extend(tags.filter(|(name, _)| name == tagging::HEADER).cloned());
    }
    let copy = copied(found, headers, request, s3.common.clock.now())?;
    let xml = result(
        "CopyObjectResult",
        &copy.etag,
        copy.last_modified,
        Some(&copy.checksum),
    );
    let response = with_encryption(Response::xml(200, xml), &copy.headers);
    in_bucket(s3, request, |bucket| {
        check_write(&request.head, bucket, key)?;
        bucket
            .insert(key, copy)
            .map_err(|error| storage_failed(&error))
    })?;
    Ok(response)
}

/// The source with other headers, as an object without parts. Its checksum is of the full object, by the requested
/// algorithm or the source's.
fn copied(
    found: StoredObject,
    headers: Vec<(String, Vec<u8>)>,
    request: &Request,
    now: SystemTime,
) -> Result<StoredObject, Refusal> {
    let algorithm = checksums::asked(&request.head)?.unwrap_or(found.checksum.algorithm);
    let keeps = algorithm == found.checksum.algorithm && !found.checksum.composite;
    let mut copy = if found.etag.contains('-') {
        let checksum = found.checksum.clone();
        let mut copy = StoredObject::new(found.content, headers, now);
        copy.checksum = checksum;
        copy
    } else {
        StoredObject {
            headers,
            last_modified: now,
            parts: Vec::new(),
            ..found
        }
    };
    if !keeps {
        copy.checksum = ObjectChecksum {
            algorithm,
            value: checksums::sum(&copy.content, algorithm)?.into_base64(),
            composite: false,
        };
    }
    Ok(copy)
}

fn result(
    element_name: &str,
    etag: &str,
    last_modified: SystemTime,
    checksum: Option<&ObjectChecksum>,
) -> Xml {
    let mut xml = Xml::document();
    xml.element(element_name, Some(listing::NAMESPACE), |xml| {
        xml.text("LastModified", &dates::iso(last_modified))
            .text("ETag", etag);
        if let Some(checksum) = checksum {
            let element = format!("Checksum{}", name(checksum.algorithm));
            xml.text(&element, &checksum.value);
            // A part has no type.
            if element_name == "CopyObjectResult" {
                xml.text("ChecksumType", checksum.kind());
            }
        }
    });
    xml
}

/// A range of an object, or all of it, as a part.
pub(super) fn part(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let found = Source::of(request)?.object(s3, request)?;
    let content = match request.head.text("x-amz-copy-source-range") {
        Some(range) => piece(s3, &found, source_range(range, found.len())?)?,
        None if found.len() > MAX_SOURCE => return Err(too_large()),
        None => found.content,
    };
    let (etag, last_modified, checksum) = multipart::add_copied(s3, request, content)?;
    Ok(Response::xml(
        200,
        result("CopyPartResult", &etag, last_modified, checksum.as_ref()),
    ))
}

fn piece(s3: &S3, found: &StoredObject, range: Range<u64>) -> Result<Content, Refusal> {
    let disk = &s3.disk;
    let mut spool = Spool::new();
    let copied = found.content.copy(range, &mut spool.writer(disk));
    let settled = copied.and_then(|()| disk.settle(&spool.finish()));
    settled.map_err(|error| storage_failed(&error))
}

/// Unlike that of a read, the range of a copy is refused if it is invalid or exceeds the object.
fn source_range(header: &str, length: u64) -> Result<Range<u64>, Refusal> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let range = header
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, last)| Some((number(first)?, number(last)?)))
        .filter(|(first, last)| first <= last);
    let header_name = "x-amz-copy-source-range";
    match range {
        None => Err(invalid(
            header_name,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )),
        Some((_, last)) if last >= length => Err(invalid(
            header_name,
            format!("Range specified is not valid for source object of size: {length}"),
        )),
        Some((first, last)) if last - first >= MAX_SOURCE => Err(too_large()),
        Some((first, last)) => Ok(first..last + 1),
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        400,
        "InvalidRequest",
        format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_SOURCE}"
        ),
    )
}
