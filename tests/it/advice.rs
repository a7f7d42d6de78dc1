//! Advice is given where the cause is known, and unrecognized bodies are shown.

use crate::support;

use std::io::Write as _;
use std::time::Duration;

use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::sys::{Clock, ManualClock};
use sagemaker_async_inference::{Error, ServiceError};
use support::client::{self, predictor, s3_error, uri};
use support::raw::{Raw, read_head};
use support::verifier::{Reply, Rules, Verifier};
use support::wait::response;

/// The refusal of a poll with this response.
fn poll_refusal(reply: Reply) -> ServiceError {
    let server = Verifier::start(Rules::new(), move |_| reply.clone());
    let session = client::builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    match response(&session).try_get_result::<Vec<u8>>() {
        Err(Error::Service(fault)) => *fault,
        other => panic!("{other:?}"),
    }
}

/// The error of a submit with this response, in one line.
fn submit_error(reply: Reply) -> String {
    let server = Verifier::start(Rules::new(), move |_| reply.clone());
    let session = client::builder()
        .endpoint_url(server.url())
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    let submitted = predictor(&session)
        .request_at(uri("s3://my-bucket/in"))
        .submit();
    let error = submitted.expect_err("a refusal");
    let mut line = format!("{error:#}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        line = format!("{line}: {error:#}");
        source = error.source();
    }
    line
}

#[test]
fn grants_are_advised_for_codes_of_authorisation_only() {
    for (status, code) in [
        (403, "InvalidObjectState"),
        (403, "AllAccessDisabled"),
        (403, "AccountProblem"),
        (403, "InvalidPayer"),
        (403, "SomethingNew"),
        (403, "ForbiddenException"),
    ] {
        let fault = poll_refusal(s3_error(status, code, "no"));
        assert_eq!(fault.code(), Some(code));
        assert!(!format!("{fault:#}").contains("grant"), "{fault}");
    }
    let locked = s3_error(
        403,
        "AccessDenied",
        "Access Denied because object protected by object lock.",
    );
    let server = Verifier::start(Rules::new(), move |_| locked.clone());
    let session = client::builder().endpoint_url(server.url());
    let session = session
        .retry(RetryConfig::off())
        .build()
        .expect("a session");
    let deleted = response(&session).try_get_result::<Vec<u8>>();
    assert!(!format!("{deleted:?}").contains("grant"), "{deleted:?}");
}

#[test]
fn an_archived_object_is_to_be_restored() {
    let fault = poll_refusal(s3_error(403, "InvalidObjectState", "storage class"));
    let remedy = fault.remedy().expect("a remedy");
    assert!(remedy.contains("restore"), "{remedy}");
    assert!(remedy.contains("s3://out-bucket/"), "{remedy}");
}

#[test]
fn a_body_that_is_not_the_services_is_shown() {
    let page = "<!DOCTYPE html><html><head><title>Web Page Blocked</title><script>x()</script></head>\
                <body>Category:\x1b[31m <b>Cloud</b></body></html>";
    for (body, shown) in [
        (page, "\"Web Page Blocked Category: [31m Cloud\""),
        (
            "upstream connect error\r\nreset",
            "\"upstream connect error reset\"",
        ),
        ("{\"detail\": [\"forbidden\"]}", "forbidden"),
        (
            "<?xml version=\"1.0\"?><Fault>emulator says no</Fault>",
            "emulator says no",
        ),
    ] {
        let fault = poll_refusal(Reply::new(400, body));
        assert_eq!(fault.code(), None);
        let line = format!("{fault:#}");
        assert!(line.contains(shown), "{line}");
        assert!(line.contains("proxies and web filters"), "{line}");
        assert!(!line.contains('\x1b'), "{line}");
        assert!(fault.unrecognized_body().is_some());

        let line = submit_error(Reply::new(403, body));
        assert!(line.contains(shown), "{line}");
        assert!(!line.contains("grant"), "{line}");
    }
    let long = poll_refusal(Reply::new(400, "so long ".repeat(10_000)));
    assert!(long.to_string().len() < 1000, "{long}");
    let s3s = poll_refusal(s3_error(400, "InvalidArgument", "its own words"));
    assert_eq!(s3s.unrecognized_body(), None);
    assert!(s3s.to_string().contains("its own words"));
}

/// To the end of a wait too: what a filter refuses needs no grant.
#[test]
fn a_wait_that_a_filter_refuses_advises_no_grant() {
    let page = "<html><title>Blocked by the filter</title></html>";
    let server = Verifier::start(Rules::new(), move |_| Reply::new(403, page));
    let session = client::session_in(&server.url(), ManualClock::new());
    let waiter = support::wait::waiter(|w| w.max_attempts(3));
    let timeout = support::wait::timed_out(response(&session).get_result(&waiter));
    let text = format!("{timeout:#}");
    assert!(text.contains("Blocked by the filter"), "{text}");
    assert!(!text.contains("grant"), "{text}");
    assert_eq!(timeout.observed().failed, 3);
}

/// Success that is not the service's: it is unknown whether the request was carried out, but the sender is known.
#[test]
fn a_page_in_place_of_a_success_is_shown() {
    let page = "<html><body><h1>Log in to the guest network</h1></body></html>";
    let line = submit_error(Reply::new(200, page));
    assert!(line.contains("Log in to the guest network"), "{line}");
}

#[test]
fn the_clock_is_to_be_set_where_it_is_wrong() {
    let skewed = |date: Option<String>| {
        let body = "<Error><Code>RequestTimeTooSkewed</Code><Message>no</Message></Error>";
        let date = date.map_or(String::new(), |date| format!("date: {date}\r\n"));
        let length = body.len();
        format!("HTTP/1.1 403 Forbidden\r\n{date}content-length: {length}\r\n\r\n{body}")
    };
    let clock = ManualClock::new();
    let at = |offset: i64| {
        let moment = clock.now();
        let off = Duration::from_secs(offset.unsigned_abs());
        let moment = if offset < 0 {
            moment - off
        } else {
            moment + off
        };
        httpdate(moment)
    };
    for (date, words) in [
        (Some(at(2 * 3600)), Some("is 2 hours behind the service's")),
        (
            Some(at(-1800)),
            Some("is 30 minutes ahead of the service's"),
        ),
        (Some(at(20)), None),
        (None, None),
    ] {
        let reply = skewed(date.clone());
        let server = Raw::start(move |mut stream| {
            loop {
                read_head(&stream)?;
                stream.write_all(reply.as_bytes())?;
            }
        });
        let sys = client::sys().with_clock(clock.clone());
        let session = client::builder().sys(sys).endpoint_url(server.url());
        let session = session
            .retry(RetryConfig::off())
            .build()
            .expect("a session");
        let outcome = response(&session).try_get_result::<Vec<u8>>();
        let Err(Error::Service(fault)) = outcome else {
            panic!("{outcome:?}");
        };
        match words {
            Some(words) => assert!(format!("{fault:#}").contains(words), "{fault}"),
            None => assert_eq!(fault.remedy(), None, "{date:?}"),
        }
    }
}

fn httpdate(time: std::time::SystemTime) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time::OffsetDateTime::from(time)
        .format(&format)
        .expect("a date")
}
