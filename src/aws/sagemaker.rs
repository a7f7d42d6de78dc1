//! `SageMaker`'s control plane (2017-07-24): models, endpoint configurations, endpoints.
//!
//! Its operations have no idempotency token. What becomes of a request whose answer is lost is
//! settled above, in `endpoint::settle`.

use serde_json::{Value, json};

use super::json::{Api, JsonCall};
use super::{Failed, Patience, Repeat, Service};
use crate::error::Result;
use crate::session::Session;

const API: Api = Api {
    service: Service::SageMaker,
    target_prefix: "SageMaker",
    content_type: "application/x-amz-json-1.1",
};

/// A request that changes something: repeated only if it provably did not happen.
fn change(
    session: &Session,
    operation: &'static str,
    resource: &str,
    input: &Value,
) -> Result<Value, Failed> {
    let call = JsonCall {
        operation,
        repeat: Repeat::OnlyIfNotDone,
        resource,
        patience: Patience::default(),
    };
    API.call(session, &call, input)
}

/// A request that is the same when it is sent twice.
fn ask(
    session: &Session,
    operation: &'static str,
    resource: &str,
    input: &Value,
    patience: Patience<'_>,
) -> Result<Value, Failed> {
    let call = JsonCall {
        operation,
        repeat: Repeat::Idempotent,
        resource,
        patience,
    };
    API.call(session, &call, input)
}

pub(crate) fn create_model(session: &Session, name: &str, input: &Value) -> Result<Value, Failed> {
    change(session, "CreateModel", name, input)
}

pub(crate) fn create_endpoint_config(
    session: &Session,
    name: &str,
    input: &Value,
) -> Result<Value, Failed> {
    change(session, "CreateEndpointConfig", name, input)
}

pub(crate) fn create_endpoint(
    session: &Session,
    name: &str,
    input: &Value,
) -> Result<Value, Failed> {
    change(session, "CreateEndpoint", name, input)
}

pub(crate) fn update_endpoint(
    session: &Session,
    name: &str,
    input: &Value,
) -> Result<Value, Failed> {
    change(session, "UpdateEndpoint", name, input)
}

/// Sets desired counts and weights to what they are to be, so that twice is once.
pub(crate) fn update_endpoint_weights_and_capacities(
    session: &Session,
    name: &str,
    input: &Value,
) -> Result<Value, Failed> {
    let operation = "UpdateEndpointWeightsAndCapacities";
    ask(session, operation, name, input, Patience::default())
}

pub(crate) fn describe_model(session: &Session, name: &str) -> Result<Value, Failed> {
    let input = json!({ "ModelName": name });
    ask(session, "DescribeModel", name, &input, Patience::default())
}

pub(crate) fn describe_endpoint_config(session: &Session, name: &str) -> Result<Value, Failed> {
    let input = json!({ "EndpointConfigName": name });
    let operation = "DescribeEndpointConfig";
    ask(session, operation, name, &input, Patience::default())
}

pub(crate) fn describe_endpoint(
    session: &Session,
    name: &str,
    patience: Patience<'_>,
) -> Result<Value, Failed> {
    let input = json!({ "EndpointName": name });
    ask(session, "DescribeEndpoint", name, &input, patience)
}

pub(crate) fn delete_model(session: &Session, name: &str) -> Result<Value, Failed> {
    let input = json!({ "ModelName": name });
    ask(session, "DeleteModel", name, &input, Patience::default())
}

pub(crate) fn delete_endpoint_config(session: &Session, name: &str) -> Result<Value, Failed> {
    let input = json!({ "EndpointConfigName": name });
    let operation = "DeleteEndpointConfig";
    ask(session, operation, name, &input, Patience::default())
}

pub(crate) fn delete_endpoint(session: &Session, name: &str) -> Result<Value, Failed> {
    let input = json!({ "EndpointName": name });
    ask(session, "DeleteEndpoint", name, &input, Patience::default())
}

pub(crate) fn list_endpoints(session: &Session, input: &Value) -> Result<Value, Failed> {
    let operation = "ListEndpoints";
    ask(session, operation, "endpoints", input, Patience::default())
}

/// All tags, page after page.
pub(crate) fn list_tags(session: &Session, arn: &str) -> Result<Vec<Value>, Failed> {
    let mut tags = Vec::new();
    let mut input = json!({ "ResourceArn": arn, "MaxResults": 50 });
    loop {
        let mut page = ask(session, "ListTags", arn, &input, Patience::default())?;
        if let Some(Value::Array(more)) = page.get_mut("Tags").map(Value::take) {
            tags.extend(more);
        }
        match page.get_mut("NextToken").map(Value::take) {
            // A token that comes back as it was sent would lead round in circles.
            Some(Value::String(token)) if !token.is_empty() && input["NextToken"] != token => {
                input["NextToken"] = token.into();
            }
            _ => return Ok(tags),
        }
    }
}
