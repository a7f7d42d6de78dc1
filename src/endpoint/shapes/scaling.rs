//! The limits of the models of Application Auto Scaling (2016-02-06) and `CloudWatch` (2010-08-01), as
//! far as this crate knows them.

use super::patterns as p;
use super::shape::{Conflict, Rule, Shape, nothing_more};

/// The service takes no negative cooldown, and no other limit is published.
const COOLDOWN: Rule = Rule::Integer(0, i32::MAX as i64);

pub(crate) static SCALING_POLICY: Shape = Shape {
    name: "ScalingPolicy",
    required: &["PolicyName", "PolicyType"],
    members: &[
        ("PolicyName", Rule::Text(&p::POLICY_NAME)),
        ("PolicyType", Rule::Word),
        (
            "TargetTrackingScalingPolicyConfiguration",
            Rule::Structure(&TARGET_TRACKING),
        ),
        ("StepScalingPolicyConfiguration", Rule::Structure(&STEP)),
    ],
    also: nothing_more,
};

static TARGET_TRACKING: Shape = Shape {
    name: "TargetTrackingScalingPolicyConfiguration",
    required: &["TargetValue"],
    members: &[
        ("TargetValue", Rule::Number(0.0)),
        ("ScaleOutCooldown", COOLDOWN),
        ("ScaleInCooldown", COOLDOWN),
        ("DisableScaleIn", Rule::Flag),
    ],
    also: |config| {
        let target = config.get("TargetValue")?.as_f64()?;
        (target <= 0.0).then_some(Conflict {
            member: "TargetValue",
            limit: "more than 0",
            remedy: "give the number of requests that one instance may have before it",
        })
    },
};

static STEP: Shape = Shape {
    name: "StepScalingPolicyConfiguration",
    required: &[],
    members: &[
        ("AdjustmentType", Rule::Word),
        ("MetricAggregationType", Rule::Word),
        ("Cooldown", COOLDOWN),
        (
            "StepAdjustments",
            Rule::List {
                min: 1,
                max: 20,
                of: &Rule::Structure(&STEP_ADJUSTMENT),
            },
        ),
    ],
    also: nothing_more,
};

static STEP_ADJUSTMENT: Shape = Shape {
    name: "StepAdjustment",
    required: &["ScalingAdjustment"],
    members: &[(
        "ScalingAdjustment",
        Rule::Integer(i32::MIN as i64, i32::MAX as i64),
    )],
    also: nothing_more,
};

pub(crate) static METRIC_ALARM: Shape = Shape {
    name: "MetricAlarm",
    required: &["AlarmName"],
    members: &[
        ("AlarmName", Rule::Text(&p::ALARM_NAME)),
        ("Period", Rule::Integer(1, i64::MAX)),
        ("EvaluationPeriods", Rule::Integer(1, i64::MAX)),
        ("DatapointsToAlarm", Rule::Integer(1, i64::MAX)),
    ],
    also: nothing_more,
};
