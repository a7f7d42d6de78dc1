//! Verifies Signature Version 2 in the query of a URL, boto3's default for presigned URLs.
//!
//! It covers the method, the bucket and the key, some parameters, and all `x-amz-*` headers. Requests
//! that have it in the `Authorization` header are refused, as in regions younger than 2014.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha1::Sha1;

use super::Auth;
use super::refused::Refused;
use super::signature;
use crate::local::dates::iso;
use crate::local::http::head::Head;
use crate::local::http::response::Refusal;
use crate::local::operation::{Service, decoded_query};

/// The parameters that are the signature.
const PARAMETERS: [&str; 3] = ["AWSAccessKeyId", "Expires", "Signature"];

/// The parameters that the signature covers, besides those that begin with `response-`.
const COVERED: [&str; 29] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Whether a parameter is part of the signature of this query.
pub(in crate::local) fn is_of_signature(name: &str, query: &[(String, String)]) -> bool {
    PARAMETERS.contains(&name) && is_signed(query)
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(found, _)| found == name)?;
    Some(&found.1)
}

/// Whether a query holds this signature.
pub(super) fn is_signed(query: &[(String, String)]) -> bool {
    ["AWSAccessKeyId", "Signature"]
        .iter()
        .all(|name| value(query, name).is_some())
}

/// Verifies the signature of a URL and its expiry; false if it has no such signature. `bucket` is the one that the host
/// names.
pub(super) fn verify(auth: &Auth, head: &Head, bucket: Option<&str>) -> Result<bool, Refusal> {
    let unsupported = || {
        let message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        Refusal::new(400, "InvalidRequest", message)
    };
    if head
        .text("authorization")
        .is_some_and(|header| header.starts_with("AWS "))
    {
        return Err(unsupported());
    }
    let query = decoded_query(&head.query);
    if !is_signed(&query) {
        return Ok(false);
    }
    if head.headers.contains_key("authorization") {
        return Err(unsupported());
    }
    let refused = Refused {
        service: Service::S3,
    };
    let parameter = |name| value(&query, name).unwrap_or_default();
    let access_key = parameter("AWSAccessKeyId");
    if access_key != auth.keys.access_key {
        return Err(refused.unknown_key(access_key));
    }
    let token = value(&query, "x-amz-security-token");
    signature::check_token(auth, refused, token)?;
    check_time(auth, parameter("Expires"))?;
    let to_sign = string_to_sign(head, bucket, &query);
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(auth.keys.secret_key.as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(to_sign.as_bytes());
    let holds = STANDARD
        .decode(parameter("Signature"))
        .is_ok_and(|signature| mac.verify_slice(&signature).is_ok());
    if holds {
        Ok(true)
    } else {
        Err(refused.wrong_signature(to_sign.as_bytes()))
    }
}

fn check_time(auth: &Auth, expires: &str) -> Result<(), Refusal> {
    let denied = |message: String| Refusal::new(403, "AccessDenied", message);
    let until = expires
        .parse()
        .ok()
        .and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .ok_or_else(|| {
            denied(format!(
                "Invalid date (should be seconds since epoch): {expires}"
            ))
        })?;
    let now = auth.common.clock.now();
    if now > until {
        return Err(denied("Request has expired".to_owned())
            .detail("Expires", expires)
            .detail("ServerTime", iso(now)));
    }
    Ok(())
}

/// The text that the signature covers. `x-amz-*` headers may be in the query.
fn string_to_sign(head: &Head, bucket: Option<&str>, query: &[(String, String)]) -> String {
    let header = |name: &str| head.text(name).unwrap_or_default().trim();
    let mut amz: Vec<_> = query
        .iter()
        // They mean the same in any case, so they are signed in any case.
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
        .chain(head.headers.iter().map(|(name, value)| {
            let value = value.to_str().unwrap_or_default();
            (name.as_str().to_owned(), value)
        }))
        .filter(|(name, _)| name.starts_with("x-amz-"))
        .collect();
    amz.sort_unstable();
    let amz = amz
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()));
    format!(
        "{}\n{}\n{}\n{}\n{}{}",
        head.method,
        header("content-md5"),
        header("content-type"),
        value(query, "Expires").unwrap_or_default(),
        amz.collect::<String>(),
        resource(head, bucket)
    )
}

/// The bucket and the path as it was sent, with the parameters that are covered. A bucket alone ends in a slash.
fn resource(head: &Head, bucket: Option<&str>) -> String {
    let path = match bucket {
        Some(bucket) => format!("/{bucket}{}", head.path),
        None if head.path.rfind('/') == Some(0) && head.path.len() > 1 => format!("{}/", head.path),
        None => head.path.clone(),
    };
    let mut covered: Vec<_> = head
        .query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        })
        .filter(|(name, _)| COVERED.contains(name) || name.starts_with("response-"))
        .collect();
    covered.sort_by_key(|(name, _)| *name);
    let covered: Vec<_> = covered
        .into_iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={}", percent_decode_str(value).decode_utf8_lossy()),
            None => name.to_owned(),
        })
        .collect();
    let separator = if covered.is_empty() { "" } else { "?" };
    format!("{path}{separator}{}", covered.join("&"))
}
