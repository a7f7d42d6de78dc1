//! Uploads for a submit that does not happen: they end in time, and the error names what stays in S3.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support;
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Bytes, Error};
use support::client::{accepted, predictor, refused, session_at};
use support::raw::{Raw, read_only_head};
use support::verifier::{Reply, Rules, Verifier};

/// More than the socket buffers of client and server hold.
const LARGE: usize = 24 << 20;

const LIMIT: Duration = Duration::from_millis(700);

type Submitted = Result<AsyncInferenceResponse<Bytes>, Error>;

/// What a server does with the body of an upload.
type Taking = fn(&mut TcpStream) -> io::Result<()>;

fn not_at_all(stream: &mut TcpStream) -> io::Result<()> {
    SystemClock.sleep(Duration::from_secs(20));
    stream.read(&mut [0]).map(drop)
}

fn in_drips(stream: &mut TcpStream) -> io::Result<()> {
    let mut some = [0; 4096];
    while stream.read(&mut some)? > 0 {
        SystemClock.sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn without_a_response(stream: &mut TcpStream) -> io::Result<()> {
    let mut some = vec![0; 1 << 20];
    while stream.read(&mut some)? > 0 {}
    Ok(())
}

fn slow_server(take: Taking) -> Raw {
    Raw::start(move |mut stream| {
        loop {
            let head = read_only_head(&mut stream)?;
            let line = head.lines().next().unwrap_or_default();
            let body = if line.starts_with("POST") && line.contains("uploads") {
                "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>"
            } else if line.starts_with("DELETE") {
                ""
            } else if line.starts_with("PUT") {
                if head.to_ascii_lowercase().contains("expect: 100") {
                    write!(stream, "HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                return take(&mut stream);
            } else {
                return Ok(());
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n\r\n{body}"
            )?;
        }
    })
}

#[track_caller]
fn ended_in_time(what: &str, submit: impl FnOnce() -> Submitted) {
    let begun = SystemClock.monotonic();
    let error = submit().expect_err("no upload");
    let took = SystemClock.monotonic().saturating_sub(begun);
    match &error {
        Error::Transport(error) => {
            assert_eq!(error.service(), "s3", "{what}: {error}");
            assert_eq!(error.kind(), TransportErrorKind::Timeout, "{what}: {error}");
        }
        other => panic!("{what}: {other:?}"),
    }
    // Without the limit it would take the minute of a write timeout, or never end.
    assert!(took < Duration::from_secs(10), "{what}: {took:?}");
    assert_eq!(error.uploaded_input(), None);
}

#[test]
fn the_limit_of_a_submit_covers_the_upload() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("input");
    std::fs::write(&file, vec![7; LARGE]).expect("a file");
    for (what, take) in [
        ("nothing is read", not_at_all as Taking),
        ("it is read in drips", in_drips),
        ("no response comes", without_a_response),
    ] {
        let server = slow_server(take);
        let predictor = predictor(&session_at(&server.url()));
        let body = vec![7; LARGE];
        ended_in_time(what, || {
            predictor.request(&body).submit_deadline(LIMIT).submit()
        });
        ended_in_time(what, || {
            let request = predictor.request_file(&file).expect("a file");
            request.submit_deadline(LIMIT).submit()
        });
        ended_in_time(what, || {
            let request = predictor.request_reader(io::repeat(7).take(LARGE as u64));
            request.submit_deadline(LIMIT).submit()
        });
    }
}

/// The limit covers an upload and a submit, each of which takes less than it.
#[test]
fn upload_and_submit_share_one_limit() {
    let server = Verifier::start(Rules::new(), |seen| {
        if seen.method == "PUT" {
            SystemClock.sleep(Duration::from_millis(600));
            return Reply::new(200, "");
        }
        SystemClock.sleep(Duration::from_millis(600));
        accepted("s3://out-bucket/1.out")
    });
    let session = session_at(&server.url());
    let request = predictor(&session).request("x").via_s3();
    let error = request
        .submit_deadline(Duration::from_secs(1))
        .submit()
        .expect_err("no time");
    let Error::MaybeSubmitted(maybe) = &error else {
        panic!("{error:?}");
    };
    let input = maybe.input_location().expect("it was uploaded");
    assert!(error.to_string().contains(input), "{error}");
}

#[test]
fn a_refused_submit_names_the_input_that_was_uploaded() {
    let local = LocalEndpoint::builder().start().expect("an endpoint");
    let session = local.session().expect("a session");
    let predictor_of = |local: &LocalEndpoint| {
        AsyncPredictor::new(local.name(), &session)
            .with_serializer(Bytes::new())
            .with_deserializer(Bytes::new())
    };
    let submit = |local: &LocalEndpoint| {
        predictor_of(local)
            .request("hello")
            .via_s3()
            .submit()
            .expect_err("a refusal")
    };
    let refuse = Fault::on(Operation::InvokeEndpointAsync).always();
    for fault in [
        refuse.clone().error(400, "ValidationError"),
        refuse.clone().access_denied(),
        refuse.throttle(),
    ] {
        local.clear_faults();
        local.fault(fault);
        let error = submit(&local);
        let uri = error.uploaded_input().expect("an input").clone();
        assert!(error.to_string().contains(&uri.to_string()), "{error}");
        // The input exists, and is submitted without another upload.
        local.clear_faults();
        local.clear_requests();
        let again = predictor_of(&local).request_at(uri).submit();
        assert!(again.is_ok(), "{again:?}");
        let requests = local.requests();
        assert!(requests.iter().all(|r| r.operation != Operation::PutObject));
    }
}

/// An input that was in S3 before is not reported as uploaded, and one in the request's body has no location.
#[test]
fn an_input_that_was_not_uploaded_is_not_named_as_one() {
    let server = Verifier::start(Rules::new(), |_| refused(400, "ValidationError", "no"));
    let predictor = predictor(&session_at(&server.url()));
    let error = predictor.request("x").submit().expect_err("a refusal");
    assert_eq!(error.uploaded_input(), None);
    let there = "s3://my-bucket/mine";
    let error = predictor.request_at(there).submit().expect_err("a refusal");
    assert_eq!(error.uploaded_input(), None);
    assert!(!error.to_string().contains("uploaded"), "{error}");
}
