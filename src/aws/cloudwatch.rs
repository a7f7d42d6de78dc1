//! Amazon CloudWatch (2010-08-01): metrics and alarms. Its model lists three protocols,
//! `smithy-rpc-v2-cbor`, `json` and `query`; this is JSON 1.0. An alarm is put in its desired state and deleted by
//! name, so every request is idempotent.

use serde_json::Value;

use super::json_rpc::Api;
use super::{CallError, Caller, Service};

const API: Api = Api {
    service: Service::CloudWatch,
    target_prefix: "GraniteServiceVersion20100801",
    content_type: "application/x-amz-json-1.0",
};

pub(crate) fn put_metric_alarm(
    caller: Caller<'_>,
    alarm: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "PutMetricAlarm", alarm, input)
}

pub(crate) fn delete_alarms(
    caller: Caller<'_>,
    alarm: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "DeleteAlarms", alarm, input)
}

pub(crate) fn get_metric_data(
    caller: Caller<'_>,
    endpoint: &str,
    input: &Value,
) -> Result<Value, CallError> {
    API.ask(caller, "GetMetricData", endpoint, input)
}
