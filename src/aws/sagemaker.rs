//! `SageMaker`'s control plane (2017-07-24): models, endpoint configurations, endpoints.
//!
//! Its operations have no idempotency token. `endpoint::settle` finds out what became of a request whose response
//! was lost.

use serde_json::{Value, json};

use super::json_rpc::Api;
use super::{CallError, Caller, RequestPolicy, Service};

const API: Api = Api {
    service: Service::SageMaker,
    target_prefix: "SageMaker",
    content_type: "application/x-amz-json-1.1",
};

pub(crate) fn create_model(
    caller: Caller<'_>,
    name: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.change(caller, "CreateModel", name, input, "ModelArn")
}

pub(crate) fn create_endpoint_config(
    caller: Caller<'_>,
    name: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.change(
        caller,
        "CreateEndpointConfig",
        name,
        input,
        "EndpointConfigArn",
    )
}

pub(crate) fn create_endpoint(
    caller: Caller<'_>,
    name: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.change(caller, "CreateEndpoint", name, input, "EndpointArn")
}

pub(crate) fn update_endpoint(
    caller: Caller<'_>,
    name: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.change(caller, "UpdateEndpoint", name, input, "EndpointArn")
}

/// Sets desired counts and weights. Idempotent.
pub(crate) fn update_endpoint_weights_and_capacities(
    caller: Caller<'_>,
    name: &str,
    input: &Value,
) -> Result<Value, CallError> {
    let operation = "UpdateEndpointWeightsAndCapacities";
    API.ask(caller, operation, name, input)
}

pub(crate) fn describe_model(caller: Caller<'_>, name: &str) -> Result<Value, CallError> {
    let input = json!({ "ModelName": name });
    API.ask(caller, "DescribeModel", name, &input)
}

pub(crate) fn describe_endpoint_config(caller: Caller<'_>, name: &str) -> Result<Value, CallError> {
    let input = json!({ "EndpointConfigName": name });
    let operation = "DescribeEndpointConfig";
    API.ask(caller, operation, name, &input)
}

pub(crate) fn describe_endpoint(
    caller: Caller<'_>,
    name: &str,
    policy: RequestPolicy<'_>,
) -> Result<Value, CallError> {
    let input = json!({ "EndpointName": name });
    API.ask_within(caller, "DescribeEndpoint", name, &input, policy)
}

pub(crate) fn delete_model(caller: Caller<'_>, name: &str) -> Result<Value, CallError> {
    let input = json!({ "ModelName": name });
    API.ask(caller, "DeleteModel", name, &input)
}

pub(crate) fn delete_endpoint_config(caller: Caller<'_>, name: &str) -> Result<Value, CallError> {
    let input = json!({ "EndpointConfigName": name });
    let operation = "DeleteEndpointConfig";
    API.ask(caller, operation, name, &input)
}

pub(crate) fn delete_endpoint(caller: Caller<'_>, name: &str) -> Result<Value, CallError> {
    let input = json!({ "EndpointName": name });
    API.ask(caller, "DeleteEndpoint", name, &input)
}

pub(crate) fn list_endpoints(caller: Caller<'_>, input: &Value) -> Result<Value, CallError> {
    let operation = "ListEndpoints";
    API.ask(caller, operation, "endpoints", input)
}

/// All tags, from all pages.
pub(crate) fn list_tags(caller: Caller<'_>, arn: &str) -> Result<Vec<Value>, CallError> {
    let mut tags = Vec::new();
    let mut input = json!({ "ResourceArn": arn, "MaxResults": 50 });
    loop {
        let mut page = API.ask(caller, "ListTags", arn, &input)?;
        if let Some(Value::Array(more)) = page.get_mut("Tags").map(Value::take) {
            tags.extend(more);
        }
        match page.get_mut("NextToken").map(Value::take) {
            // The same token again would be an endless loop.
            Some(Value::String(token)) if !token.is_empty() && input["NextToken"] != token => {
                input["NextToken"] = token.into();
            }
            _ => return Ok(tags),
        }
    }
}
