//! S3: `ListObjectsV2`, `ListObjects` as it was before, and `ListBuckets`.

use std::borrow::Cow;
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::objects::no_such_bucket;
use super::store::{Bucket, StoredObject};
use crate::local::dates;
use crate::local::dates::Dates;
use crate::local::http::answer::{Answer, Refusal};
use crate::local::operation::{Operation, Target};
use crate::local::server::Shared;
use crate::local::xml::Xml;

pub(in crate::local) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const MAX_KEYS: usize = 1000;
/// What `encoding-type=url` leaves alone.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');

/// Where a listing goes on.
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

/// What a page tells of an object.
struct Listed {
    key: String,
    last_modified: SystemTime,
    etag: String,
    size: u64,
}

impl Listed {
    fn of(key: &str, object: &StoredObject) -> Self {
        Self {
            key: key.to_owned(),
            last_modified: object.last_modified,
            etag: object.etag.clone(),
            size: object.len(),
        }
    }
}

#[derive(Default)]
struct Page {
    objects: Vec<Listed>,
    prefixes: Vec<String>,
    next: Option<Mark>,
}

pub(in crate::local) fn list(shared: &Shared, target: &Target) -> Result<Answer, Refusal> {
    if !shared.config.list_allowed {
        return Err(Refusal::access_denied());
    }
    let max = match target.parameter("max-keys") {
        Some(max) => max.parse().map_err(|_| invalid("max-keys"))?,
        None => MAX_KEYS,
    };
    let from = match target.parameter("continuation-token") {
        Some(token) if is_v2(target) => {
            Some(Mark::of_token(token).ok_or_else(|| invalid("continuation-token"))?)
        }
        _ => target
            .parameter(if is_v2(target) {
                "start-after"
            } else {
                "marker"
            })
            .map(|key| match target.parameter("delimiter") {
                // A marker may be a common prefix, as `NextMarker` says it.
                Some(delimiter) if !is_v2(target) && key.ends_with(delimiter) => {
                    Mark::Prefix(key.to_owned())
                }
                _ => Mark::Key(key.to_owned()),
            }),
    };
    let bucket = &target.container;
    let page = shared
        .store
        .with_bucket(bucket, |bucket| {
            page_of(bucket, target, from.as_ref(), max.min(MAX_KEYS))
        })
        .ok_or_else(|| no_such_bucket(bucket))?;
    Ok(Answer::xml(200, write(&page, target, max.min(MAX_KEYS))))
}

fn is_v2(target: &Target) -> bool {
    target.operation == Operation::ListObjectsV2
}

fn invalid(name: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidArgument",
        format!("The {name} provided is incorrect"),
    )
    .detail("ArgumentName", name)
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

fn write(page: &Page, target: &Target, max: usize) -> Xml {
    let url = target.parameter("encoding-type") == Some("url");
    let encode = |text| -> Cow<'_, str> {
        if url {
            utf8_percent_encode(text, PLAIN).into()
        } else {
            Cow::Borrowed(text)
        }
    };
    let mut dates = Dates::default();
    let truncated = page.next.is_some();
    let count = page.objects.len() + page.prefixes.len();
    let mut xml = Xml::document();
    xml.element("ListBucketResult", Some(NAMESPACE), |xml| {
        xml.text("Name", &target.container);
        xml.text(
            "Prefix",
            &encode(target.parameter("prefix").unwrap_or_default()),
        );
        for (parameter, element) in [
            ("delimiter", "Delimiter"),
            ("start-after", "StartAfter"),
            ("marker", "Marker"),
        ] {
            if let Some(value) = target.parameter(parameter) {
                xml.text(element, &encode(value));
            }
        }
        if let Some(token) = target.parameter("continuation-token") {
            xml.text("ContinuationToken", token);
        }
        match &page.next {
            Some(mark) if is_v2(target) => {
                xml.text("NextContinuationToken", &mark.to_token());
            }
            Some(Mark::Key(mark) | Mark::Prefix(mark)) => {
                xml.text("NextMarker", &encode(mark));
            }
            None => {}
        }
        if is_v2(target) {
            xml.text("KeyCount", &count.to_string());
        }
        xml.text("MaxKeys", &max.to_string());
        if url {
            xml.text("EncodingType", "url");
        }
        xml.text("IsTruncated", if truncated { "true" } else { "false" });
        for object in &page.objects {
            xml.element("Contents", None, |xml| {
                xml.text("Key", &encode(&object.key))
                    .text("LastModified", dates.iso(object.last_modified))
                    .text("ETag", &object.etag)
                    .text("Size", &object.size.to_string())
                    .text("StorageClass", "STANDARD");
            });
        }
        for prefix in &page.prefixes {
            xml.element("CommonPrefixes", None, |xml| {
                xml.text("Prefix", &encode(prefix));
            });
        }
    });
    xml
}

pub(in crate::local) fn buckets(shared: &Shared) -> Answer {
    let account = &shared.config.account;
    let mut xml = Xml::document();
    xml.element("ListAllMyBucketsResult", Some(NAMESPACE), |xml| {
        xml.element("Owner", None, |xml| {
            xml.text("ID", account);
        })
        .element("Buckets", None, |xml| {
            for name in shared.store.bucket_names() {
                xml.element("Bucket", None, |xml| {
                    // When they were made is not kept: as old as the endpoint.
                    xml.text("Name", &name)
                        .text("CreationDate", &dates::iso(shared.started));
                });
            }
        });
    });
    Answer::xml(200, xml)
}
