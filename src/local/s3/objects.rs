//! S3: single objects, and the dispatch of S3's requests.

use std::ops::Range;

use http::{HeaderName, HeaderValue};

use super::conditions::{check_match, check_read, check_write, range_applies};
use super::store::{Bucket, StoredObject};
use super::{attributes, buckets, checksums, copy, headers, listing, multipart, parts, tagging};
use crate::local::dates::http_date;
use crate::local::http::chunked::{STREAMING, is_understood};
use crate::local::http::head::Head;
use crate::local::http::response::{Refusal, Response};
use crate::local::operation::{Operation, Target};
use crate::local::s3::S3;
use crate::local::server::{Request, storage_failed};
use crate::local::xml::{ToDelete, Xml, malformed, objects_to_delete};

/// The headers of an object's metadata besides `x-amz-meta-*`; a copy has them too.
const METADATA: [&str; 6] = [
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "expires",
];

/// The headers for encryption; responses to writes have them too.
const ENCRYPTION: [&str; 3] = [
    headers::ENCRYPTION,
    headers::ENCRYPTION_KEY,
    "x-amz-server-side-encryption-bucket-key-enabled",
];

/// Further headers that S3 stores with an object.
const KEPT: [&str; 3] = [
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    tagging::HEADER,
];

/// Rejects what is not offered, before the body is received.
pub(in crate::local) fn admit(s3: &S3, head: &Head, target: &Target) -> Result<(), Refusal> {
    if let Some(refused) = &target.refused {
        return Err(Refusal::not_offered(refused));
    }
    let hash = head.text("x-amz-content-sha256").unwrap_or_default();
    if hash.starts_with(STREAMING) && !is_understood(hash) {
        // The chunks would be stored as they come.
        return Err(Refusal::not_offered(hash));
    }
    let mut headers = head.headers.clone();
    headers::take_from_query(&mut headers, target)?;
    headers::check(&headers, target.operation)?;
    let owner = headers.get("x-amz-expected-bucket-owner");
    if owner.is_some_and(|owner| owner.as_bytes() != s3.common.account.as_bytes()) {
        return Err(Refusal::access_denied());
    }
    Ok(())
}

/// Carries out a request that is [admitted](admit).
pub(in crate::local) fn response(s3: &S3, request: &mut Request) -> Result<Response, Refusal> {
    headers::take_from_query(&mut request.head.headers, &request.target)?;
    checksums::check_document(request)?;
    match request.target.operation {
        Operation::GetObject => get_object(s3, request, true),
        Operation::HeadObject => get_object(s3, request, false),
        Operation::PutObject => put_object(s3, request),
        Operation::CopyObject => copy::object(s3, request),
        Operation::UploadPartCopy => copy::part(s3, request),
        Operation::DeleteObjects => delete_objects(s3, request),
        Operation::DeleteObject => delete_object(s3, request),
        Operation::ListObjectsV2 | Operation::ListObjects => listing::list(s3, &request.target),
        Operation::ListBuckets => buckets::list(s3, request),
        Operation::GetObjectTagging => tagging::get(s3, request),
        Operation::PutObjectTagging => tagging::put(s3, request),
        Operation::DeleteObjectTagging => tagging::delete(s3, request),
        Operation::GetObjectAttributes => attributes::get(s3, request),
        Operation::ListObjectVersions => listing::versions(s3, &request.target),
        Operation::GetBucketVersioning => buckets::versioning(s3, request),
        Operation::GetBucketLocation => buckets::location(s3, request),
        Operation::CreateBucket => buckets::create(s3, request),
        Operation::DeleteBucket => buckets::delete(s3, request),
        Operation::HeadBucket => in_bucket(s3, request, |_| Ok(())).map(|()| {
            Response::empty(200)
                .header("x-amz-bucket-region", &s3.common.region)
                .header("content-type", "application/xml")
        }),
        Operation::CreateMultipartUpload => multipart::create(s3, request),
        Operation::UploadPart => multipart::upload_part(s3, request),
        Operation::CompleteMultipartUpload => multipart::complete(s3, request),
        Operation::AbortMultipartUpload => multipart::abort(s3, request),
        Operation::ListParts => multipart::list_parts(s3, request),
        Operation::ListMultipartUploads => multipart::list_uploads(s3, request),
        other => Err(Refusal::not_offered(&format!("{other:?}"))),
    }
}

/// Calls `act` with the request's bucket; an error if it does not exist.
pub(super) fn in_bucket<T>(
    s3: &S3,
    request: &Request,
    act: impl FnOnce(&mut Bucket) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let name = &request.target.container;
    s3.store
        .with_bucket(name, act)
        .unwrap_or_else(|| Err(no_such_bucket(name)))
}

pub(super) fn no_such_bucket(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist")
        .detail("BucketName", name)
}

/// The key of the request.
pub(super) fn key(request: &Request) -> Result<&str, Refusal> {
    match request.target.key.as_deref() {
        // S3 counts bytes.
        Some(key) if key.len() > 1024 => {
            Err(Refusal::new(400, "KeyTooLongError", "Your key is too long")
                .detail("Size", key.len().to_string())
                .detail("MaxSizeAllowed", "1024"))
        }
        Some(key) => Ok(key),
        None => Err(Refusal::new(
            400,
            "InvalidURI",
            "Couldn't parse the specified URI.",
        )),
    }
}

/// Without `s3:ListBucket` a caller must not learn that a key is missing.
pub(super) fn missing_key(s3: &S3, key: &str) -> Refusal {
    if s3.list_allowed {
        Refusal::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key)
    } else {
        Refusal::access_denied()
    }
}

/// There are no versions but `null`, the one that an object has in a bucket without versioning.
pub(super) fn check_version(version: Option<&str>) -> Result<(), Refusal> {
    match version {
        None | Some("null") => Ok(()),
        Some(version) => Err(
            Refusal::new(400, "InvalidArgument", "Invalid version id specified")
                .detail("ArgumentName", "versionId")
                .detail("ArgumentValue", version),
        ),
    }
}

/// Archived objects would have to be restored first.
pub(super) fn check_readable(object: &StoredObject) -> Result<(), Refusal> {
    match object.header("x-amz-storage-class") {
        Some(class @ ("GLACIER" | "DEEP_ARCHIVE")) => Err(Refusal::new(
            403,
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
        )
        .detail("StorageClass", class)),
        _ => Ok(()),
    }
}

/// The object that the request names.
pub(super) fn found(s3: &S3, request: &Request) -> Result<StoredObject, Refusal> {
    let key = key(request)?;
    check_version(request.target.parameter("versionId"))?;
    in_bucket(s3, request, |bucket| {
        let object = bucket.objects().get(key).cloned();
        object.ok_or_else(|| missing_key(s3, key))
    })
}

fn get_object(s3: &S3, request: &Request, with_body: bool) -> Result<Response, Refusal> {
    let object = found(s3, request)?;
    check_read(&request.head, &object)?;
    if with_body {
        check_readable(&object)?;
    }
    let length = object.len();
    let part = parts::requested(request, &object)?;
    let range = match (&part, request.head.text("range")) {
        (Some(part), _) => (length > 0).then(|| part.range.clone()),
        (None, Some(range)) if range_applies(&request.head, &object) => parse_range(range, length)?,
        (None, _) => None,
    };
    let mut response = described(&object);
    replace_headers(&mut response, request)?;
    if request.head.text("x-amz-checksum-mode") == Some("ENABLED") {
        response = match &part {
            Some(part) => part.with_checksum(response),
            None if range.is_none() => with_checksum(response, &object),
            None => response,
        };
    }
    if let Some(count) = part.and_then(|part| part.count) {
        response = response.header("x-amz-mp-parts-count", count.to_string());
    }
    if let Some(range) = range {
        let (first, last) = (range.start, range.end - 1);
        response = response.header("content-range", format!("bytes {first}-{last}/{length}"));
        response.status = 206;
        response.range = range;
    }
    if !with_body {
        let length = response.length();
        response.range = 0..0;
        response = response.header("content-length", length.to_string());
    }
    Ok(response)
}

/// The object with the headers that every read of it has.
fn described(object: &StoredObject) -> Response {
    let mut response = Response::new(200, object.content.clone())
        .header("accept-ranges", "bytes")
        .header("etag", &object.etag)
        .header("last-modified", http_date(object.last_modified));
    if object.content_type().is_none() {
        response = response.header("content-type", "binary/octet-stream");
    }
    for (name, value) in &object.headers {
        if name != tagging::HEADER {
            response = response.header(name, value);
        }
    }
    match tagging::count(object) {
        0 => response,
        count => response.header("x-amz-tagging-count", count.to_string()),
    }
}

/// Puts the values of `response-content-type` and the like into the response.
fn replace_headers(response: &mut Response, request: &Request) -> Result<(), Refusal> {
    for (parameter, value) in &request.target.query {
        let Some(name) = parameter.strip_prefix("response-") else {
            continue;
        };
        let header = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        );
        let (Ok(name), Ok(value)) = header else {
            let message = "The header value is not valid";
            let refusal = Refusal::new(400, "InvalidArgument", message);
            return Err(refusal.detail("ArgumentName", parameter));
        };
        response.headers.insert(name, value);
    }
    Ok(())
}

/// The single range of a `Range` header. S3 ignores an invalid header and several ranges.
fn parse_range(header: &str, length: u64) -> Result<Option<Range<u64>>, Refusal> {
    let Some((first, last)) = header
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    // A number that is too large is beyond the end of every object.
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(tail)) if first.is_empty() => length.saturating_sub(tail)..length,
        _ => return Ok(None),
    };
    if range.start < range.end {
        return Ok(Some(range));
    }
    Err(Refusal::new(
        416,
        "InvalidRange",
        "The requested range is not satisfiable",
    )
    .detail("RangeRequested", header)
    .detail("ActualObjectSize", length.to_string())
    .header("content-range", format!("bytes */{length}")))
}

fn put_object(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let announced = checksums::verified(request)?.map(|(announced, _)| announced);
    let content = s3.disk.settle(&request.content);
    let object = StoredObject::received(
        content.map_err(|error| storage_failed(&error))?,
        &request.sums,
        announced.as_ref(),
        kept_headers(request),
        s3.common.clock.now(),
    );
    let response = Response::empty(200).header("etag", &object.etag);
    let response = with_encryption(with_checksum(response, &object), &object.headers);
    let key = key(request)?;
    in_bucket(s3, request, |bucket| {
        check_write(&request.head, bucket, key)?;
        bucket
            .insert(key, object)
            .map_err(|error| storage_failed(&error))
    })?;
    Ok(response)
}

fn with_checksum(response: Response, object: &StoredObject) -> Response {
    let checksum = &object.checksum;
    response
        .header(checksum.algorithm.header(), &checksum.value)
        .header("x-amz-checksum-type", checksum.kind())
}

pub(super) fn with_encryption(mut response: Response, headers: &[(String, Vec<u8>)]) -> Response {
    for (name, value) in headers {
        if ENCRYPTION.contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    response
}

/// Whether a header is of an object's metadata.
pub(super) fn is_metadata(name: &str) -> bool {
    METADATA.contains(&name) || name.starts_with("x-amz-meta-")
}

pub(super) fn kept_headers(request: &Request) -> Vec<(String, Vec<u8>)> {
    request
        .head
        .headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            is_metadata(name) || ENCRYPTION.contains(&name) || KEPT.contains(&name)
        })
        // The default is not stored.
        .filter(|(name, value)| *name != "x-amz-storage-class" || *value != "STANDARD")
        .filter(|(name, value)| *name != tagging::HEADER || !value.is_empty())
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .filter_map(without_aws_chunked)
        .collect()
}

/// `aws-chunked` is the encoding of the request, not of the object.
fn without_aws_chunked((name, value): (String, Vec<u8>)) -> Option<(String, Vec<u8>)> {
    if name != "content-encoding" {
        return Some((name, value));
    }
    let text = String::from_utf8_lossy(&value).into_owned();
    let kept: Vec<_> = text
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked")
        .collect();
    (!kept.is_empty()).then(|| (name, kept.join(",").into_bytes()))
}

/// Deleting a missing object is no error, unless a condition requires it.
fn delete_object(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let key = key(request)?;
    check_version(request.target.parameter("versionId"))?;
    in_bucket(s3, request, |bucket| {
        check_match(request.head.list("if-match").as_deref(), bucket, key)?;
        bucket.remove(key).map_err(|error| storage_failed(&error))
    })?;
    Ok(Response::empty(204))
}

fn delete_objects(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let sum = checksums::verified(request)?;
    if sum.is_none() && !request.head.headers.contains_key("content-md5") {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    let (objects, quiet) = objects_to_delete(&request.body).ok_or_else(malformed)?;
    let outcomes = in_bucket(s3, request, |bucket| {
        let outcomes = objects.iter().map(|object| delete_one(bucket, object));
        Ok(outcomes.collect::<Vec<_>>())
    })?;
    let mut xml = Xml::document();
    xml.element("DeleteResult", Some(listing::NAMESPACE), |xml| {
        for (object, outcome) in objects.iter().zip(&outcomes) {
            let element = match outcome {
                Ok(()) if quiet => continue,
                Ok(()) => "Deleted",
                Err(_) => "Error",
            };
            xml.element(element, None, |xml| {
                xml.text("Key", &object.key);
                if let Some(version) = &object.version {
                    xml.text("VersionId", version);
                }
                if let Err(refusal) = outcome {
                    xml.text("Code", &refusal.code)
                        .text("Message", &refusal.message);
                }
            });
        }
    });
    Ok(Response::xml(200, xml))
}

fn delete_one(bucket: &mut Bucket, object: &ToDelete) -> Result<(), Refusal> {
    if let Some(unknown) = object.unknown {
        return Err(Refusal::not_offered(&format!("{unknown} of DeleteObjects")));
    }
    match object.version.as_deref() {
        None | Some("null") => {}
        Some(_) => {
            let message = "The specified version does not exist.";
            return Err(Refusal::new(404, "NoSuchVersion", message));
        }
    }
    check_match(object.etag.as_deref(), bucket, &object.key)?;
    let removed = bucket.remove(&object.key);
    removed.map_err(|error| storage_failed(&error))
}
