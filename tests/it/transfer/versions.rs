//! Responses of proxies and of other stores: how a version of an object is recognised, and what is no object at all.

use std::io::Write;
use std::sync::{Arc, Mutex};

use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::{AsyncInferenceResponse, Error, as_completed};

use super::interrupted::{CONTENT, fetched, response, rest, scripted, whole};
use super::shared::{MIB, Place, bytes, failed, once, small_parts, transfer};
use super::support::client::{predictor, session_at, uri};
use super::support::raw::{Raw, read_head};

const ETAG: &str = "etag: \"v1\"\r\n";

/// The bytes 7 to 19, with another header in place of the `ETag`.
fn rest_with(header: &str) -> String {
    rest(7, 13).replace(ETAG, header)
}

#[test]
fn the_rest_of_an_object_need_not_repeat_its_etag() {
    for header in ["", "etag: W/\"v1\"\r\n", "etag: v1\r\n"] {
        let (raw, asked) = scripted(vec![whole(7), rest_with(header)]);
        let result = fetched(&raw, &ManualClock::new());
        assert_eq!(result.expect("the requested version"), CONTENT, "{header}");
        let asked = asked.lock().expect("nobody panics");
        assert!(asked[1].contains("\r\nif-match: \"v1\"\r\n"), "{asked:?}");
    }
}

#[test]
fn a_range_without_its_place_is_the_requested_one_if_it_has_its_length_and_etag() {
    let placeless = rest(7, 13).replace("content-range: bytes 7-19/20\r\n", "");
    let (raw, _) = scripted(vec![whole(7), placeless.clone()]);
    let result = fetched(&raw, &ManualClock::new());
    assert_eq!(result.expect("the requested range"), CONTENT);
    let nameless = placeless.replace(ETAG, "");
    let (raw, _) = scripted(vec![whole(7), nameless]);
    failed(
        fetched(&raw, &ManualClock::new()),
        TransferErrorKind::Replaced,
    );
}

#[test]
fn the_rest_of_an_object_of_another_length_is_of_another_version() {
    let other = |header: &str| rest_with(header).replace("7-19/20", "7-19/21");
    let longer = whole(20).replace("length: 20", "length: 21");
    let unknown = rest_with("").replace("7-19/20", "7-19/*");
    for reply in [other(""), other(ETAG), longer, unknown] {
        let (raw, _) = scripted(vec![whole(7), reply.clone()]);
        let outcome = fetched(&raw, &ManualClock::new());
        let error = failed(outcome, TransferErrorKind::Replaced);
        assert_eq!(error.resource(), "s3://my-bucket/out", "{reply}");
    }
}

#[test]
fn a_weak_etag_does_not_identify_the_bytes_of_a_result_in_memory() {
    let weak = |sent| whole(sent).replace(ETAG, "etag: W/\"v1\"\r\n");
    let (raw, asked) = scripted(vec![weak(7), weak(20)]);
    let result = response(&raw, &ManualClock::new()).get_result(&once());
    assert_eq!(result.expect("read again from its start"), CONTENT);
    let asked = asked.lock().expect("nobody panics");
    assert_eq!(asked.len(), 2);
    for head in &*asked {
        assert!(!head.contains("if-match") && !head.contains("\r\nrange:"));
    }
}

#[test]
fn a_file_whose_version_has_no_name_is_fetched_again_from_its_start() {
    let place = Place::new();
    for header in ["", "etag: W/\"v1\"\r\n"] {
        let nameless = |sent| whole(sent).replace(ETAG, header);
        let (raw, asked) = scripted(vec![nameless(7), nameless(12), nameless(20)]);
        let clock = ManualClock::new();
        let path = place.path("result");
        let fetched = response(&raw, &clock).download(&path, &once());
        assert_eq!(fetched.expect("a result"), 20);
        assert_eq!(std::fs::read(&path).expect("a file"), CONTENT);
        assert_eq!(asked.lock().expect("nobody panics").len(), 3);

        let (raw, _) = scripted(vec![nameless(7), nameless(12), nameless(19), nameless(20)]);
        let failed = response(&raw, &clock).download(place.path("other"), &once());
        assert!(matches!(failed, Err(Error::Transport(_))), "{failed:?}");
        assert_eq!(raw.connections(), 3, "as many as there are attempts");
        std::fs::remove_file(path).expect("a file");
        assert_eq!(place.names(), [""; 0]);
    }
}

#[test]
fn a_large_object_with_a_weak_etag_is_read_over_one_connection() {
    let content = Arc::new(bytes(12 * MIB));
    let (sent, heads) = (content.clone(), Arc::new(Mutex::new(Vec::new())));
    let asked = heads.clone();
    let raw = Raw::start(move |mut stream| {
        let head = read_head(&stream)?.to_lowercase();
        let status = if head.contains("if-match") {
            "412 Precondition Failed"
        } else {
            "200 OK"
        };
        asked.lock().expect("nobody panics").push(head);
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: W/\"v1\"\r\n\r\n",
            sent.len()
        )?;
        stream.write_all(&sent)
    });
    let place = Place::new();
    let session = session_at(&raw.url());
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations")
            .with_transfer(transfer(small_parts));
    let path = place.path("result");
    response.download(&path, &once()).expect("a result");
    assert!(std::fs::read(&path).expect("a file") == *content);
    assert_eq!(heads.lock().expect("nobody panics").len(), 1);
}

#[test]
fn a_result_in_memory_that_is_replaced_while_it_is_read_is_read_again() {
    let other = whole(20)
        .replace("\"v1\"", "\"v2\"")
        .replace("0123", "wxyz");
    let gone = "HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n";
    let (raw, _) = scripted(vec![whole(7), gone.to_owned(), other]);
    let result = response(&raw, &ManualClock::new()).get_result(&once());
    assert_eq!(result.expect("the new version"), b"wxyz456789abcdefghij");
}

#[test]
fn a_result_that_is_damaged_on_its_way_is_fetched_again() {
    let sum = |sum: &str| {
        let headers = format!("{ETAG}x-amz-checksum-crc32: {sum}\r\n");
        whole(20).replace(ETAG, &headers)
    };
    let replies = || scripted(vec![sum("AAAAAA=="), sum("Y4wNKQ==")]).0;
    let clock = ManualClock::new();
    let in_memory = response(&replies(), &clock).get_result(&once());
    assert_eq!(in_memory.expect("a result"), CONTENT);
    assert_eq!(in_a_batch(&replies()).expect("a result"), CONTENT);
    let place = Place::new();
    let path = place.path("result");
    let stored = response(&replies(), &clock).download(&path, &once());
    assert_eq!(stored.expect("a result"), 20);
    assert_eq!(std::fs::read(path).expect("a file"), CONTENT);
    // What was written to a stream cannot be taken back.
    let (raw, _) = scripted(vec![sum("AAAAAA=="), sum("Y4wNKQ==")]);
    failed(fetched(&raw, &clock), TransferErrorKind::Corrupt);
}

#[test]
fn the_length_of_a_chunked_object_is_that_of_its_chunks() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\netag: \"v1\"\r\n\r\n\
                   14\r\n0123456789abcdefghij\r\n0\r\n\r\n";
    let (raw, _) = scripted(vec![chunked.to_owned(), chunked.to_owned()]);
    let clock = ManualClock::new();
    assert_eq!(fetched(&raw, &clock).expect("a result"), CONTENT);
    let in_memory = response(&raw, &clock).get_result(&once());
    assert_eq!(in_memory.expect("a result"), CONTENT);
}

/// The one result of a batch, which reads small outputs in a way of its own.
fn in_a_batch(raw: &Raw) -> Result<Vec<u8>, Error> {
    let session = session_at(&raw.url());
    let output = uri("s3://my-bucket/out");
    let response = AsyncInferenceResponse::new(&predictor(&session), output, None);
    let mut completed = as_completed([response.expect("valid locations")], &once());
    completed.next().expect("a response").result()
}

#[test]
fn a_success_without_content_is_not_an_empty_result() {
    for status in ["202 Accepted", "204 No Content"] {
        let empty = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let (raw, _) = scripted(vec![empty.clone(), empty]);
        let number: u16 = status[..3].parse().expect("a status");
        for outcome in [fetched(&raw, &ManualClock::new()), in_a_batch(&raw)] {
            let error = outcome.expect_err("not an object");
            assert!(
                matches!(&error, Error::Service(fault) if fault.status() == number),
                "{error:?}"
            );
        }
    }
}

#[test]
fn a_part_of_the_object_is_not_the_object() {
    let (raw, _) = scripted(vec![rest(7, 13), rest(7, 13)]);
    for outcome in [fetched(&raw, &ManualClock::new()), in_a_batch(&raw)] {
        let error = outcome.expect_err("its start is missing");
        assert!(
            matches!(&error, Error::PollingTimeout(timeout) if timeout.observed().failed == 1),
            "{error:?}"
        );
    }
    let start = rest(0, 7)
        .replace("length: 20", "length: 7")
        .replace("0-19", "0-6");
    let (raw, _) = scripted(vec![start]);
    let error = in_a_batch(&raw).expect_err("its end is missing");
    assert!(matches!(error, Error::PollingTimeout(_)), "{error:?}");
}
