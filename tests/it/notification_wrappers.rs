//! Notifications in everything that delivers them: one call yields them all, each with its own error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagemaker_async_inference::queue::{InvocationStatus, Notification};
use sagemaker_async_inference::{AsyncPredictor, CodecError};
use serde_json::{Value, json};

use crate::support::client;

fn message(id: &str) -> Value {
    json!({
        "invocationStatus": "Completed",
        "inferenceId": id,
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
        "receivedTime": "2026-03-01T10:00:00.000Z",
        "requestParameters": {"endpointName": "my-endpoint", "customAttributes": "trace=hush"},
        "responseParameters": {"outputLocation": "s3://my-bucket/out/1.out"},
    })
}

/// What SageMaker publishes to check a topic.
fn check_of_topic() -> Value {
    json!({"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"})
}

fn sns(message: &Value) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "of-sns",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:done",
        "Subject": null,
        "Message": message.to_string(),
    })
}

fn sqs_record(id: &str, body: &(impl ToString + ?Sized)) -> Value {
    json!({"messageId": id, "receiptHandle": "handle", "body": body.to_string(), "eventSource": "aws:sqs"})
}

fn ids(event: &Value) -> Vec<String> {
    let found = Notification::parse_all(event.to_string());
    let id = |found: Result<Notification, CodecError>| match found {
        Ok(notification) => notification.inference_id().unwrap_or("-").to_owned(),
        Err(error) => format!("error: {}", error.message()),
    };
    found.into_iter().map(id).collect()
}

#[test]
fn every_wrapper_yields_all_its_notifications() {
    let (a, b) = (message("a"), message("b"));
    let lambda_sns = |messages: &[&Value]| {
        let records = messages
            .iter()
            .map(|m| json!({"EventSource": "aws:sns", "Sns": sns(m)}));
        json!({"Records": records.collect::<Vec<_>>()})
    };
    let records = [sqs_record("1", &sns(&a)), sqs_record("2", &b)];
    let received = json!({"Messages": [
        {"MessageId": "1", "ReceiptHandle": "h", "Body": sns(&a).to_string()},
        {"MessageId": "2", "ReceiptHandle": "h", "Body": b.to_string()},
    ], "ResponseMetadata": {"HTTPStatusCode": 200}});
    let destination = json!({
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": lambda_sns(&[&a, &b]),
        "responsePayload": {"errorMessage": "no"},
    });
    for (wrapper, event) in [
        ("Lambda behind SNS", lambda_sns(&[&a, &b])),
        ("Lambda behind SQS", json!({"Records": records})),
        ("EventBridge Pipes", json!(records)),
        ("Pipes that pass on bodies", json!([a.to_string(), b])),
        ("ReceiveMessage", received),
        ("a failure destination", destination.clone()),
        (
            "that destination behind SNS, SQS and Lambda",
            json!({"Records": [sqs_record("1", &sns(&destination))]}),
        ),
    ] {
        assert_eq!(ids(&event), ["a", "b"], "{wrapper}");
        let error = Notification::parse(event.to_string()).expect_err(wrapper);
        assert!(error.message().contains("2 records"), "{wrapper}: {error}");
        assert!(error.message().contains("parse_all"), "{wrapper}: {error}");
    }
}

#[test]
fn a_single_notification_is_read_by_either_call() {
    let a = message("a");
    let gateway = |body: &str, encoded: bool| {
        json!({
            "httpMethod": "POST",
            "headers": {"x-amz-sns-message-type": "Notification"},
            "body": body,
            "isBase64Encoded": encoded,
        })
    };
    let text = sns(&a).to_string();
    for (wrapper, event, enveloped) in [
        ("API Gateway", gateway(&text, false), true),
        (
            "API Gateway, binary",
            gateway(&STANDARD.encode(&text), true),
            true,
        ),
        (
            "EventBridge",
            json!({"detail-type": "x", "source": "mine", "detail": a}),
            false,
        ),
        (
            "one record of Lambda's",
            json!({"EventSource": "aws:sns", "Sns": sns(&a)}),
            true,
        ),
        (
            "one message of SQS's",
            json!({"Body": text, "MessageId": "1"}),
            true,
        ),
        (
            "a list of one",
            json!({"Records": [sqs_record("1", &a)]}),
            false,
        ),
        ("an envelope", sns(&a), true),
        ("nothing", a.clone(), false),
    ] {
        assert_eq!(ids(&event), ["a"], "{wrapper}");
        let one = Notification::parse(event.to_string()).expect(wrapper);
        assert_eq!(one.raw(), &a, "{wrapper}");
        assert_eq!(one.custom_attributes(), Some("trace=hush"), "{wrapper}");
        assert_eq!(one.received_time(), Some("2026-03-01T10:00:00.000Z"));
        let topic = one
            .envelope()
            .and_then(|envelope| envelope.get("Message")?.as_str());
        let whole = a.to_string();
        assert_eq!(topic, enveloped.then_some(whole.as_str()), "{wrapper}");
        assert!(!format!("{one:?}").contains("hush"));
    }
}

#[test]
fn one_bad_record_does_not_hide_the_others() {
    let event = json!({"Records": [
        sqs_record("m-1", &message("a")),
        sqs_record("m-2", "hello, hush"),
        sqs_record("m-3", "{\"hush\": 1}"),
        sqs_record("m-4", "\"hush\""),
        {"messageId": "m-5"},
        sqs_record("m-6", &json!({"body": "*", "isBase64Encoded": true})),
        sqs_record("no, this is no id", "{}"),
        7,
        sqs_record("m-9", &message("i")),
    ]});
    let found = Notification::parse_all(event.to_string());
    assert_eq!(found.len(), 9, "one element a record");
    for (index, says) in [
        (1, "record 2 of 9 (message m-2): it is not JSON"),
        (2, "record 3 of 9 (message m-3): it has no invocationStatus"),
        (
            3,
            "record 4 of 9 (message m-4): it is JSON, but not an object",
        ),
        (4, "record 5 of 9 (message m-5): it has no invocationStatus"),
        (5, "record 6 of 9 (message m-6): isBase64Encoded is true"),
        (6, "record 7 of 9: it has no invocationStatus"),
        (7, "record 8 of 9: it is JSON, but not an object"),
    ] {
        let error = found[index].as_ref().expect_err(says);
        assert!(error.message().starts_with(says), "{says}: {error}");
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
    assert!(found[0].is_ok() && found[8].is_ok());
}

#[test]
fn a_wrapper_without_records_yields_nothing() {
    for event in ["{}", "[]", r#"{"Records": []}"#, r#"{"Messages": []}"#] {
        assert!(Notification::parse_all(event).is_empty(), "{event}");
        let error = Notification::parse(event).expect_err(event);
        assert!(error.message().contains("no record"), "{event}: {error}");
    }
    // Not the same as an empty or unreadable document.
    for event in [
        "",
        "null",
        "7",
        "\"x\"",
        r#"{"Records": 7}"#,
        r#"{"body": null}"#,
    ] {
        let found = Notification::parse_all(event);
        assert!(matches!(found.as_slice(), [Err(_)]), "{event}: {found:?}");
    }
}

#[test]
fn a_check_of_the_topic_is_no_error_and_no_inference() {
    let check = check_of_topic();
    for event in [
        check.clone(),
        sns(&check),
        json!({"Records": [sqs_record("1", &sns(&check))]}),
    ] {
        let found = Notification::parse(event.to_string()).expect("a notification");
        assert_eq!(found.status(), InvocationStatus::Test);
        assert_eq!(found.status().as_str(), "TestNotification");
        assert_eq!(found.inference_id(), None);
    }
    assert_eq!(
        InvocationStatus::from("TestNotification"),
        InvocationStatus::Test
    );
    let predictor = AsyncPredictor::new("my-endpoint", &client::session_at("http://127.0.0.1:9"));
    let found = Notification::parse(check.to_string()).expect("a notification");
    let refused = predictor.response_from(&found).expect_err("no inference");
    assert!(
        refused.to_string().contains("TestNotification"),
        "{refused}"
    );
}

#[test]
fn messages_of_other_services_are_refused_by_name() {
    let object = json!({"Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "out"}, "object": {"key": "1.out"}},
    }]});
    for (event, says) in [
        (object.clone(), "S3's event of an object"),
        (sns(&object), "S3's event of an object"),
        (
            json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {"body": "{}"}}),
            "S3's event of an object",
        ),
        (
            json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "out"}),
            "S3's test event",
        ),
        (
            json!({"Type": "UnsubscribeConfirmation", "Message": "x", "Token": "hush"}),
            "UnsubscribeConfirmation",
        ),
    ] {
        let error = Notification::parse(event.to_string()).expect_err(says);
        assert!(error.message().contains(says), "{error}");
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}

#[test]
fn a_byte_order_mark_before_a_notification_is_passed_over() {
    let marked = format!("\u{feff}{}", message("a"));
    let found = Notification::parse(marked).expect("a notification");
    assert_eq!(found.inference_id(), Some("a"));
}
