//! The format of each signed member, and the text that is signed.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::SnsRejected;
use crate::timestamp;

/// The kind of a message that SNS pushes.
///
/// ```
/// use sagemaker_async_inference::queue::SnsMessageKind;
///
/// assert_eq!("Notification".parse(), Ok(SnsMessageKind::Notification));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnsMessageKind {
    /// A message that was published to the topic.
    Notification,
    /// SNS requests that a subscription of this endpoint be confirmed.
    SubscriptionConfirmation,
    /// This endpoint was unsubscribed. A request to its `SubscribeURL` would subscribe it again.
    UnsubscribeConfirmation,
}

crate::words::words!(SnsMessageKind, "kind of SNS message", {
    Notification => "Notification",
    SubscriptionConfirmation => "SubscriptionConfirmation",
    UnsubscribeConfirmation => "UnsubscribeConfirmation",
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// RSA, PKCS#1 v1.5, over SHA-1.
    One,
    /// Over SHA-256.
    Two,
}

/// A message with all its signed members.
pub(super) struct Signed {
    pub(super) kind: SnsMessageKind,
    pub(super) version: Version,
    pub(super) id: String,
    pub(super) topic: Topic,
    pub(super) timestamp: String,
    pub(super) time: SystemTime,
    pub(super) subject: Option<String>,
    pub(super) message: String,
    pub(super) token: Option<String>,
    subscribe_url: Option<String>,
    pub(super) certificate_url: String,
    pub(super) signature: Vec<u8>,
}

/// `arn:{partition}:sns:{region}:{account}:{name}`.
pub(super) struct Topic {
    pub(super) arn: String,
    pub(super) partition: String,
    pub(super) region: String,
}

/// SNS accepts messages of 1 MiB; JSON may write a character with six.
const MAX_BODY: usize = 8 << 20;

pub(super) fn read(body: &[u8]) -> Result<Signed, SnsRejected> {
    if body.len() > MAX_BODY {
        return malformed(format!("it is longer than {MAX_BODY} bytes"));
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return malformed("it is not an object of JSON");
    };
    let Ok(kind) = text(&members, "Type")?.parse::<SnsMessageKind>() else {
        return malformed("Type is not one of SNS's");
    };
    let version = match text(&members, "SignatureVersion")? {
        "1" => Version::One,
        "2" => Version::Two,
        _ => {
            return Err(SnsRejected::Version(
                "its signature has an unknown version".to_owned(),
            ));
        }
    };
    let timestamp = checked(&members, "Timestamp", is_timestamp)?;
    let Some(time) = timestamp::parse(&timestamp) else {
        return malformed("Timestamp is not a time");
    };
    let confirms = kind != SnsMessageKind::Notification;
    let of_confirmation = |name: &str, is: fn(&str) -> bool| {
        confirms.then(|| checked(&members, name, is)).transpose()
    };
    let signature = STANDARD.decode(text(&members, "Signature")?);
    let Ok(signature) = signature else {
        return malformed("Signature is not base64");
    };
    // Lambda writes the name otherwise.
    let url = ["SigningCertURL", "SigningCertUrl"];
    let url = url.iter().find_map(|name| members.get(*name)?.as_str());
    Ok(Signed {
        kind,
        version,
        id: checked(&members, "MessageId", is_uuid)?,
        topic: topic(text(&members, "TopicArn")?)?,
        timestamp,
        time,
        subject: match members.get("Subject") {
            None | Some(Value::Null) => None,
            Some(_) => Some(checked(&members, "Subject", is_one_line)?),
        },
        message: text(&members, "Message")?.to_owned(),
        token: of_confirmation("Token", is_token)?,
        subscribe_url: of_confirmation("SubscribeURL", is_one_line)?,
        certificate_url: url.unwrap_or_default().to_owned(),
        signature,
    })
}

impl Signed {
    /// The names and values that are signed, each on a line of its own, sorted by name.
    pub(super) fn string_to_sign(&self) -> String {
        let kind = format!("{:?}", self.kind);
        let confirms = self.kind != SnsMessageKind::Notification;
        let members = [
            ("Message", Some(&self.message)),
            ("MessageId", Some(&self.id)),
            ("Subject", self.subject.as_ref().filter(|_| !confirms)),
            ("SubscribeURL", self.subscribe_url.as_ref()),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", self.token.as_ref()),
            ("TopicArn", Some(&self.topic.arn)),
            ("Type", Some(&kind)),
        ];
        let mut text = String::new();
        for (name, value) in members {
            if let Some(value) = value {
                text.extend([name, "\n", value, "\n"]);
            }
        }
        text
    }
}

/// Whether it is exactly `https://{host}/SimpleNotificationService-{hexadecimal}.pem`: no port, no
/// user, no query.
pub(super) fn is_certificate_url(url: &str, host: &str) -> bool {
    let file = url
        .strip_prefix("https://")
        .and_then(|rest| rest.strip_prefix(host))
        .and_then(|rest| rest.strip_prefix("/SimpleNotificationService-"))
        .and_then(|rest| rest.strip_suffix(".pem"));
    file.is_some_and(|name| (1..=128).contains(&name.len()) && name.bytes().all(is_lower_hex))
}

fn malformed<T>(problem: impl Into<String>) -> Result<T, SnsRejected> {
    Err(SnsRejected::Malformed(problem.into()))
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, SnsRejected> {
    let found = members.get(name).and_then(Value::as_str);
    found.map_or_else(|| malformed(format!("it has no text {name}")), Ok)
}

fn checked(
    members: &Map<String, Value>,
    name: &str,
    is: fn(&str) -> bool,
) -> Result<String, SnsRejected> {
    let value = text(members, name)?;
    if is(value) {
        Ok(value.to_owned())
    } else {
        malformed(format!("{name} has another format"))
    }
}

fn topic(arn: &str) -> Result<Topic, SnsRejected> {
    let parts: Vec<_> = arn.split(':').collect();
    let name_is = |name: &str| {
        (1..=256).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match parts[..] {
        ["arn", partition, "sns", region, account, name]
            if crate::aws::endpoints::is_host_label(partition)
                && crate::aws::endpoints::is_host_label(region)
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && name_is(name) =>
        {
            Ok(Topic {
                arn: arn.to_owned(),
                partition: partition.to_owned(),
                region: region.to_owned(),
            })
        }
        _ => malformed("TopicArn is not an ARN of SNS"),
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// As in `2026-03-06T20:00:26.893Z`.
fn is_timestamp(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_digit() || b"-:.TZ".contains(&byte);
    (20..=32).contains(&text.len()) && text.bytes().all(allowed) && text.ends_with('Z')
}

fn is_one_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
