//! Objects on disk, across restarts; copies, deletions and buckets.

use std::fs;
use std::path::Path;

use sagemaker_async_inference::local::{LocalEndpoint, LocalError, ModelResponse};

use crate::local_endpoint::client::{HANG_GUARD, client};

fn at(directory: &Path) -> LocalEndpoint {
    let builder = LocalEndpoint::builder()
        .bucket("b")
        .data_directory(directory);
    builder.start().expect("start")
}

fn blobs(directory: &Path) -> usize {
    fs::read_dir(directory.join("blobs"))
        .expect("blobs")
        .count()
}

#[test]
fn objects_outlast_the_endpoint() {
    let directory = tempfile::tempdir().expect("a directory");
    let large = vec![7; 9 << 20];
    let etag = {
        let endpoint = at(directory.path());
        let client = client(&endpoint);
        client
            .put("/b/a/k%20%C3%BC", "small")
            .header("content-type", "text/plain")
            .header("x-amz-meta-note", "kept")
            .send();
        client.put("/b/gone", "x").send();
        client.s3("DELETE", "/b/gone").send();
        client.put("/b/replaced", "before").send();
        client.put("/b/replaced", "after").send();
        client.put("/b/empty", "").send();
        client.put("/other", "").send();
        client
            .put("/b/large", large.clone())
            .send()
            .header("etag")
            .to_owned()
    };
    // Each of the four has one file, but the empty one; nothing else is left.
    assert_eq!(blobs(directory.path()), 3);
    let stray = directory.path().join("blobs").join("0".repeat(32));
    fs::write(stray, "of a process that died").expect("write");

    let endpoint = at(directory.path());
    assert_eq!(blobs(directory.path()), 3);
    assert_eq!(
        endpoint.objects("b"),
        ["a/k ü", "empty", "large", "replaced"]
    );
    let client = client(&endpoint);
    let small = client.get("/b/a/k%20%C3%BC").send();
    assert_eq!(small.text(), "small");
    assert_eq!(small.header("content-type"), "text/plain");
    assert_eq!(small.header("x-amz-meta-note"), "kept");
    assert_eq!(client.get("/b/replaced").send().text(), "after");
    assert_eq!(client.get("/b/empty").send().text(), "");
    let kept = endpoint.get_object("b", "large").expect("the large one");
    assert_eq!((kept.etag(), kept.body()), (etag.as_str(), &large[..]));
    let buckets = client.get("/").send();
    assert_eq!(buckets.all_xml("Name"), ["b", "other"]);
}

#[test]
fn a_directory_is_one_endpoints_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = at(directory.path());
    let second = LocalEndpoint::builder()
        .data_directory(directory.path())
        .start();
    assert!(
        matches!(second, Err(LocalError::Storage { .. })),
        "{second:?}"
    );
    drop(first);
    drop(at(directory.path()));
}

#[test]
fn results_of_jobs_are_kept_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = {
        let endpoint = LocalEndpoint::builder()
            .bucket("b")
            .data_directory(directory.path())
            .model(|request| ModelResponse::ok(request.body.repeat(2)))
            .start()
            .expect("start");
        client(&endpoint).invoke(endpoint.name()).body("ab").send();
        assert!(endpoint.wait_until_idle(HANG_GUARD));
        endpoint.objects("b").pop().expect("an output")
    };
    let kept = at(directory.path())
        .get_object("b", &key)
        .expect("the output");
    assert_eq!(kept.body(), b"abab");
}

#[test]
fn copies_share_what_they_are_made_of() {
    let directory = tempfile::tempdir().expect("a directory");
    let large = vec![1; 6 << 20];
    {
        let endpoint = at(directory.path());
        let client = client(&endpoint);
        client
            .put("/b/from", large.clone())
            .header("content-type", "text/plain")
            .send();
        let copy = client
            .put("/b/to", "")
            .header("x-amz-copy-source", "/b/from")
            .send();
        assert_eq!(copy.all_xml("ETag").len(), 1);
        assert_eq!(
            client.get("/b/to").send().header("content-type"),
            "text/plain"
        );
        assert_eq!(blobs(directory.path()), 1);
        client.s3("DELETE", "/b/from").send();
        let itself = client.put("/b/to", "").header("x-amz-copy-source", "b/to");
        itself.send().is_error(400, "InvalidRequest");
        let replaced = client
            .put("/b/to", "")
            .header("x-amz-copy-source", "b/to")
            .header("x-amz-metadata-directive", "REPLACE")
            .header("content-type", "text/csv");
        replaced.send();
        let missing = client
            .put("/b/x", "")
            .header("x-amz-copy-source", "b/nothing");
        missing.send().is_error(404, "NoSuchKey");
    }
    let endpoint = at(directory.path());
    let copy = endpoint.get_object("b", "to").expect("the copy");
    assert_eq!(
        (copy.content_type(), copy.body()),
        (Some("text/csv"), &large[..])
    );
}

#[test]
fn many_are_deleted_at_once() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    for key in ["a&b", "c", "d"] {
        endpoint.put_object("b", key, "x");
    }
    let client = client(&endpoint);
    let body =
        "<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>not there</Key></Object></Delete>";
    let response = client.s3("POST", "/b?delete").body(body).with_md5().send();
    assert_eq!(response.all_xml("Key"), ["a&amp;b", "not there"]);
    assert_eq!(endpoint.objects("b"), ["c", "d"]);
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>c</Key></Object></Delete>";
    let response = client.s3("POST", "/b?delete").body(quiet).with_md5().send();
    assert!(response.all_xml("Key").is_empty());
    client
        .s3("POST", "/b?delete")
        .body("<Delete/>")
        .with_md5()
        .send()
        .is_error(400, "MalformedXML");
    client
        .s3("DELETE", "/b")
        .send()
        .is_error(409, "BucketNotEmpty");
    client.s3("DELETE", "/b/d").send();
    client.s3("DELETE", "/b").send();
    client.get("/b/d").send().is_error(404, "NoSuchBucket");
}

#[test]
fn listing_as_it_was_before() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    for key in ["a/1", "a/2", "b", "c/1", "d"] {
        endpoint.put_object("b", key, "x");
    }
    let client = client(&endpoint);
    let first = client.get("/b?delimiter=/&max-keys=2").send();
    assert_eq!(first.xml("NextMarker"), "b");
    let second = client.get("/b?delimiter=/&max-keys=1&marker=b").send();
    assert_eq!(second.xml("NextMarker"), "c/");
    let last = client.get("/b?delimiter=/&marker=c/").send();
    assert_eq!(last.all_xml("Key"), ["d"]);
}

#[test]
fn a_program_is_the_model() {
    let program = |script: &str| {
        LocalEndpoint::builder()
            .bucket("b")
            .command("sh", ["-c", script])
            .start()
            .expect("start")
    };
    let run = |endpoint: &LocalEndpoint| {
        client(endpoint)
            .invoke(endpoint.name())
            .header("x-amzn-sagemaker-accept", "text/plain")
            .header("x-amzn-sagemaker-content-type", "text/csv")
            .header("x-amzn-sagemaker-invocationtimeoutseconds", "1")
            .body("hello")
            .send();
        assert!(endpoint.wait_until_idle(HANG_GUARD));
        let key = endpoint.objects("b").pop().expect("an object");
        let object = endpoint.get_object("b", &key).expect("the object");
        (key, String::from_utf8_lossy(object.body()).into_owned())
    };
    let upper = program("tr a-z A-Z; echo \" $CONTENT_TYPE\"");
    let (key, text) = run(&upper);
    assert!(key.starts_with("async-output/"), "{key}");
    assert_eq!(text, "HELLO text/csv\n");

    // It reads nothing of its input, and fails.
    let failing = program("echo no such model >&2; exit 3");
    let (key, text) = run(&failing);
    assert!(key.starts_with("async-failures/"), "{key}");
    assert!(
        text.contains("exit status: 3") && text.contains("no such model"),
        "{text}"
    );

    // The test does not wait for a child that it leaves behind.
    let slow = program("sleep 20 & sleep 20");
    let (_, text) = run(&slow);
    assert_eq!(text, "Model did not respond within 1 seconds.");

    let missing = LocalEndpoint::builder()
        .bucket("b")
        .command("/no/such/program", [""; 0])
        .start()
        .expect("start");
    assert!(run(&missing).1.contains("cannot be started"));
}
