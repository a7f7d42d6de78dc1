//! A container as the model.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use sagemaker_async_inference::local::{LocalEndpoint, LocalError};

use crate::local_endpoint::client::client;
use crate::local_endpoint::invocations::{FAILURE, OUTPUT, object};

/// A container that responds to these, one a connection, and returns the requests.
fn container(responses: Vec<String>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for response in responses {
            let (mut stream, _) = listener.accept().expect("accept");
            let mut request = Vec::new();
            let mut byte = [0];
            // Bodies in these tests end with a dot, requests without one with a blank line.
            while !request.ends_with(b".") || !request.windows(4).any(|w| w == b"\r\n\r\n") {
                if request.starts_with(b"GET") && request.ends_with(b"\r\n\r\n") {
                    break;
                }
                stream.read_exact(&mut byte).expect("read");
                request.push(byte[0]);
            }
            // A test that has seen enough no longer listens.
            drop(sender.send(String::from_utf8_lossy(&request).to_lowercase()));
            stream.write_all(response.as_bytes()).expect("write");
        }
    });
    (url, receiver)
}

fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/y\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[test]
fn a_container_is_the_model() {
    let (url, asked) = container(vec![
        http("503 Loading", ""),
        http("200 OK", ""),
        http("200 OK", "out"),
        http("500 Oops", "why"),
    ]);
    let endpoint = LocalEndpoint::builder().bucket("b").container(url).start();
    let endpoint = endpoint.expect("start");
    let client = client(&endpoint);
    let invoke = || {
        let call = client.invoke("local-endpoint").body("in.");
        call.header("x-amzn-sagemaker-content-type", "text/csv")
            .header("x-amzn-sagemaker-accept", "text/y")
            .header("x-amzn-sagemaker-custom-attributes", "c=d")
            .send()
    };
    let good = invoke();
    assert_eq!(object(&endpoint, &good, OUTPUT).as_deref(), Some("out"));
    let bad = invoke();
    assert_eq!(
        object(&endpoint, &bad, FAILURE).as_deref(),
        Some("Received server error (500) from model with message \"why\".")
    );
    let asked: Vec<_> = asked.try_iter().collect();
    assert!(asked[1].starts_with("get /ping "), "{}", asked[1]);
    assert!(asked[2].starts_with("post /invocations "), "{}", asked[2]);
    for line in [
        "content-type: text/csv\r\n",
        "accept: text/y\r\n",
        "x-amzn-sagemaker-custom-attributes: c=d\r\n",
    ] {
        assert!(asked[2].contains(line), "{line} in {}", asked[2]);
    }
}

/// SageMaker takes no response without a length, so it must not pass here.
#[test]
fn a_containers_response_says_how_long_it_is() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let until_closed = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}";
    let (url, _asked) = container(vec![
        http("200 OK", ""),
        chunked.to_owned(),
        until_closed.to_owned(),
        http("200 OK", "{}"),
    ]);
    let endpoint = LocalEndpoint::builder().bucket("b").container(url).start();
    let endpoint = endpoint.expect("start");
    let client = client(&endpoint);
    for _ in ["in chunks", "until the connection ends"] {
        let reply = client.invoke("local-endpoint").body("in.").send();
        let text = object(&endpoint, &reply, FAILURE).expect("a failure");
        assert!(text.contains("required Content-Length header"), "{text}");
        assert_eq!(object(&endpoint, &reply, OUTPUT), None);
    }
    let reply = client.invoke("local-endpoint").body("in.").send();
    assert_eq!(object(&endpoint, &reply, OUTPUT).as_deref(), Some("{}"));
}

#[test]
fn a_container_that_is_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", free.local_addr().expect("address"));
    drop(free);
    let error = LocalEndpoint::builder()
        .container(url)
        .container_timeout(Duration::from_millis(60))
        .start()
        .expect_err("not ready");
    assert!(matches!(error, LocalError::Container { .. }), "{error}");
}
