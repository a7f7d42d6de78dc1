//! Uploads and results against an S3 server that others wrote, which checks signatures and clocks.

use crate::support;
use crate::support::service_code;

use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::session::Service;
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use sagemaker_async_inference::{
    Accept, AsyncPredictor, Bytes, CodecError, Deserializer, Error, Session, WaiterConfig,
};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{accepted, builder, predictor, s3_error, session_at, session_in, sys, uri},
    s3::S3Server,
    verifier::{Reply, Rules, Verifier},
};

/// A runtime that returns the input's location as the output's: the way to a bucket's objects.
fn echo_runtime() -> Verifier {
    Verifier::start(Rules::new(), |seen| {
        accepted(
            seen.header("x-amzn-sagemaker-inputlocation")
                .unwrap_or("s3://my-bucket/inline"),
        )
    })
}

struct Setup {
    s3: S3Server,
    runtime: Verifier,
    session: Session,
}

fn setup() -> Setup {
    let s3 = S3Server::start(ACCESS_KEY, SECRET_KEY);
    s3.create_bucket("my-bucket");
    let runtime = echo_runtime();
    let session = builder()
        .endpoint_url(s3.url())
        .endpoint_url_for(Service::SageMakerRuntime, runtime.url())
        .build()
        .expect("a session");
    Setup {
        s3,
        runtime,
        session,
    }
}

/// Reads a result together with the content type that it is stored under.
#[derive(Debug, Clone)]
struct WithType;

impl Accept for WithType {
    fn accept(&self) -> &'static str {
        "*/*"
    }
}

impl Deserializer<(Vec<u8>, Option<String>)> for WithType {
    fn deserialize(
        &self,
        body: &[u8],
        content_type: Option<&str>,
    ) -> Result<(Vec<u8>, Option<String>), CodecError> {
        Ok((body.to_vec(), content_type.map(str::to_owned)))
    }
}

fn few_polls() -> WaiterConfig {
    WaiterConfig::new(2, Duration::from_millis(1)).expect("a wait")
}

/// Keys that a signer or an encoder can get wrong.
const ODD_KEYS: [&str; 18] = [
    "a b.json",
    "a+b",
    "a:b",
    "a~b",
    "100%",
    "a%20b",
    "a%2Fb",
    "\u{e9}t\u{e9}/\u{65e5}\u{672c}.json",
    "e\u{301}",
    "a&b=c",
    "what?",
    "a#b",
    "it's",
    "a\"b",
    "(a)*[b]!,;@$",
    "<a>|{b}^`\\",
    "\u{1f600}",
    "dir.with.dots/a..b",
];

#[test]
fn odd_keys_are_written_and_read_as_they_are() {
    let Setup {
        s3,
        runtime,
        session,
    } = setup();
    let predictor = predictor(&session);
    for key in ODD_KEYS {
        let place = uri(&format!("s3://my-bucket/{key}"));
        let response = predictor
            .request(key)
            .upload_to(place.clone())
            .submit()
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(response.input_location(), Some(&place));
        assert_eq!(response.output_path(), &place);
        #[allow(clippy::disallowed_methods)] // the server's directory, not the crate's
        let stored = std::fs::read(s3.dir().join("my-bucket").join(key));
        assert_eq!(stored.ok().as_deref(), Some(key.as_bytes()), "{key}");
        let result: Vec<u8> = response
            .get_result(&few_polls())
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(result, key.as_bytes());
    }
    assert!(runtime.seen().iter().all(|seen| seen.verified.is_ok()));
}

#[test]
fn keys_with_empty_segments_and_dots_are_signed_as_they_are() {
    // A directory cannot hold these, so the verifier takes the place of the S3 server.
    let keys = [
        ("a//b", "/my-bucket/a//b"),
        ("/a", "/my-bucket//a"),
        ("a/../b", "/my-bucket/a/../b"),
        ("./a", "/my-bucket/./a"),
        ("a/./b/..", "/my-bucket/a/./b/.."),
        ("//", "/my-bucket///"),
    ];
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "result"));
    let predictor = predictor(&session_at(&server.url()));
    for (key, path) in keys {
        let response =
            AsyncInferenceResponse::new(&predictor, uri(&format!("s3://my-bucket/{key}")), None)
                .expect("valid locations");
        let result: Vec<u8> = response
            .get_result(&few_polls())
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(result, b"result");
        let seen = server.seen();
        let last = seen.last().expect("a request");
        assert_eq!(last.path, path);
        assert_eq!(last.verified, Ok(()));
    }
}

#[test]
fn every_byte_that_is_not_unreserved_goes_percent_encoded() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "x"));
    let predictor = predictor(&session_at(&server.url()));
    let key = "AZaz09-._~/ +:%20&?=#'\"\u{e9}!*()$,;@";
    let response =
        AsyncInferenceResponse::new(&predictor, uri(&format!("s3://my-bucket/{key}")), None)
            .expect("valid locations");
    response
        .get_result::<Vec<u8>>(&few_polls())
        .expect("a result");
    assert_eq!(
        server.seen()[0].path,
        "/my-bucket/AZaz09-._~/%20%2B%3A%2520%26%3F%3D%23%27%22%C3%A9%21%2A%28%29%24%2C%3B%40"
    );
}

#[test]
fn bodies_of_no_bytes_one_byte_and_300_kb_arrive_whole() {
    let setup = setup();
    let predictor = predictor(&setup.session);
    let long: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for body in [&[][..], b"1", &long] {
        let response = predictor.request(body).via_s3().submit().expect("a submit");
        let result: Vec<u8> = response.get_result(&few_polls()).expect("a result");
        assert!(result == body, "{} bytes of {}", result.len(), body.len());
    }
    let submits = setup.runtime.seen();
    assert!(submits.iter().all(|seen| seen.body.is_empty()));
}

#[test]
fn the_content_type_is_kept_on_the_object() {
    let setup = setup();
    for content_type in ["application/x-npy", "text/csv; header=present"] {
        let predictor = AsyncPredictor::new("my-endpoint", &setup.session)
            .with_serializer(Bytes::new().with_content_type(content_type))
            .with_deserializer(WithType);
        let response = predictor
            .request("1,2")
            .via_s3()
            .submit()
            .expect("a submit");
        let (body, kept): (Vec<u8>, Option<String>) =
            response.get_result(&few_polls()).expect("a result");
        assert_eq!(body, b"1,2");
        assert_eq!(kept.as_deref(), Some(content_type));
    }
}

#[test]
fn an_output_that_another_program_stored_is_read() {
    let setup = setup();
    std::fs::write(setup.s3.dir().join("my-bucket/out.json"), b"[1, 2]").expect("an object");
    let predictor = AsyncPredictor::new("my-endpoint", &setup.session);
    let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out.json"), None)
        .expect("valid locations");
    let result: Vec<i32> = response.get_result(&few_polls()).expect("a result");
    assert_eq!(result, [1, 2]);
}

#[test]
fn a_missing_output_is_not_there_yet() {
    let setup = setup();
    let predictor = predictor(&setup.session);
    let pending = AsyncInferenceResponse::new(
        &predictor,
        uri("s3://my-bucket/missing"),
        Some(uri("s3://my-bucket/missing-failure")),
    )
    .expect("valid locations");
    assert!(matches!(pending.try_get_result::<Vec<u8>>(), Ok(None)));
}

#[test]
fn a_missing_bucket_is_an_error_and_no_wait() {
    // `s3s-fs` says `NoSuchKey` where S3 says this.
    let server = Verifier::start(Rules::new(), |_| {
        s3_error(404, "NoSuchBucket", "The specified bucket does not exist")
    });
    let predictor = predictor(&session_at(&server.url()));
    let lost = AsyncInferenceResponse::new(&predictor, uri("s3://no-such-bucket/missing"), None)
        .expect("valid locations");
    match lost.get_result::<Vec<u8>>(&few_polls()) {
        Err(Error::Service(fault)) => {
            assert_eq!(fault.code(), Some("NoSuchBucket"), "{fault}");
            assert_eq!(fault.operation(), "GetObject");
            assert!(format!("{fault:#}").contains("no-such-bucket"), "{fault}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_secret_is_named_and_nothing_is_tried_again() {
    let server = S3Server::start(ACCESS_KEY, SECRET_KEY);
    server.create_bucket("my-bucket");
    let wrong = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX";
    let session = builder()
        .credentials(support::client::keys(ACCESS_KEY, wrong, None))
        .endpoint_url(server.url())
        .build()
        .expect("a session");
    let error = predictor(&session)
        .request("x")
        .via_s3()
        .submit()
        .expect_err("a refusal");
    assert!(
        service_code(&error) == Some("SignatureDoesNotMatch"),
        "{error}"
    );
    let Error::Service(fault) = &error else {
        panic!("{error:?}")
    };
    assert_eq!((fault.status(), fault.attempts()), (403, 1));
    assert!(format!("{error:#}").contains("check the secret access key"));
    assert!(!format!("{error:#}").contains(wrong));

    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations");
    let error = response
        .get_result::<Vec<u8>>(&WaiterConfig::default())
        .expect_err("a refusal, at once");
    assert!(
        service_code(&error) == Some("SignatureDoesNotMatch"),
        "{error}"
    );
}

#[test]
fn an_unknown_access_key_is_named() {
    let server = S3Server::start(ACCESS_KEY, SECRET_KEY);
    server.create_bucket("my-bucket");
    let session = builder()
        .credentials(support::client::keys("AKIDUNKNOWN", SECRET_KEY, None))
        .endpoint_url(server.url())
        .build()
        .expect("a session");
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations");
    match response.get_result::<Vec<u8>>(&WaiterConfig::default()) {
        Err(Error::Service(fault)) => {
            assert_eq!(fault.status(), 403);
            // This server says `NotSignedUp` or `InvalidAccessKeyId`, by version.
            assert!(fault.code().is_some_and(|code| code != "AccessDenied"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clock_that_is_an_hour_off_is_corrected_by_the_response_date() {
    const HOUR: Duration = Duration::from_hours(1);
    let server = S3Server::start(ACCESS_KEY, SECRET_KEY);
    server.create_bucket("my-bucket");
    let runtime = echo_runtime();
    for start in [SystemClock.now() - HOUR, SystemClock.now() + HOUR] {
        let session = builder()
            .endpoint_url(server.url())
            .endpoint_url_for(Service::SageMakerRuntime, runtime.url())
            .sys(sys().with_clock(ManualClock::starting_at(start)))
            .build()
            .expect("a session");
        let response = predictor(&session)
            .request("late")
            .via_s3()
            .submit()
            .expect("a submit: S3 reported the time");
        let result: Vec<u8> = response.get_result(&few_polls()).expect("a result");
        assert_eq!(result, b"late");
    }
    // What S3 reported holds for the runtime too: it saw no request with the wrong time.
    assert!(runtime.seen().iter().all(|seen| seen.verified.is_ok()));
    assert_eq!(runtime.seen().len(), 2);
}

#[test]
fn a_refused_time_without_the_services_time_is_reported_without_advice() {
    for date in [None, Some("yesterday, about noon")] {
        let server = Verifier::start(Rules::new(), move |_| {
            let reply = s3_error(403, "RequestTimeTooSkewed", "The difference is large.");
            match date {
                Some(date) => reply.header("date", date),
                None => reply,
            }
        });
        let session = session_in(&server.url(), ManualClock::new());
        let response =
            AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
                .expect("valid locations");
        let error = response
            .get_result::<Vec<u8>>(&WaiterConfig::default())
            .expect_err("a refusal");
        assert!(
            service_code(&error) == Some("RequestTimeTooSkewed"),
            "{error:?}"
        );
        // Nothing shows that it is this machine's clock.
        assert!(!format!("{error:#}").contains("set this machine's clock"));
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn a_clock_is_learned_once_and_not_in_a_circle() {
    // A server that refuses whatever the time, with a date far away.
    let server = Verifier::start(
        Rules {
            now: None,
            ..Rules::new()
        },
        |_| {
            s3_error(403, "RequestTimeTooSkewed", "no")
                .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        },
    );
    let session = session_in(&server.url(), ManualClock::new());
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
            .expect("valid locations");
    let error = response.try_get_result::<Vec<u8>>();
    assert!(matches!(error, Err(Error::Service(_))), "{error:?}");
    assert_eq!(server.seen().len(), 2);
}
