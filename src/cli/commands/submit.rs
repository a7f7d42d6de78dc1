//! `submit`: prints a handle for each input.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use sagemaker_async_inference::batch::JournalEntry;
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncRequest, Bytes, Error, InferenceHandle, S3Uri, submit_all,
};

use super::predict::unsubmitted;
use crate::cli::args::connect::Connection;
use crate::cli::args::inputs;
use crate::cli::args::inputs::{Input, Listed};
use crate::cli::args::request::{Predictor, RequestOptions};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, Failure, Outcome, with_sources};
use crate::cli::output::held::{self, Held};
use crate::cli::output::lines::{Submitted, print};
use crate::cli::output::progress::{Progress, Show};
use crate::cli::output::standard::check_standard_output;

/// Submit inputs without waiting, and print a handle for each as a JSON line
///
/// Handles are printed in the order of the inputs, each as soon as it is known, for `wait` and `status` in any
/// process. An input that cannot be submitted is reported on standard error; the others are still submitted. With
/// --journal the same command continues an interrupted run: it prints the handles of the inputs that were
/// submitted and submits the rest. When standard output cannot be written, the handles go to standard error, the
/// exit code is not 0, and without a journal no further input is submitted.
///
/// Example:
///
///     sagemaker-async submit my-endpoint --input question.json > handle.json
///     sagemaker-async submit my-endpoint --input-dir scans --journal scans.journal > handles.jsonl
///     find scans -name '*.tiff' | sagemaker-async submit my-endpoint --inputs-from -
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Submit {
    /// The endpoint's name
    endpoint: String,

    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    list: List,

    /// The inference id of a single input, to find the inference by [default: a UUID]
    #[arg(long, value_name = "ID")]
    inference_id: Option<String>,

    /// Record in this file what was submitted, so that the same command can continue. Inputs are identified by name
    /// and content: they may be added, removed, reordered or copied elsewhere
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// With --journal: submit inputs again whose earlier submit may or may not have arrived
    #[arg(long, requires = "journal")]
    resubmit_uncertain: bool,

    /// Number of concurrent submits, 1 to 256
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    concurrency: usize,

    /// Stop after the first error
    #[arg(long)]
    stop_at_first_error: bool,

    #[command(flatten)]
    request: RequestOptions,

    #[command(flatten)]
    connection: Connection,
}

/// Where inputs come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The input's file, or `-` for standard input
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,

    /// An input that is already in S3
    #[arg(long, value_name = "S3_URI")]
    input_location: Option<S3Uri>,

    /// Every file in this directory, in order of name, without subdirectories and hidden files
    #[arg(long, value_name = "DIR")]
    input_dir: Option<PathBuf>,

    /// A list with one path or S3 URI per line: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    inputs_from: Option<PathBuf>,
}

/// The format of a list.
#[derive(Debug, Args)]
struct List {
    /// With --inputs-from: items end with a NUL instead of a newline, as printed by `find -print0`
    #[arg(long, short = '0', requires = "inputs_from")]
    null: bool,
}

impl Source {
    fn inputs(
        &self,
        null: bool,
        journal: Option<&Path>,
        progress: &Progress,
    ) -> Outcome<Vec<Listed>> {
        if let Some(directory) = &self.input_dir {
            return inputs::in_directory(directory, journal, progress);
        }
        if let Some(list) = &self.inputs_from {
            return inputs::in_list(list, null);
        }
        Ok(match (&self.input, &self.input_location) {
            (Some(path), _) => vec![Ok(Input::of_argument(path))],
            (None, Some(uri)) => vec![Ok(Input::At(uri.clone()))],
            (None, None) => Vec::new(),
        })
    }

    fn is_many(&self) -> bool {
        self.input_dir.is_some() || self.inputs_from.is_some()
    }
}

impl Submit {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let many = self.source.is_many();
        if many {
            self.request.check_for_many()?;
            if self.inference_id.is_some() {
                let message = "--inference-id is one inference's; many get a UUID each";
                return Err(Failure::usage(message));
            }
        }
        if self.journal.is_none() {
            check_standard_output()?;
        }
        let progress = Progress::new(show);
        let inputs = self
            .source
            .inputs(self.list.null, self.journal.as_deref(), &progress)?;
        let interrupt = Interrupt::watch()?;
        let transfer = progress.transfer(&interrupt, !many)?;
        let session = self.connection.session(Some(transfer))?;
        let predictor = self.request.predictor(&self.endpoint, &session);
        if many || self.journal.is_some() {
            return self.many(&inputs, &predictor, &progress, &interrupt);
        }
        match inputs.first() {
            Some(Ok(input)) => self.one(input, &predictor, &progress, &interrupt),
            _ => Err(Failure::usage("there is no input")),
        }
    }

    fn one(
        &self,
        input: &Input,
        predictor: &Predictor,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Outcome {
        let request = self.prepared(predictor, input, interrupt)?;
        progress.stage("submitting");
        let begun = held::begin(input.shown());
        let submitted = request.submit();
        begun.release();
        let response = submitted.map_err(|error| unsubmitted(error, interrupt, progress))?;
        let submitted = Arc::new(Submitted::new(response.handle(), Some(input.shown())));
        let held = held::hold(Arc::clone(&submitted));
        progress.clear();
        print(&submitted.line()).map_err(Failure::that_loses_work)?;
        held.release();
        Ok(())
    }

    fn prepared(
        &self,
        predictor: &Predictor,
        input: &Input,
        interrupt: &Interrupt,
    ) -> Outcome<AsyncRequest<'static, Bytes>> {
        let mut request = self.request.request(predictor, input, interrupt)?;
        if self.journal.is_some()
            && let Some(key) = self.key_of_a_stream(input)?
        {
            request = request.journal_key(key);
        }
        Ok(match &self.inference_id {
            Some(id) => request.inference_id(id.clone()),
            None => request,
        })
    }

    /// What a journal knows an input by whose content it cannot read before.
    fn key_of_a_stream(&self, input: &Input) -> Outcome<Option<String>> {
        match (input, &self.inference_id) {
            (Input::Standard, Some(id)) => Ok(Some(format!("inference id {id}"))),
            (Input::Standard, None) => Err(Failure::usage(
                "a journal cannot know standard input again in a later run; give an --inference-id, which \
                 is its key then, or take the input from a file",
            )),
            (Input::File(path), _) if !path.is_file() => {
                Ok(Some(format!("stream {}", path.display())))
            }
            _ => Ok(None),
        }
    }

    fn many(
        &self,
        inputs: &[Listed],
        predictor: &Predictor,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Outcome {
        let run = Run {
            submit: self,
            progress,
            interrupt,
            journalled: self.journal.is_some(),
            turns: Turns::default(),
            ends: RefCell::default(),
        };
        let turns = run.turns.clone();
        let requests = Requests {
            run: &run,
            predictor,
            inputs: inputs.iter(),
            next: 0,
        };
        let mut batch = submit_all(requests)
            .concurrency(self.concurrency)?
            .cancel(interrupt.token())
            .progress(progress.batch_callback("submit", interrupt))
            .on_submitted(move |index, handle| turns.answered(index, handle));
        if self.stop_at_first_error {
            batch = batch.stop_at_first_error();
        }
        if let Some(journal) = &self.journal {
            batch = batch.journal(journal)?;
            if self.resubmit_uncertain {
                batch = batch.resubmit_uncertain();
            }
            if !batch.journal_is_locked() {
                progress.error(&format!(
                    "warning: {}: the file system offers no locks; see to it that no other process runs \
                     this job at the same time",
                    journal.display()
                ));
            }
        }
        for outcome in batch.by_ref() {
            run.take(outcome);
        }
        if !interrupt.has_struck() && !run.is_stopped() {
            run.print_entries(batch.journal_entries_left()?);
        }
        let unwritten = batch.journal_write_rest();
        drop(batch);
        progress.clear();
        run.outcome(inputs.len(), unwritten)
    }

    fn how_to_go_on(&self, uncertain: bool) -> &'static str {
        match (&self.journal, uncertain) {
            (None, _) => {
                "The same command would submit everything again. The handles that were printed are those of \
                 what is submitted; a job that is begun with --journal FILE can be gone on with."
            }
            (Some(_), false) => {
                "The same command goes on: it prints the handles again and submits the rest."
            }
            (Some(_), true) => {
                "The same command goes on, but for what may have been submitted: with \
                 --resubmit-uncertain it submits that too, which is then done twice if it was."
            }
        }
    }
}

/// Inputs whose outcomes are not printed yet, in order.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<VecDeque<Turn>>>);

struct Turn {
    index: u64,
    input: String,
    begun: Held,
    /// Its handle, which is not printed yet.
    held: Option<Held>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, index: u64, handle: &InferenceHandle) {
        let mut turns = self.lock();
        if let Some(turn) = turns.iter_mut().find(|turn| turn.index == index) {
            let submitted = Submitted::new(handle.clone(), Some(turn.input.clone()));
            turn.held = Some(held::hold(Arc::new(submitted)));
            turn.begun.release();
        }
    }
}

/// A submit of many.
struct Run<'a> {
    submit: &'a Submit,
    progress: &'a Progress,
    interrupt: &'a Interrupt,
    journalled: bool,
    turns: Turns,
    ends: RefCell<Ends>,
}

/// The outcomes of a run.
#[derive(Debug, Default)]
struct Ends {
    submitted: usize,
    failed: usize,
    /// Whether some may or may not have been submitted.
    uncertain: bool,
    worst: Option<Code>,
    /// Why standard output cannot be written.
    unprintable: Option<Failure>,
    /// No further input is taken.
    stopped: bool,
}

/// The inputs that can be read, as requests.
struct Requests<'a> {
    run: &'a Run<'a>,
    predictor: &'a Predictor,
    inputs: std::slice::Iter<'a, Listed>,
    next: u64,
}

impl Iterator for Requests<'_> {
    type Item = AsyncRequest<'static, Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.run.is_stopped() {
            let input = match self.inputs.next()? {
                Ok(input) => input,
                Err(failure) => {
                    self.run.fail(failure.code, &failure.message);
                    continue;
                }
            };
            let submit = self.run.submit;
            match submit.prepared(self.predictor, input, self.run.interrupt) {
                Ok(request) => {
                    self.run.turns.lock().push_back(Turn {
                        index: self.next,
                        input: input.shown(),
                        begun: held::begin(input.shown()),
                        held: None,
                    });
                    self.next += 1;
                    return Some(request);
                }
                Err(failure) => {
                    let message = format!("{}: {}", input.shown(), failure.message);
                    self.run.fail(failure.code, &message);
                }
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inputs.size_hint()
    }
}

impl Run<'_> {
    fn is_stopped(&self) -> bool {
        self.ends.borrow().stopped
    }

    /// An input that is not submitted.
    fn fail(&self, code: Code, message: &str) {
        let mut ends = self.ends.borrow_mut();
        ends.failed += 1;
        ends.worst = ends.worst.max(Some(code));
        ends.stopped |= self.submit.stop_at_first_error;
        self.progress.error(message);
    }

    fn take(&self, outcome: Result<AsyncInferenceResponse<Bytes>, Error>) {
        let Some(turn) = self.turns.lock().pop_front() else {
            return;
        };
        turn.begun.release();
        match outcome {
            Ok(response) => {
                let submitted = Submitted::new(response.handle(), Some(turn.input));
                self.ends.borrow_mut().submitted += 1;
                self.print(submitted, turn.held);
            }
            Err(error) => {
                self.ends.borrow_mut().uncertain |= matches!(error, Error::MaybeSubmitted(_));
                let message = format!("{}: {}", turn.input, with_sources(&error));
                self.fail(Code::of(&error), &message);
            }
        }
    }

    /// Prints a handle; where standard output does not take it, it is held for standard error. What has no
    /// journal is not submitted any more then.
    fn print(&self, submitted: Submitted, held: Option<Held>) {
        let submitted = Arc::new(submitted);
        let mut ends = self.ends.borrow_mut();
        if ends.unprintable.is_none() {
            match print(&submitted.line()) {
                Ok(()) => {
                    if let Some(held) = held {
                        held.release();
                    }
                    return;
                }
                Err(failure) => {
                    ends.unprintable = Some(failure);
                    ends.stopped |= !self.journalled;
                }
            }
        }
        if held.is_none() {
            held::hold(submitted);
        }
    }

    /// Prints the handles in the journal of inputs that are not in this run.
    fn print_entries(&self, entries: Vec<JournalEntry>) {
        for entry in entries {
            let named = entry.input.as_deref().unwrap_or("an input");
            if let Some(handle) = entry.handle {
                self.print(Submitted::new(handle, entry.input), None);
            } else {
                let id = entry.inference_id.unwrap_or_default();
                self.progress.error(&format!(
                    "{named}, which is not among the inputs any more, may have been submitted by an earlier \
                     run, as inference {id}"
                ));
            }
        }
    }

    fn outcome(self, all: usize, unwritten: usize) -> Outcome {
        let Ends {
            submitted,
            failed,
            uncertain,
            worst,
            unprintable,
            ..
        } = self.ends.into_inner();
        let mut code = worst;
        let mut message = match failed {
            0 => format!("{submitted} of {all} inputs are submitted"),
            failed => format!("{failed} of {all} inputs could not be submitted"),
        };
        if let Some(failure) = unprintable {
            code = code.max(Some(failure.code));
            message = format!(
                "{}; {submitted} of {all} inputs are submitted, and the handles that were not written follow",
                failure.message
            );
        }
        if unwritten > 0 {
            code = code.max(Some(Code::Other));
            message = format!(
                "{message}; the journal lacks {unwritten} of them, for it cannot be written"
            );
        }
        if self.interrupt.has_struck() {
            code = Some(Code::Interrupted);
            message = format!("interrupted: {submitted} of {all} inputs are submitted");
        }
        let Some(code) = code else { return Ok(()) };
        let hint = self.submit.how_to_go_on(uncertain);
        Err(Failure::new(code, message).with_hint(hint))
    }
}
