//! `queue-policy`: the permissions with which results reach a queue.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::exit::{CommandError, Outcome};
use crate::cli::output::lines::print;

/// Print the access policies that a topic and a queue of results need; changes nothing
///
/// A JSON object: `queue_policy` for the queue (its attribute Policy), `execution_role_policy` for the endpoint's
/// execution role, `consumer_policy` for the role that consumes, `key_policy_statement` for the customer key of an
/// encrypted queue or topic, and `subscription_attributes` for the subscription. Replace the placeholders in angle
/// brackets.
///
/// Example:
///
///     sagemaker-async queue-policy arn:aws:sns:eu-west-1:123456789012:done \
///         arn:aws:sqs:eu-west-1:123456789012:done
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct QueuePolicy {
    /// The ARN of the topic that the endpoint publishes to
    topic: String,

    /// The queue: its ARN, or its URL
    queue: String,
}

impl QueuePolicy {
    pub(in crate::cli) fn run(&self) -> Outcome {
        let topic = Arn::of(&self.topic, "sns")?;
        let queue = if self.queue.contains("://") {
            Arn::of_url(&self.queue, &topic)?
        } else {
            Arn::of(&self.queue, "sqs")?
        };
        if topic.is_fifo() != queue.is_fifo() {
            return Err(CommandError::usage(
                "a standard topic delivers to a standard queue, and a FIFO topic to a FIFO \
                queue: use two of the same kind",
            ));
        }
        let policies = policies(&topic, &queue);
        let text = serde_json::to_string_pretty(&policies);
        print(&text.map_err(|error| CommandError::io("policies", &error.into()))?)
    }
}

/// `arn:{partition}:{service}:{region}:{account}:{name}`.
struct Arn {
    text: String,
}

impl Arn {
    fn of(arn: &str, service: &str) -> Outcome<Self> {
        let parts: Vec<_> = arn.split(':').collect();
        let is_account =
            |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        match parts[..] {
            ["arn", partition, found, region, account, name]
                if found == service
                    && is_account(account)
                    && [partition, region, name]
                        .iter()
                        .all(|part| !part.is_empty()) =>
            {
                Ok(Self {
                    text: arn.to_owned(),
                })
            }
            _ => Err(CommandError::usage(format!(
                "{arn:?} is not of the form arn:aws:{service}:REGION:ACCOUNT:NAME"
            ))),
        }
    }

    /// Of a queue's URL, in the partition of the topic.
    fn of_url(url: &str, topic: &Self) -> Outcome<Self> {
        let place = url.split_once("://").map_or(url, |(_, place)| place);
        let parts: Vec<_> = place.split('/').collect();
        let region = match parts
            .first()
            .map(|host| host.split('.').collect::<Vec<_>>())
        {
            Some(labels) if matches!(labels[..], ["sqs" | "sqs-fips", ..]) => {
                labels.get(1).copied()
            }
            Some(labels) if labels.get(1) == Some(&"queue") => labels.first().copied(),
            _ => None,
        };
        let partition = topic.text.split(':').nth(1).unwrap_or("aws");
        match (region, &parts[..]) {
            (Some(region), [_, account, name]) => Self::of(
                &format!("arn:{partition}:sqs:{region}:{account}:{name}"),
                "sqs",
            ),
            _ => Err(CommandError::usage(format!(
                "{url:?} is not the URL of a queue in a region; give its ARN"
            ))),
        }
    }

    fn account(&self) -> &str {
        self.text.split(':').nth(4).unwrap_or_default()
    }

    fn is_fifo(&self) -> bool {
        self.text.strip_suffix(".fifo").is_some()
    }
}

fn policies(topic: &Arn, queue: &Arn) -> Value {
    let (topic_arn, queue_arn) = (&topic.text, &queue.text);
    let policy = |statement: Value| json!({ "Version": "2012-10-17", "Statement": [statement] });
    json!({
        "queue_policy": policy(json!({
            "Sid": "ResultsFromTopic",
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": topic_arn } },
        })),
        "execution_role_policy": policy(json!({
            "Effect": "Allow",
            "Action": "sns:Publish",
            "Resource": topic_arn,
        })),
        "consumer_policy": policy(json!({
            "Effect": "Allow",
            "Action": [
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
            ],
            "Resource": queue_arn,
        })),
        "key_policy_statement": {
            "Sid": "ResultsThroughKey",
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceAccount": topic.account() } },
        },
        "subscription_attributes": {
            "Protocol": "sqs",
            "Endpoint": queue_arn,
            "RawMessageDelivery": "true",
            "RedrivePolicy": json!({
                "deadLetterTargetArn": "<the ARN of a queue for what SNS cannot deliver>",
            }).to_string(),
        },
    })
}
