//! Submits: what a response reports, what is retried, and what is never sent twice.

use crate::support;
use crate::support::service_code;

use std::time::Duration;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use support::{
    client::{
        accepted, builder, is_submit, predictor, refused, s3_error, session_at, session_in, sys,
        uri,
    },
    raw,
    verifier::{Reply, Rules, Seen, Verifier},
};

#[test]
fn reports_the_services_inference_id_or_else_the_callers() {
    let server = Verifier::with_replies(
        Rules::new(),
        [
            accepted("s3://my-bucket/out"),
            Reply::new(202, "").header("X-Amzn-SageMaker-OutputLocation", "s3://my-bucket/out"),
        ],
    );
    let predictor = predictor(&session_at(&server.url()));
    let submit = || {
        let request = predictor.request("x").inference_id("mine");
        request.submit().expect("a submit")
    };
    assert_eq!(submit().inference_id(), Some("from-the-service"));
    assert_eq!(submit().inference_id(), Some("mine"));
}

#[test]
fn an_absent_or_empty_failure_location_is_none() {
    let server = Verifier::with_replies(
        Rules::new(),
        [
            accepted("s3://my-bucket/out"),
            accepted("s3://my-bucket/out").header("X-Amzn-SageMaker-FailureLocation", ""),
            accepted("s3://my-bucket/out")
                .header("X-Amzn-SageMaker-FailureLocation", "s3://my-bucket/failure"),
        ],
    );
    let predictor = predictor(&session_at(&server.url()));
    let mut locations = Vec::new();
    for _ in 0..3 {
        let response = predictor.predict_async("x").expect("a submit");
        locations.push(response.failure_path().map(ToString::to_string));
    }
    assert_eq!(
        locations,
        [None, None, Some("s3://my-bucket/failure".to_owned())]
    );
}

#[test]
fn a_refused_connection_is_retried_and_then_reported_as_never_sent() {
    let clock = ManualClock::new();
    let session = session_in(&raw::unused_address(), clock.clone());
    match predictor(&session).predict_async("x").map(drop) {
        Err(Error::Transport(error)) => {
            assert_eq!(error.kind(), TransportErrorKind::Connect);
            assert!(error.never_sent());
            assert_eq!(error.attempts(), 3);
            assert_eq!(error.elapsed(), clock.slept());
            assert!(clock.slept() <= Duration::from_secs(3), "1 s and 2 s");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn throttling_and_unavailability_are_tried_again() {
    for refusal in [
        refused(503, "ServiceUnavailable", "later"),
        refused(429, "ModelNotReadyException", "later"),
        refused(400, "ThrottlingException", "Rate exceeded"),
        Reply::new(503, "<html>a proxy's page</html>"),
    ] {
        let replies = [
            refusal.clone(),
            refusal.clone(),
            accepted("s3://my-bucket/out"),
        ];
        let server = Verifier::with_replies(Rules::new(), replies);
        let clock = ManualClock::new();
        let _ = predictor(&session_in(&server.url(), clock.clone()))
            .predict_async("x")
            .expect("a submit at last");
        let seen = server.seen();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|seen| seen.verified.is_ok()));
        assert!(!clock.slept().is_zero());
        let id = |seen: &Seen| {
            seen.header("x-amzn-sagemaker-inference-id")
                .map(str::to_owned)
        };
        assert_eq!(id(&seen[0]), id(&seen[2]));
    }
}

#[test]
fn endless_throttling_is_an_error_with_the_number_of_attempts() {
    let server = Verifier::start(Rules::new(), |_| {
        refused(400, "ThrottlingException", "Rate exceeded")
    });
    let session = builder()
        .endpoint_url(server.url())
        .retry(
            RetryConfig::default()
                .with_max_attempts(4)
                .expect("a number"),
        )
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session");
    match predictor(&session).predict_async("x").map(drop) {
        Err(Error::Service(fault)) => {
            assert_eq!(fault.code(), Some("ThrottlingException"));
            assert_eq!(fault.attempts(), 4);
            assert!(format!("{fault:#}").contains("4 attempts"), "{fault}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn retry_after_takes_precedence() {
    let replies = [
        refused(503, "ServiceUnavailable", "later").header("retry-after", "7"),
        refused(503, "ServiceUnavailable", "later").header("x-amz-retry-after", "1500"),
        accepted("s3://my-bucket/out"),
    ];
    let server = Verifier::with_replies(Rules::new(), replies);
    let clock = ManualClock::new();
    let _ = predictor(&session_in(&server.url(), clock.clone()))
        .predict_async("x")
        .expect("a submit at last");
    assert_eq!(clock.slept(), Duration::from_millis(8500));
}

/// By the server's own time, whatever this machine's is; and in fractions, as some gateways write it.
#[test]
fn retry_after_may_be_a_date_or_have_a_fraction() {
    let later = |value: &str| {
        refused(503, "ServiceUnavailable", "later")
            .header("date", "Sun, 29 Nov 2026 08:49:37 GMT")
            .header("retry-after", value)
    };
    for (value, pause) in [
        ("Sun, 29 Nov 2026 08:49:42 GMT", Some(5_000)),
        ("Sunday, 29-Nov-26 08:49:42 GMT", Some(5_000)),
        ("2.5", Some(2_500)),
        // In the past: at once.
        ("Sun, 29 Nov 2026 08:00:00 GMT", Some(0)),
        // No more than the longest pause of the configuration.
        ("Mon, 30 Nov 2026 08:49:37 GMT", Some(20_000)),
        ("1e300", Some(20_000)),
        ("-5", None),
        ("NaN", None),
        ("soon", None),
    ] {
        let replies = [later(value), accepted("s3://my-bucket/out")];
        let server = Verifier::with_replies(Rules::new(), replies);
        let clock = ManualClock::new();
        let _ = predictor(&session_in(&server.url(), clock.clone()))
            .predict_async("x")
            .expect("a submit at last");
        match pause {
            Some(pause) => assert_eq!(clock.slept(), Duration::from_millis(pause), "{value}"),
            // The usual random pause.
            None => assert!(clock.slept() <= Duration::from_secs(1), "{value}"),
        }
    }
}

/// One request, and an error with which the user can search for it.
fn assert_maybe_submitted(server: &Verifier) -> Error {
    let session = session_in(&server.url(), ManualClock::new());
    let request = predictor(&session).request("x").inference_id("job-7");
    let error = request.submit().map(drop).expect_err("no response");
    match &error {
        Error::MaybeSubmitted(maybe) => {
            assert_eq!(maybe.inference_id(), "job-7");
            assert_eq!(maybe.endpoint_name(), "my-endpoint");
            assert_eq!(maybe.input_location(), None);
            assert!(
                format!("{error:#}")
                    .contains("job-7 on endpoint my-endpoint may have been submitted"),
                "{error}"
            );
            assert!(
                format!("{error:#}").contains("/aws/sagemaker/Endpoints/my-endpoint"),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.seen().len(), 1);
    error
}

#[test]
fn a_5xx_that_leaves_open_what_happened_is_never_sent_again() {
    for (status, code) in [
        (500, "InternalFailure"),
        (530, "InternalDependencyException"),
        (502, "BadGateway"),
        (504, "GatewayTimeout"),
        // Of a proxy that got no response from the service in time.
        (408, "RequestTimeout"),
    ] {
        let server = Verifier::start(Rules::new(), move |_| refused(status, code, "no idea"));
        let Error::MaybeSubmitted(maybe) = assert_maybe_submitted(&server) else {
            unreachable!()
        };
        match maybe.cause() {
            Error::Service(fault) => {
                assert_eq!((fault.status(), fault.code()), (status, Some(code)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_hang_up_is_never_sent_again() {
    let server = Verifier::start(Rules::new(), |_| Reply::hang_up());
    let Error::MaybeSubmitted(maybe) = assert_maybe_submitted(&server) else {
        unreachable!()
    };
    match maybe.cause() {
        Error::Transport(error) => {
            assert_eq!(error.kind(), TransportErrorKind::ConnectionLost);
            assert!(!error.never_sent());
            assert_eq!(error.attempts(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hang_up_on_a_kept_connection_is_never_sent_again_either() {
    let replies = [accepted("s3://my-bucket/out"), Reply::hang_up()];
    let server = Verifier::with_replies(Rules::new(), replies);
    let predictor = predictor(&session_in(&server.url(), ManualClock::new()));
    let _ = predictor.predict_async("x").expect("a submit");
    let error = predictor.predict_async("x").map(drop);
    assert!(matches!(error, Err(Error::MaybeSubmitted(_))), "{error:?}");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_kept_connection_that_the_server_has_closed_is_not_used() {
    // It never announces that it closes, and does so after every response.
    let server = raw::Raw::start(|mut stream| {
        use std::io::{Read, Write};
        let head = raw::read_head(&stream)?;
        assert!(head.contains("content-length: 0"), "{head}");
        stream.set_nonblocking(true)?;
        let _ = stream.read(&mut [0; 64]);
        stream.set_nonblocking(false)?;
        stream.write_all(
            b"HTTP/1.1 202 Accepted\r\nx-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\
              content-length: 0\r\n\r\n",
        )
    });
    let predictor = predictor(&session_in(&server.url(), ManualClock::new()));
    for number in 1..=3 {
        let _ = predictor
            .request_at(uri("s3://my-bucket/in"))
            .submit()
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(server.connections(), number);
        // Until the end of the connection has come over the loopback.
        SystemClock.sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_submit_with_a_response_that_is_not_http_may_have_been_submitted() {
    let server = raw::Raw::start(|stream| {
        use std::io::Write;
        raw::read_head(&stream)?;
        (&stream).write_all(b"220 mail.example ESMTP\r\n\r\n")
    });
    let session = session_in(&server.url(), ManualClock::new());
    let error = predictor(&session).predict_async("x").map(drop);
    assert!(matches!(error, Err(Error::MaybeSubmitted(_))), "{error:?}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_accepted_submit_without_a_usable_output_location_says_what_is_wrong() {
    for (reply, problem) in [
        (Reply::new(202, "{}"), "OutputLocation"),
        (accepted(&"x".repeat(5000)), "OutputLocation is too long"),
        (
            Reply::new(200, "<html>a proxy's page</html>"),
            "OutputLocation",
        ),
    ] {
        let server = Verifier::start(Rules::new(), move |_| reply.clone());
        let error = assert_maybe_submitted(&server);
        let mut chain = String::new();
        let mut next: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = next {
            chain.push_str(&error.to_string());
            next = error.source();
        }
        assert!(chain.contains(problem), "{chain}");
    }
}

#[test]
fn a_lost_response_names_the_uploaded_input() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            Reply::hang_up()
        } else {
            Reply::new(200, "")
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let request = predictor(&session).request("x");
    match request
        .upload_to(uri("s3://my-bucket/k"))
        .submit()
        .map(drop)
    {
        Err(Error::MaybeSubmitted(maybe)) => {
            assert_eq!(maybe.input_location(), Some("s3://my-bucket/k"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_service_error_has_code_message_and_request_id() {
    for (status, code) in [
        (400, "ValidationError"),
        (424, "ModelError"),
        (403, "AccessDeniedException"),
    ] {
        let server = Verifier::start(Rules::new(), move |_| {
            refused(status, code, "Endpoint my-endpoint of account 1 not found.")
        });
        match predictor(&session_at(&server.url()))
            .predict_async("x")
            .map(drop)
        {
            Err(Error::Service(fault)) => {
                assert_eq!((fault.status(), fault.code()), (status, Some(code)));
                assert_eq!(
                    fault.message(),
                    Some("Endpoint my-endpoint of account 1 not found.")
                );
                assert_eq!(fault.request_id(), Some("d1e5b0b4-request"));
                assert_eq!(fault.operation(), "InvokeEndpointAsync");
                assert_eq!(fault.service(), "sagemaker-runtime");
                assert!(fault.remedy().is_some());
                let text = format!("{fault:#}");
                for part in ["my-endpoint", code, "d1e5b0b4-request"] {
                    assert!(text.contains(part), "{text}");
                }
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn the_errors_code_is_found_wherever_a_service_puts_it() {
    for reply in [
        Reply::new(400, "{}").header("x-amzn-errortype", "ValidationError:http://internal/"),
        Reply::new(
            400,
            r#"{"__type": "com.amazon.coral#ValidationError", "message": "m"}"#,
        ),
        Reply::new(400, r#"{"code": "ValidationError"}"#),
    ] {
        let server = Verifier::start(Rules::new(), move |_| reply.clone());
        let error = predictor(&session_at(&server.url()))
            .predict_async("x")
            .map(drop);
        let error = error.expect_err("a refusal");
        assert!(service_code(&error) == Some("ValidationError"), "{error:?}");
    }
}

#[test]
fn an_upload_that_fails_on_the_way_is_tried_again_and_nothing_is_submitted() {
    // With 200 the failure came after S3 had begun to respond.
    for status in [500, 200] {
        let server = Verifier::start(Rules::new(), move |seen| {
            if is_submit(seen) {
                accepted("s3://my-bucket/out")
            } else {
                s3_error(status, "InternalError", "We encountered an internal error.")
            }
        });
        let session = session_in(&server.url(), ManualClock::new());
        let error = predictor(&session).request("x").via_s3().submit();
        let error = error.map(drop).expect_err("no upload");
        assert!(service_code(&error) == Some("InternalError"), "{error:?}");
        let seen = server.seen();
        assert_eq!(seen.len(), 3);
        assert!(!seen.iter().any(is_submit));
    }
}

#[test]
fn an_expired_token_is_renewed_once() {
    let server = Verifier::start(Rules::new(), |_| {
        refused(
            403,
            "ExpiredTokenException",
            "The security token is expired",
        )
    });
    let session = session_in(&server.url(), ManualClock::new());
    let error = predictor(&session).predict_async("x").map(drop);
    let error = error.expect_err("a refusal");
    assert!(
        service_code(&error) == Some("ExpiredTokenException"),
        "{error:?}"
    );
    assert!(format!("{error:#}").contains("obtain new credentials"));
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_failure_location_that_cannot_be_read_does_not_hide_the_output() {
    let server = Verifier::start(Rules::new(), |_| {
        accepted("s3://my-bucket/out").header("X-Amzn-SageMaker-FailureLocation", "nowhere")
    });
    let session = session_at(&server.url());
    let response = predictor(&session).predict_async("x").expect("submitted");
    assert_eq!(response.output_path(), &uri("s3://my-bucket/out"));
    assert_eq!(response.failure_path(), None);
}
