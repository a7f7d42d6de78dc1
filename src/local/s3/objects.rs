//! S3: buckets and single objects.

use std::ops::Range;

use super::store::{Bucket, StoredObject};
use super::{copy, listing, multipart};
use crate::local::dates::http_date;
use crate::local::http::answer::{Answer, Refusal};
use crate::local::operation::Operation;
use crate::local::server::{Request, Shared, storage_failed};
use crate::local::xml::{Xml, keys_to_delete, malformed};

/// The headers that S3 keeps with an object, besides `x-amz-meta-*`.
const KEPT: [&str; 8] = [
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "expires",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
];

pub(in crate::local) fn answer(shared: &Shared, request: &mut Request) -> Result<Answer, Refusal> {
    let owner = request.head.text("x-amz-expected-bucket-owner");
    if owner.is_some_and(|owner| owner != shared.config.account) {
        return Err(Refusal::access_denied());
    }
    match request.target.operation {
        Operation::GetObject => get_object(shared, request, true),
        Operation::HeadObject => get_object(shared, request, false),
        Operation::PutObject => put_object(shared, request),
        Operation::CopyObject => copy::object(shared, request),
        Operation::UploadPartCopy => copy::part(shared, request),
        Operation::DeleteObjects => delete_objects(shared, request),
        Operation::DeleteObject => delete_object(shared, request),
        Operation::ListObjectsV2 | Operation::ListObjects => listing::list(shared, &request.target),
        Operation::ListBuckets => Ok(listing::buckets(shared)),
        Operation::GetBucketLocation => location(shared, request),
        Operation::CreateBucket => create_bucket(shared, request),
        Operation::DeleteBucket => delete_bucket(shared, request),
        Operation::HeadBucket => in_bucket(shared, request, |_| Ok(()))
            .map(|()| Answer::empty(200).header("x-amz-bucket-region", &shared.config.region)),
        Operation::CreateMultipartUpload => multipart::create(shared, request),
        Operation::UploadPart => multipart::upload_part(shared, request),
        Operation::CompleteMultipartUpload => multipart::complete(shared, request),
        Operation::AbortMultipartUpload => multipart::abort(shared, request),
        Operation::ListParts => multipart::list_parts(shared, request),
        Operation::ListMultipartUploads => multipart::list_uploads(shared, request),
        _ => Err(Refusal::not_offered(
            request.target.refused.as_deref().unwrap_or("this"),
        )),
    }
}

/// Does something with the bucket that the request names, or says that it is not there.
pub(in crate::local) fn in_bucket<T>(
    shared: &Shared,
    request: &Request,
    act: impl FnOnce(&mut Bucket) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let name = &request.target.container;
    shared
        .store
        .with_bucket(name, act)
        .unwrap_or_else(|| Err(no_such_bucket(name)))
}

pub(in crate::local) fn no_such_bucket(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist")
        .detail("BucketName", name)
}

/// The key of the request.
pub(in crate::local) fn key(request: &Request) -> Result<&str, Refusal> {
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
pub(in crate::local) fn missing_key(shared: &Shared, key: &str) -> Refusal {
    if shared.config.list_allowed {
        Refusal::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key)
    } else {
        Refusal::access_denied()
    }
}

fn get_object(shared: &Shared, request: &Request, with_body: bool) -> Result<Answer, Refusal> {
    let key = key(request)?;
    let object = in_bucket(shared, request, |bucket| {
        let object = bucket.objects().get(key).cloned();
        object.ok_or_else(|| missing_key(shared, key))
    })?;
    check_read_conditions(request, &object)?;
    let length = object.len();
    let range = match request.head.text("range") {
        Some(range) => parse_range(range, length)?,
        None => None,
    };
    let mut answer = Answer::new(200, object.content.clone())
        .header("accept-ranges", "bytes")
        .header("etag", &object.etag)
        .header("last-modified", http_date(object.last_modified));
    if object.content_type().is_none() {
        answer = answer.header("content-type", "binary/octet-stream");
    }
    for (name, value) in &object.headers {
        answer = answer.header(name, value);
    }
    if range.is_none() && request.head.text("x-amz-checksum-mode") == Some("ENABLED") {
        answer = with_checksum(answer, &object);
    }
    if let Some(range) = range {
        let (first, last) = (range.start, range.end - 1);
        answer = answer.header("content-range", format!("bytes {first}-{last}/{length}"));
        answer.status = 206;
        answer.range = range;
    }
    if !with_body {
        let length = answer.length();
        answer.range = 0..0;
        answer = answer.header("content-length", length.to_string());
    }
    Ok(answer)
}

/// `If-Match` and `If-None-Match` of a read.
fn check_read_conditions(request: &Request, object: &StoredObject) -> Result<(), Refusal> {
    if let Some(wanted) = request.head.text("if-match")
        && !matches_etag(wanted, &object.etag)
    {
        return Err(precondition_failed("If-Match"));
    }
    if let Some(unwanted) = request.head.text("if-none-match")
        && matches_etag(unwanted, &object.etag)
    {
        return Err(Refusal::new(304, "NotModified", "").header("etag", &object.etag));
    }
    Ok(())
}

pub(in crate::local) fn matches_etag(list: &str, etag: &str) -> bool {
    list.split(',').any(|wanted| {
        let wanted = wanted.trim();
        wanted == "*" || wanted.trim_matches('"') == etag.trim_matches('"')
    })
}

pub(in crate::local) fn precondition_failed(condition: &str) -> Refusal {
    Refusal::new(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
    .detail("Condition", condition)
}

/// The single range that a `Range` header asks for. S3 passes over what it does not understand,
/// several ranges too.
pub(in crate::local) fn parse_range(
    header: &str,
    length: u64,
) -> Result<Option<Range<u64>>, Refusal> {
    let Some((first, last)) = header
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..length,
        (Err(_), Ok(tail)) if first.trim().is_empty() => length.saturating_sub(tail)..length,
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

fn put_object(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let object = received(shared, request, kept_headers(request))?;
    let answer = Answer::empty(200).header("etag", &object.etag);
    let answer = with_checksum(answer, &object);
    let key = key(request)?;
    in_bucket(shared, request, |bucket| {
        check_write_conditions(request, bucket, key)?;
        bucket
            .insert(key, object)
            .map_err(|error| storage_failed(&error))
    })?;
    Ok(answer)
}

/// What came, once its checksum is known to be right.
pub(in crate::local) fn received(
    shared: &Shared,
    request: &Request,
    headers: Vec<(String, Vec<u8>)>,
) -> Result<StoredObject, Refusal> {
    let announced = request.sums.verified(&request.head)?;
    let content = shared.config.disk.settle(&request.content);
    Ok(StoredObject::received(
        content.map_err(|error| storage_failed(&error))?,
        &request.sums,
        announced,
        headers,
        shared.config.clock.now(),
    ))
}

fn with_checksum(answer: Answer, object: &StoredObject) -> Answer {
    let checksum = &object.checksum;
    answer
        .header(checksum.algorithm.header(), &checksum.value)
        .header("x-amz-checksum-type", checksum.kind())
}

pub(in crate::local) fn kept_headers(request: &Request) -> Vec<(String, Vec<u8>)> {
    request
        .head
        .headers
        .iter()
        .filter(|(name, _)| {
            KEPT.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-")
        })
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .filter_map(without_aws_chunked)
        .collect()
}

/// `aws-chunked` is how the body came, not how the object is encoded.
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

/// `If-None-Match: *` and `If-Match` of a write.
pub(in crate::local) fn check_write_conditions(
    request: &Request,
    bucket: &Bucket,
    key: &str,
) -> Result<(), Refusal> {
    let present = bucket.objects().get(key);
    if request.head.text("if-none-match") == Some("*") && present.is_some() {
        return Err(precondition_failed("If-None-Match"));
    }
    match (request.head.text("if-match"), present) {
        (Some(wanted), Some(object)) if !matches_etag(wanted, &object.etag) => {
            Err(precondition_failed("If-Match"))
        }
        (Some(_), None) => Err(
            Refusal::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key),
        ),
        _ => Ok(()),
    }
}

/// Deleting what is not there is no error.
fn delete_object(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let key = key(request)?;
    in_bucket(shared, request, |bucket| {
        bucket.remove(key).map_err(|error| storage_failed(&error))
    })?;
    Ok(Answer::empty(204))
}

fn create_bucket(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let name = &request.target.container;
    if !is_bucket_name(name) {
        let message = "The specified bucket is not valid.";
        return Err(Refusal::new(400, "InvalidBucketName", message).detail("BucketName", name));
    }
    let created = shared.store.create_bucket(name);
    let created = created.map_err(|error| storage_failed(&error))?;
    // us-east-1 alone answers 200 to the owner of a bucket that is there already.
    if !created && shared.config.region != "us-east-1" {
        return Err(Refusal::new(
            409,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
        .detail("BucketName", name));
    }
    Ok(Answer::empty(200).header("location", format!("/{name}")))
}

/// S3's rules for new buckets, but for reserved beginnings and ends.
fn is_bucket_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| plain(byte) || b"-.".contains(&byte))
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
        && !name.contains("..")
}

fn delete_bucket(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let name = &request.target.container;
    let deleted = shared.store.delete_bucket(name);
    match deleted.map_err(|error| storage_failed(&error))? {
        Some(true) => Ok(Answer::empty(204)),
        Some(false) => {
            let message = "The bucket you tried to delete is not empty";
            Err(Refusal::new(409, "BucketNotEmpty", message).detail("BucketName", name))
        }
        None => Err(no_such_bucket(name)),
    }
}

/// Of us-east-1 the element is empty.
fn location(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    in_bucket(shared, request, |_| Ok(()))?;
    let region = match shared.config.region.as_str() {
        "us-east-1" => "",
        region => region,
    };
    let mut xml = Xml::document();
    xml.element("LocationConstraint", Some(listing::NAMESPACE), |xml| {
        xml.plain(region);
    });
    Ok(Answer::xml(200, xml))
}

fn delete_objects(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    request.sums.verified(&request.head)?;
    let (keys, quiet) = keys_to_delete(&request.body).ok_or_else(malformed)?;
    let failed = in_bucket(shared, request, |bucket| {
        let mut remove = |key: &String| bucket.remove(key).err().map(|error| (key.clone(), error));
        Ok(keys.iter().filter_map(&mut remove).collect::<Vec<_>>())
    })?;
    let mut xml = Xml::document();
    xml.element("DeleteResult", Some(listing::NAMESPACE), |xml| {
        let is_failed = |key: &String| failed.iter().any(|(found, _)| found == key);
        for key in keys.iter().filter(|key| !quiet && !is_failed(key)) {
            xml.element("Deleted", None, |xml| {
                xml.text("Key", key);
            });
        }
        for (key, error) in &failed {
            xml.element("Error", None, |xml| {
                xml.text("Key", key)
                    .text("Code", "InternalError")
                    .text("Message", &error.to_string());
            });
        }
    });
    Ok(Answer::xml(200, xml))
}
