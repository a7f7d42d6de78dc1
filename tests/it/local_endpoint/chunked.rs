//! Bodies in chunks. Requests and signatures are the worked examples of the S3 API reference, "Signature
//! calculations for the Authorization header: Transferring payload in multiple chunks", without and with
//! trailing headers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::ManualClock;

use crate::local_endpoint::http1::raw;

/// 2013-05-24T00:00:00Z, when the examples were signed.
fn then() -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(380_376)
}

fn start() -> LocalEndpoint {
    LocalEndpoint::builder()
        .bucket("examplebucket")
        .host_name("s3.amazonaws.com")
        .clock(ManualClock::starting_at(then()))
        .start()
        .expect("start")
}

/// The example's payload: 65,536 and 1,024 times the letter a.
fn chunks(signatures: [&str; 3]) -> String {
    let [first, second, last] = signatures.map(|signature| {
        if signature.is_empty() {
            String::new()
        } else {
            format!(";chunk-signature={signature}")
        }
    });
    let (long, short) = ("a".repeat(65_536), "a".repeat(1024));
    format!("10000{first}\r\n{long}\r\n400{second}\r\n{short}\r\n0{last}\r\n")
}

const SIGNATURES: [&str; 3] = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];

fn signed(body: &str) -> String {
    format!(
        "PUT /examplebucket/chunkObject.txt HTTP/1.1\r\n\
         Host: s3.amazonaws.com\r\n\
         Connection: close\r\n\
         x-amz-date: 20130524T000000Z\r\n\
         x-amz-storage-class: REDUCED_REDUNDANCY\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9\r\n\
         x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n\
         Content-Encoding: aws-chunked\r\n\
         x-amz-decoded-content-length: 66560\r\n\
         Content-Length: 66824\r\n\r\n{body}"
    )
}

const TRAILER_SIGNATURES: [&str; 3] = [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
];
const TRAILER: &str = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";

fn with_trailer(body: &str) -> String {
    format!(
        "PUT /examplebucket/chunkObject.txt HTTP/1.1\r\n\
         Host: s3.amazonaws.com\r\n\
         Connection: close\r\n\
         x-amz-date: 20130524T000000Z\r\n\
         x-amz-storage-class: REDUCED_REDUNDANCY\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e\r\n\
         x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\r\n\
         Content-Encoding: aws-chunked\r\n\
         x-amz-decoded-content-length: 66560\r\n\
         x-amz-trailer: x-amz-checksum-crc32c\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn is_stored(endpoint: &LocalEndpoint) {
    let object = endpoint.get_object("examplebucket", "chunkObject.txt");
    let object = object.expect("the object");
    assert_eq!(object.len(), 66_560);
    assert!(object.body().iter().all(|byte| *byte == b'a'));
    // How the body came is not how the object is encoded.
    assert_eq!(object.header("content-encoding"), None);
}

fn is_refused(endpoint: &LocalEndpoint, request: &str, status: u16, code: &str) {
    let response = raw(endpoint, request);
    assert!(
        response.starts_with(&format!("HTTP/1.1 {status} ")),
        "{response}"
    );
    assert!(
        response.contains(&format!("<Code>{code}</Code>")),
        "{response}"
    );
    assert!(
        endpoint
            .get_object("examplebucket", "chunkObject.txt")
            .is_none()
    );
}

#[test]
fn signed_chunks() {
    let endpoint = start();
    let response = raw(&endpoint, &signed(&format!("{}\r\n", chunks(SIGNATURES))));
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    is_stored(&endpoint);
}

#[test]
fn signed_chunks_with_a_trailer() {
    let endpoint = start();
    let body = format!("{}{TRAILER}", chunks(TRAILER_SIGNATURES));
    let response = raw(&endpoint, &with_trailer(&body));
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(
        response.contains("x-amz-checksum-crc32c: sOO8/Q=="),
        "{response}"
    );
    is_stored(&endpoint);
}

#[test]
fn a_change_of_any_chunk_is_seen() {
    let endpoint = start();
    let body = format!("{}\r\n", chunks(SIGNATURES));
    for (from, to) in [
        ("aaaa\r\n400", "aaab\r\n400"),
        ("aaaa\r\n0;", "baaa\r\n0;"),
        ("b6c6ea8a", "b6c6ea8b"),
        (";chunk-signature=0055627c", ";chunk-signature=1055627c"),
    ] {
        assert!(body.contains(from));
        let request = signed(&body.replacen(from, to, 1));
        is_refused(&endpoint, &request, 403, "SignatureDoesNotMatch");
    }
    let trailed = format!("{}{TRAILER}", chunks(TRAILER_SIGNATURES));
    let request = with_trailer(&trailed.replace("d81f82fc", "d81f82fd"));
    is_refused(&endpoint, &request, 403, "SignatureDoesNotMatch");
}

/// As the Rust, Java and JavaScript SDKs send it over TLS, here without a signature over the head.
fn unsigned(body: &str, decoded: usize) -> String {
    format!(
        "PUT /examplebucket/chunkObject.txt HTTP/1.1\r\n\
         host: localhost\r\nconnection: close\r\n\
         x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n\
         content-encoding: aws-chunked\r\n\
         x-amz-decoded-content-length: {decoded}\r\n\
         x-amz-trailer: x-amz-checksum-crc32c\r\n\
         transfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    )
}

#[test]
fn unsigned_chunks_within_http_chunks() {
    let endpoint = LocalEndpoint::builder()
        .bucket("examplebucket")
        .verify_signatures(false)
        .start()
        .expect("start");
    let whole = format!("{}x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n", chunks([""; 3]));
    let wrong_sum = whole.replace("sOO8", "sOO9");
    is_refused(&endpoint, &unsigned(&wrong_sum, 66_560), 400, "BadDigest");
    let no_trailer = format!("{}\r\n", chunks([""; 3]));
    is_refused(
        &endpoint,
        &unsigned(&no_trailer, 66_560),
        400,
        "MalformedTrailerError",
    );
    is_refused(&endpoint, &unsigned(&whole, 66_559), 400, "IncompleteBody");
    is_refused(&endpoint, &unsigned(&whole, 66_561), 400, "IncompleteBody");
    let twice = whole.replace("/Q==\r\n", "/Q==\r\nx-amz-checksum-crc32c:sOO9/Q==\r\n");
    is_refused(
        &endpoint,
        &unsigned(&twice, 66_560),
        400,
        "MalformedTrailerError",
    );
    // One that was not announced is neither signed nor checked.
    let unannounced = whole.replace("/Q==\r\n", "/Q==\r\nx-amz-checksum-sha1:AAAA\r\n");
    let nothing_announced =
        unsigned(&whole, 66_560).replace("x-amz-trailer: x-amz-checksum-crc32c\r\n", "");
    let of_another_kind = unsigned(&whole, 66_560).replace(
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    );
    for request in [
        unsigned(&unannounced, 66_560),
        nothing_announced,
        of_another_kind,
    ] {
        is_refused(&endpoint, &request, 400, "MalformedTrailerError");
    }
    let no_sum = whole.replace("sOO8/Q==", "sOO8");
    is_refused(&endpoint, &unsigned(&no_sum, 66_560), 400, "InvalidRequest");
    // What cannot be honoured is not dropped.
    let other = unsigned(&whole, 66_560).replace(
        "x-amz-trailer: x-amz-checksum-crc32c",
        "x-amz-trailer: x-amz-checksum-crc32c, x-amz-meta-a",
    );
    is_refused(&endpoint, &other, 400, "InvalidRequest");
    let cut = &whole[..70_000.min(whole.len() - 1500)];
    is_refused(&endpoint, &unsigned(cut, 66_560), 400, "IncompleteBody");
    is_refused(
        &endpoint,
        &unsigned("zz\r\n", 66_560),
        400,
        "InvalidRequest",
    );

    let response = raw(&endpoint, &unsigned(&whole, 66_560));
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    is_stored(&endpoint);
}

#[test]
fn a_kind_of_chunks_that_is_not_understood() {
    let endpoint = start();
    let request = signed("").replace(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    );
    let request = request.replace("Content-Length: 66824", "Content-Length: 0");
    is_refused(&endpoint, &request, 501, "NotImplemented");

    // Nor without signatures: the chunks would be the object.
    let endpoint = LocalEndpoint::builder().bucket("examplebucket");
    let endpoint = endpoint.verify_signatures(false).start().expect("start");
    for kind in [
        "STREAMING-OTHER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    ] {
        let request = unsigned("3\r\nabc\r\n0\r\n\r\n", 3);
        let request = request.replace("STREAMING-UNSIGNED-PAYLOAD-TRAILER", kind);
        is_refused(&endpoint, &request, 501, "NotImplemented");
    }
}
