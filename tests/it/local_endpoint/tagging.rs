//! Tags of objects.

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::{Client, Reply, client};

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

fn document(tags: &[(&str, &str)]) -> String {
    let tags = tags
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"));
    let tags = tags.collect::<String>();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

fn put(client: &Client, target: &str, body: impl Into<Vec<u8>>) -> Reply {
    client.put(target, body).with_md5().send()
}

fn tags(client: &Client, key: &str) -> Vec<(String, String)> {
    let reply = client.get(&format!("/b/{key}?tagging=")).send();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let own = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (keys, values) = (own(reply.all_xml("Key")), own(reply.all_xml("Value")));
    keys.into_iter().zip(values).collect()
}

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    tags.iter().map(own).collect()
}

#[test]
fn tags_are_put_read_and_deleted() {
    let endpoint = start();
    let client = client(&endpoint);
    client.put("/b/k", "content").send();
    let before = endpoint.get_object("b", "k").expect("an object");
    assert_eq!(tags(&client, "k"), []);
    let of_two = [("a b", "1=2+3"), ("ü:/_-@.", "")];
    let reply = put(&client, "/b/k?tagging=", document(&of_two));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(tags(&client, "k"), pairs(&of_two));
    let after = endpoint.get_object("b", "k").expect("an object");
    assert_eq!(after.body(), b"content");
    assert_eq!(
        (after.etag(), after.last_modified()),
        (before.etag(), before.last_modified())
    );
    let head = client.s3("HEAD", "/b/k").send();
    assert_eq!(head.header("x-amz-tagging-count"), "2");
    assert_eq!(head.header("x-amz-tagging"), "");
    put(&client, "/b/k?tagging=", document(&[("c", "d")]));
    assert_eq!(tags(&client, "k"), pairs(&[("c", "d")]));
    let deleted = client.s3("DELETE", "/b/k?tagging=&versionId=null").send();
    assert_eq!(deleted.status, 204);
    assert_eq!(tags(&client, "k"), []);
    let head = client.s3("HEAD", "/b/k").send();
    assert_eq!(head.header("x-amz-tagging-count"), "");
    for (method, body) in [("GET", ""), ("PUT", document(&[]).as_str()), ("DELETE", "")] {
        let call = client.s3(method, "/b/none?tagging=").body(body).send();
        call.is_error(404, "NoSuchKey");
    }
}

#[test]
fn tags_come_with_the_object() {
    let endpoint = start();
    let client = client(&endpoint);
    let with = |target: &str, header: &str| {
        let call = client.put(target, "x");
        call.header("x-amz-tagging", header).send()
    };
    assert_eq!(with("/b/put", "b=x%20y+z&c&a=1").status, 200);
    let expected = pairs(&[("a", "1"), ("b", "x y z"), ("c", "")]);
    assert_eq!(tags(&client, "put"), expected);
    assert_eq!(with("/b/none", "").status, 200);
    assert_eq!(tags(&client, "none"), []);

    let copy = |to: &str, headers: &[(&str, &str)]| {
        let mut call = client.put(to, "").header("x-amz-copy-source", "/b/put");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let reply = call.send();
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    copy("/b/same", &[("x-amz-tagging", "ignored=1")]);
    assert_eq!(tags(&client, "same"), expected);
    // Metadata and tags are replaced independently.
    copy("/b/meta", &[("x-amz-metadata-directive", "REPLACE")]);
    assert_eq!(tags(&client, "meta"), expected);
    let replace = ("x-amz-tagging-directive", "REPLACE");
    copy("/b/other", &[replace, ("x-amz-tagging", "n=2")]);
    assert_eq!(tags(&client, "other"), pairs(&[("n", "2")]));
    copy("/b/bare", &[replace]);
    assert_eq!(tags(&client, "bare"), []);

    let begun = client.s3("POST", "/b/parts?uploads=");
    let begun = begun.header("x-amz-tagging", "p=q").send();
    let id = begun.xml("UploadId");
    let part = client.put(&format!("/b/parts?partNumber=1&uploadId={id}"), "part");
    let etag = part.send().header("etag").to_owned();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let done = client.s3("POST", &format!("/b/parts?uploadId={id}"));
    assert_eq!(done.body(list).send().status, 200);
    assert_eq!(tags(&client, "parts"), pairs(&[("p", "q")]));
}

#[test]
fn tags_outlast_the_endpoint() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = || {
        let builder = LocalEndpoint::builder().bucket("b");
        builder
            .data_directory(directory.path().join("data"))
            .start()
            .expect("start")
    };
    {
        let endpoint = at();
        let client = client(&endpoint);
        client
            .put("/b/k", "x")
            .header("x-amz-tagging", "a=1")
            .send();
        put(&client, "/b/k?tagging=", document(&[("b", "2")]));
    }
    let endpoint = at();
    assert_eq!(tags(&client(&endpoint), "k"), pairs(&[("b", "2")]));
    assert_eq!(endpoint.get_object("b", "k").expect("it").body(), b"x");
}

#[test]
fn tags_keep_the_rules_of_s3() {
    let endpoint = start();
    let client = client(&endpoint);
    client.put("/b/k", "x").send();
    let many: Vec<_> = (0..11).map(|n| (format!("k{n}"), "v")).collect();
    let many: Vec<_> = many
        .iter()
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    for (tags, code) in [
        (&many[..], "BadRequest"),
        (&[(long_key.as_str(), "v")], "InvalidTag"),
        (&[("k", long_value.as_str())], "InvalidTag"),
        (&[("", "v")], "InvalidTag"),
        (&[("k", "1"), ("k", "2")], "InvalidTag"),
        (&[("aws:k", "v")], "InvalidTag"),
        (&[("k*", "v")], "InvalidTag"),
        (&[("k", "v?")], "InvalidTag"),
    ] {
        put(&client, "/b/k?tagging=", document(tags)).is_error(400, code);
    }
    for body in ["", "<Tagging/>", "<Tagging><TagSet>", "<Tags/>"] {
        put(&client, "/b/k?tagging=", body).is_error(400, "MalformedXML");
    }
    let wrong_sum = client.put("/b/k?tagging=", document(&[("a", "b")]));
    let wrong_sum = wrong_sum.header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    wrong_sum.send().is_error(400, "BadDigest");
    for (header, code) in [
        ("a=1&a=2", "InvalidArgument"),
        ("=1", "InvalidArgument"),
        ("aws:a=1", "InvalidTag"),
        ("a=%2A", "InvalidTag"),
    ] {
        let call = client.put("/b/new", "x").header("x-amz-tagging", header);
        call.send().is_error(400, code);
    }
    // A part has no tags of its own.
    let part = client.put("/b/new?partNumber=1&uploadId=x", "x");
    part.header("x-amz-tagging", "a=1")
        .send()
        .is_error(501, "NotImplemented");
    assert_eq!(endpoint.objects("b"), ["k"]);
    assert_eq!(tags(&client, "k"), []);
}
