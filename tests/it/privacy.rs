//! No secret, token, payload or custom attribute is in any `Debug` or `Display`, however deep.

use crate::support;

use std::error::Error as StdError;
use std::fmt::Debug;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::support::service_code;
use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::credentials::{EnvironmentProvider, ProvideCredentials};
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::sys::{Environment, ManualClock};
use sagemaker_async_inference::{
    AsyncPredictor, Bytes, CancelToken, Error, Json, Session, WaiterConfig,
};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{accepted, builder, denied, keys, not_found, sys, uri},
    raw,
    verifier::{Reply, Rules, Verifier},
};

const TOKEN: &str = "token-for-nobodys-eyes";
const PAYLOAD: &str = "payload-for-nobodys-eyes";
const ATTRIBUTES: &str = "attributes-for-nobodys-eyes";
const PASSWORD: &str = "password-for-nobodys-eyes";

fn assert_silent(text: &str) {
    for secret in [SECRET_KEY, TOKEN, PAYLOAD, ATTRIBUTES, PASSWORD] {
        assert!(!text.contains(secret), "{secret} is in: {text}");
    }
}

/// Of a value that has no `Display`.
fn assert_debug_silent(value: &dyn Debug) {
    assert_silent(&format!("{value:?}"));
    assert_silent(&format!("{value:#?}"));
}

/// The whole chain of sources, shown in every way; gives the error back.
fn assert_error_silent(error: Error) -> Error {
    let mut next: Option<&dyn StdError> = Some(&error);
    while let Some(error) = next {
        assert_silent(&error.to_string());
        assert_debug_silent(&error);
        next = error.source();
    }
    error
}

fn session(url: &str) -> Session {
    builder()
        .credentials(keys(ACCESS_KEY, SECRET_KEY, Some(TOKEN.to_owned())))
        .endpoint_url(url)
        .retry(RetryConfig::off())
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session")
}

fn predictor(url: &str) -> AsyncPredictor<Bytes, Json> {
    AsyncPredictor::new("my-endpoint", &session(url)).with_serializer(Bytes::new())
}

/// The error of a submit with all that is secret in it.
fn submit_error(url: &str) -> Error {
    let predictor = predictor(url);
    let request = predictor.request(PAYLOAD).custom_attributes(ATTRIBUTES);
    assert_error_silent(request.submit().map(drop).expect_err("no submit"))
}

fn result_error(url: &str, waiter: &WaiterConfig) -> Error {
    let predictor = predictor(url);
    let response = AsyncInferenceResponse::new(
        &predictor,
        uri("s3://my-bucket/out"),
        Some(uri("s3://my-bucket/err")),
    )
    .expect("valid locations");
    let error = response
        .get_result::<Vec<u32>>(waiter)
        .expect_err("no result");
    assert_debug_silent(&response);
    assert_error_silent(error)
}

fn one_poll() -> WaiterConfig {
    WaiterConfig::new(1, Duration::from_secs(1)).expect("a wait")
}

#[test]
fn what_makes_a_request_shows_no_secret() {
    let server = Verifier::start(Rules::new(), |_| accepted("s3://my-bucket/out"));
    let builder = builder().credentials(keys(ACCESS_KEY, SECRET_KEY, Some(TOKEN.to_owned())));
    assert_debug_silent(&builder);
    let session = session(&server.url());
    assert_debug_silent(&session);
    let predictor = predictor(&server.url());
    assert_debug_silent(&predictor);
    let request = predictor.request(PAYLOAD).custom_attributes(ATTRIBUTES);
    assert_debug_silent(&request);
    let response = request.submit().expect("a submit");
    assert_debug_silent(&response);
    assert_eq!(
        server.seen()[0].header("x-amzn-sagemaker-custom-attributes"),
        Some(ATTRIBUTES)
    );
}

#[test]
fn credentials_and_environments_show_no_secret() {
    let environment = Environment::from_pairs([
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", TOKEN),
        ("AWS_REGION", "us-east-1"),
    ]);
    assert_debug_silent(&environment);
    let provider = EnvironmentProvider::new(environment.clone());
    assert_debug_silent(&provider);
    assert_debug_silent(&provider.provide_credentials().expect("credentials"));
    let sys = sys().with_environment(environment);
    assert_debug_silent(&sys);
    let session = Session::builder().sys(sys).build().expect("a session");
    assert_debug_silent(&session);
    // An access key without its secret: the token is no part of the complaint.
    let broken = EnvironmentProvider::new(Environment::from_pairs([
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SESSION_TOKEN", TOKEN),
    ]));
    let error = broken.provide_credentials().expect_err("no secret");
    assert_error_silent(error.into());
}

#[test]
fn a_result_is_not_shown_by_its_response() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, format!("\"{PAYLOAD}\"")));
    let predictor = predictor(&server.url());
    let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    let result: String = response.get_result(&one_poll()).expect("a result");
    assert_eq!(result, PAYLOAD);
    assert_debug_silent(&response);
}

#[test]
fn refused_values_that_may_be_secret_are_left_out() {
    let predictor = predictor("http://127.0.0.1:9");
    let long = ATTRIBUTES.repeat(100);
    let request = predictor.request(PAYLOAD).custom_attributes(long);
    let error = assert_error_silent(request.submit().map(drop).expect_err("too long"));
    assert!(matches!(error, Error::InvalidInput(_)));

    let large = PAYLOAD.repeat(10_000);
    let error = predictor.request(&large).inline().submit().map(drop);
    assert_error_silent(error.expect_err("too large"));

    let presigned = format!("https://my-bucket.s3.amazonaws.com/k?X-Amz-Security-Token={TOKEN}");
    let error = presigned
        .parse::<sagemaker_async_inference::S3Uri>()
        .expect_err("a web address");
    assert_error_silent(error.into());
}

#[test]
fn passwords_in_endpoint_urls_are_not_shown() {
    for url in [
        format!("http://user:{PASSWORD}@127.0.0.1"),
        format!("ftp://user:{PASSWORD}@127.0.0.1"),
        format!("http://user:{PASSWORD}@127.0.0.1?query"),
        format!("http://user:{PASSWORD}@127.0.0.1:port"),
        format!("user:{PASSWORD}@127.0.0.1"),
        format!("http://user:{PASSWORD}@"),
        format!("http://user:{PASSWORD}@ ho st/"),
    ] {
        let builder = builder().endpoint_url(&url);
        assert_debug_silent(&builder);
        let error = builder.build().expect_err("a password");
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        assert_error_silent(error);
    }
    for url in [
        format!("http://127.0.0.1?token={PASSWORD}"),
        format!("http://h/#{PASSWORD}"),
    ] {
        let builder = builder().endpoint_url(&url);
        assert_debug_silent(&builder);
        if let Err(error) = builder.build() {
            assert_error_silent(error);
        }
    }
}

#[test]
fn a_result_that_cannot_be_read_is_not_shown() {
    for body in [
        format!("\"{PAYLOAD}\""),
        format!("[1, {PAYLOAD}"),
        format!("{{\"{PAYLOAD}\": 1}}"),
    ] {
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(200, body.clone()).header("content-type", "application/json")
        });
        let error = result_error(&server.url(), &one_poll());
        assert!(matches!(error, Error::Codec(_)), "{error:?}");
    }
}

#[test]
fn a_failure_object_is_not_shown_by_default() {
    let server = Verifier::start(Rules::new(), |seen| {
        if seen.path.ends_with("/err") {
            Reply::new(200, format!("cannot parse {PAYLOAD}"))
        } else {
            not_found()
        }
    });
    match result_error(&server.url(), &one_poll()) {
        Error::Model(failure) => assert!(failure.text().contains(PAYLOAD)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_canonical_request_in_a_refused_signature_is_left_out() {
    // The services quote the whole request as they would have signed it: every header is in it.
    let quoted = format!(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details.\
         \\n\\nThe Canonical String for this request should have been\\n'POST\\n/endpoints/my-endpoint/\
         async-invocations\\n\\nhost:h\\nx-amz-security-token:{TOKEN}\\n\
         x-amzn-sagemaker-custom-attributes:{ATTRIBUTES}\\n\\nhost\\n'\\n\\nThe String-to-Sign should \
         have been\\n'AWS4-HMAC-SHA256\\n'\\n"
    );
    let server = Verifier::start(Rules::new(), move |_| {
        support::client::refused(403, "InvalidSignatureException", &quoted)
    });
    match submit_error(&server.url()) {
        Error::Service(fault) => {
            assert_eq!(fault.code(), Some("InvalidSignatureException"));
            let message = fault.message().expect("a message");
            assert!(message.starts_with("The request signature we calculated does not match"));
            assert!(!message.contains(TOKEN) && !message.contains(ATTRIBUTES));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_token_in_a_response_of_s3_is_left_out() {
    for (status, code) in [
        (400, "ExpiredToken"),
        (400, "InvalidToken"),
        (403, "SignatureDoesNotMatch"),
    ] {
        let body = format!(
            "<Error><Code>{code}</Code><Message>The provided token is not right.</Message>\
             <Token-0>{TOKEN}</Token-0><CanonicalRequest>GET\n/\n\nx-amz-security-token:{TOKEN}\
             </CanonicalRequest><RequestId>R</RequestId></Error>"
        );
        let server = Verifier::start(Rules::new(), move |_| Reply::new(status, body.clone()));
        let error = result_error(&server.url(), &one_poll());
        assert!(service_code(&error) == Some(code), "{error:?}");
    }
}

#[test]
fn what_went_wrong_on_the_way_shows_nothing_of_the_request() {
    assert!(matches!(
        submit_error(&raw::unused_address()),
        Error::Transport(_)
    ));
    let server = Verifier::start(Rules::new(), |_| Reply::hang_up());
    assert!(matches!(
        submit_error(&server.url()),
        Error::MaybeSubmitted(_)
    ));
    let server = Verifier::start(Rules::new(), |_| Reply::new(500, PAYLOAD));
    assert!(matches!(
        submit_error(&server.url()),
        Error::MaybeSubmitted(_)
    ));
    // A server that returns the request to the client, as a response, as headers and as invalid HTTP.
    for start in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 ",
        "",
    ] {
        let server = raw::Raw::start(move |mut stream| {
            let head = raw::read_head(&stream)?;
            stream.write_all(start.as_bytes())?;
            stream.write_all(head.as_bytes())?;
            stream.write_all(PAYLOAD.as_bytes())
        });
        submit_error(&server.url());
    }
}

#[test]
fn waits_that_end_without_a_result_show_no_secret() {
    for reply in [
        not_found(),
        denied(),
        Reply::new(500, PAYLOAD),
        Reply::hang_up(),
    ] {
        let server = Verifier::start(Rules::new(), move |_| reply.clone());
        let error = result_error(&server.url(), &one_poll());
        assert!(matches!(error, Error::PollingTimeout(_)), "{error:?}");
    }
    let server = Verifier::start(Rules::new(), |_| not_found());
    let stopping = WaiterConfig::builder()
        .progress(|progress| {
            assert_debug_silent(&progress);
            ControlFlow::Break(())
        })
        .cancel(CancelToken::new())
        .build()
        .expect("a wait");
    assert_debug_silent(&stopping);
    let error = result_error(&server.url(), &stopping);
    assert!(matches!(error, Error::WaitStopped(_)), "{error:?}");
}
