//! S3: tags of objects.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::buckets::document;
use super::checksums;
use super::listing::NAMESPACE;
use super::objects::{check_version, found, in_bucket, key, missing_key};
use super::store::StoredObject;
use crate::local::http::response::{Refusal, Response};
use crate::local::operation::decoded_query;
use crate::local::s3::S3;
use crate::local::server::{Request, storage_failed};
use crate::local::xml::{Element, Xml, malformed};

/// The header that brings tags along. Objects keep their tags under this name and in this form.
pub(super) const HEADER: &str = "x-amz-tagging";

const MAX_TAGS: usize = 10;
/// In characters.
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;

type Tags = Vec<(String, String)>;

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidTag", message)
}

/// The tags of a header, if they keep the rules.
pub(super) fn parsed(header: &str) -> Result<Tags, Refusal> {
    let tags = decoded_query(header);
    let mut keys = BTreeSet::new();
    let is_whole = |(key, _): &(String, String)| !key.is_empty() && keys.insert(key.clone());
    if !tags.iter().all(is_whole) {
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
        return Err(Refusal::new(400, "InvalidArgument", message).detail("ArgumentName", HEADER));
    }
    check(tags)
}

fn check(tags: Tags) -> Result<Tags, Refusal> {
    if tags.len() > MAX_TAGS {
        let message = "Object tags cannot be greater than 10";
        return Err(Refusal::new(400, "BadRequest", message));
    }
    let mut keys = BTreeSet::new();
    for (key, value) in &tags {
        if key.is_empty() || !is_text(key, MAX_KEY) {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if !is_text(value, MAX_VALUE) {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
        if key.starts_with("aws:") {
            return Err(invalid("Your TagKey cannot be prefixed with aws:"));
        }
        if !keys.insert(key) {
            return Err(invalid("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

fn is_text(text: &str, most: usize) -> bool {
    let fits = |one: char| one.is_alphanumeric() || one == ' ' || "_.:/=+-@".contains(one);
    text.chars().count() <= most && text.chars().all(fits)
}

/// Sorted by their keys.
fn of(object: &StoredObject) -> Tags {
    let mut tags = object.header(HEADER).map(decoded_query).unwrap_or_default();
    tags.sort_unstable();
    tags
}

/// The number of an object's tags.
pub(super) fn count(object: &StoredObject) -> usize {
    of(object).len()
}

pub(super) fn get(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let tags = of(&found(s3, request)?);
    let mut xml = Xml::document();
    xml.element("Tagging", Some(NAMESPACE), |xml| {
        xml.element("TagSet", None, |xml| {
            for (key, value) in &tags {
                xml.element("Tag", None, |xml| {
                    xml.text("Key", key).text("Value", value);
                });
            }
        });
    });
    Ok(Response::xml(200, xml))
}

pub(super) fn put(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    checksums::verified(request)?;
    let root = document(request, "Tagging")?;
    let set = root.inside().iter().find(|set| set.name() == "TagSet");
    let set = set.ok_or_else(malformed)?.inside().iter();
    let tag = |tag: &Element| {
        let (key, value) = (tag.text("Key")?, tag.text("Value")?);
        (tag.name() == "Tag").then(|| (key.to_owned(), value.to_owned()))
    };
    let tags = set.map(tag).collect::<Option<Tags>>();
    let tags = check(tags.ok_or_else(malformed)?)?;
    replace(s3, request, &tags)?;
    Ok(Response::empty(200))
}

pub(super) fn delete(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    replace(s3, request, &[])?;
    Ok(Response::empty(204))
}

fn replace(s3: &S3, request: &Request, tags: &[(String, String)]) -> Result<(), Refusal> {
    let key = key(request)?;
    check_version(request.target.parameter("versionId"))?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = tags.iter();
    let pairs = pairs.map(|(key, value)| format!("{}={}", encoded(key), encoded(value)));
    let header = pairs.collect::<Vec<_>>().join("&");
    in_bucket(s3, request, |bucket| {
        let object = bucket.objects().get(key).cloned();
        let mut object = object.ok_or_else(|| missing_key(s3, key))?;
        object.headers.retain(|(name, _)| name != HEADER);
        if !header.is_empty() {
            object
                .headers
                .push((HEADER.to_owned(), header.into_bytes()));
        }
        let inserted = bucket.insert(key, object);
        inserted.map_err(|error| storage_failed(&error))
    })
}
