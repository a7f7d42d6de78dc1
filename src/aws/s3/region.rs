//! A bucket's region, from S3's error responses.

use crate::aws::client::error_response::ErrorResponse;
use crate::aws::endpoints::is_host_label;

/// Whether the response says that the bucket is in another region, with or without its name.
pub(super) fn is_elsewhere(response: &ErrorResponse) -> bool {
    let status = response.error.status();
    matches!(status, 301 | 307)
        || has_code(response)
        // A response to HEAD has no body with details.
        || (status == 400 && response.error.code().is_none())
}

/// Whether S3 says so without naming the region.
pub(super) fn is_unnamed(response: &ErrorResponse) -> bool {
    has_code(response) && response.bucket_region.is_none()
}

fn has_code(response: &ErrorResponse) -> bool {
    matches!(
        response.error.code(),
        Some(
            "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "TemporaryRedirect"
                | "IncorrectEndpoint"
                | "IllegalLocationConstraintException"
        )
    )
}

/// The region in the response: in a header or element of its own, in the message, or in the host of the
/// redirect.
pub(super) fn named_in(response: &ErrorResponse) -> Option<String> {
    let message = response.error.message().unwrap_or_default();
    let region = response
        .bucket_region
        .as_deref()
        .or_else(|| in_message(message))
        .or_else(|| in_host(response.endpoint.as_deref()?));
    // It becomes part of a host name, so it must be a valid label.
    region
        .filter(|region| is_host_label(region))
        .map(str::to_owned)
}

/// "the region 'us-east-1' is wrong; expecting 'eu-west-1'", "The me-south-1 location constraint is
/// incompatible for the region specific endpoint".
fn in_message(message: &str) -> Option<&str> {
    if let Some((_, rest)) = message.split_once("expecting '") {
        return Some(rest.split_once('\'')?.0);
    }
    let (before, _) = message.split_once(" location constraint is incompatible")?;
    before.rsplit(' ').next().filter(|region| is_region(region))
}

/// `bucket.s3.eu-west-1.amazonaws.com`, and the older `bucket.s3-eu-west-1.amazonaws.com`. The global host
/// names no region.
fn in_host(url: &str) -> Option<&str> {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    let is_s3 = |label: &&str| *label == "s3" || label.starts_with("s3-");
    // From the right, because a bucket's name may contain such a label too.
    let service = labels.iter().rposition(is_s3)?;
    let own = labels[service].strip_prefix("s3-");
    let next = labels[service + 1..].iter().copied();
    own.into_iter().chain(next).find(|label| is_region(label))
}

/// As in `eu-west-1` and `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let Some((number, words)) = parts.split_last() else {
        return false;
    };
    words.len() >= 2
        && words
            .iter()
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
        && words[0] != "external"
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{in_host, in_message};

    #[test]
    fn hosts_name_regions() {
        for (host, region) in [
            ("b.s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            (
                "https://s3.cn-north-1.amazonaws.com.cn/b/k",
                Some("cn-north-1"),
            ),
            ("b.s3-ap-southeast-2.amazonaws.com", Some("ap-southeast-2")),
            (
                "b.s3-fips.dualstack.us-gov-west-1.amazonaws.com",
                Some("us-gov-west-1"),
            ),
            (
                "b.s3.dualstack.eu-west-1.amazonaws.com:443",
                Some("eu-west-1"),
            ),
            (
                "my.s3.us-east-9.b.s3.eu-west-1.amazonaws.com",
                Some("eu-west-1"),
            ),
            ("b.s3.amazonaws.com", None),
            ("b.s3-external-1.amazonaws.com", None),
            ("127.0.0.1:9000", None),
            ("", None),
        ] {
            assert_eq!(in_host(host), region, "{host}");
        }
    }

    #[test]
    fn messages_name_regions() {
        for (message, region) in [
            (
                "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
                Some("eu-west-1"),
            ),
            (
                "The me-south-1 location constraint is incompatible for the region specific endpoint \
                 this request was sent to.",
                Some("me-south-1"),
            ),
            (
                "The unspecified location constraint is incompatible for the region specific endpoint \
                 this request was sent to.",
                None,
            ),
            (
                "The bucket you are attempting to access must be addressed elsewhere.",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(in_message(message), region, "{message}");
        }
    }
}
