//! The single operations of scaling one variant.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Endpoint;
use super::document::{document, number, seconds};
use super::scale_to_zero::{self, ScaleToZero};
use super::settle;
use super::wait::Change;
use crate::InvalidInput;
use crate::aws::application_autoscaling as autoscaling;
use crate::aws::json_rpc::{Operation, list, next_token, text};
use crate::error::Result;
use crate::limits::check_name;
use crate::limits::facts::application_autoscaling::{POLICY_NAME, SCALING_POLICY};
use crate::session::Session;

/// The scaling of one variant of an endpoint by Application Auto Scaling. Created by [`Endpoint::scaling`].
///
/// [`scale_to_zero`](Self::scale_to_zero) sets up everything and [`remove`](Self::remove) undoes it; the other
/// methods are the API's single operations.
///
/// ```
/// # #[cfg(feature = "local")] {
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::endpoint::{Endpoint, ScaleToZero};
///
/// let local = LocalEndpoint::builder().start()?;
/// let session = local.session()?;
/// let scaling = Endpoint::new(local.name(), &session).scaling();
/// scaling.scale_to_zero(&ScaleToZero::new().max_capacity(4))?;
/// assert_eq!(scaling.describe_policies()?.len(), 2);
/// scaling.remove()?;
/// assert!(scaling.describe_target()?.is_none());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
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

    /// The name that Application Auto Scaling has for the variant.
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

    /// The name that Application Auto Scaling has for the variant: `endpoint/{endpoint}/variant/{variant}`.
    pub fn resource_id(&self) -> String {
        format!("endpoint/{}/variant/{}", self.endpoint.name(), self.variant)
    }

    /// Sets up scale to zero: registers the variant with a minimum of 0, and creates a step policy that starts an
    /// instance at the first request, the alarm that triggers it, and a policy that follows the backlog.
    ///
    /// Each of the four requests sets a complete state: a call that failed part-way can be repeated, and a second call
    /// with other settings changes them. The policy that scales in is created last, so that nothing scales to zero
    /// before the alarm can start an instance again. [`ScaleToZero`] explains the policies.
    ///
    /// The alarm is `{endpoint}-{variant}-has-backlog-without-capacity`, or `{endpoint}/{variant}-..` if the variant's
    /// name has a hyphen, so that no two variants share one. An alarm of such a variant by the first form, which release
    /// 0.1 created, is deleted, unless the caller may not describe alarms.
    ///
    /// # Errors
    /// - [`Error::InvalidInput`](crate::Error::InvalidInput): a name or a setting violates a limit; nothing was
    ///   sent.
    /// - Those of [`register`](Self::register): nothing was set up.
    /// - [`Error::Deployment`](crate::Error::Deployment): a later step failed or was cancelled, or the response to the
    ///   first was lost; the scaling is incomplete, and the call can be repeated.
    pub fn scale_to_zero(&self, settings: &ScaleToZero) -> Result<()> {
        self.check_names()?;
        scale_to_zero::set_up(self, settings)
    }

    /// Undoes [`scale_to_zero`](Self::scale_to_zero): deletes the alarm, both policies and the registration. What does
    /// not exist counts as deleted.
    ///
    /// The number of instances does not change, **and may be zero**: then no policy starts an instance any more.
    /// Call [`set_instance_count`](Self::set_instance_count) to start one.
    ///
    /// # Errors
    /// - [`Error::InvalidInput`](crate::Error::InvalidInput): a name is not valid; nothing was sent.
    /// - Those of [`delete_policy`](Self::delete_policy): nothing was removed.
    /// - [`Error::Deployment`](crate::Error::Deployment): a later step failed or was cancelled, or the response to the
    ///   first was lost; the rest still exists, and the call can be repeated.
    pub fn remove(&self) -> Result<()> {
        self.check_names()?;
        scale_to_zero::tear_down(self)
    }

    /// Sets the number of instances now (`UpdateEndpointWeightsAndCapacities`).
    ///
    /// # Errors
    /// Those of [`SageMaker::update_instance_count`](crate::endpoint::SageMaker::update_instance_count).
    pub fn set_instance_count(&self, count: u32) -> Result<()> {
        let sagemaker = super::SageMaker::new(self.session());
        sagemaker.update_instance_count(self.endpoint.name(), &self.variant, count)?;
        self.endpoint.has_requested(Change::Capacity {
            variant: self.variant.clone(),
            count: count.into(),
        });
        Ok(())
    }

    /// Sets the range of instances that policies may choose (`RegisterScalableTarget`). A second call changes it.
    ///
    /// # Errors
    /// - [`Error::InvalidInput`](crate::Error::InvalidInput): a name is not valid, the maximum is 0, or it is
    ///   less than the minimum; nothing was sent.
    /// - [`Error::Service`](crate::Error::Service): Application Auto Scaling refused it: `ValidationException`
    ///   for a variant that does not exist or cannot be scaled, `LimitExceededException`,
    ///   `ConcurrentUpdateException`.
    /// - [`Error::Transport`](crate::Error::Transport), [`Error::Credentials`](crate::Error::Credentials),
    ///   [`Error::Config`](crate::Error::Config): no response, no credentials, or no address of the service.
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
        self.send(autoscaling::REGISTER_SCALABLE_TARGET, input)?;
        Ok(())
    }

    /// Ends the scaling of the variant (`DeregisterScalableTarget`). The service deletes its policies too. The
    /// number of instances stays as it is.
    ///
    /// # Errors
    /// Those of [`register`](Self::register), and `ObjectNotFoundException` if the variant is not registered, unless
    /// an earlier attempt of this call deregistered it.
    pub fn deregister(&self) -> Result<()> {
        self.check_names()?;
        self.delete(autoscaling::DEREGISTER_SCALABLE_TARGET, self.identity())
    }

    /// Describes the registration of this variant (`DescribeScalableTargets`); `None` if there is none.
    ///
    /// # Errors
    /// Those of [`register`](Self::register), except those about the capacities.
    pub fn describe_target(&self) -> Result<Option<ScalableTarget>> {
        self.check_names()?;
        let mut input = Map::from_iter([
            ("ServiceNamespace".to_owned(), "sagemaker".into()),
            ("ResourceIds".to_owned(), json!([self.resource_id()])),
            ("ScalableDimension".to_owned(), DIMENSION.into()),
        ]);
        loop {
            let page = self.send(autoscaling::DESCRIBE_SCALABLE_TARGETS, input.clone())?;
            if let Some(document) = list(&page, "ScalableTargets").first().cloned() {
                return Ok(Some(ScalableTarget { document }));
            }
            // A page may be empty although another one follows.
            match next_token(&page, input.get("NextToken")) {
                Some(token) => input.insert("NextToken".into(), token),
                None => return Ok(None),
            };
        }
    }

    /// Creates or changes a policy (`PutScalingPolicy`) and returns its ARN, for the alarm of a step policy. The
    /// variant must be [registered](Self::register).
    ///
    /// # Errors
    /// Those of [`register`](Self::register); [`Error::InvalidInput`](crate::Error::InvalidInput) also for the
    /// policy ([`ScalingPolicy::validate`]), and `ObjectNotFoundException` if the variant is not registered.
    pub fn put_policy(&self, policy: &ScalingPolicy) -> Result<String> {
        self.check_names()?;
        policy.validate()?;
        let mut input = policy.members.clone();
        input.extend(self.identity());
        let found = self.send(autoscaling::PUT_SCALING_POLICY, input)?;
        Ok(text(&found, "PolicyARN").unwrap_or_default().to_owned())
    }

    /// Describes this variant's policies (`DescribeScalingPolicies`).
    ///
    /// # Errors
    /// Those of [`register`](Self::register), except those about the capacities. If one page fails, the whole call
    /// fails.
    pub fn describe_policies(&self) -> Result<Vec<ScalingPolicyDescription>> {
        self.check_names()?;
        let mut input = self.identity();
        let mut policies = Vec::new();
        loop {
            let mut page = self.send(autoscaling::DESCRIBE_SCALING_POLICIES, input.clone())?;
            if let Some(Value::Array(found)) = page.get_mut("ScalingPolicies").map(Value::take) {
                let found = found.into_iter();
                policies.extend(found.map(|document| ScalingPolicyDescription { document }));
            }
            match next_token(&page, input.get("NextToken")) {
                Some(token) => input.insert("NextToken".into(), token),
                None => return Ok(policies),
            };
        }
    }

    /// Deletes a policy (`DeleteScalingPolicy`). The service deletes the alarms of a target tracking policy too,
    /// but not the alarm of a step policy.
    ///
    /// # Errors
    /// Those of [`register`](Self::register); [`Error::InvalidInput`](crate::Error::InvalidInput) also for the
    /// policy's name, and `ObjectNotFoundException` if there is none of this name, unless an earlier attempt of this
    /// call deleted it.
    pub fn delete_policy(&self, policy_name: &str) -> Result<()> {
        self.check_names()?;
        POLICY_NAME
            .check("policy name", policy_name)
            .map_err(InvalidInput::from)?;
        let mut input = self.identity();
        input.insert("PolicyName".into(), policy_name.into());
        self.delete(autoscaling::DELETE_SCALING_POLICY, input)
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

    /// Like [`send`](Self::send). What a repeated request does not find was deleted by the one before.
    fn delete(&self, operation: Operation, input: Map<String, Value>) -> Result<()> {
        match self.send(operation, input) {
            Err(error) if !settle::was_deleted_before(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn send(&self, operation: Operation, input: Map<String, Value>) -> Result<Value> {
        let caller = self.session().caller();
        Ok(operation.send(caller, &self.resource_id(), &Value::Object(input))?)
    }
}

const DIMENSION: &str = "sagemaker:variant:DesiredInstanceCount";

/// A scaling policy, for [`VariantScaling::put_policy`].
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
    /// Target tracking on `ApproximateBacklogSizePerInstance`: enough instances for each to have this number of
    /// requests queued, on average.
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

    /// A step policy: adds `count` instances each time its alarm fires, at most once in a cooldown. The caller
    /// creates the alarm, with the policy's ARN as its action.
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

    /// Time after a scale-in in which no further one starts; for target tracking. Default: the service's, 300 s.
    pub fn scale_in_cooldown(mut self, cooldown: Duration) -> Self {
        let name = "ScaleInCooldown".to_owned();
        super::document::set_in(&mut self.members, TRACKING, name, seconds(cooldown));
        self
    }

    /// Time after a scale-out in which no further one starts; for target tracking. Default: the service's, 300 s.
    pub fn scale_out_cooldown(mut self, cooldown: Duration) -> Self {
        let name = "ScaleOutCooldown".to_owned();
        super::document::set_in(&mut self.members, TRACKING, name, seconds(cooldown));
        self
    }

    /// The policy's name (`PolicyName`), unique for the variant.
    pub fn name(&self) -> &str {
        let name = self.members.get("PolicyName").and_then(Value::as_str);
        name.unwrap_or_default()
    }
}

/// A description of a scaling policy (`DescribeScalingPolicies`).
///
/// ```
/// use sagemaker_async_inference::Error;
/// use sagemaker_async_inference::endpoint::VariantScaling;
///
/// fn names(scaling: &VariantScaling) -> Result<Vec<String>, Error> {
///     Ok(scaling.describe_policies()?.iter().map(|policy| policy.name().to_owned()).collect())
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingPolicyDescription {
    document: Value,
}

impl ScalingPolicyDescription {
    /// The policy's name (`PolicyName`), unique for the variant.
    pub fn name(&self) -> &str {
        text(&self.document, "PolicyName").unwrap_or_default()
    }

    /// The policy's ARN (`PolicyARN`): the action of the alarm of a step policy.
    pub fn arn(&self) -> &str {
        text(&self.document, "PolicyARN").unwrap_or_default()
    }

    /// The kind of policy (`PolicyType`): `TargetTrackingScaling`, `StepScaling` or another.
    pub fn policy_type(&self) -> &str {
        text(&self.document, "PolicyType").unwrap_or_default()
    }

    /// The names of the alarms that trigger it.
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

/// The registration of a variant for scaling (`DescribeScalableTargets`).
///
/// ```
/// use sagemaker_async_inference::Error;
/// use sagemaker_async_inference::endpoint::VariantScaling;
///
/// fn may_scale_to_zero(scaling: &VariantScaling) -> Result<bool, Error> {
///     Ok(scaling.describe_target()?.is_some_and(|target| target.min_capacity() == Some(0)))
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScalableTarget {
    document: Value,
}

impl ScalableTarget {
    /// The minimum number of instances (`MinCapacity`); 0 allows scale to zero.
    pub fn min_capacity(&self) -> Option<i64> {
        self.document.get("MinCapacity")?.as_i64()
    }

    /// The maximum number of instances (`MaxCapacity`).
    pub fn max_capacity(&self) -> Option<i64> {
        self.document.get("MaxCapacity")?.as_i64()
    }

    /// The API's JSON, with members that this crate does not know.
    pub fn raw(&self) -> &Value {
        &self.document
    }
}
