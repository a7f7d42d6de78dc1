//! The canonical form of a request, which the signature covers.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::signature::Authorization;
use crate::local::http::head::Head;
use crate::local::operation::{Service, decoded_query};

/// All but the unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The canonical request: what is hashed and signed.
pub(super) fn request(
    service: Service,
    head: &Head,
    authorization: &Authorization<'_>,
    payload_hash: &str,
) -> Vec<u8> {
    let mut canonical = Vec::new();
    let mut line = |bytes: &[u8]| {
        canonical.extend_from_slice(bytes);
        canonical.push(b'\n');
    };
    line(head.method.as_str().as_bytes());
    line(path(service, &head.path).as_bytes());
    line(query(&head.query).as_bytes());
    for name in &authorization.signed_headers {
        let mut value = format!("{name}:").into_bytes();
        value.extend_from_slice(&header(head, name));
        line(&value);
    }
    line(b"");
    line(authorization.signed_headers.join(";").as_bytes());
    canonical.extend_from_slice(payload_hash.as_bytes());
    canonical
}

fn encode(bytes: &[u8]) -> Cow<'_, str> {
    percent_encode(bytes, ENCODED).into()
}

/// S3 encodes the key once and uses the path as it is. Other services encode the received path again, after
/// resolving empty and dot segments.
fn path(service: Service, sent: &str) -> String {
    if service == Service::S3 {
        let decoded: Vec<u8> = percent_decode_str(sent).collect();
        return decoded
            .split(|byte| *byte == b'/')
            .map(encode)
            .collect::<Vec<_>>()
            .join("/");
    }
    let mut segments = Vec::new();
    for segment in sent.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(encode(segment.as_bytes())),
        }
    }
    let end = if sent.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}", segments.join("/"))
}

fn query(sent: &str) -> String {
    let mut pairs: Vec<_> = decoded_query(sent)
        .iter()
        // A signature in the query is over the rest of it.
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| {
            (
                encode(name.as_bytes()).into_owned(),
                encode(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

/// All values of a header, trimmed, runs of spaces made one.
fn header(head: &Head, name: &str) -> Vec<u8> {
    head.headers
        .get_all(name)
        .iter()
        .map(|value| {
            value
                .as_bytes()
                .split(|byte| *byte == b' ' || *byte == b'\t')
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(&b' ')
        })
        .collect::<Vec<_>>()
        .join(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let odd = "/b//a%20b/./%7E/../c:d";
        assert_eq!(path(Service::S3, odd), "/b//a%20b/./~/../c%3Ad");
        assert_eq!(path(Service::SageMaker, odd), "/b/a%2520b/c%3Ad");
        assert_eq!(path(Service::Sts, "/"), "/");
        assert_eq!(path(Service::SageMaker, "/a/"), "/a/");
    }
}
