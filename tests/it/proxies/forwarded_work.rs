//! Everything that a client does, through a proxy that forwards it to the local endpoint.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{AsyncPredictor, Bytes};

use super::Proxy;
use super::support::raw::read_only_head;
use super::support::wait::waiter;

/// Sends each request on to the server that its URL names, over a connection of its own.
fn forward(stream: &mut TcpStream, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let head = read_only_head(stream)?;
    let (line, headers) = head.split_once("\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let (method, rest) = line
        .split_once(" http://")
        .ok_or(io::ErrorKind::InvalidData)?;
    let (host, path) = rest.split_once('/').ok_or(io::ErrorKind::InvalidData)?;
    seen.lock().unwrap().push(line.to_owned());
    let mut server = TcpStream::connect(host)?;
    write!(server, "{method} /{path}\r\nconnection: close\r\n{headers}")?;
    let length = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    if headers.contains("100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    io::copy(&mut stream.take(length.unwrap_or(0)), &mut server)?;
    io::copy(&mut server, stream).map(drop)
}

/// The signatures hold behind a proxy, and every request goes through it: inputs, parts, polls, pages of listings.
#[test]
fn all_work_goes_through_a_forwarding_proxy() {
    let proxy = Proxy::serving(forward);
    let url = proxy.address();
    let endpoint = LocalEndpoint::builder()
        .model(|input| ModelResponse::ok(input.body.clone()))
        .start()
        .expect("an endpoint");
    let environment = Environment::from_pairs([("HTTP_PROXY", url.as_str())]);
    let sys = Sys::real()
        .with_environment(environment)
        .with_files(Files::none());
    let session = endpoint.session_builder().sys(sys).build();
    let session = session.expect("a session");
    let wait = waiter(|wait| wait.max_attempts(100).delay(Duration::from_millis(20)));
    let predictor = AsyncPredictor::new(endpoint.name(), &session)
        .with_serializer(Bytes::new())
        .with_deserializer(Bytes::new())
        .with_waiter_config(wait);
    for length in [0, 100, 20 << 20] {
        let input: Vec<u8> = (0..length).map(|byte: u32| byte.to_le_bytes()[0]).collect();
        let result: Vec<u8> = predictor.predict(&input).expect("a result");
        assert!(result == input, "{length}");
    }
    let seen = proxy.seen();
    assert_eq!(seen.len(), endpoint.requests().len());
    let prefix = format!("PUT {}/", endpoint.url());
    assert!(
        seen.iter().any(|line| line.starts_with(&prefix)),
        "{seen:?}"
    );
}
