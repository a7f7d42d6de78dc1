//! What goes wrong during a wait, on the connection and at the services, and how the wait ends.

use crate::support;
use crate::support::{HANG, service_code};

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
use sagemaker_async_inference::session::{RetryConfig, Timeouts};
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use sagemaker_async_inference::{CredentialsError, Error, PollingTimeout, WaiterConfig};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{builder, keys, not_found, s3_error, session_at, session_in, sys},
    raw::{self, Raw},
    verifier::{Reply, Rules, Verifier},
    wait::{is_output, response, timed_out, waiter},
};

#[test]
fn transient_errors_are_counted_and_the_wait_continues() {
    let looks = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        if !is_output(seen) {
            return not_found();
        }
        let mut looks = looks.lock().expect("a count");
        *looks += 1;
        match *looks {
            1 => s3_error(500, "InternalError", "?"),
            2 => Reply::hang_up(),
            3 => s3_error(503, "SlowDown", "Please reduce your request rate."),
            4 => Reply::new(502, "<html>a proxy's page</html>"),
            5 => Reply::new(408, ""),
            6 => not_found(),
            _ => Reply::new(200, "result"),
        }
    });
    let observed = Arc::new(Mutex::new(None));
    let last = observed.clone();
    let words = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&words);
    let session = builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session");
    let result: Vec<u8> = response(&session)
        .get_result(&waiter(|w| {
            w.progress(move |wait| {
                *last.lock().expect("counts") = Some(wait.observed().clone());
                let response = wait.last_response().expect("words").to_owned();
                said.lock().expect("words").push(response);
                ControlFlow::Continue(())
            })
        }))
        .expect("a result");
    assert_eq!(result, b"result");
    let words = words.lock().expect("words").clone();
    assert!(words[0].contains("InternalError"), "{words:?}");
    assert!(words[2].contains("SlowDown"), "{words:?}");
    assert_eq!(words[5], "not found");
    let observed = observed.lock().expect("counts").clone().expect("a call");
    assert_eq!((observed.failed, observed.not_found), (5, 1));
}

#[test]
fn a_server_that_is_gone_is_waited_for_to_the_end() {
    let session = session_in(&raw::unused_address(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(5))));
    assert_eq!(timeout.observed().failed, 5);
    assert!(
        timeout
            .last_response()
            .is_some_and(|last| last.contains("no connection"))
    );
    // Nobody knows whether the inference is done: what is wrong is the way to S3.
    let shown = format!("{timeout:#}");
    assert!(!shown.contains("wait longer"), "{shown}");
    assert!(shown.contains("check the endpoint URL"), "{shown}");
}

#[test]
fn the_last_response_says_why_it_was_not_understood() {
    let server = Raw::start(|mut stream| {
        raw::read_request(&mut stream)?;
        std::io::Write::write_all(
            &mut stream,
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        )
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(2))));
    let last = timeout.last_response().expect("a response");
    let (_, cause) = last
        .split_once("could not be understood: ")
        .unwrap_or_else(|| panic!("no cause: {last}"));
    assert!(cause.to_lowercase().contains("content-length"), "{cause}");
}

/// S3 passes on what KMS responds, with its status 400: that quota is reached soon when many results are encrypted.
#[test]
fn a_key_service_that_is_busy_or_down_ends_no_wait() {
    for code in [
        "KMS.ThrottlingException",
        "KMS.KMSInternalException",
        "KMS.DependencyTimeoutException",
        "KMS.KeyUnavailableException",
    ] {
        let polls = Mutex::new(0);
        let server = Verifier::start(Rules::new(), move |seen| {
            let mut polls = polls.lock().expect("a count");
            *polls += usize::from(is_output(seen));
            if *polls > 6 {
                Reply::new(200, "result")
            } else {
                s3_error(
                    400,
                    code,
                    "You have exceeded the rate at which you may call KMS.",
                )
            }
        });
        let session = session_in(&server.url(), ManualClock::new());
        let result = response(&session).get_result::<Vec<u8>>(&waiter(|w| w.max_attempts(9)));
        assert_eq!(result.expect(code), b"result");
    }
    let disabled = Verifier::start(Rules::new(), |_| {
        s3_error(400, "KMS.DisabledException", "x")
    });
    let session = session_in(&disabled.url(), ManualClock::new());
    let error = response(&session).get_result::<Vec<u8>>(&waiter(|w| w.max_attempts(9)));
    let error = error.expect_err("a disabled key stays so");
    assert_eq!(
        service_code(&error),
        Some("KMS.DisabledException"),
        "{error}"
    );
    assert_eq!(disabled.seen().len(), 1);
}

/// Any web server has pages that it does not find: that one says nothing about the inference.
#[test]
fn a_404_of_a_server_that_is_not_s3_is_a_failed_poll_and_says_so() {
    let page = "<html><body>404 Not Found: nginx</body></html>";
    let replies = move |polls: usize| {
        let seen = std::sync::atomic::AtomicUsize::new(0);
        Verifier::start(Rules::new(), move |asked| {
            let is_early = seen.fetch_add(1, Ordering::SeqCst) < polls;
            if is_output(asked) && !is_early {
                Reply::new(200, "result")
            } else {
                Reply::new(404, page)
            }
        })
    };
    let server = replies(usize::MAX);
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(3))));
    assert_eq!(
        (timeout.observed().failed, timeout.observed().not_found),
        (3, 0)
    );
    let shown = format!("{timeout:#}");
    assert!(
        shown.contains("nginx") && !shown.contains("wait longer"),
        "{shown}"
    );
    assert!(shown.contains("check the endpoint URL"), "{shown}");
    // It is no reason to give up.
    let server = replies(4);
    let session = session_in(&server.url(), ManualClock::new());
    let result = response(&session).get_result::<Vec<u8>>(&waiter(|w| w.max_attempts(9)));
    assert_eq!(result.expect("a result"), b"result");
    let polled = response(&session).try_get_result::<Vec<u8>>();
    assert!(matches!(polled, Ok(Some(_))), "{polled:?}");
    let server = replies(usize::MAX);
    let session = session_in(&server.url(), ManualClock::new());
    let polled = response(&session).try_get_result::<Vec<u8>>();
    assert!(matches!(polled, Ok(None)), "{polled:?}");
}

/// The wait's real time, under a deadline of 300 ms.
fn wait_under_a_deadline(server: &Raw) -> (PollingTimeout, Duration) {
    let session = session_at(&server.url());
    let waiter = waiter(|w| w.deadline(Duration::from_millis(300)));
    let started = SystemClock.monotonic();
    let timeout = timed_out(response(&session).get_result(&waiter));
    (timeout, SystemClock.monotonic().saturating_sub(started))
}

#[test]
fn a_deadline_holds_when_the_server_accepts_and_never_responds() {
    let server = Raw::start(|stream| std::io::copy(&mut &stream, &mut std::io::sink()).map(drop));
    let (timeout, took) = wait_under_a_deadline(&server);
    assert!(took < HANG, "{took:?}");
    assert_eq!(timeout.observed().failed, timeout.attempts());
}

fn drip(mut stream: std::net::TcpStream, start: &str) -> std::io::Result<()> {
    raw::read_head(&stream)?;
    stream.write_all(start.as_bytes())?;
    // Until the client closes.
    loop {
        stream.write_all(b"a")?;
        SystemClock.sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_deadline_holds_when_headers_come_byte_by_byte() {
    let server = Raw::start(|stream| drip(stream, "HTTP/1.1 200 OK\r\nx-long: "));
    let (_, took) = wait_under_a_deadline(&server);
    assert!(took < HANG, "{took:?}");
}

#[test]
fn a_deadline_holds_when_an_error_body_comes_byte_by_byte() {
    let waits = ["404 Not Found", "500 Oh"].map(|status| {
        std::thread::spawn(move || {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 100000\r\n\r\n");
            let server = Raw::start(move |stream| drip(stream, &head));
            wait_under_a_deadline(&server).1
        })
    });
    for wait in waits {
        let took = wait.join().expect("no panic");
        assert!(took < HANG, "{took:?}");
    }
}

#[test]
fn an_output_that_trickles_ends_after_the_read_timeout() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let server = Raw::start(move |stream| drip(stream, head));
    let session = support::client::builder()
        .endpoint_url(server.url())
        .timeouts(Timeouts::default().with_read(Duration::from_millis(200)))
        .build()
        .expect("a session");
    let waiter = waiter(|w| w.deadline(Duration::from_millis(300)));
    let started = SystemClock.monotonic();
    let timeout = timed_out(response(&session).get_result(&waiter));
    let took = SystemClock.monotonic().saturating_sub(started);
    assert!(took < HANG, "the server goes on: {took:?}");
    assert_eq!(timeout.observed().failed, timeout.attempts());
}

#[test]
fn a_body_that_ends_too_soon_is_a_failed_poll_and_never_a_short_result() {
    let server = Raw::start(|mut stream| {
        raw::read_head(&stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(2))));
    assert_eq!(timeout.observed().failed, 2);
}

#[test]
fn a_server_that_reads_and_never_responds_times_out() {
    let server = Raw::start(|stream| std::io::copy(&mut &stream, &mut std::io::sink()).map(drop));
    let session = builder()
        .endpoint_url(server.url())
        .timeouts(Timeouts::default().with_read(Duration::from_millis(100)))
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    let started = SystemClock.monotonic();
    let outcome = response(&session).try_get_result::<Vec<u8>>();
    let took = SystemClock.monotonic().saturating_sub(started);
    assert!(matches!(outcome, Err(Error::Transport(_))), "{outcome:?}");
    assert!(took < HANG, "{took:?}");
}

/// Responds for a bucket in eu-west-1.
fn elsewhere(wrong: impl Fn() -> Reply + Send + Sync + 'static) -> Verifier {
    let rules = Rules {
        regions: vec!["us-east-1".to_owned(), "eu-west-1".to_owned()],
        ..Rules::new()
    };
    Verifier::start(rules, move |seen| {
        let scope = seen.header("authorization").unwrap_or_default();
        if scope.contains("/eu-west-1/s3/") {
            if is_output(seen) {
                Reply::new(200, "result")
            } else {
                not_found()
            }
        } else {
            wrong()
        }
    })
}

#[test]
fn a_bucket_in_another_region_costs_one_request_more_and_is_remembered() {
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region \
                     'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>";
    let responses = [
        s3_error(301, "PermanentRedirect", "elsewhere").header("x-amz-bucket-region", "eu-west-1"),
        s3_error(307, "TemporaryRedirect", "elsewhere")
            .header("x-amz-bucket-region", "eu-west-1")
            .header("location", "http://192.0.2.1/elsewhere"),
        Reply::new(400, malformed),
        Reply::new(400, "").header("x-amz-bucket-region", "eu-west-1"),
    ];
    for reply in responses {
        let server = elsewhere(move || reply.clone());
        let session = session_at(&server.url());
        for requests in [2, 3] {
            let result: Option<Vec<u8>> = response(&session)
                .try_get_result()
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(result.as_deref(), Some(&b"result"[..]));
            assert_eq!(server.seen().len(), requests);
        }
        assert!(server.seen().iter().all(|seen| seen.verified.is_ok()));
    }
}

#[test]
fn regions_that_disagree_for_ever_are_an_error_and_no_loop() {
    let server = elsewhere(|| {
        s3_error(301, "PermanentRedirect", "elsewhere").header("x-amz-bucket-region", "us-west-2")
    });
    let outcome = response(&session_at(&server.url())).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(server.seen().len(), 2);

    // What is not formed like a region goes into no host's name.
    let server = elsewhere(|| {
        s3_error(301, "PermanentRedirect", "elsewhere")
            .header("x-amz-bucket-region", "evil.example/")
    });
    let outcome = response(&session_at(&server.url())).try_get_result::<Vec<u8>>();
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn redirects_are_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let other = Verifier::start(Rules::new(), |_| Reply::new(200, "somebody else's"));
        let location = format!("{}/out", other.url());
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(status, "").header("location", &location)
        });
        let session = session_at(&server.url());
        match response(&session).get_result::<Vec<u8>>(&WaiterConfig::default()) {
            Err(Error::Service(fault)) => assert_eq!(fault.status(), status),
            other => panic!("{other:?}"),
        }
        assert_eq!(server.seen().len(), 1);
        assert_eq!(other.seen().len(), 0);
    }
}

#[test]
fn stored_bytes_come_as_they_are_stored() {
    let bytes = b"\x1f\x8b\x08\x00not really gzip";
    let server = Verifier::start(Rules::new(), |_| {
        Reply::new(200, *bytes)
            .header("content-encoding", "gzip")
            .header("content-type", "application/json")
    });
    let result: Vec<u8> = response(&session_at(&server.url()))
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(result, bytes);
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn a_huge_error_is_cut() {
    let server = Verifier::start(Rules::new(), |_| {
        s3_error(400, "Odd", &"x".repeat(10_000_000))
    });
    let error = response(&session_at(&server.url()))
        .try_get_result::<Vec<u8>>()
        .expect_err("a refusal");
    assert!(format!("{error}{error:?}").len() < 10_000);

    let server = Verifier::start(Rules::new(), |_| s3_error(400, "Odd", &"x".repeat(10_000)));
    let error = response(&session_at(&server.url()))
        .try_get_result::<Vec<u8>>()
        .expect_err("a refusal");
    assert!(service_code(&error) == Some("Odd"), "{error:?}");
    assert!(error.to_string().len() < 2000);
}

#[test]
fn an_error_without_an_end_is_left() {
    let server = Raw::start(|mut stream| {
        raw::read_head(&stream)?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"400\r\n")?;
            stream.write_all(&[b'x'; 0x400])?;
            stream.write_all(b"\r\n")?;
        }
    });
    let started = SystemClock.monotonic();
    let outcome = response(&session_at(&server.url())).try_get_result::<Vec<u8>>();
    let took = SystemClock.monotonic().saturating_sub(started);
    match outcome {
        Err(Error::Service(fault)) => assert_eq!(fault.status(), 400),
        other => panic!("{other:?}"),
    }
    assert!(took < HANG, "{took:?}");
}

#[test]
fn a_result_longer_than_the_service_allows_is_refused_at_its_announcement() {
    let server = Raw::start(|mut stream| {
        raw::read_head(&stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000000\r\n\r\n")
    });
    let outcome =
        response(&session_at(&server.url())).get_result::<Vec<u8>>(&WaiterConfig::default());
    match outcome {
        Err(Error::Transport(error)) => {
            assert!(error.to_string().contains("too long"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn polls_share_one_connection() {
    let server = Raw::start(|mut stream| {
        loop {
            if raw::read_head(&stream)?.is_empty() {
                return Ok(());
            }
            let body = "<Error><Code>NoSuchKey</Code></Error>";
            // In one piece, or the loopback waits for an acknowledgement.
            let reply = format!(
                "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(reply.as_bytes())?;
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(20))));
    assert_eq!(timeout.observed().not_found, 20);
    assert_eq!(server.connections(), 1);
}

#[test]
fn many_threads_share_a_response() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "result"));
    let response = Arc::new(response(&session_at(&server.url())));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let response = response.clone();
            std::thread::spawn(move || response.get_result::<Vec<u8>>(&WaiterConfig::default()))
        })
        .collect();
    for thread in threads {
        let result = thread.join().expect("no panic").expect("a result");
        assert_eq!(result, b"result");
    }
}

#[test]
fn a_failure_bucket_that_does_not_exist_does_not_hide_the_output() {
    let polls = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        let mut polls = polls.lock().expect("no panic");
        *polls += 1;
        match (is_output(seen), *polls) {
            (true, 1) => not_found(),
            (true, _) => Reply::new(200, "done"),
            (false, _) => s3_error(404, "NoSuchBucket", "The specified bucket does not exist"),
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let result: Vec<u8> = response(&session)
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(result, b"done");
}

/// Credentials that are available, then cannot be refreshed for a while, then are available again.
#[derive(Debug, Default)]
struct Interrupted {
    asked: Mutex<u32>,
}

impl ProvideCredentials for Interrupted {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut asked = self.asked.lock().expect("no panic");
        *asked += 1;
        match *asked {
            3..=6 => Err(CredentialsError::failed(
                "test",
                "the token cannot be renewed",
            )),
            _ => Ok(keys(ACCESS_KEY, SECRET_KEY, None)),
        }
    }
}

#[test]
fn credentials_that_fail_for_a_while_in_a_long_wait_do_not_end_it() {
    let server = Verifier::start(Rules::new(), |_| not_found());
    let session = builder()
        .endpoint_url(server.url())
        .sys(sys().with_clock(ManualClock::new()))
        .uncached_credentials(Interrupted::default())
        .build()
        .expect("a session");
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(8))));
    assert_eq!(timeout.observed().not_found, 4);
    assert_eq!(timeout.observed().failed, 4);
}

/// Credentials that were never available.
#[derive(Debug)]
struct Broken;

impl ProvideCredentials for Broken {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        Err(CredentialsError::failed("test", "none"))
    }
}

#[test]
fn credentials_that_were_never_there_end_the_wait_at_once() {
    let clock = ManualClock::new();
    let session = builder()
        .endpoint_url(raw::unused_address())
        .sys(sys().with_clock(clock.clone()))
        .credentials(Broken)
        .build()
        .expect("a session");
    let outcome = response(&session).get_result::<Vec<u8>>(&WaiterConfig::default());
    assert!(matches!(outcome, Err(Error::Credentials(_))), "{outcome:?}");
    assert_eq!(clock.slept(), Duration::ZERO);
}
