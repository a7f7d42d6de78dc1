//! Progress on standard error: a bar on a terminal, objects of JSON for machines, or nothing.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sagemaker_async_inference::batch::BatchProgress;
use sagemaker_async_inference::endpoint::{Endpoint, EndpointProgress};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::transfer::{TransferDirection, TransferProgress};
use sagemaker_async_inference::waiter::WaitProgress;
use sagemaker_async_inference::{Session, TransferConfig};
use serde_json::{Value, json};

use super::words::printable;
use crate::cli::interrupt::Interrupt;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Show {
    /// A progress bar if standard error is a terminal
    Auto,
    /// One JSON object per line
    Json,
    /// No progress
    None,
}

/// Shows progress. Clones share the bar.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Progress {
    bar: Option<ProgressBar>,
    json: bool,
}

const SPIN: Duration = Duration::from_millis(120);
/// How long a wait lasts before the endpoint's state is requested, and the interval after that.
const ENDPOINT_FIRST: Duration = Duration::from_secs(2);
const ENDPOINT_AGAIN: Duration = Duration::from_secs(30);
const NAP: Duration = Duration::from_millis(100);
/// A wait whose first polls all failed, this many, is reported.
const REPORTED: u32 = 2;

impl Progress {
    pub(in crate::cli) fn new(show: Show) -> Self {
        let on_terminal = show == Show::Auto && io::stderr().is_terminal();
        Self {
            bar: on_terminal.then(|| {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.set_style(spinner());
                bar.enable_steady_tick(SPIN);
                bar
            }),
            json: show == Show::Json,
        }
    }

    /// Prints a line however progress is shown.
    pub(in crate::cli) fn error(&self, text: &str) {
        let line = format!("sagemaker-async: {}", printable(text));
        let say = || drop(writeln!(io::stderr(), "{line}"));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    fn message(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }

    fn event(&self, event: &str, mut members: Value) {
        if self.json {
            members["event"] = event.into();
            drop(writeln!(io::stderr(), "{members}"));
        }
    }

    /// Shows the current step.
    pub(in crate::cli) fn stage(&self, text: &str) {
        self.message(text.to_owned());
        self.event("stage", json!({ "text": text }));
    }

    /// Clears the bar, before a result or an error is printed.
    pub(in crate::cli) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn no_poll_succeeds(&self, wait: &WaitProgress<'_>) {
        let (place, last) = (wait.output_path(), wait.last_response().unwrap_or_default());
        self.error(&format!(
            "no poll of {place} has succeeded yet, and polling goes on: {last}"
        ));
    }

    fn on_wait(&self, wait: &WaitProgress<'_>) {
        if fails_so_far(wait) {
            self.no_poll_succeeds(wait);
        }
        let elapsed = wait.elapsed().as_secs_f64();
        self.event(
            "wait",
            json!({
                "output_path": wait.output_path().to_string(),
                "attempts": wait.attempts(),
                "max_attempts": wait.max_attempts(),
                "elapsed_seconds": elapsed,
                "next_poll_in_seconds": wait.next_poll_in().map(|next| next.as_secs_f64()),
            }),
        );
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!(
                "poll {}, {} ",
                wait.attempts(),
                short(wait.elapsed())
            ));
        }
    }

    fn on_batch(&self, what: &str, batch: &BatchProgress) {
        let remaining = batch.remaining();
        self.event(
            what,
            json!({
                "done": batch.done(),
                "failed": batch.failed(),
                "pending": batch.pending(),
                "rate_per_second": batch.rate(),
                "elapsed_seconds": batch.elapsed().as_secs_f64(),
                "remaining_seconds": remaining.map(|left| left.as_secs_f64()),
            }),
        );
        if self.bar.is_some() {
            let left = remaining.map_or_else(String::new, |left| format!(", {} left", short(left)));
            self.message(format!(
                "{} done, {} failed, {} pending, {:.1}/s{left}",
                batch.done(),
                batch.failed(),
                batch.pending(),
                batch.rate(),
            ));
        }
    }

    fn on_transfer(&self, transfer: &TransferProgress<'_>) {
        let verb = match transfer.direction() {
            TransferDirection::Upload => "upload",
            TransferDirection::Download => "download",
        };
        self.event(
            verb,
            json!({
                "uri": transfer.uri().to_string(),
                "bytes": transfer.bytes(),
                "total": transfer.total(),
            }),
        );
        if let Some(bar) = &self.bar {
            if let Some(total) = transfer.total() {
                bar.set_style(bytes_bar());
                bar.set_length(total);
            }
            bar.set_position(transfer.bytes());
            bar.set_message(verb);
            if transfer.total() == Some(transfer.bytes()) {
                bar.set_style(spinner());
                bar.unset_length();
            }
        }
    }

    pub(in crate::cli) fn on_endpoint(&self, endpoint: &EndpointProgress<'_>) {
        let description = endpoint.description();
        let status = description.status();
        self.event(
            "endpoint",
            json!({
                "status": status.as_str(),
                "current_instances": description.current_instance_count(),
                "desired_instances": description.desired_instance_count(),
                "elapsed_seconds": endpoint.elapsed().as_secs_f64(),
            }),
        );
        self.message(format!(
            "{}, {}",
            status.as_str(),
            short(endpoint.elapsed())
        ));
    }

    /// For [`WaiterConfig`](sagemaker_async_inference::WaiterConfig).
    pub(in crate::cli) fn wait_callback(
        &self,
        interrupt: &Interrupt,
    ) -> impl Fn(&WaitProgress<'_>) -> std::ops::ControlFlow<()> + Send + Sync + 'static {
        let (progress, interrupt) = (self.clone(), interrupt.clone());
        move |wait| {
            progress.on_wait(wait);
            interrupt.flow()
        }
    }

    /// For the single waits of a batch: reports the first one of which no poll succeeds.
    pub(in crate::cli) fn of_each_wait(
        &self,
    ) -> impl Fn(&WaitProgress<'_>) -> std::ops::ControlFlow<()> + Send + Sync + 'static {
        let (progress, reported) = (self.clone(), AtomicBool::new(false));
        move |wait| {
            if fails_so_far(wait) && !reported.swap(true, Ordering::Relaxed) {
                progress.no_poll_succeeds(wait);
            }
            std::ops::ControlFlow::Continue(())
        }
    }

    /// For batches of submits (`submit`) or waits (`wait_all`).
    pub(in crate::cli) fn batch_callback(
        &self,
        what: &'static str,
        interrupt: &Interrupt,
    ) -> impl Fn(&BatchProgress) -> std::ops::ControlFlow<()> + Send + Sync + 'static {
        let (progress, interrupt) = (self.clone(), interrupt.clone());
        move |batch| {
            progress.on_batch(what, batch);
            interrupt.flow()
        }
    }

    /// Transfers that are shown, and stop when interrupted. `shown`: where there is one at a time.
    pub(in crate::cli) fn transfer(
        &self,
        interrupt: &Interrupt,
        shown: bool,
    ) -> sagemaker_async_inference::Result<TransferConfig> {
        let (progress, interrupt) = (self.clone(), interrupt.clone());
        TransferConfig::builder()
            .progress(move |transfer| {
                if shown {
                    progress.on_transfer(transfer);
                }
                interrupt.flow()
            })
            .build()
    }

    /// Shows what the endpoint does as long as the value lives, where there is a terminal to show it
    /// on and the caller may ask.
    pub(in crate::cli) fn watch_endpoint(&self, name: &str, session: &Session) -> Watching {
        let over = Arc::new(AtomicBool::new(false));
        if self.bar.is_some() {
            let endpoint = Endpoint::new(name, session);
            let (progress, seen) = (self.clone(), Arc::clone(&over));
            // Without the thread the wait is as good.
            drop(thread::Builder::new().spawn(move || watch(&progress, &endpoint, &seen)));
        }
        Watching(over)
    }
}

/// Ends the watch when it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Watching(Arc<AtomicBool>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn watch(progress: &Progress, endpoint: &Endpoint, over: &AtomicBool) {
    let mut next = SystemClock.monotonic() + ENDPOINT_FIRST;
    while !over.load(Ordering::SeqCst) {
        if SystemClock.monotonic() >= next {
            // A caller who may not describe it still waits.
            let Ok(seen) = endpoint.describe() else {
                return;
            };
            if !over.load(Ordering::SeqCst) {
                progress.message(format!("{}: {}", endpoint.name(), seen.while_waiting()));
            }
            next = SystemClock.monotonic() + ENDPOINT_AGAIN;
        }
        SystemClock.sleep(NAP);
    }
}

/// Whether a wait's first polls all failed. The address may be wrong, and the wait may last for hours.
fn fails_so_far(wait: &WaitProgress<'_>) -> bool {
    wait.attempts() == REPORTED && wait.observed().failed == REPORTED
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix}{msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bytes_bar() -> ProgressStyle {
    ProgressStyle::with_template(
        "{msg} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}
