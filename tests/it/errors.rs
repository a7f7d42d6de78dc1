//! What an error says, in short and in full, and what its methods return.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::{
    AsyncInferenceResponse, CancelToken, Error, InferenceHandle, Json, S3Uri, Session,
    WaiterConfig, submit_all,
};

use super::support::client::{
    builder, denied, is_submit, keys, not_found, predictor, refused, s3_error, session_at,
    session_in, uri,
};
use super::support::verifier::{Reply, Rules, Verifier};
use super::support::{ACCESS_KEY, SECRET_KEY};

const OUTPUT: &str = "s3://my-bucket/out/1.out";
/// Long enough for a sentence with two S3 URIs, short enough for a line of a log.
const SHORT: usize = 200;

/// The error of a wait at a server that gives this response to each poll.
fn wait_error(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Error {
    let server = Verifier::start(Rules::new(), move |_| reply());
    let session = session_in(&server.url(), ManualClock::new());
    let failure = Some(uri("s3://my-bucket/failures/1.error"));
    let response = AsyncInferenceResponse::new(&predictor(&session), uri(OUTPUT), failure)
        .expect("valid locations");
    let waiter = WaiterConfig::builder().max_attempts(3).build();
    let waiter = waiter.expect("a waiter");
    response
        .get_result::<Vec<u8>>(&waiter)
        .expect_err("no result")
}

/// The error of a submit at a server that gives this response.
fn submit_error(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Error {
    let server = Verifier::start(Rules::new(), move |_| reply());
    let session = session_in(&server.url(), ManualClock::new());
    let submitted = predictor(&session).predict_async(b"input".as_slice());
    submitted.expect_err("no submit")
}

fn offline(session: &Session) -> Error {
    let submitted = predictor(session).predict_async(b"input".as_slice());
    submitted.expect_err("nobody listens")
}

/// A port where nobody listens.
fn unused_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// Both forms of an error: one short sentence, and the same with details and the remedy.
fn check_forms(error: &Error) -> (String, String) {
    let (short, long) = (format!("{error}"), format!("{error:#}"));
    assert!(short.len() <= SHORT, "{} characters: {short}", short.len());
    if let Some(remedy) = error.remedy() {
        assert!(long.contains(&remedy), "{long}");
        assert!(!short.contains(&remedy), "{short}");
    }
    assert!(long.len() >= short.len());
    (short, long)
}

#[test]
fn a_polling_timeout_is_one_short_sentence_and_the_rest_is_in_the_alternate_form() {
    let error = wait_error(not_found);
    let (short, long) = check_forms(&error);
    assert_eq!(
        short,
        format!("no result at {OUTPUT} after 3 polls in 30 s")
    );
    assert!(long.contains("3 not found, 0 denied, 0 failed"), "{long}");
    assert!(
        long.contains("/aws/sagemaker/Endpoints/my-endpoint"),
        "{long}"
    );
    let denied = wait_error(denied);
    let (short, long) = check_forms(&denied);
    assert!(short.ends_with("(3 denied)"), "{short}");
    assert!(long.contains("grant s3:GetObject on"), "{long}");
}

#[test]
fn every_error_of_a_request_is_short_and_says_what_to_do_in_the_alternate_form() {
    let errors = [
        wait_error(|| s3_error(400, "InvalidRequest", "The request is not valid.")),
        wait_error(|| s3_error(404, "NoSuchBucket", "The specified bucket does not exist")),
        submit_error(|| {
            refused(
                400,
                "ValidationError",
                "Endpoint my-endpoint of account 1 not found.",
            )
        }),
        submit_error(|| refused(429, "ThrottlingException", "Rate exceeded")),
        submit_error(|| refused(500, "InternalFailure", "")),
        submit_error(|| Reply::new(502, "<html>Bad gateway</html>")),
        offline(&session_in(&unused_address(), ManualClock::new())),
    ];
    for error in errors {
        let (short, _) = check_forms(&error);
        assert!(!short.contains('\n'), "{short}");
    }
}

#[test]
fn retryable_is_what_may_succeed_later_without_running_twice() {
    let throttled = submit_error(|| refused(429, "ThrottlingException", "Rate exceeded"));
    assert!(throttled.is_retryable(), "{throttled:?}");
    let unknown = submit_error(|| refused(500, "InternalFailure", ""));
    assert!(matches!(unknown, Error::MaybeSubmitted(_)), "{unknown:?}");
    assert!(!unknown.is_retryable());
    let refusal = submit_error(|| refused(403, "AccessDeniedException", "no"));
    assert!(!refusal.is_retryable(), "{refusal:?}");
    let offline = offline(&session_in(&unused_address(), ManualClock::new()));
    assert!(offline.is_retryable(), "{offline:?}");
    assert!(wait_error(not_found).is_retryable());
    assert!(!wait_error(|| s3_error(404, "NoSuchBucket", "no")).is_retryable());
    let invalid = Error::from("my-bucket/key".parse::<S3Uri>().expect_err("no scheme"));
    assert!(!invalid.is_retryable());
    let unread = session_at(&unused_address());
    let unread = predictor(&unread).request_file("/nonexistent/input");
    assert!(!unread.expect_err("no file").is_retryable());
}

#[test]
fn what_the_caller_stopped_is_not_retryable() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let session = session_in(&server.url(), ManualClock::new());
    let response = AsyncInferenceResponse::new(&predictor(&session), uri(OUTPUT), None)
        .expect("valid locations");
    let token = CancelToken::new();
    token.cancel();
    let waiter = WaiterConfig::builder().cancel(token).build();
    let error = response.get_result::<Vec<u8>>(&waiter.expect("a waiter"));
    let error = error.expect_err("cancelled");
    check_forms(&error);
    assert!(!error.is_retryable());
    // A reader's caller would retry an interrupted read at once, for ever.
    assert_eq!(io::Error::from(error).kind(), ErrorKind::Other);
}

#[test]
fn credentials_are_retryable_if_what_they_come_from_is() {
    let server = Verifier::start(Rules::new(), |_| {
        Reply::new(
            503,
            "<ErrorResponse><Error><Code>ServiceUnavailable</Code></Error></ErrorResponse>",
        )
    });
    let sys = super::support::client::sys().with_clock(ManualClock::new());
    let elsewhere = builder().endpoint_url(server.url()).sys(sys.clone());
    let elsewhere = elsewhere.build().expect("a session");
    let role = sagemaker_async_inference::credentials::AssumeRoleProvider::new(
        elsewhere.provider_config(),
        "arn:aws:iam::123456789012:role/r",
        keys(ACCESS_KEY, SECRET_KEY, None),
    )
    .expect("a role");
    let session = builder()
        .credentials(role)
        .endpoint_url(server.url())
        .sys(sys);
    let error = offline(&session.build().expect("a session"));
    assert!(matches!(error, Error::Credentials(_)), "{error:?}");
    assert!(error.is_retryable(), "{error:?}");
    assert!(error.remedy().is_some(), "{error:?}");
}

#[test]
fn becomes_an_io_error_of_the_nearest_kind() {
    let kind = |error: Error| io::Error::from(error).kind();
    assert_eq!(kind(wait_error(not_found)), ErrorKind::TimedOut);
    let gone = wait_error(|| s3_error(404, "NoSuchBucket", "no"));
    assert_eq!(kind(gone), ErrorKind::NotFound);
    let forbidden = submit_error(|| refused(403, "AccessDeniedException", "no"));
    assert_eq!(kind(forbidden), ErrorKind::PermissionDenied);
    let throttled = submit_error(|| refused(429, "ThrottlingException", "Rate exceeded"));
    assert_eq!(kind(throttled), ErrorKind::ResourceBusy);
    let offline = offline(&session_in(&unused_address(), ManualClock::new()));
    assert_eq!(kind(offline), ErrorKind::NotConnected);
    let predictor = predictor(&session_at(&unused_address()));
    let unread = predictor.request_file("/nonexistent/input");
    assert_eq!(kind(unread.expect_err("no file")), ErrorKind::NotFound);
    let invalid = "my-bucket/key".parse::<S3Uri>().expect_err("no scheme");
    assert_eq!(kind(invalid.into()), ErrorKind::InvalidInput);
}

#[test]
fn an_io_error_has_the_whole_error_inside() {
    fn read() -> io::Result<Vec<u8>> {
        Err(wait_error(not_found))?
    }
    let error = read().expect_err("no result");
    let inner = error.into_inner().expect("the error");
    let inner = inner.downcast::<Error>().expect("the crate's error");
    assert!(matches!(*inner, Error::PollingTimeout(_)));
    assert!(inner.handle().is_some());
}

/// Every problem with a file is a [`TransferError`] with the operating system's error underneath.
fn check_file_error(error: &Error, expected: TransferErrorKind, path: &str) {
    let Error::Transfer(transfer) = error else {
        panic!("{error:?}");
    };
    assert_eq!(transfer.kind(), expected);
    assert!(transfer.resource().contains(path), "{error}");
    let source = transfer.source().expect("a source");
    let io = source.downcast_ref::<io::Error>().expect("an io::Error");
    // The text of the source is not repeated.
    assert!(!error.to_string().contains(&io.to_string()), "{error}");
}

#[test]
fn every_problem_with_a_file_is_of_one_type_with_its_source() {
    let path = "/nonexistent/file";
    let (read, write) = (TransferErrorKind::Read, TransferErrorKind::Write);
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "result"));
    let session = session_in(&server.url(), ManualClock::new());
    let predictor = predictor(&session);
    let response =
        AsyncInferenceResponse::new(&predictor, uri(OUTPUT), None).expect("valid locations");

    let input = predictor.request_file(path).expect_err("no input");
    check_file_error(&input, read, path);
    let stored = response.download(path, &WaiterConfig::default());
    check_file_error(&stored.expect_err("no folder"), write, path);
    let saved = InferenceHandle::save_all([&response.handle()], path);
    check_file_error(&saved.expect_err("no folder"), write, path);
    let loaded = InferenceHandle::load_all(path);
    check_file_error(&loaded.expect_err("no file"), read, path);
    let journal = submit_all::<[_; 0], Json>([]).journal(path);
    check_file_error(&journal.expect_err("no folder"), read, path);
}

#[test]
fn a_model_s_failure_that_cannot_be_saved_is_of_that_type_too() {
    let error = wait_error_of_failure();
    let Error::Model(failure) = &error else {
        panic!("{error:?}");
    };
    let (short, long) = check_forms(&error);
    assert!(!short.contains("secret") && !long.contains("secret"));
    let unsaved = failure.save("/nonexistent/file").expect_err("no folder");
    check_file_error(&unsaved, TransferErrorKind::Write, "/nonexistent/file");
}

fn wait_error_of_failure() -> Error {
    let server = Verifier::start(Rules::new(), |seen| {
        if seen.path.contains("failures") {
            Reply::new(200, "the secret input was bad")
        } else {
            not_found()
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let failure = Some(uri("s3://my-bucket/failures/1.error"));
    let response = AsyncInferenceResponse::new(&predictor(&session), uri(OUTPUT), failure)
        .expect("valid locations");
    let outcome = response.get_result::<Vec<u8>>(&WaiterConfig::default());
    outcome.expect_err("a failure")
}

#[test]
fn a_journal_that_another_run_holds_is_locked_and_may_be_free_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    let held = submit_all::<[_; 0], Json>([]).journal(&path);
    let held = held.expect("a journal");
    if !held.journal_is_locked() {
        return;
    }
    let refused = submit_all::<[_; 0], Json>([]).journal(&path);
    let error = refused.expect_err("a second run");
    check_file_error(&error, TransferErrorKind::Locked, "journal");
    assert!(error.is_retryable());
    assert_eq!(io::Error::from(error).kind(), ErrorKind::ResourceBusy);
}

#[test]
fn a_line_that_is_no_handle_is_invalid_input_with_its_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("handles");
    std::fs::write(&path, "\n\nnot a handle\n").expect("a file");
    let error = InferenceHandle::load_all(&path).expect_err("no handle");
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    assert!(error.to_string().contains("line 3 of "), "{error}");
}

#[test]
fn the_alternate_form_of_a_lost_response_names_where_to_search() {
    let timeout = Verifier::start(Rules::new(), |seen| {
        assert!(is_submit(seen));
        Reply::new(504, "")
    });
    let error = offline(&session_in(&timeout.url(), ManualClock::new()));
    assert!(matches!(error, Error::MaybeSubmitted(_)), "{error:?}");
    let (_, long) = check_forms(&error);
    assert!(long.contains("before submitting it again"), "{long}");
}
