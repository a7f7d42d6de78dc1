//! `consume`: results from a queue into a directory.

mod ends;
mod name;
mod recent;
mod store;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::queue::{
    Delivery, Notification, Notified, ObjectEvent, QueueEvent, QueueStats, ResultQueue,
};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{
    AsyncPredictor, Bytes, CancelToken, Error, InferenceHandle, S3Uri, Session, WaiterConfig,
};
use serde_json::{Value, json};

use self::ends::Ends;
use self::recent::Recent;
use self::store::{Place, Stored};
use crate::cli::args::connect::Connection;
use crate::cli::args::values::duration;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, CommandError, Outcome, with_sources};
use crate::cli::output::files::remove_abandoned;
use crate::cli::output::form::Form;
use crate::cli::output::lines::print;
use crate::cli::output::names::make_directory;
use crate::cli::output::progress::{Progress, Show};
use crate::sync::{lock, unpoisoned};

/// Receive completion messages from an SQS queue and fetch the results into a directory
///
/// The queue is an Amazon SQS queue that receives the endpoint's notifications through Amazon SNS, or S3's events of
/// the output objects (see the guide and `queue-policy`). Any number of these commands may share one queue. A result's
/// file, named `INFERENCE_ID.out`, is complete on disk before its message is deleted; a model's failure goes to the
/// same name with `.failure` appended. An existing file is never replaced by different content: a second inference
/// with the same id gets a digest in its name, as in `ID.1f0c9ab2e4d7.out`. If a message is delivered twice, the file
/// stays as it is; the process that stored it neither fetches the result nor prints its line again.
///
/// A message that cannot be handled now is released and received again after growing pauses, until the queue's redrive
/// policy moves it to the dead-letter queue. SIGTERM and Ctrl-C end the command within 20 s plus the time for the
/// messages in progress.
///
/// A JSON line for each result reports how it ended. Exit codes are those of `wait`.
///
/// Example:
///
///     sagemaker-async consume https://sqs.eu-west-1.amazonaws.com/123456789012/done \
///         --output-dir results
///     sagemaker-async consume done --output-dir results --endpoint my-endpoint \
///         --until-idle 10m --summary
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Consume {
    /// The queue: its URL, its ARN, or its name
    queue: String,

    /// The directory for results, created if it does not exist
    #[arg(long, value_name = "DIR")]
    output_dir: PathBuf,

    /// Only results of this endpoint; messages of others are released
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,

    /// Number of results handled at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,

    /// The visibility timeout: how long a message is hidden from others after a crash; it is extended while the
    /// message is worked on; 5s to 12h
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    visibility: Duration,

    /// Exit when no message arrived for this long [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    until_idle: Option<Duration>,

    /// Exit after this many messages [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    max_messages: Option<u64>,

    /// A file of handles as printed by `submit`, to match S3 events to
    #[arg(long, value_name = "FILE")]
    handles: Option<PathBuf>,

    /// What to do with messages that are not about an inference
    #[arg(long, value_name = "HOW", default_value = "leave")]
    on_unknown: OnUnknown,

    /// Print one summary at the end instead of one line per result
    #[arg(long)]
    summary: bool,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnUnknown {
    /// Leave them to the queue's redrive policy
    Leave,
    /// Delete and count them
    Delete,
}

/// An announced output exists: S3's reads are consistent. Anything else is left to the message's next delivery.
const POLLS: u32 = 3;
const DELAY: Duration = Duration::from_secs(1);
/// The time between two reports of a queue that cannot be read.
const REPORTS: Duration = Duration::from_mins(1);
/// How long a message of others is hidden, times the number of receives: they get it soon, and while they are busy its
/// receive count does not reach the redrive policy's at once.
const FOREIGN: Duration = Duration::from_secs(1);
/// The same from the fourth receive on: nobody seems to take it.
const LEFT: Duration = Duration::from_secs(30);

impl Consume {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let known = match &self.handles {
            Some(file) => {
                let loaded = InferenceHandle::load_all(file)?;
                Known::of(loaded.into_iter())
            }
            None => Known::default(),
        };
        make_directory(&self.output_dir)?;
        remove_abandoned(&self.output_dir);
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self.connection.session(None)?;
        let queue = ResultQueue::new(&self.queue, &session)?.with_visibility(self.visibility);
        let token = interrupt.token();
        let waiter = WaiterConfig::builder().max_attempts(POLLS).delay(DELAY);
        let consumer = Consumer {
            options: &self,
            session: &session,
            known,
            waiter: waiter.build()?,
            token: &token,
            progress: &progress,
            ends: Mutex::default(),
            recent: Mutex::default(),
        };
        progress.stage("consuming");
        let mut deliveries = queue.deliveries().cancel(token.clone());
        deliveries = deliveries.on_queue_error(retried(&progress));
        if let Some(idle) = self.until_idle {
            deliveries = deliveries.until_idle(idle);
        }
        if let Some(count) = self.max_messages {
            deliveries = deliveries.max_messages(count);
        }
        let ran = deliveries.run(usize::from(self.workers), |delivery| {
            consumer.handle(delivery);
            Ok::<(), Error>(())
        });
        progress.clear();
        let ends = unpoisoned(consumer.ends.into_inner());
        if self.summary {
            self.form.print(&ends.summary(&queue.stats()))?;
        }
        warn(&progress, &queue.stats());
        if let Some(failure) = ends.stopped {
            return Err(failure);
        }
        ran?;
        ends.outcome()
    }
}

/// Reports receives that fail and are retried, one in a while.
fn retried(progress: &Progress) -> impl Fn(&Error) + Send + Sync + 'static {
    let (progress, reported) = (progress.clone(), Mutex::new(None));
    move |error| {
        let now = SystemClock.monotonic();
        let mut reported = lock(&reported);
        if reported.is_none_or(|at: Duration| now.saturating_sub(at) >= REPORTS) {
            *reported = Some(now);
            progress.error(&format!("{}; it is retried", with_sources(error)));
        }
    }
}

/// Reports results that were or will be handled twice.
fn warn(progress: &Progress, stats: &QueueStats) {
    if stats.lost > 0 {
        progress.error(&format!(
            "the visibility timeout of {} messages expired before their results were stored, so \
            they may be delivered again: give a longer --visibility, or allow \
            sqs:ChangeMessageVisibility",
            stats.lost
        ));
    }
    if stats.delete_failures > 0 {
        progress.error(&format!(
            "{} messages could not be deleted and will be delivered again",
            stats.delete_failures
        ));
    }
}

/// Handles by the locations of their objects.
#[derive(Default)]
struct Known {
    by_place: HashMap<(String, String), InferenceHandle>,
}

impl Known {
    fn of(handles: impl Iterator<Item = InferenceHandle>) -> Self {
        let mut by_place = HashMap::new();
        for handle in handles {
            let places = [Some(handle.output_path()), handle.failure_path()];
            for place in places.into_iter().flatten() {
                by_place.insert(place_of(place), handle.clone());
            }
        }
        Self { by_place }
    }

    fn get(&self, event: &ObjectEvent) -> Option<&InferenceHandle> {
        let place = (event.bucket().to_owned(), event.key().to_owned());
        self.by_place.get(&place).filter(|_| event.is_created())
    }
}

fn place_of(uri: &S3Uri) -> (String, String) {
    (uri.bucket().to_owned(), uri.key().to_owned())
}

/// Shared by the workers.
struct Consumer<'a> {
    options: &'a Consume,
    session: &'a Session,
    known: Known,
    waiter: WaiterConfig,
    token: &'a CancelToken,
    progress: &'a Progress,
    ends: Mutex<Ends>,
    recent: Mutex<Recent>,
}

/// What to do with a message.
enum Verdict {
    Done,
    /// Nothing of ours, or not now.
    Again,
    Foreign,
}

impl Consumer<'_> {
    fn handle(&self, delivery: Delivery) {
        let verdict = self.judge(&delivery);
        let outcome = match verdict {
            Verdict::Done => delivery.delete(),
            Verdict::Again => delivery.release(),
            Verdict::Foreign => {
                let count = delivery.receive_count().min(120);
                delivery.release_after(if count > 3 { LEFT } else { FOREIGN } * count)
            }
        };
        if let Err(error) = outcome {
            self.stop(error.into());
        }
    }

    fn judge(&self, delivery: &Delivery) -> Verdict {
        match delivery.event() {
            QueueEvent::Inference(notification) => self.inference(delivery, notification),
            QueueEvent::Object(events) => self.objects(delivery, events),
            QueueEvent::Test => {
                self.note(|ends| ends.tests += 1);
                Verdict::Done
            }
            event => {
                self.unknown(delivery, event);
                match self.options.on_unknown {
                    OnUnknown::Leave => Verdict::Again,
                    OnUnknown::Delete => Verdict::Done,
                }
            }
        }
    }

    fn predictor(&self, endpoint: &str) -> AsyncPredictor<Bytes, Bytes> {
        AsyncPredictor::new(endpoint, self.session)
            .with_serializer(Bytes::new())
            .with_deserializer(Bytes::new())
    }

    fn inference(&self, delivery: &Delivery, notification: &Notification) -> Verdict {
        let endpoint = notification.endpoint_name();
        let wanted = self.options.endpoint.as_deref();
        if wanted.is_some_and(|wanted| endpoint != Some(wanted)) {
            self.note(|ends| ends.foreign += 1);
            return Verdict::Foreign;
        }
        let id = notification.inference_id();
        let place = Place::new(&self.options.output_dir, id, notification.output_location());
        let line = json!({
            "inference_id": id,
            "endpoint_name": endpoint,
            "output_path": notification.output_location(),
        });
        let predictor = self.predictor(endpoint.or(wanted).unwrap_or("unknown"));
        self.conclude(delivery, line, || {
            match predictor.response_from(notification)? {
                Notified::Response(response) => place.store(&response, &self.waiter),
                Notified::Failed(failure) => place.store_failure(&failure),
            }
        })
    }

    /// Each object that a handle waits for.
    fn objects(&self, delivery: &Delivery, events: &[ObjectEvent]) -> Verdict {
        let all = events.len();
        let known: Vec<_> = events
            .iter()
            .filter_map(|event| self.known.get(event))
            .collect();
        if known.is_empty() {
            let is_first = self.note(|ends| {
                ends.foreign += 1;
                ends.foreign == 1
            });
            if is_first && self.options.handles.is_none() {
                self.progress.error(
                    "a message is S3's event of an object, and there are no --handles that say which objects are \
                     results; such messages stay in the queue",
                );
            }
            return Verdict::Foreign;
        }
        let mut verdict = if known.len() < all {
            // Those to whom the others belong need the message too.
            Verdict::Foreign
        } else {
            Verdict::Done
        };
        for handle in known {
            let output = handle.output_path().to_string();
            let id = handle.inference_id();
            let place = Place::new(&self.options.output_dir, id, Some(&output));
            let line = json!({
                "inference_id": handle.inference_id(),
                "endpoint_name": handle.endpoint_name(),
                "output_path": output,
            });
            let response = self
                .predictor(handle.endpoint_name())
                .resume(handle.clone());
            let store = || place.store(&response, &self.waiter);
            if !matches!(self.conclude(delivery, line, store), Verdict::Done) {
                verdict = Verdict::Again;
            }
        }
        verdict
    }

    /// Stores a result, prints its line, counts it, and decides what becomes of the message. A result that was stored when
    /// the message was received before is none of these again.
    fn conclude(
        &self,
        delivery: &Delivery,
        line: Value,
        store: impl FnOnce() -> Result<Stored, Error>,
    ) -> Verdict {
        let result = format!("{} {line}", delivery.message_id());
        if lock(&self.recent).has(&result) {
            return Verdict::Done;
        }
        let stored = store();
        let path = match &stored {
            Ok(Stored::Output(path, _) | Stored::Failure(path, _)) => Some(path.clone()),
            Err(_) => None,
        };
        let verdict = self.report(line, stored);
        if let (Some(path), Verdict::Done) = (path, &verdict) {
            lock(&self.recent).insert(result, &path);
        }
        verdict
    }

    fn report(&self, mut line: Value, stored: Result<Stored, Error>) -> Verdict {
        let inference = line.to_string();
        let mut ends = lock(&self.ends);
        let verdict = match stored {
            Ok(Stored::Output(path, bytes)) => {
                ends.completed += 1;
                ends.bytes += bytes;
                ends.settle(&inference);
                line["status"] = "completed".into();
                line["file"] = path.display().to_string().into();
                line["bytes"] = bytes.into();
                Verdict::Done
            }
            Ok(Stored::Failure(path, text)) => {
                ends.failed += 1;
                ends.settle(&inference);
                line["status"] = "failed".into();
                line["file"] = path.display().to_string().into();
                line["error"] = text.into();
                Verdict::Done
            }
            Err(error) if is_of_this_machine(&error) => {
                drop(ends);
                self.stop(error.into());
                return Verdict::Again;
            }
            Err(error) => {
                let pending = matches!(error, Error::PollingTimeout(_));
                let text = with_sources(&error);
                line["status"] = if pending { "pending" } else { "error" }.into();
                line["error"] = text.clone().into();
                if !pending {
                    self.progress.error(&text);
                }
                ends.leave(inference, Code::of(&error), pending);
                Verdict::Again
            }
        };
        drop(ends);
        if !self.options.summary
            && let Err(failure) = print(&line.to_string())
        {
            self.stop(failure);
            // The reader of the lines has not received this one.
            return Verdict::Again;
        }
        verdict
    }

    /// Ends the command: what fails on this machine fails for the next message as well, which would burn its
    /// receives.
    fn stop(&self, failure: CommandError) {
        lock(&self.ends).stopped.get_or_insert(failure);
        self.token.cancel();
    }

    fn note<T>(&self, change: impl FnOnce(&mut Ends) -> T) -> T {
        change(&mut lock(&self.ends))
    }

    /// Counts a message that is not about an inference. The first one is reported, since whoever set up the queue may
    /// have meant it to be read.
    fn unknown(&self, delivery: &Delivery, event: &QueueEvent) {
        let is_first = self.note(|ends| {
            ends.unknown += 1;
            ends.unknown == 1
        });
        if let (true, QueueEvent::Unknown(reason)) = (is_first, event) {
            let id = delivery.message_id();
            let fate = match self.options.on_unknown {
                OnUnknown::Leave => "left to the queue's redrive policy",
                OnUnknown::Delete => "deleted",
            };
            self.progress.error(&format!(
                "message {id} is not about an inference: {reason}; such messages are {fate}"
            ));
        }
    }
}

fn is_of_this_machine(error: &Error) -> bool {
    matches!(error, Error::Transfer(transfer) if transfer.kind() == TransferErrorKind::Write)
}
