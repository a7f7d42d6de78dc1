//! A submit of many: each input's turn, and how they end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use sagemaker_async_inference::batch::JournalEntry;
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncRequest, Bytes, Error, InferenceHandle,
};

use super::Submit;
use crate::cli::args::inputs::Listed;
use crate::cli::args::request::Predictor;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, CommandError, Outcome, with_sources};
use crate::cli::output::held::{self, Held};
use crate::cli::output::lines::{Submitted, print};
use crate::cli::output::progress::Progress;
use crate::sync::lock;

/// The advice if the journal does not have all handles.
const KEEP_THE_HANDLES: &str = "Keep the printed handles. Make room for the journal, then run the same command again to \
    continue: it prints the handles that the journal has, reports the other inputs that were submitted as possibly \
    submitted, and submits the rest.";

/// Inputs whose outcomes are not printed yet, in order.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<VecDeque<Turn>>>);

struct Turn {
    index: u64,
    input: String,
    begun: Held,
    /// Its handle, which is not printed yet.
    held: Option<Held>,
}

impl Turns {
    pub(super) fn submitted(&self, index: u64, handle: &InferenceHandle) {
        let mut turns = lock(&self.0);
        if let Some(turn) = turns.iter_mut().find(|turn| turn.index == index) {
            let job = Submitted::new(handle.clone(), Some(turn.input.clone()));
            turn.held = Some(held::hold(Arc::new(job)));
            turn.begun.release();
        }
    }
}

/// A submit of many.
pub(super) struct Run<'a> {
    submit: &'a Submit,
    progress: &'a Progress,
    interrupt: &'a Interrupt,
    turns: Turns,
    ends: RefCell<Ends>,
}

/// The outcomes of a run.
#[derive(Debug, Default)]
struct Ends {
    /// Inputs that were listed so far.
    taken: usize,
    submitted: usize,
    failed: usize,
    /// S3's list of the inputs, or a part of it, cannot be read.
    unlisted: bool,
    /// Whether some may or may not have been submitted.
    uncertain: bool,
    worst: Option<Code>,
    /// Why standard output cannot be written.
    unprintable: Option<CommandError>,
    /// No further input is taken.
    stopped: bool,
}

/// The inputs that can be read, as requests.
struct Requests<'a> {
    run: &'a Run<'a>,
    predictor: &'a Predictor,
    inputs: Box<dyn Iterator<Item = Listed>>,
    next: u64,
}

impl Iterator for Requests<'_> {
    type Item = AsyncRequest<'static, Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.run.is_stopped() {
            let input = match self.inputs.next()? {
                Ok(input) => input,
                Err(failure) => {
                    self.run.unlisted(&failure);
                    continue;
                }
            };
            self.run.ends.borrow_mut().taken += 1;
            let submit = self.run.submit;
            match submit.prepared(self.predictor, &input, self.run.interrupt) {
                Ok(request) => {
                    lock(&self.run.turns.0).push_back(Turn {
                        index: self.next,
                        input: input.shown(),
                        begun: held::begin(input.shown()),
                        held: None,
                    });
                    self.next += 1;
                    return Some(request);
                }
                Err(failure) => {
                    let shown = input.shown();
                    // The system's error contains the file's name already.
                    let failure = if failure.message.starts_with(&shown) {
                        failure
                    } else {
                        failure.within(&shown)
                    };
                    self.run.fail(failure.code, &failure.message);
                }
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inputs.size_hint()
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        submit: &'a Submit,
        progress: &'a Progress,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self {
            submit,
            progress,
            interrupt,
            turns: Turns::default(),
            ends: RefCell::default(),
        }
    }

    pub(super) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// The inputs as requests.
    pub(super) fn requests(
        &'a self,
        predictor: &'a Predictor,
        inputs: Box<dyn Iterator<Item = Listed>>,
    ) -> impl Iterator<Item = AsyncRequest<'static, Bytes>> + 'a {
        Requests {
            run: self,
            predictor,
            inputs,
            next: 0,
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.ends.borrow().stopped
    }

    /// An input, or a part of a list of inputs, that cannot be read.
    fn unlisted(&self, failure: &CommandError) {
        if !self.submit.source.is_listed_in_s3() {
            self.ends.borrow_mut().taken += 1;
            return self.fail(failure.code, &failure.message);
        }
        let mut ends = self.ends.borrow_mut();
        ends.unlisted = true;
        ends.worst = ends.worst.max(Some(failure.code));
        ends.stopped |= self.submit.stop_at_first_error;
        self.progress.error(&failure.message);
    }

    /// Outputs that would be listed as inputs would be submitted, and theirs, without end.
    fn check_place(&self, handle: &InferenceHandle) {
        let submit = self.submit;
        let Some(place) = submit.source.takes_in(&submit.list, handle) else {
            return;
        };
        let mut ends = self.ends.borrow_mut();
        if !ends.stopped {
            ends.stopped = true;
            ends.worst = ends.worst.max(Some(Code::Other));
            self.progress.error(&format!(
                "the output {place} is below --inputs-under and would be listed as an input; \
                give a longer prefix, \
                 or a --suffix that outputs do not have"
            ));
        }
    }

    /// An input that is not submitted.
    fn fail(&self, code: Code, message: &str) {
        let mut ends = self.ends.borrow_mut();
        ends.failed += 1;
        ends.worst = ends.worst.max(Some(code));
        ends.stopped |= self.submit.stop_at_first_error;
        self.progress.error(message);
    }

    pub(super) fn take(&self, outcome: Result<AsyncInferenceResponse<Bytes>, Error>) {
        let Some(turn) = lock(&self.turns.0).pop_front() else {
            return;
        };
        turn.begun.release();
        match outcome {
            Ok(response) => {
                let handle = response.handle();
                self.check_place(&handle);
                let submitted = Submitted::new(handle, Some(turn.input));
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

    /// Prints a handle. If standard output cannot be written, the handle is held for standard error, and without a
    /// journal nothing more is submitted.
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
                    ends.stopped |= self.submit.journal.is_none();
                }
            }
        }
        if held.is_none() {
            held::hold(submitted);
        }
    }

    /// Prints the handles in the journal of inputs that are not in this run.
    pub(super) fn print_entries(&self, entries: Result<Vec<JournalEntry>, Error>) {
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                // The submits of this run are still to be reported.
                let mut ends = self.ends.borrow_mut();
                ends.worst = ends.worst.max(Some(Code::of(&error)));
                return self.progress.error(&with_sources(&error));
            }
        };
        for entry in entries {
            let named = entry.input.as_deref().unwrap_or("an input");
            if let Some(handle) = entry.handle {
                self.print(Submitted::new(handle, entry.input), None);
            } else {
                let id = entry.inference_id.unwrap_or_default();
                self.progress.error(&format!(
                    "{named}, which is not among the inputs of this run, may have been submitted by an earlier \
                     run, as inference {id}"
                ));
            }
        }
    }

    pub(super) fn outcome(self, count: Option<usize>, unwritten: usize) -> Outcome {
        let Ends {
            taken,
            submitted,
            failed,
            unlisted,
            uncertain,
            worst,
            unprintable,
            ..
        } = self.ends.into_inner();
        let all = count.unwrap_or(taken);
        let mut code = worst;
        let mut message = match failed {
            0 => format!("{submitted} of {all} inputs are submitted"),
            failed => format!("{failed} of {all} inputs could not be submitted"),
        };
        if unlisted && taken == 0 {
            return Err(CommandError::new(
                code.unwrap_or(Code::Other),
                "no input could be listed",
            ));
        }
        if unlisted {
            message = format!("not all inputs could be listed; of those that were, {message}");
        }
        let nothing = taken == 0 && !unlisted && !self.interrupt.has_struck();
        if nothing && let Some(failure) = self.submit.source.no_inputs(&self.submit.list) {
            return Err(failure);
        }
        if self.interrupt.has_struck() {
            message = format!("interrupted: {submitted} of {all} inputs are submitted");
        }
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
                "{message}; the journal cannot be written and does not have {unwritten} of the \
                {submitted} handles that were printed"
            );
        }
        if self.interrupt.has_struck() {
            code = Some(Code::Interrupted);
        }
        let Some(code) = code else { return Ok(()) };
        let hint = match unwritten {
            0 => self.submit.how_to_go_on(uncertain),
            _ => KEEP_THE_HANDLES,
        };
        Err(CommandError::new(code, message).with_hint(hint))
    }
}
