//! `ReceiveMessage`, with its long poll.

use std::time::Duration;

use serde_json::Value;

use super::input::Input;
use super::queue::Received;
use super::{Now, does_not_exist, invalid, queue_name, received_document};
use crate::local::http::response::Refusal;
use crate::local::services::Services;
use crate::local::sync::wait_while;

/// Interval, in real time, at which a long poll checks for messages that have become visible.
const SLICE: Duration = Duration::from_millis(2);
/// A manual clock is advanced by this much for each interval.
const STEP: Duration = Duration::from_millis(100);

pub(super) fn response(services: &Services, input: &Input) -> Result<Value, Refusal> {
    let max = input.number("MaxNumberOfMessages", 1..=10)?.unwrap_or(1);
    let max = usize::try_from(max).unwrap_or(1);
    let visibility = input.number("VisibilityTimeout", 0..=43_200)?;
    let wait = input.number("WaitTimeSeconds", 0..=20)?;
    let attempt = input.text("ReceiveRequestAttemptId");
    if attempt.is_some_and(|attempt| attempt.len() > 128) {
        return Err(invalid("ReceiveRequestAttemptId can have 128 characters."));
    }
    let name = queue_name(services, input)?;
    let clock = &*services.common.clock;
    let started = clock.monotonic();
    loop {
        let now = Now::of(services);
        let mut state = services.queues.state();
        let queue = state.queues.get_mut(&name).ok_or_else(does_not_exist)?;
        queue.expire(now);
        let settings = &queue.settings;
        let visibility = visibility.map_or(settings.visibility, Duration::from_secs);
        let wait = wait.map_or(settings.wait, Duration::from_secs);
        let (received, dead): (Vec<Received>, _) = queue.receive(max, visibility, attempt, now);
        for dead in dead {
            if let Some(target) = state.queues.get_mut(&dead.target) {
                target.bury(dead);
            }
        }
        let is_over = now.monotonic >= started + wait || services.threads.stop.is_stopped();
        if !received.is_empty() || is_over {
            return Ok(received_document(&received, input));
        }
        drop(wait_while(&services.queues.changed, state, SLICE, |_| true));
        if clock.monotonic() == now.monotonic {
            clock.sleep(STEP.min((started + wait).saturating_sub(now.monotonic)));
        }
    }
}
