//! One change of a right signature a line: each is refused.

use std::time::Duration;

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::{Call, Client, client};
use crate::local_endpoint::hostile::{head_of, response_to, statuses};
use crate::local_endpoint::probes::code;

fn status_of(endpoint: &LocalEndpoint, head: &str) -> String {
    let response = response_to(endpoint, head.as_bytes());
    format!("{} {}", statuses(&response).join(" "), code(&response))
}

/// Signatures in the header: each change of a right one is refused, and no secret is in the response.
#[test]
#[allow(clippy::too_many_lines)] // a table
fn signatures_in_headers() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "x");
    let client = client(&endpoint);
    let head = |call: Call<'_>| head_of(call, "connection: close\r\n");
    let right = || head(client.s3("DELETE", "/b/k"));
    let line = right()
        .lines()
        .find(|line| line.starts_with("authorization"))
        .expect("a signature")
        .to_owned();
    let presigned = client
        .s3("DELETE", "/b/k")
        .presigned(Duration::from_mins(1));
    let query = presigned.split_once('?').expect("a query").1.to_owned();
    let date = |client: &Client| {
        let head = head(client.s3("DELETE", "/b/k"));
        let date = head
            .lines()
            .find(|line| line.starts_with("x-amz-date"))
            .expect("a date");
        date.to_owned()
    };
    let mut differ = Vec::new();
    for (what, request, expected) in [
        (
            "twice",
            right().replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1),
            "400 AuthorizationHeaderMalformed",
        ),
        (
            "header and query",
            right().replacen("/b/k", &format!("/b/k?{query}"), 1),
            "400 InvalidArgument",
        ),
        (
            "empty",
            right().replace(&line, "authorization: "),
            "400 InvalidArgument",
        ),
        (
            "only the scheme",
            right().replace(&line, "authorization: AWS4-HMAC-SHA256"),
            "400 AuthorizationHeaderMalformed",
        ),
        (
            "another scheme",
            right().replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
            "400 InvalidArgument",
        ),
        (
            "basic",
            right().replace(&line, "authorization: Basic YTpi"),
            "400 InvalidArgument",
        ),
        (
            "bearer",
            right().replace(&line, "authorization: Bearer x"),
            "400 InvalidArgument",
        ),
        (
            "no host",
            right().replace("SignedHeaders=host;", "SignedHeaders="),
            "403 AccessDenied",
        ),
        (
            "absent header",
            right().replace("SignedHeaders=host;", "SignedHeaders=host;x-absent;"),
            "403 SignatureDoesNotMatch",
        ),
        (
            "unsorted",
            right().replace(
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date",
                "SignedHeaders=x-amz-date;x-amz-content-sha256;host",
            ),
            "403 SignatureDoesNotMatch",
        ),
        (
            "no headers",
            right().replace(
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date",
                "SignedHeaders=",
            ),
            "403 AccessDenied",
        ),
        (
            "not signed",
            right().replacen("\r\n\r\n", "\r\nx-amz-meta-a: b\r\n\r\n", 1),
            "403 AccessDenied",
        ),
        (
            "short",
            right().replace("Signature=", "Signature=0"),
            "403 SignatureDoesNotMatch",
        ),
        (
            "not hexadecimal",
            right().replacen("Signature=", "Signature=zz", 1),
            "403 SignatureDoesNotMatch",
        ),
        (
            "no term",
            right().replace("/s3/aws4_request", "/s3"),
            "400 AuthorizationHeaderMalformed",
        ),
        (
            "more terms",
            right().replace("/s3/aws4_request", "/s3/aws4_request/x"),
            "400 AuthorizationHeaderMalformed",
        ),
        (
            "no date",
            right().replace(&format!("{}\r\n", date(&client)), ""),
            "403 AccessDenied",
        ),
        (
            "odd date",
            right().replace(&date(&client), "x-amz-date: tomorrow"),
            "403 AccessDenied",
        ),
        (
            "far date",
            right().replace(&date(&client), "x-amz-date: 99991231T235959Z"),
            "400 AuthorizationHeaderMalformed",
        ),
        (
            "no hash",
            right().replace("x-amz-content-sha256: ", "x-other: "),
            "400 InvalidRequest",
        ),
        (
            "odd hash",
            right().replace("x-amz-content-sha256: e3", "x-amz-content-sha256: zz"),
            "400 InvalidArgument",
        ),
        (
            "another path",
            right().replacen("/b/k", "/b/l", 1),
            "403 SignatureDoesNotMatch",
        ),
        (
            "another method",
            right().replacen("DELETE", "GET", 1),
            "403 SignatureDoesNotMatch",
        ),
        (
            "another query",
            right().replacen("/b/k", "/b/k?versionId=null", 1),
            "403 SignatureDoesNotMatch",
        ),
        (
            "encoded otherwise",
            right().replacen("/b/k", "/b/%6b", 1),
            "204 ",
        ),
    ] {
        let found = status_of(&endpoint, &request);
        if found != expected {
            differ.push(format!("{what}: {found} and not {expected}"));
        }
        if what == "encoded otherwise" {
            endpoint.put_object("b", "k", "x");
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert_eq!(endpoint.objects("b"), ["k"]);
    assert_eq!(status_of(&endpoint, &right()), "204 ");
}

/// Signatures in the query.
#[test]
fn signatures_in_urls() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "x");
    let client = client(&endpoint);
    let host = endpoint.url().trim_start_matches("http://").to_owned();
    let call = || {
        client
            .s3("DELETE", "/b/k")
            .with(|call| call.unsigned_payload = true)
    };
    let url = call().presigned(Duration::from_mins(1));
    let target = url.trim_start_matches(endpoint.url()).to_owned();
    let parameter = |name: &str| {
        let start = target.find(name).expect(name);
        let end = target[start..]
            .find('&')
            .map_or(target.len(), |end| start + end);
        target[start..end].to_owned()
    };
    let changed = |from: &str, to: &str| {
        let changed = target.replacen(from, to, 1);
        assert_ne!(changed, target, "{from}");
        changed
    };
    let mut differ = Vec::new();
    let malformed = "400 AuthorizationQueryParametersError";
    let mut cases: Vec<(String, &str)> = [
        "-1",
        "604801",
        "99999999999999999999",
        "1.5",
        "",
        "0x10",
        "+60",
    ]
    .iter()
    .map(|seconds| {
        (
            changed("X-Amz-Expires=60", &format!("X-Amz-Expires={seconds}")),
            malformed,
        )
    })
    .collect();
    for name in [
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ] {
        cases.push((changed(&parameter(name), "x-none=1"), malformed));
        let twice = format!("{target}&{}", parameter(name));
        cases.push((twice, malformed));
    }
    cases.extend([
        (
            changed("X-Amz-Expires=60", "X-Amz-Expires=0"),
            "403 AccessDenied",
        ),
        (
            changed("X-Amz-Signature=", "X-Amz-Signature=0"),
            "403 SignatureDoesNotMatch",
        ),
        (
            changed("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
            "403 AccessDenied",
        ),
        (format!("{target}&x-extra=1"), "403 SignatureDoesNotMatch"),
        (
            format!("{target}&x-amz-acl=public-read"),
            "403 SignatureDoesNotMatch",
        ),
    ]);
    for (target, expected) in cases {
        let head = format!("DELETE {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let found = status_of(&endpoint, &head);
        if found != expected {
            differ.push(format!("{target}: {found} and not {expected}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert_eq!(endpoint.objects("b"), ["k"]);
    let head = format!("DELETE {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    assert_eq!(status_of(&endpoint, &head), "204 ");
}
