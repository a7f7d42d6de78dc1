//! Headers for features that are not offered, refused by name. The others are honoured elsewhere.

use http::{HeaderMap, HeaderValue};

use crate::aws::s3::checksum::Algorithm;
use crate::local::auth::presigned;
use crate::local::http::response::Refusal;
use crate::local::operation::{Operation, Target};
use crate::local::s3::tagging;

const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

/// The limit on an object's `x-amz-meta-*`, in bytes.
const MAX_METADATA: usize = 2048;

pub(super) const ENCRYPTION: &str = "x-amz-server-side-encryption";
pub(super) const ENCRYPTION_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// Whether S3 ignores a header that stands in a URL. SDKs that presign an upload put the checksum of an empty
/// body there.
fn is_ignored_in_query(name: &str) -> bool {
    name == "x-amz-sdk-checksum-algorithm" || is_checksum(name)
}

/// Signers may move headers into the query of a URL; most mean the same there.
pub(super) fn take_from_query(headers: &mut HeaderMap, target: &Target) -> Result<(), Refusal> {
    for (name, value) in &target.query {
        let name = name.to_ascii_lowercase();
        let of_request = name.starts_with("x-amz-") && !presigned::is_of_signature(&name);
        if !of_request || is_ignored_in_query(&name) {
            continue;
        }
        let (Ok(header), Ok(value)) = (
            http::HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) else {
            let message = "The value of the parameter cannot be the value of a header.";
            let refusal = Refusal::new(400, "InvalidArgument", message);
            return Err(refusal.detail("ArgumentName", name));
        };
        headers.entry(header).or_insert(value);
    }
    Ok(())
}

/// Rejects headers for features that this endpoint does not have.
pub(super) fn check(headers: &HeaderMap, operation: Operation) -> Result<(), Refusal> {
    check_single(headers)?;
    headers.iter().try_for_each(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        check_one(operation, name.as_str(), value.trim())
    })?;
    check_metadata(headers)?;
    check_encryption(headers, operation)
}

/// Headers that ask for something are text, and those that have one value are there once: of two, one would be
/// ignored.
fn check_single(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in headers.keys() {
        let text = name.as_str();
        let is_list = matches!(
            text,
            "if-match"
                | "if-none-match"
                | "x-amz-object-attributes"
                | "x-amz-optional-object-attributes"
        );
        let asks = text.starts_with("x-amz-") || text.starts_with("if-");
        if text.starts_with("x-amz-meta-") || !(asks || matches!(text, "content-md5" | "range")) {
            continue;
        }
        let mut values = headers.get_all(name).iter();
        let problem = if values.any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
            "The value of the header is not UTF-8."
        } else if !is_list && headers.get_all(name).iter().nth(1).is_some() {
            "The header occurs more than once."
        } else {
            continue;
        };
        return Err(Refusal::new(400, "InvalidArgument", problem).detail("ArgumentName", text));
    }
    Ok(())
}

/// The names count without their common beginning.
fn check_metadata(headers: &HeaderMap) -> Result<(), Refusal> {
    let size: usize = headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some(name.len() + value.len())
        })
        .sum();
    if size <= MAX_METADATA {
        return Ok(());
    }
    let message = "Your metadata headers exceed the maximum allowed metadata size";
    Err(Refusal::new(400, "MetadataTooLarge", message)
        .detail("Size", size.to_string())
        .detail("MaxSizeAllowed", MAX_METADATA.to_string()))
}

/// Encryption is requested where an object is begun, and a key only with encryption by KMS.
fn check_encryption(headers: &HeaderMap, operation: Operation) -> Result<(), Refusal> {
    let begins = matches!(
        operation,
        Operation::PutObject | Operation::CopyObject | Operation::CreateMultipartUpload
    );
    let invalid = |name: &str, message: &str| {
        let value = headers.get(name).map(HeaderValue::as_bytes);
        let value = String::from_utf8_lossy(value.unwrap_or_default());
        Err(Refusal::new(400, "InvalidArgument", message)
            .detail("ArgumentName", name)
            .detail("ArgumentValue", value))
    };
    let of_kms = headers
        .get(ENCRYPTION)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"aws:kms"));
    if !begins {
        let sent = [ENCRYPTION, ENCRYPTION_KEY].into_iter();
        let mut sent = sent.filter(|name| headers.contains_key(*name));
        return sent.next().map_or(Ok(()), |name| {
            let message = format!("{name} header is not supported for this operation.");
            invalid(name, &message)
        });
    }
    if headers.contains_key(ENCRYPTION_KEY) && !of_kms {
        let message = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
        return invalid(ENCRYPTION_KEY, message);
    }
    Ok(())
}

fn check_one(operation: Operation, name: &str, value: &str) -> Result<(), Refusal> {
    let reads = matches!(operation, Operation::GetObject | Operation::HeadObject);
    let writes = matches!(
        operation,
        Operation::PutObject | Operation::CopyObject | Operation::CompleteMultipartUpload
    );
    let tags = matches!(
        operation,
        Operation::PutObject | Operation::CopyObject | Operation::CreateMultipartUpload
    );
    let offered = match name {
        "if-match" => reads || writes || operation == Operation::DeleteObject,
        "if-none-match" => reads || (writes && value == "*"),
        "if-modified-since" | "if-unmodified-since" => reads,
        tagging::HEADER => tags || value.is_empty(),
        "x-amz-bucket-object-lock-enabled" => value.eq_ignore_ascii_case("false"),
        "x-amz-bucket-namespace" => value == "global",
        "x-amz-object-ownership" => value == "BucketOwnerEnforced",
        "x-amz-write-offset-bytes"
        | "x-amz-object-annotation-directive"
        | "x-amz-if-match-last-modified-time"
        | "x-amz-if-match-size"
        | "x-amz-if-match-initiated-time"
        | "x-amz-rename-source" => false,
        "x-amz-mp-object-size" => operation == Operation::CompleteMultipartUpload,
        "x-amz-copy-source-range" => operation == Operation::UploadPartCopy,
        "x-amz-checksum-algorithm" | "x-amz-checksum-type" | "x-amz-checksum-mode" => true,
        _ if name.starts_with("x-amz-checksum-") => is_checksum(name),
        _ => {
            let copies = matches!(operation, Operation::CopyObject | Operation::UploadPartCopy);
            !name.starts_with("x-amz-server-side-encryption-customer-")
                && !name.starts_with("x-amz-copy-source-server-side-encryption-customer-")
                && !name.starts_with("x-amz-rename-source-")
                && (copies || !name.starts_with("x-amz-copy-source"))
        }
    };
    if !offered {
        let what = format!("{name} of {operation:?}");
        return Err(Refusal::not_offered(&what).detail("Header", name));
    }
    let grants = name == "x-amz-acl" || name.starts_with("x-amz-grant-");
    if grants {
        return check_acl(operation, name, value);
    }
    if name.starts_with("x-amz-object-lock-") {
        let message = "Bucket is missing Object Lock Configuration";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    if name == tagging::HEADER {
        return tagging::parsed(value).map(drop);
    }
    check_value(name, value)
}

/// ACLs are disabled, as in every new bucket.
fn check_acl(operation: Operation, name: &str, value: &str) -> Result<(), Refusal> {
    if operation == Operation::CreateBucket {
        if name == "x-amz-acl" && value == "private" {
            return Ok(());
        }
        return Err(Refusal::new(
            400,
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ));
    }
    // S3 accepts `private` where ownership is not enforced, and some clients send it with every object. Every object
    // here is private.
    if name == "x-amz-acl" && ["bucket-owner-full-control", "private"].contains(&value) {
        return Ok(());
    }
    let message = "The bucket does not allow ACLs";
    Err(Refusal::new(400, "AccessControlListNotSupported", message))
}

fn is_checksum(header: &str) -> bool {
    let mut algorithms = Algorithm::ALL.into_iter();
    algorithms.any(|algorithm| header.trim().eq_ignore_ascii_case(algorithm.header()))
}

/// A header that takes one of a few values.
fn check_value(name: &str, value: &str) -> Result<(), Refusal> {
    let invalid = |code: &str, message: &str| {
        Err(Refusal::new(400, code, message)
            .detail("ArgumentName", name)
            .detail("ArgumentValue", value))
    };
    match name {
        "x-amz-storage-class" if !STORAGE_CLASSES.contains(&value) => invalid(
            "InvalidStorageClass",
            "The storage class you specified is not valid",
        ),
        ENCRYPTION if !["AES256", "aws:kms", "aws:kms:dsse"].contains(&value) => invalid(
            "InvalidEncryptionAlgorithmError",
            "The encryption request you specified is not valid. The valid value is AES256.",
        ),
        "x-amz-website-redirect-location"
            if !["/", "http://", "https://"]
                .iter()
                .any(|start| value.starts_with(start)) =>
        {
            invalid(
                "InvalidRedirectLocation",
                "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
            )
        }
        "x-amz-trailer" if !value.split(',').all(is_checksum) => invalid(
            "InvalidRequest",
            "The value specified in the x-amz-trailer header is not supported",
        ),
        "x-amz-metadata-directive" | "x-amz-tagging-directive"
            if !["COPY", "REPLACE"].contains(&value) =>
        {
            invalid("InvalidArgument", "Unknown metadata directive.")
        }
        _ => Ok(()),
    }
}
