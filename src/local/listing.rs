//! S3: `ListObjectsV2`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{Answer, Refusal};
use super::dates;
use super::operation::Target;
use super::s3::no_such_bucket;
use super::server::Shared;
use super::store::{Bucket, StoredObject};
use super::xml::Xml;

pub(super) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
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

#[derive(Default)]
struct Page {
    objects: Vec<(String, StoredObject)>,
    prefixes: Vec<String>,
    next: Option<String>,
}

pub(super) fn list(shared: &Shared, target: &Target) -> Result<Answer, Refusal> {
    if !shared.config.list_allowed {
        return Err(Refusal::access_denied());
    }
    let max = match target.parameter("max-keys") {
        Some(max) => max.parse().map_err(|_| invalid("max-keys"))?,
        None => MAX_KEYS,
    };
    let from = match target.parameter("continuation-token") {
        Some(token) => Some(Mark::of_token(token).ok_or_else(|| invalid("continuation-token"))?),
        None => target
            .parameter("start-after")
            .map(|key| Mark::Key(key.to_owned())),
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
    for (key, object) in bucket.objects.range(first.to_owned()..) {
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
            page.next = last.as_ref().map(Mark::to_token);
            break;
        }
        if let Some(common) = common {
            page.prefixes.push(common.to_owned());
            last = Some(Mark::Prefix(common.to_owned()));
        } else {
            page.objects.push((key.clone(), object.clone()));
            last = Some(Mark::Key(key.clone()));
        }
    }
    page
}

fn write(page: &Page, target: &Target, max: usize) -> Xml {
    let url = target.parameter("encoding-type") == Some("url");
    let encode = |text: &str| {
        if url {
            utf8_percent_encode(text, PLAIN).to_string()
        } else {
            text.to_owned()
        }
    };
    let truncated = page.next.is_some();
    let count = page.objects.len() + page.prefixes.len();
    let mut xml = Xml::document();
    xml.element("ListBucketResult", Some(NAMESPACE), |xml| {
        xml.text("Name", &target.container);
        xml.text(
            "Prefix",
            &encode(target.parameter("prefix").unwrap_or_default()),
        );
        for (parameter, element) in [("delimiter", "Delimiter"), ("start-after", "StartAfter")] {
            if let Some(value) = target.parameter(parameter) {
                xml.text(element, &encode(value));
            }
        }
        if let Some(token) = target.parameter("continuation-token") {
            xml.text("ContinuationToken", token);
        }
        if let Some(token) = &page.next {
            xml.text("NextContinuationToken", token);
        }
        xml.text("KeyCount", &count.to_string())
            .text("MaxKeys", &max.to_string());
        if url {
            xml.text("EncodingType", "url");
        }
        xml.text("IsTruncated", if truncated { "true" } else { "false" });
        for (key, object) in &page.objects {
            xml.element("Contents", None, |xml| {
                xml.text("Key", &encode(key))
                    .text("LastModified", &dates::iso(object.last_modified))
                    .text("ETag", &object.etag)
                    .text("Size", &object.body.len().to_string())
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
