//! The HTTP server itself.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::local_endpoint::client::{HANG_GUARD, client};

/// Sends these bytes, then reads until the endpoint closes the connection.
pub(crate) fn raw(endpoint: &LocalEndpoint, request: &(impl AsRef<[u8]> + ?Sized)) -> String {
    let address = endpoint.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(HANG_GUARD)).expect("timeout");
    stream.write_all(request.as_ref()).expect("send");
    stream.shutdown(Shutdown::Write).expect("shutdown");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("a response");
    String::from_utf8_lossy(&reply).into_owned()
}

/// The time since this moment of the machine's clock.
pub(crate) fn elapsed(since: Duration) -> Duration {
    SystemClock.monotonic().saturating_sub(since)
}

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

#[test]
fn connections_are_kept() {
    let endpoint = start();
    let client = client(&endpoint);
    for _ in 0..5 {
        client.put("/b/k", "x").send();
        client.get("/b/k").send();
        client.get("/b/missing").send();
    }
    assert_eq!(endpoint.connections(), 1);
    assert!(
        endpoint
            .requests()
            .iter()
            .all(|request| request.connection == 1)
    );
    endpoint.clear_requests();
    assert!(endpoint.requests().is_empty());
}

#[test]
fn requests_in_a_row() {
    let endpoint = start();
    let responses = raw(
        &endpoint,
        "GET /b/k HTTP/1.1\r\nhost: localhost\r\n\r\nGET /b/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    );
    assert_eq!(
        responses.matches("HTTP/1.1 403 Forbidden\r\n").count(),
        2,
        "{responses}"
    );
}

/// A client of HTTP/1.0 waits for the end of the connection unless the response says that it is kept.
#[test]
fn a_kept_connection_of_http_1_0_is_announced() {
    let endpoint = start();
    let kept = "GET /b/k HTTP/1.0\r\nhost: localhost\r\nconnection: Keep-Alive\r\n\r\n";
    let last = "GET /b/k HTTP/1.0\r\nhost: localhost\r\n\r\n";
    let newer = "GET /b/k HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let responses = raw(&endpoint, &format!("{kept}{newer}{last}{kept}"));
    let heads = responses.split("HTTP/1.1 403 Forbidden").skip(1);
    let connections: Vec<_> = heads
        .map(|head| {
            let named = head
                .lines()
                .find_map(|line| line.strip_prefix("connection: "));
            named.unwrap_or_default()
        })
        .collect();
    assert_eq!(connections, ["keep-alive", "", "close"]);
}

#[test]
fn what_is_no_http() {
    let endpoint = start();
    assert!(raw(&endpoint, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let head = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(70_000));
    assert!(raw(&endpoint, &head).starts_with("HTTP/1.1 431 "));
}

/// Clients leave the length out where a request has no body, the AWS SDK for Rust for one; S3 wants it
/// for the content of objects.
#[test]
fn without_a_length_a_request_has_no_body() {
    let builder = LocalEndpoint::builder()
        .bucket("b")
        .verify_signatures(false);
    let endpoint = builder.start().expect("start");
    let ask = |start: &str| {
        raw(
            &endpoint,
            &format!("{start} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        )
    };
    for content in ["PUT /b/k", "PUT /b/k?partNumber=1&uploadId=x"] {
        let reply = ask(content);
        assert!(
            reply.contains("<Code>MissingContentLength</Code>"),
            "{reply}"
        );
    }
    endpoint.put_object("b", "k", "hello");
    let created = ask("POST /b/k?uploads");
    assert!(created.starts_with("HTTP/1.1 200 "), "{created}");
    assert!(ask("PUT /other").starts_with("HTTP/1.1 200 "));
    let invoke = "POST /endpoints/local-endpoint/async-invocations HTTP/1.1\r\nhost: localhost\r\n\
        x-amzn-sagemaker-inputlocation: s3://b/k\r\n\r\n";
    let invoked = raw(&endpoint, invoke);
    assert!(invoked.starts_with("HTTP/1.1 202 "), "{invoked}");
    let copy = "PUT /b/c HTTP/1.1\r\nhost: localhost\r\nx-amz-copy-source: b/k\r\n\r\n";
    let copied = raw(&endpoint, copy);
    assert!(copied.starts_with("HTTP/1.1 200 "), "{copied}");
}

#[test]
fn bodies_in_chunks() {
    let builder = LocalEndpoint::builder()
        .bucket("b")
        .verify_signatures(false);
    let endpoint = builder.start().expect("start");
    let put = raw(
        &endpoint,
        "PUT /b/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    );
    assert!(put.starts_with("HTTP/1.1 200 "), "{put}");
    let recorded = endpoint.requests().pop().expect("a request");
    assert_eq!(recorded.body_length, Some(5));
    let stored = endpoint.get_object("b", "k").expect("stored");
    assert_eq!(stored.body(), b"abcde");
}

#[test]
fn expectations_are_met() {
    let endpoint = start();
    let client = client(&endpoint);
    let put = client.put("/b/k", "hello");
    assert_eq!(put.header("expect", "100-continue").send().status, 200);
    assert_eq!(
        endpoint.get_object("b", "k").expect("stored").body(),
        b"hello"
    );
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_comes() {
    let builder = LocalEndpoint::builder()
        .bucket("b")
        .verify_signatures(false);
    let endpoint = builder.start().expect("start");
    let put = raw(
        &endpoint,
        "PUT /b/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5368709121\r\nexpect: 100-continue\r\n\r\n",
    );
    assert!(put.starts_with("HTTP/1.1 400 "), "{put}");
    assert!(put.contains("<Code>EntityTooLarge</Code>"), "{put}");
}

#[test]
fn starts_and_stops_at_once() {
    let endpoint = start();
    // A request that hangs, and a connection that idles.
    endpoint.fault(Fault::on(Operation::GetObject).hang());
    let client_ = client(&endpoint);
    client_.put("/b/k", "x").send();
    let hanging = std::thread::spawn(move || client_.get("/b/k").try_send().is_err());
    while endpoint.requests().len() < 2 {
        std::thread::yield_now();
    }
    let url = endpoint.url().to_owned();
    let begin = SystemClock.monotonic();
    drop(endpoint);
    assert!(elapsed(begin) < HANG_GUARD);
    assert!(hanging.join().expect("no panic"));
    TcpStream::connect(url.trim_start_matches("http://")).expect_err("closed");
}
