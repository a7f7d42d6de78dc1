//! After a refusal because of the clock the request is sent once more, in any format of the service's time.

use crate::support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::{Error, Session};
use support::{
    client::{accepted, is_submit, predictor, refused, s3_error, session_in},
    verifier::{Reply, Rules, Verifier},
    wait::response,
};

/// 2022-11-06T08:49:37Z.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_667_724_577)
}

const HOUR: Duration = Duration::from_hours(1);
const DATE: &str = "Sun, 06 Nov 2022 08:49:37 GMT";

const EXPIRED: &str = "Signature expired: 20221106T074937Z is now earlier than 20221106T084437Z (20221106T084937Z - 5 min.)";

/// A server at [`now`] that refuses every signature with another time.
fn server(refusal: Reply) -> Verifier {
    let rules = Rules {
        now: Some(now()),
        refusal: Some(refusal),
        ..Rules::new()
    };
    Verifier::start(rules, |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else {
            Reply::new(200, "result")
        }
    })
}

fn skewed() -> Reply {
    s3_error(403, "RequestTimeTooSkewed", "The difference is large.")
}

fn expired(message: &str) -> Reply {
    refused(403, "InvalidSignatureException", message)
}

/// Polls if the refusal is S3's, and submits otherwise.
fn attempt(session: &Session, refusal: &Reply) -> Result<(), Error> {
    if refusal.body.starts_with(b"<") {
        response(session).try_get_result::<Vec<u8>>().map(drop)
    } else {
        let request = predictor(session).request("late").inline();
        request.submit().map(drop)
    }
}

#[test]
fn the_services_time_is_learned_in_whatever_form_it_comes() {
    let server_time = "<Error><Code>RequestTimeTooSkewed</Code><RequestTime>20221106T074937Z</RequestTime>\
                       <ServerTime>2022-11-06T08:49:37Z</ServerTime></Error>";
    let refusals = [
        skewed().header("date", DATE),
        skewed().header("date", "Sun, 06 Nov 2022 08:49:37 UTC"),
        skewed().header("date", "Sunday, 06-Nov-22 08:49:37 GMT"),
        skewed().header("date", "Sun Nov  6 08:49:37 2022"),
        Reply::new(403, server_time),
        Reply::new(403, server_time).header("date", "about noon"),
        expired(EXPIRED),
        expired(
            "Signature not yet current: 20221106T094937Z is still later than 20221106T085437Z \
             (20221106T084937Z + 5 min.)",
        ),
    ];
    for refusal in refusals {
        for start in [now() - HOUR, now() + HOUR] {
            let server = server(refusal.clone());
            let session = session_in(&server.url(), ManualClock::starting_at(start));
            attempt(&session, &refusal).unwrap_or_else(|error| panic!("{refusal:?}: {error:?}"));
            assert_eq!(server.seen().len(), 2);
            // The correction stays, and applies to every service.
            let result = response(&session).try_get_result::<Vec<u8>>();
            assert_eq!(result.expect("a result").as_deref(), Some(&b"result"[..]));
            assert_eq!(server.seen().len(), 3);
        }
    }
}

#[test]
fn a_request_that_was_late_though_the_clock_is_right_is_signed_again_once() {
    for refusal in [
        skewed().header("date", DATE),
        expired(EXPIRED),
        expired(EXPIRED).header("date", DATE),
        refused(403, "SignatureDoesNotMatch", EXPIRED).header("date", DATE),
    ] {
        for times in [1, 2] {
            let (count, limit) = (AtomicU32::new(0), times);
            let rules = Rules {
                now: Some(now()),
                ..Rules::new()
            };
            let again = refusal.clone();
            let server = Verifier::start(rules, move |seen| {
                if count.fetch_add(1, Ordering::SeqCst) < limit {
                    again.clone()
                } else if is_submit(seen) {
                    accepted("s3://my-bucket/out")
                } else {
                    Reply::new(200, "result")
                }
            });
            let session = session_in(&server.url(), ManualClock::starting_at(now()));
            let outcome = attempt(&session, &refusal);
            assert_eq!(outcome.is_ok(), times == 1, "{refusal:?}: {outcome:?}");
            assert_eq!(server.seen().len(), 2);
            assert!(server.seen().iter().all(|seen| seen.verified.is_ok()));
        }
    }
}

#[test]
fn a_signature_that_is_wrong_for_another_reason_is_not_sent_again() {
    let wrong = refused(
        403,
        "SignatureDoesNotMatch",
        "The signature does not match.",
    );
    let server = Verifier::start(
        Rules {
            now: Some(now()),
            ..Rules::new()
        },
        move |_| wrong.clone().header("date", DATE),
    );
    let session = session_in(&server.url(), ManualClock::starting_at(now()));
    let error = predictor(&session).request("x").inline().submit();
    assert!(matches!(error, Err(Error::Service(_))), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}
