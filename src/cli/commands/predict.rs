//! `predict`: submit, wait, write the result.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{AsyncInferenceResponse, Bytes, Error, S3Uri, WaiterConfigBuilder};

use crate::cli::args::connect::Connection;
use crate::cli::args::inputs::Input;
use crate::cli::args::request::{Predictor, RequestOptions};
use crate::cli::args::waiting::Waiting;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, CommandError, Outcome};
use crate::cli::output::files::{Target, Untaken, is_same_file};
use crate::cli::output::handle_file::HandleFile;
use crate::cli::output::held::{self, Held};
use crate::cli::output::lines::Submitted;
use crate::cli::output::progress::{Progress, Show};
use crate::cli::output::standard::check_standard_output;

/// Submit an input, wait, and write the result to standard output or a file
///
/// Example:
///
///     sagemaker-async predict my-endpoint --input question.json --output answer.json
///     echo '{"inputs": "hello"}' | sagemaker-async predict my-endpoint --input - \
///         --content-type application/json --timeout 30m
///     sagemaker-async predict my-endpoint --input-location s3://my-bucket/scan.tiff > scan.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Predict {
    /// The endpoint's name
    endpoint: String,

    /// The input's file, or `-` for standard input
    #[arg(
        long,
        short,
        value_name = "FILE",
        required_unless_present = "input_location"
    )]
    input: Option<PathBuf>,

    /// An input that is already in S3
    #[arg(long, value_name = "S3_URI", conflicts_with = "input")]
    input_location: Option<S3Uri>,

    /// Where to write the result: a file, written completely or not at all, or `-` for standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Where to write the model's failure response, unchanged
    #[arg(long, value_name = "FILE")]
    failure_output: Option<PathBuf>,

    /// Write the handle to this file as soon as the input is submitted, so that nothing is lost even if this process
    /// is killed: `wait FILE` fetches the result. An existing handle is replaced only if its result was fetched
    #[arg(long, value_name = "FILE")]
    handle: Option<PathBuf>,

    /// The inference id, by which the inference can be found [default: a UUID]
    #[arg(long, value_name = "ID")]
    inference_id: Option<String>,

    #[command(flatten)]
    request: RequestOptions,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    connection: Connection,
}

impl Predict {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let begun = SystemClock.monotonic();
        interrupt.set_deadline(self.waiting.timeout().map(|timeout| begun + timeout));
        self.waiting.check()?;
        let mut target = Target::of(self.output.as_deref())?;
        let failure_target = Target::if_named(self.failure_output.as_deref())?;
        let handle_file = self.handle.as_deref().map(HandleFile::new).transpose()?;
        self.check_places(&target, failure_target.as_ref(), handle_file.as_ref())?;
        let progress = Progress::new(show);
        let session = self
            .connection
            .session(Some(progress.transfer(&interrupt, true)?))?;
        let predictor = self.request.predictor(&self.endpoint, &session);
        let (response, begun_input) = self.submit(&predictor, &interrupt, &progress)?;
        let input = self.input().shown();
        let submitted = Arc::new(Submitted::new(response.handle(), Some(input)));
        let held = held::hold(Arc::clone(&submitted));
        begun_input.release();
        interrupt.set_deadline(None);
        store(handle_file.as_ref(), &submitted, false, &progress);
        progress.stage("waiting");
        let watching = progress.watch_endpoint(&self.endpoint, &session);
        let one = One {
            response: &response,
            held,
            failure_target,
        };
        let waiter = self.waiting.builder_since(begun);
        let taken = one.take(&mut target, waiter, &progress, &interrupt);
        drop(watching);
        let finished = match &taken {
            Ok(()) => true,
            Err(failure) => failure.code == Code::Model,
        };
        if finished {
            store(handle_file.as_ref(), &submitted, true, &progress);
        }
        taken
    }

    fn input(&self) -> Input {
        match (&self.input, &self.input_location) {
            (Some(path), _) => Input::of_argument(path),
            (None, Some(uri)) => Input::At(uri.clone()),
            (None, None) => Input::Standard,
        }
    }

    /// The result must not replace the input, nor the handle the result.
    fn check_places(
        &self,
        target: &Target,
        failure_target: Option<&Target>,
        handle_file: Option<&HandleFile>,
    ) -> Outcome {
        if matches!(target, Target::Standard) {
            check_standard_output()?;
        }
        let input = self.input.as_deref();
        for place in [Some(target), failure_target].into_iter().flatten() {
            if input.is_some_and(|input| place.is(input)) {
                return Err(CommandError::usage("the result would replace the input"));
            }
            if handle_file.is_some_and(|file| place.is(file.path())) {
                return Err(CommandError::usage("the result would replace the handle"));
            }
        }
        if let (Some(input), Some(file)) = (input, handle_file)
            && is_same_file(input, file.path())
        {
            return Err(CommandError::usage("the handle would replace the input"));
        }
        Ok(())
    }

    /// The response, and what is held for the input until the handle is.
    fn submit(
        &self,
        predictor: &Predictor,
        interrupt: &Interrupt,
        progress: &Progress,
    ) -> Outcome<(AsyncInferenceResponse<Bytes>, Held)> {
        let input = self.input();
        let mut request = self.request.request(predictor, &input, interrupt)?;
        if let Some(id) = &self.inference_id {
            request = request.inference_id(id.clone());
        }
        if let Some(left) = interrupt.time_left() {
            request = request.submit_deadline(left);
        }
        progress.stage("submitting");
        let begun = held::begin(input.shown());
        let response = request.submit();
        let response = response.map_err(|error| unsubmitted(error, interrupt, progress))?;
        Ok((response, begun))
    }
}

/// A handle that cannot be stored is printed at once, and the wait goes on.
fn store(file: Option<&HandleFile>, submitted: &Submitted, finished: bool, progress: &Progress) {
    let Some(file) = file else { return };
    if let Err(failure) = file.store(submitted, finished) {
        progress.error(&failure.message);
        held::print();
    }
}

/// An input that was not submitted.
pub(in crate::cli) fn unsubmitted(
    error: Error,
    interrupt: &Interrupt,
    progress: &Progress,
) -> CommandError {
    progress.clear();
    let is_sure = !matches!(error, Error::MaybeSubmitted(_));
    let uploaded = error.uploaded_input().map(|uri| {
        format!("The input was uploaded; `--input-location {uri}` in place of --input submits it.")
    });
    let with_hint = |failure: CommandError| match uploaded {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    };
    if interrupt.has_struck() && is_sure {
        let message = "interrupted; nothing was submitted";
        return with_hint(CommandError::new(Code::Interrupted, message));
    }
    let is_late = interrupt.time_left().is_some_and(|left| left.is_zero());
    let failure = with_hint(CommandError::from(error));
    if interrupt.has_struck() {
        return failure.within("interrupted").with_code(Code::Interrupted);
    }
    if is_late && is_sure {
        return failure.within("not submitted within the --timeout");
    }
    failure
}

/// A submitted inference.
pub(in crate::cli) struct One<'a> {
    pub(in crate::cli) response: &'a AsyncInferenceResponse<Bytes>,
    /// Its handle, until the result is where it belongs.
    pub(in crate::cli) held: Held,
    pub(in crate::cli) failure_target: Option<Target>,
}

impl One<'_> {
    /// Waits and writes the result. If that fails, the error says how to continue.
    pub(in crate::cli) fn take(
        mut self,
        target: &mut Target,
        waiter: WaiterConfigBuilder,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Outcome {
        let waiter = waiter
            .progress(progress.wait_callback(interrupt))
            .cancel(interrupt.token())
            .build()?;
        let taken = target.take(self.response, &waiter);
        progress.clear();
        let Err(Untaken { error, partial }) = taken else {
            self.held.release();
            return Ok(());
        };
        let outcome = match error {
            Error::Model(failure) => {
                if let Some(target) = &mut self.failure_target {
                    target.keep(&failure)?;
                }
                self.held.release();
                let message = format!("the model failed: {}", failure.text());
                CommandError::new(Code::Model, message).with_detail(self.places())
            }
            _ if interrupt.has_struck() => {
                let message = "interrupted while waiting for the result";
                CommandError::new(Code::Interrupted, message)
            }
            error => CommandError::from(error),
        };
        Err(match partial {
            Some(partial) => outcome.with_detail(partial),
            None => outcome,
        })
    }

    /// The inference id and the locations of the objects.
    fn places(&self) -> String {
        let response = self.response;
        let id = response.inference_id().unwrap_or("without an id");
        let failure = response.failure_path();
        let input = response.input_location();
        let places = [("failure", failure), ("input", input)];
        let places = places
            .iter()
            .filter_map(|(what, place)| Some((what, (*place)?)));
        let text = format!("inference {id}; output {}", response.output_path());
        places.fold(text, |text, (what, place)| {
            format!("{text}; {what} {place}")
        })
    }
}
