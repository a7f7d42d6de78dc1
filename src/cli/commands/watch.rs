//! `describe --watch`: the state of an endpoint, refreshed.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::Duration;

use sagemaker_async_inference::endpoint::{Backlog, Endpoint, EndpointOverview};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use serde_json::Value;

use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Outcome, with_sources};
use crate::cli::output::form::{Form, text};
use crate::cli::output::lines::print;

/// The number of values that are shown side by side.
const KEPT: usize = 60;
/// A sleep checks this often whether it is interrupted.
const STEP: Duration = Duration::from_millis(50);
/// Clears the screen and begins at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// The latest values of a number, as a row of bars.
#[derive(Default)]
struct History(VecDeque<f64>);

impl History {
    fn push(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.0.push_back(value);
        }
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// The bars, from nothing to the greatest value, and that value.
    fn graph(&self) -> Option<(String, f64)> {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.0.iter().copied().fold(0.0, f64::max);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 7
        let bar = |value: &f64| {
            let share = if most > 0.0 { value / most } else { 0.0 };
            BARS[((share * 7.0).round() as usize).min(7)]
        };
        (!self.0.is_empty()).then(|| (self.0.iter().map(bar).collect(), most))
    }
}

/// Refreshes until it is interrupted. If a later description fails, the error is shown, and the next refresh tries
/// again.
pub(super) fn watch(
    endpoint: &Endpoint,
    form: Form,
    interval: Duration,
    report: impl Fn(&EndpointOverview) -> Value,
) -> Outcome {
    let interrupt = Interrupt::watch()?;
    let clears = form.is_text() && io::stdout().is_terminal();
    let (mut instances, mut backlog, mut age) =
        (History::default(), History::default(), History::default());
    let mut is_first = true;
    while !interrupt.has_struck() {
        let overview = endpoint.describe();
        if interrupt.has_struck() {
            break;
        }
        let shown = match overview {
            Err(error) if is_first => return Err(error.into()),
            Err(error) => serde_json::json!({ "error": with_sources(&error) }),
            Ok(overview) => {
                let current = overview.description().current_instance_count();
                #[allow(clippy::cast_precision_loss)] // a graph of eight steps
                instances.push(Some(current as f64));
                let waiting = overview.backlog().ok();
                #[allow(clippy::cast_precision_loss)] // a graph of eight steps
                backlog.push(waiting.and_then(Backlog::size).map(|size| size as f64));
                let oldest = waiting.and_then(Backlog::age_of_oldest_request);
                age.push(oldest.map(|age| age.as_secs_f64()));
                report(&overview)
            }
        };
        is_first = false;
        if form.is_text() {
            let mut screen = if clears { CLEAR } else { "" }.to_owned();
            screen.push_str(&text(&shown));
            let graphs = [
                ("instances", &instances, ""),
                ("backlog", &backlog, ""),
                ("oldest", &age, " s"),
            ];
            for (name, history, unit) in graphs {
                if let Some((bars, most)) = history.graph() {
                    let _ = write!(screen, "\n{name:9}  {bars}  (at most {most:.0}{unit})");
                }
            }
            if clears {
                screen.push_str("\n\nCtrl-C ends this.");
            }
            print(&screen)?;
        } else {
            form.print(&shown)?;
        }
        sleep(interval, &interrupt);
    }
    Ok(())
}

fn sleep(interval: Duration, interrupt: &Interrupt) {
    let end = SystemClock.monotonic() + interval;
    while SystemClock.monotonic() < end && !interrupt.has_struck() {
        SystemClock.sleep(STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    #[test]
    fn a_history_is_a_row_of_bars_up_to_its_greatest_value() {
        let mut history = History::default();
        assert!(history.graph().is_none());
        for value in [0.0, 5.0, 10.0] {
            history.push(Some(value));
        }
        history.push(None);
        assert_eq!(history.graph(), Some(("▁▅█".to_owned(), 10.0)));
        for _ in 0..100 {
            history.push(Some(0.0));
        }
        let (bars, most) = history.graph().expect("bars");
        assert_eq!((bars.chars().count(), most), (super::KEPT, 0.0));
    }
}
