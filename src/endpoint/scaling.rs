//! The single operations of scaling one variant.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Endpoint;
use super::document::{document, number, seconds};
use super::scale_to_zero::{self, ScaleToZero};
use super::settle;
use crate::InvalidInput;
use crate::aws::application_autoscaling as autoscaling;
use crate::aws::json_rpc::{list, text};
use crate::aws::{CallError, Caller};
use crate::error::Result;
use crate::limits::check_name;
use crate::limits::facts::application_autoscaling::{POLICY_NAME, SCALING_POLICY};
use crate::session::Session;

/// The scaling of one of an endpoint's variants by Application Auto Scaling; made by
/// [`Endpoint::scaling`].
///
/// [`scale_to_zero`](Self::scale_to_zero) sets up all that it takes and
/// [`remove`](Self::remove) undoes it; the other methods are the API's single operations.
///
/// ```
/// # #[cfg(feature = "local")] {
/// # use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::endpoint::{Endpoint, ScaleToZero};
///
/// # let local = LocalEndpoint::builder().start()?;
/// # let session = local.session()?;
/// let scaling = Endpoint::new(local.name(), &session).scaling();
/// scaling.scale_to_zero(&ScaleToZero::new().max_capacity(4))?;
/// assert_eq!(scaling.describe_policies()?.len(), 2);
/// scaling.remove()?;
/// assert!(scaling.describe_target()?.is_none());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct VariantScaling {
    endpoint: Endpoint,
    variant: String,
    /// The one that ends with the endpoint's token.
    session: Session,
}

impl VariantScaling {
    pub(crate) fn new(endpoint: Endpoint, variant: String) -> Self {
        Self {
            session: endpoint.acting(),
            endpoint,
            variant,
        }
    }

    /// By what Application Auto Scaling calls the variant.
    pub(crate) fn at(session: &Session, resource_id: &str) -> Result<Self, InvalidInput> {
        let names = resource_id
            .strip_prefix("endpoint/")
            .and_then(|names| names.split_once("/variant/"));
        let (endpoint, variant) = names.ok_or_else(|| {
            let form = "endpoint/{endpoint}/variant/{variant}";
            InvalidInput::new("scaling's name", resource_id, form, "")
        })?;
        Ok(Self::new(
            Endpoint::new(endpoint, session),
            variant.to_owned(),
        ))
    }

    /// The endpoint's name.
    pub fn endpoint_name(&self) -> &str {
        self.endpoint.name()
    }

    /// The variant's name.
    pub fn variant_name(&self) -> &str {
        &self.variant
    }

    /// What Application Auto Scaling calls the variant: `endpoint/{endpoint}/variant/{variant}`.
    pub fn resource_id(&self) -> String {
        format!("endpoint/{}/variant/{}", self.endpoint.name(), self.variant)
    }

    /// Sets up scale to zero, in one call: registers the variant with no instances as the least, and
    /// puts a policy that wakes it at the first request, the alarm that policy goes by, and a policy
    /// that follows the backlog.
    ///
    /// Each of the four requests says how things are to be, so that a call that failed halfway can
    /// be made again, and a second call with other settings changes them. The policy that scales in
    /// comes last: nothing is scaled to zero before it can be woken. See [`ScaleToZero`] for what it
    /// does and why.
    pub fn scale_to_zero(&self, settings: &ScaleToZero) -> Result<()> {
        self.check_names()?;
        scale_to_zero::set_up(self, settings)
    }

    /// Undoes [`scale_to_zero`](Self::scale_to_zero), in one call: the alarm, both policies, the
    /// registration. What is not there counts as undone.
    ///
    /// The instance count stays as it is, **which may be zero**: then nothing wakes the endpoint any
    /// more, and [`set_instance_count`](Self::set_instance_count) does it by hand.
    pub fn remove(&self) -> Result<()> {
        self.check_names()?;
        scale_to_zero::tear_down(self)
    }

    /// So many instances, at once (`UpdateEndpointWeightsAndCapacities`).
    pub fn set_instance_count(&self, count: u32) -> Result<()> {
        let sagemaker = super::SageMaker::new(self.session());
        sagemaker.update_instance_count(self.endpoint.name(), &self.variant, count)
    }

    /// `RegisterScalableTarget`: between so many instances the policies choose. Registering again
    /// changes the numbers.
    pub fn register(&self, min_capacity: u32, max_capacity: u32) -> Result<()> {
        self.check_names()?;
        if min_capacity > max_capacity || max_capacity == 0 {
            return Err(InvalidInput::new(
                "capacity",
                format!("{min_capacity} to {max_capacity}"),
                "the largest is 1 or more, and not less than the smallest",
                "choose other numbers",
            )
            .into());
        }
        let mut input = self.identity();
        input.insert("MinCapacity".into(), min_capacity.into());
        input.insert("MaxCapacity".into(), max_capacity.into());
        self.send(autoscaling::register_scalable_target, input)?;
        Ok(())
    }

    /// `DeregisterScalableTarget`, which deletes the variant's policies too. The instance count stays
    /// as it is.
    pub fn deregister(&self) -> Result<()> {
        self.check_names()?;
        self.delete(autoscaling::deregister_scalable_target, self.identity())
    }

    /// `DescribeScalableTargets`, for this variant; `None` if it is not registered.
    pub fn describe_target(&self) -> Result<Option<ScalableTarget>> {
        self.check_names()?;
        let input = Map::from_iter([
            ("ServiceNamespace".to_owned(), "sagemaker".into()),
            ("ResourceIds".to_owned(), json!([self.resource_id()])),
            ("ScalableDimension".to_owned(), DIMENSION.into()),
        ]);
        let answer = self.send(autoscaling::describe_scalable_targets, input)?;
        let targets = list(&answer, "ScalableTargets");
        Ok(targets
            .first()
            .cloned()
            .map(|document| ScalableTarget { document }))
    }

    /// `PutScalingPolicy`; gives back the policy's ARN, for the alarm of a step policy. Putting it
    /// again changes it. The variant must be registered.
    pub fn put_policy(&self, policy: &ScalingPolicy) -> Result<String> {
        self.check_names()?;
        policy.validate()?;
        let mut input = policy.members.clone();
        input.extend(self.identity());
        let answer = self.send(autoscaling::put_scaling_policy, input)?;
        Ok(text(&answer, "PolicyARN").unwrap_or_default().to_owned())
    }

    /// `DescribeScalingPolicies`: this variant's policies.
    pub fn describe_policies(&self) -> Result<Vec<ScalingPolicyDescription>> {
        self.check_names()?;
        let mut input = self.identity();
        let mut policies = Vec::new();
        loop {
            let mut page = self.send(autoscaling::describe_scaling_policies, input.clone())?;
            if let Some(Value::Array(found)) = page.get_mut("ScalingPolicies").map(Value::take) {
                let found = found.into_iter();
                policies.extend(found.map(|document| ScalingPolicyDescription { document }));
            }
            // A token that comes back as it was sent would lead round in circles.
            match page.get_mut("NextToken").map(Value::take) {
                Some(token) if !token.is_null() && input.get("NextToken") != Some(&token) => {
                    input.insert("NextToken".into(), token);
                }
                _ => return Ok(policies),
            }
        }
    }

    /// `DeleteScalingPolicy`. The alarms of a target tracking policy go with it; the alarm of a step
    /// policy does not.
    pub fn delete_policy(&self, policy_name: &str) -> Result<()> {
        self.check_names()?;
        POLICY_NAME
            .check("policy name", policy_name)
            .map_err(InvalidInput::from)?;
        let mut input = self.identity();
        input.insert("PolicyName".into(), policy_name.into());
        self.delete(autoscaling::delete_scaling_policy, input)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// To be called between two steps.
    pub(crate) fn check_not_cancelled(&self) -> Result<()> {
        self.endpoint.check_not_cancelled("scaled")
    }

    fn check_names(&self) -> Result<(), InvalidInput> {
        check_name("endpoint name", self.endpoint.name())?;
        check_name("variant name", &self.variant)
    }

    fn identity(&self) -> Map<String, Value> {
        Map::from_iter([
            ("ServiceNamespace".to_owned(), "sagemaker".into()),
            ("ResourceId".to_owned(), self.resource_id().into()),
            ("ScalableDimension".to_owned(), DIMENSION.into()),
        ])
    }

    /// As [`send`](Self::send). What a repeated request does not find any more is deleted.
    fn delete(&self, operation: Operation, input: Map<String, Value>) -> Result<()> {
        match self.send(operation, input) {
            Err(error) if !settle::was_deleted_before(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn send(&self, operation: Operation, input: Map<String, Value>) -> Result<Value> {
        let input = Value::Object(input);
        Ok(operation(
            self.session().caller(),
            &self.resource_id(),
            &input,
        )?)
    }
}

type Operation = fn(Caller<'_>, &str, &Value) -> Result<Value, CallError>;

const DIMENSION: &str = "sagemaker:variant:DesiredInstanceCount";

/// A policy as `PutScalingPolicy` takes it.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::endpoint::ScalingPolicy;
///
/// let policy = ScalingPolicy::track_backlog_per_instance("backlog", "my-endpoint", 5.0)
///     .scale_in_cooldown(Duration::from_secs(600))
///     .scale_out_cooldown(Duration::from_secs(300));
/// policy.validate()?;
/// # Ok::<(), sagemaker_async_inference::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct ScalingPolicy {
    members: Map<String, Value>,
}

document!(ScalingPolicy, SCALING_POLICY);

const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
const STEP: &str = "StepScalingPolicyConfiguration";

impl ScalingPolicy {
    /// Target tracking on `ApproximateBacklogSizePerInstance`: as many instances as it takes for each
    /// to have so many requests before it, on average.
    pub fn track_backlog_per_instance(
        name: impl Into<String>,
        endpoint_name: &str,
        target: f64,
    ) -> Self {
        let config = json!({
            "TargetValue": number(target),
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name}],
                "Statistic": "Average",
            },
        });
        Self::new(name.into(), "TargetTrackingScaling", TRACKING, config)
    }

    /// A step policy: adds so many instances each time its alarm goes off, and not again within the
    /// cooldown. The alarm is the caller's to put, with the policy's ARN as its action.
    pub fn add_instances(name: impl Into<String>, count: u32, cooldown: Duration) -> Self {
        let config = json!({
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": seconds(cooldown),
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": count}],
        });
        Self::new(name.into(), "StepScaling", STEP, config)
    }

    fn new(name: String, kind: &str, member: &str, config: Value) -> Self {
        Self {
            members: Map::from_iter([
                ("PolicyName".to_owned(), name.into()),
                ("PolicyType".to_owned(), kind.into()),
                (member.to_owned(), config),
            ]),
        }
    }

    /// After instances went, none go for so long; for target tracking. Default: the service's, 300 s.
    pub fn scale_in_cooldown(mut self, cooldown: Duration) -> Self {
        let name = "ScaleInCooldown".to_owned();
        super::document::set_in(&mut self.members, TRACKING, name, seconds(cooldown));
        self
    }

    /// After instances came, none come for so long; for target tracking. Default: the service's,
    /// 300 s.
    pub fn scale_out_cooldown(mut self, cooldown: Duration) -> Self {
        let name = "ScaleOutCooldown".to_owned();
        super::document::set_in(&mut self.members, TRACKING, name, seconds(cooldown));
        self
    }

    /// `PolicyName`.
    pub fn name(&self) -> &str {
        let name = self.members.get("PolicyName").and_then(Value::as_str);
        name.unwrap_or_default()
    }
}

/// What `DescribeScalingPolicies` tells of a policy.
///
/// ```
/// # use sagemaker_async_inference::Error;
/// # use sagemaker_async_inference::endpoint::VariantScaling;
/// fn names(scaling: &VariantScaling) -> Result<Vec<String>, Error> {
///     Ok(scaling.describe_policies()?.iter().map(|policy| policy.name().to_owned()).collect())
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingPolicyDescription {
    document: Value,
}

impl ScalingPolicyDescription {
    /// `PolicyName`.
    pub fn name(&self) -> &str {
        text(&self.document, "PolicyName").unwrap_or_default()
    }

    /// `PolicyARN`.
    pub fn arn(&self) -> &str {
        text(&self.document, "PolicyARN").unwrap_or_default()
    }

    /// `PolicyType`: `TargetTrackingScaling`, `StepScaling` or another.
    pub fn policy_type(&self) -> &str {
        text(&self.document, "PolicyType").unwrap_or_default()
    }

    /// The names of the alarms that it goes by.
    pub fn alarm_names(&self) -> Vec<&str> {
        let alarms = list(&self.document, "Alarms");
        alarms
            .iter()
            .filter_map(|alarm| text(alarm, "AlarmName"))
            .collect()
    }

    /// The API's JSON, with members that this crate does not know.
    pub fn raw(&self) -> &Value {
        &self.document
    }
}

/// What `DescribeScalableTargets` tells of a variant.
///
/// ```
/// # use sagemaker_async_inference::Error;
/// # use sagemaker_async_inference::endpoint::VariantScaling;
/// fn may_scale_to_zero(scaling: &VariantScaling) -> Result<bool, Error> {
///     Ok(scaling.describe_target()?.is_some_and(|target| target.min_capacity() == Some(0)))
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScalableTarget {
    document: Value,
}

impl ScalableTarget {
    /// `MinCapacity`.
    pub fn min_capacity(&self) -> Option<i64> {
        self.document.get("MinCapacity")?.as_i64()
    }

    /// `MaxCapacity`.
    pub fn max_capacity(&self) -> Option<i64> {
        self.document.get("MaxCapacity")?.as_i64()
    }

    /// The API's JSON, with members that this crate does not know.
    pub fn raw(&self) -> &Value {
        &self.document
    }
}
