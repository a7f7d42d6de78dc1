//! What is retried, how often, for how long, and what the error reports about it.

use crate::support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::credentials::{
    Credentials, ProvideCredentials, WebIdentityProvider,
};
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Sys};
use sagemaker_async_inference::{AsyncInferenceResponse, Bytes, CredentialsError, Error, Session};
use support::client::{
    accepted, builder, is_submit, keys, predictor, refused, s3_error, session_in, sys, uri,
};
use support::raw::{self, Raw};
use support::verifier::{Reply, Rules, Verifier};
use support::wait::{response, timed_out, waiter};
use support::{ACCESS_KEY, SECRET_KEY};

type Submitted = Result<AsyncInferenceResponse<Bytes>, Error>;

fn attempts(attempts: u32) -> RetryConfig {
    RetryConfig::default()
        .with_max_attempts(attempts)
        .expect("a number")
}

fn busy() -> Verifier {
    Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            refused(503, "ServiceUnavailable", "later")
        } else {
            s3_error(503, "SlowDown", "Please reduce your request rate.")
        }
    })
}

#[test]
fn a_submit_has_attempts_of_its_own() {
    let server = busy();
    let session = session_in(&server.url(), ManualClock::new());
    let predictor = predictor(&session);
    for (retry, expected) in [(RetryConfig::off(), 1), (attempts(5), 5)] {
        let before = server.seen().len();
        match predictor.request("x").retry(retry).submit() {
            Err(Error::Service(fault)) => {
                assert_eq!(fault.attempts(), expected);
                assert!(fault.is_throttling());
                assert!(
                    format!("{fault:#}").contains("the service's limit"),
                    "{fault}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.seen().len() - before, expected as usize);
    }
    // The upload before it, too.
    let before = server.seen().len();
    let request = predictor.request("x").via_s3().retry(RetryConfig::off());
    assert!(request.submit().is_err());
    assert_eq!(server.seen().len() - before, 1);
}

#[test]
fn a_wait_and_a_session_have_attempts_of_their_own() {
    let server = busy();
    let session = session_in(&server.url(), ManualClock::new());
    let hasty = waiter(|w| w.max_attempts(4).retry(RetryConfig::off()));
    assert_eq!(
        timed_out(response(&session).get_result(&hasty))
            .observed()
            .failed,
        4
    );
    assert_eq!(server.seen().len(), 4);

    let patient = session.with_retry(attempts(7));
    let outcome = response(&patient).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(fault)) if fault.attempts() == 7));
    let outcome = response(&session).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(fault)) if fault.attempts() == 3));
}

#[test]
fn the_quota_is_shared_by_all_that_a_session_makes() {
    let server = busy();
    let session = session_in(&server.url(), ManualClock::new());
    // With short pauses, for signatures to stay young.
    let patient = attempts(100).with_max_backoff(Duration::from_millis(1));
    let patient = session.with_retry(patient);
    // 500 tokens, 5 a retry: one request takes 99 retries, the next finds the rest.
    let outcome = response(&patient).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(fault)) if fault.attempts() == 100));
    let outcome = response(&session).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(fault)) if fault.attempts() == 2));
    let outcome = response(&patient).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(fault)) if fault.attempts() == 1));
}

#[test]
fn no_pause_goes_beyond_the_callers_deadline() {
    // The service asks for 30 s, and there are 20.
    let server = Verifier::start(Rules::new(), |_| {
        refused(503, "ServiceUnavailable", "later").header("retry-after", "30")
    });
    let clock = ManualClock::new();
    let session = session_in(&server.url(), clock.clone())
        .with_retry(attempts(10).with_max_backoff(Duration::from_mins(1)));
    let request = predictor(&session)
        .request("x")
        .submit_deadline(Duration::from_secs(20));
    match request.submit() {
        Err(Error::Service(fault)) => assert_eq!(fault.attempts(), 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(clock.slept(), Duration::ZERO);

    let wait = waiter(|w| w.deadline(Duration::from_secs(100)));
    timed_out(response(&session).get_result(&wait));
    assert!(
        clock.slept() <= Duration::from_secs(100),
        "{:?}",
        clock.slept()
    );
}

#[test]
fn a_submit_ends_by_its_deadline_without_a_response() {
    let server = Raw::start(|mut stream| {
        raw::read_request(&mut stream)?;
        std::io::Read::read(&mut stream, &mut [0]).map(drop)
    });
    let session = builder()
        .endpoint_url(server.url())
        .build()
        .expect("a session");
    let submit: Submitted = predictor(&session)
        .request("x")
        .allow_duplicates()
        .submit_deadline(Duration::from_millis(300))
        .submit();
    match submit {
        Err(Error::MaybeSubmitted(maybe)) => match maybe.cause() {
            Error::Transport(error) => {
                assert_eq!(error.kind(), TransportErrorKind::Timeout);
                assert!(error.elapsed() < Duration::from_secs(5), "{error}");
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Takes longer than there is time.
#[derive(Debug)]
struct Slow(ManualClock);

impl ProvideCredentials for Slow {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        self.0.advance(Duration::from_mins(5));
        Ok(keys(ACCESS_KEY, SECRET_KEY, None))
    }
}

#[test]
fn nothing_is_sent_once_credentials_have_taken_all_the_time() {
    let server = support::client::accepting();
    let clock = ManualClock::new();
    let session = builder()
        .endpoint_url(server.url())
        .credentials(Slow(clock.clone()))
        .sys(sys().with_clock(clock))
        .build()
        .expect("a session");
    let request = predictor(&session)
        .request("x")
        .submit_deadline(Duration::from_secs(20));
    match request.submit() {
        Err(Error::Transport(error)) => assert!(error.never_sent(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_service_has_codes_of_its_own() {
    for (code, tries) in [
        ("BadDigest", 3),
        ("IDPCommunicationError", 1),
        ("InvalidRequest", 1),
    ] {
        let server = Verifier::start(Rules::new(), move |_| s3_error(400, code, "?"));
        let session = session_in(&server.url(), ManualClock::new());
        assert!(response(&session).try_get_result::<Vec<u8>>().is_err());
        assert_eq!(server.seen().len(), tries, "{code}");
    }
    for (code, tries) in [
        ("BadDigest", 1),
        ("IDPCommunicationError", 3),
        ("InvalidIdentityToken", 3),
    ] {
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(
                400,
                format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"),
            )
        });
        let sys = Sys::real()
            .with_clock(ManualClock::new())
            .with_environment(Environment::from_pairs([
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", &server.url()),
                ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/invoker"),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ]))
            .with_files(Files::from_pairs([("/token", "a-token")]));
        assert!(
            WebIdentityProvider::new(&sys)
                .provide_credentials()
                .is_err()
        );
        assert_eq!(server.seen().len(), tries, "{code}");
    }
}

#[test]
fn a_submit_that_allows_duplicates_returns_the_response_that_came() {
    let lost = [
        Reply::hang_up(),
        refused(500, "InternalFailure", "no idea"),
        accepted("s3://my-bucket/out"),
    ];
    let server = Verifier::with_replies(Rules::new(), lost);
    let session = session_in(&server.url(), ManualClock::new());
    let request = predictor(&session).request("x").inference_id("job-7");
    let response = request
        .allow_duplicates()
        .submit()
        .expect("a reply at last");
    assert_eq!(response.output_path(), &uri("s3://my-bucket/out"));
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for seen in seen {
        assert_eq!(seen.header("x-amzn-sagemaker-inference-id"), Some("job-7"));
        assert_eq!(seen.verified, Ok(()));
    }
}

#[test]
fn a_refusal_after_a_lost_response_is_still_maybe_submitted() {
    let refusals = [
        refused(400, "ValidationError", "Endpoint my-endpoint not found."),
        refused(429, "ModelNotReadyException", "later"),
        refused(403, "AccessDeniedException", "no"),
    ];
    for refusal in refusals {
        let lost = AtomicUsize::new(0);
        let server = Verifier::start(Rules::new(), move |_| {
            match lost.fetch_add(1, Ordering::SeqCst) {
                0 => Reply::hang_up(),
                _ => refusal.clone(),
            }
        });
        let session = session_in(&server.url(), ManualClock::new());
        match predictor(&session).request("x").allow_duplicates().submit() {
            Err(Error::MaybeSubmitted(maybe)) => {
                assert!(matches!(maybe.cause(), Error::Service(_)), "{maybe:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    // Refused alone, it did not happen.
    let server = busy();
    let session = session_in(&server.url(), ManualClock::new());
    let submit = predictor(&session).request("x").allow_duplicates().submit();
    assert!(matches!(submit, Err(Error::Service(_))), "{submit:?}");
}

/// Has credentials once.
#[derive(Debug)]
struct Once(Mutex<bool>);

impl ProvideCredentials for Once {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut given = self.0.lock().expect("a flag");
        if std::mem::replace(&mut given, true) {
            return Err(CredentialsError::failed("test", "no more"));
        }
        Ok(keys(ACCESS_KEY, SECRET_KEY, None))
    }
}

#[test]
fn missing_credentials_after_a_lost_response_are_still_maybe_submitted() {
    let server = Verifier::start(Rules::new(), |_| Reply::hang_up());
    let session = builder()
        .endpoint_url(server.url())
        .uncached_credentials(Once(Mutex::new(false)))
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session");
    match predictor(&session).request("x").allow_duplicates().submit() {
        Err(Error::MaybeSubmitted(maybe)) => match maybe.cause() {
            Error::Transport(error) => {
                assert_eq!(error.attempts(), 1);
                assert!(!error.never_sent());
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// A server that ends the first `cut` connections during the TLS handshake.
#[test]
fn a_handshake_that_breaks_is_tried_again_for_a_submit_too() {
    use std::io::{Read, Write};
    let authority = support::tls::Authority::new();
    let config = authority.server(&["127.0.0.1"]);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let server = Raw::start(move |mut stream| {
        if counted.fetch_add(1, Ordering::SeqCst) < 2 {
            stream.read_exact(&mut [0; 16])?;
            return Ok(());
        }
        let mut stream = support::tls::accept(&config, stream)?;
        raw::read_request(&mut stream)?;
        stream.write_all(
            b"HTTP/1.1 202 Accepted\r\nx-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\
              content-length: 0\r\nconnection: close\r\n\r\n",
        )?;
        support::tls::close(stream)
    });
    let session = Session::builder()
        .region("us-east-1")
        .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
        .endpoint_url(server.url().replace("http:", "https:"))
        .ca_bundle_pem(authority.root())
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session");
    let _ = predictor(&session).predict_async("x").expect("a submit");
    assert_eq!(count.load(Ordering::SeqCst), 3);
}
