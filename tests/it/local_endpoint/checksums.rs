//! Checksums: verified, stored, and returned.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::client;

/// Of "hello"; CRC-64/NVME from a bitwise computation, the others from Python's zlib and hashlib.
const CRC64: &str = "M3eFcAZSQlc=";
const CRC32: &str = "NhCmhg==";
const SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
const SHA1: &str = "qvTGHdzF6KLavt4PO0gs2a6pQ00=";
const MD5: &str = "XUFAKrxLKna5cZ2REBfFkg==";

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

#[test]
fn right_ones_are_kept_and_an_object_without_one_gets_one() {
    let endpoint = start();
    let client = client(&endpoint);
    for (sent, name, value) in [
        (None, "x-amz-checksum-crc64nvme", CRC64),
        (
            Some(("x-amz-checksum-crc32", CRC32)),
            "x-amz-checksum-crc32",
            CRC32,
        ),
        (
            Some(("x-amz-checksum-sha256", SHA256)),
            "x-amz-checksum-sha256",
            SHA256,
        ),
        (
            Some(("x-amz-checksum-sha1", SHA1)),
            "x-amz-checksum-sha1",
            SHA1,
        ),
        (
            Some(("content-md5", MD5)),
            "x-amz-checksum-crc64nvme",
            CRC64,
        ),
    ] {
        let mut put = client.put("/b/k", "hello");
        if let Some((name, value)) = sent {
            put = put.header(name, value);
        }
        let put = put.send();
        assert_eq!(put.status, 200, "{}", put.text());
        assert_eq!(put.header(name), value);
        let got = client
            .get("/b/k")
            .header("x-amz-checksum-mode", "ENABLED")
            .send();
        assert_eq!(got.header(name), value);
        assert_eq!(got.header("x-amz-checksum-type"), "FULL_OBJECT");
    }
}

#[test]
fn wrong_ones_are_refused() {
    let endpoint = start();
    let client = client(&endpoint);
    for (name, value, code) in [
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        (
            "x-amz-checksum-sha1",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "BadDigest",
        ),
        ("x-amz-checksum-crc64nvme", CRC32, "InvalidRequest"),
        ("x-amz-checksum-sha256", "not base64", "InvalidRequest"),
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("content-md5", "AAAA", "InvalidDigest"),
        ("content-md5", "not base64", "InvalidDigest"),
        ("content-md5", "", "InvalidDigest"),
    ] {
        let put = client.put("/b/k", "hello").header(name, value).send();
        assert_eq!((put.status, put.xml("Code")), (400, code), "{name}");
    }
    assert!(endpoint.objects("b").is_empty());
}

/// Not only of uploads: a document or a copy with a wrong one changes nothing.
#[test]
fn every_request_with_a_body_keeps_to_what_it_says_of_it() {
    let endpoint = start();
    let client = client(&endpoint);
    endpoint.put_object("b", "k", "content");
    let begun = client.s3("POST", "/b/parts?uploads").send();
    let id = begun.xml("UploadId").to_owned();
    let part = client.put(&format!("/b/parts?uploadId={id}&partNumber=1"), "part");
    let part = part.send().header("etag").to_owned();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = format!("/b/parts?uploadId={id}");
    let copy_part = format!("/b/parts?uploadId={id}&partNumber=2");
    let source = Some(("x-amz-copy-source", "b/k"));
    for (method, target, body, header) in [
        ("PUT", "/new", "", None),
        ("PUT", "/b/copy", "", source),
        ("PUT", copy_part.as_str(), "", source),
        ("POST", "/b/other?uploads", "", None),
        ("POST", complete.as_str(), list.as_str(), None),
    ] {
        let with = |name: &str, value: &str| {
            let mut call = client.s3(method, target).body(body).header(name, value);
            if let Some((name, value)) = header {
                call = call.header(name, value);
            }
            call.send()
        };
        with("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==").is_error(400, "BadDigest");
        with("content-md5", "AAAA").is_error(400, "InvalidDigest");
        // Of a completion it is the object's.
        if target != complete {
            with("x-amz-checksum-crc32", "AAAAAQ==").is_error(400, "BadDigest");
        }
    }
    assert_eq!(endpoint.objects("b"), ["k"]);
    let uploads = endpoint.multipart_uploads("b");
    assert_eq!(uploads.len(), 1);
    client.s3("HEAD", "/new").send().is_error(404, "");
}

#[test]
fn the_algorithm_that_is_announced_is_the_one_that_comes() {
    let endpoint = start();
    let client = client(&endpoint);
    let put = |headers: &[(&str, &str)]| {
        let call = client.put("/b/k", "hello");
        let headers = headers.iter();
        headers
            .fold(call, |call, (name, value)| call.header(name, value))
            .send()
    };
    let announced = |algorithm| ("x-amz-sdk-checksum-algorithm", algorithm);
    let (crc32, sha256) = (
        ("x-amz-checksum-crc32", CRC32),
        ("x-amz-checksum-sha256", SHA256),
    );
    for headers in [
        vec![announced("CRC32")],
        vec![announced("SHA256"), crc32],
        vec![announced("CRC7"), crc32],
        vec![crc32, sha256],
    ] {
        put(&headers).is_error(400, "InvalidRequest");
    }
    assert!(endpoint.objects("b").is_empty());
    assert_eq!(put(&[announced("CRC32"), crc32]).status, 200);
}

#[test]
fn large_objects_are_the_same_from_the_disk() {
    let endpoint = start();
    let client = client(&endpoint);
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(client.put("/b/k", body.clone()).send().status, 200);
    let object = endpoint.get_object("b", "k").expect("stored");
    assert_eq!(object.len(), 5_000_000);
    assert!(object.body() == body);
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut object.reader(), &mut read).expect("read");
    assert!(read == body);
    let part = client
        .get("/b/k")
        .header("range", "bytes=4194300-4194310")
        .send();
    assert_eq!(part.status, 206);
    assert_eq!(part.body, body[4_194_300..=4_194_310]);
}

/// Objects that are deleted by mistake are lost: S3 requires a checksum of the list.
#[test]
fn a_list_of_objects_to_delete_needs_a_checksum() {
    let endpoint = start();
    let client = client(&endpoint);
    let list = "<Delete><Object><Key>a</Key></Object></Delete>";
    let delete = || {
        endpoint.put_object(endpoint.bucket(), "a", "x");
        let target = format!("/{}?delete", endpoint.bucket());
        client.s3("POST", &target).body(list)
    };
    let reply = delete().send();
    reply.is_error(400, "InvalidRequest");
    let message = reply.text();
    assert!(
        message.contains("Content-MD5 OR x-amz-checksum-*"),
        "{message}"
    );
    let wrong = delete().header("x-amz-checksum-crc32", "AAAAAA==").send();
    wrong.is_error(400, "BadDigest");
    let announced = delete().header("x-amz-sdk-checksum-algorithm", "CRC32");
    assert!(announced.send().status == 400);
    assert_eq!(endpoint.objects(endpoint.bucket()), ["a"]);
    assert_eq!(delete().with_md5().send().status, 200);
    assert!(endpoint.objects(endpoint.bucket()).is_empty());
    let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, list.as_bytes());
    let sum = &STANDARD.encode(&sum.to_be_bytes()[4..]);
    let summed = delete().header("x-amz-checksum-crc32", sum);
    assert_eq!(summed.send().status, 200);
    assert!(endpoint.objects(endpoint.bucket()).is_empty());
}
