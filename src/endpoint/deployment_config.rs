//! `DeploymentConfig`: how an endpoint switches from one configuration to the next.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::document::{append, document, part, seconds, set_in};
use crate::InvalidInput;
use crate::limits::{self, facts::sagemaker};

/// A part of an endpoint's capacity (`CapacitySize`).
///
/// As text it is a number of instances, `2`, or a percentage, `10%`.
///
/// ```
/// use sagemaker_async_inference::endpoint::CapacitySize;
///
/// assert_eq!("10%".parse(), Ok(CapacitySize::Percent(10)));
/// assert_eq!(CapacitySize::Instances(2).to_string(), "2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CapacitySize {
    /// A number of instances, 1 or more (`INSTANCE_COUNT`).
    Instances(u32),
    /// A percentage of the instances, 1 to 100 (`CAPACITY_PERCENT`).
    Percent(u32),
}

impl CapacitySize {
    fn to_json(self) -> Value {
        match self {
            Self::Instances(count) => json!({"Type": "INSTANCE_COUNT", "Value": count}),
            Self::Percent(share) => json!({"Type": "CAPACITY_PERCENT", "Value": share}),
        }
    }
}

impl fmt::Display for CapacitySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances(count) => f.pad(&count.to_string()),
            Self::Percent(share) => f.pad(&format!("{share}%")),
        }
    }
}

impl FromStr for CapacitySize {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit): (_, fn(u32) -> Self) = match text.strip_suffix('%') {
            Some(share) => (share, Self::Percent),
            None => (text, Self::Instances),
        };
        // `+5` is a number for Rust alone.
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digits);
        number.map(unit).ok_or_else(|| {
            let limit = "a number of instances, or a number and `%`";
            InvalidInput::new("capacity", text, limit, "write it as `2` or `10%`")
        })
    }
}

impl TryFrom<&str> for CapacitySize {
    type Error = InvalidInput;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// How an endpoint switches from one configuration to the next: blue/green, all at once or in steps, or rolling;
/// and when it rolls back.
///
/// Limits, from the API's model, checked before anything is sent: waits of at most 1 hour, 10 minutes to 8 hours
/// for the complete update, at most 10 alarms; all times in whole seconds.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::endpoint::{CapacitySize, DeploymentConfig};
///
/// let careful = DeploymentConfig::canary(CapacitySize::Percent(10), Duration::from_secs(600))
///     .termination_wait(Duration::from_secs(300))
///     .auto_rollback_on("my-error-alarm");
/// careful.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct DeploymentConfig {
    members: Map<String, Value>,
}

part!(DeploymentConfig, sagemaker::DEPLOYMENT_CONFIG);

const BLUE_GREEN: &str = "BlueGreenUpdatePolicy";
const ROLLING: &str = "RollingUpdatePolicy";

impl DeploymentConfig {
    /// Blue/green, with all traffic moved at once (`ALL_AT_ONCE`). The service's default.
    pub fn all_at_once() -> Self {
        Self::blue_green(&json!({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}))
    }

    /// Blue/green, with a part of the traffic moved first and the rest after `wait` (`CANARY`).
    pub fn canary(size: CapacitySize, wait: Duration) -> Self {
        Self::blue_green(&json!({
            "Type": "CANARY",
            "WaitIntervalInSeconds": seconds(wait),
            "CanarySize": size.to_json(),
        }))
    }

    /// Blue/green, with the traffic moved step by step, `wait` between two (`LINEAR`).
    pub fn linear(step: CapacitySize, wait: Duration) -> Self {
        Self::blue_green(&json!({
            "Type": "LINEAR",
            "WaitIntervalInSeconds": seconds(wait),
            "LinearStepSize": step.to_json(),
        }))
    }

    fn blue_green(routing: &Value) -> Self {
        Self::with(BLUE_GREEN, json!({"TrafficRoutingConfiguration": routing}))
    }

    /// Rolling: instances are replaced in batches of this size, with `wait` between two batches. It needs less
    /// spare capacity than blue/green.
    pub fn rolling(batch: CapacitySize, wait: Duration) -> Self {
        let policy = json!({
            "MaximumBatchSize": batch.to_json(),
            "WaitIntervalInSeconds": seconds(wait),
        });
        Self::with(ROLLING, policy)
    }

    fn with(policy: &str, value: Value) -> Self {
        Self {
            members: Map::from_iter([(policy.to_owned(), value)]),
        }
    }

    /// How long the old instances stay after the traffic has moved (`TerminationWaitInSeconds`); blue/green only.
    /// Default: they are terminated at once.
    pub fn termination_wait(mut self, wait: Duration) -> Self {
        let member = "TerminationWaitInSeconds".to_owned();
        set_in(&mut self.members, BLUE_GREEN, member, seconds(wait));
        self
    }

    /// How long the complete update may take (`MaximumExecutionTimeoutInSeconds`). Default: the service's.
    pub fn maximum_execution_timeout(mut self, timeout: Duration) -> Self {
        let rolling = self.members.contains_key(ROLLING);
        let policy = if rolling { ROLLING } else { BLUE_GREEN };
        let member = "MaximumExecutionTimeoutInSeconds".to_owned();
        set_in(&mut self.members, policy, member, seconds(timeout));
        self
    }

    /// Number of instances that are rolled back at a time (`RollbackMaximumBatchSize`); rolling only. Default:
    /// all.
    pub fn rollback_batch(mut self, batch: CapacitySize) -> Self {
        let member = "RollbackMaximumBatchSize".to_owned();
        set_in(&mut self.members, ROLLING, member, batch.to_json());
        self
    }

    /// Rolls back when this `CloudWatch` alarm fires during the update (`AutoRollbackConfiguration`). Default:
    /// only when the update itself fails.
    pub fn auto_rollback_on(mut self, alarm_name: impl Into<String>) -> Self {
        let alarm = json!({"AlarmName": alarm_name.into()});
        let entry = self.members.remove("AutoRollbackConfiguration");
        let mut rollback = limits::members(entry.unwrap_or_default());
        append(&mut rollback, "Alarms", vec![alarm]);
        self.with_raw("AutoRollbackConfiguration", rollback)
    }
}
