//! `SageMaker`'s control plane (2017-07-24): models, endpoint configurations, endpoints.
//!
//! Its operations have no idempotency token. `endpoint::settle` finds out the outcome of a request whose response
//! was lost.

use serde_json::{Value, json};

use super::json_rpc::{Api, Operation, next_token};
use super::{CallError, Caller, MAX_DOCUMENT, Service};

const API: Api = Api {
    service: Service::SageMaker,
    target_prefix: "SageMaker",
    content_type: "application/x-amz-json-1.1",
    max_response: MAX_DOCUMENT,
};

pub(crate) const CREATE_MODEL: Operation = API
    .operation("CreateModel")
    .not_idempotent()
    .returning("ModelArn");
pub(crate) const CREATE_ENDPOINT_CONFIG: Operation = API
    .operation("CreateEndpointConfig")
    .not_idempotent()
    .returning("EndpointConfigArn");
pub(crate) const CREATE_ENDPOINT: Operation = API
    .operation("CreateEndpoint")
    .not_idempotent()
    .returning("EndpointArn");
pub(crate) const UPDATE_ENDPOINT: Operation = API
    .operation("UpdateEndpoint")
    .not_idempotent()
    .returning("EndpointArn");
/// Sets desired counts and weights.
pub(crate) const UPDATE_ENDPOINT_WEIGHTS_AND_CAPACITIES: Operation =
    API.operation("UpdateEndpointWeightsAndCapacities");
pub(crate) const DESCRIBE_MODEL: Operation = API.operation("DescribeModel");
pub(crate) const DESCRIBE_ENDPOINT_CONFIG: Operation = API.operation("DescribeEndpointConfig");
pub(crate) const DESCRIBE_ENDPOINT: Operation = API.operation("DescribeEndpoint");
pub(crate) const DELETE_MODEL: Operation = API.operation("DeleteModel");
pub(crate) const DELETE_ENDPOINT_CONFIG: Operation = API.operation("DeleteEndpointConfig");
pub(crate) const DELETE_ENDPOINT: Operation = API.operation("DeleteEndpoint");
pub(crate) const LIST_ENDPOINTS: Operation = API.operation("ListEndpoints");
const LIST_TAGS: Operation = API.operation("ListTags");

/// All tags, from all pages.
pub(crate) fn list_tags(caller: Caller<'_>, arn: &str) -> Result<Vec<Value>, CallError> {
    let mut tags = Vec::new();
    let mut input = json!({ "ResourceArn": arn, "MaxResults": 50 });
    loop {
        let mut page = LIST_TAGS.send(caller, arn, &input)?;
        if let Some(Value::Array(more)) = page.get_mut("Tags").map(Value::take) {
            tags.extend(more);
        }
        match next_token(&page, input.get("NextToken")) {
            Some(token) => input["NextToken"] = token,
            None => return Ok(tags),
        }
    }
}
