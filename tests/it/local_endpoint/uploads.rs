//! Multipart uploads.

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::{Client, client};

const MIB: usize = 1024 * 1024;

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

fn create(client: &Client) -> String {
    let created = client
        .s3("POST", "/b/k%20k?uploads=")
        .header("content-type", "text/plain")
        .send();
    assert_eq!(created.xml("Key"), "k k");
    created.xml("UploadId").to_owned()
}

fn part(client: &Client, id: &str, number: u32, length: usize) -> String {
    let target = format!("/b/k%20k?partNumber={number}&uploadId={id}");
    let body = vec![b'0' + u8::try_from(number).expect("small"); length];
    let put = client.put(&target, body).send();
    assert_eq!(put.status, 200, "{}", put.text());
    put.header("etag").to_owned()
}

fn complete(
    client: &Client,
    id: &str,
    parts: &[(u32, &str)],
) -> crate::local_endpoint::client::Reply {
    let parts: Vec<_> = parts
        .iter()
        .map(|(number, etag)| {
            let etag = etag.replace('"', "&quot;");
            format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>")
        })
        .collect();
    let parts = parts.concat();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let target = format!("/b/k%20k?uploadId={id}");
    client.s3("POST", &target).body(body).send()
}

#[test]
fn parts_make_an_object() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    assert_eq!(endpoint.multipart_uploads("b"), ["k k"]);
    let two = part(&client, &id, 2, 3);
    let one = part(&client, &id, 1, 5 * MIB);
    let listed = client.get(&format!("/b/k%20k?uploadId={id}")).send();
    assert_eq!(listed.all_xml("PartNumber"), ["1", "2"]);
    let done = complete(&client, &id, &[(1, &one), (2, &two)]);
    assert_eq!(done.status, 200, "{}", done.text());
    let object = endpoint.get_object("b", "k k").expect("an object");
    assert_eq!(object.body().len(), 5 * MIB + 3);
    assert!(object.body().ends_with(b"11222"));
    assert_eq!(object.content_type(), Some("text/plain"));
    assert!(object.etag().ends_with("-2\""), "{}", object.etag());
    assert!(endpoint.multipart_uploads("b").is_empty());
    complete(&client, &id, &[(1, &one)]).is_error(404, "NoSuchUpload");
}

#[test]
fn a_repeated_completion_gets_the_same_response() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    let one = part(&client, &id, 1, 3);
    let first = complete(&client, &id, &[(1, &one)]);
    assert_eq!(first.status, 200);
    let location = format!("{}/b/k%20k", endpoint.url());
    assert_eq!(first.xml("Location"), location);
    let again = complete(&client, &id, &[(1, &one)]);
    assert_eq!((again.status, again.xml("ETag")), (200, first.xml("ETag")));
    // Whatever became of the object meanwhile.
    client.s3("DELETE", "/b/k%20k").send();
    assert_eq!(complete(&client, &id, &[(1, &one)]).status, 200);
    assert!(endpoint.objects("b").is_empty());
    let other = format!("/b/other?uploadId={id}");
    let body = format!(
        "<CompleteMultipartUpload><Part><ETag>{one}</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
    );
    let other = client.s3("POST", &other).body(body).send();
    other.is_error(404, "NoSuchUpload");
}

/// Of "hello", and of the digest of "hello".
const CRC32: &str = "NhCmhg==";
const SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

struct Begun {
    id: String,
    status: u16,
    code: String,
}

fn begin(client: &Client, algorithm: Option<&str>, kind: Option<&str>) -> Begun {
    let mut call = client.s3("POST", "/b/k%20k?uploads=");
    if let Some(algorithm) = algorithm {
        call = call.header("x-amz-checksum-algorithm", algorithm);
    }
    if let Some(kind) = kind {
        call = call.header("x-amz-checksum-type", kind);
    }
    let reply = call.send();
    if let (Some(kind), 200) = (kind, reply.status) {
        assert_eq!(reply.header("x-amz-checksum-type"), kind);
    }
    Begun {
        id: reply.xml("UploadId").to_owned(),
        status: reply.status,
        code: reply.xml("Code").to_owned(),
    }
}

#[test]
fn kinds_of_checksums_go_with_their_algorithms() {
    let endpoint = start();
    let client = client(&endpoint);
    for (algorithm, kind, status) in [
        (Some("CRC32"), Some("FULL_OBJECT"), 200),
        (Some("CRC32"), Some("COMPOSITE"), 200),
        (Some("CRC32C"), None, 200),
        (Some("SHA1"), Some("COMPOSITE"), 200),
        (Some("CRC64NVME"), Some("FULL_OBJECT"), 200),
        (Some("SHA256"), Some("FULL_OBJECT"), 400),
        (Some("CRC64NVME"), Some("COMPOSITE"), 400),
        (Some("CRC32"), Some("HALF"), 400),
        (Some("MD4"), None, 400),
        (None, Some("FULL_OBJECT"), 400),
    ] {
        let begun = begin(&client, algorithm, kind);
        let code = if status == 200 { "" } else { "InvalidRequest" };
        let seen = (begun.status, begun.code.as_str());
        assert_eq!(seen, (status, code), "{algorithm:?} {kind:?}");
    }
}

fn send_part(
    client: &Client,
    id: &str,
    checksum: Option<(&str, &str)>,
) -> crate::local_endpoint::client::Reply {
    let target = format!("/b/k%20k?partNumber=1&uploadId={id}");
    let mut call = client.put(&target, "hello");
    if let Some((name, value)) = checksum {
        call = call.header(name, value);
    }
    call.send()
}

#[test]
fn a_part_may_have_any_checksum_if_the_upload_has_none() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = begin(&client, None, None).id;
    let put = send_part(&client, &id, Some(("x-amz-checksum-crc32", CRC32)));
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(put.header("x-amz-checksum-crc32"), CRC32);
    let etag = put.header("etag");
    let body = |checksum: &str| {
        format!(
            "<CompleteMultipartUpload><Part>{checksum}<ETag>{etag}</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
        )
    };
    let target = format!("/b/k%20k?uploadId={id}");
    let wrong = body("<ChecksumCRC32>AAAAAA==</ChecksumCRC32>");
    client
        .s3("POST", &target)
        .body(wrong)
        .send()
        .is_error(400, "InvalidPart");
    let right = body(&format!("<ChecksumCRC32>{CRC32}</ChecksumCRC32>"));
    let done = client.s3("POST", &target).body(right).send();
    assert_eq!(done.status, 200, "{}", done.text());
    let read = client
        .get("/b/k%20k")
        .header("x-amz-checksum-mode", "ENABLED")
        .send();
    assert_eq!(read.header("x-amz-checksum-type"), "FULL_OBJECT");
    assert!(!read.header("x-amz-checksum-crc64nvme").is_empty());
}

#[test]
fn a_part_has_the_checksum_that_the_object_is_to_have() {
    let endpoint = start();
    let client = client(&endpoint);
    let composite = begin(&client, Some("SHA256"), None).id;
    send_part(&client, &composite, None).is_error(400, "InvalidRequest");
    let other = Some(("x-amz-checksum-crc32", CRC32));
    send_part(&client, &composite, other).is_error(400, "InvalidRequest");
    let right = Some(("x-amz-checksum-sha256", SHA256));
    assert_eq!(send_part(&client, &composite, right).status, 200);
    let listed = client.get(&format!("/b/k%20k?uploadId={composite}")).send();
    assert_eq!(listed.xml("ChecksumSHA256"), SHA256);
    assert_eq!(
        (listed.xml("ChecksumAlgorithm"), listed.xml("ChecksumType")),
        ("SHA256", "COMPOSITE")
    );

    // Of the whole object it can be computed without the client's.
    let whole = begin(&client, Some("CRC32"), Some("FULL_OBJECT")).id;
    let put = send_part(&client, &whole, None);
    assert_eq!(put.header("x-amz-checksum-crc32"), CRC32);
    let etag = put.header("etag").to_owned();
    let body = format!(
        "<CompleteMultipartUpload><Part><ETag>{etag}</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
    );
    let complete = |headers: &[(&str, &str)]| {
        let call = client.s3("POST", &format!("/b/k%20k?uploadId={whole}"));
        let headers = headers.iter();
        headers
            .fold(call, |call, (name, value)| call.header(name, value))
            .body(body.clone())
            .send()
    };
    for (name, value, code) in [
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-sha256", SHA256, "InvalidRequest"),
        ("x-amz-checksum-type", "COMPOSITE", "InvalidRequest"),
        ("x-amz-mp-object-size", "6", "InvalidRequest"),
    ] {
        complete(&[(name, value)]).is_error(400, code);
    }
    let done = complete(&[
        ("x-amz-checksum-crc32", CRC32),
        ("x-amz-checksum-type", "FULL_OBJECT"),
        ("x-amz-mp-object-size", "5"),
    ]);
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.xml("ChecksumCRC32"), CRC32);
}

#[test]
fn a_list_of_parts_that_is_cut_short_completes_nothing() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    let one = part(&client, &id, 1, 3);
    let whole = format!(
        "<CompleteMultipartUpload><Part><ETag>{one}</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
    );
    let target = format!("/b/k%20k?uploadId={id}");
    for end in [10, whole.len() - 40, whole.len() - 1] {
        let reply = client.s3("POST", &target).body(&whole[..end]).send();
        reply.is_error(400, "MalformedXML");
    }
    let other = whole.replace("CompleteMultipartUpload", "Complete");
    let reply = client.s3("POST", &target).body(other).send();
    reply.is_error(400, "MalformedXML");
    assert!(endpoint.objects("b").is_empty());
    assert_eq!(client.s3("POST", &target).body(whole).send().status, 200);
}

#[test]
fn every_checksum_and_number_of_a_listed_part_counts() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    let one = part(&client, &id, 1, 3);
    let complete = |number: &str, more: &str| {
        let list = format!(
            "<CompleteMultipartUpload><Part><ETag>{one}</ETag><PartNumber>{number}</PartNumber>{more}</Part></CompleteMultipartUpload>"
        );
        let target = format!("/b/k%20k?uploadId={id}");
        client.s3("POST", &target).body(list).send()
    };
    let listed = client.get(&format!("/b/k%20k?uploadId={id}")).send();
    assert_eq!(listed.xml("IsTruncated"), "false");
    let wrong = "<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME>";
    complete("1", wrong).is_error(400, "InvalidPart");
    let right = "<ChecksumCRC64NVME>2EdAj2XxyMI=</ChecksumCRC64NVME>";
    complete("1", &format!("{right}{wrong}")).is_error(400, "InvalidPart");
    complete("+1", "").is_error(400, "MalformedXML");
    let none = client.get(&format!("/b/k%20k?uploadId={id}&max-parts=0"));
    assert_eq!(none.send().xml("IsTruncated"), "false");
    let more = client.get(&format!("/b/k%20k?uploadId={id}&max-parts=%2B1"));
    more.send().is_error(400, "InvalidArgument");
    assert!(endpoint.objects("b").is_empty());
}

#[test]
fn rules_of_completion() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    let one = part(&client, &id, 1, 3);
    let two = part(&client, &id, 2, 3);
    complete(&client, &id, &[(2, &two), (1, &one)]).is_error(400, "InvalidPartOrder");
    complete(&client, &id, &[(1, &two)]).is_error(400, "InvalidPart");
    complete(&client, &id, &[(3, &one)]).is_error(400, "InvalidPart");
    complete(&client, &id, &[(1, &one), (2, &two)]).is_error(400, "EntityTooSmall");
    complete(&client, &id, &[(1, &one), (3, &two)]).is_error(400, "InvalidPart");
    complete(&client, &id, &[]).is_error(400, "MalformedXML");
    let target = format!("/b/k%20k?partNumber=10001&uploadId={id}");
    client
        .put(&target, "x")
        .send()
        .is_error(400, "InvalidArgument");
    assert_eq!(complete(&client, &id, &[(2, &two)]).status, 200);
}

#[test]
fn aborted() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    let target = format!("/b/k%20k?uploadId={id}");
    assert_eq!(client.s3("DELETE", &target).send().status, 204);
    assert!(endpoint.multipart_uploads("b").is_empty());
    client
        .s3("DELETE", &target)
        .send()
        .is_error(404, "NoSuchUpload");
    client.get(&target).send().is_error(404, "NoSuchUpload");
}
