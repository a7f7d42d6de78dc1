//! Results that arrive.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::error::{TransferErrorKind, TransportErrorKind};
use sagemaker_async_inference::local::{Fault, LocalEndpoint, ModelResponse, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::transfer::TransferDirection;
use sagemaker_async_inference::{AsyncPredictor, CancelToken, Error, WaiterConfig};

use super::shared::{BUCKET, MIB, Place, bytes, failed, once, other_s3, small_parts, transfer};
use super::support::client::{predictor, uri};

#[test]
fn another_servers_s3_gives_what_it_has() {
    let (s3, _runtime, session) = other_s3();
    let dir = tempfile::tempdir().expect("a directory");
    for len in [0, 1, 5 * MIB, 5 * MIB + 1, 23 * MIB + 5] {
        let content = bytes(len);
        std::fs::write(s3.dir().join("my-bucket/out"), &content).expect("an object");
        let response =
            AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
                .expect("valid locations")
                .with_transfer(transfer(small_parts));
        let path = dir.path().join("result");
        let got = response.download(&path, &once()).expect("a result");
        assert_eq!(got, len as u64);
        assert!(std::fs::read(&path).expect("a file") == content);
        let mut written = Vec::new();
        let got = response.write_result(&mut written, &once());
        assert_eq!(got.expect("a result"), len as u64);
        assert!(written == content);
        let mut reader = response.read_result(&once()).expect("a reader");
        assert_eq!(reader.total(), Some(len as u64));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).expect("a result");
        assert!(read == content);
        assert_eq!(reader.read(&mut [0]).expect("still at the end"), 0);
    }
}

#[test]
fn a_large_result_comes_in_ranges_of_one_version_and_a_small_one_at_once() {
    let place = Place::new();
    let content = bytes(26 * MIB);
    let response = place.output(&content).with_transfer(transfer(small_parts));
    let path = place.path("result");
    response.download(&path, &once()).expect("a result");
    assert!(std::fs::read(&path).expect("a file") == content);
    let requests = place.requests(Operation::GetObject);
    let object = place.endpoint.get_object(BUCKET, "out/1.out");
    let etag = object.expect("stored").etag().to_owned();
    assert_eq!(requests[0].header("range"), None);
    assert_eq!(requests[0].header("x-amz-checksum-mode"), Some("ENABLED"));
    assert!(requests.len() > 1);
    for request in &requests[1..] {
        let range = request.header("range").expect("a range");
        assert!(range.starts_with("bytes="), "{range}");
        assert_eq!(request.header("if-match"), Some(etag.as_str()));
    }

    place.endpoint.clear_requests();
    let response = place.output(&bytes(5 * MIB));
    response
        .with_transfer(transfer(small_parts))
        .download(&path, &once())
        .expect("a result");
    assert_eq!(place.requests(Operation::GetObject).len(), 1);
}

#[test]
fn a_wait_comes_first_and_a_failure_is_one() {
    let endpoint = LocalEndpoint::builder()
        .model(|request| match request.body.as_slice() {
            b"\"bad\"" => ModelResponse::failure(400, "not good"),
            body => ModelResponse::ok(body).with_content_type("text/x"),
        })
        .start()
        .expect("an endpoint");
    let session = endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session);
    let waiter = WaiterConfig::new(6000, Duration::from_millis(5)).expect("a wait");
    endpoint.fault(Fault::on(Operation::GetObject).error(404, "NoSuchKey"));
    let response = predictor.predict_async("good").expect("submitted");
    let mut reader = response.read_result(&waiter).expect("a reader");
    assert_eq!(reader.content_type(), Some("text/x"));
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("a text");
    assert_eq!(text, "\"good\"");

    let dir = tempfile::tempdir().expect("a directory");
    let response = predictor.predict_async("bad").expect("submitted");
    let failure = response.download(dir.path().join("result"), &waiter);
    let Err(Error::Model(failure)) = failure else {
        panic!("{failure:?}");
    };
    assert!(failure.text().contains("not good"));
    let entries = std::fs::read_dir(dir.path()).expect("a directory").count();
    assert_eq!(entries, 0);
    // It is cached.
    endpoint.clear_requests();
    assert!(matches!(
        response.read_result(&waiter),
        Err(Error::Model(_))
    ));
    assert!(endpoint.requests().is_empty());
}

#[test]
fn a_result_in_memory_is_not_requested_again() {
    let place = Place::new();
    let response = place.output(b"kept");
    let first: Vec<u8> = response.get_result(&once()).expect("a result");
    place.endpoint.clear_requests();
    let path = place.path("result");
    assert_eq!(response.download(&path, &once()).expect("a result"), 4);
    assert_eq!(std::fs::read(&path).expect("a file"), first);
    let mut out = Vec::new();
    response.write_result(&mut out, &once()).expect("a result");
    let mut reader = response.read_result(&once()).expect("a reader");
    reader.read_to_end(&mut out).expect("a result");
    assert_eq!(out, b"keptkept");
    assert!(place.endpoint.requests().is_empty());
}

#[test]
fn a_result_above_the_limit_names_what_takes_it() {
    let place = Place::new();
    let response = place.output(&bytes(1001));
    let limit = |bytes| transfer(|t| t.max_result_bytes(bytes));
    let response = response.with_transfer(limit(1000));
    let outcome: Result<Vec<u8>, _> = response.get_result(&once());
    let error = outcome.expect_err("too long");
    assert!(format!("{error:#}").contains("download"), "{error}");
    assert!(
        matches!(&error, Error::Transport(t) if t.kind() == TransportErrorKind::TooLong),
        "{error:?}"
    );
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert!(cause.is_some_and(|cause| cause.contains("1000")));
    assert!(response.try_get_result::<Vec<u8>>().is_err());
    let mut out = Vec::new();
    response.write_result(&mut out, &once()).expect("any size");
    let response = response.with_transfer(limit(1001));
    let result: Vec<u8> = response.get_result(&once()).expect("just fits");
    assert_eq!(result, out);
}

#[test]
fn progress_ends_at_the_total_in_either_way() {
    for len in [MIB, 26 * MIB] {
        let place = Place::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reported = seen.clone();
        let how = transfer(|t| {
            small_parts(t).progress(move |progress| {
                let mut seen = reported.try_lock().expect("one at a time");
                assert_eq!(progress.direction(), TransferDirection::Download);
                seen.push((progress.bytes(), progress.total()));
                ControlFlow::Continue(())
            })
        });
        let response = place.output(&bytes(len)).with_transfer(how);
        response
            .download(place.path("r"), &once())
            .expect("a result");
        let seen = seen.lock().expect("nobody panicked");
        assert!(seen.is_sorted());
        assert_eq!(seen.last(), Some(&(len as u64, Some(len as u64))));
    }
}

#[test]
fn callback_and_token_stop_it() {
    for len in [MIB, 26 * MIB] {
        let place = Place::new();
        let how = transfer(|t| small_parts(t).progress(|_| ControlFlow::Break(())));
        let response = place.output(&bytes(len)).with_transfer(how);
        let path = place.path("r");
        failed(
            response.download(&path, &once()),
            TransferErrorKind::Stopped,
        );

        let cancel = CancelToken::new();
        let waiter = WaiterConfig::builder().cancel(cancel.clone()).build();
        let how = transfer(|t| {
            small_parts(t).progress(move |_| {
                cancel.cancel();
                ControlFlow::Continue(())
            })
        });
        let response = response.with_transfer(how);
        let outcome = response.download(&path, &waiter.expect("a wait"));
        failed(outcome, TransferErrorKind::Stopped);
        assert_eq!(place.names(), [""; 0]);
    }
}

/// The request for the second range is in progress when the token is cancelled, and its end comes first.
#[test]
fn a_token_stops_a_range_that_is_requested() {
    let place = Place::new();
    place.endpoint.fault(
        Fault::on(Operation::GetObject)
            .skip(1)
            .always()
            .delay(Duration::from_mins(1)),
    );
    let cancel = CancelToken::new();
    let waiter = WaiterConfig::builder().cancel(cancel.clone()).build();
    let how = transfer(|t| {
        small_parts(t).progress(move |_| {
            cancel.cancel();
            // A cancelled request ends within 100 ms.
            SystemClock.sleep(Duration::from_secs(1));
            ControlFlow::Continue(())
        })
    });
    let response = place.output(&bytes(26 * MIB)).with_transfer(how);
    let outcome = response.download(place.path("r"), &waiter.expect("a wait"));
    failed(outcome, TransferErrorKind::Stopped);
    assert_eq!(place.names(), [""; 0]);
}
