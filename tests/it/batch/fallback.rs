//! Where listing does not work or is more expensive: GETs, in turn.

use std::time::Duration;

use crate::support::service_code;
use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::batch::Completed;
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::{AsyncPredictor, Error, Json, WaiterConfig, as_completed};

use super::support::client::{denied, is_list, not_found, s3_error, session_at, uri};
use super::support::s3::S3Server;
use super::support::verifier::{Reply, Rules, Verifier};
use super::support::{ACCESS_KEY, SECRET_KEY};
use super::{
    count, finish_all, idle_endpoint, in_folder, now, often, predictor, predictor_in, put, since,
};
use sagemaker_async_inference::sys::{Clock, ManualClock};

type All = Vec<Completed<Json>>;

fn succeeded(all: &All) -> usize {
    all.iter()
        .filter(|done| done.result::<u32>().is_ok())
        .count()
}

#[test]
fn polls_every_handle_by_get_without_permission_to_list() {
    let endpoint = idle_endpoint(|builder| builder.list_allowed(false));
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 40);
    for response in &responses[..30] {
        put(&endpoint, response, "1");
    }
    let mut waiting = as_completed(responses, &often());
    for _ in 0..30 {
        assert!(
            waiting
                .next()
                .is_some_and(|done| done.result::<u32>().is_ok())
        );
    }
    // Ten are denied and pending; they come yet.
    for response in in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 40) {
        put(&endpoint, &response, "1");
    }
    assert_eq!(
        waiting.filter(|done| done.result::<u32>().is_ok()).count(),
        10
    );
    // It was attempted once, and showed what the denials mean.
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 1);
}

#[test]
fn a_caller_who_may_list_but_not_read_gets_the_refusal() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 20);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    endpoint.fault(Fault::on(Operation::GetObject).always().access_denied());
    let all: All = finish_all(responses, &often());
    assert_eq!(all.len(), 20);
    for done in all {
        assert!(
            done.result::<u32>()
                .is_err_and(|e| service_code(&e) == Some("AccessDenied"))
        );
    }
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 1);
}

#[test]
fn a_folder_full_of_other_objects_is_not_listed_again_and_again() {
    let endpoint = idle_endpoint(|b| b);
    // Five thousand others between each two of ours.
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 30);
    for number in 0..5000 {
        let key = format!("out/00000.out.{number}");
        endpoint.put_object(endpoint.bucket(), &key, "");
        let key = format!("out-failures/00000.err.{number}");
        endpoint.put_object(endpoint.bucket(), &key, "");
    }
    put(&endpoint, &responses[29], "1");
    let waiter = WaiterConfig::new(20, Duration::from_millis(5)).expect("a wait");
    let all: All = finish_all(responses, &waiter);
    assert_eq!(succeeded(&all), 1);
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 1);
}

#[test]
fn what_lies_deeper_or_before_is_not_in_the_way() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 1500);
    for number in 0..5000 {
        for key in [
            format!("out/00000.out.d/{number}"),
            format!("out/0000-{number}"),
        ] {
            endpoint.put_object(endpoint.bucket(), &key, "");
        }
    }
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let all: All = finish_all(responses, &often());
    assert_eq!(succeeded(&all), 1500);
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 2);
    assert_eq!(count(&endpoint, Operation::GetObject), 1500);
}

#[test]
fn a_listing_that_fails_is_replaced_by_gets_and_tried_again_later() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 30);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    endpoint.fault(Fault::on(Operation::ListObjectsV2).times(1).status(500));
    endpoint.fault(
        Fault::on(Operation::ListObjectsV2)
            .always()
            .truncate_body(200),
    );
    let all: All = finish_all(responses, &often());
    assert_eq!(succeeded(&all), 30);
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 1);
    assert_eq!(count(&endpoint, Operation::GetObject), 30);
}

#[test]
fn an_output_that_vanishes_after_it_was_listed_is_waited_for_again() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 20);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .key_contains("00004.out")
            .times(2)
            .error(404, "NoSuchKey"),
    );
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .key_contains("00006.out")
            .times(2)
            .truncate_body(0),
    );
    let all: All = finish_all(responses, &often());
    assert_eq!(succeeded(&all), 20);
}

/// A listing that leaves out an existing object does not hide it for ever.
#[test]
fn the_last_poll_of_a_handle_is_a_get_of_its_own() {
    let server = Verifier::start(Rules::new(), |seen| {
        if is_list(seen) {
            Reply::new(
                200,
                "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
            )
        } else if seen.path.contains("/out/") {
            Reply::new(200, "1")
        } else {
            not_found()
        }
    });
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(&server.url()));
    let responses = in_folder(&predictor, "out-bucket", "out", 15);
    let waiter = WaiterConfig::new(3, Duration::from_millis(5)).expect("a wait");
    let all: All = finish_all(responses, &waiter);
    assert_eq!(succeeded(&all), 15);
    let seen = server.seen().into_iter();
    let of_outputs = seen.filter(|seen| is_list(seen) && seen.path.contains("prefix=out%2F"));
    assert_eq!(of_outputs.count(), 3, "three rounds");
}

#[test]
fn a_store_that_cannot_list_and_one_that_lists_nonsense_are_polled_by_gets() {
    let replies: [fn() -> Reply; 4] = [
        || s3_error(501, "NotImplemented", "no"),
        || s3_error(404, "NoSuchBucket", "no"),
        || Reply::new(200, "<html>welcome</html>"),
        denied,
    ];
    for listing in replies {
        let server = Verifier::start(Rules::new(), move |seen| {
            if is_list(seen) {
                listing()
            } else if seen.path.contains("/out/") {
                Reply::new(200, "1")
            } else {
                not_found()
            }
        });
        let predictor = AsyncPredictor::new("my-endpoint", &session_at(&server.url()));
        let all: All = finish_all(in_folder(&predictor, "out-bucket", "out", 15), &often());
        assert_eq!(succeeded(&all), 15);
        let seen = server.seen();
        assert_eq!(seen.iter().filter(|seen| is_list(seen)).count(), 1);
        assert!(seen.iter().all(|seen| seen.verified.is_ok()));
    }
}

#[test]
fn odd_keys_are_listed_and_found() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let names = [
        "a b",
        "a+b",
        "a%20b",
        "ü",
        "日本",
        "a&b<c>\"'",
        "~",
        "a=b?c#d",
        "!()*",
        ".",
        "\u{1}",
    ];
    let mut responses = Vec::new();
    for copy in ["", "x", "é"] {
        for name in names {
            let output = uri(&format!("s3://{}/odd +ü/{name}{copy}", endpoint.bucket()));
            responses.push(
                AsyncInferenceResponse::new(&predictor, output, None).expect("valid locations"),
            );
        }
    }
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let all: All = finish_all(responses, &often());
    assert_eq!(succeeded(&all), 33);
    assert_eq!(count(&endpoint, Operation::ListObjectsV2), 1);
    assert_eq!(count(&endpoint, Operation::GetObject), 33);
}

#[test]
fn a_server_that_others_wrote_is_listed() {
    let server = S3Server::start(ACCESS_KEY, SECRET_KEY);
    server.create_bucket("out-bucket");
    let folder = server.dir().join("out-bucket/out");
    std::fs::create_dir(&folder).expect("a folder");
    let predictor = AsyncPredictor::new("my-endpoint", &session_at(server.url()));
    let responses = in_folder(&predictor, "out-bucket", "out", 40);
    for number in 0..40 {
        std::fs::write(folder.join(format!("{number:05}.out")), "1").expect("an object");
    }
    let all: All = finish_all(responses, &often());
    assert_eq!(succeeded(&all), 40);
}

#[test]
fn one_slow_handle_starves_no_other() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 30);
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .key_contains("00000")
            .always()
            .hang(),
    );
    for response in &responses[1..] {
        put(&endpoint, response, "1");
    }
    let deadline = Duration::from_secs(3);
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_millis(10))
        .max_attempts(10_000)
        .deadline(deadline)
        .build()
        .expect("a wait");
    for listing in [true, false] {
        let began = now();
        let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 30);
        let mut waiting = as_completed(responses, &waiter);
        if !listing {
            waiting = waiting.without_listing();
        }
        for _ in 1..30 {
            let done = waiting.next().expect("an outcome");
            assert!(done.index() > 0 && done.result::<u32>().is_ok());
        }
        assert!(since(began) < deadline, "{:?}", since(began));
        let slow = waiting.next().expect("an outcome").result::<u32>();
        assert!(matches!(slow, Err(Error::PollingTimeout(_))), "{slow:?}");
        assert!(since(began) < deadline + Duration::from_secs(1));
    }
}

#[test]
fn gets_are_bounded_per_second_and_in_turn() {
    let endpoint = idle_endpoint(|b| b);
    let clock = ManualClock::new();
    let predictor = predictor_in(&endpoint, &clock);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 200);
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_millis(1))
        .max_attempts(10_000)
        .deadline(Duration::from_secs(1))
        .build()
        .expect("a wait");
    let waiting = as_completed(responses, &waiter)
        .without_listing()
        .polls_per_second(300.0)
        .expect("a rate");
    for done in waiting {
        match done.result::<u32>() {
            Err(Error::PollingTimeout(timeout)) => {
                assert!(
                    (1..=2).contains(&timeout.attempts()),
                    "{}",
                    timeout.attempts()
                );
            }
            other => panic!("{other:?}"),
        }
    }
    // Each poll is a GET of the output and one of the failure.
    let gets = count(&endpoint, Operation::GetObject);
    assert!((400..=660).contains(&gets), "{gets}");
}

/// A throttled request at the beginning must not hold up the others for longer than the service does.
#[test]
fn throttled_gets_at_the_beginning_are_soon_repeated() {
    let endpoint = idle_endpoint(|b| b);
    let clock = ManualClock::new();
    let predictor = predictor_in(&endpoint, &clock);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 30);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    endpoint.fault(Fault::on(Operation::GetObject).times(7).throttle());
    let waiter = WaiterConfig::new(100, Duration::from_secs(1)).expect("a wait");
    let began = clock.monotonic();
    let waiting = as_completed(responses, &waiter).without_listing();
    assert_eq!(
        waiting.filter(|done| done.result::<u32>().is_ok()).count(),
        30
    );
    let lasted = clock.monotonic().saturating_sub(began);
    assert!(lasted < Duration::from_secs(15), "{lasted:?}");
    assert_eq!(count(&endpoint, Operation::GetObject), 37);
}
