//! What callers give as text: locations, and the words of the public enums.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use sagemaker_async_inference::credentials::ChainSlot;
use sagemaker_async_inference::endpoint::{
    CapacitySize, CaptureMode, EndpointStatus, NotificationTopic, OnFailure, RoutingStrategy,
    VariantProperty,
};
use sagemaker_async_inference::error::{
    CodecDirection, EndpointWaitReason, TransferErrorKind, TransportErrorKind,
};
use sagemaker_async_inference::queue::{InvocationStatus, SnsMessageKind};
use sagemaker_async_inference::session::Service;
use sagemaker_async_inference::transfer::{TransferDirection, UploadChecksum};
use sagemaker_async_inference::waiter::{AccessDenied, WaitStopReason};
use sagemaker_async_inference::{AsyncInferenceResponse, Error, InvalidInput, S3Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::support::client::{accepting, is_submit, predictor, session_at, uri};

#[test]
fn a_location_may_be_text() {
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let text = "s3://my-bucket/in/1";
    let owned = text.to_owned();
    let there = uri(text);
    let requests = [
        predictor.request_at(text),
        predictor.request_at(&owned),
        predictor.request_at(owned.clone()),
        predictor.request_at(&there),
        predictor.request_at(there.clone()),
    ];
    for request in requests {
        let response = request.submit().expect("a submit");
        assert_eq!(response.input_location(), Some(&uri(text)));
    }
    let uploaded = predictor.request("x").upload_to("s3://my-bucket/in/2");
    let uploaded = uploaded.submit().expect("a submit");
    assert_eq!(uploaded.input_location(), Some(&uri("s3://my-bucket/in/2")));
    let response = AsyncInferenceResponse::new(&predictor, text, None).expect("a response");
    assert_eq!(response.output_path(), &uri(text));
    let both = AsyncInferenceResponse::new(&predictor, text, Some("s3://my-bucket/f"));
    let both = both.expect("a response");
    assert_eq!(both.failure_path(), Some(&uri("s3://my-bucket/f")));
}

#[test]
fn a_location_that_is_none_is_refused_before_anything_is_sent() {
    let server = accepting();
    let predictor = predictor(&session_at(&server.url()));
    let refused = |error: Error| match error {
        Error::InvalidInput(invalid) => assert_eq!(invalid.what(), "S3 URI"),
        other => panic!("{other:?}"),
    };
    refused(
        predictor
            .request_at("my-bucket/in")
            .submit()
            .expect_err("no URI"),
    );
    refused(
        predictor
            .request("x")
            .upload_to("in/")
            .submit()
            .expect_err("no URI"),
    );
    // An option that is set later does not hide the error.
    let request = predictor
        .request("x")
        .upload_to("in/")
        .upload_to("s3://my-bucket/in/");
    refused(request.submit().expect_err("no URI"));
    refused(AsyncInferenceResponse::new(&predictor, "out", None).expect_err("no URI"));
    let failure = AsyncInferenceResponse::new(&predictor, "s3://my-bucket/o", Some("failure"));
    refused(failure.expect_err("no URI"));
    assert!(!server.seen().iter().any(is_submit));
}

/// Text, `FromStr`, `TryFrom<&str>` and JSON are the same word, which no other value has.
fn check_words<T>(values: &[(T, &str)])
where
    T: Copy + PartialEq + Debug + Display + Serialize + DeserializeOwned,
    T: FromStr<Err = InvalidInput> + for<'a> TryFrom<&'a str, Error = InvalidInput>,
{
    for (value, word) in values {
        assert_eq!(value.to_string(), *word);
        assert_eq!(word.parse::<T>().as_ref(), Ok(value));
        assert_eq!(T::try_from(*word).as_ref(), Ok(value));
        let json = serde_json::to_string(value).expect("JSON");
        assert_eq!(json, format!("{word:?}"));
        assert_eq!(serde_json::from_str::<T>(&json).expect("a value"), *value);
    }
    let refused = "no such word".parse::<T>().expect_err("an unknown word");
    for (_, word) in values {
        assert!(refused.to_string().contains(word), "{refused}");
    }
    assert!(serde_json::from_str::<T>("\"no such word\"").is_err());
    let wide = format!("{:>40}", values[0].0);
    assert_eq!(wide.len(), 40, "{wide:?}");
}

#[test]
fn enums_of_known_words_are_read_as_they_are_written() {
    check_words(&[
        (CaptureMode::Input, "Input"),
        (CaptureMode::Output, "Output"),
    ]);
    check_words(&[
        (
            VariantProperty::DesiredInstanceCount,
            "DesiredInstanceCount",
        ),
        (VariantProperty::DataCaptureConfig, "DataCaptureConfig"),
    ]);
    check_words(&[
        (
            RoutingStrategy::LeastOutstandingRequests,
            "LEAST_OUTSTANDING_REQUESTS",
        ),
        (RoutingStrategy::Random, "RANDOM"),
    ]);
    check_words(&[
        (SnsMessageKind::Notification, "Notification"),
        (
            SnsMessageKind::SubscriptionConfirmation,
            "SubscriptionConfirmation",
        ),
    ]);
    check_words(&[
        (Service::S3, "s3"),
        (Service::SageMakerRuntime, "sagemaker-runtime"),
        (Service::ApplicationAutoScaling, "application-autoscaling"),
    ]);
    check_words(&[(CodecDirection::Serialize, "serialize")]);
    check_words(&[(ChainSlot::WebIdentity, "web-identity")]);
    check_words(&[(AccessDenied::Probe, "probe"), (AccessDenied::Fail, "fail")]);
    check_words(&[(WaitStopReason::Cancelled, "cancelled")]);
    check_words(&[(EndpointWaitReason::RolledBack, "rolled-back")]);
    check_words(&[(TransportErrorKind::TooLong, "too-long")]);
    check_words(&[(TransferErrorKind::Changed, "changed")]);
    check_words(&[(TransferDirection::Upload, "upload")]);
    check_words(&[(UploadChecksum::SignedSha256, "signed-sha256")]);
    check_words(&[(OnFailure::Remove, "remove")]);
}

/// Every word is kept, known or not.
fn check_open<T>(known: &[(T, &str)], is_other: impl Fn(&T) -> bool)
where
    T: PartialEq + Debug + Display + Serialize + DeserializeOwned + Clone,
    T: FromStr + for<'a> From<&'a str> + From<String> + Into<String>,
{
    for (value, word) in known {
        assert_eq!(&T::from(*word), value);
        assert!(!is_other(value));
    }
    for word in known.iter().map(|(_, word)| *word).chain(["Tomorrow", ""]) {
        let value = T::from(word);
        assert_eq!(value.to_string(), word);
        assert_eq!(Into::<String>::into(value.clone()), word);
        assert_eq!(T::from(word.to_owned()), value);
        assert!(word.parse::<T>().is_ok_and(|parsed| parsed == value));
        let json = serde_json::to_value(&value).expect("JSON");
        assert_eq!(json, word);
        assert_eq!(serde_json::from_value::<T>(json).expect("a value"), value);
    }
    assert!(is_other(&T::from("Tomorrow")));
}

#[test]
fn enums_of_a_services_words_keep_those_that_they_do_not_know() {
    check_open(
        &[
            (EndpointStatus::InService, "InService"),
            (EndpointStatus::UpdateRollbackFailed, "UpdateRollbackFailed"),
        ],
        |status| matches!(status, EndpointStatus::Other(_)),
    );
    check_open(
        &[
            (InvocationStatus::Completed, "Completed"),
            (InvocationStatus::Test, "TestNotification"),
        ],
        |status| matches!(status, InvocationStatus::Other(_)),
    );
    check_open(
        &[(NotificationTopic::Error, "ERROR_NOTIFICATION_TOPIC")],
        |topic| matches!(topic, NotificationTopic::Other(_)),
    );
}

#[test]
fn a_capacity_is_a_number_of_instances_or_a_percentage() {
    for (text, size) in [
        ("2", CapacitySize::Instances(2)),
        ("10%", CapacitySize::Percent(10)),
    ] {
        assert_eq!(text.parse(), Ok(size));
        assert_eq!(CapacitySize::try_from(text), Ok(size));
        assert_eq!(size.to_string(), text);
    }
    for text in ["", "%", "+2", "-1%", "2 %", "a", "10%%", "99999999999"] {
        let refused = text.parse::<CapacitySize>().expect_err("no capacity");
        assert!(refused.remedy().contains("10%"), "{refused}");
    }
}

#[cfg(feature = "local")]
#[test]
fn operations_and_states_of_the_local_endpoint_are_read_by_their_names() {
    use sagemaker_async_inference::local::{JobState, Operation};

    for operation in Operation::ALL {
        let name = operation.to_string();
        assert_eq!(name.parse(), Ok(operation));
        assert_eq!(Operation::try_from(&*name), Ok(operation));
    }
    let refused = "putObject".parse::<Operation>().expect_err("another case");
    assert!(refused.to_string().contains("PutObject"), "{refused}");
    check_words(&[(JobState::Queued, "queued"), (JobState::Failed, "failed")]);
}

#[test]
fn an_s3_uri_is_made_from_what_callers_have() {
    fn made(from: impl TryInto<S3Uri, Error: Into<Error>>) -> Result<S3Uri, Error> {
        from.try_into().map_err(Into::into)
    }
    let uri = made("s3://my-bucket/key").expect("a URI");
    assert_eq!(made(&uri).expect("a URI"), uri);
    assert_eq!(made(uri.to_string()).expect("a URI"), uri);
    assert!(matches!(made("key"), Err(Error::InvalidInput(_))));
    assert_eq!(String::from(uri), "s3://my-bucket/key");
}
