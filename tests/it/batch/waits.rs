//! Outcomes of many waits: each as soon as it exists, none lost.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::batch::{AsCompleted, Completed};
use sagemaker_async_inference::local::{Fault, ModelResponse, Operation};
use sagemaker_async_inference::waiter::WaitStopReason;
use sagemaker_async_inference::{
    CancelToken, Error, InferenceHandle, Json, WaiterConfig, as_completed, wait_all,
};

use super::{
    count, finish_all, idle_endpoint, in_folder, now, often, predictor, put, since, start,
};

#[test]
fn a_thousand_are_found_with_few_requests() {
    let endpoint = start(|builder| {
        builder.model(|request| match &*request.body {
            b"13" => ModelResponse::failure(500, "unlucky"),
            body => ModelResponse::ok(body),
        })
    });
    let predictor = predictor(&endpoint);
    let responses = predictor.submit_all(0..1000).collect::<Result<Vec<_>, _>>();
    let mut seen = BTreeSet::new();
    for done in as_completed(responses.expect("submits"), &often()) {
        let index = done.index();
        assert!(seen.insert(index));
        match done.result::<usize>() {
            Ok(reply) => assert_eq!(index, reply),
            Err(Error::Model(failure)) => {
                assert_eq!(index, 13);
                assert!(failure.text().contains("unlucky"), "{}", failure.text());
            }
            Err(error) => panic!("{index}: {error}"),
        }
    }
    assert_eq!(seen.len(), 1000);
    // One GET an output; for the failure, the output's and its own, and the output's again.
    let gets = count(&endpoint, Operation::GetObject);
    let lists = count(&endpoint, Operation::ListObjectsV2);
    assert!(gets < 1100 && lists < 200, "{gets} GETs, {lists} LISTs");
}

#[test]
fn handles_of_any_mix_of_endpoints_buckets_and_folders_are_waited_for_together() {
    let endpoints = [
        idle_endpoint(|b| b),
        idle_endpoint(|b| b.bucket("other-bucket")),
    ];
    let mut responses = Vec::new();
    for endpoint in &endpoints {
        let predictor = predictor(endpoint);
        for (bucket, folder, number) in [
            (endpoint.bucket(), "many", 40),
            (endpoint.bucket(), "few", 3),
            ("third-bucket", "deep/er", 20),
        ] {
            for response in in_folder(&predictor, bucket, folder, number) {
                put(endpoint, &response, &responses.len().to_string());
                responses.push(response);
            }
        }
    }
    let all: Vec<Completed<Json>> = finish_all(responses, &often());
    assert_eq!(all.len(), 126);
    for (index, done) in all.into_iter().enumerate() {
        assert_eq!(done.index(), index);
        assert_eq!(done.result::<usize>().expect("a response"), index);
    }
    for endpoint in &endpoints {
        // Of the folders with more than a dozen.
        assert_eq!(count(endpoint, Operation::ListObjectsV2), 2);
        assert_eq!(count(endpoint, Operation::GetObject), 63);
    }
}

#[test]
fn an_error_of_one_loses_no_other() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let mut responses = in_folder(&predictor, endpoint.bucket(), "out", 30);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    // No such bucket; not JSON; refused permanently.
    responses.insert(
        7,
        in_folder(&predictor, "no-such-bucket", "out", 1).remove(0),
    );
    put(&endpoint, &responses[9], "{");
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .key_contains("00010.out")
            .always()
            .access_denied(),
    );
    let all: Vec<Completed<Json>> = finish_all(responses, &often());
    let errors: Vec<_> = all
        .iter()
        .filter_map(|done| Some((done.index(), done.result::<u32>().err()?)))
        .collect();
    assert!(
        matches!(
            &errors[..],
            [
                (7, Error::Service(a)),
                (9, Error::Codec(_)),
                (11, Error::Service(b)),
            ] if a.code() == Some("NoSuchBucket") && b.code() == Some("AccessDenied")
        ),
        "{errors:?}"
    );
}

#[test]
fn an_output_goes_before_a_failure_and_both_are_found_again() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 40);
    for response in &responses {
        let failure = response.failure_path().expect("a failure path");
        endpoint.put_object(failure.bucket(), failure.key(), "failed");
    }
    for response in &responses[..20] {
        put(&endpoint, response, "1");
    }
    let all: Vec<Completed<Json>> = finish_all(responses, &often());
    for done in &all {
        match done.result::<u32>() {
            Ok(_) => assert!(done.index() < 20),
            Err(Error::Model(_)) => assert!(done.index() >= 20),
            Err(error) => panic!("{error}"),
        }
    }
    // The responses keep what was found, and no further request is sent.
    endpoint.clear_requests();
    let responses: Vec<_> = all.into_iter().map(Completed::into_response).collect();
    for response in &responses {
        let kept = response.get_result::<u32>(&often());
        assert!(matches!(kept, Ok(1) | Err(Error::Model(_))));
    }
    let again: Vec<Completed<Json>> = finish_all(responses, &often());
    assert_eq!(
        again
            .iter()
            .filter(|done| done.result::<u32>().is_ok())
            .count(),
        20
    );
    assert_eq!(again.len(), 40);
    assert_eq!(endpoint.requests().len(), 0);
}

#[test]
fn two_handles_of_one_output_both_get_it() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let mut responses = in_folder(&predictor, endpoint.bucket(), "out", 20);
    responses.extend(in_folder(&predictor, endpoint.bucket(), "out", 20));
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let all: Vec<Completed<Json>> = finish_all(responses, &often());
    assert_eq!(
        all.iter()
            .filter(|done| done.result::<u32>().is_ok())
            .count(),
        40
    );
}

#[test]
fn a_cancelled_wait_returns_unfinished_handles_to_be_resumed_elsewhere() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 50);
    for response in &responses[..10] {
        put(&endpoint, response, "1");
    }
    let cancel = CancelToken::new();
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_millis(5))
        .max_attempts(10_000)
        .cancel(cancel.clone())
        .build()
        .expect("a wait");
    let mut waiting: AsCompleted<Json> = as_completed(responses, &waiter);
    for _ in 0..8 {
        assert!(waiting.next().is_some_and(|done| done.index() < 10));
    }
    cancel.cancel();
    assert!(waiting.next().is_none());
    let unfinished = waiting.unfinished();
    assert_eq!(unfinished.len(), 42);

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pending.jsonl");
    InferenceHandle::save_all(&unfinished, &path).expect("a file");
    drop(waiting);

    // With a session and a predictor of its own, as another process has them.
    let predictor = predictor(&endpoint);
    let handles = InferenceHandle::load_all(&path).expect("handles");
    let responses: Vec<_> = handles.into_iter().map(|h| predictor.resume(h)).collect();
    for response in &responses {
        put(&endpoint, response, "2");
    }
    let all: Vec<Completed<Json>> = finish_all(responses, &often());
    assert_eq!(all.iter().filter(|d| d.result::<u32>().is_ok()).count(), 42);
}

/// Outcomes that were known before the wait, or came together with the one during which it was cancelled.
#[test]
fn a_cancelled_wait_for_all_returns_a_result_for_each() {
    let endpoint = idle_endpoint(|b| b);
    let predictor = predictor(&endpoint);
    let cancel = CancelToken::new();
    cancel.cancel();
    let waiter = WaiterConfig::builder().cancel(cancel);
    let waiter = waiter.build().expect("a wait");
    let responses = in_folder(&predictor, endpoint.bucket(), "out", 30);
    for (number, response) in responses.iter().enumerate().step_by(3) {
        put(&endpoint, response, &number.to_string());
        let known: Option<usize> = response.try_get_result().expect("a result");
        assert_eq!(known, Some(number));
    }
    let results: Vec<Result<usize, _>> = wait_all(responses, &waiter);
    assert_eq!(results.len(), 30);
    for (number, result) in results.into_iter().enumerate() {
        match result {
            Ok(known) => assert_eq!((known, known % 3), (number, 0)),
            Err(error @ Error::WaitStopped(_)) => {
                let handle = error.handle().expect("a handle");
                let key = handle.output_path().key().to_owned();
                assert_eq!(key, format!("out/{number:05}.out"));
                assert_ne!(number % 3, 0);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn progress_reports_totals_and_may_end_it() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 30);
    for response in &responses {
        if response.output_path().key().contains("7.out") {
            let failure = response.failure_path().expect("a failure path");
            endpoint.put_object(failure.bucket(), failure.key(), "no");
        } else {
            put(&endpoint, response, "1");
        }
    }
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = reports.clone();
    let mut waiting: AsCompleted<Json> =
        as_completed(responses, &often()).progress(move |progress| {
            seen.lock().expect("reports").push(*progress);
            if progress.done() + progress.failed() < 20 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    let failed = waiting.by_ref().filter(|done| done.error().is_some());
    let failed = failed.count() as u64;
    assert_eq!(waiting.unfinished().len(), 10);
    let reports = reports.lock().expect("reports");
    let last = reports.last().expect("a report");
    assert_eq!(
        (last.submitted(), last.done(), last.failed(), last.pending()),
        (30, 20 - failed, failed, 10)
    );
    assert!(last.rate() > 0.0 && last.remaining().is_some(), "{last:?}");
}

#[test]
fn a_panicking_callback_loses_nothing() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 30);
    for response in &responses {
        put(&endpoint, response, "1");
    }
    let calls = AtomicU64::new(0);
    let mut waiting: AsCompleted<Json> = as_completed(responses, &often()).progress(move |_| {
        assert!(
            !calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(3),
            "a bad callback"
        );
        ControlFlow::Continue(())
    });
    let (mut done, mut panics) = (BTreeSet::new(), 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| waiting.next())) {
            Ok(Some(completed)) => assert!(done.insert(completed.index())),
            Ok(None) => break,
            Err(_) => panics += 1,
        }
    }
    assert_eq!(done.len(), 30);
    assert!(panics >= 10, "{panics}");
}

#[test]
fn the_waiters_own_callback_stops_single_handles_and_may_panic() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 20);
    let waiter = WaiterConfig::builder()
        .delay(Duration::from_millis(5))
        .max_attempts(3)
        .progress(|wait| {
            let key = wait.output_path().key();
            assert!(
                !(key.contains("00003") && wait.attempts() == 2),
                "a bad callback"
            );
            if key.contains("00005") {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .build()
        .expect("a wait");
    let mut waiting: AsCompleted<Json> = as_completed(responses, &waiter);
    let (mut timeouts, mut stopped, mut panics) = (0, 0, 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| waiting.next())) {
            Ok(Some(done)) => match done.result::<u32>() {
                Err(Error::PollingTimeout(timeout)) => {
                    assert_eq!(timeout.attempts(), 3);
                    timeouts += 1;
                }
                Err(Error::WaitStopped(stop)) => {
                    assert_eq!(stop.reason(), WaitStopReason::Progress);
                    stopped += 1;
                }
                other => panic!("{other:?}"),
            },
            Ok(None) => break,
            Err(_) => panics += 1,
        }
    }
    assert_eq!((timeouts, stopped, panics), (19, 1, 1));
}

#[test]
fn threads_fetch_while_the_first_one_polls() {
    let endpoint = idle_endpoint(|b| b);
    let responses = in_folder(&predictor(&endpoint), endpoint.bucket(), "out", 60);
    for (number, response) in responses.iter().enumerate() {
        put(&endpoint, response, &number.to_string());
    }
    // Each fetch takes 50 ms: 3 s one after another.
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .always()
            .delay(Duration::from_millis(50)),
    );
    let began = now();
    let waiting = as_completed(responses, &often()).download_threads(20);
    let mut all = BTreeSet::new();
    for done in waiting.expect("threads") {
        let index = done.index();
        assert_eq!(done.result::<usize>().ok(), Some(index));
        all.insert(index);
    }
    assert_eq!(all.len(), 60);
    assert!(since(began) < Duration::from_secs(2), "{:?}", since(began));
}

#[test]
fn settings_outside_their_limits_are_refused() {
    let waiting = || as_completed::<Json>([], &often());
    assert!(waiting().download_threads(0).is_err());
    assert!(waiting().polls_per_second(0.0).is_err());
    assert!(waiting().polls_per_second(f64::NAN).is_err());
    assert!(waiting().next().is_none());
}
