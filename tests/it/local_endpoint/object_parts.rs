//! The parts of a completed upload, by `partNumber` and `GetObjectAttributes`.

use std::fmt::Write as _;

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::{Client, Reply, client};

const PART: usize = 5 << 20;

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

/// Uploads parts 2 and 5: 5 MiB of `x`, and `end`.
fn upload(client: &Client, algorithm: Option<&str>) {
    let mut begun = client.s3("POST", "/b/k?uploads=");
    if let Some(algorithm) = algorithm {
        begun = begun.header("x-amz-checksum-algorithm", algorithm);
    }
    let begun = begun.send();
    let id = begun.xml("UploadId");
    let mut list = String::new();
    for (number, body, sum) in [
        (
            2,
            vec![b'x'; PART],
            "26Z6R2+niXOquwh/IUoQEPO+vKBTZ04K9Q3+WlghEr4=",
        ),
        (
            5,
            b"end".to_vec(),
            "Nh5I0DCPIOMtul+1Yyi68Y1y7wzLQ7hPXCYtKmofxsg=",
        ),
    ] {
        let mut part = client.put(&format!("/b/k?partNumber={number}&uploadId={id}"), body);
        if algorithm.is_some() {
            part = part.header("x-amz-checksum-sha256", sum);
        }
        let part = part.send();
        assert_eq!(part.status, 200, "{}", part.text());
        let sum = algorithm.map(|_| format!("<ChecksumSHA256>{sum}</ChecksumSHA256>"));
        write!(
            list,
            "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag>{}</Part>",
            part.header("etag"),
            sum.unwrap_or_default()
        )
        .expect("written");
    }
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let done = client.s3("POST", &format!("/b/k?uploadId={id}"));
    let done = done.body(list).send();
    assert_eq!(done.status, 200, "{}", done.text());
}

fn attributes(client: &Client, key: &str, wanted: &str, more: &[(&str, &str)]) -> Reply {
    let mut call = client.get(&format!("/b/{key}?attributes="));
    call = call.header("x-amz-object-attributes", wanted);
    for (name, value) in more {
        call = call.header(name, value);
    }
    call.send()
}

#[test]
fn a_part_is_read_by_its_number() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = || {
        let builder = LocalEndpoint::builder().bucket("b");
        builder
            .data_directory(directory.path().join("data"))
            .start()
            .expect("start")
    };
    let check = |endpoint: &LocalEndpoint| {
        let client = client(endpoint);
        let part = |method: &str, number: &str| {
            let target = format!("/b/k?partNumber={number}");
            let call = client.s3(method, &target);
            call.header("x-amz-checksum-mode", "ENABLED").send()
        };
        let last = part("GET", "5");
        assert_eq!((last.status, last.text()), (206, "end"));
        let total = PART + 3;
        let range = format!("bytes {PART}-{}/{total}", total - 1);
        assert_eq!(last.header("content-range"), range);
        assert_eq!(last.header("x-amz-mp-parts-count"), "2");
        assert_eq!(
            last.header("x-amz-checksum-sha256"),
            "Nh5I0DCPIOMtul+1Yyi68Y1y7wzLQ7hPXCYtKmofxsg="
        );
        let first = part("HEAD", "2");
        assert_eq!(first.status, 206);
        assert_eq!(first.header("content-length"), PART.to_string());
        for missing in ["1", "3", "6"] {
            part("GET", missing).is_error(416, "InvalidPartNumber");
        }
        for wrong in ["0", "10001", "x", ""] {
            part("GET", wrong).is_error(400, "InvalidArgument");
        }
        let both = client.get("/b/k?partNumber=2").header("range", "bytes=0-1");
        both.send().is_error(400, "InvalidRequest");
        // A copy is one object, whatever its source was made of.
        let copy = client
            .put("/b/copy", "")
            .header("x-amz-copy-source", "/b/k");
        assert_eq!(copy.send().status, 200);
        let whole = client.s3("HEAD", "/b/copy?partNumber=1").send();
        assert_eq!(whole.header("content-length"), total.to_string());
        assert_eq!(whole.header("x-amz-mp-parts-count"), "");
    };
    {
        let endpoint = at();
        upload(&client(&endpoint), Some("SHA256"));
        check(&endpoint);
    }
    check(&at());
}

#[test]
fn an_object_that_was_put_at_once_is_its_first_part() {
    let endpoint = start();
    let client = client(&endpoint);
    client.put("/b/k", "hello").send();
    client.put("/b/empty", "").send();
    let first = client.get("/b/k?partNumber=1").send();
    assert_eq!((first.status, first.text()), (206, "hello"));
    assert_eq!(first.header("content-range"), "bytes 0-4/5");
    assert_eq!(first.header("x-amz-mp-parts-count"), "");
    let second = client.s3("HEAD", "/b/k?partNumber=2").send();
    assert_eq!(second.status, 416);
    assert_eq!(client.get("/b/empty?partNumber=1").send().status, 200);
    client
        .get("/b/none?partNumber=7")
        .send()
        .is_error(404, "NoSuchKey");
}

#[test]
fn attributes_are_those_that_are_asked_for() {
    let endpoint = start();
    let client = client(&endpoint);
    client.put("/b/once", "hello").send();
    let all = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize";
    let once = attributes(&client, "once", all, &[]);
    assert_eq!(once.status, 200, "{}", once.text());
    assert!(once.text().contains("<GetObjectAttributesResponse "));
    assert_eq!(once.xml("ETag"), "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(once.xml("ObjectSize"), "5");
    assert_eq!(once.xml("StorageClass"), "STANDARD");
    assert_eq!(once.xml("ChecksumType"), "FULL_OBJECT");
    assert!(!once.xml("ChecksumCRC64NVME").is_empty());
    assert!(!once.text().contains("ObjectParts"));
    assert!(!once.header("last-modified").is_empty());
    let size = attributes(&client, "once", " ObjectSize ", &[]);
    assert!(!size.text().contains("ETag") && size.xml("ObjectSize") == "5");

    upload(&client, None);
    let parts = attributes(&client, "k", "ObjectParts", &[]);
    assert_eq!(parts.xml("PartsCount"), "2");
    assert!(!parts.text().contains("<Part>"), "they have no checksums");
    upload(&client, Some("SHA256"));
    let page = [("x-amz-max-parts", "1"), ("x-amz-part-number-marker", "0")];
    let first = attributes(&client, "k", "ObjectParts,Checksum", &page);
    assert_eq!(first.all_xml("PartNumber"), ["2"]);
    assert_eq!(first.xml("Size"), PART.to_string());
    assert_eq!(first.xml("IsTruncated"), "true");
    assert_eq!(first.xml("NextPartNumberMarker"), "2");
    assert_eq!(first.xml("ChecksumType"), "COMPOSITE");
    assert_eq!(first.all_xml("ChecksumSHA256")[0].len(), 44);
    let rest = [("x-amz-part-number-marker", "2")];
    let rest = attributes(&client, "k", "ObjectParts", &rest);
    assert_eq!(rest.all_xml("PartNumber"), ["5"]);
    assert_eq!(rest.xml("IsTruncated"), "false");
    assert!(rest.xml("ChecksumSHA256").starts_with("Nh5I"));

    attributes(&client, "once", "", &[]).is_error(400, "InvalidRequest");
    attributes(&client, "once", "ETag,Colour", &[]).is_error(400, "InvalidArgument");
    attributes(&client, "none", "ETag", &[]).is_error(404, "NoSuchKey");
    let wrong = [("x-amz-max-parts", "-1")];
    attributes(&client, "k", "ObjectParts", &wrong).is_error(400, "InvalidArgument");
}
