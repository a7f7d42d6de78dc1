//! How far this crate trusts servers, and the effect of panics in the caller's code.

use crate::support;

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::session::Timeouts;
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use sagemaker_async_inference::waiter::WaitLimit;
use sagemaker_async_inference::{CredentialsError, Error, TransferConfig, WaiterConfig};
use support::client::{
    accepted, accepting, builder, denied, invalid, is_submit, keys, not_found, predictor,
    session_at, session_in, uri,
};
use support::raw::{Raw, read_request};
use support::verifier::{Reply, Rules, Verifier};
use support::wait::{response, timed_out, waiter};
use support::{ACCESS_KEY, HANG, SECRET_KEY};

/// A server that could put a second response behind the first would make the next inference's result be read from a
/// location of its choice.
#[test]
fn an_unrequested_response_is_not_used() {
    for pause in [0, 30] {
        let server = Raw::start(move |mut stream| {
            let mut number = 0;
            loop {
                if read_request(&mut stream)?.is_empty() {
                    return Ok(());
                }
                let reply = |place: &str| {
                    format!(
                        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\
                         x-amzn-sagemaker-outputlocation: s3://my-bucket/{place}\r\n\r\n"
                    )
                };
                let forged = if number == 0 {
                    reply("forged")
                } else {
                    String::new()
                };
                if pause == 0 {
                    stream.write_all((reply("right") + &forged).as_bytes())?;
                } else {
                    stream.write_all(reply("right").as_bytes())?;
                    SystemClock.sleep(Duration::from_millis(pause));
                    stream.write_all(forged.as_bytes())?;
                }
                number += 1;
            }
        });
        let predictor = predictor(&session_in(&server.url(), ManualClock::new()));
        for _ in 0..3 {
            let response = predictor.predict_async("x").expect("a submit");
            assert_eq!(response.output_path(), &uri("s3://my-bucket/right"));
            SystemClock.sleep(Duration::from_millis(2 * pause));
        }
        assert!(server.connections() >= 2);
    }
}

#[test]
fn each_bucket_can_have_an_owner_of_its_own() {
    let server = accepting();
    let session = builder()
        .endpoint_url(server.url())
        .expected_bucket_owner("111111111111")
        .expected_owner_of("theirs", "222222222222")
        .build()
        .expect("a session");
    let predictor = predictor(&session);
    for bucket in ["theirs", "my-bucket"] {
        let response =
            AsyncInferenceResponse::new(&predictor, uri(&format!("s3://{bucket}/out")), None)
                .expect("valid locations");
        response.try_get_result::<Vec<u8>>().expect("a look");
    }
    let owners: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| {
            seen.header("x-amz-expected-bucket-owner")
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(
        owners,
        [
            Some("222222222222".to_owned()),
            Some("111111111111".to_owned())
        ]
    );

    let wrong = builder()
        .expected_owner_of("theirs", "2222-2222-2222")
        .build();
    assert_eq!(
        invalid(wrong.expect_err("an account")).what(),
        "expected bucket owner"
    );
}

#[test]
fn an_output_in_somebody_elses_bucket_is_refused_and_the_owner_named() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            return accepted("s3://somebody-elses/out");
        }
        let owner = seen.header("x-amz-expected-bucket-owner");
        assert_eq!(owner, Some("111111111111"));
        denied()
    });
    let session = builder()
        .endpoint_url(server.url())
        .expected_bucket_owner("111111111111")
        .build()
        .expect("a session");
    let response = predictor(&session).predict_async("x").expect("a submit");
    let strict = waiter(|w| w.access_denied(sagemaker_async_inference::waiter::AccessDenied::Fail));
    let error = response
        .get_result::<Vec<u8>>(&strict)
        .expect_err("not theirs");
    assert!(
        format!("{error:#}").contains("belongs to account 111111111111"),
        "{error}"
    );
    assert!(format!("{error:#}").contains("s3:GetObject"), "{error}");
}

#[test]
fn a_body_that_drips_ends_by_the_read_timeout() {
    for status in ["200 OK", "500 Oh"] {
        let server = Raw::start(move |mut stream| {
            read_request(&mut stream)?;
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: 100000\r\n\r\n"
            )?;
            loop {
                stream.write_all(b"a")?;
                SystemClock.sleep(Duration::from_millis(20));
            }
        });
        let session = builder()
            .endpoint_url(server.url())
            .timeouts(Timeouts::default().with_read(Duration::from_millis(300)))
            .build()
            .expect("a session")
            .with_retry(sagemaker_async_inference::session::RetryConfig::off());
        let started = SystemClock.monotonic();
        match response(&session).try_get_result::<Vec<u8>>() {
            Err(Error::Transport(error)) if status == "200 OK" => {
                assert_eq!(error.kind(), TransportErrorKind::Timeout);
            }
            // The part of an error's body that arrived is enough.
            Err(Error::Service(fault)) if status == "500 Oh" => assert_eq!(fault.status(), 500),
            other => panic!("{other:?}"),
        }
        let took = SystemClock.monotonic().saturating_sub(started);
        assert!(took < HANG, "{took:?}");
    }
}

#[test]
fn an_output_that_vanishes_before_it_is_read_is_pending_again() {
    let looks = AtomicUsize::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        if !support::wait::is_output(seen) {
            // The failure is there at first, and the output has gone: then both have gone.
            return not_found();
        }
        match looks.fetch_add(1, Ordering::SeqCst) {
            3.. => Reply::new(200, ""),
            _ => not_found(),
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let result: Vec<u8> = response(&session)
        .get_result(&WaiterConfig::default())
        .expect("an output of no bytes is one");
    assert!(result.is_empty());
}

#[test]
fn a_callback_that_panics_ends_its_own_wait_alone() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let session = session_in(&server.url(), ManualClock::new());
    let response = response(&session);
    let panics = waiter(|w| w.progress(|_| -> ControlFlow<()> { panic!("in the callback") }));
    let wait = catch_unwind(AssertUnwindSafe(|| response.get_result::<Vec<u8>>(&panics)));
    assert!(wait.is_err());
    let timeout = timed_out(response.get_result(&waiter(|w| w.max_attempts(2))));
    assert_eq!(timeout.attempts(), 2);
}

/// Panics at its first call.
#[derive(Debug)]
struct PanicsOnce(AtomicUsize);

impl ProvideCredentials for PanicsOnce {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "in the provider");
        Ok(keys(ACCESS_KEY, SECRET_KEY, None))
    }
}

#[test]
fn a_provider_that_panics_takes_no_session_down() {
    let server = accepting();
    let session = builder()
        .endpoint_url(server.url())
        .credentials(PanicsOnce(AtomicUsize::new(0)))
        .build()
        .expect("a session");
    let predictor = predictor(&session);
    assert!(catch_unwind(AssertUnwindSafe(|| predictor.predict_async("x"))).is_err());
    assert!(predictor.predict_async("x").is_ok());
}

#[test]
fn a_wait_that_is_shorter_than_the_services_says_so() {
    let clock = ManualClock::new();
    let rules = Rules {
        clock: Some(clock.clone()),
        ..Rules::new()
    };
    let server = Verifier::start(rules, |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else {
            not_found()
        }
    });
    let session = session_in(&server.url(), clock);
    let request = predictor(&session)
        .request("x")
        .request_ttl(Duration::from_hours(1))
        .invocation_timeout(Duration::from_mins(30));
    let response = request.submit().expect("a submit");
    let timeout = timed_out(response.get_result(&waiter(|w| w.max_attempts(10))));
    assert_eq!(timeout.limit(), WaitLimit::MaxAttempts(10));
    assert_eq!(timeout.service_limit(), Some(Duration::from_mins(90)));
    let text = format!("{timeout:#}");
    assert!(text.contains("up to 5400 s after the submit"), "{text}");
    assert!(text.contains("this wait's own limit of 10 polls"), "{text}");
    assert!(
        text.contains("/aws/sagemaker/Endpoints/my-endpoint"),
        "{text}"
    );

    let short = waiter(|w| w.deadline(Duration::from_secs(100)));
    let timeout = timed_out(response.get_result(&short));
    assert_eq!(
        timeout.limit(),
        WaitLimit::Deadline(Duration::from_secs(100))
    );
    assert!(
        format!("{timeout:#}").contains("a deadline of 100 s"),
        "{timeout}"
    );

    // Taken up again, in another process perhaps, it is the same.
    let line = response.handle().to_string();
    let resumed = predictor(&session).resume(line.parse().expect("a handle"));
    let timeout = timed_out(resumed.get_result(&waiter(|w| w.max_attempts(2))));
    assert_eq!(timeout.service_limit(), Some(Duration::from_mins(90)));
    let text = format!("{timeout:#}");
    assert!(text.contains("up to 5400 s after the submit"), "{text}");

    // A wait that outlasts the service's limits says nothing of them, nor one for an inference of others.
    let long = waiter(|w| w.max_attempts(400));
    let timeout = timed_out(response.get_result(&long));
    assert!(
        !format!("{timeout:#}").contains("after the submit"),
        "{timeout}"
    );
    // However short the next wait is: the time counts from the submit.
    let timeout = timed_out(resumed.get_result(&waiter(|w| w.max_attempts(2))));
    let text = format!("{timeout:#}");
    assert!(text.contains("a longer wait is unlikely to help"), "{text}");
    assert!(!text.contains("wait longer"), "{text}");
    let other = AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None)
        .expect("valid locations");
    let timeout = timed_out(other.get_result(&waiter(|w| w.max_attempts(2))));
    assert_eq!(timeout.service_limit(), None);
}

#[test]
fn headers_are_bounded_on_a_kept_connection_too() {
    let server = Raw::start(|mut stream| {
        read_request(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nresult")?;
        read_request(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"x-filler: a\r\n")?;
        }
    });
    let session = session_at(&server.url());
    let predictor = predictor(&session);
    let look = || {
        let response = AsyncInferenceResponse::new(&predictor, uri("s3://my-bucket/out"), None)
            .expect("valid locations");
        response.try_get_result::<Vec<u8>>()
    };
    assert!(matches!(look(), Ok(Some(_))));
    match look() {
        Err(Error::Transport(error)) => assert_eq!(error.kind(), TransportErrorKind::Protocol),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_session_token_and_long_response_headers_pass() {
    let server = Raw::start(|mut stream| {
        let head = read_request(&mut stream)?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("x-amz-security-token: "))
            .map_or(0, str::len);
        let filler = "a".repeat(60 << 10);
        let body = length.to_string();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nx-filler: {filler}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    });
    let token = "t".repeat(20 << 10);
    let credentials = Credentials::new("AKID", "secret", Some(token), None, "test");
    let session = builder()
        .endpoint_url(server.url())
        .credentials(credentials)
        .build()
        .expect("a session");
    let response =
        AsyncInferenceResponse::new(&predictor(&session), uri("s3://my-bucket/out"), None);
    let length = response
        .expect("valid locations")
        .try_get_result::<Vec<u8>>();
    let length = length.expect("a response").expect("an output");
    assert_eq!(length, (20 << 10).to_string().into_bytes());
}

/// Of a large input the system's own buffers take some megabytes, and then nothing more.
#[test]
fn an_upload_that_is_read_byte_by_byte_ends_by_the_write_timeout() {
    const LARGE: usize = 32 << 20;
    let server = Raw::start(move |mut stream| {
        support::raw::read_only_head(&mut stream)?;
        write!(stream, "HTTP/1.1 100 Continue\r\n\r\n")?;
        let mut byte = [0];
        while stream.read(&mut byte)? == 1 {
            SystemClock.sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    let session = builder()
        .endpoint_url(server.url())
        .timeouts(Timeouts::default().with_write(Duration::from_millis(400)))
        .build()
        .expect("a session")
        .with_retry(sagemaker_async_inference::session::RetryConfig::off());
    let predictor = predictor(&session);
    let input = vec![7; LARGE];
    let uploads = [
        predictor.request_reader(std::io::repeat(7).take(LARGE as u64)),
        predictor.request(&input),
    ];
    for upload in uploads {
        let whole = TransferConfig::builder()
            .multipart_threshold(1 << 30)
            .build();
        let upload = upload.transfer(whole.expect("a way of transfer"));
        let started = SystemClock.monotonic();
        let outcome = upload.upload_to(uri("s3://my-bucket/in")).submit();
        match outcome {
            Err(Error::Transport(error)) => {
                assert_eq!(error.operation(), "PutObject");
                assert_eq!(error.kind(), TransportErrorKind::Timeout);
            }
            other => panic!("{other:?}"),
        }
        let took = SystemClock.monotonic().saturating_sub(started);
        assert!(took < HANG, "{took:?}");
    }
}
