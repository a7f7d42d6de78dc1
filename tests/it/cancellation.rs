//! A cancelled token ends whatever waits, also while a request hangs. The timeouts here are an hour: nothing
//! but the token ends these requests within the tests' time.

use crate::support;

use std::error::Error as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sagemaker_async_inference::credentials::{Credentials, ProvideCredentials};
use sagemaker_async_inference::endpoint::{Endpoint, EndpointWaiter};
use sagemaker_async_inference::error::{TransferErrorKind, TransportErrorKind};
use sagemaker_async_inference::session::Timeouts;
use sagemaker_async_inference::sys::{Clock, Environment, Files, Sys, SystemClock};
use sagemaker_async_inference::ureq;
use sagemaker_async_inference::waiter::WaitStopReason;
use sagemaker_async_inference::{CancelToken, CredentialsError, Error, Session, WaiterConfig};
use support::{
    client::{builder, predictor},
    raw::{Raw, read_head, read_only_head, respond},
    tls::{Authority, accept, close},
    wait::{response, waiter},
};

const HOUR: Duration = Duration::from_hours(1);

fn session(url: &str) -> Session {
    let timeouts = Timeouts::default()
        .with_connect(HOUR)
        .with_read(HOUR)
        .with_write(HOUR);
    builder()
        .endpoint_url(url)
        .timeouts(timeouts)
        .build()
        .expect("a session")
}

/// A server that lets `serve` begin with each connection, reports it, and then is silent until it is dropped.
fn silent(
    serve: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> (Raw, Receiver<()>) {
    let (reached, hangs): (Sender<()>, _) = channel();
    let server = Raw::start(move |mut stream| {
        serve(&mut stream)?;
        let _ = reached.send(());
        // Until the client gives up, which it does not on its own.
        io::copy(&mut stream, &mut io::sink()).map(drop)
    });
    (server, hangs)
}

fn after_head(stream: &mut TcpStream) -> io::Result<()> {
    read_head(stream).map(drop)
}

/// Cancels once the server hangs. The generous bound on the time distinguishes cancellation from a timeout.
fn cancelled<T>(hangs: Receiver<()>, run: impl FnOnce(CancelToken) -> T) -> T {
    let token = CancelToken::new();
    let canceller = token.clone();
    let thread = std::thread::spawn(move || {
        let reached = hangs.recv_timeout(Duration::from_mins(2));
        canceller.cancel();
        // A client that connects again finds a listener.
        drop(hangs);
        reached
    });
    let began = SystemClock.monotonic();
    let outcome = run(token);
    let took = SystemClock.monotonic().saturating_sub(began);
    thread
        .join()
        .expect("no panic")
        .expect("the server was reached");
    assert!(took < Duration::from_mins(2), "{took:?}");
    outcome
}

fn wait(token: CancelToken) -> WaiterConfig {
    waiter(|waiter| waiter.max_attempts(1).cancel(token))
}

/// A session whose requests a cancel cannot interrupt on their own thread, or can.
fn sessions(url: &str) -> [Session; 2] {
    let agent = ureq::Agent::new_with_config(ureq::config::Config::builder().build());
    let timeouts = Timeouts::default().with_read(HOUR).with_write(HOUR);
    let own = builder().endpoint_url(url).timeouts(timeouts).agent(agent);
    [own.build().expect("a session"), session(url)]
}

fn is_stopped<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    match outcome {
        Err(Error::WaitStopped(stopped)) => {
            assert_eq!(stopped.reason(), WaitStopReason::Cancelled);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_poll_without_a_response_ends_with_the_wait() {
    let (server, hangs) = silent(after_head);
    let session = session(&server.url());
    is_stopped(cancelled(hangs, |token| {
        response(&session).get_result::<Vec<u8>>(&wait(token))
    }));
}

#[test]
fn credentials_that_do_not_come_end_with_the_wait() {
    #[derive(Debug)]
    struct Slow(std::sync::Mutex<Sender<()>>);
    impl ProvideCredentials for Slow {
        fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
            let _ = self.0.lock().expect("no panic").send(());
            SystemClock.sleep(Duration::from_mins(2));
            Err(CredentialsError::failed("slow", "it took too long"))
        }
    }
    let (reached, hangs) = channel();
    let session = builder()
        .endpoint_url("http://127.0.0.1:9")
        .credentials(Slow(reached.into()))
        .build()
        .expect("a session");
    is_stopped(cancelled(hangs, |token| {
        response(&session).get_result::<Vec<u8>>(&wait(token))
    }));
}

#[test]
fn credentials_at_hand_are_not_waited_for() {
    #[derive(Debug)]
    struct AtHand;
    impl ProvideCredentials for AtHand {
        fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
            panic!("it would be called on another thread");
        }
        fn cached_credentials(&self) -> Option<Credentials> {
            Some(Credentials::new(
                "AKIDEXAMPLE",
                "secret",
                None,
                None,
                "test",
            ))
        }
    }
    let server = Raw::start(|mut stream| respond(&mut stream, b"done").map(drop));
    let session = builder()
        .endpoint_url(server.url())
        .uncached_credentials(AtHand);
    let session = session.build().expect("a session");
    let result = response(&session).get_result::<Vec<u8>>(&wait(CancelToken::new()));
    assert_eq!(result.expect("a result"), b"done");
}

#[test]
fn a_poll_whose_body_stops_ends_with_the_wait() {
    for which in 0..2 {
        let (server, hangs) = silent(|stream| {
            after_head(stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
        });
        let session = &sessions(&server.url())[which];
        is_stopped(cancelled(hangs, |token| {
            response(session).get_result::<Vec<u8>>(&wait(token))
        }));
    }
}

#[test]
fn a_poll_with_an_agent_of_the_callers_ends_with_the_wait() {
    let (server, hangs) = silent(after_head);
    let [session, _] = sessions(&server.url());
    is_stopped(cancelled(hangs, |token| {
        response(&session).get_result::<Vec<u8>>(&wait(token))
    }));
}

#[test]
fn a_poll_through_a_silent_socks_proxy_ends_with_the_wait() {
    let (proxy, hangs) = silent(|stream| stream.read_exact(&mut [0]));
    let url = proxy.url().replace("http:", "socks5h:");
    let environment = Environment::from_pairs([("ALL_PROXY", url.as_str())]);
    let session = builder()
        .endpoint_url("http://service.invalid")
        .timeouts(Timeouts::default().with_connect(HOUR).with_read(HOUR))
        .sys(
            Sys::real()
                .with_environment(environment)
                .with_files(Files::none()),
        )
        .build()
        .expect("a session");
    is_stopped(cancelled(hangs, |token| {
        response(&session).get_result::<Vec<u8>>(&wait(token))
    }));
}

/// Longer than the wait between two checks of the token.
const PAUSE: Duration = Duration::from_millis(130);

/// Takes requests of one connection each, and bodies and responses come with pauses.
fn halting(mut stream: impl Read + Write, input: &[u8]) -> io::Result<()> {
    let head = read_only_head(&mut stream)?;
    if head.starts_with("PUT ") {
        // More than the sockets' buffers hold: the client's writes wait too.
        SystemClock.sleep(PAUSE);
        let mut body = vec![0; input.len()];
        let (half, rest) = body.split_at_mut(input.len() / 2);
        if head.contains("100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        stream.read_exact(half)?;
        SystemClock.sleep(PAUSE);
        stream.read_exact(rest)?;
        let status = if body == input {
            "200 OK"
        } else {
            "400 Bad Request"
        };
        return write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
    let head = if head.starts_with("POST ") {
        "HTTP/1.1 202 Accepted\r\nx-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n"
            .to_owned()
    } else {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            input.len()
        )
    };
    let body = if head.contains(" 202 ") { &[] } else { input };
    let (early, late) = head.split_at(20);
    for part in [early.as_bytes(), late.as_bytes()]
        .into_iter()
        .chain(body.chunks(input.len() / 3))
    {
        stream.write_all(part)?;
        stream.flush()?;
        SystemClock.sleep(PAUSE);
    }
    Ok(())
}

#[test]
fn waits_that_a_cancel_could_end_lose_nothing() {
    let input: Arc<[u8]> = (0..12_u32 << 20).map(|n| (n % 251) as u8).collect();
    let authority = Authority::new();
    for is_tls in [false, true] {
        let (content, config) = (input.clone(), authority.server(&["localhost", "127.0.0.1"]));
        let server = Raw::start(move |stream| {
            if !is_tls {
                return halting(stream, &content);
            }
            let mut stream = accept(&config, stream)?;
            halting(&mut stream, &content)?;
            close(stream)
        });
        let url = server.url();
        let url = if is_tls {
            url.replace("http:", "https:")
        } else {
            url
        };
        let session = builder().endpoint_url(url).ca_bundle_pem(authority.root());
        let session = session.build().expect("a session");
        let token = CancelToken::new();
        let request = predictor(&session).request_reader(io::Cursor::new(input.clone()));
        let response = request.cancel(token.clone()).submit().expect("all of it");
        let result = response
            .get_result::<Vec<u8>>(&wait(token))
            .expect("all of it");
        assert!(result == *input, "{} bytes", result.len());
    }
}

#[test]
fn a_tls_handshake_that_hangs_ends_with_the_wait() {
    let (server, hangs) = silent(|stream| stream.read_exact(&mut [0]));
    let session = session(&server.url().replace("http:", "https:"));
    is_stopped(cancelled(hangs, |token| {
        response(&session).get_result::<Vec<u8>>(&wait(token))
    }));
}

#[test]
fn a_download_that_stalls_is_stopped() {
    let (server, hangs) = silent(|stream| {
        after_head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 100\r\n\r\nonly this")
    });
    let session = session(&server.url());
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("result");
    let outcome = cancelled(hangs, |token| {
        response(&session).download(&path, &wait(token))
    });
    match outcome {
        Err(Error::Transfer(error)) => assert_eq!(error.kind(), TransferErrorKind::Stopped),
        // The token was faster than the response's head.
        Err(Error::WaitStopped(_)) => {}
        other => panic!("{other:?}"),
    }
    assert!(!path.exists());
}

#[test]
fn a_submit_without_a_response_may_have_been_submitted() {
    let (server, hangs) = silent(after_head);
    let session = session(&server.url());
    let outcome = cancelled(hangs, |token| {
        let request = predictor(&session).request("input").inline();
        request.inference_id("job-1").cancel(token).submit()
    });
    match outcome {
        Err(Error::MaybeSubmitted(maybe)) => assert_eq!(maybe.inference_id(), "job-1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_submit_that_backs_off_ends_and_says_why_it_was_refused() {
    let token = CancelToken::new();
    let canceller = token.clone();
    let server = Raw::start(move |mut stream| {
        read_head(&stream)?;
        // Before the response, so that the pause after it ends at once.
        canceller.cancel();
        stream.write_all(
            b"HTTP/1.1 400 Bad Request\r\nx-amzn-errortype: ThrottlingException\r\n\
              content-length: 2\r\nconnection: close\r\n\r\n{}",
        )
    });
    let session = session(&server.url());
    let request = predictor(&session).request("input").inline();
    let error = request.cancel(token).submit().expect_err("a throttled one");
    let Error::Transport(stopped) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(stopped.kind(), TransportErrorKind::Cancelled);
    assert_eq!(stopped.attempts(), 1);
    assert!(!error.is_retryable(), "the caller stopped it");
    let before = error.source().expect("the refusal").to_string();
    assert!(before.contains("ThrottlingException"), "{before}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn predict_gives_up_its_submit_too() {
    let (server, hangs) = silent(after_head);
    let session = session(&server.url());
    let outcome = cancelled(hangs, |token| {
        let predictor = predictor(&session).with_waiter_config(wait(token));
        predictor.predict::<_, Vec<u8>>("input")
    });
    assert!(
        matches!(outcome, Err(Error::MaybeSubmitted(_))),
        "{outcome:?}"
    );
}

#[test]
fn a_batch_of_submits_reports_those_without_a_response() {
    let (server, hangs) = silent(after_head);
    let session = session(&server.url());
    let outcomes: Vec<_> = cancelled(hangs, |token| {
        let predictor = predictor(&session);
        let submits = predictor.submit_all(["a", "b", "c"]).concurrency(1);
        submits.expect("a concurrency").cancel(token).collect()
    });
    assert_eq!(outcomes.len(), 1);
    assert!(matches!(outcomes[0], Err(Error::MaybeSubmitted(_))));
}

#[test]
fn a_stalled_upload_is_abandoned_and_nothing_is_submitted() {
    // It reads the head and nothing of the body, which is more than the sockets' buffers hold.
    let (server, hangs) = {
        let (reached, hangs) = channel();
        let server = Raw::start(move |stream| {
            read_head(&stream)?;
            let _ = reached.send(());
            SystemClock.sleep(Duration::from_mins(1));
            Ok(())
        });
        (server, hangs)
    };
    let session = session(&server.url());
    let input = vec![b'x'; 12 << 20];
    let outcome = cancelled(hangs, |token| {
        let request = predictor(&session).request_reader(io::Cursor::new(input));
        request.cancel(token).submit()
    });
    assert!(
        matches!(outcome, Err(Error::Transport(_) | Error::Transfer(_))),
        "{outcome:?}"
    );
    assert!(server.connections() <= 2);
}

#[test]
fn a_description_that_does_not_come_ends_the_wait_for_an_endpoint() {
    let (server, hangs) = silent(after_head);
    let session = session(&server.url());
    let outcome = cancelled(hangs, |token| {
        let waiter = EndpointWaiter::in_service().cancel(token);
        Endpoint::new("my-endpoint", &session).wait_in_service(&waiter)
    });
    assert!(
        matches!(outcome, Err(Error::EndpointWait(_))),
        "{outcome:?}"
    );
}

#[test]
fn a_response_that_comes_soon_after_the_cancellation_is_not_lost() {
    let (responded, cancel) = channel::<()>();
    let token = CancelToken::new();
    let canceller = token.clone();
    let server = Raw::start(move |mut stream| {
        read_head(&stream)?;
        // The submit is under way: from here on it is cancelled, and still gets its response.
        canceller.cancel();
        SystemClock.sleep(Duration::from_millis(100));
        stream.write_all(
            b"HTTP/1.1 202 Accepted\r\nx-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\
              content-length: 2\r\n\r\n{}",
        )?;
        let _ = responded.send(());
        Ok(())
    });
    let session = session(&server.url());
    let request = predictor(&session).request("input").inline();
    let response = request.cancel(token).submit().expect("a submit");
    assert_eq!(response.output_path().to_string(), "s3://my-bucket/out");
    cancel.recv().expect("a response");
}
