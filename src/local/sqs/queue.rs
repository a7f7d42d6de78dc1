//! One queue and its messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use super::attributes::{self, Settings};
use super::input::Input;
use super::{Now, invalid, message_attributes, new_receipt, refusal};
use crate::local::http::response::Refusal;
use crate::local::server::random_uuid;

/// The longest visibility timeout, counted from the receive.
const MAX_VISIBILITY: Duration = Duration::from_hours(12);
/// How long a FIFO queue remembers deduplication ids and attempt ids.
const DEDUPLICATION: Duration = Duration::from_mins(5);
const PURGE_PAUSE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) settings: Settings,
    pub(super) created: Now,
    /// In the order they were sent.
    messages: Vec<Stored>,
    /// Deduplication ids, with their times and messages.
    known: BTreeMap<String, (Duration, Value)>,
    /// Attempt ids, with their times and receipts.
    attempts: BTreeMap<String, (Duration, Vec<String>)>,
    sequence: u64,
    purged: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Stored {
    id: String,
    body: String,
    attributes: Option<Map<String, Value>>,
    group: Option<String>,
    deduplication: Option<String>,
    sequence: u64,
    sent: Now,
    visible_at: Duration,
    count: u64,
    first_received: Option<u64>,
    /// The latest receive.
    receipt: Option<(String, Duration)>,
    /// The ARN of the queue that it was moved from.
    source: Option<String>,
}

/// A message as one receive got it.
#[derive(Debug, Clone)]
pub(super) struct Received {
    message: Stored,
    receipt: String,
}

/// A change of one message's visibility.
pub(super) struct Change {
    receipt: String,
    visibility: Duration,
}

impl Change {
    pub(super) fn of(input: &Input) -> Result<Self, Refusal> {
        let visibility = input.number("VisibilityTimeout", 0..=43_200)?;
        Ok(Self {
            receipt: input.needed("ReceiptHandle")?.to_owned(),
            visibility: Duration::from_secs(visibility.unwrap_or_default()),
        })
    }
}

impl Queue {
    pub(super) fn new(
        name: &str,
        attributes: &Map<String, Value>,
        now: Now,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            settings: attributes::settings(name, attributes)?,
            created: now,
            messages: Vec::new(),
            known: BTreeMap::new(),
            attempts: BTreeMap::new(),
            sequence: 0,
            purged: None,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The name of the queue for dead letters.
    pub(super) fn dead_letters(&self) -> Option<&str> {
        let redrive = self.settings.redrive.as_ref()?;
        Some(&redrive.target)
    }

    pub(super) fn differs_from(&self, other: &Self, given: &Map<String, Value>) -> bool {
        !given.is_empty() && self.settings != other.settings
    }

    /// Visible, in flight, delayed.
    pub(super) fn counts(&self, now: Now) -> [usize; 3] {
        let count = |is: fn(&Stored, Duration) -> bool| {
            let messages = self.messages.iter();
            messages
                .filter(|message| is(message, now.monotonic))
                .count()
        };
        [
            count(|message, now| message.visible_at <= now),
            count(Stored::is_in_flight),
            count(|message, now| message.visible_at > now && !message.is_in_flight(now)),
        ]
    }

    /// Removes messages older than the retention period.
    pub(super) fn expire(&mut self, now: Now) {
        let retention = self.settings.retention;
        self.messages
            .retain(|message| message.sent.monotonic + retention > now.monotonic);
        self.known
            .retain(|_, (when, _)| *when + DEDUPLICATION > now.monotonic);
        self.attempts
            .retain(|_, (when, _)| *when + DEDUPLICATION > now.monotonic);
    }

    pub(super) fn send(&mut self, input: &Input, now: Now) -> Result<Value, Refusal> {
        let body = input.needed("MessageBody")?;
        if body.len() as u64 > self.settings.max_size {
            return Err(invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {} bytes.",
                self.settings.max_size
            )));
        }
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        if !body.chars().all(allowed) {
            return Err(refusal(
                "InvalidMessageContents",
                "InvalidMessageContents",
                "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
            ));
        }
        let attributes = input.object("MessageAttributes");
        let digest = attributes.map(message_attributes::digest).transpose()?;
        let (group, deduplication) = self.group(input, body)?;
        if let Some(id) = &deduplication
            && let Some((_, before)) = self.known.get(id)
        {
            return Ok(before.clone());
        }
        let delay = input.number("DelaySeconds", 0..=900)?;
        let delay = delay.map_or(self.settings.delay, Duration::from_secs);
        self.sequence += 1;
        let message = Stored {
            id: random_uuid(),
            body: body.to_owned(),
            attributes: attributes.cloned(),
            group,
            deduplication: deduplication.clone(),
            sequence: self.sequence,
            sent: now,
            visible_at: now.monotonic + delay,
            count: 0,
            first_received: None,
            receipt: None,
            source: None,
        };
        let mut sent = json!({ "MessageId": message.id, "MD5OfMessageBody": md5_of(body) });
        if let Some(digest) = digest.flatten() {
            sent["MD5OfMessageAttributes"] = digest.into();
        }
        if self.settings.fifo {
            sent["SequenceNumber"] = format!("{:020}", message.sequence).into();
        }
        if let Some(id) = deduplication {
            self.known.insert(id, (now.monotonic, sent.clone()));
        }
        self.messages.push(message);
        Ok(sent)
    }

    /// The group and the deduplication id of a message to a FIFO queue.
    fn group(
        &self,
        input: &Input,
        body: &str,
    ) -> Result<(Option<String>, Option<String>), Refusal> {
        let group = input.text("MessageGroupId").map(str::to_owned);
        if !self.settings.fifo {
            return Ok((group, None));
        }
        let Some(group) = group else {
            input.needed("MessageGroupId")?;
            return Ok((None, None));
        };
        let id = match input.text("MessageDeduplicationId") {
            Some(id) => id.to_owned(),
            None if self.settings.content_based => md5_of(body),
            None => {
                return Err(invalid(
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
                ));
            }
        };
        Ok((Some(group), Some(id)))
    }

    /// The messages of one receive, and those that go to the dead-letter queue instead.
    pub(super) fn receive(
        &mut self,
        max: usize,
        visibility: Duration,
        attempt: Option<&str>,
        now: Now,
    ) -> (Vec<Received>, Vec<Dead>) {
        if let Some(again) = attempt.and_then(|attempt| self.repeated(attempt, now)) {
            return (again, Vec::new());
        }
        let dead = self.take_dead(now);
        // While a message of a group is in flight, no other of it is delivered: this preserves its order.
        let mut busy: BTreeSet<String> = self
            .messages
            .iter()
            .filter(|message| message.is_in_flight(now.monotonic))
            .filter_map(|message| message.group.clone())
            .collect();
        let fifo = self.settings.fifo;
        let mut received = Vec::new();
        for message in &mut self.messages {
            if received.len() == max {
                break;
            }
            let is_busy = fifo && message.group.as_ref().is_some_and(|g| busy.contains(g));
            if is_busy {
                continue;
            }
            if message.visible_at > now.monotonic {
                busy.extend(message.group.clone());
                continue;
            }
            received.push(message.receive(visibility, now));
        }
        if let Some(attempt) = attempt
            && fifo
        {
            let receipts = received
                .iter()
                .map(|received| received.receipt.clone())
                .collect();
            self.attempts
                .insert(attempt.to_owned(), (now.monotonic, receipts));
        }
        (received, dead)
    }

    /// The messages of a receive with the same attempt id, while all of them are in flight.
    fn repeated(&self, attempt: &str, now: Now) -> Option<Vec<Received>> {
        let (_, receipts) = self.attempts.get(attempt)?;
        let of = |receipt: &String| {
            let message = self.messages.iter().find(|message| {
                message.is_in_flight(now.monotonic) && message.has_receipt(receipt)
            })?;
            Some(Received {
                message: message.clone(),
                receipt: receipt.clone(),
            })
        };
        receipts.iter().map(of).collect()
    }

    /// Removes the messages that were received as often as the redrive policy allows.
    fn take_dead(&mut self, now: Now) -> Vec<Dead> {
        let Some(redrive) = &self.settings.redrive else {
            return Vec::new();
        };
        let (target, source) = (redrive.target.clone(), redrive.source_arn.clone());
        let most = redrive.max_receive_count;
        let is_dead =
            |message: &Stored| message.visible_at <= now.monotonic && message.count >= most;
        let (dead, alive): (Vec<_>, Vec<_>) = std::mem::take(&mut self.messages)
            .into_iter()
            .partition(is_dead);
        self.messages = alive;
        dead.into_iter()
            .map(|mut message| {
                message.source = Some(source.clone());
                message.receipt = None;
                Dead {
                    target: target.clone(),
                    message,
                }
            })
            .collect()
    }

    /// Adds a dead letter, which keeps its sent time.
    pub(super) fn bury(&mut self, dead: Dead) {
        self.messages.push(dead.message);
    }

    pub(super) fn delete(&mut self, receipt: &str, now: Now) -> Result<(), Refusal> {
        let id = message_of(receipt)?;
        let Some(index) = self.messages.iter().position(|message| message.id == id) else {
            return Ok(());
        };
        let message = &self.messages[index];
        let newest = message.has_receipt(receipt);
        if self.settings.fifo && !(newest && message.is_in_flight(now.monotonic)) {
            return Err(invalid(format!(
                "Value {receipt} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
            )));
        }
        // An old handle is accepted and deletes nothing.
        if newest {
            self.messages.remove(index);
        }
        Ok(())
    }

    pub(super) fn change_visibility(&mut self, change: &Change, now: Now) -> Result<(), Refusal> {
        let id = message_of(&change.receipt)?;
        let message = self.messages.iter_mut().find(|message| message.id == id);
        let Some(message) = message else {
            return Err(invalid(format!(
                "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
                change.receipt
            )));
        };
        let received = match &message.receipt {
            Some((receipt, received))
                if *receipt == change.receipt && message.visible_at > now.monotonic =>
            {
                *received
            }
            _ => {
                return Err(refusal(
                    "MessageNotInflight",
                    "AWS.SimpleQueueService.MessageNotInflight",
                    "The specified message isn't in flight.",
                ));
            }
        };
        let until = now.monotonic + change.visibility;
        if until > received + MAX_VISIBILITY {
            return Err(invalid(format!(
                "Value {} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
                change.visibility.as_secs()
            )));
        }
        message.visible_at = until;
        Ok(())
    }

    pub(super) fn purge(&mut self, now: Now) -> Result<(), Refusal> {
        if self
            .purged
            .is_some_and(|purged| now.monotonic < purged + PURGE_PAUSE)
        {
            return Err(refusal(
                "PurgeQueueInProgress",
                "AWS.SimpleQueueService.PurgeQueueInProgress",
                "Only one PurgeQueue operation is allowed every 60 seconds.",
            ));
        }
        self.purged = Some(now.monotonic);
        self.messages.clear();
        Ok(())
    }
}

/// A message for the dead-letter queue.
pub(super) struct Dead {
    pub(super) target: String,
    message: Stored,
}

impl Stored {
    fn is_in_flight(&self, now: Duration) -> bool {
        self.receipt.is_some() && self.visible_at > now
    }

    fn has_receipt(&self, receipt: &str) -> bool {
        matches!(&self.receipt, Some((newest, _)) if newest == receipt)
    }

    fn receive(&mut self, visibility: Duration, now: Now) -> Received {
        let receipt = new_receipt(&self.id);
        self.count += 1;
        self.first_received.get_or_insert(now.millis);
        self.visible_at = now.monotonic + visibility;
        self.receipt = Some((receipt.clone(), now.monotonic));
        Received {
            message: self.clone(),
            receipt,
        }
    }
}

impl Received {
    /// With the requested attributes.
    pub(super) fn document(&self, input: &Input) -> Value {
        let message = &self.message;
        let mut document = json!({
            "MessageId": message.id,
            "ReceiptHandle": self.receipt,
            "Body": message.body,
            "MD5OfBody": md5_of(&message.body),
        });
        let attributes = message.system_attributes(input);
        if !attributes.is_empty() {
            document["Attributes"] = attributes.into();
        }
        let given = message.given_attributes(input);
        if !given.is_empty() {
            // They were read when the message was sent.
            if let Ok(Some(digest)) = message_attributes::digest(&given) {
                document["MD5OfMessageAttributes"] = digest.into();
            }
            document["MessageAttributes"] = given.into();
        }
        document
    }
}

impl Stored {
    /// The requested ones of the attributes that the queue gives a message.
    fn system_attributes(&self, input: &Input) -> Map<String, Value> {
        let mut wanted = input.names("MessageSystemAttributeNames");
        wanted.extend(input.names("AttributeNames"));
        let all = [
            ("ApproximateReceiveCount", Some(self.count.to_string())),
            (
                "ApproximateFirstReceiveTimestamp",
                self.first_received.map(|millis| millis.to_string()),
            ),
            ("SentTimestamp", Some(self.sent.millis.to_string())),
            ("SenderId", Some("local".to_owned())),
            ("MessageGroupId", self.group.clone()),
            ("MessageDeduplicationId", self.deduplication.clone()),
            (
                "SequenceNumber",
                self.deduplication
                    .as_ref()
                    .map(|_| format!("{:020}", self.sequence)),
            ),
            ("DeadLetterQueueSourceArn", self.source.clone()),
        ];
        all.into_iter()
            .filter(|(name, _)| {
                wanted
                    .iter()
                    .any(|wanted| wanted == name || *wanted == "All")
            })
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect()
    }

    /// The requested ones of the attributes that the sender gave it.
    fn given_attributes(&self, input: &Input) -> Map<String, Value> {
        let names = input.names("MessageAttributeNames");
        let is_wanted = |name: &String| {
            names.iter().any(|wanted| {
                matches!(*wanted, "All" | ".*")
                    || wanted == name
                    || wanted
                        .strip_suffix(".*")
                        .is_some_and(|prefix| name.starts_with(prefix))
            })
        };
        let given = self.attributes.iter().flatten();
        given
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

fn md5_of(body: &str) -> String {
    hex::encode(Md5::digest(body.as_bytes()))
}

/// The message that a receipt handle is of.
fn message_of(receipt: &str) -> Result<&str, Refusal> {
    let id = receipt.split_once('.').map(|(id, _)| id);
    id.filter(|id| id.len() == 36).ok_or_else(|| {
        refusal(
            "ReceiptHandleIsInvalid",
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{receipt}\" is not a valid receipt handle."),
        )
    })
}
