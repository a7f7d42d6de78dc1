//! Limits of the control plane's API, as the service names them.

use serde_json::{Value, json};

use super::control::{json_of, sagemaker, start};
use crate::local_endpoint::client::client;

/// What `CreateModel` needs, with one member more or another value for one.
fn model_with(member: &str, value: Value) -> Value {
    let mut model = json!({
        "ModelName": "m",
        "PrimaryContainer": {"Image": "image:1"},
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
    });
    model[member] = value;
    model
}

#[test]
fn a_broken_limit_is_named_as_the_service_names_it() {
    let endpoint = start();
    let client = client(&endpoint);
    let mut no_name = model_with("ModelName", Value::Null);
    no_name
        .as_object_mut()
        .expect("an object")
        .remove("ModelName");
    let tags: Vec<_> = (0..51)
        .map(|n| json!({"Key": format!("k{n}"), "Value": ""}))
        .collect();
    let cases = [
        (
            "CreateModel",
            no_name,
            "Value null at 'modelName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "CreateModel",
            model_with("ModelName", "a_b".into()),
            r"Value 'a_b' at 'modelName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?",
        ),
        (
            "CreateModel",
            model_with(
                "Tags",
                json!([{"Key": "k", "Value": "v"}, {"Key": "k".repeat(129), "Value": ""}]),
            ),
            "at 'tags.2.member.key' failed to satisfy constraint: Member must have length less than or equal to 128",
        ),
        (
            "CreateModel",
            model_with("Tags", tags.into()),
            "Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50",
        ),
        (
            "CreateModel",
            model_with(
                "PrimaryContainer",
                json!({"Image": "i", "Environment": {"K": "secret".repeat(200)}}),
            ),
            "Value at 'primaryContainer.environment",
        ),
        (
            "ListEndpoints",
            json!({"MaxResults": 0}),
            "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "DescribeEndpoint",
            json!({"EndpointName": "e".repeat(64)}),
            "at 'endpointName' failed to satisfy constraint: Member must have length less than or equal to 63",
        ),
    ];
    for (operation, input, words) in cases {
        let reply = sagemaker(&client, operation, &input);
        reply.is_json_error(400, "ValidationException");
        let text = json_of(&reply)["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(text.starts_with("1 validation error detected: "), "{text}");
        assert!(text.contains(words), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
