//! The configuration of an asynchronous endpoint against the API's JSON and limits.

use std::error::Error;

use sagemaker_async_inference::endpoint::NotificationTopic;
use sagemaker_async_inference::{AsyncInferenceConfig, InvalidInput, NotificationConfig};
use serde::Deserialize;
use serde_json::{Value, json, to_value};

const SUCCESS: &str = "arn:aws:sns:us-east-1:123456789012:ok";
const ERROR: &str = "arn:aws:sns:us-east-1:123456789012:err";

fn full() -> Result<AsyncInferenceConfig, InvalidInput> {
    AsyncInferenceConfig::builder()
        .output_path("s3://my-async-bucket/out/")
        .failure_path("s3://my-async-bucket/fail/")
        .kms_key_id("alias/k")
        .max_concurrent_invocations_per_instance(4)
        .notification_config(
            NotificationConfig::builder()
                .success_topic(SUCCESS)
                .error_topic(ERROR)
                .include_inference_response_in([
                    NotificationTopic::Success,
                    NotificationTopic::Error,
                    NotificationTopic::Success,
                ])
                .build()?,
        )
        .build()
}

/// As the Python SDK 2.257.7 with boto3 1.44.5 sends it.
fn full_json() -> Value {
    json!({
        "OutputConfig": {
            "S3OutputPath": "s3://my-async-bucket/out/",
            "S3FailurePath": "s3://my-async-bucket/fail/",
            "KmsKeyId": "alias/k",
            "NotificationConfig": {
                "SuccessTopic": "arn:aws:sns:us-east-1:123456789012:ok",
                "ErrorTopic": "arn:aws:sns:us-east-1:123456789012:err",
                "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"]
            }
        },
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4}
    })
}

#[test]
fn everything_is_written_as_the_python_sdk_writes_it() -> Result<(), Box<dyn Error>> {
    let config = full()?;
    assert_eq!(to_value(&config)?, full_json());
    assert_eq!(AsyncInferenceConfig::deserialize(&full_json())?, config);
    assert_eq!(
        serde_json::from_str::<AsyncInferenceConfig>(&full_json().to_string())?,
        config
    );
    assert_eq!(config.to_builder().build()?, config);

    assert_eq!(config.output_path(), Some("s3://my-async-bucket/out/"));
    assert_eq!(config.failure_path(), Some("s3://my-async-bucket/fail/"));
    assert_eq!(config.kms_key_id(), Some("alias/k"));
    assert_eq!(config.max_concurrent_invocations_per_instance(), Some(4));
    let notification = config.notification_config().ok_or("absent")?;
    assert_eq!(notification.success_topic(), Some(SUCCESS));
    assert_eq!(notification.error_topic(), Some(ERROR));
    assert_eq!(
        notification.include_inference_response_in(),
        Some([NotificationTopic::Success, NotificationTopic::Error].as_slice())
    );
    Ok(())
}

#[test]
fn absent_is_absent() -> Result<(), Box<dyn Error>> {
    let empty = json!({"OutputConfig": {}});
    assert_eq!(to_value(AsyncInferenceConfig::default())?, empty);
    assert_eq!(to_value(AsyncInferenceConfig::builder().build()?)?, empty);
    let responses = [
        json!({}),
        empty,
        json!({"OutputConfig": null, "ClientConfig": null}),
        json!({"OutputConfig": {"S3OutputPath": null, "NotificationConfig": null}, "ClientConfig": {}}),
    ];
    for response in responses {
        assert_eq!(
            AsyncInferenceConfig::deserialize(&response)?,
            AsyncInferenceConfig::default()
        );
    }
    assert_eq!(to_value(NotificationConfig::default())?, json!({}));
    let quiet = AsyncInferenceConfig::builder().notification_config(NotificationConfig::default());
    assert_eq!(
        to_value(quiet.build()?)?,
        json!({"OutputConfig": {"NotificationConfig": {}}})
    );
    let none = json!({"IncludeInferenceResponseIn": []});
    assert_eq!(to_value(NotificationConfig::deserialize(&none)?)?, none);
    Ok(())
}

#[test]
fn descriptions_are_read_leniently_and_can_be_validated() -> Result<(), Box<dyn Error>> {
    let response = json!({
        "OutputConfig": {
            "S3OutputPath": "elsewhere://x",
            "Tomorrow": [1],
            "NotificationConfig": {"IncludeInferenceResponseIn": ["NEW_TOPIC"], "Also": 1},
        },
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 5000, "More": {}},
        "Unknown": true,
    });
    let config = AsyncInferenceConfig::deserialize(&response)?;
    assert_eq!(config.output_path(), Some("elsewhere://x"));
    assert_eq!(config.max_concurrent_invocations_per_instance(), Some(5000));
    assert_eq!(
        to_value(&config)?["OutputConfig"]["NotificationConfig"]["IncludeInferenceResponseIn"],
        json!(["NEW_TOPIC"])
    );
    assert!(config.validate().is_err());

    let number = json!({"OutputConfig": 1});
    let error = AsyncInferenceConfig::deserialize(&number).expect_err("a number");
    assert!(error.to_string().contains("integer `1`"), "{error}");
    Ok(())
}

#[test]
fn limits_are_those_of_the_model() {
    let config = AsyncInferenceConfig::builder;
    let path = |length: usize| format!("s3://b/{}", "x".repeat(length - 7));
    assert!(config().output_path(path(512)).build().is_ok());
    assert!(
        config()
            .output_path("https://s3.example/bucket/")
            .build()
            .is_ok()
    );
    let long = path(513);
    for odd in [
        long.as_str(),
        "",
        "bucket/x",
        "s3://",
        "s3:///x",
        "ftp://x/y",
        "s3://b/x\ny",
    ] {
        assert!(config().output_path(odd).build().is_err(), "{odd}");
        assert!(config().failure_path(odd).build().is_err(), "{odd}");
    }

    assert!(config().kms_key_id("k".repeat(2048)).build().is_ok());
    let arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    assert!(config().kms_key_id(arn).build().is_ok());
    assert!(config().kms_key_id("k".repeat(2049)).build().is_err());
    assert!(config().kms_key_id("a key").build().is_err());

    for (count, good) in [(0, false), (1, true), (1000, true), (1001, false)] {
        let built = config()
            .max_concurrent_invocations_per_instance(count)
            .build();
        assert_eq!(built.is_ok(), good, "{count}");
    }
}

#[test]
fn topics_are_arns_of_sns() {
    let good = [
        SUCCESS,
        "arn:aws-cn:sns:cn-north-1:123456789012:a_b-c.fifo",
        "arn:aws-us-gov:sns:us-gov-west-1:123456789012:T",
    ];
    for arn in good {
        assert!(
            NotificationConfig::builder()
                .success_topic(arn)
                .build()
                .is_ok(),
            "{arn}"
        );
    }
    let long = format!("{SUCCESS}{}", "x".repeat(2048));
    let odd = [
        "",
        "ok",
        long.as_str(),
        "arn:aws:sqs:us-east-1:123456789012:ok",
        "arn:aws:sns:us-east-1:12345678901:ok",
        "arn:aws:sns:us-east-1:12345678901x:ok",
        "arn:aws:sns:us-east-1:123456789012:",
        "arn:aws:sns:us-east-1:123456789012:ok:sub",
        "arn:aws:sns:US-east-1:123456789012:ok",
        "arn:azure:sns:us-east-1:123456789012:ok",
        "arn:aws:sns:us-east-1:123456789012:o k",
    ];
    for arn in odd {
        assert!(
            NotificationConfig::builder()
                .success_topic(arn)
                .build()
                .is_err(),
            "{arn}"
        );
        assert!(
            NotificationConfig::builder()
                .error_topic(arn)
                .build()
                .is_err(),
            "{arn}"
        );
    }
    let three = ["a", "b", "c"].map(|name| NotificationTopic::from(name.to_owned()));
    assert!(
        NotificationConfig::builder()
            .include_inference_response_in(three)
            .build()
            .is_err()
    );
}
