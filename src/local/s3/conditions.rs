//! Conditions of requests: `If-Match` and the like.

use std::time::{SystemTime, UNIX_EPOCH};

use super::store::{Bucket, StoredObject};
use crate::local::dates::{http_date, parse_http};
use crate::local::http::head::Head;
use crate::local::http::response::Refusal;

/// Header names, and their names in S3's errors.
struct Names {
    matches: (&'static str, &'static str),
    none_matches: (&'static str, &'static str),
    modified_since: (&'static str, &'static str),
    unmodified_since: (&'static str, &'static str),
}

const OF_OBJECT: Names = Names {
    matches: ("if-match", "If-Match"),
    none_matches: ("if-none-match", "If-None-Match"),
    modified_since: ("if-modified-since", "If-Modified-Since"),
    unmodified_since: ("if-unmodified-since", "If-Unmodified-Since"),
};

const OF_SOURCE: Names = Names {
    matches: ("x-amz-copy-source-if-match", "x-amz-copy-source-If-Match"),
    none_matches: (
        "x-amz-copy-source-if-none-match",
        "x-amz-copy-source-If-None-Match",
    ),
    modified_since: (
        "x-amz-copy-source-if-modified-since",
        "x-amz-copy-source-If-Modified-Since",
    ),
    unmodified_since: (
        "x-amz-copy-source-if-unmodified-since",
        "x-amz-copy-source-If-Unmodified-Since",
    ),
};

/// Headers carry whole seconds.
fn second(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Whether a range is of this version of the object: `If-Range` has its `ETag` or date, or is not there.
pub(super) fn range_applies(head: &Head, object: &StoredObject) -> bool {
    head.text("if-range")
        .is_none_or(|validator| match parse_http(validator) {
            Some(date) => second(date) == second(object.last_modified),
            None => validator.trim() == object.etag,
        })
}

/// The first condition that does not hold. An `ETag` takes precedence over a date. An invalid date is ignored, as
/// RFC 9110 requires.
fn failing(names: &Names, head: &Head, object: &StoredObject) -> Option<&'static str> {
    let date = |name: &str| parse_http(head.text(name)?);
    let modified = second(object.last_modified);
    let of_state = match head.list(names.matches.0) {
        Some(wanted) => (!matches_etag(&wanted, &object.etag)).then_some(names.matches.1),
        None => date(names.unmodified_since.0)
            .is_some_and(|date| modified > second(date))
            .then_some(names.unmodified_since.1),
    };
    of_state.or_else(|| match head.list(names.none_matches.0) {
        Some(unwanted) => matches_weakly(&unwanted, &object.etag).then_some(names.none_matches.1),
        None => date(names.modified_since.0)
            .is_some_and(|date| modified <= second(date))
            .then_some(names.modified_since.1),
    })
}

/// The conditions of a read.
pub(super) fn check_read(head: &Head, object: &StoredObject) -> Result<(), Refusal> {
    match failing(&OF_OBJECT, head, object) {
        None => Ok(()),
        Some("If-None-Match" | "If-Modified-Since") => Err(Refusal::new(304, "NotModified", "")
            .header("etag", &object.etag)
            .header("last-modified", http_date(object.last_modified))),
        Some(condition) => Err(precondition_failed(condition)),
    }
}

/// The conditions on the source of a copy.
pub(super) fn check_source(head: &Head, object: &StoredObject) -> Result<(), Refusal> {
    failing(&OF_SOURCE, head, object).map_or(Ok(()), |failing| Err(precondition_failed(failing)))
}

/// `If-None-Match: *` and `If-Match` of a write.
pub(super) fn check_write(head: &Head, bucket: &Bucket, key: &str) -> Result<(), Refusal> {
    if head.text("if-none-match") == Some("*") && bucket.objects().contains_key(key) {
        return Err(precondition_failed("If-None-Match"));
    }
    check_match(head.list("if-match").as_deref(), bucket, key)
}

/// The `ETag` that an object must have to be replaced or deleted; `*` is any.
pub(super) fn check_match(wanted: Option<&str>, bucket: &Bucket, key: &str) -> Result<(), Refusal> {
    match (wanted, bucket.objects().get(key)) {
        (Some(wanted), Some(object)) if !matches_etag(wanted, &object.etag) => {
            Err(precondition_failed("If-Match"))
        }
        (Some(_), None) => Err(
            Refusal::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key),
        ),
        _ => Ok(()),
    }
}

/// The strong comparison, of `If-Match`: a weak `ETag` equals none.
fn matches_etag(list: &str, etag: &str) -> bool {
    list.split(',').any(|wanted| is_etag(wanted.trim(), etag))
}

/// The weak comparison, of `If-None-Match` (RFC 9110, section 8.8.3.2). Proxies that compress make `ETag`s weak.
fn matches_weakly(list: &str, etag: &str) -> bool {
    list.split(',').any(|wanted| {
        let wanted = wanted.trim();
        is_etag(wanted.strip_prefix("W/").unwrap_or(wanted), etag)
    })
}

fn is_etag(wanted: &str, etag: &str) -> bool {
    wanted == "*" || wanted.trim_matches('"') == etag.trim_matches('"')
}

fn precondition_failed(condition: &str) -> Refusal {
    Refusal::new(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
    .detail("Condition", condition)
}
