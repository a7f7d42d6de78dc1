//! SNS messages, raw and in envelopes, valid and malformed.

#[cfg(feature = "local")]
pub(crate) mod local;

use crate::support;

use proptest::prelude::*;
use sagemaker_async_inference::queue::{InvocationStatus, Notification, Notified};
use sagemaker_async_inference::response::CleanUp;
use sagemaker_async_inference::{
    AsyncPredictor, Error, InferenceHandle, WaiterConfig, as_completed,
};
use serde_json::{Value, json};
use support::client;
use support::verifier::{Reply, Rules, Verifier};

/// As SageMaker's guide shows it.
fn completed() -> Value {
    json!({
        "awsRegion": "us-east-1",
        "eventTime": "2022-01-25T22:46:00.608Z",
        "receivedTime": "2022-01-25T22:46:00.455Z",
        "invocationStatus": "Completed",
        "requestParameters": {
            "contentType": "text/csv",
            "endpointName": "my-endpoint",
            "inputLocation": "s3://my-bucket/in/data.csv",
        },
        "responseParameters": {
            "contentType": "text/csv; charset=utf-8",
            "outputLocation": "s3://my-bucket/out/prediction.out",
        },
        "inferenceId": "11111111-2222-3333-4444-555555555555",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
        "tomorrow": {"deep": [1, null]},
    })
}

fn failed() -> Value {
    json!({
        "invocationStatus": "Failed",
        "failureReason": "ClientError: Received server error (500) from model.",
        "requestParameters": {"endpointName": "my-endpoint"},
        "inferenceId": "job-7",
    })
}

fn envelope(message: &Value) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
        "Message": message.to_string(),
        "Timestamp": "2012-05-02T00:54:06.655Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
    })
}

fn parse(message: &Value) -> Notification {
    Notification::parse(message.to_string()).expect("a notification")
}

#[test]
fn raw_and_enveloped_messages_are_the_same() {
    let message = completed();
    let lambda = json!({"EventSource": "aws:sns", "Sns": envelope(&message)});
    let sqs_record = json!({"messageId": "x", "body": envelope(&message).to_string()});
    for (wrapped, enveloped) in [
        (message.clone(), false),
        (envelope(&message), true),
        (lambda, true),
        (sqs_record, true),
        (json!({"body": message.to_string()}), false),
    ] {
        let notification = parse(&wrapped);
        assert_eq!(notification.raw(), &message, "nothing is lost");
        assert_eq!(notification.envelope().is_some(), enveloped);
        assert_eq!(notification.status(), InvocationStatus::Completed);
        assert_eq!(notification.endpoint_name(), Some("my-endpoint"));
        let id = "11111111-2222-3333-4444-555555555555";
        assert_eq!(notification.inference_id(), Some(id));
        assert_eq!(
            notification.input_location(),
            Some("s3://my-bucket/in/data.csv")
        );
        assert_eq!(
            notification.output_location(),
            Some("s3://my-bucket/out/prediction.out")
        );
        assert_eq!(notification.content_type(), Some("text/csv; charset=utf-8"));
        assert_eq!(notification.event_time(), Some("2022-01-25T22:46:00.608Z"));
        assert_eq!(
            notification.received_time(),
            Some("2022-01-25T22:46:00.455Z")
        );
        assert_eq!(notification.failure_reason(), None);
        assert_eq!(notification.included_response(), None);
    }
    let topic = parse(&envelope(&message))
        .envelope()
        .map(|envelope| envelope["TopicArn"].clone());
    assert_eq!(
        topic,
        Some("arn:aws:sns:us-west-2:123456789012:MyTopic".into())
    );
}

#[test]
fn an_included_response_is_kept_as_it_came() {
    let mut message = completed();
    message["responseBody"] = json!({"content": "0.5", "encoding": "CSV"});
    let notification = parse(&envelope(&message));
    assert_eq!(
        notification.included_response(),
        Some(&message["responseBody"])
    );
    assert!(
        !format!("{notification:?}").contains("0.5"),
        "a payload is not shown"
    );
}

#[test]
fn documents_that_are_not_notifications_are_distinguished() {
    for (text, says) in [
        ("", "not JSON"),
        ("\u{0}\u{ff}", "not JSON"),
        ("{\"invocationStatus\": \"Compl", "not JSON"),
        ("[]", "no record"),
        ("\"Completed\"", "not an object"),
        ("{}", "no invocationStatus"),
        (r#"{"invocationStatus": 1}"#, "no invocationStatus"),
        (
            r#"{"Type": "Notification", "Message": "hello"}"#,
            "not JSON",
        ),
        (
            r#"{"Type": "Notification", "Message": "{}"}"#,
            "no invocationStatus",
        ),
        (
            r#"{"Type": "SubscriptionConfirmation", "Message": "You have chosen", "Token": "secret-token"}"#,
            "SubscribeURL",
        ),
    ] {
        let error = Notification::parse(text).expect_err(text);
        assert!(error.to_string().contains(says), "{text}: {error}");
        assert!(!format!("{error} {error:?}").contains("secret-token"));
    }
    // An envelope in an envelope, and so on: parsing ends, without deep recursion.
    let mut nested = completed();
    for _ in 0..10 {
        nested = json!({"Message": nested.to_string()});
    }
    assert!(Notification::parse(nested.to_string()).is_err());
    let deep = "[".repeat(100_000);
    assert!(Notification::parse(deep).is_err());
}

fn predictor(server: &Verifier) -> AsyncPredictor {
    AsyncPredictor::new("my-endpoint", &client::session_at(&server.url()))
}

#[test]
fn a_completed_inference_is_fetched_with_one_request() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(200, "[1, 2]"));
    let response = predictor(&server).response_from(&parse(&envelope(&completed())));
    let response = response
        .and_then(Notified::into_response)
        .expect("a response");
    assert!(server.seen().is_empty(), "it sends no request");
    assert_eq!(
        response.output_path().to_string(),
        "s3://my-bucket/out/prediction.out"
    );
    assert_eq!(
        response.inference_id(),
        Some("11111111-2222-3333-4444-555555555555")
    );
    let input = response.input_location().map(ToString::to_string);
    assert_eq!(input.as_deref(), Some("s3://my-bucket/in/data.csv"));

    let reply: Vec<u32> = response
        .get_result(&WaiterConfig::default())
        .expect("a result");
    assert_eq!(reply, [1, 2]);
    let again: Option<Vec<u32>> = response.try_get_result().expect("a look");
    assert_eq!(again, Some(vec![1, 2]));
    let paths: Vec<_> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/my-bucket/out/prediction.out"]);
}

#[test]
fn a_failed_inference_is_a_model_failure_without_a_request() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(599, ""));
    let predictor = predictor(&server);
    let notified = predictor
        .response_from(&parse(&failed()))
        .expect("a failure");
    let error = notified
        .get_result::<Value>(&WaiterConfig::default())
        .expect_err("a failure");
    let Error::Model(failure) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        failure.text(),
        "ClientError: Received server error (500) from model."
    );
    assert_eq!(failure.endpoint_name(), "my-endpoint");
    assert_eq!(
        (failure.output_path(), failure.failure_path()),
        (None, None)
    );
    assert!(
        !format!("{error} {error:?}").contains("Received server"),
        "a payload is not shown"
    );

    let mut reported = failed();
    reported["failureLocation"] = "s3://my-bucket/failed/7.out".into();
    let notified = predictor
        .response_from(&parse(&reported))
        .expect("a failure");
    let Notified::Failed(failure) = notified else {
        panic!("no failure");
    };
    let path = failure.failure_path().map(ToString::to_string);
    assert_eq!(path.as_deref(), Some("s3://my-bucket/failed/7.out"));
    assert!(server.seen().is_empty());
}

#[test]
fn a_failure_handle_of_release_0_1_is_a_failure_however_the_result_is_taken() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(599, ""));
    let predictor = predictor(&server);
    let waiter = WaiterConfig::default();
    let line = r#"{"version":1,"endpoint_name":"my-endpoint","output_path":"s3://not-told/not-told","inference_id":"job-7","failed":true}"#;
    let handle: InferenceHandle = line.parse().expect("a handle");
    assert!(handle.has_failed());
    assert_eq!(handle.to_string(), line);
    let response = || predictor.resume(handle.clone());
    let path = std::env::temp_dir().join(format!("not-written-{}", std::process::id()));
    let ways = [
        response().get_result::<Value>(&waiter).map(drop),
        response().try_get_result::<Value>().map(drop),
        response().download(&path, &waiter).map(drop),
        response().write_result(&mut Vec::new(), &waiter).map(drop),
        response().read_result(&waiter).map(drop),
    ];
    for outcome in ways {
        let error = outcome.expect_err("a failure");
        assert!(matches!(error, Error::Model(_)), "{error:?}");
        assert_eq!(error.handle(), Some(&handle));
    }
    assert!(!path.exists());
    let mut done = as_completed([response()], &waiter);
    let outcome = done.next().expect("an outcome").result::<Value>();
    assert!(matches!(outcome, Err(Error::Model(_))));
    assert!(done.next().is_none());
    assert!(response().clean_up(&CleanUp::everything()).is_err());
    assert!(server.seen().is_empty(), "no request is sent");
}

#[test]
fn what_cannot_be_right_is_refused() {
    let server = Verifier::start(Rules::new(), |_| Reply::new(599, ""));
    let predictor = predictor(&server);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut message = completed();
        change(&mut message);
        predictor.response_from(&parse(&message))
    };
    for (refused, says) in [
        (
            changed(&|m| m["requestParameters"]["endpointName"] = "other".into()),
            "of endpoint my-endpoint",
        ),
        (
            changed(&|m| m["invocationStatus"] = "Tomorrow".into()),
            "Completed or Failed",
        ),
        (
            changed(&|m| m["responseParameters"] = json!({})),
            "outputLocation",
        ),
        (
            changed(&|m| m["responseParameters"]["outputLocation"] = "https://x/y?sig".into()),
            "web address",
        ),
    ] {
        let refused = client::invalid(refused.expect_err(says));
        assert!(refused.to_string().contains(says), "{refused}");
    }
    let nameless = changed(&|m| m["requestParameters"] = json!({}));
    assert!(nameless.is_ok(), "whose it is need not be reported");
}

/// Any JSON, three levels deep, with known member names among the keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::from("Completed")),
        Just(Value::from("Failed")),
    ];
    let names = prop::sample::select(vec![
        "Type",
        "Message",
        "body",
        "Sns",
        "TopicArn",
        "invocationStatus",
        "requestParameters",
        "responseParameters",
        "outputLocation",
        "endpointName",
        "inferenceId",
        "failureReason",
        "other",
    ]);
    leaf.prop_recursive(3, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner.clone(), 0..8).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect()
            }),
            // A document in a text, as envelopes have it.
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

/// Calls every getter of a notification.
fn read_all_members(notification: &Notification, predictor: &AsyncPredictor) {
    let _ = (
        notification.status(),
        notification.endpoint_name(),
        notification.inference_id(),
    );
    let _ = (
        notification.output_location(),
        notification.failure_reason(),
    );
    let _ = (notification.input_location(), notification.content_type());
    let _ = format!("{notification:?}");
    if let Err(error) = predictor.response_from(notification) {
        let _ = format!("{error} {error:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Notification::parse(&bytes);
    }

    #[test]
    fn no_json_makes_it_panic(message in any_json()) {
        let server = Verifier::start(Rules::new(), |_| Reply::new(599, ""));
        let predictor = predictor(&server);
        for text in [message.to_string(), envelope(&message).to_string()] {
            if let Ok(notification) = Notification::parse(&text) {
                read_all_members(&notification, &predictor);
            }
        }
    }

    #[test]
    fn a_message_that_is_cut_anywhere_is_refused(end in 0_usize..1000) {
        let text = envelope(&completed()).to_string();
        let end = end.min(text.len() - 1);
        prop_assert!(Notification::parse(&text[..text.floor_char_boundary(end)]).is_err());
    }

    #[test]
    fn unknown_members_are_kept(extra in any_json(), name in "[a-z]{1,12}X") {
        let mut message = completed();
        message[&name] = extra;
        // What a text cannot hold, a number that is none, is null in the text already.
        let wanted: Value = serde_json::from_str(&message.to_string()).expect("JSON");
        let (raw, enveloped) = (parse(&message), parse(&envelope(&message)));
        prop_assert_eq!(raw.raw(), &wanted);
        prop_assert_eq!(enveloped.raw(), &wanted);
    }
}
