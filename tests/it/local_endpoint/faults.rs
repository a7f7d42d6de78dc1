//! Scripted faults.

use std::time::Duration;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::local_endpoint::client::client;
use crate::local_endpoint::http1::elapsed;

fn start() -> LocalEndpoint {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "0123456789");
    endpoint
}

#[test]
fn faults_occur_as_often_as_configured() {
    let endpoint = start();
    let client = client(&endpoint);
    let statuses = |count: usize| -> Vec<_> {
        (0..count)
            .map(|_| client.get("/b/k").send().status)
            .collect()
    };
    endpoint.fault(Fault::on(Operation::GetObject).skip(1).times(2).status(503));
    assert_eq!(statuses(4), [200, 503, 503, 200]);
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .key_contains("other")
            .status(500),
    );
    endpoint.fault(Fault::on(Operation::PutObject).status(500));
    assert_eq!(statuses(1), [200]);
    endpoint.clear_faults();
    endpoint.fault(Fault::on(Operation::Any).always().status(500));
    assert_eq!(statuses(3), [500, 500, 500]);
    endpoint.clear_faults();
    assert_eq!(statuses(1), [200]);
}

#[test]
fn errors_take_the_form_of_the_service() {
    let endpoint = start();
    let client = client(&endpoint);
    endpoint.fault(Fault::on(Operation::Any).times(3).throttle());
    client.get("/b/k").send().is_error(503, "SlowDown");
    let invoke = || client.invoke("local-endpoint").body("x").send();
    invoke().is_json_error(400, "ThrottlingException");
    client.sts().send().is_error(400, "Throttling");
    endpoint.fault(Fault::on(Operation::Any).times(2).access_denied());
    client.get("/b/k").send().is_error(403, "AccessDenied");
    invoke().is_json_error(403, "AccessDeniedException");
    endpoint.fault(Fault::on(Operation::Any).error(530, "InternalDependencyException"));
    invoke().is_json_error(530, "InternalDependencyException");
    assert!(endpoint.jobs().is_empty());
}

#[test]
fn responses_can_be_anything() {
    let endpoint = start();
    let response = Fault::on(Operation::GetObject).respond(418, [("x-a", "b")], "tea");
    endpoint.fault(response);
    let get = client(&endpoint).get("/b/k").send();
    assert_eq!(
        (get.status, get.header("x-a"), get.text()),
        (418, "b", "tea")
    );
}

#[test]
fn connections_drop() {
    let endpoint = start();
    let client = client(&endpoint);
    endpoint.fault(Fault::on(Operation::PutObject).drop_connection());
    client.put("/b/new", "x").try_send().expect_err("dropped");
    assert!(endpoint.get_object("b", "new").is_none());
    endpoint.fault(Fault::on(Operation::PutObject).drop_after_handling());
    client.put("/b/new", "x").try_send().expect_err("dropped");
    assert!(endpoint.get_object("b", "new").is_some());
    assert!(
        endpoint
            .requests()
            .iter()
            .all(|request| request.status.is_none())
    );
}

#[test]
fn bodies_are_cut_short() {
    let endpoint = start();
    let client = client(&endpoint);
    endpoint.fault(Fault::on(Operation::GetObject).truncate_body(4));
    client.get("/b/k").try_send().expect_err("cut short");
    assert_eq!(client.get("/b/k").send().text(), "0123456789");
}

#[test]
fn delays() {
    let endpoint = start();
    let delay = Duration::from_millis(60);
    endpoint.fault(Fault::on(Operation::GetObject).delay(delay));
    let begin = SystemClock.monotonic();
    assert_eq!(client(&endpoint).get("/b/k").send().status, 200);
    assert!(elapsed(begin) >= delay);
}
