//! `wait`: fetches the results of handles as they complete.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::batch::{AsCompleted, Completed};
use sagemaker_async_inference::queue::ResultQueue;
use sagemaker_async_inference::waiter::Observed;
use sagemaker_async_inference::{AsyncPredictor, Bytes, CancelToken, Error, Session, as_completed};
use serde_json::{Value, json};

use super::predict::One;
use crate::cli::args::connect::Connection;
use crate::cli::args::waiting::Waiting;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, CommandError, Outcome, how_to_go_on, with_sources};
use crate::cli::output::files::{Target, remove_abandoned};
use crate::cli::output::form::Form;
use crate::cli::output::lines::{Found, Submitted, Taken, handles, print};
use crate::cli::output::names::Results;
use crate::cli::output::progress::{Progress, Show};
use crate::cli::output::standard::check_standard_output;
use crate::sync::lock;

/// Concurrent downloads, beside the polls.
const DOWNLOAD_THREADS: usize = 4;
/// How long a message is hidden from others before it is extended; long polls last a quarter of it.
const VISIBILITY: Duration = Duration::from_mins(2);

/// Wait for submitted inferences and fetch each result as soon as it is available
///
/// The result of a single handle goes to standard output or to --output, as with `predict`. With several handles
/// each result becomes a file in --output-dir, named after its input (or its output object) with a digest of the
/// inference and `.out`, as in `scan.tiff.1f0c9ab2e4d7.out`; a model's failure gets `.failure` appended. Names
/// are the same in every run. An existing file with different content is not replaced without --overwrite. A
/// JSON line for each inference reports its outcome and the file's name. Handles whose result was not stored are
/// printed on standard error; pass them to `wait` again.
///
/// Example:
///
///     sagemaker-async wait handle.json --timeout 1h > answer.json
///     sagemaker-async submit my-endpoint --input-dir scans |
///         sagemaker-async wait --output-dir results
///     sagemaker-async wait handles.jsonl --output-dir results --summary --timeout 6h
///     sagemaker-async wait handles.jsonl --output-dir results --queue results-of-this-job
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Wait {
    /// A file of handles as printed by `submit`, `-` for standard input, or a handle itself
    #[arg(default_value = "-")]
    handles: String,

    /// Where to write a single result: a file, written completely or not at all, or `-` for standard output
    #[arg(long, short, value_name = "FILE", conflicts_with = "output_dir")]
    output: Option<PathBuf>,

    /// Where to write the model's failure response, for a single handle
    #[arg(long, value_name = "FILE", conflicts_with = "output_dir")]
    failure_output: Option<PathBuf>,

    /// The directory for results, created if it does not exist
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,

    /// With --output-dir: replace existing files with different content
    #[arg(long, requires = "output_dir")]
    overwrite: bool,

    /// With --output-dir: print one summary at the end instead of one line per inference
    #[arg(long, requires = "output_dir")]
    summary: bool,

    #[command(flatten)]
    form: Form,

    /// With --output-dir: poll seldom, and at once when a message of this queue reports an inference as done: the URL,
    /// ARN or name of an SQS queue that receives the endpoint's notifications or S3's events. Messages of these
    /// inferences are deleted once their results are stored; others are released, but count as received: use a queue
    /// that no other wait uses
    #[arg(long, value_name = "QUEUE", requires = "output_dir")]
    queue: Option<String>,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    connection: Connection,
}

impl Wait {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        self.waiting.check()?;
        // From the first handle on: the handles are printed however this ends.
        let interrupt = Interrupt::watch()?;
        let found = handles(&self.handles, &interrupt)?;
        if interrupt.has_struck() {
            let message = format!(
                "interrupted after {} handles were read",
                found.handles.len()
            );
            return Err(
                CommandError::new(Code::Interrupted, message).with_hint(self.how_to_go_on())
            );
        }
        let outcome = match (&self.output_dir, found.handles.as_slice()) {
            (Some(directory), _) => self.many(&found, directory, show, &interrupt),
            (None, [one]) if found.bad.is_empty() => self.one(one, show, &interrupt),
            (None, many) => Err(CommandError::usage(format!(
                "there are {} handles; name a directory for their results with --output-dir",
                many.len() + found.bad.len()
            ))),
        };
        outcome.map_err(|failure| failure.with_default_hint(self.how_to_go_on()))
    }

    fn how_to_go_on(&self) -> String {
        let options = match &self.output_dir {
            Some(directory) => format!(" --output-dir {}", directory.display()),
            None => String::new(),
        };
        how_to_go_on(&options)
    }

    fn one(&self, taken: &Taken, show: Show, interrupt: &Interrupt) -> Outcome {
        let submitted = &taken.submitted;
        if self.output.is_none() {
            check_standard_output()?;
        }
        let mut target = Target::of(self.output.as_deref())?;
        let failure_target = Target::if_named(self.failure_output.as_deref())?;
        for place in [Some(&target), failure_target.as_ref()]
            .into_iter()
            .flatten()
        {
            if self.handles != "-" && place.is(Path::new(&self.handles)) {
                let message = "the result would replace the file of handles";
                return Err(CommandError::usage(message));
            }
            if submitted
                .input
                .as_ref()
                .is_some_and(|input| place.is(Path::new(input)))
            {
                return Err(CommandError::usage("the result would replace the input"));
            }
        }
        let progress = Progress::new(show);
        let session = self
            .connection
            .session(Some(progress.transfer(interrupt, true)?))?;
        let response = predictor(submitted, &session).resume(submitted.handle.clone());
        progress.stage("waiting");
        let watching = progress.watch_endpoint(submitted.handle.endpoint_name(), &session);
        let one = One {
            response: &response,
            held: taken.held,
            failure_target,
        };
        let taken = one.take(&mut target, self.waiting.builder(), &progress, interrupt);
        drop(watching);
        taken
    }

    fn many(&self, found: &Found, directory: &Path, show: Show, interrupt: &Interrupt) -> Outcome {
        let handles = found.handles.as_slice();
        let submitted = handles.iter().map(|taken| &*taken.submitted);
        let results = Results::new(directory, self.overwrite, submitted.clone());
        // The same directory would fail again.
        let results = results.map_err(|failure| {
            failure.with_default_hint(how_to_go_on(" --output-dir DIRECTORY"))
        })?;
        remove_abandoned(directory);
        let progress = Progress::new(show);
        let session = self.connection.session(None)?;
        let waiter = match &self.queue {
            Some(_) => self.waiting.rare(),
            None => self.waiting.builder(),
        };
        let waiter = waiter.progress(progress.of_each_wait());
        let waiter = waiter.cancel(interrupt.token()).build()?;
        let refused = Arc::new(Mutex::new(None));
        let places = results.places(submitted.clone());
        let responses = submitted.map(|one| predictor(one, &session).resume(one.handle.clone()));
        let mut completed = as_completed(responses, &waiter)
            .progress(progress.batch_callback("wait_all", interrupt))
            .download_threads(DOWNLOAD_THREADS)?
            .download_to(places);
        if let Some(queue) = &self.queue {
            let queue = ResultQueue::new(queue, &session)?.with_visibility(VISIBILITY);
            completed = woken_by(completed, &queue, &progress, interrupt.token(), &refused);
        }
        let mut run = Run {
            handles,
            results,
            progress: &progress,
            ends: Ends::default(),
            quiet: self.summary,
            unprintable: None,
        };
        for bad in &found.bad {
            progress.error(&bad.message);
            run.ends.errors += 1;
            run.ends.note(bad.code);
        }
        for done in completed.by_ref() {
            run.take(&done);
        }
        progress.clear();
        run.ends.pending += completed.unfinished().len();
        if self.summary {
            let summary = self.form.render(&run.ends.summary());
            run.print(&summary, &summary);
        }
        let refused = lock(&refused).take();
        if let Some(failure) = refused {
            return Err(failure);
        }
        let all = handles.len() + found.bad.len();
        run.ends.outcome(all, interrupt, run.unprintable)
    }
}

/// Lets messages of a queue wake a wait. An error of the queue that will not pass is stored in `refused` and ends the
/// wait: the next request would fail as well, and polls alone, ten minutes apart, are not what was requested.
fn woken_by(
    completed: AsCompleted<Bytes>,
    queue: &ResultQueue,
    progress: &Progress,
    token: CancelToken,
    refused: &Arc<Mutex<Option<CommandError>>>,
) -> AsCompleted<Bytes> {
    let (refused, progress) = (Arc::clone(refused), progress.clone());
    completed.woken_by(queue).on_queue_error(move |error| {
        if passes(error) {
            progress.error(&with_sources(error));
            return;
        }
        *lock(&refused) = Some(CommandError::from(error.clone()));
        token.cancel();
    })
}

/// Whether the queue may be reached a moment later.
fn passes(error: &Error) -> bool {
    match error {
        Error::Service(fault) => fault.status() >= 500 || fault.is_throttling(),
        Error::Transport(_) => true,
        _ => false,
    }
}

fn predictor(submitted: &Submitted, session: &Session) -> AsyncPredictor<Bytes, Bytes> {
    AsyncPredictor::new(submitted.handle.endpoint_name(), session)
        .with_serializer(Bytes::new())
        .with_deserializer(Bytes::new())
}

/// A wait for many inferences.
struct Run<'a> {
    handles: &'a [Taken],
    results: Results,
    progress: &'a Progress,
    ends: Ends,
    /// No line per inference.
    quiet: bool,
    /// Why standard output cannot be written. The files are the work: fetching goes on.
    unprintable: Option<CommandError>,
}

/// The outcomes.
#[derive(Debug, Default)]
struct Ends {
    completed: usize,
    failed: usize,
    pending: usize,
    errors: usize,
    bytes: u64,
    worst: Option<Code>,
    /// Whether a wait whose polls failed was reported.
    has_warned: bool,
}

impl Run<'_> {
    /// Stores an outcome. One that cannot be stored does not stop the others.
    fn take(&mut self, done: &Completed<Bytes>) {
        let Some(taken) = self.handles.get(done.index()) else {
            return;
        };
        let submitted = &*taken.submitted;
        let mut line = json!({
            "index": done.index(),
            "input": submitted.input,
            "inference_id": submitted.handle.inference_id(),
            "output_path": submitted.handle.output_path().to_string(),
        });
        let kept = match done.error() {
            None => self
                .results
                .adopt(submitted, done.file())
                .map(|(path, bytes)| {
                    self.ends.completed += 1;
                    self.ends.bytes += bytes;
                    line["status"] = "completed".into();
                    line["file"] = path.display().to_string().into();
                    line["bytes"] = bytes.into();
                }),
            Some(Error::Model(failure)) => {
                let save = |path: &Path| failure.save(path);
                let stored = self.results.store_failure(submitted, failure.bytes(), save);
                stored.map(|path| {
                    self.ends.failed += 1;
                    self.ends.note(Code::Model);
                    line["status"] = "failed".into();
                    line["file"] = path.display().to_string().into();
                    line["error"] = failure.text().into();
                })
            }
            Some(error @ (Error::PollingTimeout(_) | Error::WaitStopped(_))) => {
                self.pending(error, &mut line);
                self.print_line(&line);
                return;
            }
            Some(error) => Err(CommandError::new(Code::of(error), with_sources(error))),
        };
        match kept {
            Ok(()) => taken.held.release(),
            Err(failure) => {
                self.ends.errors += 1;
                self.ends.note(failure.code);
                let place = submitted.handle.output_path();
                self.progress
                    .error(&format!("{place}: {}", failure.message));
                line["status"] = "error".into();
                line["error"] = failure.message.into();
            }
        }
        self.print_line(&line);
    }

    fn pending(&mut self, error: &Error, line: &mut Value) {
        self.ends.pending += 1;
        self.ends.note(Code::of(error));
        line["status"] = "pending".into();
        let Error::PollingTimeout(timeout) = error else {
            return;
        };
        line["last_response"] = timeout.last_response().into();
        let Observed {
            failed,
            access_denied,
            not_found,
            ..
        } = timeout.observed();
        // The others have the same cause as a rule: credentials, a permission, the network.
        if failed + access_denied > *not_found
            && !std::mem::replace(&mut self.ends.has_warned, true)
        {
            self.progress.error(&with_sources(error));
        }
    }

    fn print_line(&mut self, line: &Value) {
        if !self.quiet {
            let text = |member: &str| line[member].as_str().unwrap_or_default();
            let place = text("output_path");
            let words = format!("{place}: {} {}", text("status"), text("file"));
            self.print(&line.to_string(), words.trim_end());
        }
    }

    /// A line on standard output, or else the same in words on standard error.
    fn print(&mut self, line: &str, words: &str) {
        if self.unprintable.is_none() {
            match print(line) {
                Ok(()) => return,
                Err(failure) => self.unprintable = Some(failure),
            }
        }
        self.progress.error(words);
    }
}

impl Ends {
    fn note(&mut self, code: Code) {
        self.worst = self.worst.max(Some(code));
    }

    fn summary(&self) -> Value {
        json!({
            "completed": self.completed,
            "failed": self.failed,
            "pending": self.pending,
            "errors": self.errors,
            "bytes": self.bytes,
        })
    }

    fn outcome(
        &self,
        all: usize,
        interrupt: &Interrupt,
        unprintable: Option<CommandError>,
    ) -> Outcome {
        let Self {
            completed,
            failed,
            pending,
            errors,
            ..
        } = self;
        let mut code = if interrupt.has_struck() && self.pending > 0 {
            Some(Code::Interrupted)
        } else {
            self.worst
        };
        let mut message = format!(
            "inferences: {all} in all, {completed} completed, {failed} failed, {pending} pending, {errors} not fetched because of errors"
        );
        if let Some(failure) = unprintable {
            code = code.max(Some(failure.code));
            message = format!("{}; {message}", failure.message);
        }
        code.map_or(Ok(()), |code| Err(CommandError::new(code, message)))
    }
}
