//! CloudWatch: the queue's metrics, and alarms.

use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

use super::hosted::Hosted;
use super::{Input, Now, State};
use crate::local::http::response::Refusal;

const NAMESPACE: &str = "AWS/SageMaker";

/// The endpoint that a metric is about: the value of its dimension `EndpointName`.
fn endpoint_of(metric: &Value) -> Option<&str> {
    let dimensions = metric.get("Dimensions")?.as_array()?;
    let found = dimensions.iter().find(|d| d["Name"] == "EndpointName")?;
    found["Value"].as_str()
}

/// Whether an alarm is on jobs that wait at this endpoint without instances.
pub(super) fn is_starvation_alarm(alarm: &Map<String, Value>, endpoint: &str) -> bool {
    let alarm = &Value::Object(alarm.clone());
    alarm["MetricName"] == "HasBacklogWithoutCapacity"
        && alarm["Namespace"] == NAMESPACE
        && endpoint_of(alarm) == Some(endpoint)
}

impl State {
    pub(super) fn put_metric_alarm(&mut self, input: Input) -> Result<Value, Refusal> {
        let name = input.needed("AlarmName")?.to_owned();
        for needed in ["EvaluationPeriods", "ComparisonOperator"] {
            if !input.0.contains_key(needed) {
                return Err(Refusal::new(
                    400,
                    "MissingParameter",
                    format!("The parameter {needed} is required."),
                ));
            }
        }
        self.alarms.insert(name, input.0);
        Ok(json!({}))
    }

    pub(super) fn describe_alarms(&self, input: &Input) -> Value {
        let names = input.list("AlarmNames");
        let prefix = input.text("AlarmNamePrefix").unwrap_or_default();
        let alarms: Vec<&Map<String, Value>> = self
            .alarms
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name.as_str()))
            .map(|(_, alarm)| alarm)
            .collect();
        json!({ "MetricAlarms": alarms })
    }

    pub(super) fn delete_alarms(&mut self, input: &Input) -> Result<Value, Refusal> {
        let names = input.list("AlarmNames").iter().filter_map(Value::as_str);
        let names: Vec<&str> = names.collect();
        if let Some(missing) = names.iter().find(|name| !self.alarms.contains_key(**name)) {
            let message = format!("Alarm {missing} does not exist");
            return Err(Refusal::new(404, "ResourceNotFound", message));
        }
        for name in names {
            self.alarms.remove(name);
        }
        Ok(json!({}))
    }

    /// The present value of each metric, as the data point of this minute.
    pub(super) fn get_metric_data(&self, input: &Input, now: Now) -> Result<Value, Refusal> {
        let time = |member: &str| {
            let value = input.0.get(member).and_then(Value::as_f64);
            value.ok_or_else(|| {
                let message = format!("The parameter {member} is required.");
                Refusal::new(400, "MissingParameter", message)
            })
        };
        let (start, end) = (time("StartTime")?, time("EndTime")?);
        let since = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let minute = Value::from(since.as_secs() / 60 * 60);
        let in_window = minute.as_f64().is_some_and(|m| (start..end).contains(&m));
        let results: Vec<Value> = input
            .list("MetricDataQueries")
            .iter()
            .map(|query| {
                let metric = &query["MetricStat"]["Metric"];
                let hosted = endpoint_of(metric).and_then(|name| self.endpoints.get(name));
                let value = hosted
                    .filter(|_| in_window && metric["Namespace"] == NAMESPACE)
                    .and_then(|hosted| measured(hosted, metric["MetricName"].as_str()?, now));
                json!({
                    "Id": query["Id"],
                    "Label": metric["MetricName"],
                    "Timestamps": value.iter().map(|_| &minute).collect::<Vec<_>>(),
                    "Values": value.iter().collect::<Vec<_>>(),
                    "StatusCode": "Complete",
                })
            })
            .collect();
        Ok(json!({ "MetricDataResults": results, "Messages": [] }))
    }
}

fn measured(hosted: &Hosted, metric: &str, now: Now) -> Option<f64> {
    let count = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let size = count(hosted.backlog.size);
    match metric {
        "ApproximateBacklogSize" => Some(size),
        "ApproximateBacklogSizePerInstance" => {
            (hosted.instances() > 0).then(|| size / count(hosted.instances()))
        }
        "ApproximateAgeOfOldestRequest" => {
            let oldest = hosted.backlog.oldest?;
            Some(now.monotonic.saturating_sub(oldest).as_secs_f64())
        }
        "HasBacklogWithoutCapacity" => Some(if hosted.starved_since.is_some() {
            1.0
        } else {
            0.0
        }),
        _ => None,
    }
}
