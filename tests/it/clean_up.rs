//! What is removed after success, what stays, and which callback is called.

use crate::support;

use std::error::Error as _;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, ModelResponse, Operation};
use sagemaker_async_inference::response::CleanUp;
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::{AsyncPredictor, Bytes, Error, Json, WaiterConfig};
use support::client::uri;

fn often() -> WaiterConfig {
    WaiterConfig::new(2000, Duration::from_millis(5)).expect("a wait")
}

fn predictor(endpoint: &LocalEndpoint) -> AsyncPredictor<Bytes, Bytes> {
    let session = endpoint.session().expect("a session");
    AsyncPredictor::new(endpoint.name(), &session.with_retry(RetryConfig::off()))
        .with_serializer(Bytes::new())
        .with_deserializer(Bytes::new())
        .with_waiter_config(often())
}

fn endpoint() -> LocalEndpoint {
    LocalEndpoint::builder().start().expect("an endpoint")
}

#[test]
fn all_requested_objects_are_removed_and_the_result_stays_in_memory() {
    let endpoint = endpoint();
    let response = predictor(&endpoint)
        .request("x")
        .via_s3()
        .submit()
        .expect("a submit");
    let result: Vec<u8> = response.get_result(&often()).expect("a result");
    assert_eq!(endpoint.objects(endpoint.bucket()).len(), 2);

    let report = response.clean_up(&CleanUp::nothing()).expect("a report");
    assert!(report.removed().is_empty());
    assert_eq!(endpoint.objects(endpoint.bucket()).len(), 2);

    let report = response.clean_up(&CleanUp::everything()).expect("a report");
    assert_eq!(report.removed().len(), 3, "{report:?}");
    assert!(report.failures().is_empty());
    assert!(endpoint.objects(endpoint.bucket()).is_empty());
    assert_eq!(
        response.get_result::<Vec<u8>>(&often()).expect("the same"),
        result
    );
    // A second time there is nothing left, which is not a failure.
    assert!(
        response
            .clean_up(&CleanUp::everything())
            .expect("a report")
            .failures()
            .is_empty()
    );
}

#[test]
fn an_input_of_the_callers_stays() {
    let endpoint = endpoint();
    endpoint.put_object(endpoint.bucket(), "mine", "x");
    let place = uri(&format!("s3://{}/mine", endpoint.bucket()));
    let response = predictor(&endpoint)
        .request_at(place)
        .submit()
        .expect("a submit");
    response.get_result::<Vec<u8>>(&often()).expect("a result");
    let _ = response.clean_up(&CleanUp::everything()).expect("a report");
    assert_eq!(endpoint.objects(endpoint.bucket()), ["mine"]);
}

#[test]
fn nothing_is_removed_before_success() {
    let endpoint = LocalEndpoint::builder()
        .model(|_| ModelResponse::failure(500, "no"))
        .start()
        .expect("an endpoint");
    let predictor = predictor(&endpoint).with_clean_up(CleanUp::everything());
    let response = predictor.request("x").via_s3().submit().expect("a submit");
    for _ in 0..2 {
        match response.clean_up(&CleanUp::everything()) {
            Err(Error::InvalidInput(error)) => {
                assert!(format!("{error:#}").contains("get_result"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            response.get_result::<Vec<u8>>(&often()),
            Err(Error::Model(_))
        ));
    }
    assert!(matches!(
        predictor.predict::<_, Vec<u8>>("x"),
        Err(Error::Model(_))
    ));
    let deleted = |r: &sagemaker_async_inference::local::RecordedRequest| {
        r.operation == Operation::DeleteObject
    };
    assert!(!endpoint.requests().iter().any(deleted));
}

#[test]
fn each_failed_removal_is_reported_and_keeps_others_and_the_result() {
    let endpoint = endpoint();
    let reported = Arc::new(Mutex::new(Vec::new()));
    let heard = reported.clone();
    let clean_up = CleanUp::nothing()
        .input()
        .output()
        .on_failure(move |failure| {
            heard
                .lock()
                .expect("failures")
                .push(failure.uri().to_string());
            panic!("in the callback");
        });
    let input = Fault::on(Operation::DeleteObject).key_contains("async-endpoint-inputs");
    endpoint.fault(input.clone().access_denied());
    let response = predictor(&endpoint)
        .request("x")
        .via_s3()
        .submit()
        .expect("a submit");
    response.get_result::<Vec<u8>>(&often()).expect("a result");
    let report = response
        .clean_up(&clean_up)
        .expect("a report, whatever the callback does");
    assert_eq!(report.removed(), [response.output_path().clone()]);
    let [failure] = report.failures() else {
        panic!("{report:?}")
    };
    assert_eq!(Some(failure.uri()), response.input_location());
    assert!(
        format!("{:#}", failure.error()).contains("s3:DeleteObject"),
        "{}",
        failure.error()
    );
    assert!(failure.source().is_some());
    assert_eq!(
        *reported.lock().expect("failures"),
        [failure.uri().to_string()]
    );

    // The same by `predict`, whose result is still returned.
    endpoint.fault(Fault::on(Operation::DeleteObject).always().status(500));
    let session = endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(endpoint.name(), &session.with_retry(RetryConfig::off()))
        .with_serializer(Json::default())
        .with_waiter_config(often())
        .with_clean_up(clean_up);
    let reply: String = predictor.predict("hello").expect("a result");
    assert_eq!(reply, "hello");
    assert_eq!(reported.lock().expect("failures").len(), 2);
}

#[test]
fn an_input_from_a_file_or_a_reader_is_the_submits_own() {
    let endpoint = endpoint();
    let predictor = predictor(&endpoint);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"x").expect("written");
    let requests = [
        predictor.request_file(file.path()).expect("a file"),
        predictor.request_reader(&b"x"[..]),
    ];
    for request in requests {
        let response = request.via_s3().submit().expect("a submit");
        response.get_result::<Vec<u8>>(&often()).expect("a result");
        let _ = response.clean_up(&CleanUp::everything()).expect("a report");
        assert_eq!(endpoint.objects(endpoint.bucket()), [""; 0]);
    }
}

#[test]
fn a_resumed_response_knows_whose_the_input_is() {
    let endpoint = endpoint();
    endpoint.put_object(endpoint.bucket(), "mine", "x");
    let mine = uri(&format!("s3://{}/mine", endpoint.bucket()));
    let predictor = predictor(&endpoint);
    let submit = || predictor.request("x").via_s3().submit().expect("a submit");
    let finish = |line: String| {
        let response = predictor.resume(line.parse().expect("a handle"));
        response.get_result::<Vec<u8>>(&often()).expect("a result");
        let report = response.clean_up(&CleanUp::nothing().input().output());
        report.expect("a report").removed().len()
    };
    assert_eq!(finish(submit().handle().to_string()), 2);
    assert_eq!(endpoint.objects(endpoint.bucket()), ["mine"]);

    let at = predictor.request_at(mine).submit().expect("a submit");
    assert_eq!(finish(at.handle().to_string()), 1);
    assert_eq!(endpoint.objects(endpoint.bucket()), ["mine"]);

    // As an earlier release wrote it: whether the input was uploaded is unknown, so it stays.
    let line = submit().handle().to_string();
    let old = line.replace(",\"input_uploaded\":true", "");
    assert_ne!(line, old);
    assert_eq!(finish(old), 1);
    assert_eq!(endpoint.objects(endpoint.bucket()).len(), 2);
}
