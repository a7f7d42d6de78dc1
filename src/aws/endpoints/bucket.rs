//! Bucket addressing, virtual-hosted or path-style, by S3's published rules.

use super::custom::{CustomUrl, is_formed_like_ipv4};
use super::partition::is_host_label;
use crate::error::Result;
use crate::invalid_input::InvalidInput;

/// The addressing style, for AWS's hosts and custom endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Virtual-hosted: in the host name.
    Virtual,
    /// Path-style: the first segment of the path.
    Path,
}

impl Style {
    /// At S3's own host, whose certificate covers a single label before it.
    pub(super) fn at_own_host(bucket: &str, force_path_style: Option<bool>) -> Self {
        if force_path_style != Some(true) && is_virtual_hostable(bucket) {
            Self::Virtual
        } else {
            Self::Path
        }
    }

    /// At a custom endpoint. Over http no certificate forbids dots. Published rules put even before
    /// an IP address a bucket with dots in its name, which no resolver knows: this one does not.
    /// They also put buckets before `localhost`, which few resolvers know: that is done only
    /// on request.
    pub(super) fn at(url: &CustomUrl, bucket: &str, force_path_style: Option<bool>) -> Self {
        let force = force_path_style.unwrap_or_else(|| url.is_localhost());
        let fits =
            is_virtual_hostable(bucket) || (url.is_http() && is_virtual_hostable_with_dots(bucket));
        if force || url.is_ip() || !fits {
            Self::Path
        } else {
            Self::Virtual
        }
    }
}

fn is_virtual_hostable(bucket: &str) -> bool {
    !bucket.contains('.') && is_virtual_hostable_with_dots(bucket)
}

fn is_virtual_hostable_with_dots(bucket: &str) -> bool {
    (3..=63).contains(&bucket.len())
        && !bucket.bytes().any(|b| b.is_ascii_uppercase())
        && !is_formed_like_ipv4(bucket)
        && bucket.split('.').all(is_host_label)
}

/// Rejects what is not a bucket, and kinds of buckets with other hosts and signatures.
pub(super) fn check(bucket: &str) -> Result<()> {
    let remedy = if bucket.starts_with("arn:") {
        "name the bucket, or the access point's alias, instead of the ARN"
    } else if bucket.ends_with("--x-s3") || bucket.ends_with("--xa-s3") {
        "directory buckets (S3 Express One Zone) are not supported: use a general purpose bucket"
    } else if bucket.ends_with("--op-s3") {
        "access points of S3 on Outposts are not supported: use a general purpose bucket"
    } else if bucket.is_empty() {
        "give its name"
    } else if matches!(bucket, "." | "..") {
        "it would be a path segment such as .."
    } else {
        return Ok(());
    };
    Err(InvalidInput::new(
        "S3 bucket name",
        bucket,
        "the name of a general purpose bucket",
        remedy,
    )
    .into())
}
