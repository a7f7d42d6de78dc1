//! A queue's attributes, as `CreateQueue` sets and `GetQueueAttributes` returns them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::input::Input;
use super::queue::Queue;
use super::{Now, invalid, name_of, refusal};
use crate::local::http::response::Refusal;
use crate::local::services::Services;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) fifo: bool,
    pub(super) content_based: bool,
    pub(super) visibility: Duration,
    pub(super) delay: Duration,
    pub(super) wait: Duration,
    pub(super) retention: Duration,
    pub(super) max_size: u64,
    pub(super) redrive: Option<Redrive>,
    /// As received; the local endpoint does not enforce it.
    policy: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The name of the queue.
    pub(super) target: String,
    pub(super) max_receive_count: u64,
    /// The ARN of the queue whose policy this is: of the same region and account as its target.
    pub(super) source_arn: String,
    given: String,
}

/// Names that `CreateQueue` takes.
const SETTABLE: [&str; 15] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

fn unknown(name: &str) -> Refusal {
    let message = format!("Unknown Attribute {name}.");
    refusal("InvalidAttributeName", "InvalidAttributeName", message)
}

pub(super) fn settings(name: &str, given: &Map<String, Value>) -> Result<Settings, Refusal> {
    let mut names = given.keys();
    if let Some(other) = names.find(|name| !SETTABLE.contains(&name.as_str())) {
        return Err(unknown(other));
    }
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let fifo = given.get("FifoQueue").and_then(Value::as_str) == Some("true");
    let is_named_fifo = stem.len() < name.len();
    let fits = name.len() <= 80 && !stem.is_empty() && stem.bytes().all(allowed);
    if !fits || fifo != is_named_fifo {
        return Err(invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length; the name of a FIFO queue ends with .fifo",
        ));
    }
    let number = |name: &str, default: u64, limits: std::ops::RangeInclusive<u64>| {
        let Some(value) = given.get(name) else {
            return Ok(default);
        };
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        parsed
            .filter(|number| limits.contains(number))
            .ok_or_else(|| {
                let message = format!("Invalid value for the parameter {name}.");
                refusal("InvalidAttributeValue", "InvalidAttributeValue", message)
            })
    };
    let seconds =
        |name: &str, default, limits| number(name, default, limits).map(Duration::from_secs);
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    Ok(Settings {
        fifo,
        content_based: text("ContentBasedDeduplication") == Some("true"),
        visibility: seconds("VisibilityTimeout", 30, 0..=43_200)?,
        delay: seconds("DelaySeconds", 0, 0..=900)?,
        wait: seconds("ReceiveMessageWaitTimeSeconds", 0, 0..=20)?,
        retention: seconds("MessageRetentionPeriod", 345_600, 60..=1_209_600)?,
        max_size: number("MaximumMessageSize", 1 << 20, 1024..=1 << 20)?,
        redrive: text("RedrivePolicy")
            .map(|policy| redrive(name, policy))
            .transpose()?,
        policy: text("Policy").map(str::to_owned),
    })
}

fn redrive(name: &str, policy: &str) -> Result<Redrive, Refusal> {
    let parsed: Option<Value> = serde_json::from_str(policy).ok();
    let parsed = parsed.as_ref().and_then(|policy| {
        let target = policy.get("deadLetterTargetArn")?.as_str()?;
        let count = match policy.get("maxReceiveCount") {
            None => 10,
            Some(Value::String(text)) => text.parse().ok()?,
            Some(number) => number.as_u64()?,
        };
        Some((target.to_owned(), count))
    });
    let valid = parsed.filter(|(_, count)| (1..=1000).contains(count));
    let (arn, max_receive_count) = valid.ok_or_else(|| {
        invalid(format!(
            "Value {policy} for parameter RedrivePolicy is invalid."
        ))
    })?;
    let target = name_of(&arn).to_owned();
    Ok(Redrive {
        source_arn: format!("{}{name}", arn.strip_suffix(&target).unwrap_or_default()),
        target,
        max_receive_count,
        given: policy.to_owned(),
    })
}

/// The requested attributes; none if none are requested.
pub(super) fn of(
    services: &Services,
    queue: &Queue,
    name: &str,
    input: &Input,
    now: Now,
) -> Result<Value, Refusal> {
    let wanted = input.names("AttributeNames");
    let settings = &queue.settings;
    let [visible, in_flight, delayed] = queue.counts(now);
    let (region, account) = (&services.common.region, &services.common.account);
    let seconds = |duration: Duration| Some(duration.as_secs().to_string());
    let created = (queue.created.millis / 1000).to_string();
    let redrive = settings.redrive.as_ref();
    let all = [
        (
            "QueueArn",
            Some(format!("arn:aws:sqs:{region}:{account}:{name}")),
        ),
        ("ApproximateNumberOfMessages", Some(visible.to_string())),
        (
            "ApproximateNumberOfMessagesNotVisible",
            Some(in_flight.to_string()),
        ),
        (
            "ApproximateNumberOfMessagesDelayed",
            Some(delayed.to_string()),
        ),
        ("CreatedTimestamp", Some(created.clone())),
        ("LastModifiedTimestamp", Some(created)),
        ("VisibilityTimeout", seconds(settings.visibility)),
        ("DelaySeconds", seconds(settings.delay)),
        ("ReceiveMessageWaitTimeSeconds", seconds(settings.wait)),
        ("MessageRetentionPeriod", seconds(settings.retention)),
        ("MaximumMessageSize", Some(settings.max_size.to_string())),
        (
            "RedrivePolicy",
            redrive.map(|redrive| redrive.given.clone()),
        ),
        ("Policy", settings.policy.clone()),
        ("FifoQueue", settings.fifo.then(|| "true".to_owned())),
        (
            "ContentBasedDeduplication",
            settings.fifo.then(|| settings.content_based.to_string()),
        ),
    ];
    let is_known = |name: &str| {
        name == "All" || SETTABLE.contains(&name) || all.iter().any(|(known, _)| *known == name)
    };
    if let Some(other) = wanted.iter().find(|name| !is_known(name)) {
        return Err(unknown(other));
    }
    let attributes: Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| {
            wanted
                .iter()
                .any(|wanted| wanted == name || *wanted == "All")
        })
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect();
    if attributes.is_empty() {
        return Ok(json!({}));
    }
    Ok(json!({ "Attributes": attributes }))
}
