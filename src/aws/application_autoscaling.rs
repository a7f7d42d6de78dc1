//! Application Auto Scaling (2016-02-06). All its changes set a desired state, so every request is idempotent.

use super::json_rpc::{Api, Operation};
use super::{MAX_DOCUMENT, Service};

const API: Api = Api {
    service: Service::ApplicationAutoScaling,
    target_prefix: "AnyScaleFrontendService",
    content_type: "application/x-amz-json-1.1",
    max_response: MAX_DOCUMENT,
};

pub(crate) const REGISTER_SCALABLE_TARGET: Operation = API.operation("RegisterScalableTarget");
pub(crate) const DESCRIBE_SCALABLE_TARGETS: Operation = API.operation("DescribeScalableTargets");
pub(crate) const DEREGISTER_SCALABLE_TARGET: Operation = API.operation("DeregisterScalableTarget");
pub(crate) const PUT_SCALING_POLICY: Operation =
    API.operation("PutScalingPolicy").returning("PolicyARN");
pub(crate) const DESCRIBE_SCALING_POLICIES: Operation = API.operation("DescribeScalingPolicies");
pub(crate) const DELETE_SCALING_POLICY: Operation = API.operation("DeleteScalingPolicy");
