//! Amazon S3: objects that are streamed. Reads of ranges, multipart uploads.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use quick_xml::escape::escape;

use super::checksum::{Algorithm, Expected};
use super::{PutOptions, Request, S3, expected, in_region, of_whole_object};
use crate::aws::client::error_response::text;
use crate::aws::client::payload::Source;
use crate::aws::endpoints::encode_segment;
use crate::aws::http::BodyStream;
use crate::aws::xml::texts;
use crate::aws::{CallError, Headers, MAX_DOCUMENT, Payload, RequestPolicy, Response};
use crate::error::Result;
use crate::limits::header_value;
use crate::uri::S3Uri;

/// An object whose body is still to be read.
pub(crate) struct OpenObject {
    pub(crate) body: BodyStream,
    /// The body's offset in the object.
    pub(crate) start: u64,
    /// The whole object's length, if the response has it.
    pub(crate) total: Option<u64>,
    etag: Option<String>,
    pub(crate) content_type: Option<String>,
    /// The whole object's checksum, if the response has it.
    pub(crate) checksum: Option<Expected>,
    /// Host and port of the server.
    pub(crate) host: String,
}

impl OpenObject {
    /// The `ETag` by which the rest can be requested. A weak one, which proxies make of S3's, does not identify bytes:
    /// `If-Match` never matches it (RFC 9110, 13.1.1).
    pub(crate) fn version(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }

    /// Whether it belongs to the version that was requested by `etag` and has `total` bytes. Some servers leave the `ETag`
    /// out of the response for a range, and proxies weaken it.
    pub(crate) fn is_version(&self, etag: Option<&str>, total: Option<u64>) -> bool {
        match (&self.etag, self.total, total) {
            (_, Some(own), Some(total)) if own != total => false,
            (Some(own), ..) => etag.is_some_and(|etag| opaque(own) == opaque(etag)),
            (None, own, total) => own.is_some() && total.is_some(),
        }
    }
}

/// An `ETag` without its mark and quotes.
fn opaque(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

/// A range of an object, and optionally which version of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) start: u64,
    /// Exclusive; `None` for the object's end.
    pub(crate) end: Option<u64>,
    /// Any other version is an error (412).
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

/// Opens an object or a range of it. Of a whole object the checksum is requested too.
pub(crate) fn open_object(
    s3: S3<'_>,
    uri: &S3Uri,
    piece: Piece<'_>,
    policy: RequestPolicy<'_>,
) -> Result<OpenObject, CallError> {
    let range = piece.range();
    let mut headers = match &range {
        Some(range) => {
            let range = header_value("range", range)?;
            Cow::Owned(vec![(http::header::RANGE, range)])
        }
        None => of_whole_object(s3),
    };
    if let Some(etag) = piece.etag {
        let etag = header_value("ETag", etag)?;
        headers.to_mut().push((http::header::IF_MATCH, etag));
    }
    let request = request("GetObject", Method::GET, uri, "", headers, policy);
    let (Response { headers, body }, host) = in_region(s3, &request, |call| {
        let response = s3.caller.client.open(call, &[])?;
        if range.is_none() && span(&response.headers).0 > 0 {
            return Err(call.unreadable(PARTIAL));
        }
        Ok((response, call.host().to_owned()))
    })?;
    let (start, total) = match span(&headers) {
        // A range without its place: no whole object of this version is as short.
        (0, Some(len))
            if piece.start > 0
                && piece.end == Some(piece.start.saturating_add(len))
                && !headers.contains_key(http::header::CONTENT_RANGE) =>
        {
            (piece.start, None)
        }
        found => found,
    };
    Ok(OpenObject {
        body,
        start,
        total,
        etag: text(&headers, "etag"),
        content_type: text(&headers, "content-type"),
        host,
        checksum: range.is_none().then(|| expected(s3, &headers)).flatten(),
    })
}

/// The problem of a response to a request for a whole object.
pub(super) const PARTIAL: &str = "it has only a part of the object";

/// The body's offset in the object, and the object's length if the response has it. A service that ignores the range
/// sends the object from its start.
pub(super) fn span(headers: &HeaderMap) -> (u64, Option<u64>) {
    match text(headers, "content-range") {
        Some(range) => parse_content_range(&range).unwrap_or((0, None)),
        // Chunks take precedence over a `Content-Length` that a proxy left there (RFC 9112, 6.3).
        None if headers.contains_key(http::header::TRANSFER_ENCODING) => (0, None),
        None => (0, number(headers, "content-length")),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes 0-9/100`: the offset, and the object's length unless it is `*`.
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

/// A checksum that the service verifies the payload against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) algorithm: Algorithm,
    pub(crate) base64: String,
}

impl Verified {
    fn header(&self) -> Result<(HeaderName, HeaderValue)> {
        let name = HeaderName::from_static(self.algorithm.header());
        Ok((name, header_value("checksum", &self.base64)?))
    }
}

/// Whether the service computed the checksum that was sent, if its response has one: not every store compares them.
fn check_stored(headers: &HeaderMap, verified: Option<&Verified>) -> Result<(), &'static str> {
    let Some(Verified { algorithm, base64 }) = verified else {
        return Ok(());
    };
    match text(headers, algorithm.header()) {
        Some(stored) if stored.trim() != base64 => {
            Err("its x-amz-checksum header is not that of the sent bytes")
        }
        _ => Ok(()),
    }
}

/// `PutObject` of a payload that is read from a source.
pub(crate) fn put_object(
    s3: S3<'_>,
    uri: &S3Uri,
    source: &dyn Source,
    verified: Option<&Verified>,
    options: &PutOptions<'_>,
    policy: RequestPolicy<'_>,
) -> Result<(), CallError> {
    let mut headers = options.headers()?;
    headers.extend(verified.map(Verified::header).transpose()?);
    let request = request(
        "PutObject",
        Method::PUT,
        uri,
        "",
        Cow::Owned(headers),
        policy,
    );
    send(s3, &request, Payload::Reader(source), |response| {
        check_stored(&response.headers, verified)
    })
}

/// A multipart upload.
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

/// An uploaded part.
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
    policy: RequestPolicy<'_>,
) -> Result<Upload, CallError> {
    let mut headers = options.headers()?;
    if algorithm == Some(Algorithm::Crc32c) {
        headers.push((
            HeaderName::from_static("x-amz-checksum-algorithm"),
            HeaderValue::from_static("CRC32C"),
        ));
    }
    let request = request(
        "CreateMultipartUpload",
        Method::POST,
        uri,
        "uploads=",
        Cow::Owned(headers),
        policy,
    );
    let id = send(s3, &request, Payload::EMPTY, |response| {
        let [id] = texts(&response.body, &[], ["UploadId"]);
        id.filter(|id| !id.is_empty()).ok_or("it has no UploadId")
    })?;
    Ok(Upload {
        uri: uri.clone(),
        id,
    })
}

/// Uploads one part and returns its `ETag`.
pub(crate) fn upload_part(
    s3: S3<'_>,
    upload: &Upload,
    number: u32,
    source: &dyn Source,
    verified: Option<Verified>,
    policy: RequestPolicy<'_>,
) -> Result<Part, CallError> {
    let query = format!("partNumber={number}&{}", upload.query());
    let headers = verified.as_ref().map(Verified::header).transpose()?;
    let request = request(
        "UploadPart",
        Method::PUT,
        &upload.uri,
        &query,
        headers.into_iter().collect(),
        policy,
    );
    let etag = send(s3, &request, Payload::Reader(source), |response| {
        check_stored(&response.headers, verified.as_ref())?;
        text(&response.headers, "etag").ok_or("it has no ETag")
    })?;
    Ok(Part {
        number,
        len: source.len(),
        etag,
        verified,
    })
}

/// Completes the upload. `parts` are in order.
pub(crate) fn complete_multipart_upload(
    s3: S3<'_>,
    upload: &Upload,
    parts: &[Part],
    policy: RequestPolicy<'_>,
) -> Result<(), CallError> {
    let body = completion(parts);
    let query = upload.query();
    let request = request(
        "CompleteMultipartUpload",
        Method::POST,
        &upload.uri,
        &query,
        Cow::default(),
        policy,
    );
    send(s3, &request, Payload::Bytes(body.as_bytes()), |response| {
        let [etag] = texts(&response.body, &[], ["ETag"]);
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

/// Aborts the upload: S3 deletes its parts.
pub(crate) fn abort_multipart_upload(
    s3: S3<'_>,
    upload: &Upload,
    policy: RequestPolicy<'_>,
) -> Result<(), CallError> {
    let query = upload.query();
    let request = request(
        "AbortMultipartUpload",
        Method::DELETE,
        &upload.uri,
        &query,
        Cow::default(),
        policy,
    );
    send(s3, &request, Payload::EMPTY, |_| Ok(()))
}

fn request<'a>(
    operation: &'static str,
    method: Method,
    uri: &'a S3Uri,
    query: &'a str,
    headers: Headers<'a>,
    policy: RequestPolicy<'a>,
) -> Request<'a> {
    Request {
        operation,
        method,
        bucket: uri.bucket(),
        key: uri.key(),
        query,
        headers,
        policy,
        max_response: MAX_DOCUMENT,
    }
}

/// Sends the request and reads the response. A success that cannot be read is an error.
fn send<T>(
    s3: S3<'_>,
    request: &Request<'_>,
    payload: Payload<'_>,
    read: impl Fn(&Response) -> Result<T, &'static str>,
) -> Result<T, CallError> {
    in_region(s3, request, |call| {
        let response = s3.caller.client.send(call, payload)?;
        read(&response).map_err(|problem| call.unreadable(problem))
    })
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
