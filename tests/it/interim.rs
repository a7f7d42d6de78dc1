//! Interim responses (1xx) with any headers, in any pieces, and uploads that wait for one.

use crate::support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::session::{RetryConfig, Timeouts};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{Error, Session};
use support::client::{ACCOUNT, builder, caller_identity, predictor, session_without_bucket, uri};
use support::raw::{Raw, read_only_head, read_request};
use support::wait::response;

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\
    x-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\r\n{}";

/// What servers and proxies put before the final response.
const INTERIM: [&str; 7] = [
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 100 Continue\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/1.1 100\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\nServer: x\r\n\r\n",
    "HTTP/1.1 102 Processing\r\nX: 1\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n",
    "HTTP/1.1 199 \r\n\r\n",
    "HTTP/1.0 100 Continue\nVia: 1.0 old\n\n",
];

/// All of them, each alone and then one after another.
fn sequences() -> Vec<String> {
    let alone = INTERIM.iter().map(ToString::to_string);
    alone
        .chain([INTERIM.concat(), INTERIM[4].repeat(40)])
        .collect()
}

/// Whole, or a byte at a time.
fn write(stream: &mut TcpStream, text: &str, in_pieces: bool) -> io::Result<()> {
    if !in_pieces {
        return stream.write_all(text.as_bytes());
    }
    for byte in text.as_bytes() {
        stream.write_all(&[*byte])?;
        std::thread::yield_now();
    }
    Ok(())
}

/// Sends `interim` and then a fitting response to each request of a kept connection.
fn server(interim: String, in_pieces: bool) -> Raw {
    Raw::start(move |mut stream| {
        stream.set_nodelay(true)?;
        loop {
            let head = read_request(&mut stream)?;
            if head.is_empty() {
                return Ok(());
            }
            let reply = match head.split_whitespace().take(2).collect::<Vec<_>>()[..] {
                ["POST", path] if path.ends_with("/async-invocations") => ACCEPTED.to_owned(),
                ["POST", "/"] => with_body(&String::from_utf8_lossy(&caller_identity().body)),
                ["HEAD", _] => "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n".to_owned(),
                ["GET", _] => with_body("result"),
                _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
            };
            write(&mut stream, &(interim.clone() + &reply), in_pieces)?;
        }
    })
}

fn with_body(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn once(url: &str) -> Session {
    let session = builder().endpoint_url(url).retry(RetryConfig::off());
    session.build().expect("a session")
}

#[test]
fn interim_responses_are_skipped_on_every_operation() {
    for interim in sequences() {
        for in_pieces in [false, true] {
            let server = server(interim.clone(), in_pieces);
            let session = once(&server.url());
            for _ in 0..2 {
                let submit = predictor(&session).request_at(uri("s3://my-bucket/in"));
                let submitted = submit
                    .submit()
                    .unwrap_or_else(|e| panic!("{interim:?}: {e:?}"));
                assert_eq!(submitted.output_path(), &uri("s3://my-bucket/out"));
                let result = response(&session).try_get_result::<Vec<u8>>();
                let result = result.unwrap_or_else(|e| panic!("{interim:?}: {e:?}"));
                assert_eq!(result.expect("a result"), b"result");
                let input = predictor(&session).request("small");
                let _ = input
                    .upload_to(uri("s3://my-bucket/in"))
                    .submit()
                    .unwrap_or_else(|e| panic!("{interim:?}: {e:?}"));
            }
            assert_eq!(server.connections(), 1, "{interim:?}");
            let bucket = session_without_bucket(&server.url()).default_bucket();
            assert!(
                bucket.expect("an account").ends_with(ACCOUNT),
                "{interim:?}"
            );
        }
    }
}

#[test]
fn switching_protocols_is_no_interim_response() {
    let server = server(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n".into(),
        false,
    );
    let outcome = response(&once(&server.url())).try_get_result::<Vec<u8>>();
    match outcome {
        Err(Error::Service(fault)) => assert_eq!(fault.status(), 101),
        other => panic!("{other:?}"),
    }
}

#[test]
fn interim_responses_without_end_end_by_the_read_timeout() {
    for interim in [INTERIM[1], INTERIM[4]] {
        let server = Raw::start(move |mut stream| {
            read_request(&mut stream)?;
            loop {
                stream.write_all(interim.as_bytes())?;
                SystemClock.sleep(Duration::from_millis(5));
            }
        });
        let session = builder()
            .endpoint_url(server.url())
            .retry(RetryConfig::off())
            .timeouts(Timeouts::default().with_read(Duration::from_millis(300)));
        match response(&session.build().expect("a session")).try_get_result::<Vec<u8>>() {
            Err(Error::Transport(error)) => assert_eq!(error.kind(), TransportErrorKind::Timeout),
            other => panic!("{other:?}"),
        }
    }
}

/// The heads that the server reads of a large upload, which waits for 100 Continue before it sends its body. After the
/// head the server does `responses` with the connection.
fn upload(
    timeouts: Timeouts,
    responses: impl Fn(&mut TcpStream, &str) -> io::Result<()> + Send + Sync + 'static,
) -> (Result<(), Error>, Vec<String>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    let server = Raw::start(move |mut stream| {
        loop {
            let head = read_only_head(&mut stream)?;
            if head.is_empty() {
                return Ok(());
            }
            if head.starts_with("PUT ") {
                seen.lock().expect("heads").push(head.to_ascii_lowercase());
                responses(&mut stream, &head.to_ascii_lowercase())?;
            } else {
                stream.write_all(ACCEPTED.as_bytes())?;
            }
        }
    });
    let session = builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .timeouts(timeouts)
        .build()
        .expect("a session");
    let predictor = predictor(&session);
    let input = io::repeat(7).take(LARGE as u64);
    let request = predictor
        .request_reader(input)
        .upload_to(uri("s3://my-bucket/in"));
    let outcome = request.submit().map(drop);
    let heads = heads.lock().expect("heads").clone();
    (outcome, heads)
}

const LARGE: usize = 2 << 20;

fn take_body(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(
        &mut io::Read::take(&mut *stream, LARGE as u64),
        &mut io::sink(),
    )?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
}

#[test]
fn an_upload_goes_on_at_any_100() {
    for interim in [INTERIM[0], INTERIM[1], INTERIM[2], &INTERIM.concat()] {
        for in_pieces in [false, true] {
            let interim = interim.to_owned();
            // Only the 100 lets it continue: without it the upload would have failed long before.
            let (outcome, heads) = upload(Timeouts::default(), move |stream, head| {
                assert!(head.contains("expect: 100-continue\r\n"), "{head}");
                stream.set_nodelay(true)?;
                write(stream, &interim, in_pieces)?;
                take_body(stream)
            });
            outcome.expect("uploaded");
            assert_eq!(heads.len(), 1);
        }
    }
}

/// Also with a very short read timeout.
#[test]
fn an_upload_continues_without_a_response_to_expect() {
    for read in [Duration::from_millis(400), Duration::from_mins(1)] {
        let timeouts = Timeouts::default().with_read(read);
        let (outcome, heads) = upload(timeouts, |stream, _| take_body(stream));
        outcome.expect("uploaded");
        assert_eq!(heads.len(), 1);
    }
}

/// A 100 that arrives late, after the body, or another interim response instead of it.
#[test]
fn an_upload_goes_on_when_the_100_comes_late() {
    for (first, late) in [("", INTERIM[1]), (INTERIM[4], INTERIM[2])] {
        let (outcome, _) = upload(Timeouts::default(), move |stream, _| {
            stream.write_all(first.as_bytes())?;
            io::copy(
                &mut io::Read::take(&mut *stream, LARGE as u64),
                &mut io::sink(),
            )?;
            stream.write_all(late.as_bytes())?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        });
        outcome.expect("uploaded");
    }
}

/// A server that refuses may leave the connection open and send nothing more: the refusal is complete.
#[test]
fn a_refusal_in_place_of_the_100_is_the_response() {
    for (refusal, in_pieces) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", false),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", true),
        (
            "HTTP/1.1 102 Processing\r\nX: 1\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nX: 1\r\n\r\n",
            false,
        ),
    ] {
        let began = SystemClock.monotonic();
        let (outcome, heads) = upload(Timeouts::default(), move |stream, _| {
            stream.set_nodelay(true)?;
            write(stream, refusal, in_pieces)?;
            // Until the client closes.
            io::copy(stream, &mut io::sink()).map(drop)
        });
        match outcome {
            Err(Error::Service(fault)) => assert_eq!(fault.status(), 403),
            other => panic!("{other:?}"),
        }
        assert_eq!(heads.len(), 1);
        let took = SystemClock.monotonic().saturating_sub(began);
        assert!(
            took < Duration::from_secs(30),
            "waited for more than came: {took:?}"
        );
    }
}

#[test]
fn an_upload_is_sent_again_without_expectation_when_that_cannot_be_met() {
    let (outcome, heads) = upload(Timeouts::default(), |stream, head| {
        if head.contains("expect:") {
            stream.write_all(b"HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n")
        } else {
            take_body(stream)
        }
    });
    outcome.expect("uploaded");
    let expect: Vec<_> = heads.iter().map(|head| head.contains("expect:")).collect();
    assert_eq!(expect, [true, false]);

    // Once only.
    let (outcome, heads) = upload(Timeouts::default(), |stream, head| {
        if !head.contains("expect:") {
            io::copy(
                &mut io::Read::take(&mut *stream, LARGE as u64),
                &mut io::sink(),
            )?;
        }
        stream.write_all(b"HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n")
    });
    assert!(matches!(outcome, Err(Error::Service(fault)) if fault.status() == 417));
    assert_eq!(heads.len(), 2);
}
