//! The status of an endpoint: its state, its instances, its queue.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::EndpointStatus;
use super::describe::EndpointDescription;
use crate::aws::cloudwatch;
use crate::aws::json_rpc::{list, text, time_of};
use crate::error::{Error, Result};
use crate::session::Session;

/// How far back metrics are requested: they appear every minute, some minutes late.
const WINDOW: Duration = Duration::from_mins(10);
const PERIOD: u64 = 60;

const SIZE: &str = "ApproximateBacklogSize";
const AGE: &str = "ApproximateAgeOfOldestRequest";
const WITHOUT_CAPACITY: &str = "HasBacklogWithoutCapacity";

/// The queue of an endpoint, by the latest metrics of `CloudWatch` (namespace `AWS/SageMaker`), which are some
/// minutes old. A value is `None` if there was no data within ten minutes: a new endpoint has none, and an idle
/// one may have none.
///
/// ```
/// use sagemaker_async_inference::endpoint::Backlog;
///
/// fn ahead_of_you(backlog: &Backlog) -> u64 {
///     backlog.size().unwrap_or(0)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backlog {
    size: Option<f64>,
    oldest: Option<f64>,
    without_capacity: Option<f64>,
    as_of: Option<SystemTime>,
}

impl Backlog {
    /// Number of requests that are queued or in progress (`ApproximateBacklogSize`).
    pub fn size(&self) -> Option<u64> {
        self.size.map(|size| whole(size.round()))
    }

    /// How long the oldest request has been queued (`ApproximateAgeOfOldestRequest`).
    pub fn age_of_oldest_request(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.oldest?).ok()
    }

    /// Whether requests are queued while no instance runs (`HasBacklogWithoutCapacity`).
    pub fn has_backlog_without_capacity(&self) -> Option<bool> {
        self.without_capacity.map(|value| value > 0.0)
    }

    /// When the latest of these values was measured.
    pub fn as_of(&self) -> Option<SystemTime> {
        self.as_of
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates, as it should
fn whole(value: f64) -> u64 {
    value as u64
}

/// `GetMetricData` for the three metrics, at once.
pub(crate) fn backlog(session: &Session, endpoint_name: &str) -> Result<Backlog> {
    let now = session.sys().clock().now();
    let end = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() + PERIOD;
    let metrics = [("size", SIZE), ("age", AGE), ("capacity", WITHOUT_CAPACITY)];
    let queries: Vec<Value> = metrics
        .iter()
        .map(|(id, metric)| {
            json!({
                "Id": id,
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SageMaker",
                        "MetricName": metric,
                        "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name}],
                    },
                    "Period": PERIOD,
                    "Stat": "Maximum",
                },
            })
        })
        .collect();
    let input = json!({
        "MetricDataQueries": queries,
        "StartTime": end.saturating_sub(WINDOW.as_secs()),
        "EndTime": end,
        "ScanBy": "TimestampDescending",
    });
    let data = cloudwatch::GET_METRIC_DATA.send(session.caller(), endpoint_name, &input)?;
    Ok(read(&data))
}

fn read(data: &Value) -> Backlog {
    let mut backlog = Backlog::default();
    for result in list(data, "MetricDataResults") {
        let times = list(result, "Timestamps").iter().map(time_of);
        let values = list(result, "Values").iter().map(Value::as_f64);
        let points = times.zip(values);
        let points = points.filter_map(|(time, value)| Some((time?, value?)));
        let Some((time, value)) = points.max_by_key(|(time, _)| *time) else {
            continue;
        };
        match text(result, "Id") {
            Some("size") => backlog.size = Some(value),
            Some("age") => backlog.oldest = Some(value),
            Some("capacity") => backlog.without_capacity = Some(value),
            _ => continue,
        }
        backlog.as_of = backlog.as_of.max(Some(time));
    }
    backlog
}

/// The status of an endpoint: its description (`DescribeEndpoint`) and the metrics of its queue (`CloudWatch`).
///
/// `Display` is a short text such as "waking up, 12 waiting".
///
/// ```
/// # #[cfg(feature = "local")] {
/// use std::ops::ControlFlow;
/// use std::time::Duration;
/// use sagemaker_async_inference::local::LocalEndpoint;
/// use sagemaker_async_inference::{AsyncPredictor, WaiterConfig};
/// use sagemaker_async_inference::endpoint::Endpoint;
///
/// let local = LocalEndpoint::builder().start()?;
/// let session = local.session()?;
/// let endpoint = Endpoint::new(local.name(), &session);
/// let predictor = AsyncPredictor::new(local.name(), &session);
/// let response = predictor.predict_async("hello")?;
/// // While a result is waited for, the user learns why it takes so long.
/// let waiter = WaiterConfig::builder()
///     .delay(Duration::from_millis(20))
///     .max_attempts(500)
///     .progress(move |_| {
///         if let Ok(overview) = endpoint.describe() {
///             eprintln!("{}", overview.while_waiting()); // waking up, 12 ahead of you
///         }
///         ControlFlow::Continue(())
///     })
///     .build()?;
/// let result: String = response.get_result(&waiter)?;
/// assert_eq!(result, "hello");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EndpointOverview {
    description: EndpointDescription,
    backlog: Result<Backlog>,
}

impl EndpointOverview {
    pub(crate) fn new(description: EndpointDescription, backlog: Result<Backlog>) -> Self {
        Self {
            description,
            backlog,
        }
    }

    /// State, configuration and variants.
    pub fn description(&self) -> &EndpointDescription {
        &self.description
    }

    /// The state (`EndpointStatus`).
    pub fn status(&self) -> EndpointStatus {
        self.description.status()
    }

    /// The queue, if `CloudWatch` returned its metrics.
    ///
    /// # Errors
    /// The error of the request to `CloudWatch`, such as [`Error::Service`] for a missing permission
    /// `cloudwatch:GetMetricData`. The endpoint itself was described.
    pub fn backlog(&self) -> Result<&Backlog, &Error> {
        self.backlog.as_ref()
    }

    /// Whether the first instances are starting. (The service may report `Updating` while it scales.)
    pub fn is_waking_up(&self) -> bool {
        self.has_no_instances() && self.description.desired_instance_count() > 0
    }

    /// Whether there are no instances, and none are starting.
    pub fn is_scaled_to_zero(&self) -> bool {
        self.has_no_instances() && self.description.desired_instance_count() == 0
    }

    fn has_no_instances(&self) -> bool {
        let serves = matches!(
            self.status(),
            EndpointStatus::InService | EndpointStatus::Updating
        );
        serves && self.description.current_instance_count() == 0
    }

    /// A short text for a user who waits for a result: "waking up, 12 ahead of you". One of the queued requests is
    /// counted as the user's own. The metrics are some minutes old.
    pub fn while_waiting(&self) -> String {
        match self.backlog.as_ref().ok().and_then(Backlog::size) {
            Some(size) => {
                let ahead = number(size.saturating_sub(1));
                format!("{}, {ahead} ahead of you", self.state())
            }
            None => self.state(),
        }
    }

    /// State and instances, as a short text.
    fn state(&self) -> String {
        if self.is_waking_up() {
            return "waking up".to_owned();
        }
        if self.is_scaled_to_zero() {
            return "scaled to zero".to_owned();
        }
        if self.status() != EndpointStatus::InService {
            return self.status().as_str().to_owned();
        }
        let current = self.description.current_instance_count();
        let desired = self.description.desired_instance_count();
        let plural = if desired == 1 { "" } else { "s" };
        if current == desired {
            format!("{current} instance{plural}")
        } else {
            format!("{current} of {desired} instance{plural}")
        }
    }
}

/// A number of requests, as one says it.
fn number(requests: u64) -> String {
    match requests {
        0 => "none".to_owned(),
        some => some.to_string(),
    }
}

/// An age below this is not reported.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl fmt::Display for EndpointOverview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.state())?;
        let Ok(backlog) = &self.backlog else {
            return Ok(());
        };
        if let Some(size) = backlog.size() {
            write!(f, ", {} waiting", number(size))?;
            let age = backlog.age_of_oldest_request();
            if let (1.., Some(age)) = (size, age.filter(|age| *age >= WORTH_TELLING)) {
                write!(f, ", the oldest for {}", crate::error::seconds(age))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::{EndpointOverview, read};
    use crate::endpoint::describe::EndpointDescription;

    #[test]
    fn the_latest_of_each_metric_counts_in_any_order() {
        let backlog = read(&json!({"MetricDataResults": [
            {"Id": "size", "Timestamps": [60.0, 180.0, 120.0], "Values": [1.0, 12.0, 5.0]},
            {"Id": "age", "Timestamps": [120], "Values": [90.5], "StatusCode": "PartialData"},
            {"Id": "capacity", "Timestamps": [], "Values": []},
            {"Id": "other", "Timestamps": [999], "Values": [1]},
        ]}));
        assert_eq!(backlog.size(), Some(12));
        assert_eq!(
            backlog.age_of_oldest_request(),
            Some(Duration::from_secs_f64(90.5))
        );
        assert_eq!(backlog.has_backlog_without_capacity(), None);
        assert_eq!(backlog.as_of(), Some(UNIX_EPOCH + Duration::from_mins(3)));
    }

    #[test]
    fn it_reads_as_one_would_say_it() {
        let overview = |status: &str, current: u64, desired: u64, size: f64| {
            let description = EndpointDescription::new(json!({
                "EndpointStatus": status,
                "ProductionVariants": [
                    {"CurrentInstanceCount": current, "DesiredInstanceCount": desired},
                ],
            }));
            let backlog = read(&json!({"MetricDataResults": [
                {"Id": "size", "Timestamps": [60], "Values": [size]},
                {"Id": "age", "Timestamps": [60], "Values": [40]},
            ]}));
            EndpointOverview::new(description, Ok(backlog))
        };
        let ahead = overview("InService", 0, 1, 13.0).while_waiting();
        assert_eq!(ahead, "waking up, 12 ahead of you");
        let overview = |status: &str, current: u64, desired: u64, size: f64| {
            overview(status, current, desired, size).to_string()
        };
        let waking = overview("InService", 0, 1, 12.0);
        assert_eq!(waking, "waking up, 12 waiting, the oldest for 40 s");
        let zero = overview("InService", 0, 0, 0.0);
        assert_eq!(zero, "scaled to zero, none waiting");
        let growing = overview("InService", 1, 3, 2.0);
        assert_eq!(growing, "1 of 3 instances, 2 waiting, the oldest for 40 s");
        assert!(overview("InService", 1, 1, 0.0).starts_with("1 instance,"));
        assert!(overview("Creating", 0, 1, 0.0).starts_with("Creating"));
    }
}
