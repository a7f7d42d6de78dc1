//! `PutScalingPolicy` of Application Auto Scaling (2016-02-06) and `PutMetricAlarm` of `CloudWatch`
//! (2010-08-01), the latter as far as the crate's own alarms go.

use super::shape::{Conflict, Rule, Shape, list};
use super::{ANY_INTEGER, ANY_NUMBER, texts as p};

/// The service takes no negative cooldown, and no other limit is published.
const COOLDOWN: Rule = Rule::Integer(0, i32::MAX as i64);
/// The model has no limit for these lists; the service's own are quotas.
const ANY_NUMBER_OF: usize = usize::MAX;
const METRIC_NAME: Rule = Rule::Text(&p::METRIC_NAME);
const EXPRESSION: Rule = Rule::Text(&p::EXPRESSION);
const RESOURCE_LABEL: Rule = Rule::Text(&p::RESOURCE_LABEL);
const XML_TEXT: Rule = Rule::Text(&p::XML_TEXT);
const UNIT: Rule = Rule::Text(&p::UNIT);

pub(crate) static SCALING_POLICY: Shape = Shape::new(
    "ScalingPolicy",
    &["PolicyName", "PolicyType"],
    &[
        ("PolicyName", Rule::Text(&p::POLICY_NAME)),
        ("PolicyType", Rule::Word),
        (
            "TargetTrackingScalingPolicyConfiguration",
            Rule::Structure(&TARGET_TRACKING),
        ),
        ("StepScalingPolicyConfiguration", Rule::Structure(&STEP)),
        (
            "PredictiveScalingPolicyConfiguration",
            Rule::Structure(&PREDICTIVE),
        ),
    ],
);

static TARGET_TRACKING: Shape = Shape {
    also: |config| {
        let target = config.get("TargetValue")?.as_f64()?;
        (target <= 0.0).then_some(Conflict {
            member: "TargetValue",
            limit: "more than 0",
            remedy: "give the number of requests that one instance may have before it",
        })
    },
    ..Shape::new(
        "TargetTrackingScalingPolicyConfiguration",
        &["TargetValue"],
        &[
            ("TargetValue", Rule::Number(0.0)),
            (
                "PredefinedMetricSpecification",
                Rule::Structure(&PREDEFINED_METRIC),
            ),
            (
                "CustomizedMetricSpecification",
                Rule::Structure(&CUSTOMIZED_METRIC),
            ),
            ("ScaleOutCooldown", COOLDOWN),
            ("ScaleInCooldown", COOLDOWN),
            ("DisableScaleIn", Rule::Flag),
        ],
    )
};

static PREDEFINED_METRIC: Shape = Shape::new(
    "PredefinedMetricSpecification",
    &["PredefinedMetricType"],
    &[
        ("PredefinedMetricType", Rule::Word),
        ("ResourceLabel", RESOURCE_LABEL),
    ],
);

static CUSTOMIZED_METRIC: Shape = Shape::new(
    "CustomizedMetricSpecification",
    &[],
    &[
        ("MetricName", Rule::Word),
        ("Namespace", Rule::Word),
        (
            "Dimensions",
            list(0, ANY_NUMBER_OF, &Rule::Structure(&PLAIN_DIMENSION)),
        ),
        ("Statistic", Rule::Word),
        ("Unit", Rule::Word),
        (
            "Metrics",
            list(0, ANY_NUMBER_OF, &Rule::Structure(&METRIC_DATA_QUERY)),
        ),
    ],
);

/// `MetricDimension`, which has no limits in the model.
static PLAIN_DIMENSION: Shape = Shape::new(
    "MetricDimension",
    &["Name", "Value"],
    &[("Name", Rule::Word), ("Value", Rule::Word)],
);

/// `TargetTrackingMetricDataQuery` and `PredictiveScalingMetricDataQuery`, which are the same.
static METRIC_DATA_QUERY: Shape = Shape::new(
    "MetricDataQuery",
    &["Id"],
    &[
        ("Id", Rule::Text(&p::METRIC_ID)),
        ("Expression", EXPRESSION),
        ("Label", XML_TEXT),
        ("MetricStat", Rule::Structure(&METRIC_STAT)),
        ("ReturnData", Rule::Flag),
    ],
);

static METRIC_STAT: Shape = Shape::new(
    "MetricStat",
    &["Metric", "Stat"],
    &[
        ("Metric", Rule::Structure(&METRIC)),
        ("Stat", XML_TEXT),
        ("Unit", UNIT),
    ],
);

static METRIC: Shape = Shape::new(
    "Metric",
    &[],
    &[
        (
            "Dimensions",
            list(0, ANY_NUMBER_OF, &Rule::Structure(&DIMENSION)),
        ),
        ("MetricName", METRIC_NAME),
        ("Namespace", METRIC_NAME),
    ],
);

static DIMENSION: Shape = Shape::new(
    "Dimension",
    &["Name", "Value"],
    &[
        ("Name", METRIC_NAME),
        ("Value", Rule::Text(&p::DIMENSION_VALUE)),
    ],
);

static STEP: Shape = Shape::new(
    "StepScalingPolicyConfiguration",
    &[],
    &[
        ("AdjustmentType", Rule::Word),
        // The service's quota of steps a policy.
        (
            "StepAdjustments",
            list(1, 20, &Rule::Structure(&STEP_ADJUSTMENT)),
        ),
        ("MinAdjustmentMagnitude", ANY_INTEGER),
        ("Cooldown", COOLDOWN),
        ("MetricAggregationType", Rule::Word),
    ],
);

static STEP_ADJUSTMENT: Shape = Shape::new(
    "StepAdjustment",
    &["ScalingAdjustment"],
    &[
        ("MetricIntervalLowerBound", ANY_NUMBER),
        ("MetricIntervalUpperBound", ANY_NUMBER),
        ("ScalingAdjustment", ANY_INTEGER),
    ],
);

static PREDICTIVE: Shape = Shape::new(
    "PredictiveScalingPolicyConfiguration",
    &["MetricSpecifications"],
    &[
        (
            "MetricSpecifications",
            list(0, ANY_NUMBER_OF, &Rule::Structure(&PREDICTIVE_METRIC)),
        ),
        ("Mode", Rule::Word),
        ("SchedulingBufferTime", Rule::Integer(0, 3600)),
        ("MaxCapacityBreachBehavior", Rule::Word),
        ("MaxCapacityBuffer", Rule::Integer(0, 100)),
    ],
);

const PREDICTED: Rule = Rule::Structure(&PREDEFINED_PREDICTIVE_METRIC);
const QUERIED: Rule = Rule::Structure(&CUSTOMIZED_PREDICTIVE_METRIC);

static PREDICTIVE_METRIC: Shape = Shape::new(
    "MetricSpecification",
    &["TargetValue"],
    &[
        ("TargetValue", ANY_NUMBER),
        ("PredefinedMetricPairSpecification", PREDICTED),
        ("PredefinedScalingMetricSpecification", PREDICTED),
        ("PredefinedLoadMetricSpecification", PREDICTED),
        ("CustomizedScalingMetricSpecification", QUERIED),
        ("CustomizedLoadMetricSpecification", QUERIED),
        ("CustomizedCapacityMetricSpecification", QUERIED),
    ],
);

static PREDEFINED_PREDICTIVE_METRIC: Shape = Shape::new(
    "PredefinedMetricSpecification",
    &["PredefinedMetricType"],
    &[
        (
            "PredefinedMetricType",
            Rule::Text(&p::PREDICTIVE_METRIC_TYPE),
        ),
        ("ResourceLabel", RESOURCE_LABEL),
    ],
);

static CUSTOMIZED_PREDICTIVE_METRIC: Shape = Shape::new(
    "CustomizedMetricSpecification",
    &["MetricDataQueries"],
    &[(
        "MetricDataQueries",
        list(0, ANY_NUMBER_OF, &Rule::Structure(&METRIC_DATA_QUERY)),
    )],
);

pub(crate) static METRIC_ALARM: Shape = Shape::new(
    "MetricAlarm",
    &["AlarmName"],
    &[
        ("AlarmName", Rule::Text(&p::ALARM_NAME)),
        ("Period", Rule::Integer(1, i64::MAX)),
        ("EvaluationPeriods", Rule::Integer(1, i64::MAX)),
        ("DatapointsToAlarm", Rule::Integer(1, i64::MAX)),
    ],
);
