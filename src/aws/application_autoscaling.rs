//! Application Auto Scaling (2016-02-06). All its changes set a desired state, so every request is idempotent.

use serde_json::Value;

use super::json_rpc::Api;
use super::{CallError, Caller, Service};

const API: Api = Api {
    service: Service::ApplicationAutoScaling,
    target_prefix: "AnyScaleFrontendService",
    content_type: "application/x-amz-json-1.1",
};

pub(crate) fn register_scalable_target(
    caller: Caller<'_>,
    resource: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "RegisterScalableTarget", resource, input)
}

pub(crate) fn describe_scalable_targets(
    caller: Caller<'_>,
    resource: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "DescribeScalableTargets", resource, input)
}

pub(crate) fn deregister_scalable_target(
    caller: Caller<'_>,
    resource: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "DeregisterScalableTarget", resource, input)
}

pub(crate) fn put_scaling_policy(
    caller: Caller<'_>,
    resource: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask_for(caller, "PutScalingPolicy", resource, input, "PolicyARN")
}

pub(crate) fn describe_scaling_policies(
    caller: Caller<'_>,
    resource: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "DescribeScalingPolicies", resource, input)
}

pub(crate) fn delete_scaling_policy(
    caller: Caller<'_>,
    resource: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "DeleteScalingPolicy", resource, input)
}
