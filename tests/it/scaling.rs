//! Scale to zero and back, against the local endpoint in virtual time, and as it goes over the wire.

use crate::support;

use std::time::Duration;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::endpoint::{Endpoint, ScaleToZero, ScalingPolicy, VariantScaling};
use serde_json::{Value, json};
use support::client;
use support::verifier::{Reply, Rules, Seen, Verifier};

fn target(seen: &Seen) -> &str {
    seen.header("x-amz-target").unwrap_or_default()
}

fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).expect("JSON")
}

/// Accepts everything, with signatures for all three services.
fn accepting() -> Verifier {
    Verifier::start(Rules::new(), |seen| {
        let reply = match target(seen) {
            "AnyScaleFrontendService.PutScalingPolicy" => {
                json!({"PolicyARN": format!("arn:{}", body(seen)["PolicyName"].as_str().unwrap())})
            }
            _ => json!({}),
        };
        Reply::new(200, reply.to_string())
    })
}

fn scaling_at(server: &Verifier) -> VariantScaling {
    Endpoint::new("my-endpoint", &client::session_at(&server.url())).scaling()
}

fn identity() -> Value {
    json!({
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/my-endpoint/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    })
}

fn with(mut document: Value, members: Value) -> Value {
    if let (Value::Object(document), Value::Object(members)) = (&mut document, members) {
        document.extend(members);
    }
    document
}

#[test]
fn scale_to_zero_sends_the_policy_that_scales_in_last() {
    let server = accepting();
    let settings = ScaleToZero::new().max_capacity(3).backlog_per_instance(2.5);
    scaling_at(&server)
        .scale_to_zero(&settings)
        .expect("scaling");
    let seen = server.seen();
    for request in &seen {
        assert_eq!(request.verified, Ok(()), "{}", target(request));
        assert_eq!(request.path, "/");
    }
    let sent: Vec<(&str, Value)> = seen.iter().map(|seen| (target(seen), body(seen))).collect();
    let dimensions = json!([{"Name": "EndpointName", "Value": "my-endpoint"}]);
    let wanted = [
        (
            "AnyScaleFrontendService.RegisterScalableTarget",
            with(identity(), json!({"MinCapacity": 0, "MaxCapacity": 3})),
        ),
        (
            "AnyScaleFrontendService.PutScalingPolicy",
            with(
                identity(),
                json!({
                    "PolicyName": "my-endpoint-AllTraffic-wake-up",
                    "PolicyType": "StepScaling",
                    "StepScalingPolicyConfiguration": {
                        "AdjustmentType": "ChangeInCapacity",
                        "MetricAggregationType": "Average",
                        "Cooldown": 300,
                        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
                    },
                }),
            ),
        ),
        (
            "GraniteServiceVersion20100801.PutMetricAlarm",
            json!({
                "AlarmName": "my-endpoint-AllTraffic-has-backlog-without-capacity",
                "AlarmDescription": "Wakes the endpoint my-endpoint from zero instances.",
                "Namespace": "AWS/SageMaker",
                "MetricName": "HasBacklogWithoutCapacity",
                "Dimensions": dimensions,
                "Statistic": "Average",
                "Period": 60,
                "EvaluationPeriods": 1,
                "DatapointsToAlarm": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "missing",
                "AlarmActions": ["arn:my-endpoint-AllTraffic-wake-up"],
            }),
        ),
        (
            "AnyScaleFrontendService.PutScalingPolicy",
            with(
                identity(),
                json!({
                    "PolicyName": "my-endpoint-AllTraffic-backlog",
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": {
                        "TargetValue": 2.5,
                        "CustomizedMetricSpecification": {
                            "MetricName": "ApproximateBacklogSizePerInstance",
                            "Namespace": "AWS/SageMaker",
                            "Dimensions": dimensions,
                            "Statistic": "Average",
                        },
                        "ScaleInCooldown": 600,
                        "ScaleOutCooldown": 300,
                    },
                }),
            ),
        ),
    ];
    assert_eq!(sent, wanted);
    let content_types: Vec<_> = seen
        .iter()
        .filter_map(|s| s.header("content-type"))
        .collect();
    let (one, zero) = ("application/x-amz-json-1.1", "application/x-amz-json-1.0");
    assert_eq!(content_types, [one, one, zero, one]);
}

#[test]
fn removal_deletes_the_policy_that_scales_in_first_and_skips_missing_resources() {
    let server = Verifier::start(Rules::new(), |seen| {
        let code = match target(seen) {
            "GraniteServiceVersion20100801.DeleteAlarms" => "ResourceNotFound",
            _ => "ObjectNotFoundException",
        };
        Reply::new(
            400,
            format!(r#"{{"__type": "com.amazonaws#{code}", "message": "none"}}"#),
        )
    });
    scaling_at(&server).remove().expect("nothing to undo");
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(target).collect();
    assert_eq!(
        sent,
        [
            "AnyScaleFrontendService.DeleteScalingPolicy",
            "GraniteServiceVersion20100801.DeleteAlarms",
            "AnyScaleFrontendService.DeleteScalingPolicy",
            "AnyScaleFrontendService.DeregisterScalableTarget",
        ]
    );
    let names: Vec<_> = seen
        .iter()
        .map(|seen| body(seen)["PolicyName"].clone())
        .collect();
    assert_eq!(names[0], "my-endpoint-AllTraffic-backlog");
    assert_eq!(names[2], "my-endpoint-AllTraffic-wake-up");
}

#[test]
fn other_service_errors_have_a_remedy() {
    for (code, message, helps) in [
        (
            "AccessDeniedException",
            "not authorized",
            "application-autoscaling:RegisterScalableTarget",
        ),
        ("LimitExceededException", "too many", "Service Quotas"),
        (
            "ValidationException",
            "ECS or SageMaker resource not found",
            "check the name",
        ),
    ] {
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(
                400,
                format!(r#"{{"__type": "{code}", "message": "{message}"}}"#),
            )
        });
        let session = client::session_in(
            &server.url(),
            sagemaker_async_inference::sys::ManualClock::new(),
        );
        let scaling = Endpoint::new("my-endpoint", &session).scaling();
        let error = scaling
            .scale_to_zero(&ScaleToZero::new())
            .expect_err("a refusal");
        assert!(format!("{error:#}").contains(helps), "{error}");
        assert!(
            format!("{error:#}").contains("application-autoscaling"),
            "{error}"
        );
    }
}

#[test]
fn nothing_is_sent_for_numbers_that_cannot_be() {
    let server = accepting();
    let scaling = scaling_at(&server);
    let settings = ScaleToZero::new;
    for refused in [
        settings().max_capacity(0),
        settings().backlog_per_instance(0.0),
        settings().backlog_per_instance(-1.0),
        settings().backlog_per_instance(f64::NAN),
        settings().backlog_per_instance(f64::INFINITY),
        settings().scale_in_cooldown(Duration::from_millis(500)),
        settings().scale_out_cooldown(Duration::MAX),
        settings().wake_up_after(0),
    ] {
        let error = scaling.scale_to_zero(&refused).expect_err("a refusal");
        assert!(
            matches!(error, Error::InvalidInput(_)),
            "{refused:?}: {error:?}"
        );
    }
    let long = "x".repeat(257);
    for name in ["", long.as_str(), "line\nbreak"] {
        let policy = ScalingPolicy::add_instances(name, 1, Duration::ZERO);
        assert!(scaling.put_policy(&policy).is_err(), "{name:?}");
    }
    assert!(scaling.register(2, 1).is_err());
    let session = client::session_at(&server.url());
    let odd = Endpoint::new("under_score", &session).scaling();
    assert!(odd.scale_to_zero(&settings()).is_err());
    assert!(odd.remove().is_err());
    assert!(server.seen().is_empty());
}

#[cfg(feature = "local")]
mod local {
    use crate::support::service_code;
    use std::time::Duration;

    use sagemaker_async_inference::endpoint::{Endpoint, ScaleToZero};
    use sagemaker_async_inference::local::{Fault, Operation};
    use sagemaker_async_inference::{AsyncInferenceResponse, Error, Json};

    use super::support::bench::{Bench, bench_with};

    /// With this many instances, which come and go in three minutes.
    fn bench(instances: usize) -> Bench {
        let takes = Duration::from_mins(3);
        bench_with(|builder| builder.instances(instances).transition_time(takes))
    }

    fn submit(bench: &Bench, text: &str) -> AsyncInferenceResponse<Json> {
        let predictor = bench.endpoint.predictor();
        predictor.predict_async(text).expect("a submit")
    }

    /// Minute after minute, as alarms are evaluated.
    fn minutes(bench: &Bench, count: u32) {
        for _ in 0..count {
            bench.clock.advance(Duration::from_mins(1));
            shown(bench);
        }
    }

    fn shown(bench: &Bench) -> String {
        bench.endpoint.describe().expect("an overview").to_string()
    }

    const REAL: Duration = Duration::from_secs(20);

    #[test]
    fn an_idle_endpoint_falls_asleep_and_a_lone_request_wakes_it() {
        let bench = bench(1);
        let scaling = bench.endpoint.scaling();
        scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
        assert_eq!(shown(&bench), "1 instance, none waiting");
        minutes(&bench, 14);
        assert_eq!(shown(&bench), "1 instance, none waiting");
        minutes(&bench, 5);
        assert_eq!(shown(&bench), "scaled to zero, none waiting");

        let response = submit(&bench, "hello");
        let overview = bench.endpoint.describe().expect("an overview");
        assert_eq!(
            overview
                .backlog()
                .expect("metrics")
                .has_backlog_without_capacity(),
            Some(true)
        );
        assert!(overview.is_scaled_to_zero());
        assert_eq!(response.try_get_result::<String>().expect("a look"), None);
        minutes(&bench, 1);
        let overview = shown(&bench);
        assert_eq!(overview, "waking up, 1 waiting, the oldest for 60 s");
        minutes(&bench, 3);
        assert!(bench.local.wait_until_idle(REAL));
        assert_eq!(
            response.try_get_result().expect("a look"),
            Some("hello".to_owned())
        );
        assert_eq!(shown(&bench), "1 instance, none waiting");
    }

    #[test]
    fn without_the_wake_up_policy_a_lone_request_would_wait() {
        let bench = bench(0);
        let scaling = bench.endpoint.scaling();
        scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
        let policies = scaling.describe_policies().expect("policies");
        let wake_up = policies
            .iter()
            .find(|policy| policy.policy_type() == "StepScaling");
        let wake_up = wake_up.expect("a step policy");
        assert_eq!(wake_up.alarm_names().len(), 1);
        scaling.delete_policy(wake_up.name()).expect("a policy");
        let responses: Vec<_> = (0..5).map(|_| submit(&bench, "hello")).collect();
        minutes(&bench, 30);
        assert!(shown(&bench).starts_with("scaled to zero, 5 waiting"));
        // One more than the target of 5, and target tracking wakes it.
        let _ = submit(&bench, "hello");
        minutes(&bench, 4);
        assert!(bench.local.wait_until_idle(REAL));
        for response in responses {
            assert!(
                response
                    .try_get_result::<String>()
                    .expect("a look")
                    .is_some()
            );
        }
    }

    #[test]
    fn a_backlog_brings_instances_up_to_the_largest_number() {
        let bench = bench(0);
        let settings = ScaleToZero::new().max_capacity(2).backlog_per_instance(2.0);
        bench
            .endpoint
            .scaling()
            .scale_to_zero(&settings)
            .expect("scaling");
        for _ in 0..9 {
            let _ = submit(&bench, "hello");
        }
        minutes(&bench, 1);
        let overview = bench.endpoint.describe().expect("an overview");
        assert_eq!(overview.description().desired_instance_count(), 2);
        minutes(&bench, 3);
        assert!(bench.local.wait_until_idle(REAL));
        assert_eq!(shown(&bench), "2 instances, none waiting");
    }

    #[test]
    fn what_was_set_up_is_undone_and_can_be_set_up_again() {
        let bench = bench(1);
        let scaling = bench.endpoint.scaling();
        for _ in 0..2 {
            // A second call changes the existing settings.
            scaling.scale_to_zero(&ScaleToZero::new()).expect("scaling");
            let settings = ScaleToZero::new().max_capacity(4);
            scaling.scale_to_zero(&settings).expect("scaling");
            assert_eq!(scaling.describe_policies().expect("policies").len(), 2);
            let target = scaling.describe_target().expect("a target").expect("one");
            assert_eq!(
                (target.min_capacity(), target.max_capacity()),
                (Some(0), Some(4))
            );
            scaling.remove().expect("undone");
            assert!(scaling.describe_policies().expect("policies").is_empty());
            assert_eq!(scaling.describe_target().expect("no target"), None);
            scaling.remove().expect("undone already");
        }
        minutes(&bench, 60);
        assert_eq!(shown(&bench), "1 instance, none waiting");
        assert!(
            scaling.set_instance_count(0).is_err(),
            "only scaling may do that"
        );
        scaling.set_instance_count(3).expect("three");
        minutes(&bench, 3);
        assert_eq!(shown(&bench), "3 instances, none waiting");
    }

    #[test]
    fn a_variant_that_is_not_there_cannot_be_scaled() {
        let bench = bench(1);
        let error = bench
            .endpoint
            .scaling_of("Other")
            .register(0, 1)
            .expect_err("no variant");
        assert!(
            service_code(&error) == Some("ValidationException"),
            "{error:?}"
        );
        let error = Endpoint::new("nobody", &bench.session)
            .describe()
            .expect_err("no endpoint");
        assert!(
            service_code(&error) == Some("ValidationException"),
            "{error:?}"
        );
    }

    #[test]
    fn an_overview_without_metrics_reports_the_rest() {
        let bench = bench(1);
        bench
            .local
            .fault(Fault::on(Operation::GetMetricData).access_denied());
        let overview = bench.endpoint.describe().expect("an overview");
        assert_eq!(overview.to_string(), "1 instance");
        let error = overview.backlog().expect_err("no metrics");
        assert!(matches!(error, Error::Service(_)));
        assert!(
            format!("{error:#}").contains("cloudwatch:GetMetricData"),
            "{error}"
        );
    }
}
