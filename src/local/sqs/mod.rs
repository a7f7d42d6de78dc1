//! SQS: the queues of the local endpoint, and the senders of their messages.
//!
//! Everything uses the endpoint's clock. Queues are in memory and are lost when the endpoint stops.

mod attributes;
mod events;
mod input;
mod message_attributes;
mod queue;
mod receive;

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value, json};

pub(super) use events::{ObjectRule, Subscription, object_created, object_written, publish};
use input::Input;
use queue::{Change, Queue, Received};

use super::http::response::{Refusal, Response};
use super::operation::Operation;
use super::server::{Request, random_uuid};
use super::services::Services;
use crate::sys::lock;

/// All queues, and the rules for messages from the endpoint itself.
#[derive(Debug, Default)]
pub(super) struct Queues {
    state: Mutex<State>,
    /// A message was sent, or became visible by a request.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<String, Queue>,
    subscriptions: Vec<Subscription>,
    object_rules: Vec<ObjectRule>,
}

/// The current time of the endpoint's clock.
#[derive(Debug, Clone, Copy)]
struct Now {
    /// Milliseconds since 1970.
    millis: u64,
    monotonic: Duration,
}

impl Now {
    fn of(services: &Services) -> Self {
        let wall = services.common.clock.now();
        let since = wall
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            millis: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            monotonic: services.common.clock.monotonic(),
        }
    }
}

impl Queues {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Creates a queue with the service's defaults, unless it exists; its name is not checked.
    pub(super) fn create(
        &self,
        services: &Services,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<(), Refusal> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        create(&mut self.state(), name, &attributes, Now::of(services))
    }

    /// Whether a queue with this name exists.
    pub(super) fn has(&self, name: &str) -> bool {
        self.state().queues.contains_key(name)
    }

    /// Number of messages in a queue, including those in flight and delayed.
    pub(super) fn count(&self, name: &str) -> usize {
        self.state().queues.get(name).map_or(0, Queue::len)
    }

    pub(super) fn subscribe(&self, subscription: Subscription) {
        self.state().subscriptions.push(subscription);
    }

    pub(super) fn add_object_rule(&self, services: &Services, rule: ObjectRule) {
        events::test_event(services, &rule);
        self.state().object_rules.push(rule);
    }

    /// Puts a message into a queue, if it exists. A FIFO queue accepts no message without a group, such as those of
    /// SNS's standard topics and of S3.
    pub(super) fn send(&self, services: &Services, queue: &str, body: &str) {
        drop(self.send_with(services, queue, &[("MessageBody", body)]));
    }

    /// Puts a message with these members in a queue.
    pub(super) fn send_with(
        &self,
        services: &Services,
        queue: &str,
        members: &[(&str, &str)],
    ) -> Result<(), Refusal> {
        let now = Now::of(services);
        let members = members.iter();
        let members = members.map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let input = Input(members.collect());
        let mut state = self.state();
        let queue = state.queues.get_mut(queue).ok_or_else(does_not_exist)?;
        queue.send(&input, now)?;
        drop(state);
        self.changed.notify_all();
        Ok(())
    }
}

/// Carries out an operation.
pub(super) fn response(
    services: &Services,
    operation: Operation,
    request: &Request,
) -> Result<Response, Refusal> {
    let input = match serde_json::from_slice(&request.body) {
        Ok(Value::Object(input)) => Input(input),
        _ => return Err(Refusal::new(400, "SerializationException", "not an object")),
    };
    let document = match operation {
        Operation::CreateQueue => {
            let name = input.needed("QueueName")?;
            let none = Map::new();
            create(
                &mut services.queues.state(),
                name,
                input.object("Attributes").unwrap_or(&none),
                Now::of(services),
            )?;
            json!({ "QueueUrl": url(services, request, name) })
        }
        Operation::GetQueueUrl => {
            let name = input.needed("QueueName")?;
            let owner = input.text("QueueOwnerAWSAccountId");
            let foreign = owner.is_some_and(|owner| owner != services.common.account);
            if foreign || !services.queues.has(name) {
                return Err(does_not_exist());
            }
            json!({ "QueueUrl": url(services, request, name) })
        }
        Operation::ReceiveMessage => receive::response(services, &input)?,
        _ => of_queue(services, operation, &input)?,
    };
    Ok(Response::new(200, document.to_string().into_bytes())
        .header("content-type", "application/x-amz-json-1.0"))
}

/// The operations on one queue that do not wait.
fn of_queue(services: &Services, operation: Operation, input: &Input) -> Result<Value, Refusal> {
    let now = Now::of(services);
    let name = queue_name(services, input)?;
    let mut state = services.queues.state();
    let queue = state.queues.get_mut(&name).ok_or_else(does_not_exist)?;
    queue.expire(now);
    let document = match operation {
        Operation::GetQueueAttributes => attributes::of(services, queue, &name, input, now)?,
        Operation::SendMessage => queue.send(input, now)?,
        Operation::SendMessageBatch => batch(input, |entry| queue.send(entry, now), "MessageBody")?,
        Operation::DeleteMessage => {
            queue.delete(input.needed("ReceiptHandle")?, now)?;
            json!({})
        }
        Operation::DeleteMessageBatch => batch(
            input,
            |entry| {
                queue.delete(entry.needed("ReceiptHandle")?, now)?;
                Ok(json!({}))
            },
            "ReceiptHandle",
        )?,
        Operation::ChangeMessageVisibility => {
            queue.change_visibility(&Change::of(input)?, now)?;
            json!({})
        }
        Operation::ChangeMessageVisibilityBatch => batch(
            input,
            |entry| {
                queue.change_visibility(&Change::of(entry)?, now)?;
                Ok(json!({}))
            },
            "ReceiptHandle",
        )?,
        Operation::PurgeQueue => {
            queue.purge(now)?;
            json!({})
        }
        other => return Err(Refusal::not_offered(&format!("{other:?}"))),
    };
    drop(state);
    services.queues.changed.notify_all();
    Ok(document)
}

/// Carries out each entry; one that fails does not hold back the others.
fn batch(
    input: &Input,
    mut act: impl FnMut(&Input) -> Result<Value, Refusal>,
    needed: &str,
) -> Result<Value, Refusal> {
    let entries = input.entries(needed)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, entry) in &entries {
        match act(entry) {
            Ok(mut done) => {
                done["Id"] = id.as_str().into();
                successful.push(done);
            }
            Err(refusal) => failed.push(json!({
                "Id": id,
                "SenderFault": refusal.status < 500,
                "Code": refusal.code.rsplit('#').next(),
                "Message": refusal.message,
            })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn create(
    state: &mut State,
    name: &str,
    attributes: &Map<String, Value>,
    now: Now,
) -> Result<(), Refusal> {
    let queue = Queue::new(name, attributes, now)?;
    if let Some(target) = queue.dead_letters()
        && !state.queues.contains_key(target)
    {
        return Err(invalid(format!(
            "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist: {target}."
        )));
    }
    match state.queues.get(name) {
        Some(there) if there.differs_from(&queue, attributes) => Err(refusal(
            "QueueNameExists",
            "QueueAlreadyExists",
            "A queue already exists with the same name and a different value for an attribute",
        )),
        Some(_) => Ok(()),
        None => {
            state.queues.insert(name.to_owned(), queue);
            Ok(())
        }
    }
}

fn url(services: &Services, request: &Request, name: &str) -> String {
    let host = request.head.text("host").unwrap_or("localhost");
    format!("http://{host}/{}/{name}", services.common.account)
}

/// The queue that a request names: by the last segment of its URL, whatever its host is, unless that is one
/// of another region.
fn queue_name(services: &Services, input: &Input) -> Result<String, Refusal> {
    let url = input.needed("QueueUrl")?;
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let mut segments = place.rsplit('/');
    let name = segments.next().unwrap_or_default();
    let account = segments.next().unwrap_or_default();
    let host = place.split('/').next().unwrap_or_default();
    let elsewhere = host.contains(".amazonaws.") && !host.contains(&services.common.region);
    if name.is_empty() || !place.contains('/') {
        return Err(refusal(
            "InvalidAddress",
            "InvalidAddress",
            format!("The address {url} is not valid for this endpoint."),
        ));
    }
    if elsewhere || account != services.common.account {
        return Err(does_not_exist());
    }
    Ok(name.to_owned())
}

/// The name of a queue that is given by name, ARN or URL.
pub(super) fn name_of(queue: &str) -> &str {
    queue.rsplit(['/', ':']).next().unwrap_or(queue)
}

fn does_not_exist() -> Refusal {
    refusal(
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    )
}

fn invalid(message: impl Into<String>) -> Refusal {
    refusal("InvalidParameterValue", "InvalidParameterValue", message)
}

/// An error under both of its names.
fn refusal(code: &str, query_code: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, format!("com.amazonaws.sqs#{code}"), message)
        .header("x-amzn-query-error", format!("{query_code};Sender"))
}

/// A receipt handle: opaque to clients.
fn new_receipt(message: &str) -> String {
    format!("{message}.{}", random_uuid())
}

fn received_document(received: &[Received], input: &Input) -> Value {
    if received.is_empty() {
        return json!({});
    }
    let messages: Vec<_> = received
        .iter()
        .map(|message| message.document(input))
        .collect();
    json!({ "Messages": messages })
}
