//! One hostile request a line: each gets the right status, at once, and none has an effect that it should not have.

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::client;
use crate::local_endpoint::hostile::{open, response_to, statuses};

/// A request without a signature: its first line up to the version, its fields, its body, and the status.
type Probe = (&'static str, &'static str, &'static str, &'static str);

pub(crate) fn code(response: &str) -> &str {
    let inside = response.split_once("<Code>").map(|(_, rest)| rest);
    inside
        .and_then(|rest| rest.split_once("</Code>"))
        .map_or("", |(code, _)| code)
}

fn send(endpoint: &LocalEndpoint, (line, fields, body, _): &Probe) -> String {
    let head = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{fields}\r\n");
    response_to(endpoint, (head + body).as_bytes())
}

/// Sends each to an endpoint with the object `there`; gives the keys that there are afterwards.
fn all(probes: &[Probe]) -> Vec<String> {
    let endpoint = open();
    endpoint.put_object("b", "there", "x");
    let differ = probes.iter().filter_map(|probe| {
        let response = send(&endpoint, probe);
        let found = statuses(&response);
        (found != [probe.3]).then(|| format!("{probe:.200?}: {found:?} {}", code(&response)))
    });
    let differ: Vec<_> = differ.collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    endpoint.objects("b")
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";
const ONE: &str = "content-length: 1\r\n";

#[test]
fn lengths_and_chunks() {
    let keys = all(&[
        ("PUT /b/k", "content-length: -1\r\n", "x", "400"),
        (
            "PUT /b/k",
            "content-length: 99999999999999999999999\r\n",
            "x",
            "400",
        ),
        (
            "PUT /b/k",
            "content-length: 18446744073709551615\r\n",
            "x",
            "400",
        ),
        ("PUT /b/k", "content-length: 5368709121\r\n", "x", "400"),
        ("PUT /b/k", "content-length: \r\n", "x", "400"),
        ("PUT /b/k", "content-length: 1.0\r\n", "x", "400"),
        ("PUT /b/k", "content-length: 1e0\r\n", "x", "400"),
        (
            "PUT /b/k",
            "content-length: 1\r\ncontent-length: 1\r\n",
            "x",
            "400",
        ),
        ("PUT /b/k", "content-length: 1, 1\r\n", "x", "400"),
        ("PUT /b/k", "content_length: 1\r\n", "x", "411"),
        (
            "PUT /b/k",
            "transfer-encoding:\x0bchunked\r\n",
            "1\r\nx\r\n0\r\n\r\n",
            "400",
        ),
        (
            "PUT /b/k",
            "transfer-encoding: \r\ncontent-length: 1\r\n",
            "x",
            "400",
        ),
        (
            "PUT /b/k",
            "transfer-encoding: deflate, chunked\r\n",
            "0\r\n\r\n",
            "400",
        ),
        (
            "PUT /b/k",
            "transfer-encoding: chunked;q=1\r\n",
            "0\r\n\r\n",
            "501",
        ),
        ("PUT /b/k", CHUNKED, "3;a\nabc\r\n0\r\n\r\n", "400"),
        ("PUT /b/k", CHUNKED, ";a\r\nabc\r\n0\r\n\r\n", "400"),
        (
            "PUT /b/k",
            CHUNKED,
            "3\r\nabc\r\n0\r\n bad: y\r\n\r\n",
            "400",
        ),
        (
            "PUT /b/k",
            CHUNKED,
            "3\r\nabc\r\n0\r\nx\x01: y\r\n\r\n",
            "400",
        ),
        ("PUT /b/k", CHUNKED, "3\r\nab\r\n0\r\n\r\n", "400"),
        // What the protocol has and readers must take.
        (
            "PUT /b/extension",
            CHUNKED,
            "3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n",
            "200",
        ),
        ("PUT /b/zeros", CHUNKED, "0003\r\nabc\r\n000\r\n\r\n", "200"),
        (
            "PUT /b/case",
            "Transfer-Encoding: Chunked\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "200",
        ),
        // A trailer does not become a header.
        (
            "PUT /b/trailer",
            CHUNKED,
            "3\r\nabc\r\n0\r\nhost: evil\r\ncontent-length: 5\r\nif-none-match: *\r\n\r\n",
            "200",
        ),
        ("GET /b/there", "content-length: 5\r\n", "hello", "200"),
        ("GET /b/there", CHUNKED, "0\r\n\r\n", "200"),
    ]);
    assert_eq!(keys, ["case", "extension", "there", "trailer", "zeros"]);
}

#[test]
fn targets_and_first_lines() {
    let keys = all(&[
        ("GET http://localhost/b/there", "", "", "200"),
        ("GET https://localhost/b/there", "", "", "400"),
        ("GET http://a@localhost/b/there", "", "", "400"),
        ("GET http://evil.example/b/there", "", "", "400"),
        ("GET ftp://localhost/b/there", "", "", "400"),
        ("CONNECT localhost:80", "", "", "400"),
        ("OPTIONS *", "", "", "400"),
        ("GET *", "", "", "400"),
        ("GET b/there", "", "", "400"),
        ("GET /b/there#x", "", "", "400"),
        ("GET /b/the re", "", "", "505"),
        ("GET /b/the\tre", "", "", "400"),
        ("GET  /b/there", "", "", "400"),
        (" GET /b/there", "", "", "400"),
        ("GET /b/a\0b", "", "", "400"),
        ("DELETE //b/there", "", "", "501"),
        ("PUT ///", "content-length: 0\r\n", "", "501"),
        ("DELETE /b//there", "", "", "204"),
        ("GET /b/../b/there", "", "", "404"),
        ("GET /b/./there", "", "", "404"),
        ("GET /b%2fthere", "", "", "404"),
        ("GET /b/a%zz", "", "", "400"),
        ("PUT /b/a%4", ONE, "x", "400"),
        ("PUT /b/a%", ONE, "x", "400"),
        ("PUT /b/a%ff", ONE, "x", "400"),
        ("PUT /b/%c0%ae%c0%ae", ONE, "x", "400"),
        ("GET /b?%zz=1&list-type=2", "", "", "501"),
        ("GET /b?max-keys=-1", "", "", "400"),
        ("GET /b?max-keys=99999999999999999999", "", "", "400"),
        (
            "GET /b?list-type=2&continuation-token=%00%ff",
            "",
            "",
            "400",
        ),
        ("PUT /b/k?partNumber=0&uploadId=x", ONE, "x", "400"),
        ("PUT /b/k?partNumber=-1&uploadId=x", ONE, "x", "400"),
        (
            "PUT /b/k?partNumber=99999999999&uploadId=x",
            ONE,
            "x",
            "400",
        ),
        ("PUT /b/k?partNumber=1&uploadId=../../x", ONE, "x", "404"),
        ("get /b/there", "", "", "501"),
        ("Delete /b/there", "", "", "501"),
        ("BREW /b/there", "", "", "501"),
        ("PATCH /b/there", "content-length: 0\r\n", "", "501"),
        ("TRACE /b/there", "", "", "501"),
        // These are keys, and no way out of the bucket.
        ("PUT /b/../../etc/x", ONE, "x", "200"),
        ("PUT /b/%2e%2e/%2e%2e/y", ONE, "x", "200"),
        ("PUT /b/a%2Fb", ONE, "x", "200"),
    ]);
    assert_eq!(keys, ["../../etc/x", "../../y", "a/b", "there"]);
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn fields() {
    let keys = all(&[
        ("DELETE /b/there", "x: a\r\n b\r\n", "", "400"),
        ("DELETE /b/there", "no colon\r\n", "", "400"),
        ("DELETE /b/there", ": x\r\n", "", "400"),
        ("DELETE /b/there", "x\x01: y\r\n", "", "400"),
        ("DELETE /b/there", "x: \x01\r\n", "", "400"),
        ("DELETE /b/there", "x: \x7f\r\n", "", "400"),
        ("DELETE /b/there", "x y: z\r\n", "", "400"),
        ("DELETE /b/there", "host: localhost\r\n", "", "400"),
        ("GET /b/there", "range: bytes=-0\r\n", "", "416"),
        (
            "GET /b/there",
            "range: bytes=99999999999999999999-\r\n",
            "",
            "416",
        ),
        ("GET /b/there", "range: bytes=+0-+0\r\n", "", "200"),
        ("GET /b/there", "range: bytes=5-1\r\n", "", "200"),
        ("GET /b/there", "range: bytes=--1\r\n", "", "200"),
        (
            "PUT /b/k",
            "expect: 100-continue, more\r\ncontent-length: 1\r\n",
            "x",
            "417",
        ),
        (
            "GET /b/there",
            "upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
            "",
            "200",
        ),
        (
            "GET /b/there",
            "connection: upgrade\r\nupgrade: websocket\r\n",
            "",
            "200",
        ),
        (
            "PUT /b/k",
            "content-length: 1\r\nx-amz-checksum-crc32: !!!!\r\n",
            "x",
            "400",
        ),
        (
            "PUT /b/k",
            "content-length: 1\r\nx-amz-checksum-sha256: AAAA\r\n",
            "x",
            "400",
        ),
        (
            "PUT /b/k",
            "content-length: 1\r\nx-amz-copy-source: %zz\r\n",
            "x",
            "400",
        ),
        (
            "PUT /b/k",
            "content-length: 0\r\nx-amz-copy-source: /b/../../etc/passwd\r\n",
            "",
            "404",
        ),
    ]);
    assert_eq!(keys, ["there"]);
    let endpoint = open();
    for (head, status) in [
        (
            "GET /b HTTP/1.1\r\nhost: \r\nconnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET /b HTTP/1.1\r\nhost: localhost:abc\r\nconnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET /b HTTP/1.1\r\nhost: a@localhost\r\nconnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET /b HTTP/1.1\r\nhost: localhost/x\r\nconnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET /b HTTP/1.1\r\nhost: localhost, evil\r\nconnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET /b HTTP/1.1\r\n x: y\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            "400",
        ),
        ("GET /b\r\n\r\n", "400"),
        ("GET /b HTTP/1.0\r\n\r\n", "400"),
        ("GET /b HTTP/1.2\r\nhost: localhost\r\n\r\n", "505"),
        ("GET /b http/1.1\r\nhost: localhost\r\n\r\n", "505"),
        ("GET /b HTTP/1.1\rhost: localhost\r\r", "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    ] {
        let head = if head.ends_with("\r\r") {
            format!("{head}\r\n\r\n")
        } else {
            head.to_owned()
        };
        let response = response_to(&endpoint, head.as_bytes());
        assert_eq!(statuses(&response), [status], "{head:?}: {response}");
    }
}

/// What comes after a bad request, or after the last one, is not a request.
#[test]
fn pipelines() {
    let endpoint = open();
    endpoint.put_object("b", "there", "x");
    let get = "GET /b/there HTTP/1.1\r\nhost: localhost\r\n";
    let delete = "DELETE /b/there HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    for (requests, expected) in [
        (format!("{get}\r\nBAD\r\n\r\n{delete}"), &["200", "400"][..]),
        (format!("{get}connection: close\r\n\r\n{delete}"), &["200"]),
        (
            format!("{get}content-length: 3\r\ncontent-length: 0\r\n\r\n{delete}"),
            &["400"],
        ),
        (
            format!("{get}\r\n{get}\r\n{get}connection: close\r\n\r\n"),
            &["200", "200", "200"],
        ),
    ] {
        let response = response_to(&endpoint, requests.as_bytes());
        assert_eq!(statuses(&response), expected, "{requests:?}");
    }
    assert_eq!(endpoint.objects("b"), ["there"]);
}

fn list_of(keys: usize) -> String {
    let objects = (0..keys).map(|n| format!("<Object><Key>k{n}</Key></Object>"));
    format!("<Delete>{}</Delete>", objects.collect::<Vec<_>>().concat())
}

#[test]
fn documents() {
    let endpoint = open();
    endpoint.put_object("b", "k", "x");
    endpoint.put_object("b", "k0", "x");
    let client = client(&endpoint);
    let nested = format!(
        "<Delete>{}{}</Delete>",
        "<a>".repeat(100_000),
        "</a>".repeat(100_000)
    );
    let bomb = "<!DOCTYPE x [<!ENTITY a \"kkkk\"><!ENTITY b \"&a;&a;&a;\">]><Delete><Object><Key>&b;</Key></Object></Delete>";
    for body in [
        "<Delete><Object><Key>k</Ke".to_owned(),
        "<Delete><Object><Key>k&#0;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&unknown;</Key></Object></Delete>".to_owned(),
        "<Delete><Object><Key>&#xD800;</Key></Object></Delete>".to_owned(),
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><Delete><Object><Key>k</Key></Object></Delete>"
            .to_owned(),
        bomb.to_owned(),
        nested,
        list_of(1001),
        list_of(10_000),
        "<Delete/>".to_owned(),
        "\u{feff}".to_owned(),
    ] {
        let call = client
            .s3("POST", "/b?delete")
            .body(body.as_str())
            .with_md5();
        let reply = call.send();
        assert_eq!(
            (reply.status, reply.xml("Code")),
            (400, "MalformedXML"),
            "{body:.100}"
        );
    }
    assert_eq!(endpoint.objects("b"), ["k", "k0"]);
    let large = "x".repeat(5 << 20);
    let reply = client.s3("POST", "/b?delete").body(large).with_md5().send();
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(
        client
            .s3("POST", "/b?delete")
            .body(list_of(1000))
            .with_md5()
            .send()
            .status,
        200
    );
}
