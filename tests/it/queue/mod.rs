//! Consumers of a queue, against the local endpoint in virtual time and against scripted servers.

mod deadlines;
mod events;
mod failures;
mod finishing;
mod path;
mod receiving;
mod running;
mod sns;
mod waking;

use std::time::Duration;

use sagemaker_async_inference::Session;
use sagemaker_async_inference::local::{LocalEndpoint, Operation};
use sagemaker_async_inference::queue::{Delivery, ResultQueue};
use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use serde_json::json;

use crate::support::client::sys;

/// Long enough for any machine; nothing waits for it to pass.
const HANG: Duration = Duration::from_mins(1);

struct Bench {
    clock: ManualClock,
    local: LocalEndpoint,
    session: Session,
    url: String,
}

/// A queue, and a session in the endpoint's virtual time.
fn bench(attributes: &[(&str, &str)]) -> Bench {
    named("done", attributes)
}

fn named(name: &str, attributes: &[(&str, &str)]) -> Bench {
    let clock = ManualClock::new();
    let local = LocalEndpoint::builder().clock(clock.clone()).start();
    let local = local.expect("a local endpoint");
    let url = local.create_queue(name, attributes).expect("a queue");
    let sys = sys().with_clock(clock.clone());
    let session = local.session_builder().sys(sys).build().expect("a session");
    Bench {
        clock,
        local,
        session,
        url,
    }
}

impl Bench {
    fn queue(&self) -> ResultQueue {
        ResultQueue::new(&self.url, &self.session).expect("a queue")
    }

    /// Sends notifications of inferences with these ids.
    fn send(&self, ids: &[&str]) {
        for id in ids {
            self.local.send_message(&self.url, notification(id));
        }
    }

    fn count(&self, operation: Operation) -> usize {
        let requests = self.local.requests();
        requests.iter().filter(|r| r.operation == operation).count()
    }

    /// The messages in the queue, those in flight included.
    fn left(&self) -> usize {
        self.local.messages_in(&self.url)
    }
}

/// The first message; there is one.
fn first(queue: &ResultQueue) -> Delivery {
    let mut deliveries = queue.deliveries();
    deliveries.next().expect("no end").expect("a message")
}

/// What SageMaker publishes.
fn notification(id: &str) -> String {
    json!({
        "invocationStatus": "Completed",
        "inferenceId": id,
        "eventName": "InferenceResult",
        "eventSource": "aws:sagemaker",
        "requestParameters": { "endpointName": "local-endpoint" },
        "responseParameters": { "outputLocation": format!("s3://my-bucket/out/{id}.out") },
    })
    .to_string()
}

/// Waits in real time for what other threads do.
#[track_caller]
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let started = SystemClock.monotonic();
    while !holds() {
        assert!(SystemClock.monotonic() < started + HANG, "never: {what}");
        SystemClock.sleep(Duration::from_millis(2));
    }
}

/// Lets other threads continue.
fn nap(millis: u64) {
    SystemClock.sleep(Duration::from_millis(millis));
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
