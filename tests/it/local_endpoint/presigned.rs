//! URLs that hold their signature.

use std::time::Duration;

use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::ManualClock;

use crate::local_endpoint::client::{Call, client};

const MINUTE: Duration = Duration::from_mins(1);

fn start() -> LocalEndpoint {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "a b+ü", "content");
    endpoint
}

const KEY: &str = "/b/a%20b%2B%C3%BC";

#[test]
fn objects_are_read_and_written_by_url() {
    let endpoint = start();
    let client = client(&endpoint);
    let url = |method: &str| client.s3(method, KEY).with(plain).presigned(MINUTE);
    let get = client.plain("GET", &url("GET"), &[], "");
    assert_eq!((get.status, get.text()), (200, "content"), "{}", get.text());
    let range = client.plain("GET", &url("GET"), &[("range", "bytes=1-2")], "");
    assert_eq!((range.status, range.text()), (206, "on"));
    let head = client.plain("HEAD", &url("HEAD"), &[], "");
    assert_eq!((head.status, head.header("content-length")), (200, "7"));
    let put = client.plain("PUT", &url("PUT"), &[], "another");
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(
        endpoint.get_object("b", "a b+ü").expect("an object").body(),
        b"another"
    );
    let delete = client.plain("DELETE", &url("DELETE"), &[], "");
    assert_eq!(delete.status, 204);
    assert!(endpoint.objects("b").is_empty());
}

/// A presigned URL does not cover the body.
fn plain(call: &mut Call<'_>) {
    call.unsigned_payload = true;
}

#[test]
fn a_url_is_for_one_request() {
    let endpoint = start();
    let client = client(&endpoint);
    let url = client.s3("GET", KEY).with(plain).presigned(MINUTE);
    client
        .plain("DELETE", &url, &[], "")
        .is_error(403, "SignatureDoesNotMatch");
    let other = url.replace("/b/a%20b", "/b/a%20c");
    client
        .plain("GET", &other, &[], "")
        .is_error(403, "SignatureDoesNotMatch");
    let longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=61");
    assert_ne!(longer, url);
    client
        .plain("GET", &longer, &[], "")
        .is_error(403, "SignatureDoesNotMatch");
    let added = format!("{url}&versionId=null");
    client
        .plain("GET", &added, &[], "")
        .is_error(403, "SignatureDoesNotMatch");
    let unsigned = client.plain("GET", &url, &[("x-amz-checksum-mode", "ENABLED")], "");
    unsigned.is_error(403, "AccessDenied");
    let both = client.plain("GET", &url, &[("authorization", "AWS4-HMAC-SHA256 x")], "");
    both.is_error(400, "InvalidArgument");
    assert_eq!(endpoint.objects("b").len(), 1);
}

#[test]
fn a_url_expires_by_the_endpoints_clock() {
    let clock = ManualClock::new();
    let endpoint = LocalEndpoint::builder()
        .bucket("b")
        .clock(clock.clone())
        .start()
        .expect("start");
    endpoint.put_object("b", "a b+ü", "content");
    let client = client(&endpoint);
    let now = sagemaker_async_inference::sys::Clock::now(&clock);
    let at = |call: &mut Call<'_>| {
        call.time = now;
        plain(call);
    };
    let url = client.s3("GET", KEY).with(at).presigned(MINUTE);
    let get = || client.plain("GET", &url, &[], "");
    assert_eq!(get().status, 200);
    clock.advance(Duration::from_secs(58));
    assert_eq!(get().status, 200);
    clock.advance(Duration::from_secs(4));
    let late = get();
    late.is_error(403, "AccessDenied");
    assert_eq!(
        (late.xml("Message"), late.xml("X-Amz-Expires")),
        ("Request has expired", "60")
    );
    let early = client
        .s3("GET", KEY)
        .with(|call| {
            plain(call);
            call.time = now + Duration::from_mins(20);
        })
        .presigned(MINUTE);
    let early = client.plain("GET", &early, &[], "");
    assert_eq!(
        (early.status, early.xml("Message")),
        (403, "Request is not yet valid")
    );
}

#[test]
fn what_is_wrong_with_a_url_is_said() {
    let endpoint = start();
    let client = client(&endpoint);
    let url = client.s3("GET", KEY).with(plain).presigned(MINUTE);
    let wrong = "AuthorizationQueryParametersError";
    for (from, to, status, code) in [
        ("X-Amz-Expires=60", "X-Amz-Expires=604801", 400, wrong),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1", 400, wrong),
        ("X-Amz-Expires=60", "X-Amz-Expires=soon", 400, wrong),
        ("X-Amz-Expires=60", "x-note=60", 400, wrong),
        ("X-Amz-Date=2", "X-Amz-Date=Z", 400, wrong),
        ("HMAC-SHA256", "HMAC-SHA1", 400, wrong),
        ("aws4_request", "aws3_request", 400, wrong),
        (
            "X-Amz-SignedHeaders=host",
            "X-Amz-SignedHeaders=date",
            403,
            "AccessDenied",
        ),
    ] {
        let changed = url.replacen(from, to, 1);
        assert_ne!(changed, url, "{from}");
        client
            .plain("GET", &changed, &[], "")
            .is_error(status, code);
    }
    let of_another = client
        .s3("GET", KEY)
        .with(plain)
        .with(|call| call.access_key = "AKIDOTHER".into())
        .presigned(MINUTE);
    client
        .plain("GET", &of_another, &[], "")
        .is_error(403, "InvalidAccessKeyId");
    let old = client.plain(
        "GET",
        &format!("{}{KEY}", endpoint.url()),
        &[("authorization", "AWS a:b")],
        "",
    );
    old.is_error(400, "InvalidRequest");
}

#[test]
fn a_session_token_is_in_the_url() {
    let endpoint = LocalEndpoint::builder()
        .bucket("b")
        .session_token("token/+=")
        .start()
        .expect("start");
    endpoint.put_object("b", "a b+ü", "content");
    let client = client(&endpoint);
    let url = client.s3("GET", KEY).with(plain).presigned(MINUTE);
    assert_eq!(client.plain("GET", &url, &[], "").text(), "content");
    let recorded = endpoint.requests().pop().expect("a request");
    for secret in ["token", "Signature=0", "Signature=1"] {
        let shown = format!("{recorded:?} {}", recorded.query);
        assert!(!shown.contains(&format!("{secret}%2F")), "{shown}");
    }
    assert!(
        recorded.query.contains("X-Amz-Signature=(redacted)"),
        "{}",
        recorded.query
    );
    assert!(recorded.query.contains("X-Amz-Security-Token=(redacted)"));
    let without = client
        .s3("GET", KEY)
        .with(plain)
        .with(|call| call.token = None)
        .presigned(MINUTE);
    client
        .plain("GET", &without, &[], "")
        .is_error(403, "InvalidAccessKeyId");
}

/// Some signers move the headers of a request into its URL.
#[test]
fn headers_in_the_url_mean_the_same() {
    let endpoint = start();
    let client = client(&endpoint);
    let put = |query: &str| {
        let target = format!("/b/new?{query}");
        let url = client.s3("PUT", &target).with(plain).presigned(MINUTE);
        client.plain("PUT", &url, &[], "hello")
    };
    put("x-amz-acl=public-read").is_error(400, "AccessControlListNotSupported");
    put("x-amz-meta-a=1%0A2").is_error(400, "InvalidArgument");
    assert_eq!(endpoint.objects("b").len(), 1);
    // SDKs put the checksum of an empty body there, for they have no other when they sign.
    let kept =
        put("x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-meta-a=1&x-amz-sdk-checksum-algorithm=CRC32");
    assert_eq!(kept.status, 200, "{}", kept.text());
    let head = client
        .s3("HEAD", "/b/new")
        .header("x-amz-checksum-mode", "ENABLED")
        .send();
    assert_eq!(head.header("x-amz-meta-a"), "1");
    assert_eq!(head.header("x-amz-checksum-crc32"), "");
    assert!(!head.header("x-amz-checksum-crc64nvme").is_empty());
}

/// SDKs repeat headers in the URLs that they presign. S3 does not read them there.
#[test]
fn headers_that_are_repeated_in_the_url_are_ignored() {
    const REPEATED: &str = "Cache-Control=no-store&Content-MD5=AAAAAAAAAAAAAAAAAAAAAA%3D%3D&Content-Type=text%2Fx&content-disposition=inline";
    let endpoint = start();
    let client = client(&endpoint);
    let call = |method, query| {
        let target = format!("/b/new?{query}");
        client.s3(method, &target).with(plain)
    };
    let url = call("PUT", REPEATED).presigned(MINUTE);
    let put = client.plain("PUT", &url, &[("content-type", "text/y")], "hello");
    assert_eq!(put.status, 200, "{}", put.text());
    let stored = endpoint.get_object("b", "new").expect("an object");
    assert_eq!(stored.body(), b"hello");
    assert_eq!(stored.content_type(), Some("text/y"));
    assert_eq!(stored.header("cache-control"), None);
    assert_eq!(stored.header("content-disposition"), None);

    // Without a signature beside them they are parameters like any other, and conditions are not ignored.
    call("PUT", REPEATED).send().is_error(501, "NotImplemented");
    for condition in ["If-Match=x", "Range=bytes%3D0-1"] {
        let url = call("GET", condition).presigned(MINUTE);
        client
            .plain("GET", &url, &[], "")
            .is_error(501, "NotImplemented");
    }
}

const BOTO3_EXPIRES: u64 = 1_800_000_000;
const BOTO3_GET: &str = "response-content-type=text%2Fx&versionId=null&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=GAZXZEv%2FyJ1QZnQaCAhyo%2Fi2NIo%3D&Expires=1800000000";
const BOTO3_PUT: &str = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=vGm%2BljOUVNgS%2Fgjw84itrRnN8H4%3D&content-type=text%2Fx&x-amz-meta-a=1&Expires=1800000000";

/// As boto3 1.40 signed it with the default keys: `generate_presigned_url`, without a signature version.
#[test]
fn urls_of_the_signature_before_are_verified_too() {
    let clock =
        ManualClock::starting_at(std::time::UNIX_EPOCH + Duration::from_secs(BOTO3_EXPIRES - 60));
    let endpoint = LocalEndpoint::builder()
        .bucket("bbb")
        .clock(clock.clone())
        .start()
        .expect("start");
    endpoint.put_object("bbb", "a b+ü", "content");
    let client = client(&endpoint);
    let url = |query: &str| format!("{}/bbb/a%20b%2B%C3%BC?{query}", endpoint.url());
    let get = |query: &str| client.plain("GET", &url(query), &[], "");
    let plain = get(BOTO3_GET);
    assert_eq!(
        (plain.status, plain.text()),
        (200, "content"),
        "{}",
        plain.text()
    );
    // The signature covers the header, not the parameter in which boto3 repeats it.
    let put = |headers: &[(&str, &str)]| client.plain("PUT", &url(BOTO3_PUT), headers, "another");
    put(&[]).is_error(403, "SignatureDoesNotMatch");
    put(&[("content-type", "text/y")]).is_error(403, "SignatureDoesNotMatch");
    let put = put(&[("content-type", "text/x")]);
    assert_eq!(put.status, 200, "{}", put.text());
    let stored = endpoint.get_object("bbb", "a b+ü").expect("an object");
    assert_eq!(stored.body(), b"another");
    assert_eq!(stored.content_type(), Some("text/x"));
    assert_eq!(stored.header("x-amz-meta-a"), Some("1"));

    let changed = BOTO3_GET.replace("text%2Fx", "text%2Fy");
    get(&changed).is_error(403, "SignatureDoesNotMatch");
    let longer = BOTO3_GET.replace("Expires=18", "Expires=19");
    get(&longer).is_error(403, "SignatureDoesNotMatch");
    let other = BOTO3_GET.replace("AWSAccessKeyId=AKIAIOSF", "AWSAccessKeyId=AKIBIOSF");
    get(&other).is_error(403, "InvalidAccessKeyId");
    let none = BOTO3_GET.replace("Expires=18", "Expires=x18");
    get(&none).is_error(403, "AccessDenied");
    client
        .plain("DELETE", &url(BOTO3_GET), &[], "")
        .is_error(403, "SignatureDoesNotMatch");
    clock.advance(Duration::from_secs(61));
    let late = get(BOTO3_GET);
    assert_eq!(
        (late.status, late.xml("Message")),
        (403, "Request has expired")
    );
    let recorded = endpoint.requests().pop().expect("a request");
    assert!(
        recorded.query.contains("Signature=(redacted)"),
        "{}",
        recorded.query
    );
}

const JAVASCRIPT_PUT: &str = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Cache-Control=no-store&Content-Disposition=inline&Content-Encoding=x&Content-Language=de&Content-Type=text%2Fx&Expires=1800000000&Signature=WuSaUPcJewchBJvFJWjtG7lSRtY%3D&x-amz-meta-a=1";

/// As version 2 of the SDK for JavaScript signed it: all headers are repeated, and `Content-Type` is signed.
#[test]
fn the_signature_before_comes_with_repeated_headers() {
    let clock =
        ManualClock::starting_at(std::time::UNIX_EPOCH + Duration::from_secs(BOTO3_EXPIRES - 60));
    let builder = LocalEndpoint::builder().bucket("bbb").clock(clock);
    let endpoint = builder.start().expect("start");
    let client = client(&endpoint);
    let url = format!("{}/bbb/k?{JAVASCRIPT_PUT}", endpoint.url());
    let put = |content_type| client.plain("PUT", &url, &[("content-type", content_type)], "hello");
    put("text/y").is_error(403, "SignatureDoesNotMatch");
    let put = put("text/x");
    assert_eq!(put.status, 200, "{}", put.text());
    let stored = endpoint.get_object("bbb", "k").expect("an object");
    assert_eq!(stored.header("x-amz-meta-a"), Some("1"));
    assert_eq!(stored.header("cache-control"), None);
}

const BOTO3_COPY: &str = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=W8UoJIkPt2zn9NnZZbjB6bQuROU%3D&x-amz-copy-source=bbb%2Fa%2520b%252B%25C3%25BC&Expires=1800000000";
const BOTO3_PLAIN: &str = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=UoONH6TfUbaBfjrfGg3RAnegV0A%3D&Expires=1800000000";

/// As boto3 1.44 signed them. The signature covers `x-amz-*` parameters, whatever their case.
#[test]
fn the_signature_before_covers_headers_in_the_query() {
    let clock =
        ManualClock::starting_at(std::time::UNIX_EPOCH + Duration::from_secs(BOTO3_EXPIRES - 60));
    let builder = LocalEndpoint::builder().bucket("bbb").clock(clock);
    let endpoint = builder.start().expect("start");
    endpoint.put_object("bbb", "a b+ü", "content");
    let client = client(&endpoint);
    let put = |key: &str, query: &str| {
        let url = format!("{}/bbb/{key}?{query}", endpoint.url());
        client.plain("PUT", &url, &[("content-length", "0")], "")
    };
    let copied = put("copy", BOTO3_COPY);
    assert_eq!(copied.status, 200, "{}", copied.text());
    assert!(
        copied.text().contains("CopyObjectResult"),
        "{}",
        copied.text()
    );
    let copy = endpoint.get_object("bbb", "copy").expect("an object");
    assert_eq!(copy.body(), b"content");
    for added in [
        "x-amz-meta-a=1",
        "X-Amz-Meta-A=1",
        "X-AMZ-TAGGING=a%3Db",
        "X-Amz-Copy-Source=bbb%2Fcopy",
    ] {
        put("plain", &format!("{BOTO3_PLAIN}&{added}")).is_error(403, "SignatureDoesNotMatch");
    }
    assert!(endpoint.get_object("bbb", "plain").is_none());
    assert_eq!(put("plain", BOTO3_PLAIN).status, 200);
}

const BOTO3_IN_HOST: &str = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=CRgcuc6LqOc9TV76yaRD5zFmnF8%3D&Expires=1800000000";
const BOTO3_LIST: &str = "list-type=2&prefix=a&encoding-type=url&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=83Svml%2Ftul2KReTBUPw3YCqVIVY%3D&Expires=1800000000";

/// As boto3 1.44 signed them. The bucket is signed as part of the path wherever it is sent, and alone with a slash.
#[test]
fn the_signature_before_covers_the_bucket_in_the_host() {
    let clock =
        ManualClock::starting_at(std::time::UNIX_EPOCH + Duration::from_secs(BOTO3_EXPIRES - 60));
    let endpoint = LocalEndpoint::builder()
        .bucket("bbb")
        .clock(clock)
        .start()
        .expect("start");
    endpoint.put_object("bbb", "a b+ü", "content");
    for (host, target, query, status) in [
        ("bbb.localhost", "/a%20b%2B%C3%BC", BOTO3_IN_HOST, "200"),
        ("localhost", "/bbb/a%20b%2B%C3%BC", BOTO3_IN_HOST, "200"),
        ("ccc.localhost", "/a%20b%2B%C3%BC", BOTO3_IN_HOST, "403"),
        ("localhost", "/bbb", BOTO3_LIST, "200"),
        ("bbb.localhost", "/", BOTO3_LIST, "200"),
        ("localhost", "/", BOTO3_LIST, "403"),
    ] {
        let request =
            format!("GET {target}?{query} HTTP/1.1\r\nhost: {host}:1\r\nconnection: close\r\n\r\n");
        let response = crate::local_endpoint::http1::raw(&endpoint, &request);
        let start = format!("HTTP/1.1 {status} ");
        assert!(response.starts_with(&start), "{host} {target}: {response}");
    }
}
