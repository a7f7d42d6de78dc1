//! Every error that follows a submit names the inference, so that no work is lost with it.

use std::time::Duration;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, ModelResponse, Operation};
use sagemaker_async_inference::response::CleanUp;
use sagemaker_async_inference::{
    AsyncPredictor, CancelToken, Error, InferenceHandle, Json, Text, WaiterConfig, as_completed,
};

use super::support::client::builder;

fn endpoint() -> LocalEndpoint {
    let builder = LocalEndpoint::builder().model(|request| match &request.body[..] {
        b"fail" => ModelResponse::failure(400, "no"),
        body => ModelResponse::ok(body.to_vec()).with_content_type("text/plain"),
    });
    builder.start().expect("an endpoint")
}

fn predictor(endpoint: &LocalEndpoint) -> AsyncPredictor<Text, Json> {
    let session = endpoint.session().expect("a session");
    AsyncPredictor::new(endpoint.name(), &session)
        .with_serializer(Text::default())
        .with_waiter_config(waiter(1000))
}

fn waiter(polls: u32) -> WaiterConfig {
    WaiterConfig::new(polls, Duration::from_millis(5)).expect("a waiter")
}

/// The output of the only job, as the endpoint knows it.
fn is_of_the_job(endpoint: &LocalEndpoint, error: &Error) -> InferenceHandle {
    let jobs = endpoint.jobs();
    let [job] = &jobs[..] else { panic!("{jobs:?}") };
    let handle = error
        .handle()
        .unwrap_or_else(|| panic!("no handle: {error:?}"));
    assert_eq!(handle.inference_id(), Some(&*job.inference_id), "{error:?}");
    handle.clone()
}

#[test]
fn predict_returns_the_handle_with_a_result_that_cannot_be_decoded() {
    let endpoint = endpoint();
    let predictor = predictor(&endpoint);
    let error = predictor
        .predict::<str, u32>("not a number")
        .expect_err("no number");
    assert!(matches!(error, Error::Codec(_)), "{error:?}");
    let handle = is_of_the_job(&endpoint, &error);
    let resumed = predictor.with_deserializer(Text::default()).resume(handle);
    let text: String = resumed.get_result(&waiter(10)).expect("the text");
    assert_eq!(text, "not a number");
}

#[test]
fn a_resumed_wait_returns_the_handle_with_a_setting_that_the_poll_needs() {
    // S3 has no FIPS hosts in this partition.
    let session = builder().region("cn-north-1").use_fips(true).build();
    let session = session.expect("a session");
    let predictor: AsyncPredictor<Json, Json> = AsyncPredictor::new("my-endpoint", &session);
    let line = r#"{"version":1,"endpoint_name":"e","output_path":"s3://my-bucket/1.out"}"#;
    let handle: InferenceHandle = line.parse().expect("a handle");
    let resumed = predictor.resume(handle.clone());
    let error = resumed.get_result::<String>(&waiter(10));
    let error = error.expect_err("no such host");
    assert!(matches!(error, Error::Config(_)), "{error:?}");
    assert_eq!(error.handle(), Some(&handle));
}

#[test]
fn cleaning_up_too_early_returns_the_handle() {
    let endpoint = endpoint();
    let response = predictor(&endpoint).predict_async("x").expect("a submit");
    let error = response.clean_up(&CleanUp::everything());
    let error = error.expect_err("nothing was fetched");
    assert_eq!(is_of_the_job(&endpoint, &error), response.handle());
}

#[test]
fn predict_returns_the_handle_with_a_failure_of_the_model() {
    let endpoint = endpoint();
    let error = predictor(&endpoint)
        .predict::<str, u32>("fail")
        .expect_err("a failure");
    assert!(matches!(error, Error::Model(_)), "{error:?}");
    let _ = is_of_the_job(&endpoint, &error);
}

#[test]
fn predict_returns_the_handle_when_the_service_refuses_the_result() {
    let endpoint = endpoint();
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .always()
            .error(400, "InvalidRequest"),
    );
    let error = predictor(&endpoint)
        .predict::<str, u32>("7")
        .expect_err("a refusal");
    assert!(matches!(error, Error::Service(_)), "{error:?}");
    let handle = is_of_the_job(&endpoint, &error);
    endpoint.clear_faults();
    let resumed = predictor(&endpoint).resume(handle);
    assert_eq!(
        resumed.get_result::<u32>(&waiter(1000)).expect("a result"),
        7
    );
}

#[test]
fn predict_returns_the_handle_when_the_wait_is_cancelled() {
    let endpoint = endpoint();
    let cancel = CancelToken::new();
    cancel.cancel();
    let cancelled = WaiterConfig::builder()
        .cancel(cancel)
        .build()
        .expect("a waiter");
    let predictor = predictor(&endpoint).with_waiter_config(cancelled);
    let error = predictor.predict::<str, u32>("7").expect_err("cancelled");
    assert!(matches!(error, Error::WaitStopped(_)), "{error:?}");
    let _ = is_of_the_job(&endpoint, &error);
}

#[test]
fn a_download_that_cannot_be_stored_returns_the_handle() {
    let endpoint = endpoint();
    let response = predictor(&endpoint).predict_async("7").expect("a submit");
    let error = response
        .download("/nonexistent/result", &waiter(10))
        .expect_err("no such folder");
    assert!(matches!(error, Error::Transfer(_)), "{error:?}");
    assert_eq!(error.handle(), Some(&response.handle()));
}

#[test]
fn a_batch_returns_the_handle_with_each_error() {
    let endpoint = endpoint();
    let response = predictor(&endpoint)
        .predict_async("fail")
        .expect("a submit");
    let handle = response.handle();
    let mut done = as_completed([response], &waiter(1000));
    let error = done
        .next()
        .expect("an outcome")
        .result::<u32>()
        .expect_err("a failure");
    assert_eq!(error.handle(), Some(&handle));
}

#[test]
fn an_error_before_the_submit_has_no_handle() {
    let endpoint = endpoint();
    let session = endpoint.session().expect("a session");
    let error = AsyncPredictor::new("no_such_name", &session)
        .predict_async("7")
        .expect_err("a bad name");
    assert_eq!(error.handle(), None);
}
