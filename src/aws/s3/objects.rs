//! Amazon S3: objects that never are in memory whole. Reads by ranges, writes in parts.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use quick_xml::escape::escape;

use super::checksum::{Algorithm, Expected};
use super::{PutOptions, RefersElsewhere, Request, S3, send_by};
use crate::aws::client::fault::{Fault, text};
use crate::aws::client::payload::Source;
use crate::aws::client::{Failed, UploadFailed};
use crate::aws::endpoints::encode_segment;
use crate::aws::http::BodyStream;
use crate::aws::xml::texts;
use crate::aws::{Answer, MAX_DOCUMENT, Patience, not_understood};
use crate::error::{Error, Result};
use crate::limits::header_value;
use crate::uri::S3Uri;

/// An object whose body is still to be read.
pub(crate) struct OpenObject {
    pub(crate) body: BodyStream,
    /// Where in the object the body begins.
    pub(crate) start: u64,
    /// The whole object's length, if the answer tells.
    pub(crate) total: Option<u64>,
    pub(crate) etag: Option<String>,
    pub(crate) content_type: Option<String>,
    /// The whole object's checksum, if the answer tells.
    pub(crate) checksum: Option<Expected>,
    /// Host and port that answered.
    pub(crate) host: String,
}

/// Which part of an object, and of which version of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) start: u64,
    /// The byte after the last one; `None` for the object's end.
    pub(crate) end: Option<u64>,
    /// Another version is an error (412).
    pub(crate) etag: Option<&'a str>,
}

impl Piece<'_> {
    pub(crate) const WHOLE: Self = Self {
        start: 0,
        end: None,
        etag: None,
    };

    fn range(&self) -> Option<String> {
        match (self.start, self.end) {
            (0, None) => None,
            (start, None) => Some(format!("bytes={start}-")),
            (start, Some(end)) => Some(format!("bytes={start}-{}", end.saturating_sub(1))),
        }
    }
}

/// Asks for an object, or a part of one, and for its checksum.
pub(crate) fn open_object(
    s3: S3<'_>,
    uri: &S3Uri,
    piece: Piece<'_>,
    patience: Patience<'_>,
) -> Result<OpenObject, Failed> {
    let mut headers = HeaderMap::new();
    let range = piece.range();
    match &range {
        Some(range) => {
            headers.insert(http::header::RANGE, header_value("range", range)?);
        }
        None => {
            headers.insert(
                HeaderName::from_static("x-amz-checksum-mode"),
                HeaderValue::from_static("ENABLED"),
            );
        }
    }
    if let Some(etag) = piece.etag {
        headers.insert(http::header::IF_MATCH, header_value("ETag", etag)?);
    }
    let request = request("GetObject", Method::GET, uri, "", headers, &[], patience);
    let (headers, body, host) = send_by(s3, &request, |call| {
        let Patience { stop, retry, .. } = patience;
        let (headers, body) = match retry {
            Some(retry) => s3.caller.client.with_retry(retry).open_until(call, stop)?,
            None => s3.caller.client.open_until(call, stop)?,
        };
        let host = call.uri.authority().map(ToString::to_string);
        Ok::<_, Failed>((headers, body, host.unwrap_or_default()))
    })?;
    let length = number(&headers, "content-length");
    // A service that passes over the range sends the object from its start.
    let (start, total) = match text(&headers, "content-range") {
        Some(range) => match parse_content_range(&range) {
            Some((start, total)) => (start, total),
            None => (0, None),
        },
        None => (0, length),
    };
    Ok(OpenObject {
        body,
        start,
        total,
        etag: text(&headers, "etag"),
        content_type: text(&headers, "content-type"),
        host,
        checksum: range
            .is_none()
            .then(|| Expected::of_object(&headers))
            .flatten(),
    })
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes 0-9/100`: where it begins, and the whole's length unless that is `*`.
fn parse_content_range(range: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.trim().split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

/// A checksum that goes with a payload for the service to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) algorithm: Algorithm,
    pub(crate) base64: String,
}

fn add_checksum(headers: &mut HeaderMap, verified: Option<&Verified>) -> Result<()> {
    if let Some(Verified { algorithm, base64 }) = verified {
        headers.insert(
            HeaderName::from_static(algorithm.header()),
            header_value("checksum", base64)?,
        );
    }
    Ok(())
}

/// `PutObject` of a payload that is read from its source.
pub(crate) fn put_object(
    s3: S3<'_>,
    uri: &S3Uri,
    source: &dyn Source,
    verified: Option<&Verified>,
    options: &PutOptions<'_>,
    patience: Patience<'_>,
) -> Result<(), UploadFailed> {
    let mut headers = options.headers()?;
    add_checksum(&mut headers, verified)?;
    let request = request("PutObject", Method::PUT, uri, "", headers, &[], patience);
    upload(s3, &request, source, |_| Ok(()))
}

/// An upload in parts that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) uri: S3Uri,
    id: String,
}

impl Upload {
    fn query(&self) -> String {
        format!("uploadId={}", encode_segment(&self.id))
    }
}

/// A part that was stored.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) len: u64,
    pub(crate) etag: String,
    pub(crate) verified: Option<Verified>,
}

pub(crate) fn create_multipart_upload(
    s3: S3<'_>,
    uri: &S3Uri,
    algorithm: Option<Algorithm>,
    options: &PutOptions<'_>,
    patience: Patience<'_>,
) -> Result<Upload, Failed> {
    let mut headers = options.headers()?;
    if algorithm == Some(Algorithm::Crc32c) {
        headers.insert(
            HeaderName::from_static("x-amz-checksum-algorithm"),
            HeaderValue::from_static("CRC32C"),
        );
    }
    let request = request(
        "CreateMultipartUpload",
        Method::POST,
        uri,
        "uploads=",
        headers,
        &[],
        patience,
    );
    let id = send(s3, &request, |answer| {
        let [id] = texts(&answer.body, &[], ["UploadId"]);
        id.filter(|id| !id.is_empty()).ok_or("it has no UploadId")
    })?;
    Ok(Upload {
        uri: uri.clone(),
        id,
    })
}

/// Sends one part; gives back its `ETag`.
pub(crate) fn upload_part(
    s3: S3<'_>,
    upload: &Upload,
    number: u32,
    source: &dyn Source,
    verified: Option<Verified>,
    patience: Patience<'_>,
) -> Result<Part, UploadFailed> {
    let query = format!("partNumber={number}&{}", upload.query());
    let mut headers = HeaderMap::new();
    add_checksum(&mut headers, verified.as_ref())?;
    let request = request(
        "UploadPart",
        Method::PUT,
        &upload.uri,
        &query,
        headers,
        &[],
        patience,
    );
    let etag = self::upload(s3, &request, source, |answer| {
        text(&answer.headers, "etag").ok_or("it has no ETag")
    })?;
    Ok(Part {
        number,
        len: source.len(),
        etag,
        verified,
    })
}

/// Makes the parts one object. They are in the order of their numbers.
pub(crate) fn complete_multipart_upload(
    s3: S3<'_>,
    upload: &Upload,
    parts: &[Part],
    patience: Patience<'_>,
) -> Result<(), Failed> {
    let body = completion(parts);
    let query = upload.query();
    let request = request(
        "CompleteMultipartUpload",
        Method::POST,
        &upload.uri,
        &query,
        HeaderMap::new(),
        body.as_bytes(),
        patience,
    );
    send(s3, &request, |answer| {
        let [etag] = texts(&answer.body, &[], ["ETag"]);
        etag.map(drop).ok_or("it has no ETag")
    })
}

fn completion(parts: &[Part]) -> String {
    let mut xml =
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
    for part in parts {
        xml.push_str("<Part>");
        if let Some(Verified { base64, .. }) = &part.verified {
            xml.extend(["<ChecksumCRC32C>", base64, "</ChecksumCRC32C>"]);
        }
        xml.extend([
            "<ETag>",
            &*escape(&part.etag),
            "</ETag><PartNumber>",
            &part.number.to_string(),
            "</PartNumber></Part>",
        ]);
    }
    xml.push_str("</CompleteMultipartUpload>");
    xml
}

/// Throws away the parts that are there.
pub(crate) fn abort_multipart_upload(
    s3: S3<'_>,
    upload: &Upload,
    patience: Patience<'_>,
) -> Result<(), Failed> {
    let query = upload.query();
    let request = request(
        "AbortMultipartUpload",
        Method::DELETE,
        &upload.uri,
        &query,
        HeaderMap::new(),
        &[],
        patience,
    );
    send(s3, &request, |_| Ok(()))
}

fn request<'a>(
    operation: &'static str,
    method: Method,
    uri: &'a S3Uri,
    query: &'a str,
    headers: HeaderMap,
    body: &'a [u8],
    patience: Patience<'a>,
) -> Request<'a> {
    Request {
        operation,
        method,
        bucket: uri.bucket(),
        key: uri.key(),
        query,
        headers,
        body,
        patience,
        max_answer: MAX_DOCUMENT,
    }
}

/// Sends, and reads the answer; a success that cannot be read is one of no use.
fn send<T>(
    s3: S3<'_>,
    request: &Request<'_>,
    read: impl Fn(&Answer) -> Result<T, &'static str>,
) -> Result<T, Failed> {
    send_by(s3, request, |call| {
        let answer = s3.caller.client.send_until(call, request.patience.stop)?;
        Ok(read(&answer).map_err(|problem| not_understood(call, problem))?)
    })
}

fn upload<T>(
    s3: S3<'_>,
    request: &Request<'_>,
    source: &dyn Source,
    read: impl Fn(&Answer) -> Result<T, &'static str>,
) -> Result<T, UploadFailed> {
    send_by(s3, request, |call| {
        let answer = s3
            .caller
            .client
            .upload_until(call, source, request.patience.stop)?;
        Ok(read(&answer).map_err(|problem| not_understood(call, problem))?)
    })
}

impl RefersElsewhere for UploadFailed {
    fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Request(failed) => failed.fault(),
            Self::Source(_) => None,
        }
    }
}

impl From<Failed> for UploadFailed {
    fn from(failed: Failed) -> Self {
        Self::Request(failed)
    }
}

impl From<Error> for UploadFailed {
    fn from(error: Error) -> Self {
        Self::Request(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Part, Piece, Verified, completion, parse_content_range};

    #[test]
    fn content_ranges() {
        assert_eq!(parse_content_range("bytes 0-9/100"), Some((0, Some(100))));
        assert_eq!(parse_content_range("bytes 5-5/6"), Some((5, Some(6))));
        assert_eq!(parse_content_range(" bytes 7-9/*"), Some((7, None)));
        for broken in [
            "",
            "bytes */100",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "bytes 0-9",
            "items 0-9/100",
            "bytes -1-9/100",
            "bytes 0-99999999999999999999/*",
        ] {
            assert_eq!(parse_content_range(broken), None, "{broken}");
        }
    }

    #[test]
    fn whatever_comes_as_a_range_is_inside_the_object_or_refused() {
        for _ in 0..20_000 {
            let [first, last, total] = [(); 3].map(|()| fastrand::u64(..200));
            let read = parse_content_range(&format!("bytes {first}-{last}/{total}"));
            let sound = first <= last && last < total;
            assert_eq!(read, sound.then_some((first, Some(total))));
            let noise: String = (0..fastrand::usize(..24))
                .map(|_| char::from(b"bytes 0123456789-/*"[fastrand::usize(..19)]))
                .collect();
            if let Some((start, Some(total))) = parse_content_range(&noise) {
                assert!(start < total, "{noise}");
            }
        }
    }

    #[test]
    fn ranges_are_asked_for_by_their_last_byte() {
        let piece = |start, end| Piece {
            start,
            end,
            etag: None,
        };
        assert_eq!(Piece::WHOLE.range(), None);
        assert_eq!(piece(5, None).range().as_deref(), Some("bytes=5-"));
        assert_eq!(piece(0, Some(1)).range().as_deref(), Some("bytes=0-0"));
        assert_eq!(piece(8, Some(16)).range().as_deref(), Some("bytes=8-15"));
    }

    #[test]
    fn the_list_of_parts_is_well_formed() {
        let part = Part {
            number: 1,
            len: 3,
            etag: "\"a&b\"".to_owned(),
            verified: Some(Verified {
                algorithm: Algorithm::Crc32c,
                base64: "y/Q5Jg==".to_owned(),
            }),
        };
        let xml = completion(&[part]);
        let found = crate::aws::xml::texts(
            xml.as_bytes(),
            &["Part"],
            ["ETag", "PartNumber", "ChecksumCRC32C"],
        );
        assert_eq!(
            found.map(Option::unwrap_or_default),
            ["\"a&b\"", "1", "y/Q5Jg=="]
        );
    }
}
