//! How many connections are made, and which of them are used again.

use crate::support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::sys::{Clock, Environment, ManualClock, Sys, SystemClock};
use sagemaker_async_inference::{AsyncPredictor, Error, WaiterConfig};
use support::client::{builder, predictor, uri};
use support::raw::{Raw, read_head};

/// Polls for a result that never appears; the given number of requests over one connection.
fn polls_take_one_connection(clock: impl Clock, polls: u32, delay: Duration) {
    let endpoint = LocalEndpoint::builder()
        .instances(0)
        .start()
        .expect("an endpoint");
    let sys = Sys::real()
        .with_environment(Environment::empty())
        .with_clock(clock);
    let session = endpoint.session_builder().sys(sys).build();
    let predictor = AsyncPredictor::new(endpoint.name(), &session.expect("a session"));
    let output = uri(&format!("s3://{}/missing", endpoint.bucket()));
    let waiter = WaiterConfig::new(polls, delay).expect("a wait");
    let response = AsyncInferenceResponse::new(&predictor, output, None).expect("valid locations");
    let outcome = response.get_result::<serde_json::Value>(&waiter);
    let Err(Error::PollingTimeout(timeout)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(timeout.attempts(), polls);
    assert_eq!(endpoint.requests().len(), polls as usize);
    assert_eq!(endpoint.connections(), 1);
}

#[test]
fn ten_thousand_polls_take_one_connection() {
    // The signatures' clock is virtual too: an hour of it would be refused.
    polls_take_one_connection(ManualClock::new(), 10_000, Duration::from_millis(1));
}

#[test]
fn a_poll_every_15_seconds_takes_one_connection() {
    // Connections age in the machine's time, so this cannot be virtual.
    polls_take_one_connection(SystemClock, 2, Duration::from_secs(15));
}

const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\
    x-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\r\n{}";

/// Submits repeatedly to a server that does this with each connection, and never over a connection that was used
/// before. Its end `ends` has arrived by then.
fn always_a_new_one(submits: usize, ends: fn(TcpStream) -> io::Result<()>) {
    let server = Raw::start(move |mut stream: TcpStream| {
        read_head(&stream)?;
        stream.write_all(ACCEPTED)?;
        ends(stream)
    });
    let session = builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    let predictor = predictor(&session);
    for number in 1..=submits {
        let request = predictor.request_at(uri("s3://my-bucket/in"));
        let _ = request.submit().expect("submitted");
        SystemClock.sleep(Duration::from_millis(50));
        assert_eq!(server.connections(), number);
    }
}

/// A submit over a connection that is dead already would leave open whether it
/// happened.
#[test]
fn a_connection_that_the_server_closed_is_not_used_for_the_next_submit() {
    always_a_new_one(10, |stream| {
        drop(stream); // without having said so
        Ok(())
    });
}

/// Without a pause between submits: the end of each connection is on its way behind the response.
#[test]
fn a_server_that_closes_each_connection_loses_no_submit() {
    let server = Raw::start(|mut stream| {
        support::raw::read_request(&mut stream)?;
        stream.write_all(ACCEPTED)
    });
    let session = builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    let predictor = predictor(&session);
    for _ in 0..300 {
        let request = predictor.request_at(uri("s3://my-bucket/in"));
        let _ = request.submit().expect("submitted");
    }
    assert_eq!(server.connections(), 300);
}

/// A close that comes only with the next request cannot be detected in advance, but after the first one.
#[test]
fn a_server_that_ends_connections_under_the_next_request_costs_one_submit() {
    let server = Raw::start(|mut stream| {
        support::raw::read_request(&mut stream)?;
        stream.write_all(ACCEPTED)?;
        // What is left unread makes it a reset.
        stream.peek(&mut [0]).map(drop)
    });
    let session = builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    let predictor = predictor(&session);
    let outcomes: Vec<_> = (0..30)
        .map(|_| {
            predictor
                .request_at(uri("s3://my-bucket/in"))
                .submit()
                .map(drop)
        })
        .collect();
    assert!(outcomes[0].is_ok());
    assert!(
        matches!(outcomes[1], Err(Error::MaybeSubmitted(_))),
        "{:?}",
        outcomes[1]
    );
    assert!(outcomes[2..].iter().all(Result::is_ok), "{outcomes:?}");
}

#[test]
fn a_connection_with_unrequested_bytes_is_not_reused() {
    always_a_new_one(5, |mut stream| {
        SystemClock.sleep(Duration::from_millis(5));
        stream.write_all(b"HTTP/1.1 500 Not Yours\r\ncontent-length: 0\r\n\r\n")?;
        stream.read(&mut [0]).map(drop)
    });
}
