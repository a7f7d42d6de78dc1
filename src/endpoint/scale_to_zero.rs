//! Scale to zero: set up and undone in one call.

use std::time::Duration;

use serde_json::{Value, json};

use super::document::seconds;
use super::scaling::{ScalingPolicy, VariantScaling};
use super::settle::{is_not_found, is_still_missing};
use crate::InvalidInput;
use crate::aws::cloudwatch;
use crate::aws::json_rpc::list;
use crate::error::{DeploymentError, Error, Resource, Result, is_ambiguous};
use crate::limits::facts::cloudwatch::PUT_METRIC_ALARM_INPUT;
use crate::limits::members;

/// How an endpoint scales between no instances and some; for
/// [`VariantScaling::scale_to_zero`].
///
/// Two policies work together:
///
/// - **Target tracking** on `ApproximateBacklogSizePerInstance` adds instances while the backlog grows, and
///   removes all when it is gone. From zero it starts an instance only once the backlog exceeds the target, so
///   that a single request would wait for a long time.
/// - A **step policy** with an alarm on `HasBacklogWithoutCapacity`, which is 1 while requests are queued and no
///   instance runs, starts one at the first request.
///
/// | | default | why |
/// |---|---|---|
/// | [`max_capacity`](Self::max_capacity) | 1 | costs no more than the endpoint did before |
/// | [`backlog_per_instance`](Self::backlog_per_instance) | 5 | the service's guide; raise it where the model is fast |
/// | [`scale_in_cooldown`](Self::scale_in_cooldown) | 600 s | an instance takes minutes to start: it is not worth stopping it for a short pause |
/// | [`scale_out_cooldown`](Self::scale_out_cooldown) | 300 s | the last instances have started then, and count |
/// | [`wake_up_after`](Self::wake_up_after) | 1 minute | one evaluation of the alarm: the metric does not flutter, so a second one would only cost a minute |
///
/// The guide is "Autoscale an asynchronous endpoint" of SageMaker's documentation. Target tracking removes the
/// first instance when there has been no backlog for 15 minutes.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::endpoint::ScaleToZero;
///
/// let settings = ScaleToZero::new()
///     .max_capacity(4)
///     .backlog_per_instance(10.0)
///     .scale_in_cooldown(Duration::from_secs(300));
/// # let _ = settings;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct ScaleToZero {
    max_capacity: u32,
    backlog_per_instance: f64,
    scale_in_cooldown: Duration,
    scale_out_cooldown: Duration,
    wake_up_after: u32,
}

impl ScaleToZero {
    /// Creates the settings with their defaults.
    pub fn new() -> Self {
        Self {
            max_capacity: 1,
            backlog_per_instance: 5.0,
            scale_in_cooldown: Duration::from_mins(10),
            scale_out_cooldown: Duration::from_mins(5),
            wake_up_after: 1,
        }
    }

    /// Maximum number of instances, 1 or more. Default: 1.
    pub fn max_capacity(mut self, count: u32) -> Self {
        self.max_capacity = count;
        self
    }

    /// Target number of queued requests for each instance, more than 0. Default: 5.
    pub fn backlog_per_instance(mut self, requests: f64) -> Self {
        self.backlog_per_instance = requests;
        self
    }

    /// Time after a scale-in in which no further one starts, in whole seconds. Default: 600 s.
    pub fn scale_in_cooldown(mut self, cooldown: Duration) -> Self {
        self.scale_in_cooldown = cooldown;
        self
    }

    /// Time after a scale-out in which no further one starts, in whole seconds. Default: 300 s.
    pub fn scale_out_cooldown(mut self, cooldown: Duration) -> Self {
        self.scale_out_cooldown = cooldown;
        self
    }

    /// Number of consecutive minutes in which requests are queued without an instance before one is started, 1 or
    /// more. Default: 1.
    pub fn wake_up_after(mut self, minutes: u32) -> Self {
        self.wake_up_after = minutes;
        self
    }
}

impl Default for ScaleToZero {
    fn default() -> Self {
        Self::new()
    }
}

/// The names of the parts: the same at each call, so that they can be found and changed.
struct Names {
    tracking: String,
    wake_up: String,
    alarm: String,
    /// The name in release 0.1, if it was another one.
    former_alarm: Option<String>,
}

impl Names {
    fn of(scaling: &VariantScaling) -> Self {
        let (endpoint, variant) = (scaling.endpoint_name(), scaling.variant_name());
        let base = format!("{endpoint}-{variant}");
        // The names of policies belong to their variant, those of alarms to the account: variant b-c of endpoint a is
        // not variant c of endpoint a-b.
        let ambiguous = variant.contains('-');
        let alarm = |base: &str| format!("{base}-has-backlog-without-capacity");
        Self {
            tracking: format!("{base}-backlog"),
            wake_up: format!("{base}-wake-up"),
            alarm: if ambiguous {
                alarm(&format!("{endpoint}/{variant}"))
            } else {
                alarm(&base)
            },
            former_alarm: ambiguous.then(|| alarm(&base)),
        }
    }
}

pub(super) fn set_up(scaling: &VariantScaling, settings: &ScaleToZero) -> Result<()> {
    let names = Names::of(scaling);
    let endpoint = scaling.endpoint_name();
    let tracking = ScalingPolicy::track_backlog_per_instance(
        names.tracking,
        endpoint,
        settings.backlog_per_instance,
    )
    .scale_in_cooldown(settings.scale_in_cooldown)
    .scale_out_cooldown(settings.scale_out_cooldown);
    let wake_up = ScalingPolicy::add_instances(names.wake_up, 1, settings.scale_out_cooldown);
    let mut alarm = wake_up_alarm(&names.alarm, endpoint, settings.wake_up_after);
    // Before anything is sent, so that an invalid number leaves nothing half set up.
    tracking.validate()?;
    wake_up.validate()?;
    PUT_METRIC_ALARM_INPUT
        .check("MetricAlarm", &members(alarm.clone()))
        .map_err(InvalidInput::from)?;

    or_unsure(
        scaling,
        SETTING_UP,
        scaling.register(0, settings.max_capacity),
    )?;
    let rest = || {
        scaling.check_not_cancelled()?;
        let policy_arn = put_after_registering(scaling, &wake_up)?;
        alarm["AlarmActions"] = json!([policy_arn]);
        scaling.check_not_cancelled()?;
        cloudwatch::PUT_METRIC_ALARM.send(scaling.session().caller(), &names.alarm, &alarm)?;
        remove_former_alarm(scaling, names.former_alarm.as_deref())?;
        scaling.check_not_cancelled()?;
        scaling.put_policy(&tracking).map(drop)
    };
    or_incomplete(scaling, SETTING_UP, rest)
}

/// Creates the first policy of a variant that was registered a moment ago, so that the service may not know it yet.
fn put_after_registering(scaling: &VariantScaling, policy: &ScalingPolicy) -> Result<String> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match scaling.put_policy(policy) {
            Err(error) if is_still_missing(scaling.session(), attempt, &error) => {
                scaling.check_not_cancelled()?;
            }
            put => return put,
        }
    }
}

/// Removes the variant's alarm of the name that release 0.1 gave it, which another endpoint's may have too. Without
/// permission to describe alarms it stays.
fn remove_former_alarm(scaling: &VariantScaling, name: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        return Ok(());
    };
    let (caller, input) = (scaling.session().caller(), json!({ "AlarmNames": [name] }));
    let found = match cloudwatch::DESCRIBE_ALARMS.send(caller, name, &input) {
        Ok(found) => found,
        Err(failed) => match Error::from(failed) {
            Error::Service(fault) if fault.is_missing_permission() => return Ok(()),
            error => return Err(error),
        },
    };
    let dimensions = endpoint_dimensions(scaling.endpoint_name());
    let alarms = list(&found, "MetricAlarms").iter();
    if alarms
        .filter(|alarm| alarm["Dimensions"] == dimensions)
        .count()
        == 0
    {
        return Ok(());
    }
    let deleted = cloudwatch::DELETE_ALARMS.send(caller, name, &input);
    gone(deleted.map(drop).map_err(Error::from))
}

fn endpoint_dimensions(endpoint: &str) -> Value {
    json!([{"Name": "EndpointName", "Value": endpoint}])
}

const SETTING_UP: &str = "setting up the scaling of";
const REMOVING: &str = "removing the scaling of";

/// Reports a failure after the first step, which leaves the scaling incomplete.
fn or_incomplete(
    scaling: &VariantScaling,
    doing: &'static str,
    rest: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let left = || vec![Resource::Scaling(scaling.resource_id())];
    rest().map_err(|cause| stopped(scaling, doing, left(), Vec::new(), cause))
}

/// Reports the first step, if its response was lost: it may have been carried out.
fn or_unsure(scaling: &VariantScaling, doing: &'static str, first: Result<()>) -> Result<()> {
    first.map_err(|cause| {
        if !is_ambiguous(&cause) {
            return cause;
        }
        let unsure = vec![Resource::Scaling(scaling.resource_id())];
        stopped(scaling, doing, Vec::new(), unsure, cause)
    })
}

fn stopped(
    scaling: &VariantScaling,
    doing: &'static str,
    left: Vec<Resource>,
    unsure: Vec<Resource>,
    cause: Error,
) -> Error {
    DeploymentError {
        endpoint_name: scaling.endpoint_name().to_owned(),
        doing,
        left,
        unsure,
        found: Vec::new(),
        removed: Vec::new(),
        cause,
    }
    .into()
}

/// `PutMetricAlarm`, but for its action.
fn wake_up_alarm(name: &str, endpoint: &str, minutes: u32) -> Value {
    json!({
        "AlarmName": name,
        "AlarmDescription": format!("Wakes the endpoint {endpoint} from zero instances."),
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": endpoint_dimensions(endpoint),
        "Statistic": "Average",
        "Period": seconds(Duration::from_mins(1)),
        "EvaluationPeriods": minutes,
        "DatapointsToAlarm": minutes,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
    })
}

/// Removes the policy that scales in first, and the alarm before the policy that it calls.
pub(super) fn tear_down(scaling: &VariantScaling) -> Result<()> {
    let names = Names::of(scaling);
    let first = gone(scaling.delete_policy(&names.tracking));
    or_unsure(scaling, REMOVING, first)?;
    let rest = || {
        scaling.check_not_cancelled()?;
        let input = json!({ "AlarmNames": [names.alarm] });
        let deleted =
            cloudwatch::DELETE_ALARMS.send(scaling.session().caller(), &names.alarm, &input);
        gone(deleted.map(drop).map_err(Error::from))?;
        remove_former_alarm(scaling, names.former_alarm.as_deref())?;
        scaling.check_not_cancelled()?;
        gone(scaling.delete_policy(&names.wake_up))?;
        scaling.check_not_cancelled()?;
        gone(scaling.deregister())
    };
    or_incomplete(scaling, REMOVING, rest)
}

/// A resource that does not exist counts as deleted.
fn gone(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::Service(fault)) if is_not_found(&fault) => Ok(()),
        outcome => outcome,
    }
}
