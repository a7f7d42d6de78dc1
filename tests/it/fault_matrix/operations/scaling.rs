//! Application Auto Scaling and `CloudWatch`.

use std::time::Duration;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::{Endpoint, ScaleToZero, ScalingPolicy, VariantScaling};

use crate::fault_matrix::operation::{Column, Effect, Failure, IsOne, Operation, Outcome, RESULT};
use crate::fault_matrix::response::Response;
use crate::fault_matrix::responses::{is_target, not_registered};
use crate::fault_matrix::setup::Setup;

pub fn operations() -> Vec<Operation> {
    [reading(), setting(), deleting()].concat()
}

/// Whether it is a request of this operation of Application Auto Scaling.
macro_rules! is {
    ($operation:literal) => {
        |head: &str| is_target(head, concat!("AnyScaleFrontendService.", $operation))
    };
}

/// Whether it is one of `CloudWatch`.
macro_rules! is_of_cloudwatch {
    ($operation:literal) => {
        |head: &str| is_target(head, concat!("GraniteServiceVersion20100801.", $operation))
    };
}

fn reading() -> Vec<Operation> {
    let read = |name, is: IsOne, healthy, run| Operation::new(name, Column::Read, is, healthy, run);
    vec![
        read(
            "DescribeScalableTargets",
            is!("DescribeScalableTargets"),
            |_| Response::new(200, r#"{"ScalableTargets": []}"#),
            |setup| with(setup, |scaling| scaling.describe_target().map(drop)),
        ),
        read(
            "DescribeScalingPolicies",
            is!("DescribeScalingPolicies"),
            |_| Response::new(200, r#"{"ScalingPolicies": []}"#),
            |setup| with(setup, |scaling| scaling.describe_policies().map(drop)),
        ),
        read(
            "GetMetricData",
            is_of_cloudwatch!("GetMetricData"),
            |_| Response::new(200, r#"{"MetricDataResults": []}"#),
            |setup| {
                let overview = Endpoint::new("e", &setup.session).describe()?;
                match overview.backlog() {
                    Ok(_) => Ok(RESULT),
                    Err(_) => Err(Failure::Overview(Box::new(overview))),
                }
            },
        )
        .after(1)
        .while_others(|_, _| Response::new(200, r#"{"EndpointName": "e"}"#)),
    ]
}

fn setting() -> Vec<Operation> {
    let set = |name, is: IsOne, run| {
        let healthy = |_| Response::new(200, r#"{"PolicyARN": "arn"}"#);
        Operation::new(name, Column::Set, is, healthy, run)
    };
    vec![
        set(
            "RegisterScalableTarget",
            is!("RegisterScalableTarget"),
            |setup| with(setup, |scaling| scaling.register(0, 1)),
        ),
        set("PutScalingPolicy", is!("PutScalingPolicy"), |setup| {
            let policy = ScalingPolicy::add_instances("wake-up", 1, Duration::from_mins(5));
            with(setup, |scaling| scaling.put_policy(&policy).map(drop))
        }),
        set(
            "PutMetricAlarm",
            is_of_cloudwatch!("PutMetricAlarm"),
            |setup| with(setup, |scaling| scaling.scale_to_zero(&ScaleToZero::new())),
        )
        .after(2)
        .while_others(|_, _| Response::new(200, r#"{"PolicyARN": "arn"}"#)),
    ]
}

fn deleting() -> Vec<Operation> {
    let delete = |name, is: IsOne, run| {
        let healthy = |carried_out| match carried_out {
            0 => Response::new(200, "{}"),
            _ => not_registered(),
        };
        Operation::new(name, Column::Delete, is, healthy, run).with_effect(Effect::Once)
    };
    vec![
        delete(
            "DeregisterScalableTarget",
            is!("DeregisterScalableTarget"),
            |setup| with(setup, VariantScaling::deregister),
        ),
        delete("DeleteScalingPolicy", is!("DeleteScalingPolicy"), |setup| {
            with(setup, |scaling| scaling.delete_policy("wake-up"))
        }),
        delete("DeleteAlarms", is_of_cloudwatch!("DeleteAlarms"), |setup| {
            with(setup, VariantScaling::remove)
        })
        .after(1)
        .while_others(|_, _| Response::new(200, "{}")),
    ]
}

fn with(setup: &Setup, call: impl FnOnce(&VariantScaling) -> Result<(), Error>) -> Outcome {
    call(&Endpoint::new("e", &setup.session).scaling())?;
    Ok(RESULT)
}
