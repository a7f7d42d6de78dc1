//! A result that stalls or trickles ends; one that makes progress goes on, whatever breaks.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::session::Timeouts;
use sagemaker_async_inference::sys::{Clock, ManualClock};
use sagemaker_async_inference::{AsyncInferenceResponse, Bytes, Error, TransportError};

use super::shared::once;
use super::support::client::{builder, predictor, session_in, sys, uri};
use super::support::raw::{Raw, read_head};

/// Responds to a GET, of a range or not, with the head of an object of `total` bytes; returns where it begins.
fn begin(stream: &mut TcpStream, total: usize) -> io::Result<Option<usize>> {
    let head = read_head(stream)?.to_lowercase();
    if head.is_empty() {
        return Ok(None);
    }
    let range = head.split("\r\nrange: bytes=").nth(1);
    let start = range.and_then(|range| range.split('-').next()?.parse().ok());
    let at = start.unwrap_or(0);
    let status = if start.is_some() {
        format!(
            "206 Partial Content\r\ncontent-range: bytes {at}-{}/{total}",
            total - 1
        )
    } else {
        "200 OK".to_owned()
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: \"v1\"\r\n\r\n",
        total - at
    )?;
    Ok(Some(at))
}

/// Does nothing until the client closes the connection.
fn stall(stream: &mut TcpStream) -> io::Result<()> {
    stream.read(&mut [0]).map(drop)
}

const READ: Duration = Duration::from_millis(300);

/// With a short read timeout; pauses take no time.
fn response(url: &str) -> AsyncInferenceResponse<Bytes> {
    response_within(url, READ)
}

fn response_within(url: &str, read: Duration) -> AsyncInferenceResponse<Bytes> {
    let session = builder()
        .endpoint_url(url)
        .sys(sys().with_clock(ManualClock::new()))
        .timeouts(Timeouts::default().with_read(read))
        .build()
        .expect("a session");
    AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
        .expect("valid locations")
}

fn fetched(response: &AsyncInferenceResponse<Bytes>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    response.write_result(&mut out, &once())?;
    Ok(out)
}

fn too_slow(outcome: Result<Vec<u8>, Error>) -> TransportError {
    match outcome {
        Err(Error::Transport(error)) => {
            assert_eq!(error.kind(), TransportErrorKind::Timeout);
            let cause = std::error::Error::source(error.as_ref()).expect("a cause");
            assert!(cause.to_string().contains("1 KiB/s"), "{cause}");
            *error
        }
        other => panic!("{:?}", other.map(|body| body.len())),
    }
}

#[test]
fn a_result_that_stalls_after_its_first_bytes_ends() {
    let raw = Raw::start(|mut stream| {
        if begin(&mut stream, 1_000_000)?.is_some() {
            stream.write_all(b"0123456")?;
        }
        stall(&mut stream)
    });
    let error = too_slow(fetched(&response(&raw.url())));
    assert!(error.attempts() >= 1);
    assert!(raw.connections() <= 2, "{}", raw.connections());
}

#[test]
fn every_way_to_take_it_ends() {
    let raw = Raw::start(|mut stream| {
        begin(&mut stream, 1_000_000)?;
        stall(&mut stream)
    });
    let mut reader = response(&raw.url()).read_result(&once()).expect("a reader");
    let error = reader.read_to_end(&mut Vec::new()).expect_err("it stalls");
    too_slow(Err(error.downcast().expect("an error of this crate")));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("result");
    let outcome = response(&raw.url()).download(&path, &once());
    too_slow(outcome.map(|_| Vec::new()));
    assert!(!path.exists());
}

#[test]
fn a_result_that_comes_byte_by_byte_on_many_connections_ends() {
    let raw = Raw::start(|mut stream| {
        if begin(&mut stream, 100_000)?.is_some() {
            stream.write_all(b"x")?;
        }
        Ok(())
    });
    // In virtual time: 60 s of read timeout, and pauses of up to 1 s.
    let clock = ManualClock::new();
    let session = session_in(&raw.url(), clock.clone());
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations");
    too_slow(fetched(&response));
    let took = clock.monotonic();
    assert!(took > Duration::from_secs(30), "{took:?}");
    assert!(took < Duration::from_secs(70), "{took:?}");
}

#[test]
fn a_transfer_from_a_service_that_ignores_ranges_and_disconnects_ends() {
    let sent = AtomicUsize::new(0);
    let raw = Raw::start(move |mut stream| {
        let head = read_head(&stream)?;
        if !head.is_empty() {
            let length = sent.fetch_add(1, Ordering::SeqCst) + 1;
            let body = "x".repeat(length);
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\netag: \"v1\"\r\n\r\n{body}"
            )?;
        }
        Ok(())
    });
    let clock = ManualClock::new();
    let session = session_in(&raw.url(), clock.clone());
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations");
    too_slow(fetched(&response));
    assert!(clock.monotonic() < Duration::from_secs(70));
}

#[test]
fn a_result_that_makes_progress_goes_on_whatever_breaks() {
    const TOTAL: usize = 20_000_000;
    const PIECE: usize = 100_000;
    let raw = Raw::start(|mut stream| {
        if let Some(at) = begin(&mut stream, TOTAL)? {
            stream.write_all(&vec![b'x'; PIECE.min(TOTAL - at)])?;
        }
        Ok(())
    });
    // 200 connections with a pause before each: longer than a read timeout in all.
    let clock = ManualClock::new();
    let session = session_in(&raw.url(), clock.clone());
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations");
    assert_eq!(fetched(&response).expect("a result").len(), TOTAL);
    assert!(clock.monotonic() > Duration::from_mins(1));
}

#[test]
fn a_connection_that_stalls_after_progress_is_replaced() {
    let count = AtomicUsize::new(0);
    let raw = Raw::start(move |mut stream| {
        let Some(at) = begin(&mut stream, 200_000)? else {
            return Ok(());
        };
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            stream.write_all(&vec![b'x'; 100_000])?;
            stall(&mut stream)
        } else {
            stream.write_all(&vec![b'x'; 200_000 - at])
        }
    });
    // So long that the bytes before the stall come in the same window on a busy machine too.
    let response = response_within(&raw.url(), 10 * READ);
    let body = fetched(&response).expect("a result");
    assert_eq!(body.len(), 200_000);
    assert_eq!(raw.connections(), 2);
}

#[test]
fn a_caller_who_reads_slowly_is_not_a_server_that_sends_slowly() {
    let raw = Raw::start(|mut stream| {
        if let Some(at) = begin(&mut stream, 1_000)? {
            stream.write_all(&vec![b'x'; 1_000 - at])?;
        }
        stall(&mut stream)
    });
    let mut reader = response(&raw.url()).read_result(&once()).expect("a reader");
    let mut read = 0;
    while read < 1_000 {
        // 250 bytes in more than a read timeout are less than 1 KiB/s.
        let mut buffer = [0; 250];
        reader.read_exact(&mut buffer).expect("bytes");
        read += buffer.len();
        std::thread::sleep(READ + READ / 4);
    }
    assert_eq!(reader.read(&mut [0]).expect("the end"), 0);
}
