//! Objects: put, read, deleted.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sagemaker_async_inference::local::{LocalEndpoint, Operation};

use crate::local_endpoint::client::client;

const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

#[test]
fn an_object_comes_back_as_it_was_put() {
    let endpoint = start();
    let client = client(&endpoint);
    let put = client
        .put("/b/k", "hello")
        .header("content-type", "text/plain")
        .header("x-amz-meta-a", "b  c")
        .send();
    assert_eq!(
        (put.status, put.header("etag")),
        (200, "\"5d41402abc4b2a76b9719d911017c592\"")
    );
    assert!(!put.header("x-amz-request-id").is_empty() && !put.header("x-amz-id-2").is_empty());

    let get = client.get("/b/k").send();
    assert_eq!((get.status, get.text()), (200, "hello"));
    assert_eq!(get.header("content-type"), "text/plain");
    assert_eq!(get.header("x-amz-meta-a"), "b  c");
    assert_eq!(get.header("etag"), put.header("etag"));
    assert!(get.header("last-modified").ends_with(" GMT"));
    assert!(get.header("date").ends_with(" GMT"));

    let head = client.s3("HEAD", "/b/k").send();
    assert_eq!(
        (head.status, head.header("content-length"), head.text()),
        (200, "5", "")
    );

    assert_eq!(client.s3("DELETE", "/b/k").send().status, 204);
    assert_eq!(client.s3("DELETE", "/b/k").send().status, 204);
    client.get("/b/k").send().is_error(404, "NoSuchKey");
}

#[test]
fn odd_keys_are_taken_as_they_are() {
    let endpoint = start();
    let client = client(&endpoint);
    for key in [
        "a b",
        "a+b",
        "a//b",
        "/a",
        "a/",
        "a:b",
        "~",
        "100%",
        "%41",
        "é/日本",
        "a/../b",
        "./a",
        "a&b=c?d#e",
        "!*'()@,;$",
        "\"<>\\^`{|}",
    ] {
        let target = format!("/b/{}", utf8_percent_encode(key, KEY));
        let put = client.put(&target, key).send();
        assert_eq!(put.status, 200, "{key}: {}", put.text());
        let stored = endpoint.get_object("b", key).expect(key);
        assert_eq!(stored.body(), key.as_bytes());
        assert_eq!(client.get(&target).send().text(), key);
        let recorded = endpoint.requests().pop().expect("a request");
        assert_eq!(recorded.path, target, "recorded as sent");
    }
}

#[test]
fn ranges() {
    let endpoint = start();
    endpoint.put_object("b", "k", "0123456789");
    let client = client(&endpoint);
    for (range, status, body, content_range) in [
        ("bytes=0-0", 206, "0", "bytes 0-0/10"),
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=8-100", 206, "89", "bytes 8-9/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-30", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=4-2", 200, "0123456789", ""),
        ("lines=1-2", 200, "0123456789", ""),
        ("bytes=0-1,3-4", 200, "0123456789", ""),
    ] {
        let get = client.get("/b/k").header("range", range).send();
        let seen = (get.status, get.text(), get.header("content-range"));
        assert_eq!(seen, (status, body, content_range), "{range}");
    }
    for range in ["bytes=10-", "bytes=-0"] {
        let get = client.get("/b/k").header("range", range).send();
        get.is_error(416, "InvalidRange");
        assert_eq!(get.header("content-range"), "bytes */10");
    }
    let head = client
        .s3("HEAD", "/b/k")
        .header("range", "bytes=2-4")
        .send();
    assert_eq!((head.status, head.header("content-length")), (206, "3"));
}

/// A download that is resumed must not join two versions of an object.
#[test]
fn a_range_of_another_version_is_the_whole_object() {
    let endpoint = start();
    endpoint.put_object("b", "k", "0123456789");
    let client = client(&endpoint);
    let head = client.s3("HEAD", "/b/k").send();
    let (etag, modified) = (head.header("etag"), head.header("last-modified"));
    let weak = format!("W/{etag}");
    for (validator, status) in [
        (etag, 206),
        (modified, 206),
        ("\"other\"", 200),
        (weak.as_str(), 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
        ("yesterday", 200),
    ] {
        let get = client.get("/b/k").header("range", "bytes=2-4");
        let get = get.header("if-range", validator).send();
        assert_eq!(get.status, status, "{validator}");
        let body = if status == 206 { "234" } else { "0123456789" };
        assert_eq!(get.text(), body, "{validator}");
    }
    let without = client.get("/b/k").header("if-range", "\"other\"").send();
    assert_eq!(without.status, 200);
}

#[test]
fn conditions() {
    let endpoint = start();
    let client = client(&endpoint);
    let create = || client.put("/b/k", "1").header("if-none-match", "*").send();
    let etag = create().header("etag").to_owned();
    create().is_error(412, "PreconditionFailed");
    let get = |name, value: &str| client.get("/b/k").header(name, value).send();
    assert_eq!(get("if-match", &etag).status, 200);
    get("if-match", "\"other\"").is_error(412, "PreconditionFailed");
    assert_eq!(get("if-none-match", &etag).status, 304);
    assert_eq!(get("if-none-match", "\"other\"").status, 200);
    let replace = |value: &str| client.put("/b/k", "2").header("if-match", value).send();
    replace("\"other\"").is_error(412, "PreconditionFailed");
    assert_eq!(replace(&etag).status, 200);
    let absent = client
        .put("/b/absent", "2")
        .header("if-match", &etag)
        .send();
    absent.is_error(404, "NoSuchKey");
}

#[test]
fn what_is_missing() {
    let endpoint = start();
    let client_ = client(&endpoint);
    let key = client_.get("/b/missing").send();
    key.is_error(404, "NoSuchKey");
    assert_eq!(key.xml("Key"), "missing");
    client_.get("/none/k").send().is_error(404, "NoSuchBucket");
    client_
        .put("/none/k", "")
        .send()
        .is_error(404, "NoSuchBucket");
    let head = client_.s3("HEAD", "/b/missing").send();
    assert_eq!((head.status, head.text()), (404, ""));

    let blind = LocalEndpoint::builder()
        .bucket("b")
        .list_allowed(false)
        .start();
    let blind = blind.expect("start");
    let client_ = client(&blind);
    client_
        .get("/b/missing")
        .send()
        .is_error(403, "AccessDenied");
    client_
        .get("/b?list-type=2")
        .send()
        .is_error(403, "AccessDenied");
    let head = client_.s3("HEAD", "/b/missing").send();
    assert_eq!((head.status, head.text()), (403, ""));
    blind.put_object("b", "there", "x");
    assert_eq!(client_.get("/b/there").send().text(), "x");
}

#[test]
fn buckets_in_the_host() {
    let builder = LocalEndpoint::builder().host_name("s3.amazonaws.com");
    let endpoint = builder.start().expect("start");
    endpoint.put_object("b", "k", "of b");
    endpoint.put_object("b.c", "k", "of b.c");
    let client = client(&endpoint);
    for (host, body) in [
        ("b.s3.amazonaws.com", "of b"),
        ("b.c.localhost:1", "of b.c"),
    ] {
        let call = client
            .get("/k")
            .with(|call| call.url = format!("http://{host}"));
        let mut request = format!("GET /k HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        for (name, value) in call.signed().headers() {
            let value = value.to_str().expect("text");
            request.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        let response = crate::local_endpoint::http1::raw(&endpoint, &format!("{request}\r\n"));
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with(&format!("\r\n\r\n{body}")), "{response}");
        let recorded = endpoint.requests().pop().expect("a request");
        assert_eq!(recorded.operation, Operation::GetObject);
    }
}

#[test]
fn what_is_not_there_says_so() {
    let endpoint = start();
    let client = client(&endpoint);
    for (method, target) in [
        ("PATCH", "/b/k"),
        ("PUT", "/b?versioning"),
        ("GET", "/b?tagging"),
        ("GET", "/b/k?acl"),
        ("PUT", "/b/k?acl"),
    ] {
        client
            .s3(method, target)
            .send()
            .is_error(501, "NotImplemented");
    }
}
