//! `DeploymentConfig`, of `CreateEndpoint` and `UpdateEndpoint`.

use serde_json::Value;

use super::shape::{Conflict, Rule, Shape, list};
use super::texts as p;

pub(crate) static DEPLOYMENT_CONFIG: Shape = Shape {
    also: |config| {
        let both = config.contains_key("BlueGreenUpdatePolicy")
            && config.contains_key("RollingUpdatePolicy");
        both.then_some(Conflict {
            member: "RollingUpdatePolicy",
            limit: "an update is blue/green or rolling",
            remedy: "leave one of them out",
        })
    },
    ..Shape::new(
        "DeploymentConfig",
        &[],
        &[
            ("BlueGreenUpdatePolicy", Rule::Structure(&BLUE_GREEN)),
            ("RollingUpdatePolicy", Rule::Structure(&ROLLING)),
            ("AutoRollbackConfiguration", Rule::Structure(&AUTO_ROLLBACK)),
        ],
    )
};

const SIZE: Rule = Rule::Structure(&CAPACITY_SIZE);
const WAIT_INTERVAL: Rule = Rule::Integer(0, 3600);
const EXECUTION_TIMEOUT: Rule = Rule::Integer(600, 28_800);

static CAPACITY_SIZE: Shape = Shape {
    also: |size| {
        let percent = size.get("Type").and_then(Value::as_str) == Some("CAPACITY_PERCENT");
        let value = size.get("Value").and_then(Value::as_i64)?;
        (percent && value > 100).then_some(Conflict {
            member: "Value",
            limit: "a share is 1 to 100 per cent",
            remedy: "choose a value in this range",
        })
    },
    ..Shape::new(
        "CapacitySize",
        &["Type", "Value"],
        &[("Type", Rule::Word), ("Value", Rule::Integer(1, i64::MAX))],
    )
};

static BLUE_GREEN: Shape = Shape::new(
    "BlueGreenUpdatePolicy",
    &["TrafficRoutingConfiguration"],
    &[
        (
            "TrafficRoutingConfiguration",
            Rule::Structure(&TRAFFIC_ROUTING),
        ),
        ("TerminationWaitInSeconds", WAIT_INTERVAL),
        ("MaximumExecutionTimeoutInSeconds", EXECUTION_TIMEOUT),
    ],
);

static TRAFFIC_ROUTING: Shape = Shape::new(
    "TrafficRoutingConfiguration",
    &["Type", "WaitIntervalInSeconds"],
    &[
        ("Type", Rule::Word),
        ("WaitIntervalInSeconds", WAIT_INTERVAL),
        ("CanarySize", SIZE),
        ("LinearStepSize", SIZE),
    ],
);

static ROLLING: Shape = Shape::new(
    "RollingUpdatePolicy",
    &["MaximumBatchSize", "WaitIntervalInSeconds"],
    &[
        ("MaximumBatchSize", SIZE),
        ("WaitIntervalInSeconds", WAIT_INTERVAL),
        ("MaximumExecutionTimeoutInSeconds", EXECUTION_TIMEOUT),
        ("RollbackMaximumBatchSize", SIZE),
    ],
);

static AUTO_ROLLBACK: Shape = Shape::new(
    "AutoRollbackConfiguration",
    &[],
    &[("Alarms", list(1, 10, &Rule::Structure(&ALARM)))],
);

static ALARM: Shape = Shape::new("Alarm", &[], &[("AlarmName", Rule::Text(&p::ALARM_NAME))]);
