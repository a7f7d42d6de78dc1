//! `wait`: takes handles up and fetches their results as they complete.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use sagemaker_async_inference::batch::{AsCompleted, Completed};
use sagemaker_async_inference::{
    AsyncPredictor, Bytes, Error, Session, WaiterConfig, as_completed,
};
use serde_json::{Value, json};

use super::predict::One;
use crate::cli::args::connect::Connection;
use crate::cli::args::waiting::Waiting;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, Failure, Outcome, with_sources};
use crate::cli::output::files::Target;
use crate::cli::output::lines::{Submitted, handles, print};
use crate::cli::output::progress::{Progress, Show};

/// Wait for submitted inferences, and fetch each result as soon as it is there
///
/// One handle's result goes to standard output or to --output, as with `predict`. Of many, each
/// result becomes a file in --output-dir, named after its input or else after its output object, and a
/// model's failure one with `.failure` at the end; a JSON line for each says how it ended, as they end.
/// Handles that are not done when the wait ends are printed on standard error, to be given to `wait`
/// again.
///
/// Example:
///
///     sagemaker-async wait handle.json --timeout 1h > answer.json
///     sagemaker-async submit my-endpoint --input-dir scans | sagemaker-async wait --output-dir results
///     sagemaker-async wait handles.jsonl --output-dir results --summary --timeout 6h
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Wait {
    /// A file of handles as `submit` prints them, `-` for standard input, or one handle itself
    #[arg(default_value = "-")]
    handles: String,

    /// Where one result goes: a file, which is there whole or not at all, or `-` for standard output
    #[arg(long, short, value_name = "FILE", conflicts_with = "output_dir")]
    output: Option<PathBuf>,

    /// Where a failed model's own words go, for one handle
    #[arg(long, value_name = "FILE", conflicts_with = "output_dir")]
    failure_output: Option<PathBuf>,

    /// The directory for results, made if it is not there
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,

    /// With --output-dir: one JSON line at the end instead of one for each
    #[arg(long, requires = "output_dir")]
    summary: bool,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    connection: Connection,
}

impl Wait {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        self.waiting.check()?;
        let submitted = handles(&self.handles)?;
        if let Some(directory) = &self.output_dir {
            fs::create_dir_all(directory)
                .map_err(|error| Failure::io(directory.display(), &error))?;
            return self.many(&submitted, directory, show);
        }
        match submitted.as_slice() {
            [one] => self.one(one, show),
            many => Err(Failure::usage(format!(
                "there are {} handles; name a directory for their results with --output-dir",
                many.len()
            ))),
        }
    }

    fn one(&self, submitted: &Submitted, show: Show) -> Outcome {
        let mut target = Target::of(self.output.as_deref())?;
        let failure_target = Target::if_named(self.failure_output.as_deref())?;
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self
            .connection
            .session(Some(progress.transfer(&interrupt, true)?))?;
        let response = predictor(submitted, &session).resume(submitted.handle.clone());
        progress.stage("waiting");
        let watching = progress.watch_endpoint(submitted.handle.endpoint_name(), &session);
        let one = One {
            response: &response,
            input: None,
            failure_target,
        };
        let taken = one.take(&mut target, self.waiting.builder(), &progress, &interrupt);
        drop(watching);
        taken
    }

    fn many(&self, submitted: &[Submitted], directory: &Path, show: Show) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self.connection.session(None)?;
        let waiter = self.waiting.builder().cancel(interrupt.token()).build()?;
        let responses = submitted
            .iter()
            .map(|one| predictor(one, &session).resume(one.handle.clone()));
        let mut completed: AsCompleted<Vec<u8>, Bytes> = as_completed(responses, &waiter)
            .progress(progress.batch_callback("wait_all", &interrupt));
        let mut run = Run {
            submitted,
            names: names(submitted, directory),
            waiter: &waiter,
            ends: Ends::default(),
            quiet: self.summary,
        };
        let mut stopped = None;
        for done in completed.by_ref() {
            if let Err(failure) = run.take(&done, &progress) {
                stopped = Some(failure);
                break;
            }
        }
        progress.clear();
        let left = completed.unfinished();
        run.ends.pending += left.len();
        for handle in left {
            run.ends.unfinished.push(handle.to_string());
        }
        if let Some(failure) = stopped {
            return Err(run.ends.with_unfinished(failure));
        }
        if self.summary {
            print(&run.ends.summary().to_string())?;
        }
        run.ends.outcome(submitted.len(), &interrupt)
    }
}

fn predictor(submitted: &Submitted, session: &Session) -> AsyncPredictor<Bytes, Bytes> {
    AsyncPredictor::new(submitted.handle.endpoint_name(), session)
        .with_serializer(Bytes::new())
        .with_deserializer(Bytes::new())
}

/// A file for each result. What would have the same name gets a number, by the handles' order: at every
/// run with the same handles the same.
fn names(submitted: &[Submitted], directory: &Path) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    submitted
        .iter()
        .map(|one| {
            let input = one.input.as_deref().filter(|input| *input != "-");
            let object = one.handle.output_path().key();
            let name = input.unwrap_or(object).trim_end_matches('/');
            let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
            let stem = match (name, input) {
                ("" | "." | "..", _) => "result".to_owned(),
                (name, Some(_)) => format!("{name}.out"),
                (name, None) => name.to_owned(),
            };
            let mut unique = stem.clone();
            let mut number = 1;
            while !taken.insert(unique.clone()) {
                number += 1;
                unique = format!("{stem}.{number}");
            }
            directory.join(unique)
        })
        .collect()
}

/// A wait for many.
struct Run<'a> {
    submitted: &'a [Submitted],
    names: Vec<PathBuf>,
    waiter: &'a WaiterConfig,
    ends: Ends,
    /// No line for each.
    quiet: bool,
}

/// How they ended.
#[derive(Debug, Default)]
struct Ends {
    completed: usize,
    failed: usize,
    pending: usize,
    errors: usize,
    bytes: u64,
    worst: Option<Code>,
    unfinished: Vec<String>,
}

impl Run<'_> {
    /// Keeps what came of one. An error is one of this machine's: the disk, standard output.
    fn take(&mut self, done: &Completed<Vec<u8>, Bytes>, progress: &Progress) -> Outcome {
        let (Some(submitted), Some(path)) = (
            self.submitted.get(done.index()),
            self.names.get(done.index()),
        ) else {
            return Ok(());
        };
        let mut line = json!({
            "index": done.index(),
            "input": submitted.input,
            "inference_id": submitted.handle.inference_id(),
            "output_path": submitted.handle.output_path().to_string(),
        });
        match done.result() {
            Ok(bytes) => {
                // What was fetched is kept: this writes it, and asks nobody.
                done.response().download(path, self.waiter)?;
                self.ends.completed += 1;
                self.ends.bytes += bytes.len() as u64;
                line["status"] = "completed".into();
                line["file"] = path.display().to_string().into();
                line["bytes"] = bytes.len().into();
            }
            Err(Error::Model(failure)) => {
                let mut name = path.clone().into_os_string();
                name.push(".failure");
                failure.save(&name)?;
                self.ends.failed += 1;
                self.ends.note(Code::Model);
                line["status"] = "failed".into();
                line["file"] = PathBuf::from(name).display().to_string().into();
                line["error"] = failure.text().into();
            }
            Err(error @ (Error::PollingTimeout(_) | Error::WaitStopped(_))) => {
                self.ends.pending += 1;
                self.ends.note(Code::of(error));
                self.ends.unfinished.push(submitted.line()?);
                line["status"] = "pending".into();
            }
            Err(error) => {
                self.ends.errors += 1;
                self.ends.note(Code::of(error));
                self.ends.unfinished.push(submitted.line()?);
                let text = with_sources(error);
                progress.error(&format!("{}: {text}", submitted.handle.output_path()));
                line["status"] = "error".into();
                line["error"] = text.into();
            }
        }
        if self.quiet {
            return Ok(());
        }
        print(&line.to_string())
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

    fn with_unfinished(&self, failure: Failure) -> Failure {
        let lines = self.unfinished.iter();
        let failure = lines.fold(failure, Failure::with_line);
        if self.unfinished.is_empty() {
            return failure;
        }
        failure.with_hint("The inferences go on. To take them up again, give the lines above to `sagemaker-async wait`.")
    }

    fn outcome(&self, all: usize, interrupt: &Interrupt) -> Outcome {
        let Self {
            completed,
            failed,
            pending,
            errors,
            ..
        } = self;
        let code = if interrupt.has_struck() && self.pending > 0 {
            Some(Code::Interrupted)
        } else {
            self.worst
        };
        let Some(code) = code else { return Ok(()) };
        let message = format!(
            "of {all} inferences {completed} are completed, {failed} failed, {pending} are not done, and {errors} could not be looked at"
        );
        Err(self.with_unfinished(Failure::new(code, message)))
    }
}
