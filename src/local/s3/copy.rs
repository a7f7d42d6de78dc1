//! S3: copies of objects, whole or as parts of an upload.

use std::time::SystemTime;

use percent_encoding::percent_decode_str;

use super::content::Spool;
use super::objects::{
    check_write_conditions, in_bucket, kept_headers, key, matches_etag, missing_key,
    no_such_bucket, parse_range, precondition_failed,
};
use super::store::StoredObject;
use super::{listing, multipart};
use crate::local::dates;
use crate::local::http::answer::{Answer, Refusal};
use crate::local::server::{Request, Shared, storage_failed};
use crate::local::xml::Xml;

/// The object that `x-amz-copy-source` names, as `/bucket/key` or `bucket/key`, percent-encoded.
struct Source {
    bucket: String,
    key: String,
}

impl Source {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let invalid = |problem: &str| {
            Refusal::new(400, "InvalidArgument", problem.to_owned())
                .detail("ArgumentName", "x-amz-copy-source")
        };
        let header = request.head.text("x-amz-copy-source").unwrap_or_default();
        if header.contains("?versionId=") {
            return Err(Refusal::not_implemented());
        }
        let decoded = percent_decode_str(header).decode_utf8();
        let decoded = decoded.map_err(|_| invalid("The copy source is not UTF-8"))?;
        let path = decoded.strip_prefix('/').unwrap_or(&decoded);
        match path.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(Self {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            }),
            _ => Err(invalid(
                "Copy Source must mention the source bucket and key",
            )),
        }
    }

    fn object(&self, shared: &Shared, request: &Request) -> Result<StoredObject, Refusal> {
        let object = shared
            .store
            .with_bucket(&self.bucket, |bucket| {
                bucket.objects().get(&self.key).cloned()
            })
            .ok_or_else(|| no_such_bucket(&self.bucket))?
            .ok_or_else(|| missing_key(shared, &self.key))?;
        let condition = |name: &str| request.head.text(name);
        if condition("x-amz-copy-source-if-match")
            .is_some_and(|wanted| !matches_etag(wanted, &object.etag))
        {
            return Err(precondition_failed("x-amz-copy-source-If-Match"));
        }
        if condition("x-amz-copy-source-if-none-match")
            .is_some_and(|unwanted| matches_etag(unwanted, &object.etag))
        {
            return Err(precondition_failed("x-amz-copy-source-If-None-Match"));
        }
        Ok(object)
    }
}

pub(in crate::local) fn object(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let source = Source::of(request)?;
    let found = source.object(shared, request)?;
    let key = key(request)?;
    let replaces = request.head.text("x-amz-metadata-directive") == Some("REPLACE");
    if !replaces && source.bucket == request.target.container && source.key == key {
        return Err(Refusal::new(
            400,
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let headers = if replaces {
        kept_headers(request)
    } else {
        found.headers
    };
    let now = shared.config.clock.now();
    let copy = if found.checksum.composite || found.etag.contains('-') {
        // One object now, whatever it was made of.
        StoredObject::new(found.content, headers, now)
    } else {
        StoredObject {
            headers,
            last_modified: now,
            ..found
        }
    };
    let xml = result("CopyObjectResult", &copy.etag, copy.last_modified);
    in_bucket(shared, request, |bucket| {
        check_write_conditions(request, bucket, key)?;
        bucket
            .insert(key, copy)
            .map_err(|error| storage_failed(&error))
    })?;
    Ok(Answer::xml(200, xml))
}

fn result(name: &str, etag: &str, last_modified: SystemTime) -> Xml {
    let mut xml = Xml::document();
    xml.element(name, Some(listing::NAMESPACE), |xml| {
        xml.text("LastModified", &dates::iso(last_modified))
            .text("ETag", etag);
    });
    xml
}

/// A range of an object, or all of it, as a part.
pub(in crate::local) fn part(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let found = Source::of(request)?.object(shared, request)?;
    let range = match request.head.text("x-amz-copy-source-range") {
        Some(range) => parse_range(range, found.len())?,
        None => None,
    };
    let content = match range {
        Some(range) => {
            let disk = &shared.config.disk;
            let mut spool = Spool::new();
            let copied = found.content.copy(range, &mut spool.writer(disk));
            let settled = copied.and_then(|()| disk.settle(&spool.finish()));
            settled.map_err(|error| storage_failed(&error))?
        }
        None => found.content,
    };
    let (etag, last_modified) = multipart::add_copied(shared, request, content)?;
    Ok(Answer::xml(
        200,
        result("CopyPartResult", &etag, last_modified),
    ))
}
