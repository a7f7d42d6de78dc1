//! The contents of messages, in all their formats.

use sagemaker_async_inference::queue::{InvocationStatus, ObjectEvent, QueueEvent};
use serde_json::{Value, json};

/// A key, and how S3 writes it in its events.
const KEYS: [(&str, &str); 6] = [
    ("out/plain.out", "out/plain.out"),
    ("out/a b.out", "out/a+b.out"),
    ("out/a+b=1.out", "out/a%2Bb%3D1.out"),
    ("out/a/b.out", "out%2Fa%2Fb.out"),
    (
        "out/ümläut 日本.out",
        "out/%C3%BCml%C3%A4ut+%E6%97%A5%E6%9C%AC.out",
    ),
    ("out/100%25.out", "out/100%2525.out"),
];

fn records(key: &str) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:CompleteMultipartUpload",
        "eventTime": "2026-01-25T22:46:00.608Z",
        "s3": {
            "bucket": { "name": "my-bucket" },
            "object": { "key": key, "size": 12, "eTag": "abc", "sequencer": "0055AED6DCD90281E5" },
        },
    }]})
}

fn event_bridge(key: &str) -> Value {
    json!({
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-01-25T22:46:00Z",
        "detail": {
            "bucket": { "name": "my-bucket" },
            "object": { "key": key, "size": 12, "etag": "abc", "sequencer": "0055AED6DCD90281E5" },
            "reason": "PutObject",
        },
    })
}

fn through_sns(message: &Value) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
        "Subject": null,
        "Message": message.to_string(),
        "Timestamp": "2012-05-02T00:54:06.655Z",
    })
}

fn object(body: &Value) -> ObjectEvent {
    match QueueEvent::parse(&body.to_string()) {
        QueueEvent::Object(mut events) if events.len() == 1 => events.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_are_decoded_by_the_rules_of_each_form() {
    for (key, encoded) in KEYS {
        for body in [
            records(encoded),
            through_sns(&records(encoded)),
            event_bridge(key),
            through_sns(&event_bridge(key)),
        ] {
            let event = object(&body);
            assert_eq!((event.bucket(), event.key()), ("my-bucket", key), "{body}");
            assert!(event.is_created());
            assert_eq!((event.size(), event.etag()), (Some(12), Some("abc")));
            let place = sagemaker_async_inference::S3Uri::new("my-bucket", key).unwrap();
            assert!(event.is_at(&place));
        }
    }
}

#[test]
fn a_message_may_be_about_several_objects() {
    let mut body = records("a");
    let second = records("b+c")["Records"][0].clone();
    body["Records"].as_array_mut().unwrap().push(second);
    match QueueEvent::parse(&body.to_string()) {
        QueueEvent::Object(events) => {
            let keys: Vec<_> = events.iter().map(ObjectEvent::key).collect();
            assert_eq!(keys, ["a", "b c"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn removed_objects_are_not_created_ones() {
    let mut body = records("a");
    body["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
    assert!(!object(&body).is_created());
}

#[test]
fn test_messages_of_sagemaker_and_of_s3_are_known() {
    let sagemaker = json!({ "eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification" });
    let s3 = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b", "RequestId": "1", "HostId": "2" });
    for message in [sagemaker, s3] {
        for body in [through_sns(&message), message] {
            assert_eq!(
                QueueEvent::parse(&body.to_string()),
                QueueEvent::Test,
                "{body}"
            );
        }
    }
}

#[test]
fn notifications_are_known_in_envelopes_and_raw() {
    let message: Value = serde_json::from_str(&super::notification("job-7")).unwrap();
    for body in [through_sns(&message), message] {
        match QueueEvent::parse(&body.to_string()) {
            QueueEvent::Inference(notification) => {
                assert_eq!(notification.inference_id(), Some("job-7"));
                assert_eq!(notification.status(), InvocationStatus::Completed);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_cannot_be_read_is_unknown_with_a_reason_and_without_its_content() {
    let mut no_bucket = records("a");
    no_bucket["Records"][0]["s3"]["bucket"] = json!({});
    for body in [
        "secret",
        "",
        "[]",
        "\"secret\"",
        "{}",
        "{\"a\": \"secret\"}",
        &no_bucket.to_string(),
        &records("%ff").to_string(),
        &json!({ "TopicArn": "t", "Message": "secret" }).to_string(),
    ] {
        match QueueEvent::parse(body) {
            QueueEvent::Unknown(reason) => {
                assert!(!reason.is_empty() && !reason.contains("secret"), "{reason}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn messages_are_read_in_envelopes_within_envelopes_and_behind_a_byte_order_mark() {
    let notification: Value = serde_json::from_str(&super::notification("job-7")).unwrap();
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" });
    for wraps in 0..4 {
        let wrapped = |message: &Value| {
            let body = (0..wraps).fold(message.clone(), |inner, _| through_sns(&inner));
            QueueEvent::parse(&format!("\u{feff}{body}"))
        };
        assert!(matches!(wrapped(&notification), QueueEvent::Inference(_)));
        assert_eq!(wrapped(&test), QueueEvent::Test);
        for message in [records("out/a.out"), event_bridge("out/a.out")] {
            match wrapped(&message) {
                QueueEvent::Object(events) => assert_eq!(events[0].key(), "out/a.out"),
                other => panic!("{wraps}: {other:?}"),
            }
        }
    }
}

#[test]
fn messages_that_a_relay_encoded_twice_are_read() {
    let twice = |message: &Value| Value::from(message.to_string());
    let notification: Value = serde_json::from_str(&super::notification("job-7")).unwrap();
    for body in [
        twice(&notification),
        twice(&through_sns(&notification)),
        through_sns(&twice(&notification)),
    ] {
        match QueueEvent::parse(&body.to_string()) {
            QueueEvent::Inference(done) => assert_eq!(done.inference_id(), Some("job-7")),
            other => panic!("{other:?}"),
        }
    }
    for body in [
        twice(&records("out/a+b.out")),
        twice(&through_sns(&records("out/a+b.out"))),
        through_sns(&twice(&records("out/a+b.out"))),
    ] {
        assert_eq!(object(&body).key(), "out/a b.out");
    }
    let other = QueueEvent::parse(r#""hush""#);
    let QueueEvent::Unknown(reason) = other else {
        panic!("{other:?}")
    };
    assert_eq!(reason, "it is JSON, but not an object");
}

#[test]
fn a_reason_that_was_cut_within_an_emoji_is_read() {
    for (cut, reads) in [
        (r"\ud83d", "\u{fffd}"),
        (r"\ude00", "\u{fffd}"),
        (r"\ud83d\n", "\u{fffd}\n"),
        (r"\ud83d\ud83d\ude00\\ud83d", "\u{fffd}\u{1f600}\\ud83d"),
    ] {
        let message = format!(
            r#"{{"invocationStatus": "Failed", "inferenceId": "job-7", "failureReason": "no {cut}"}}"#
        );
        let mut envelope = through_sns(&Value::Null);
        envelope["Message"] = message.clone().into();
        for body in [message, envelope.to_string()] {
            let QueueEvent::Inference(failed) = QueueEvent::parse(&body) else {
                panic!("{body}: {:?}", QueueEvent::parse(&body));
            };
            let expected = format!("no {reads}");
            assert_eq!(failed.failure_reason(), Some(&*expected), "{cut}");
        }
    }
}
