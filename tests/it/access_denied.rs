//! What a 403 means while a result is waited for.

use crate::support;
use crate::support::service_code;

use std::sync::Mutex;
use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::sys::ManualClock;
use sagemaker_async_inference::waiter::AccessDenied;
use sagemaker_async_inference::{Error, WaiterConfig};
use support::{
    client::{denied, is_list, not_found, predictor, s3_error, session_in, uri},
    verifier::{Reply, Rules, Verifier},
    wait::{FAILURE, OUTPUT, is_output, response, seconds, timed_out, waiter},
};

/// 403 for every object until there have been `polls` polls of the output; `may_list` responds to the probe.
fn without_list(polls: usize, may_list: bool) -> Verifier {
    let looks = Mutex::new(0);
    Verifier::start(Rules::new(), move |seen| {
        if is_list(seen) {
            return if may_list {
                Reply::new(200, "<ListBucketResult></ListBucketResult>")
            } else {
                denied()
            };
        }
        let mut looks = looks.lock().expect("a count");
        *looks += usize::from(is_output(seen));
        if is_output(seen) && *looks > polls {
            Reply::new(200, "result")
        } else {
            denied()
        }
    })
}

fn lists(server: &Verifier) -> usize {
    server.seen().iter().filter(|seen| is_list(seen)).count()
}

#[test]
fn a_403_of_one_who_may_not_list_means_not_there_yet() {
    let server = without_list(3, false);
    let clock = ManualClock::new();
    let session = session_in(&server.url(), clock.clone());
    let result: Vec<u8> = response(&session)
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(result, b"result");
    assert_eq!(clock.slept(), seconds(45));
    assert_eq!(lists(&server), 1);
}

#[test]
fn a_403_of_one_who_may_list_is_final() {
    let server = without_list(3, true);
    let clock = ManualClock::new();
    let session = session_in(&server.url(), clock.clone());
    let error = response(&session)
        .get_result::<Vec<u8>>(&WaiterConfig::default())
        .expect_err("a refusal");
    assert!(service_code(&error) == Some("AccessDenied"), "{error:?}");
    assert!(format!("{error:#}").contains("s3:GetObject"), "{error}");
    assert_eq!(clock.slept(), Duration::ZERO);
    let look = response(&session).try_get_result::<Vec<u8>>();
    assert!(matches!(look, Err(Error::Service(_))), "{look:?}");
}

#[test]
fn a_403_to_the_end_is_a_timeout_that_names_the_grant() {
    let server = without_list(usize::MAX, false);
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(5))));
    let observed = timeout.observed();
    assert_eq!(
        (observed.access_denied, observed.not_found, observed.failed),
        (5, 0, 0)
    );
    let text = format!("{timeout:#}");
    for part in [
        "5 denied",
        "s3:GetObject on arn:aws:s3:::out-bucket/*",
        "s3:ListBucket on arn:aws:s3:::out-bucket",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(
        timeout
            .last_response()
            .is_some_and(|last| last.contains("AccessDenied"))
    );
    assert_eq!(lists(&server), 1);
    assert!(matches!(
        response(&session).try_get_result::<Vec<u8>>(),
        Ok(None)
    ));
}

#[test]
fn the_waiters_policy_says_what_a_403_means() {
    let server = without_list(3, true);
    let session = session_in(&server.url(), ManualClock::new());
    let pending = waiter(|w| w.access_denied(AccessDenied::Pending));
    let result: Vec<u8> = response(&session).get_result(&pending).expect("a result");
    assert_eq!(result, b"result");
    assert_eq!(lists(&server), 0);

    let server = without_list(3, false);
    let session = session_in(&server.url(), ManualClock::new());
    let fail = waiter(|w| w.access_denied(AccessDenied::Fail));
    let outcome = response(&session).get_result::<Vec<u8>>(&fail);
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(lists(&server), 0);
}

#[test]
fn a_probe_that_fails_is_made_again() {
    let probes = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        if !is_list(seen) {
            return denied();
        }
        let mut probes = probes.lock().expect("a count");
        *probes += 1;
        if *probes == 1 {
            s3_error(400, "Odd", "?")
        } else {
            Reply::new(200, "<ListBucketResult></ListBucketResult>")
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let outcome = response(&session).get_result::<Vec<u8>>(&WaiterConfig::default());
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
    assert_eq!(lists(&server), 2);
}

#[test]
fn a_failure_object_that_may_not_be_read_is_reported_and_the_wait_continues() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_output(seen) {
            not_found()
        } else {
            denied()
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(4))));
    let text = format!("{timeout:#}");
    assert_eq!(
        timeout.observed().not_found + timeout.observed().access_denied,
        4
    );
    assert!(
        text.contains(FAILURE) && text.contains("s3:GetObject"),
        "{text}"
    );
    assert!(matches!(
        response(&session).try_get_result::<Vec<u8>>(),
        Ok(None)
    ));
    let fail = waiter(|w| w.access_denied(AccessDenied::Fail));
    let outcome = response(&session).get_result::<Vec<u8>>(&fail);
    assert!(matches!(outcome, Err(Error::Service(_))), "{outcome:?}");
}

#[test]
fn a_timeout_names_the_grants_for_both_buckets() {
    let server = Verifier::start(Rules::new(), |_| denied());
    let session = session_in(&server.url(), ManualClock::new());
    let response = AsyncInferenceResponse::new(
        &predictor(&session),
        uri(OUTPUT),
        Some(uri("s3://failures/1.error")),
    )
    .expect("valid locations");
    let timeout = timed_out(response.get_result(&waiter(|w| w.max_attempts(2))));
    for bucket in ["out-bucket", "failures"] {
        let grant = format!("s3:ListBucket on arn:aws:s3:::{bucket}");
        assert!(timeout.remedy().contains(&grant), "{timeout}");
    }
}

#[test]
fn a_page_that_is_no_listing_does_not_make_a_403_final() {
    let looks = Mutex::new(0);
    let server = Verifier::start(Rules::new(), move |seen| {
        if is_list(seen) {
            return Reply::new(200, "<html><p>a proxy's page</html>");
        }
        let mut looks = looks.lock().expect("a count");
        *looks += usize::from(is_output(seen));
        if is_output(seen) && *looks > 2 {
            Reply::new(200, "result")
        } else {
            denied()
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let result = response(&session).get_result::<Vec<u8>>(&WaiterConfig::default());
    assert_eq!(result.expect("a result"), b"result");
}

/// The response of some S3 servers, and of S3 itself to a HEAD: the status alone does not say whether a permission is missing.
#[test]
fn a_bare_403_to_the_end_says_what_is_known_and_no_more() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_list(seen) {
            denied()
        } else {
            Reply::new(403, "")
        }
    });
    let session = session_in(&server.url(), ManualClock::new());
    let timeout = timed_out(response(&session).get_result(&waiter(|w| w.max_attempts(3))));
    assert_eq!(timeout.observed().access_denied, 3);
    let text = format!("{timeout:#}");
    assert!(!text.contains("grant"), "{text}");
    for part in [
        "does not exist yet or may not be read",
        "s3:GetObject on arn:aws:s3:::out-bucket/*",
        "endpoint URL",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

/// S3 asks KMS for the key of an object only once it has found the object: without the right to use the key, waiting
/// is in vain.
#[test]
fn a_403_about_the_key_of_an_object_is_final_and_names_the_grant() {
    let message = "User: arn:aws:iam::123456789012:user/a is not authorized to perform: kms:Decrypt on the resource \
                   associated with this ciphertext because no identity-based policy allows the kms:Decrypt action";
    for object in [OUTPUT, FAILURE] {
        let of_key = move |path: &str| object.ends_with(path.trim_start_matches("/out-bucket"));
        let server = Verifier::start(Rules::new(), move |seen| match seen {
            seen if is_list(seen) => denied(),
            seen if of_key(&seen.path) => s3_error(403, "AccessDenied", message),
            _ => not_found(),
        });
        let clock = ManualClock::new();
        let session = session_in(&server.url(), clock.clone());
        let waiters = [
            WaiterConfig::default(),
            waiter(|w| w.access_denied(AccessDenied::Pending)),
        ];
        for waiter in waiters {
            let error = response(&session)
                .get_result::<Vec<u8>>(&waiter)
                .expect_err("a refusal");
            assert_eq!(service_code(&error), Some("AccessDenied"), "{error:?}");
            let remedy = error.remedy().expect("a remedy");
            assert!(remedy.contains("kms:Decrypt"), "{remedy}");
            assert!(remedy.contains("KMS key"), "{remedy}");
        }
        let polled = response(&session).try_get_result::<Vec<u8>>();
        assert!(matches!(polled, Err(Error::Service(_))), "{polled:?}");
        assert_eq!(clock.slept(), Duration::ZERO);
        assert_eq!(lists(&server), 0);
    }
}
