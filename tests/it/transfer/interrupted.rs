//! Connections that break in the middle, objects that are replaced, and bytes that are not those stored.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::error::{TransferErrorKind, TransportErrorKind};
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::{AsyncInferenceResponse, Bytes, Error};

use super::shared::{BUCKET, MIB, Place, bytes, failed, once, small_parts, transfer};
use super::support::client::{predictor, session_in, uri};
use super::support::raw::{Raw, read_head};

pub(super) const CONTENT: &[u8] = b"0123456789abcdefghij";

/// Responds to each connection's one request with the next of these, and records the requests.
pub(super) fn scripted(responses: Vec<String>) -> (Raw, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (next, heads) = (AtomicUsize::new(0), asked.clone());
    let raw = Raw::start(move |mut stream: TcpStream| {
        let head = read_head(&stream)?;
        if head.is_empty() {
            return Ok(());
        }
        heads
            .lock()
            .expect("nobody panics")
            .push(head.to_lowercase());
        let reply = responses.get(next.fetch_add(1, Ordering::SeqCst));
        stream.write_all(reply.map_or("", String::as_str).as_bytes())
    });
    (raw, asked)
}

/// The response with the whole object, cut after this many bytes.
pub(super) fn whole(sent: usize) -> String {
    let body = std::str::from_utf8(&CONTENT[..sent]).expect("ASCII");
    format!("HTTP/1.1 200 OK\r\ncontent-length: 20\r\netag: \"v1\"\r\n\r\n{body}")
}

/// The rest of the object from a byte on, cut after this many bytes.
pub(super) fn rest(start: usize, sent: usize) -> String {
    let body = std::str::from_utf8(&CONTENT[start..start + sent]).expect("ASCII");
    format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\netag: \"v1\"\r\n\
         content-range: bytes {start}-19/20\r\n\r\n{body}",
        20 - start
    )
}

pub(super) fn response(raw: &Raw, clock: &ManualClock) -> AsyncInferenceResponse<Bytes> {
    let session = session_in(&raw.url(), clock.clone());
    AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
        .expect("valid locations")
}

pub(super) fn fetched(raw: &Raw, clock: &ManualClock) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    response(raw, clock).write_result(&mut out, &once())?;
    Ok(out)
}

#[test]
fn it_goes_on_from_the_last_byte_with_the_same_version() {
    let (raw, asked) = scripted(vec![whole(7), rest(7, 5), rest(12, 8)]);
    let clock = ManualClock::new();
    assert_eq!(fetched(&raw, &clock).expect("a result"), CONTENT);
    let asked = asked.lock().expect("nobody panics");
    assert!(!asked[0].contains("\r\nrange:"));
    for (head, range) in asked[1..].iter().zip(["bytes=7-19", "bytes=12-19"]) {
        assert!(head.contains(&format!("\r\nrange: {range}\r\n")), "{head}");
        assert!(head.contains("\r\nif-match: \"v1\"\r\n"), "{head}");
        // Both are signed, so that nobody on the way can change them.
        assert!(head.contains("host;if-match;range;"), "{head}");
    }
    assert!(clock.slept() <= Duration::from_secs(2));
}

#[test]
fn a_reader_resumes_too_and_returns_its_error() {
    let (raw, _) = scripted(vec![whole(7), rest(7, 13)]);
    let clock = ManualClock::new();
    let mut reader = response(&raw, &clock)
        .read_result(&once())
        .expect("a reader");
    let mut out = Vec::new();
    reader.read_to_end(&mut out).expect("a result");
    assert_eq!(out, CONTENT);

    let replaced = "HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n";
    let (raw, _) = scripted(vec![whole(7), replaced.to_owned()]);
    let mut reader = response(&raw, &clock)
        .read_result(&once())
        .expect("a reader");
    let error = reader.read_to_end(&mut out).expect_err("replaced");
    let error: Error = error.downcast().expect("an error of this crate");
    failed::<()>(Err(error), TransferErrorKind::Replaced);
    assert_eq!(reader.read(&mut [0]).expect("at its end"), 0);
}

#[test]
fn a_service_that_passes_over_ranges_is_read_again_from_the_start() {
    let (raw, _) = scripted(vec![whole(7), whole(3), whole(20)]);
    let clock = ManualClock::new();
    assert_eq!(fetched(&raw, &clock).expect("a result"), CONTENT);
}

#[test]
fn a_range_that_was_not_requested_is_not_a_result() {
    let later = rest(9, 11);
    let (raw, _) = scripted(vec![whole(7), later]);
    let error = fetched(&raw, &ManualClock::new()).expect_err("bytes are missing");
    assert!(
        matches!(&error, Error::Transport(t) if t.kind() == TransportErrorKind::Protocol),
        "{error:?}"
    );
}

#[test]
fn another_version_is_an_error_whichever_way_it_shows() {
    let precondition = "HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n".to_owned();
    let other = rest(7, 13).replace("\"v1\"", "\"v2\"");
    for reply in [precondition, other] {
        let (raw, _) = scripted(vec![whole(7), reply]);
        let error = failed(
            fetched(&raw, &ManualClock::new()),
            TransferErrorKind::Replaced,
        );
        assert_eq!(error.resource(), "s3://my-bucket/out");
    }
}

#[test]
fn without_a_versions_name_it_does_not_go_on() {
    let nameless = whole(7).replace("etag: \"v1\"\r\n", "");
    let (raw, _) = scripted(vec![nameless, rest(7, 13)]);
    let error = fetched(&raw, &ManualClock::new()).expect_err("broken");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert_eq!(raw.connections(), 1);
}

#[test]
fn breaks_without_a_byte_in_between_are_counted_and_those_with_one_are_not() {
    let mut responses = vec![whole(1)];
    responses.extend((1..20).map(|at| rest(at, 1)));
    let (raw, asked) = scripted(responses);
    let clock = ManualClock::new();
    assert_eq!(fetched(&raw, &clock).expect("a result"), CONTENT);
    assert_eq!(asked.lock().expect("nobody panics").len(), 20);

    let (raw, asked) = scripted(vec![whole(7), rest(7, 0), rest(7, 0), rest(7, 13)]);
    let Err(Error::Transport(error)) = fetched(&raw, &ManualClock::new()) else {
        panic!("it is broken");
    };
    assert_eq!(error.attempts(), 3);
    assert_eq!(format!("http://{}", error.host()), raw.url());
    assert_eq!(asked.lock().expect("nobody panics").len(), 3);
}

#[test]
fn a_range_whose_connection_breaks_goes_on_alone() {
    let place = Place::new();
    let content = bytes(26 * MIB);
    let cut = |skip, len| {
        Fault::on(Operation::GetObject)
            .skip(skip)
            .truncate_body(len)
    };
    place.endpoint.fault(cut(0, 2 * MIB));
    place.endpoint.fault(cut(0, MIB));
    place.endpoint.fault(cut(1, 0));
    let response = place.output(&content).with_transfer(transfer(small_parts));
    let path = place.path("result");
    response.download(&path, &once()).expect("a result");
    assert!(std::fs::read(&path).expect("a file") == content);
}

#[test]
fn an_object_that_is_replaced_between_two_ranges_is_an_error() {
    let place = Place::new();
    let response = place.output(&bytes(26 * MIB));
    let endpoint = Arc::new(place);
    let (inside, done) = (endpoint.clone(), AtomicBool::new(false));
    let how = transfer(|t| {
        small_parts(t).progress(move |_| {
            if !done.swap(true, Ordering::SeqCst) {
                let other = bytes(26 * MIB + 1)[1..].to_vec();
                inside.endpoint.put_object(BUCKET, "out/1.out", other);
            }
            ControlFlow::Continue(())
        })
    });
    let outcome = response
        .with_transfer(how)
        .download(endpoint.path("result"), &once());
    failed(outcome, TransferErrorKind::Replaced);
    assert_eq!(endpoint.names(), [""; 0]);
}

/// What S3 says of "0123456789abcdefghij"; from Python's zlib, hashlib and a bitwise CRC-32C and
/// CRC-64/NVME.
const SUMS: [(&str, &str); 4] = [
    ("x-amz-checksum-crc32", CRC32),
    ("x-amz-checksum-crc32c", CRC32C),
    ("x-amz-checksum-crc64nvme", CRC64),
    ("x-amz-checksum-sha256", SHA256),
];
const CRC32: &str = "Y4wNKQ==";
const CRC32C: &str = "xArWNg==";
const CRC64: &str = "BURQ4FJ52Hk=";
const SHA256: &str = "a8FL3EUXp6aCxpEN4uKUbrjh7NBAkHKP720JKnzrYsU=";

type Way = fn(&AsyncInferenceResponse<Bytes>) -> Result<Vec<u8>, Error>;

#[test]
fn checksums_are_compared_with_the_received_bytes() {
    for (name, sum) in SUMS {
        let with = |value: &str| {
            let header = format!("etag: \"v1\"\r\n{name}: {value}");
            whole(20).replace("etag: \"v1\"", &header)
        };
        let ways: [Way; 3] = [
            |response| response.get_result(&once()),
            |response| {
                let mut out = Vec::new();
                response.write_result(&mut out, &once()).map(|_| out)
            },
            |response| {
                let mut out = Vec::new();
                let mut reader = response.read_result(&once())?;
                match reader.read_to_end(&mut out) {
                    Ok(_) => Ok(out),
                    Err(error) => Err(error.downcast::<Error>().expect("an error of this crate")),
                }
            },
        ];
        for way in ways {
            let (raw, _) = scripted(vec![with(sum)]);
            let right = way(&response(&raw, &ManualClock::new()));
            assert_eq!(right.expect("right"), CONTENT, "{name}");

            // As often as the session has attempts.
            let wrong = flipped(sum);
            let (raw, _) = scripted(vec![with(&wrong); 3]);
            let error = failed(
                way(&response(&raw, &ManualClock::new())),
                TransferErrorKind::Corrupt,
            );
            let cause = std::error::Error::source(&error).expect("a cause");
            assert!(cause.to_string().contains(name), "{cause}");

            // Of the parts, and not of the whole.
            let (raw, _) = scripted(vec![with(&format!("{}-2", flipped(sum)))]);
            let unknown = way(&response(&raw, &ManualClock::new()));
            assert_eq!(unknown.expect("nothing to compare with"), CONTENT);
        }
    }
}

/// Another value of the same length.
fn flipped(base64: &str) -> String {
    let first = if base64.starts_with('A') { 'B' } else { 'A' };
    format!("{first}{}", &base64[1..])
}

#[test]
fn a_large_result_that_is_not_what_was_stored_leaves_no_file() {
    let place = Place::new();
    let content = bytes(26 * MIB);
    let response = place.output(&content).with_transfer(transfer(small_parts));
    // The same bytes under another object's checksum.
    let wrong = Fault::on(Operation::GetObject).respond(
        200,
        [
            (
                "etag",
                place
                    .endpoint
                    .get_object(BUCKET, "out/1.out")
                    .expect("stored")
                    .etag(),
            ),
            ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="),
        ],
        content,
    );
    place.endpoint.fault(wrong.always());
    let outcome = response.download(place.path("result"), &once());
    failed(outcome, TransferErrorKind::Corrupt);
    assert_eq!(place.names(), [""; 0]);
    place.endpoint.clear_faults();
    let right = response.download(place.path("result"), &once());
    right.expect("the object itself is right");
}

#[test]
fn a_body_without_a_length_is_taken_to_its_end() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\netag: \"v1\"\r\n\r\n\
                   14\r\n0123456789abcdefghij\r\n0\r\n\r\n";
    let (raw, _) = scripted(vec![chunked.to_owned()]);
    let clock = ManualClock::new();
    assert_eq!(fetched(&raw, &clock).expect("a result"), CONTENT);
    let cut = &chunked[..chunked.len() - 12];
    let (raw, _) = scripted(vec![cut.to_owned()]);
    let error = fetched(&raw, &clock).expect_err("cut");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
}
