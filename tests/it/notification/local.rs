//! Notifications of the local endpoint to HTTP subscribers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use sagemaker_async_inference::endpoint::NotificationTopic;
use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
use sagemaker_async_inference::queue::Notification;
use sagemaker_async_inference::{AsyncPredictor, Error, NotificationConfig, WaiterConfig};

const DONE: &str = "arn:aws:sns:us-east-1:123456789012:done";
const FAILED: &str = "arn:aws:sns:us-east-1:123456789012:failed";

/// An HTTP subscriber: responds to the first post with `first` and the others with 200, and passes on
/// what was posted.
pub(crate) fn subscriber(first: u16) -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/push", listener.local_addr().expect("an address"));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut status = first;
        for stream in listener.incoming().flatten() {
            let mut output = stream.try_clone().expect("a stream");
            let mut input = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            while input.read_line(&mut head).is_ok_and(|read| read > 2) {
                let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            input.read_exact(&mut body).expect("a body");
            write!(
                output,
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            .expect("a response");
            status = 200;
            if sender.send((head, body)).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

#[test]
fn notifications_go_to_the_topic_of_the_outcome() {
    let notification = NotificationConfig::builder()
        .success_topic(DONE)
        .error_topic(FAILED)
        .include_inference_response_in([NotificationTopic::Success])
        .build()
        .expect("a configuration");
    let local = LocalEndpoint::builder()
        .notification_config(notification)
        .model(|request| match request.body.as_slice() {
            b"\"bad\"" => ModelResponse::failure(400, "ValueError"),
            body => ModelResponse::ok(body.to_vec()),
        })
        .start()
        .expect("a local endpoint");
    let (done_url, done) = subscriber(200);
    let (failed_url, failed) = subscriber(503);
    local.subscribe(DONE, done_url).expect("a subscription");
    local.subscribe(FAILED, failed_url).expect("a subscription");

    let session = local.session().expect("a session");
    let predictor = AsyncPredictor::new(local.name(), &session);
    let response = predictor.predict_async("good").expect("a submit");
    let hang_guard = Duration::from_secs(20);
    let (head, body) = done.recv_timeout(hang_guard).expect("a push");
    assert!(
        head.to_ascii_lowercase()
            .contains("x-amz-sns-message-type: notification")
    );
    let notification = Notification::parse(&body).expect("a notification");
    assert_eq!(notification.inference_id(), response.inference_id());
    assert_eq!(notification.endpoint_name(), Some(local.name()));
    assert!(notification.included_response().is_some());
    let finished = predictor.response_from(&notification).expect("a response");
    local.clear_requests();
    let reply: String = finished
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(reply, "good");
    assert_eq!(local.requests().len(), 1, "one GET, and no polling");

    let _ = predictor.predict_async("bad").expect("a submit");
    let (_, refused) = failed.recv_timeout(hang_guard).expect("a push");
    let (_, body) = failed.recv_timeout(hang_guard).expect("the push again");
    assert_eq!(refused, body);
    let notification = Notification::parse(&body).expect("a notification");
    let finished = predictor.response_from(&notification).expect("a response");
    let error = finished
        .get_result::<String>(&WaiterConfig::default())
        .expect_err("a failure");
    assert!(matches!(error, Error::Model(failure) if failure.text().contains("ValueError")));
    assert!(
        done.try_recv().is_err(),
        "a failure does not go to the other topic"
    );
}

#[test]
fn a_subscriber_that_is_gone_holds_up_nothing() {
    let notification = NotificationConfig::builder().success_topic(DONE).build();
    let local = LocalEndpoint::builder()
        .notification_config(notification.expect("a configuration"))
        .start()
        .expect("a local endpoint");
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    local
        .subscribe(DONE, format!("http://127.0.0.1:{port}/"))
        .expect("a subscription");
    let session = local.session().expect("a session");
    let response = AsyncPredictor::new(local.name(), &session)
        .predict_async("x")
        .expect("one");
    assert!(local.wait_until_idle(Duration::from_secs(20)));
    assert_eq!(
        response.try_get_result().expect("a look"),
        Some("x".to_owned())
    );
}

#[test]
fn notifications_go_to_loopback_only() {
    let local = LocalEndpoint::builder().start().expect("a local endpoint");
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1",
        "",
        "x",
    ] {
        assert!(local.subscribe(DONE, url).is_err(), "{url}");
    }
}
