//! S3: `ListObjectsV2`, `ListObjects` as it was before, and `ListObjectVersions`.

use std::borrow::Cow;
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::buckets::owner_id;
use super::objects::no_such_bucket;
use super::store::{Bucket, StoredObject};
use crate::local::dates::Dates;
use crate::local::http::payload::name;
use crate::local::http::response::{Refusal, Response};
use crate::local::operation::{Operation, Target};
use crate::local::s3::S3;
use crate::local::xml::Xml;

pub(in crate::local) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const MAX_KEYS: usize = 1000;
/// The characters that `encoding-type=url` does not encode.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');

/// Where a listing continues.
enum Mark {
    /// After this key.
    Key(String),
    /// After every key with this prefix: the last entry was a common prefix.
    Prefix(String),
}

impl Mark {
    fn key(&self) -> &str {
        let (Self::Key(key) | Self::Prefix(key)) = self;
        key
    }

    fn excludes(&self, key: &str) -> bool {
        match self {
            Self::Key(last) => key <= last.as_str(),
            Self::Prefix(last) => key <= last.as_str() || key.starts_with(last.as_str()),
        }
    }

    fn to_token(&self) -> String {
        match self {
            Self::Key(key) => format!("k{}", hex::encode(key)),
            Self::Prefix(prefix) => format!("p{}", hex::encode(prefix)),
        }
    }

    fn of_token(token: &str) -> Option<Self> {
        let (kind, text) = token.split_at_checked(1)?;
        let text = String::from_utf8(hex::decode(text).ok()?).ok()?;
        match kind {
            "k" => Some(Self::Key(text)),
            "p" => Some(Self::Prefix(text)),
            _ => None,
        }
    }
}

/// An object in a page.
struct Listed {
    key: String,
    last_modified: SystemTime,
    etag: String,
    size: u64,
    class: String,
    checksum: (&'static str, &'static str),
}

impl Listed {
    fn of(key: &str, object: &StoredObject) -> Self {
        Self {
            key: key.to_owned(),
            last_modified: object.last_modified,
            etag: object.etag.clone(),
            size: object.len(),
            class: object
                .header("x-amz-storage-class")
                .unwrap_or("STANDARD")
                .to_owned(),
            checksum: (name(object.checksum.algorithm), object.checksum.kind()),
        }
    }
}

#[derive(Default)]
struct Page {
    objects: Vec<Listed>,
    prefixes: Vec<String>,
    next: Option<Mark>,
}

pub(in crate::local) fn list(s3: &S3, target: &Target) -> Result<Response, Refusal> {
    if !s3.list_allowed {
        return Err(Refusal::access_denied());
    }
    let max = number(target, "max-keys")?;
    check_encoding(target)?;
    let bucket = &target.container;
    let from = start(target)?;
    let page = s3
        .store
        .with_bucket(bucket, |bucket| page_of(bucket, target, from.as_ref(), max))
        .ok_or_else(|| no_such_bucket(bucket))?;
    let owner = (!is_v2(target) || target.parameter("fetch-owner") == Some("true"))
        .then(|| owner_id(&s3.common));
    let listing = Listing {
        page: &page,
        target,
        max,
        owner: owner.as_deref(),
    };
    Ok(Response::xml(200, listing.write()))
}

/// Every object has one version, `null`, as in a bucket that never had versions.
pub(in crate::local) fn versions(s3: &S3, target: &Target) -> Result<Response, Refusal> {
    let key = target.parameter("key-marker").filter(|key| !key.is_empty());
    let version = target.parameter("version-id-marker");
    let problem = match version {
        Some("") => Some("A version-id marker cannot be empty."),
        Some(_) if key.is_none() => {
            Some("A version-id marker cannot be specified without a key marker.")
        }
        Some("null") | None => None,
        Some(_) => Some("Invalid version id specified"),
    };
    if let Some(problem) = problem {
        return Err(Refusal::new(400, "InvalidArgument", problem)
            .detail("ArgumentName", "version-id-marker"));
    }
    list(s3, target)
}

/// The maximum number of items per page, capped at 1,000.
pub(super) fn number(target: &Target, name: &str) -> Result<usize, Refusal> {
    let Some(text) = target.parameter(name) else {
        return Ok(MAX_KEYS);
    };
    Ok(count(name, text)?.min(MAX_KEYS))
}

/// A number within S3's range, from 0 on.
pub(super) fn count(name: &str, text: &str) -> Result<usize, Refusal> {
    let refused = |message: String| {
        Refusal::new(400, "InvalidArgument", message)
            .detail("ArgumentName", name)
            .detail("ArgumentValue", text)
    };
    let number: Option<i32> = text.parse().ok().filter(|_| !text.starts_with('+'));
    let number = number.ok_or_else(|| {
        refused(format!(
            "Provided {name} not an integer or within integer range"
        ))
    })?;
    usize::try_from(number).map_err(|_| {
        let most = i32::MAX;
        refused(format!(
            "Argument {name} must be an integer between 0 and {most}"
        ))
    })
}

/// `url` is the only encoding of keys.
pub(super) fn check_encoding(target: &Target) -> Result<(), Refusal> {
    match target.parameter("encoding-type") {
        None | Some("url") => Ok(()),
        Some(_) => {
            let message = "Invalid Encoding Method specified in Request";
            let refusal = Refusal::new(400, "InvalidArgument", message);
            Err(refusal.detail("ArgumentName", "encoding-type"))
        }
    }
}

/// Keys as the listing writes them, URL-encoded on request.
pub(super) fn encoded<'a>(target: &Target, text: &'a str) -> Cow<'a, str> {
    if target.parameter("encoding-type") == Some("url") {
        utf8_percent_encode(text, PLAIN).into()
    } else {
        Cow::Borrowed(text)
    }
}

/// Where the listing begins or continues.
fn start(target: &Target) -> Result<Option<Mark>, Refusal> {
    if !is_v2(target) {
        let marker = target.parameter(marker_name(target));
        return Ok(marker.map(|key| match target.parameter("delimiter") {
            // A marker may be a common prefix, as in `NextMarker`.
            Some(delimiter) if !delimiter.is_empty() && key.ends_with(delimiter) => {
                Mark::Prefix(key.to_owned())
            }
            _ => Mark::Key(key.to_owned()),
        }));
    }
    if let Some(token) = target.parameter("continuation-token") {
        let mark = Mark::of_token(token);
        return mark.map(Some).ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            let refusal = Refusal::new(400, "InvalidArgument", message);
            refusal.detail("ArgumentName", "continuation-token")
        });
    }
    let after = target.parameter("start-after");
    Ok(after.map(|key| Mark::Key(key.to_owned())))
}

fn is_v2(target: &Target) -> bool {
    target.operation == Operation::ListObjectsV2
}

fn is_of_versions(target: &Target) -> bool {
    target.operation == Operation::ListObjectVersions
}

fn marker_name(target: &Target) -> &'static str {
    if is_of_versions(target) {
        "key-marker"
    } else {
        "marker"
    }
}

fn page_of(bucket: &Bucket, target: &Target, from: Option<&Mark>, max: usize) -> Page {
    let prefix = target.parameter("prefix").unwrap_or_default();
    let delimiter = target
        .parameter("delimiter")
        .filter(|delimiter| !delimiter.is_empty());
    let mut page = Page::default();
    let mut last = None;
    let first = from.map_or(prefix, |from| from.key().max(prefix));
    for (key, object) in bucket.objects().range(first.to_owned()..) {
        let Some(rest) = key.strip_prefix(prefix) else {
            break;
        };
        if from.is_some_and(|from| from.excludes(key)) {
            continue;
        }
        let common = delimiter
            .and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()))
            .map(|end| &key[..prefix.len() + end]);
        if common.is_some() && common == page.prefixes.last().map(String::as_str) {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == max {
            page.next = last;
            break;
        }
        if let Some(common) = common {
            page.prefixes.push(common.to_owned());
            last = Some(Mark::Prefix(common.to_owned()));
        } else {
            page.objects.push(Listed::of(key, object));
            last = Some(Mark::Key(key.clone()));
        }
    }
    page
}

/// A page, and how it is to be written.
struct Listing<'a> {
    page: &'a Page,
    target: &'a Target,
    max: usize,
    /// The owner's id, if it is requested.
    owner: Option<&'a str>,
}

impl Listing<'_> {
    fn write(&self) -> Xml {
        let mut dates = Dates::default();
        let mut xml = Xml::document();
        let root = if is_of_versions(self.target) {
            "ListVersionsResult"
        } else {
            "ListBucketResult"
        };
        xml.element(root, Some(NAMESPACE), |xml| {
            xml.text("Name", &self.target.container);
            self.write_head(xml);
            for object in &self.page.objects {
                self.write_object(xml, object, &mut dates);
            }
            for prefix in &self.page.prefixes {
                xml.element("CommonPrefixes", None, |xml| {
                    xml.text("Prefix", &encoded(self.target, prefix));
                });
            }
        });
        xml
    }

    /// The request's parameters, and the start of the next page.
    fn write_head(&self, xml: &mut Xml) {
        let Self { page, target, .. } = self;
        let parameter = |name| target.parameter(name);
        let mut echo = |element, value: &str| {
            xml.text(element, &encoded(target, value));
        };
        echo("Prefix", parameter("prefix").unwrap_or_default());
        let delimiter = parameter("delimiter").filter(|delimiter| !delimiter.is_empty());
        if let Some(delimiter) = delimiter {
            echo("Delimiter", delimiter);
        }
        if is_v2(target) {
            self.write_tokens(xml);
        } else {
            self.write_markers(xml);
        }
        xml.text("MaxKeys", &self.max.to_string());
        if parameter("encoding-type").is_some() {
            xml.text("EncodingType", "url");
        }
        let truncated = page.next.is_some();
        xml.text("IsTruncated", if truncated { "true" } else { "false" });
    }

    /// Of the first version: without a delimiter the last key is the marker.
    fn write_markers(&self, xml: &mut Xml) {
        let Self { page, target, .. } = self;
        let name = marker_name(target);
        let marker = encoded(target, target.parameter(name).unwrap_or_default());
        let is_delimited = target
            .parameter("delimiter")
            .is_some_and(|text| !text.is_empty());
        if !is_of_versions(target) {
            xml.text("Marker", &marker);
            if let (Some(next), true) = (&page.next, is_delimited) {
                xml.text("NextMarker", &encoded(target, next.key()));
            }
            return;
        }
        let version = target.parameter("version-id-marker").unwrap_or_default();
        xml.text("KeyMarker", &marker)
            .text("VersionIdMarker", version);
        if let Some(next) = &page.next {
            xml.text("NextKeyMarker", &encoded(target, next.key()));
            if let Mark::Key(_) = next {
                xml.text("NextVersionIdMarker", "null");
            }
        }
    }

    fn write_tokens(&self, xml: &mut Xml) {
        let Self { page, target, .. } = self;
        match target.parameter("continuation-token") {
            Some(token) => drop(xml.text("ContinuationToken", token)),
            None => {
                if let Some(after) = target.parameter("start-after") {
                    xml.text("StartAfter", &encoded(target, after));
                }
            }
        }
        if let Some(next) = &page.next {
            xml.text("NextContinuationToken", &next.to_token());
        }
        let count = page.objects.len() + page.prefixes.len();
        xml.text("KeyCount", &count.to_string());
    }

    fn write_object(&self, xml: &mut Xml, object: &Listed, dates: &mut Dates) {
        let of_versions = is_of_versions(self.target);
        let element = if of_versions { "Version" } else { "Contents" };
        xml.element(element, None, |xml| {
            xml.text("Key", &encoded(self.target, &object.key));
            if of_versions {
                xml.text("VersionId", "null").text("IsLatest", "true");
            }
            xml.text("LastModified", dates.iso(object.last_modified))
                .text("ETag", &object.etag)
                .text("ChecksumAlgorithm", object.checksum.0)
                .text("ChecksumType", object.checksum.1)
                .text("Size", &object.size.to_string())
                .text("StorageClass", &object.class);
            if let Some(owner) = self.owner {
                xml.element("Owner", None, |xml| {
                    xml.text("ID", owner);
                });
            }
        });
    }
}
