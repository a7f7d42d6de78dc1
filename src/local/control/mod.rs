//! The control plane: models, configurations, endpoints, their scaling and their metrics.
//!
//! Everything uses the endpoint's clock. There is no background thread: the state is brought up to date before each
//! request and while jobs wait.

mod cloudwatch;
mod endpoints;
mod hosted;
mod listing;
mod resources;
mod scaling;
mod tags;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

pub(super) use hosted::Serving;

use super::config::{Common, Deployed};
use super::http::response::{Refusal, Response};
use super::notify;
use super::operation::Operation;
use super::runtime::queue::{Backlog, Queue};
use super::services::Services;
use super::violation::message;
use crate::limits::check::{Shape, Violation};
use crate::limits::facts;
use crate::sys::{Clock, lock};
use hosted::Hosted;
use scaling::Scaling;

/// All resources except the queue.
#[derive(Debug)]
pub(super) struct Control {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    account: Account,
    models: BTreeMap<String, Stored>,
    configs: BTreeMap<String, Stored>,
    endpoints: BTreeMap<String, Hosted>,
    scaling: Scaling,
    alarms: BTreeMap<String, Map<String, Value>>,
    /// The reasons with which the next created or updated endpoints fail.
    failures: Vec<String>,
    /// Subscribed URLs, by topic.
    subscriptions: Vec<(String, String)>,
}

/// The account and the transition times.
#[derive(Debug, Clone)]
struct Account {
    region: String,
    number: String,
    transition: Duration,
}

/// A model or a configuration, as it was requested.
#[derive(Debug)]
struct Stored {
    arn: String,
    created: SystemTime,
    members: Map<String, Value>,
    tags: Vec<Value>,
}

/// The current time of the endpoint's clock.
#[derive(Debug, Clone, Copy)]
struct Now {
    wall: SystemTime,
    monotonic: Duration,
}

impl Account {
    fn arn(&self, kind: &str, name: &str) -> String {
        let Self { region, number, .. } = self;
        format!("arn:aws:sagemaker:{region}:{number}:{kind}/{name}")
    }
}

impl Now {
    fn of(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }
}

/// Seconds since 1970, as JSON 1.1 writes a time.
fn timestamp(time: SystemTime) -> Value {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!((since.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl Control {
    /// With the endpoint that the builder describes, in service.
    pub(super) fn new(common: &Common, deployed: &Deployed) -> Self {
        let account = Account {
            region: common.region.clone(),
            number: common.account.clone(),
            transition: deployed.transition,
        };
        let mut state = State {
            account,
            models: BTreeMap::new(),
            configs: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            scaling: Scaling::default(),
            alarms: BTreeMap::new(),
            failures: Vec::new(),
            subscriptions: Vec::new(),
        };
        state.host_the_builders(deployed, Now::of(&*common.clock));
        Self {
            clock: Arc::clone(&common.clock),
            state: Mutex::new(state),
        }
    }

    /// Brings everything up to the present.
    fn at_present(&self, queue: &Queue) -> std::sync::MutexGuard<'_, State> {
        // The queue's lock is never held together with this one.
        let backlogs = queue.backlogs();
        let now = Now::of(&*self.clock);
        let mut state = lock(&self.state);
        state.advance(now, &backlogs);
        state
    }

    /// The output paths of an endpoint, if it accepts requests.
    pub(super) fn serving(&self, queue: &Queue, name: &str) -> Option<Arc<Serving>> {
        let state = self.at_present(queue);
        state.endpoints.get(name).and_then(Hosted::serving)
    }

    /// Number of requests that each endpoint can process now. An endpoint that is not named is deleted.
    pub(super) fn slots(&self, queue: &Queue) -> BTreeMap<String, usize> {
        let state = self.at_present(queue);
        let endpoints = state.endpoints.iter();
        endpoints
            .map(|(name, hosted)| (name.clone(), hosted.slots()))
            .collect()
    }

    pub(super) fn fail_next(&self, reason: String) {
        lock(&self.state).failures.push(reason);
    }

    pub(super) fn subscribe(&self, topic: String, url: String) {
        lock(&self.state).subscriptions.push((topic, url));
    }

    /// The subscribers of a topic.
    pub(super) fn subscribers(&self, topic: &str) -> Vec<String> {
        let state = lock(&self.state);
        let subscriptions = state.subscriptions.iter();
        subscriptions
            .filter(|(found, _)| found == topic)
            .map(|(_, url)| url.clone())
            .collect()
    }
}

impl State {
    fn advance(&mut self, now: Now, backlogs: &BTreeMap<String, Backlog>) {
        self.endpoints.retain(|_, hosted| !hosted.advance(now));
        let transition = self.account.transition;
        for (name, hosted) in &mut self.endpoints {
            let backlog = backlogs.get(name).copied().unwrap_or_default();
            hosted.note_backlog(now, backlog);
            if let Some((variant, desired)) = self.scaling.decide(name, hosted, &self.alarms, now) {
                hosted.scale(&variant, desired, now, transition);
            }
        }
    }
}

/// Carries out an operation of the control plane.
pub(super) fn response(
    services: &Arc<Services>,
    operation: Operation,
    body: &[u8],
) -> Result<Response, Refusal> {
    let input = match serde_json::from_slice(body) {
        Ok(Value::Object(input)) => Input(input),
        _ => {
            return Err(Refusal::new(
                400,
                "SerializationException",
                "The body is not a JSON object.",
            ));
        }
    };
    check_request(operation, &input)?;
    let now = Now::of(&*services.common.clock);
    let tested = tested(operation, &input);
    let mut state = services.control.at_present(&services.queue);
    let response = match operation {
        Operation::CreateModel => state.create_model(input, now),
        Operation::DescribeModel => state.describe_model(&input),
        Operation::DeleteModel => state.delete_model(&input),
        Operation::CreateEndpointConfig => state.create_endpoint_config(input, now),
        Operation::DescribeEndpointConfig => state.describe_endpoint_config(&input),
        Operation::DeleteEndpointConfig => state.delete_endpoint_config(&input),
        Operation::CreateEndpoint => state.create_endpoint(&input, now),
        Operation::DescribeEndpoint => state.describe_endpoint(&input),
        Operation::UpdateEndpoint => state.update_endpoint(&input, now),
        Operation::UpdateEndpointWeightsAndCapacities => state.update_variants(&input, now),
        Operation::DeleteEndpoint => state.delete_endpoint(&input, now),
        Operation::ListEndpoints => state.list_endpoints(&input),
        Operation::ListModels => state.list_models(&input),
        Operation::ListEndpointConfigs => state.list_endpoint_configs(&input),
        Operation::ListTags => state.list_tags(&input),
        Operation::AddTags => state.add_tags(&input),
        Operation::DeleteTags => state.delete_tags(&input),
        Operation::RegisterScalableTarget => state.register_scalable_target(&input, now),
        Operation::DescribeScalableTargets => Ok(state.scaling.describe_targets(&input)),
        Operation::DeregisterScalableTarget => state.scaling.deregister(&input),
        Operation::PutScalingPolicy => state.put_scaling_policy(input, now),
        Operation::DescribeScalingPolicies => Ok(state.describe_scaling_policies(&input)),
        Operation::DeleteScalingPolicy => state.scaling.delete_policy(&input),
        Operation::PutMetricAlarm => state.put_metric_alarm(input),
        Operation::DescribeAlarms => Ok(state.describe_alarms(&input)),
        Operation::DeleteAlarms => state.delete_alarms(&input),
        Operation::GetMetricData => state.get_metric_data(&input, now),
        other => return Err(Refusal::not_offered(&format!("{other:?}"))),
    }?;
    let tested = tested.and_then(|name| state.notification(&name));
    drop(state);
    if let Some(notification) = tested {
        notify::test(services, &notification);
    }
    Ok(Response::json(&response))
}

/// The endpoint whose topics get a test message with this operation.
fn tested(operation: Operation, input: &Input) -> Option<String> {
    let tests = matches!(
        operation,
        Operation::CreateEndpoint
            | Operation::UpdateEndpoint
            | Operation::UpdateEndpointWeightsAndCapacities
    );
    let name = input.text("EndpointName").filter(|_| tests)?;
    Some(name.to_owned())
}

/// A request's document.
struct Input(Map<String, Value>);

impl Input {
    fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str()
    }

    /// A required member.
    fn needed(&self, member: &str) -> Result<&str, Refusal> {
        self.text(member).ok_or_else(|| {
            Refusal::invalid(format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    fn integer(&self, member: &str) -> Option<i64> {
        self.0.get(member)?.as_i64()
    }

    fn list(&self, member: &str) -> &[Value] {
        let list = self.0.get(member).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    fn has(&self, member: &str) -> bool {
        self.0.get(member).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// Checks a request with the same limits as the client.
fn check_request(operation: Operation, input: &Input) -> Result<(), Refusal> {
    // The variants have AWS's names.
    let name = format!("{operation:?}");
    let requests = [
        facts::sagemaker::REQUESTS,
        facts::application_autoscaling::REQUESTS,
        facts::cloudwatch::REQUESTS,
    ];
    let mut known = requests.into_iter().flatten();
    match known.find(|(of, _)| *of == name) {
        Some((_, shape)) => check(shape, input),
        None => Ok(()),
    }
}

fn check(shape: &Shape, input: &Input) -> Result<(), Refusal> {
    shape
        .check("", &input.0)
        .map_err(|violation| refused(&violation))
}

fn refused(violation: &Violation) -> Refusal {
    Refusal::invalid(message(violation))
}
