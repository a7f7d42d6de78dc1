//! The forms in which conditions come.

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::client;
use crate::local_endpoint::conditions::{start, with};
use crate::local_endpoint::http1::raw;

/// Servers read the three formats of HTTP dates, and compare `ETag`s weakly in `If-None-Match` alone.
#[test]
fn a_read_holds_conditions_in_every_form() {
    let endpoint = start();
    let client = client(&endpoint);
    let etag = client.get("/b/k").send().header("etag").to_owned();
    let weak = format!("W/{etag}");
    let list = format!("\"other\", {weak}");
    let (unmodified, modified) = ("if-unmodified-since", "if-modified-since");
    for (name, value, status) in [
        (unmodified, "Wed, 21 Oct 2015 07:28:00 GMT", 412),
        (unmodified, "Wednesday, 21-Oct-15 07:28:00 GMT", 412),
        (unmodified, "Wed Oct 21 07:28:00 2015", 412),
        (unmodified, "Tue Oct  6 07:28:00 2015", 412),
        (unmodified, "Saturday, 21-Oct-95 07:28:00 GMT", 412),
        (modified, "Thursday, 21-Oct-66 07:28:00 GMT", 304),
        (modified, "Thu Oct 21 07:28:00 2066", 304),
        ("if-none-match", weak.as_str(), 304),
        ("if-none-match", list.as_str(), 304),
        ("if-match", weak.as_str(), 412),
    ] {
        let reply = with(&client, "GET", "/b/k", &[(name, value)]);
        assert_eq!(reply.status, status, "{name}: {value}");
    }
}

/// Of two values one would be ignored, and so would one that is not text.
#[test]
fn a_condition_that_cannot_be_read_is_refused() {
    let endpoint = LocalEndpoint::builder().bucket("b");
    let endpoint = endpoint.verify_signatures(false).start().expect("start");
    endpoint.put_object("b", "k", "content");
    let etag = endpoint.get_object("b", "k").expect("an object");
    let etag = etag.etag();
    let put = |fields: &str| {
        let request = format!(
            "PUT /b/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 3\r\n{fields}\r\nnew"
        );
        // In Latin-1.
        let bytes: Vec<_> = request.chars().map(|one| one as u8).collect();
        raw(&endpoint, &bytes)
    };
    for (fields, status) in [
        ("if-match: \"other\u{ff}\"\r\n".to_owned(), "400"),
        ("if-match: \"a\"\r\nif-match: \"b\"\r\n".to_owned(), "412"),
        ("if-none-match: *\r\nif-none-match: *\r\n".to_owned(), "412"),
        (
            "x-amz-tagging: a=b\r\nx-amz-tagging: a=c\r\n".to_owned(),
            "400",
        ),
        (
            "x-amz-copy-source: b/k\r\nx-amz-copy-source: b/other\r\n".to_owned(),
            "400",
        ),
        (format!("if-match: \"a\"\r\nif-match: {etag}\r\n"), "200"),
    ] {
        let response = put(&fields);
        let start = format!("HTTP/1.1 {status} ");
        assert!(response.starts_with(&start), "{fields}: {response}");
        let stored = endpoint.get_object("b", "k").expect("an object");
        let wanted: &[u8] = if status == "200" { b"new" } else { b"content" };
        assert_eq!(stored.body(), wanted, "{fields}");
    }
}
