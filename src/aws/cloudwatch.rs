//! Amazon CloudWatch (2010-08-01): metrics and alarms. Its model lists three protocols,
//! `smithy-rpc-v2-cbor`, `json` and `query`; this is JSON 1.0.

use serde_json::Value;

use super::json::{Api, JsonCall};
use super::{Failed, Patience, Repeat, Service};
use crate::error::Result;
use crate::session::Session;

const API: Api = Api {
    service: Service::CloudWatch,
    target_prefix: "GraniteServiceVersion20100801",
    content_type: "application/x-amz-json-1.0",
};

/// All of these are the same when sent twice: an alarm is put as it is to be, and deleted by name.
fn send(
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

pub(crate) fn put_metric_alarm(
    session: &Session,
    alarm: &str,
    input: &Value,
) -> Result<Value, Failed> {
    send(session, "PutMetricAlarm", alarm, input, Patience::default())
}

pub(crate) fn delete_alarms(
    session: &Session,
    alarm: &str,
    input: &Value,
) -> Result<Value, Failed> {
    send(session, "DeleteAlarms", alarm, input, Patience::default())
}

pub(crate) fn get_metric_data(
    session: &Session,
    endpoint: &str,
    input: &Value,
    patience: Patience<'_>,
) -> Result<Value, Failed> {
    send(session, "GetMetricData", endpoint, input, patience)
}
