//! `InvokeEndpointAsync`, its queue and its model.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::local::{
    JobState, LocalEndpoint, LocalError, ModelRequest, ModelResponse,
};
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};

use crate::local_endpoint::client::{HANG_GUARD, Reply, client};
use crate::local_endpoint::http1::elapsed;

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

/// The text of the object that the response's header names, once all jobs are done.
pub(crate) fn object(endpoint: &LocalEndpoint, reply: &Reply, header: &str) -> Option<String> {
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert!(endpoint.wait_until_idle(HANG_GUARD));
    let location = reply.header(header).strip_prefix("s3://")?;
    let (bucket, key) = location.split_once('/')?;
    let body = endpoint.get_object(bucket, key)?.body().to_vec();
    String::from_utf8(body).ok()
}

pub(crate) const OUTPUT: &str = "x-amzn-sagemaker-outputlocation";
pub(crate) const FAILURE: &str = "x-amzn-sagemaker-failurelocation";

#[test]
fn a_job_from_s3() {
    let endpoint = start();
    for key in ["in/a b+c-é.json", "in/%20"] {
        endpoint.put_object("b", key, key);
        let reply = client(&endpoint)
            .invoke("local-endpoint")
            .header("x-amzn-sagemaker-inputlocation", &format!("s3://b/{key}"))
            .header("x-amzn-sagemaker-content-type", "application/json")
            .header("x-amzn-sagemaker-inference-id", "i-1")
            .send();
        assert_eq!(reply.text(), r#"{"InferenceId":"i-1"}"#);
        assert!(reply.header(OUTPUT).starts_with("s3://b/async-output/"));
        assert!(reply.header(FAILURE).starts_with("s3://b/async-failures/"));
        assert_eq!(object(&endpoint, &reply, OUTPUT).as_deref(), Some(key));
        assert_eq!(object(&endpoint, &reply, FAILURE), None);
        let job = endpoint.jobs().pop().expect("a job");
        assert_eq!(
            (job.state, job.inference_id.as_str()),
            (JobState::Completed, "i-1")
        );
        assert_eq!(job.content_type.as_deref(), Some("application/json"));
        assert_eq!(job.input_location, Some(format!("s3://b/{key}")));
        assert_eq!(job.invocation_timeout, Duration::from_mins(15));
    }
}

#[test]
fn an_inline_job_and_all_its_members() {
    let (sender, seen) = mpsc::channel();
    let sender = Mutex::new(sender);
    let endpoint = LocalEndpoint::builder()
        .endpoint_name("e-1")
        .output_path("s3://out/p/")
        .without_failure_path()
        .model(move |request: &ModelRequest| {
            let members = (
                request.body.clone(),
                request.content_type.clone(),
                request.accept.clone(),
                request.custom_attributes.clone(),
                request.invocation_timeout,
            );
            sender.lock().expect("lock").send(members).expect("send");
            ModelResponse::ok("done").with_content_type("text/x")
        })
        .start()
        .expect("start");
    let reply = client(&endpoint)
        .invoke("e-1")
        .header("x-amzn-sagemaker-content-type", "text/csv")
        .header("x-amzn-sagemaker-accept", "application/json")
        .header("x-amzn-sagemaker-custom-attributes", "a=b c")
        .header("x-amzn-sagemaker-invocationtimeoutseconds", "7")
        .header("x-amzn-sagemaker-requestttlseconds", "60")
        .header("x-amzn-sagemaker-s3outputpathextension", "ext/e")
        .header("x-amzn-sagemaker-filename", "f.out")
        .body("1,2")
        .send();
    assert_eq!(reply.header(OUTPUT), "s3://out/p/ext/e/f.out");
    assert!(!reply.headers.contains_key(FAILURE));
    assert_eq!(object(&endpoint, &reply, OUTPUT).as_deref(), Some("done"));
    let stored = endpoint.get_object("out", "p/ext/e/f.out").expect("stored");
    assert_eq!(stored.content_type(), Some("text/x"));
    let (body, content_type, accept, attributes, timeout) = seen.recv().expect("seen");
    assert_eq!(body, b"1,2");
    assert_eq!(content_type.as_deref(), Some("text/csv"));
    assert_eq!(accept.as_deref(), Some("application/json"));
    assert_eq!(attributes.as_deref(), Some("a=b c"));
    assert_eq!(timeout, Duration::from_secs(7));
    assert_eq!(endpoint.jobs()[0].input_location, None);
}

#[test]
fn limits() {
    let endpoint = start();
    let client = client(&endpoint);
    let ids = ["i".repeat(65), "ü\u{1F600}".repeat(33)];
    let long = "x".repeat(1025);
    let location = format!("s3://b/{}", "k".repeat(1020));
    let mut wrong = vec![
        ("inference-id", ids[0].as_str()),
        ("inference-id", ids[1].as_str()),
        ("content-type", long.as_str()),
        ("accept", long.as_str()),
        ("custom-attributes", long.as_str()),
        ("custom-attributes", "é"),
        ("requestttlseconds", "59"),
        ("requestttlseconds", "+60"),
        ("requestttlseconds", "21601"),
        ("requestttlseconds", "1h"),
        ("invocationtimeoutseconds", "0"),
        ("invocationtimeoutseconds", "3601"),
        ("s3outputpathextension", "a b"),
        ("s3outputpathextension", "s3://b"),
        ("filename", "a.b.c"),
        ("filename", ".a"),
        ("filename", "a/b"),
        ("filename", "abcdefghijklmnopqrstuvwxyz1234567"),
    ];
    for (name, value) in wrong.drain(..) {
        let name = format!("x-amzn-sagemaker-{name}");
        let reply = client
            .invoke("local-endpoint")
            .body("x")
            .header(&name, value)
            .send();
        reply.is_json_error(400, "ValidationError");
    }
    for location in ["b/k", "ftp://b/k", "s3://", "s3:///k", &location] {
        let call = client.invoke("local-endpoint");
        let reply = call
            .header("x-amzn-sagemaker-inputlocation", location)
            .send();
        reply.is_json_error(400, "ValidationError");
    }
    assert!(endpoint.jobs().is_empty());
}

#[test]
fn what_to_invoke_and_on_what() {
    let endpoint = start();
    let client = client(&endpoint);
    let message = client.invoke("other").body("x").send();
    let message = message.is_json_error(400, "ValidationError");
    assert_eq!(message, "Endpoint other of account 123456789012 not found.");
    client
        .invoke("-")
        .body("x")
        .send()
        .is_json_error(400, "ValidationError");
    let neither = client.invoke("local-endpoint").send();
    neither.is_json_error(400, "ValidationError");
    let both = client.invoke("local-endpoint").body("x");
    let both = both
        .header("x-amzn-sagemaker-inputlocation", "s3://b/k")
        .send();
    both.is_json_error(400, "ValidationError");
    let body = |length| {
        client
            .invoke("local-endpoint")
            .body(vec![b'x'; length])
            .send()
    };
    assert_eq!(body(128_000).status, 202);
    body(128_001).is_json_error(400, "ValidationError");
    body(3_000_000).is_json_error(400, "ValidationError");
}

#[test]
fn failures_leave_a_plain_text_object() {
    let endpoint = LocalEndpoint::builder()
        .bucket("b")
        .failure_path("s3://fail/here")
        .model(|request| match request.body.as_slice() {
            b"panic" => panic!("as asked"),
            b"client" => ModelResponse::failure(400, "bad input"),
            _ => ModelResponse::ok("fine"),
        })
        .start()
        .expect("start");
    let client = client(&endpoint);
    let failure = |body: &str| {
        let reply = client.invoke("local-endpoint").body(body).send();
        assert!(reply.header(FAILURE).starts_with("s3://fail/here/"));
        object(&endpoint, &reply, FAILURE)
    };
    assert_eq!(
        failure("client").as_deref(),
        Some("Received client error (400) from model with message \"bad input\".")
    );
    assert_eq!(failure("panic").as_deref(), Some("The model panicked."));
    assert_eq!(failure("good"), None, "the worker has outlived the panic");
    let call = client.invoke("local-endpoint");
    let missing = call
        .header("x-amzn-sagemaker-inputlocation", "s3://b/missing")
        .send();
    let text = object(&endpoint, &missing, FAILURE).expect("a failure");
    assert!(text.contains("s3://b/missing"), "{text}");
    let job = endpoint.jobs().pop().expect("a job");
    assert_eq!(
        (job.state, job.failure_reason),
        (JobState::Failed, Some(text))
    );
}

/// A model that reports when it has begun, and ends when the test lets it.
fn held() -> (
    impl Fn(&ModelRequest) -> ModelResponse,
    Receiver<()>,
    Sender<()>,
) {
    let (begun, has_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    let (begun, may_end) = (Mutex::new(begun), Mutex::new(may_end));
    let model = move |_: &ModelRequest| {
        begun.lock().expect("lock").send(()).expect("send");
        // An error is the end of the test.
        let _ = may_end.lock().expect("lock").recv();
        ModelResponse::ok("done")
    };
    (model, has_begun, end)
}

#[test]
fn a_request_that_waited_too_long_fails() {
    let clock = ManualClock::new();
    let endpoint = LocalEndpoint::builder()
        .bucket("b")
        .model_delay(Duration::from_secs(61))
        .clock(clock)
        .max_concurrent_invocations_per_instance(1)
        .start()
        .expect("start");
    let client = client(&endpoint);
    client.invoke("local-endpoint").body("x").send();
    let call = client.invoke("local-endpoint").body("x");
    let second = call
        .header("x-amzn-sagemaker-requestttlseconds", "60")
        .send();
    let states: Vec<_> = endpoint.jobs().iter().map(|job| job.state).collect();
    assert_eq!(states, [JobState::Running, JobState::Queued]);
    assert!(endpoint.wait_until_idle(Duration::from_mins(3)));
    let text = object(&endpoint, &second, FAILURE).expect("a failure");
    assert!(text.contains("time to live of 60 seconds"), "{text}");
}

#[test]
fn a_stop_does_not_wait_for_the_model() {
    let (model, begun, end) = held();
    let endpoint = LocalEndpoint::builder()
        .model(model)
        .start()
        .expect("start");
    client(&endpoint).invoke("local-endpoint").body("x").send();
    begun.recv_timeout(HANG_GUARD).expect("it runs");
    let dropped = SystemClock.monotonic();
    drop(endpoint);
    assert!(elapsed(dropped) < HANG_GUARD);
    end.send(()).expect("it still runs");
}

#[test]
fn a_model_that_takes_too_long_fails() {
    let clock = ManualClock::new();
    let models_clock = clock.clone();
    let endpoint = LocalEndpoint::builder()
        .clock(clock)
        .model(move |_| {
            models_clock.sleep(Duration::from_secs(8));
            ModelResponse::ok("late")
        })
        .start()
        .expect("start");
    let call = client(&endpoint).invoke("local-endpoint").body("x").send();
    assert_eq!(object(&endpoint, &call, OUTPUT).as_deref(), Some("late"));
    // The clock has moved on by seconds, which no signature minds.
    let client = client(&endpoint);
    let call = client.invoke("local-endpoint").body("x");
    let call = call
        .header("x-amzn-sagemaker-invocationtimeoutseconds", "7")
        .send();
    let text = object(&endpoint, &call, FAILURE).expect("a failure");
    assert_eq!(text, "Model did not respond within 7 seconds.");
    assert_eq!(object(&endpoint, &call, OUTPUT), None);
}

#[test]
fn as_many_run_at_once_as_there_is_room_for() {
    let (most, now) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    let barrier = std::sync::Barrier::new(4);
    let endpoint = LocalEndpoint::builder()
        .instances(2)
        .max_concurrent_invocations_per_instance(2)
        .model(move |_| {
            let running = now.fetch_add(1, Ordering::SeqCst) + 1;
            seen.fetch_max(running, Ordering::SeqCst);
            // Only four at once get past it.
            barrier.wait();
            now.fetch_sub(1, Ordering::SeqCst);
            ModelResponse::ok("")
        })
        .start()
        .expect("start");
    let client = client(&endpoint);
    for _ in 0..12 {
        assert_eq!(client.invoke("local-endpoint").body("x").send().status, 202);
    }
    assert!(endpoint.wait_until_idle(HANG_GUARD));
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[test]
fn scaled_to_zero_jobs_stay_queued() {
    let endpoint = LocalEndpoint::builder()
        .instances(0)
        .start()
        .expect("start");
    let client = client(&endpoint);
    assert_eq!(client.invoke("local-endpoint").body("x").send().status, 202);
    assert!(!endpoint.wait_until_idle(Duration::from_millis(20)));
    assert_eq!(endpoint.jobs()[0].state, JobState::Queued);
}

/// The SageMaker Python SDK says what it accepts and not what it sends.
#[test]
fn an_echo_is_of_the_type_that_was_sent_or_else_accepted() {
    let endpoint = start();
    endpoint.put_object("b", "in", "x");
    let invoke = |headers: &[(&str, &str)]| {
        let client = client(&endpoint);
        let call = client.invoke("local-endpoint");
        let call = call.header("x-amzn-sagemaker-inputlocation", "s3://b/in");
        let headers = headers.iter();
        let reply = headers
            .fold(call, |call, (name, value)| call.header(name, value))
            .send();
        assert!(object(&endpoint, &reply, OUTPUT).is_some());
        let location = reply
            .header(OUTPUT)
            .strip_prefix("s3://b/")
            .expect("in the bucket");
        let object = client.get(&format!("/b/{location}")).send();
        object.header("content-type").to_owned()
    };
    let sent = ("x-amzn-sagemaker-content-type", "text/csv");
    let accepted = ("x-amzn-sagemaker-accept", "application/x-npy");
    assert_eq!(invoke(&[sent, accepted]), "text/csv");
    assert_eq!(invoke(&[accepted]), "application/x-npy");
    for unclear in ["text/csv, application/json", "*/*"] {
        let accepted = ("x-amzn-sagemaker-accept", unclear);
        assert_eq!(invoke(&[accepted]), "application/octet-stream");
    }
}

#[test]
fn an_output_whose_key_would_be_too_long_is_refused() {
    let endpoint = LocalEndpoint::builder()
        .output_path(format!("s3://b/{}", "p".repeat(500)))
        .start()
        .expect("start");
    let invoke = |extension: usize| {
        let client = client(&endpoint);
        let call = client.invoke("local-endpoint").body("x");
        call.header(
            "x-amzn-sagemaker-s3outputpathextension",
            &"e".repeat(extension),
        )
        .send()
    };
    let message = invoke(512).is_json_error(400, "ValidationError");
    assert!(message.contains("1024"), "{message}");
    assert_eq!(invoke(40).status, 202);
}

#[test]
fn settings_that_cannot_be() {
    let paths = LocalEndpoint::builder().output_path("/tmp").start();
    assert!(matches!(paths, Err(LocalError::Setting(_))));
    let long = format!("s3://b/{}", "p".repeat(506));
    let long = LocalEndpoint::builder().output_path(long).start();
    assert!(matches!(long, Err(LocalError::Setting(_))));
    let name = LocalEndpoint::builder().endpoint_name("a_b").start();
    assert!(matches!(name, Err(LocalError::Setting(_))));
    let none = LocalEndpoint::builder()
        .max_concurrent_invocations_per_instance(0)
        .start();
    assert!(matches!(none, Err(LocalError::Setting(_))));
}

#[test]
fn environment_names_the_endpoint() {
    let endpoint = LocalEndpoint::builder()
        .region("eu-west-1")
        .start()
        .expect("start");
    assert_eq!(endpoint.bucket(), "sagemaker-eu-west-1-123456789012");
    let environment = endpoint.environment();
    let has = |name: &str, value: &str| environment.contains(&(name.into(), value.into()));
    assert!(has("AWS_ENDPOINT_URL", endpoint.url()));
    assert!(has("AWS_REGION", "eu-west-1"));
    assert!(has("AWS_ACCESS_KEY_ID", endpoint.access_key()));
}
