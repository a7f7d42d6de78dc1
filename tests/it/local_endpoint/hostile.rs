//! Hostile bytes on a raw socket: each request gets a response with the right status, and changes nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::{Call, HANG_GUARD, client};
use crate::local_endpoint::http1::raw;

pub(crate) fn open() -> LocalEndpoint {
    let builder = LocalEndpoint::builder().bucket("b");
    builder.verify_signatures(false).start().expect("start")
}

/// All that the endpoint sends until it closes the connection; the client's side stays open.
pub(crate) fn response_to(endpoint: &LocalEndpoint, request: &[u8]) -> String {
    let address = endpoint.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(HANG_GUARD)).expect("timeout");
    // The endpoint may respond and close before all of it is sent.
    let _ = stream.write_all(request);
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("a response");
    String::from_utf8_lossy(&received).into_owned()
}

pub(crate) fn statuses(received: &str) -> Vec<&str> {
    let lines = received.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.get(..3)).collect()
}

/// The head of a signed request.
pub(crate) fn head_of(call: Call<'_>, more: &str) -> String {
    let request = call.signed();
    let target = request.uri().path_and_query().expect("a path");
    let host = request.uri().authority().expect("a host");
    let mut head = format!("{} {target} HTTP/1.1\r\nhost: {host}\r\n", request.method());
    for (name, value) in request.headers() {
        let value = value.to_str().expect("text");
        head.extend([name.as_str(), ": ", value, "\r\n"]);
    }
    format!("{head}{more}\r\n")
}

#[test]
fn what_intermediaries_read_differently_is_refused() {
    let endpoint = open();
    endpoint.put_object("b", "there", "x");
    // If they were read in another way than intended, each of them would delete an object.
    let inner = "DELETE /b/there HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let length = inner.len();
    let chunks = format!("0\r\n\r\n{inner}");
    for (fields, body, status) in [
        (
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
            chunks.as_str(),
            "400",
        ),
        (
            format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
            chunks.as_str(),
            "400",
        ),
        (
            format!("content-length: {length}\r\ncontent-length: 0\r\n"),
            inner,
            "400",
        ),
        (format!("content-length: 0, {length}\r\n"), inner, "400"),
        (format!("content-length: +{length}\r\n"), inner, "400"),
        (format!("content-length: 0x{length:x}\r\n"), inner, "400"),
        (
            "transfer-encoding: gzip\r\n".to_owned(),
            chunks.as_str(),
            "501",
        ),
        (
            "transfer-encoding: xchunked\r\n".to_owned(),
            chunks.as_str(),
            "501",
        ),
        (
            format!("transfer-encoding: identity\r\ncontent-length: {length}\r\n"),
            inner,
            "400",
        ),
        (
            "transfer-encoding: chunked, identity\r\n".to_owned(),
            chunks.as_str(),
            "400",
        ),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n".to_owned(),
            chunks.as_str(),
            "400",
        ),
        (
            format!("transfer-encoding : chunked\r\ncontent-length: {length}\r\n"),
            inner,
            "400",
        ),
        (format!(" content-length: {length}\r\n"), inner, "400"),
        (format!("x: y\ncontent-length: {length}\r\n"), inner, "400"),
        (format!("x: y\rcontent-length: {length}\r\n"), inner, "400"),
        (
            format!("x: \0\r\ncontent-length: {length}\r\n"),
            inner,
            "400",
        ),
        (
            format!("host: localhost\r\ncontent-length: {length}\r\n"),
            inner,
            "400",
        ),
    ] {
        let request = format!("PUT /b/k HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n{body}");
        let received = response_to(&endpoint, request.as_bytes());
        assert_eq!(statuses(&received), [status], "{request:?}: {received}");
        assert!(received.contains("<Message>"), "{received}");
    }
    for request in [
        format!("PUT /b/k HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{inner}"),
        format!("PUT /b/k HTTP/1.1\nhost: localhost\ncontent-length: {length}\n\n{inner}"),
        format!(
            "PUT /b/k HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        ),
        format!(
            "PUT http://other/b/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n{inner}"
        ),
    ] {
        let received = response_to(&endpoint, request.as_bytes());
        assert_eq!(statuses(&received), ["400"], "{request:?}: {received}");
    }
    assert_eq!(endpoint.objects("b"), ["there"]);
}

#[test]
fn malformed_chunks_get_a_response() {
    let endpoint = open();
    for chunks in [
        "+3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "zz\r\nabc\r\n0\r\n\r\n",
        "-1\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nno field\r\n\r\n",
    ] {
        let request = format!(
            "PUT /b/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        );
        let received = response_to(&endpoint, request.as_bytes());
        assert_eq!(statuses(&received), ["400"], "{chunks:?}: {received}");
    }
    let endless = "1".repeat(1 << 20);
    let request = format!(
        "PUT /b/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{endless}"
    );
    assert_eq!(
        statuses(&response_to(&endpoint, request.as_bytes())),
        ["400"]
    );
    assert!(endpoint.objects("b").is_empty());
}

#[test]
fn aws_chunks_are_read_strictly() {
    let endpoint = open();
    let sum = "x-amz-checksum-crc32:NSRBwg==\r\n\r\n";
    let put = |body: &str| {
        let request = format!(
            "PUT /b/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-encoding: aws-chunked\r\n\
             x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-trailer: x-amz-checksum-crc32\r\n\
             x-amz-decoded-content-length: 3\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        response_to(&endpoint, request.as_bytes())
    };
    for body in [
        format!("+3\r\nabc\r\n0\r\n{sum}"),
        format!(" 3\r\nabc\r\n0\r\n{sum}"),
        format!("0x3\r\nabc\r\n0\r\n{sum}"),
        format!("3\nabc\r\n0\r\n{sum}"),
        format!("3\r\nabc\n0\r\n{sum}"),
        format!("3\r\nabc\r\n0\r\n{sum}GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        format!("3\r\nabc\r\n0\r\n{sum}\r\n"),
        format!("3\r\nabc\r\n0\r\n{sum}0\r\n\r\n"),
    ] {
        let received = put(&body);
        assert_eq!(statuses(&received), ["400"], "{body:?}: {received}");
    }
    assert!(endpoint.objects("b").is_empty());
    let received = put(&format!("3\r\nabc\r\n0\r\n{sum}"));
    assert_eq!(statuses(&received), ["200"], "{received}");
}

#[test]
fn oversized_and_malformed_heads_get_a_response() {
    let endpoint = open();
    let start = "GET /b HTTP/1.1\r\nhost: localhost\r\n";
    let field = format!("x: {}\r\n", "y".repeat(1000));
    let many = "x: y\r\n".repeat(1000);
    for (request, status) in [
        (format!("{start}x: {}", "x".repeat(10 << 20)), "431"),
        (format!("{start}{}\r\n", field.repeat(100)), "431"),
        (format!("{start}{many}\r\n"), "431"),
        (
            format!(
                "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
                "k".repeat(70_000)
            ),
            "431",
        ),
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), "400"),
        (
            "GET / HTTP/2.0\r\nhost: localhost\r\n\r\n".to_owned(),
            "505",
        ),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("{start}expect: more\r\n\r\n"), "417"),
    ] {
        let received = response_to(&endpoint, request.as_bytes());
        let shown = &request[..request.len().min(80)];
        assert_eq!(statuses(&received), [status], "{shown:?}: {received}");
    }
    // A client that stops sending within the head, and one that stops within the body.
    assert_eq!(statuses(&raw(&endpoint, start)), ["400"]);
    let cut = "PUT /b/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nabc";
    let received = raw(&endpoint, cut);
    assert!(
        statuses(&received) == ["400"] && received.contains("IncompleteBody"),
        "{received}"
    );
    let cut =
        "PUT /b/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let received = raw(&endpoint, cut);
    assert!(
        statuses(&received) == ["400"] && received.contains("IncompleteBody"),
        "{received}"
    );
    assert!(endpoint.objects("b").is_empty());
}

#[test]
fn documents_that_are_cut_or_have_no_root_are_refused() {
    let endpoint = open();
    endpoint.put_object("b", "k", "x");
    let client = client(&endpoint);
    for body in [
        "<Delete><Object><Key>k</Key></Object>",
        "<Object><Key>k</Key></Object>",
        "<Key>k</Key>",
        "<Delete><Object><Key>k</Key></Object></Delete><Delete/>",
        "<Delete><Object><Key>k</Key></Object></Delete>x",
        "<Delete><Object><Key>k</Object></Key></Delete>",
        "<Delete><Object><Key>k</Key></Object></Delete",
        "<!DOCTYPE Delete [<!ENTITY a 'k'>]><Delete><Object><Key>&a;</Key></Object></Delete>",
        "",
    ] {
        let reply = client.s3("POST", "/b?delete").body(body).with_md5().send();
        reply.is_error(400, "MalformedXML");
    }
    assert_eq!(endpoint.objects("b"), ["k"]);
    let id = client
        .s3("POST", "/b/large?uploads")
        .send()
        .xml("UploadId")
        .to_owned();
    let part = client
        .put(&format!("/b/large?partNumber=1&uploadId={id}"), "x")
        .send();
    let part = format!(
        "<Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>",
        part.header("etag")
    );
    let complete = |body: String| {
        client
            .s3("POST", &format!("/b/large?uploadId={id}"))
            .body(body)
            .send()
    };
    complete(part.clone()).is_error(400, "MalformedXML");
    complete(format!("<CompleteMultipartUpload>{part}")).is_error(400, "MalformedXML");
    let whole = format!(
        "<?xml version=\"1.0\"?>\n<CompleteMultipartUpload>{part}</CompleteMultipartUpload>\n"
    );
    assert_eq!(complete(whole).status, 200);
}

/// The response comes before the body, which is not sent: not even `100 Continue` precedes it.
#[test]
fn the_body_of_a_request_that_is_not_signed_rightly_is_not_taken() {
    let directory = tempfile::tempdir().expect("a directory");
    let builder = LocalEndpoint::builder().bucket("b");
    let endpoint = builder
        .data_directory(directory.path())
        .start()
        .expect("start");
    let client = client(&endpoint);
    let put = || {
        client
            .put("/b/k", "")
            .with(|call| call.unsigned_payload = true)
    };
    let hour = std::time::Duration::from_hours(1);
    let unsigned = format!(
        "PUT /b/k HTTP/1.1\r\nhost: {}\r\n",
        endpoint.url().trim_start_matches("http://")
    );
    let expect = "expect: 100-continue\r\n";
    for announced in [
        "content-length: 200000000\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        let with =
            |call: Call<'_>| head_of(call, announced).replacen("content-length: 0\r\n", "", 1);
        for (request, code) in [
            (format!("{unsigned}{announced}\r\n"), "AccessDenied"),
            (
                with(put().with(|call| call.secret_key = "wrong".to_owned())),
                "SignatureDoesNotMatch",
            ),
            (
                with(put().with(|call| call.access_key = "AKIDOTHER".to_owned())),
                "InvalidAccessKeyId",
            ),
            (
                with(put().with(|call| call.region = "eu-west-1".to_owned())),
                "AuthorizationHeaderMalformed",
            ),
            (
                with(put().with(|call| call.scope = "sagemaker")),
                "AuthorizationHeaderMalformed",
            ),
            (
                with(put().with(|call| call.time -= hour)),
                "RequestTimeTooSkewed",
            ),
        ] {
            for request in [
                request.clone(),
                request.replacen("\r\n", &format!("\r\n{expect}"), 1),
            ] {
                let received = response_to(&endpoint, request.as_bytes());
                assert!(received.starts_with("HTTP/1.1 40"), "{request}: {received}");
                assert!(received.contains(code), "{code}: {received}");
                assert!(!received.contains("100 Continue"), "{received}");
            }
        }
    }
    for call in [
        client
            .invoke(endpoint.name())
            .with(|call| call.access_key = "AKIDOTHER".to_owned()),
        client
            .invoke(endpoint.name())
            .with(|call| call.region = "eu-west-1".to_owned()),
        client.sts().with(|call| call.time -= hour),
    ] {
        let head = head_of(call, &format!("content-length: 100000\r\n{expect}"));
        let received = response_to(&endpoint, head.as_bytes());
        assert_eq!(statuses(&received), ["403"], "{received}");
    }
    assert!(endpoint.objects("b").is_empty());
}

/// What is not offered is refused as early.
#[test]
fn the_body_of_a_request_that_is_not_offered_is_not_taken() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "x");
    let client = client(&endpoint);
    let large = "content-length: 200000000\r\nexpect: 100-continue\r\n";
    for (call, name) in [
        (client.put("/b/k?acl", ""), "PutObjectAcl"),
        (client.put("/b/k?renameObject", ""), "RenameObject"),
        (
            client.s3("POST", "/b/k?select&select-type=2"),
            "SelectObjectContent",
        ),
        (client.put("/b?policy", ""), "PutBucketPolicy"),
        (
            client
                .put("/b/k", "")
                .header("x-amz-write-offset-bytes", "1"),
            "x-amz-write-offset-bytes of PutObject",
        ),
        (
            client.put("/b/k?x-amz-write-offset-bytes=1", ""),
            "x-amz-write-offset-bytes of PutObject",
        ),
    ] {
        let call = call.with(|call| call.unsigned_payload = true);
        let head = head_of(call, large).replacen("content-length: 0\r\n", "", 1);
        let received = response_to(&endpoint, head.as_bytes());
        assert_eq!(statuses(&received), ["501"], "{head}: {received}");
        assert!(received.contains(name), "{name}: {received}");
    }
    let other = client
        .put("/b/k", "")
        .header("x-amz-expected-bucket-owner", "210987654321");
    let other = other.with(|call| call.unsigned_payload = true);
    let head = head_of(other, large).replacen("content-length: 0\r\n", "", 1);
    assert_eq!(statuses(&response_to(&endpoint, head.as_bytes())), ["403"]);
    let object = endpoint.get_object("b", "k").expect("an object");
    assert_eq!(object.body(), b"x");
}

/// A short one that is refused is read and dropped, and the connection goes on.
#[test]
fn a_refusal_of_a_short_upload_keeps_the_connection() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    let client = client(&endpoint);
    for _ in 0..3 {
        let put = client.put("/b/k", vec![7; 100_000]);
        let put = put.with(|call| call.secret_key = "wrong".to_owned());
        put.send().is_error(403, "SignatureDoesNotMatch");
        assert_eq!(client.put("/b/k", "x").send().status, 200);
    }
    assert_eq!(endpoint.connections(), 1);
}

/// A signature over a body can be checked only when it is there: of such bodies, and of all, only a bounded number
/// bytes are taken at a time.
#[test]
fn bodies_are_bounded_in_sum() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    let client = client(&endpoint);
    let address = endpoint.url().trim_start_matches("http://");
    let head = head_of(
        client.invoke(endpoint.name()),
        "content-length: 4194304\r\n",
    );
    let streams: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("connect");
            stream.write_all(head.as_bytes()).expect("send");
            stream
        })
        .collect();
    let mut refused = 0;
    for mut stream in streams {
        stream
            .set_read_timeout(Some(std::time::Duration::from_millis(300)))
            .expect("a timeout");
        let mut start = [0; 12];
        if stream.read_exact(&mut start).is_ok() {
            assert_eq!(&start, b"HTTP/1.1 503");
            refused += 1;
        }
        let _ = stream.shutdown(Shutdown::Both);
    }
    assert!(refused > 0 && refused < 40, "{refused}");
    // What those held is free again.
    let invoked = || client.invoke(endpoint.name()).body("x").send().status;
    assert!((0..100).any(|_| invoked() == 202));

    let head = head_of(
        client
            .put("/b/k", "")
            .with(|call| call.unsigned_payload = true),
        "content-length: 5368709120\r\n",
    );
    let head = head.replacen("content-length: 0\r\n", "", 1);
    let streams: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("connect");
            stream.write_all(head.as_bytes()).expect("send");
            stream
                .set_read_timeout(Some(std::time::Duration::from_secs(1)))
                .expect("a timeout");
            stream
        })
        .collect();
    let refused = streams.iter().filter(|stream| {
        let mut start = [0; 12];
        (&mut &**stream)
            .read_exact(&mut start)
            .is_ok_and(|()| &start == b"HTTP/1.1 503")
    });
    let refused = refused.count();
    assert!(refused > 0 && refused < 8, "{refused}");
}
