//! Copies of objects, whole and as parts.

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::{Client, Reply, client};

/// Of "hello", from Python's zlib and hashlib.
const CRC32: &str = "NhCmhg==";
const SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

fn start() -> LocalEndpoint {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "hello");
    endpoint
}

fn copy(client: &Client, target: &str, headers: &[(&str, &str)]) -> Reply {
    let call = client.s3("PUT", target).header("x-amz-copy-source", "/b/k");
    let headers = headers.iter();
    headers
        .fold(call, |call, (name, value)| call.header(name, value))
        .send()
}

#[test]
fn a_copy_has_the_checksum_of_its_source_or_the_requested_one() {
    let endpoint = start();
    let client = client(&endpoint);
    let put = client
        .put("/b/k", "hello")
        .header("x-amz-checksum-crc32", CRC32)
        .send();
    assert_eq!(put.status, 200);
    let same = copy(&client, "/b/same", &[]);
    assert_eq!(
        (same.xml("ChecksumCRC32"), same.xml("ChecksumType")),
        (CRC32, "FULL_OBJECT")
    );
    let other = copy(
        &client,
        "/b/other",
        &[("x-amz-checksum-algorithm", "SHA256")],
    );
    assert_eq!(other.xml("ChecksumSHA256"), SHA256);
    let read = client
        .get("/b/other")
        .header("x-amz-checksum-mode", "ENABLED")
        .send();
    assert_eq!(read.header("x-amz-checksum-sha256"), SHA256);
    let unknown = copy(&client, "/b/x", &[("x-amz-checksum-algorithm", "CRC7")]);
    unknown.is_error(400, "InvalidRequest");
}

#[test]
fn a_copy_to_itself_changes_something() {
    let endpoint = start();
    let client = client(&endpoint);
    copy(&client, "/b/k", &[]).is_error(400, "InvalidRequest");
    for (name, value) in [
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-website-redirect-location", "/x"),
        ("x-amz-server-side-encryption", "AES256"),
    ] {
        let copied = copy(&client, "/b/k", &[(name, value)]);
        assert_eq!(copied.status, 200, "{name}: {}", copied.text());
    }
    let odd = copy(&client, "/b/x", &[("x-amz-metadata-directive", "MERGE")]);
    odd.is_error(400, "InvalidArgument");
}

#[test]
fn a_copy_takes_metadata_along_and_nothing_else() {
    let endpoint = start();
    let client = client(&endpoint);
    let put = client
        .put("/b/k", "hello")
        .header("content-type", "text/x")
        .header("x-amz-meta-a", "1")
        .header("x-amz-storage-class", "STANDARD_IA")
        .header("x-amz-website-redirect-location", "/x");
    assert_eq!(put.send().status, 200);
    let ignored = [("x-amz-meta-b", "2"), ("content-type", "text/y")];
    assert_eq!(copy(&client, "/b/copied", &ignored).status, 200);
    let copied = client.s3("HEAD", "/b/copied").send();
    assert_eq!(copied.header("content-type"), "text/x");
    assert_eq!(copied.header("x-amz-meta-a"), "1");
    for name in [
        "x-amz-meta-b",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
    ] {
        assert!(!copied.headers.contains_key(name), "{name}");
    }
    let directive = ("x-amz-metadata-directive", "REPLACE");
    let headers = [directive, ("x-amz-meta-b", "2")];
    assert_eq!(copy(&client, "/b/replaced", &headers).status, 200);
    let replaced = client.s3("HEAD", "/b/replaced").send();
    assert_eq!(replaced.header("x-amz-meta-b"), "2");
    assert!(!replaced.headers.contains_key("x-amz-meta-a"));
}

#[test]
fn the_owner_of_the_source_may_be_expected() {
    let endpoint = start();
    let client = client(&endpoint);
    let owner = "x-amz-source-expected-bucket-owner";
    let other = copy(&client, "/b/c", &[(owner, "210987654321")]);
    other.is_error(403, "AccessDenied");
    assert_eq!(
        copy(&client, "/b/c", &[(owner, "123456789012")]).status,
        200
    );
}

#[test]
fn the_range_of_a_part_is_within_the_source() {
    let endpoint = start();
    let client = client(&endpoint);
    let begun = client
        .s3("POST", "/b/new?uploads=")
        .header("x-amz-checksum-algorithm", "SHA256")
        .send();
    let id = begun.xml("UploadId");
    let target = format!("/b/new?partNumber=1&uploadId={id}");
    let part = |range| copy(&client, &target, &[("x-amz-copy-source-range", range)]);
    for range in [
        "0-2",
        "bytes=hello-world",
        "bytes=0-5",
        "bytes=5-6",
        "bytes=3-1",
        "bytes=-2",
        "bytes=1-",
        "bytes=0-1,3-4",
        "bytes=+0-1",
        "bytes= 0-1",
        "",
    ] {
        part(range).is_error(400, "InvalidArgument");
    }
    let listed = client.get(&format!("/b/new?uploadId={id}")).send();
    assert!(listed.all_xml("PartNumber").is_empty());
    let whole = part("bytes=0-4");
    assert_eq!(whole.xml("ChecksumSHA256"), SHA256, "{}", whole.text());
    let etag = whole.xml("ETag").to_owned();
    let body = format!(
        "<CompleteMultipartUpload><Part><ChecksumSHA256>{SHA256}</ChecksumSHA256><ETag>{etag}</ETag>\
         <PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
    );
    let target = format!("/b/new?uploadId={id}");
    let done = client.s3("POST", &target).body(body).send();
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(client.get("/b/new").send().text(), "hello");
}
