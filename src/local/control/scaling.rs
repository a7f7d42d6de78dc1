//! Application Auto Scaling: targets, policies, and their decisions.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::cloudwatch::is_starvation_alarm;
use super::hosted::Hosted;
use super::{Input, Now, State, timestamp};
use crate::endpoint::EndpointStatus;
use crate::local::http::response::Refusal;
use crate::local::server::random_uuid;

/// How long the backlog must be low before target tracking scales in.
const LOW_FOR: Duration = Duration::from_mins(15);

#[derive(Debug, Default)]
pub(super) struct Scaling {
    /// By resource id: `endpoint/{endpoint}/variant/{variant}`.
    targets: BTreeMap<String, Target>,
}

#[derive(Debug)]
struct Target {
    endpoint: String,
    variant: String,
    min: u64,
    max: u64,
    arn: String,
    created: Value,
    policies: BTreeMap<String, Map<String, Value>>,
}

/// The endpoint and the variant of a resource id.
fn parse_resource(id: &str) -> Option<(&str, &str)> {
    let (endpoint, variant) = id.strip_prefix("endpoint/")?.split_once("/variant/")?;
    Some((endpoint, variant))
}

fn not_registered(id: &str) -> Refusal {
    Refusal::new(
        400,
        "ObjectNotFoundException",
        format!(
            "No scalable target found for service namespace: sagemaker, resource ID: {id}, scalable dimension: sagemaker:variant:DesiredInstanceCount"
        ),
    )
}

fn check_identity(input: &Input) -> Result<&str, Refusal> {
    if input.needed("ServiceNamespace")? != "sagemaker"
        || input.needed("ScalableDimension")? != "sagemaker:variant:DesiredInstanceCount"
    {
        return Err(Refusal::invalid(
            "Unsupported service namespace, resource type or scalable dimension",
        ));
    }
    input.needed("ResourceId")
}

fn seconds(config: &Value, member: &str) -> Duration {
    Duration::from_secs(config[member].as_u64().unwrap_or(300))
}

impl State {
    pub(super) fn register_scalable_target(
        &mut self,
        input: &Input,
        now: Now,
    ) -> Result<Value, Refusal> {
        let id = check_identity(input)?;
        let known = parse_resource(id).filter(|(endpoint, variant)| {
            let hosted = self.endpoints.get(*endpoint);
            hosted.is_some_and(|hosted| hosted.variants.iter().any(|v| v.name == *variant))
        });
        let Some((endpoint, variant)) = known else {
            return Err(Refusal::invalid(format!(
                "ECS or SageMaker resource doesn't exist: {id}"
            )));
        };
        let arn = format!(
            "arn:aws:application-autoscaling:{}:{}:scalable-target/{}",
            self.account.region,
            self.account.number,
            random_uuid()
        );
        let target = self.scaling.targets.entry(id.to_owned()).or_insert(Target {
            endpoint: endpoint.to_owned(),
            variant: variant.to_owned(),
            min: 0,
            max: 1,
            arn,
            created: timestamp(now.wall),
            policies: BTreeMap::new(),
        });
        let capacity = |member, old| match input.integer(member) {
            None => Ok(old),
            Some(value) => u64::try_from(value)
                .map_err(|_| Refusal::invalid(format!("{member} must be 0 or more"))),
        };
        let (min, max) = (
            capacity("MinCapacity", target.min)?,
            capacity("MaxCapacity", target.max)?,
        );
        if min > max {
            return Err(Refusal::invalid(
                "Maximum capacity cannot be less than minimum capacity",
            ));
        }
        (target.min, target.max) = (min, max);
        Ok(json!({ "ScalableTargetARN": target.arn }))
    }

    pub(super) fn put_scaling_policy(&mut self, input: Input, now: Now) -> Result<Value, Refusal> {
        let id = check_identity(&input)?.to_owned();
        let name = input.needed("PolicyName")?.to_owned();
        let target = self
            .scaling
            .targets
            .get_mut(&id)
            .ok_or_else(|| not_registered(&id))?;
        let arn = format!(
            "arn:aws:autoscaling:{}:{}:scalingPolicy:{}:resource/sagemaker/{id}:policyName/{name}",
            self.account.region,
            self.account.number,
            random_uuid()
        );
        let old = target.policies.get(&name);
        let arn = old.map_or(arn.into(), |old| old["PolicyARN"].clone());
        let mut policy = input.0;
        policy.insert("PolicyARN".into(), arn.clone());
        policy.insert("CreationTime".into(), timestamp(now.wall));
        let mut response = json!({ "PolicyARN": arn });
        if policy["PolicyType"] == "TargetTrackingScaling" {
            let alarm = |kind: &str| {
                let name = format!("TargetTracking-{id}-{kind}-{}", random_uuid());
                json!({"AlarmName": name, "AlarmARN": format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", self.account.region, self.account.number)})
            };
            let alarms = json!([alarm("AlarmHigh"), alarm("AlarmLow")]);
            policy.insert("Alarms".into(), alarms.clone());
            response["Alarms"] = alarms;
        }
        target.policies.insert(name, policy);
        Ok(response)
    }

    pub(super) fn describe_scaling_policies(&self, input: &Input) -> Value {
        let id = input.text("ResourceId");
        let mut policies = Vec::new();
        for (found, target) in &self.scaling.targets {
            if id.is_none_or(|id| id == found) {
                for policy in target.policies.values() {
                    let mut policy = policy.clone();
                    // The alarms of a step policy are those that name it as their action.
                    let alarms = self.alarms.values().filter(|alarm| {
                        let actions = alarm.get("AlarmActions").and_then(Value::as_array);
                        actions.is_some_and(|actions| actions.contains(&policy["PolicyARN"]))
                    });
                    let alarms: Vec<Value> = alarms
                        .map(|alarm| json!({"AlarmName": alarm["AlarmName"], "AlarmARN": ""}))
                        .collect();
                    if !alarms.is_empty() {
                        policy.insert("Alarms".into(), alarms.into());
                    }
                    policies.push(Value::Object(policy));
                }
            }
        }
        json!({ "ScalingPolicies": policies })
    }
}

impl Scaling {
    /// Whether one of the endpoint's variants may have no instances.
    pub(super) fn may_sleep(&self, endpoint: &str) -> bool {
        let targets = self.targets.values();
        targets
            .filter(|target| target.endpoint == endpoint)
            .any(|target| target.min == 0)
    }

    pub(super) fn describe_targets(&self, input: &Input) -> Value {
        let ids = input.list("ResourceIds");
        let targets: Vec<Value> = self
            .targets
            .iter()
            .filter(|(id, _)| ids.is_empty() || ids.iter().any(|wanted| wanted == id.as_str()))
            .map(|(id, target)| {
                json!({
                    "ServiceNamespace": "sagemaker",
                    "ResourceId": id,
                    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                    "MinCapacity": target.min,
                    "MaxCapacity": target.max,
                    "RoleARN": "arn:aws:iam::123456789012:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
                    "CreationTime": target.created,
                    "ScalableTargetARN": target.arn,
                })
            })
            .collect();
        json!({ "ScalableTargets": targets })
    }

    pub(super) fn deregister(&mut self, input: &Input) -> Result<Value, Refusal> {
        let id = check_identity(input)?;
        self.targets.remove(id).ok_or_else(|| not_registered(id))?;
        Ok(json!({}))
    }

    pub(super) fn delete_policy(&mut self, input: &Input) -> Result<Value, Refusal> {
        let id = check_identity(input)?;
        let name = input.needed("PolicyName")?;
        let target = self.targets.get_mut(id);
        target
            .and_then(|target| target.policies.remove(name))
            .ok_or_else(|| {
                let message = format!("No scaling policy found for service namespace: sagemaker, resource ID: {id}, policy name: {name}");
                Refusal::new(400, "ObjectNotFoundException", message)
            })?;
        Ok(json!({}))
    }

    /// The decision of the policies on an endpoint now: a variant and its new count.
    pub(super) fn decide(
        &self,
        endpoint: &str,
        hosted: &Hosted,
        alarms: &BTreeMap<String, Map<String, Value>>,
        now: Now,
    ) -> Option<(String, u64)> {
        if hosted.status != EndpointStatus::InService {
            return None;
        }
        let target = self
            .targets
            .values()
            .find(|target| target.endpoint == endpoint)?;
        let variant = hosted.variants.iter().find(|v| v.name == target.variant)?;
        // Of several policies the one that wants the most instances is followed.
        let wanted = target
            .policies
            .values()
            .filter_map(|policy| match policy["PolicyType"].as_str()? {
                "StepScaling" => woken(policy, hosted, alarms, variant.desired, now),
                _ => tracked(policy, hosted, variant.desired, target.min, now),
            })
            .max()
            .unwrap_or(variant.desired);
        let wanted = wanted.clamp(target.min, target.max);
        (wanted != variant.desired).then(|| (target.variant.clone(), wanted))
    }
}

fn passed(since: Option<Duration>, least: Duration, now: Now) -> bool {
    since.is_none_or(|since| now.monotonic.saturating_sub(since) >= least)
}

/// The decision of a step policy whose alarm is active.
fn woken(
    policy: &Map<String, Value>,
    hosted: &Hosted,
    alarms: &BTreeMap<String, Map<String, Value>>,
    desired: u64,
    now: Now,
) -> Option<u64> {
    let config = &policy["StepScalingPolicyConfiguration"];
    let starved_for = now.monotonic.saturating_sub(hosted.starved_since?);
    let alarm = alarms.values().find(|alarm| {
        let actions = alarm.get("AlarmActions").and_then(Value::as_array);
        actions.is_some_and(|actions| actions.contains(&policy["PolicyARN"]))
            && is_starvation_alarm(alarm, &hosted.name)
    })?;
    let number = |member: &str| alarm.get(member).and_then(Value::as_u64).unwrap_or(1);
    let needed = Duration::from_secs(number("Period") * number("EvaluationPeriods"));
    if starved_for < needed || !passed(hosted.scaled_out, seconds(config, "Cooldown"), now) {
        return None;
    }
    let adjustment = config["StepAdjustments"][0]["ScalingAdjustment"].as_u64()?;
    Some(if config["AdjustmentType"] == "ExactCapacity" {
        adjustment
    } else {
        desired + adjustment
    })
}

/// The decision of target tracking.
fn tracked(
    policy: &Map<String, Value>,
    hosted: &Hosted,
    desired: u64,
    min: u64,
    now: Now,
) -> Option<u64> {
    let config = &policy["TargetTrackingScalingPolicyConfiguration"];
    let target = config["TargetValue"]
        .as_f64()
        .filter(|target| *target > 0.0)?;
    let size = u32::try_from(hosted.backlog.size).unwrap_or(u32::MAX);
    let per_instance = f64::from(size) / target;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates, as it should
    let wanted = per_instance.ceil() as u64;
    // Without an instance the metric is the whole backlog.
    if per_instance > 1.0 && wanted > desired {
        let cooled = passed(hosted.scaled_out, seconds(config, "ScaleOutCooldown"), now);
        return cooled.then_some(wanted);
    }
    let low_for = now.monotonic.saturating_sub(hosted.idle_since?);
    let cooled = passed(hosted.scaled_in, seconds(config, "ScaleInCooldown"), now)
        && passed(hosted.scaled_out, seconds(config, "ScaleInCooldown"), now);
    let down = low_for >= LOW_FOR && cooled && config["DisableScaleIn"] != true;
    (down && desired > min).then_some(min)
}
