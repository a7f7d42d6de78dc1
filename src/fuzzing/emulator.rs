//! Requests to the local endpoint, over a connection: none of them may crash it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::Duration;

use crate::local::LocalEndpoint;

struct Emulators {
    trusting: LocalEndpoint,
    verifying: LocalEndpoint,
}

static EMULATORS: LazyLock<Emulators> = LazyLock::new(|| {
    let trusting = LocalEndpoint::builder()
        .verify_signatures(false)
        .start()
        .unwrap_or_else(|error| panic!("{error}"));
    trusting.put_object(trusting.bucket(), "k", b"0123456789".to_vec());
    let verifying = LocalEndpoint::builder()
        .start()
        .unwrap_or_else(|error| panic!("{error}"));
    Emulators {
        trusting,
        verifying,
    }
});

/// The responses to `request` and to a plain request after it.
fn send(endpoint: &LocalEndpoint, request: &[u8]) -> Vec<u8> {
    let response = exchange(endpoint, request);
    let after = exchange(
        endpoint,
        b"GET /no-bucket/k HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    );
    assert!(
        after.starts_with(b"HTTP/1.1 "),
        "it does not respond any more"
    );
    response
}

fn exchange(endpoint: &LocalEndpoint, request: &[u8]) -> Vec<u8> {
    let mut response = Vec::new();
    let address = endpoint.url().trim_start_matches("http://");
    let Ok(mut stream) = TcpStream::connect(address) else {
        panic!("it takes no connections any more");
    };
    let bounded = stream.set_read_timeout(Some(Duration::from_secs(5)));
    // It may have refused the request before it was whole.
    drop(bounded.and_then(|()| stream.write_all(request)));
    drop(stream.shutdown(std::net::Shutdown::Write));
    drop(stream.read_to_end(&mut response));
    response
}

/// Any bytes in place of a request.
pub fn emulator_http(data: &[u8]) {
    send(&EMULATORS.trusting, data);
    send(&EMULATORS.verifying, data);
}

/// A request with this line and these headers, and `data` as the body.
fn request(line: &str, headers: &str, data: &[u8]) -> Vec<u8> {
    let length = data.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), data].concat()
}

fn expect_response(request: &[u8]) {
    let response = send(&EMULATORS.trusting, request);
    assert!(response.starts_with(b"HTTP/1.1 "), "no response");
}

/// A body in `aws-chunked`, with and without signatures and trailers.
pub fn aws_chunked(data: &[u8]) {
    let line = format!("PUT /{}/chunked", EMULATORS.trusting.bucket());
    for payload in [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ] {
        let headers = format!(
            "x-amz-content-sha256: {payload}\r\ncontent-encoding: aws-chunked\r\n\
             x-amz-decoded-content-length: 3\r\nx-amz-trailer: x-amz-checksum-crc32\r\n"
        );
        expect_response(&request(&line, &headers, data));
    }
}

/// An `Authorization` header, and the query of a presigned URL.
pub fn signature(data: &[u8]) {
    let line = |byte: &u8| (b' '..=b'~').contains(byte);
    let text: String = data
        .iter()
        .filter(|byte| line(byte))
        .map(|b| char::from(*b))
        .collect();
    let endpoint = &EMULATORS.verifying;
    let bucket = endpoint.bucket();
    let authorized = request(
        &format!("GET /{bucket}/k"),
        &format!("authorization: {text}\r\nx-amz-date: 20260101T000000Z\r\n"),
        b"",
    );
    let query = text.replace(' ', "+").replace('#', "");
    let presigned = request(&format!("GET /{bucket}/k?{query}"), "", b"");
    for request in [authorized, presigned] {
        let response = send(endpoint, &request);
        assert!(
            response.starts_with(b"HTTP/1.1 4"),
            "it was let in: {text:?}"
        );
    }
}

/// Documents that S3's operations take.
pub fn emulator_xml(data: &[u8]) {
    let bucket = EMULATORS.trusting.bucket();
    let begun = send(
        &EMULATORS.trusting,
        &request(&format!("POST /{bucket}/parts?uploads"), "", b""),
    );
    let begun = String::from_utf8_lossy(&begun);
    let id = begun
        .split("<UploadId>")
        .nth(1)
        .and_then(|rest| rest.split('<').next());
    let id = id.unwrap_or("none");
    expect_response(&request(
        &format!("POST /{bucket}/parts?uploadId={id}"),
        "",
        data,
    ));
    expect_response(&request(
        &format!("DELETE /{bucket}/parts?uploadId={id}"),
        "",
        b"",
    ));
    expect_response(&request(&format!("POST /{bucket}?delete"), "", data));
    expect_response(&request("PUT /another-bucket", "", data));
}

/// `Range` headers of reads and of copies.
pub fn ranges(data: &[u8]) {
    let line = |byte: &u8| (b' '..=b'~').contains(byte);
    let text: String = data
        .iter()
        .filter(|byte| line(byte))
        .map(|b| char::from(*b))
        .collect();
    let bucket = EMULATORS.trusting.bucket();
    expect_response(&request(
        &format!("GET /{bucket}/k"),
        &format!("range: {text}\r\n"),
        b"",
    ));
    let copy = format!("x-amz-copy-source: /{bucket}/k\r\nx-amz-copy-source-range: {text}\r\n");
    expect_response(&request(
        &format!("PUT /{bucket}/k2?partNumber=1&uploadId=none"),
        &copy,
        b"",
    ));
}
