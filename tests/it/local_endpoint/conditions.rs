//! Conditions and other headers of requests: honoured, or refused under their names.

use std::time::{Duration, SystemTime};

use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::local_endpoint::client::{Client, Reply, client};

pub(crate) fn start() -> LocalEndpoint {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "content");
    endpoint
}

/// As HTTP writes a date: what the endpoint says of an object that was stored then.
fn http_date(time: SystemTime) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::OffsetDateTime::from(time).format(format);
    date.expect("a date")
}

pub(crate) fn with(client: &Client, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
    let call = client.s3(method, target);
    let headers = headers.iter();
    headers
        .fold(call, |call, (name, value)| call.header(name, value))
        .send()
}

#[test]
fn a_read_holds_an_etag_before_a_date() {
    let endpoint = start();
    let client = client(&endpoint);
    let now = SystemClock.now();
    let (before, after) = (
        http_date(now - Duration::from_mins(1)),
        http_date(now + Duration::from_mins(1)),
    );
    let (before, after) = (before.as_str(), after.as_str());
    let head = client.s3("HEAD", "/b/k").send();
    let (etag, exactly) = (head.header("etag"), head.header("last-modified"));
    let (matches, none) = ("if-match", "if-none-match");
    let (modified, unmodified) = ("if-modified-since", "if-unmodified-since");
    let other = "\"other\"";
    for (headers, status) in [
        (vec![(modified, before)], 200),
        (vec![(modified, after)], 304),
        (vec![(modified, exactly)], 304),
        (vec![(modified, "yesterday")], 200),
        (vec![(unmodified, before)], 412),
        (vec![(unmodified, after)], 200),
        (vec![(unmodified, exactly)], 200),
        (vec![(matches, etag), (unmodified, before)], 200),
        (vec![(matches, other), (unmodified, after)], 412),
        (vec![(none, other), (modified, after)], 200),
        (vec![(none, etag), (modified, before)], 304),
        (vec![(matches, etag), (none, etag)], 304),
        (vec![(matches, "*")], 200),
        (vec![(none, "*")], 304),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = with(&client, method, "/b/k", &headers);
            assert_eq!(reply.status, status, "{method} {headers:?}");
            if status == 304 {
                assert_eq!(reply.header("etag"), etag);
                assert_eq!(reply.header("last-modified"), exactly);
            }
        }
    }
}

#[test]
fn a_copy_holds_the_conditions_on_its_source() {
    let endpoint = start();
    let client = client(&endpoint);
    let (before, after) = (
        http_date(SystemClock.now() - Duration::from_mins(1)),
        http_date(SystemClock.now() + Duration::from_mins(1)),
    );
    let etag = client.get("/b/k").send().header("etag").to_owned();
    for (condition, value, holds) in [
        ("match", etag.as_str(), true),
        ("match", "other", false),
        ("none-match", &etag, false),
        ("none-match", "other", true),
        ("modified-since", &before, true),
        ("modified-since", &after, false),
        ("unmodified-since", &before, false),
        ("unmodified-since", &after, true),
    ] {
        let name = format!("x-amz-copy-source-if-{condition}");
        let source = ("x-amz-copy-source", "/b/k");
        let copy = with(&client, "PUT", "/b/copy", &[source, (&name, value)]);
        if holds {
            assert_eq!(copy.status, 200, "{name}: {}", copy.text());
        } else {
            copy.is_error(412, "PreconditionFailed");
            assert!(copy.xml("Condition").eq_ignore_ascii_case(&name));
        }
        let stored = endpoint.objects("b").len();
        assert_eq!(stored, if holds { 2 } else { 1 }, "{name}");
        client.s3("DELETE", "/b/copy").send();
    }
}

#[test]
fn a_write_holds_its_conditions_and_takes_no_others() {
    let endpoint = start();
    let client = client(&endpoint);
    let etag = client.get("/b/k").send().header("etag").to_owned();
    let source = ("x-amz-copy-source", "/b/k");
    endpoint.put_object("b", "target", "as it was");
    for headers in [vec![], vec![source]] {
        let put = |name, value| {
            let headers: Vec<_> = headers.iter().copied().chain([(name, value)]).collect();
            with(&client, "PUT", "/b/target", &headers)
        };
        put("x-amz-copy-source-range", "bytes=0-1").is_error(501, "NotImplemented");
        put("if-none-match", "*").is_error(412, "PreconditionFailed");
        put("if-match", &etag).is_error(412, "PreconditionFailed");
        for (name, value) in [
            ("if-none-match", etag.as_str()),
            ("if-modified-since", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ("if-unmodified-since", "Wed, 21 Oct 2035 07:28:00 GMT"),
        ] {
            let refused = put(name, value);
            refused.is_error(501, "NotImplemented");
            assert_eq!(refused.xml("Header"), name);
        }
        let target = endpoint.get_object("b", "target").expect("an object");
        assert_eq!(target.body(), b"as it was");
    }
}

#[test]
fn a_delete_holds_its_conditions() {
    let endpoint = start();
    let client = client(&endpoint);
    let etag = client.get("/b/k").send().header("etag").to_owned();
    let delete = |target: &str, name: &str, value: &str| {
        client.s3("DELETE", target).header(name, value).send()
    };
    delete("/b/k", "if-match", "\"other\"").is_error(412, "PreconditionFailed");
    for name in [
        "if-none-match",
        "if-unmodified-since",
        "x-amz-if-match-size",
        "x-amz-if-match-last-modified-time",
    ] {
        delete("/b/k", name, "7").is_error(501, "NotImplemented");
    }
    delete("/b/absent", "if-match", &etag).is_error(404, "NoSuchKey");
    assert_eq!(endpoint.objects("b"), ["k"]);
    assert_eq!(delete("/b/k", "if-match", &etag).status, 204);
    assert!(endpoint.objects("b").is_empty());
}

#[test]
fn a_delete_of_many_holds_the_conditions_of_each() {
    let endpoint = start();
    let client = client(&endpoint);
    for key in ["a", "b<&>", "c", "d", "e"] {
        endpoint.put_object("b", key, "content");
    }
    let etag = client.get("/b/a").send().header("etag").to_owned();
    let etag = etag.trim_matches('"');
    let body = format!(
        "<Delete><Object><Key>a</Key><ETag>{etag}</ETag></Object>\
         <Object><Key>b&lt;&amp;&gt;</Key><VersionId>null</VersionId></Object>\
         <Object><Key>c</Key><ETag>&quot;other&quot;</ETag></Object>\
         <Object><Key>d</Key><VersionId>3HL4kqtJlcpXroDTDmJ</VersionId></Object>\
         <Object><Key>e</Key><Size>7</Size></Object></Delete>"
    );
    let reply = client.s3("POST", "/b?delete=").body(body).with_md5().send();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.all_xml("Deleted").len(), 2);
    let codes = reply.all_xml("Code");
    assert_eq!(
        codes,
        ["PreconditionFailed", "NoSuchVersion", "NotImplemented"]
    );
    assert_eq!(endpoint.objects("b"), ["c", "d", "e", "k"]);
}

#[test]
fn a_document_that_is_cut_short_or_another_one_deletes_nothing() {
    let endpoint = start();
    let client = client(&endpoint);
    for body in [
        "",
        "<Delete><Object><Key>k</Key></Object>",
        "<Object><Key>k</Key></Object>",
        "<Other><Object><Key>k</Key></Object></Other>",
        "<Delete><Object><Key>k</Key></Object></Delete><Delete/>",
        "<Delete><Object><Key>k</Key></Object></Delete>x",
        "<!DOCTYPE Delete [<!ENTITY e 'k'>]><Delete><Object><Key>&e;</Key></Object></Delete>",
        "<Delete><Object></Object></Delete>",
        "<Delete></Delete>",
    ] {
        let reply = client.s3("POST", "/b?delete=").body(body).with_md5().send();
        reply.is_error(400, "MalformedXML");
    }
    assert_eq!(endpoint.objects("b"), ["k"]);
}

#[test]
fn there_is_one_version_of_an_object() {
    let endpoint = start();
    let client = client(&endpoint);
    assert_eq!(client.get("/b/k?versionId=null").send().text(), "content");
    for (method, target) in [
        ("GET", "/b/k?versionId=1"),
        ("DELETE", "/b/k?versionId=3HL4kqtJlcpXroDTDmJ"),
    ] {
        let reply = client.s3(method, target).send();
        reply.is_error(400, "InvalidArgument");
    }
    assert_eq!(client.s3("HEAD", "/b/k?versionId=1").send().status, 400);
    let copy = |source| with(&client, "PUT", "/b/c", &[("x-amz-copy-source", source)]);
    copy("/b/k?versionId=1").is_error(400, "InvalidArgument");
    assert_eq!(copy("/b/k?versionId=null").status, 200);
    assert_eq!(
        client.s3("DELETE", "/b/k?versionId=null").send().status,
        204
    );
    assert_eq!(endpoint.objects("b"), ["c"]);
}

#[test]
fn a_read_may_replace_headers_of_its_response() {
    let endpoint = start();
    let client = client(&endpoint);
    let query = "response-cache-control=no-cache&response-content-disposition=attachment%3B%20filename%3D%22a%20b%22\
        &response-content-encoding=identity&response-content-language=de&response-content-type=text%2Fx\
        &response-expires=Wed%2C%2021%20Oct%202015%2007%3A28%3A00%20GMT";
    for method in ["GET", "HEAD"] {
        let reply = client.s3(method, &format!("/b/k?{query}")).send();
        assert_eq!(reply.status, 200);
        for (name, value) in [
            ("cache-control", "no-cache"),
            ("content-disposition", "attachment; filename=\"a b\""),
            ("content-encoding", "identity"),
            ("content-language", "de"),
            ("content-type", "text/x"),
            ("expires", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ] {
            assert_eq!(reply.header(name), value);
            assert_eq!(reply.headers.get_all(name).iter().count(), 1, "{name}");
        }
    }
    let split = client
        .get("/b/k?response-content-type=a%0D%0Ax-evil%3A%201")
        .send();
    split.is_error(400, "InvalidArgument");
}

#[test]
fn options_of_a_write_are_stored_or_refused() {
    let endpoint = start();
    let client = client(&endpoint);
    let put = |name: &str, value: &str| client.put("/b/new", "x").header(name, value).send();
    for (name, value, status, code) in [
        (
            "x-amz-acl",
            "public-read",
            400,
            "AccessControlListNotSupported",
        ),
        (
            "x-amz-grant-read",
            "id=\"1\"",
            400,
            "AccessControlListNotSupported",
        ),
        ("x-amz-tagging", "a=b&a=c", 400, "InvalidArgument"),
        (
            "x-amz-object-lock-mode",
            "GOVERNANCE",
            400,
            "InvalidRequest",
        ),
        ("x-amz-object-lock-legal-hold", "ON", 400, "InvalidRequest"),
        ("x-amz-storage-class", "COLD", 400, "InvalidStorageClass"),
        (
            "x-amz-website-redirect-location",
            "other",
            400,
            "InvalidRedirectLocation",
        ),
        (
            "x-amz-server-side-encryption",
            "ROT13",
            400,
            "InvalidEncryptionAlgorithmError",
        ),
        (
            "x-amz-server-side-encryption-customer-algorithm",
            "AES256",
            501,
            "NotImplemented",
        ),
        ("x-amz-write-offset-bytes", "0", 501, "NotImplemented"),
        ("x-amz-checksum-sha512", "AAAA", 501, "NotImplemented"),
        // One that is not known yet would not be verified.
        ("x-amz-checksum-blake3", "AAAA", 501, "NotImplemented"),
        ("x-amz-mp-object-size", "1", 501, "NotImplemented"),
        ("x-amz-copy-source-if-match", "*", 501, "NotImplemented"),
        (
            "x-amz-copy-source-range",
            "bytes=0-0",
            501,
            "NotImplemented",
        ),
        ("x-amz-rename-source", "/b/k", 501, "NotImplemented"),
    ] {
        put(name, value).is_error(status, code);
        assert_eq!(endpoint.objects("b"), ["k"], "{name}");
    }
    for (name, value, shown) in [
        ("x-amz-acl", "bucket-owner-full-control", ""),
        ("x-amz-acl", "private", ""),
        ("x-amz-storage-class", "STANDARD", ""),
        ("x-amz-storage-class", "STANDARD_IA", "STANDARD_IA"),
        ("x-amz-server-side-encryption", "aws:kms", "aws:kms"),
        ("x-amz-website-redirect-location", "/other", "/other"),
        (
            "x-amz-website-redirect-location",
            "https://example.com/",
            "https://example.com/",
        ),
    ] {
        assert_eq!(put(name, value).status, 200, "{name}");
        assert_eq!(client.s3("HEAD", "/b/new").send().header(name), shown);
    }
}

#[test]
fn metadata_has_a_limit() {
    let endpoint = start();
    let client = client(&endpoint);
    let copy = ("x-amz-copy-source", "/b/k");
    for (method, target, copied) in [
        ("PUT", "/b/new", false),
        ("PUT", "/b/new", true),
        ("POST", "/b/new?uploads=", false),
    ] {
        // The names count without their common beginning, and all headers together.
        let send = |length: usize| {
            let value = "v".repeat(length);
            let mut headers = vec![("x-amz-meta-ab", value.as_str()), ("x-amz-meta-c", "d")];
            if copied {
                headers.extend([copy, ("x-amz-metadata-directive", "REPLACE")]);
            }
            with(&client, method, target, &headers)
        };
        let reply = send(2045);
        reply.is_error(400, "MetadataTooLarge");
        assert_eq!(reply.xml("Size"), "2049");
        assert_eq!(reply.xml("MaxSizeAllowed"), "2048");
        assert_eq!(send(2044).status, 200, "{method} {target}");
    }
}

/// The operations that S3 encrypts for take these headers; it refuses them elsewhere.
#[test]
fn encryption_is_asked_for_where_an_object_is_begun() {
    let endpoint = start();
    let client = client(&endpoint);
    let (kind, key) = (
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "alias/one"),
    );
    let copy = ("x-amz-copy-source", "/b/k");
    let begun = client.s3("POST", "/b/new?uploads=").send();
    let of_upload = format!("/b/new?uploadId={}", begun.xml("UploadId"));
    let part = format!("{of_upload}&partNumber=1");
    for (method, target, headers) in [
        ("GET", "/b/k", vec![kind]),
        ("GET", "/b/k", vec![kind, key]),
        ("HEAD", "/b/k", vec![kind]),
        ("GET", "/b?list-type=2", vec![kind]),
        ("GET", "/b", vec![kind]),
        ("DELETE", "/b/k", vec![kind]),
        ("PUT", "/b/k?tagging=", vec![kind]),
        ("PUT", part.as_str(), vec![kind]),
        ("PUT", part.as_str(), vec![kind, copy]),
        ("POST", of_upload.as_str(), vec![kind]),
    ] {
        let reply = with(&client, method, target, &headers);
        assert_eq!(reply.status, 400, "{method} {target}");
        if method != "HEAD" {
            reply.is_error(400, "InvalidArgument");
            assert_eq!(
                reply.xml("Message"),
                "x-amz-server-side-encryption header is not supported for this operation."
            );
            assert_eq!(reply.xml("ArgumentName"), kind.0);
            assert_eq!(reply.xml("ArgumentValue"), kind.1);
        }
    }
    for (method, target, copied) in [
        ("PUT", "/b/new", false),
        ("PUT", "/b/new", true),
        ("POST", "/b/new?uploads=", false),
    ] {
        let send = |headers: &[(&str, &str)]| {
            let copied = copied.then_some(copy);
            let headers: Vec<_> = headers.iter().copied().chain(copied).collect();
            with(&client, method, target, &headers)
        };
        for without in [
            vec![key],
            vec![("x-amz-server-side-encryption", "AES256"), key],
        ] {
            let reply = send(&without);
            reply.is_error(400, "InvalidArgument");
            assert_eq!(reply.xml("ArgumentName"), key.0);
        }
        assert_eq!(endpoint.objects("b"), ["k"]);
        let reply = send(&[kind, key]);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header(key.0), key.1);
        client.s3("DELETE", "/b/new").send();
    }
}

#[test]
fn an_archived_object_can_be_seen_and_not_read() {
    let endpoint = start();
    let client = client(&endpoint);
    let class = ("x-amz-storage-class", "DEEP_ARCHIVE");
    let put = client.put("/b/old", "x").header(class.0, class.1).send();
    assert_eq!(put.status, 200);
    let head = client.s3("HEAD", "/b/old").send();
    assert_eq!((head.status, head.header(class.0)), (200, class.1));
    let listed = client.get("/b?list-type=2").send();
    assert_eq!(listed.all_xml("StorageClass"), ["STANDARD", class.1]);
    client
        .get("/b/old")
        .send()
        .is_error(403, "InvalidObjectState");
    let copy = with(&client, "PUT", "/b/c", &[("x-amz-copy-source", "/b/old")]);
    copy.is_error(403, "ObjectNotInActiveTierError");
}
