//! Amazon CloudWatch (2010-08-01): metrics and alarms. Its model lists three protocols,
//! `smithy-rpc-v2-cbor`, `json` and `query`; this is JSON 1.0. An alarm is put in its desired state and deleted by
//! name, so every request is idempotent.

use super::json_rpc::{Api, Operation};
use super::{MAX_DOCUMENT, Service};

const API: Api = Api {
    service: Service::CloudWatch,
    target_prefix: "GraniteServiceVersion20100801",
    content_type: "application/x-amz-json-1.0",
    max_response: MAX_DOCUMENT,
};

pub(crate) const PUT_METRIC_ALARM: Operation = API.operation("PutMetricAlarm");
pub(crate) const DESCRIBE_ALARMS: Operation = API.operation("DescribeAlarms");
pub(crate) const DELETE_ALARMS: Operation = API.operation("DeleteAlarms");
pub(crate) const GET_METRIC_DATA: Operation = API.operation("GetMetricData");
