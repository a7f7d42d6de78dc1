//! `predict`: submit, wait, and the result's bytes.

use std::path::PathBuf;

use clap::Args;
use sagemaker_async_inference::{AsyncInferenceResponse, Bytes, Error, S3Uri, WaiterConfigBuilder};

use crate::cli::args::connect::Connection;
use crate::cli::args::inputs::Input;
use crate::cli::args::request::RequestOptions;
use crate::cli::args::waiting::Waiting;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, Failure, Outcome};
use crate::cli::output::files::Target;
use crate::cli::output::lines::Submitted;
use crate::cli::output::progress::{Progress, Show};

/// Submit an input, wait, and write the result's bytes to standard output or a file
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

    /// An input that is in S3 already
    #[arg(long, value_name = "S3_URI", conflicts_with = "input")]
    input_location: Option<S3Uri>,

    /// Where the result goes: a file, which is there whole or not at all, or `-` for standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Where a failed model's own words go, byte by byte
    #[arg(long, value_name = "FILE")]
    failure_output: Option<PathBuf>,

    /// An id to find the inference again by [default: a UUID]
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
        self.waiting.check()?;
        let mut target = Target::of(self.output.as_deref())?;
        let failure_target = Target::if_named(self.failure_output.as_deref())?;
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let session = self
            .connection
            .session(Some(progress.transfer(&interrupt, true)?))?;
        let predictor = self.request.predictor(&self.endpoint, &session);
        let input = match (&self.input, self.input_location) {
            (Some(path), _) => Input::of_argument(path),
            (None, Some(uri)) => Input::At(uri),
            (None, None) => Input::Standard,
        };
        let mut request = self.request.request(&predictor, &input)?;
        if let Some(id) = self.inference_id {
            request = request.inference_id(id);
        }
        progress.stage("submitting");
        let submitted = request.submit();
        let response = submitted.map_err(|error| unsubmitted(error, &interrupt, &progress))?;
        progress.stage("waiting");
        let watching = progress.watch_endpoint(&self.endpoint, &session);
        let one = One {
            response: &response,
            input: Some(&input),
            failure_target,
        };
        let taken = one.take(&mut target, self.waiting.builder(), &progress, &interrupt);
        drop(watching);
        taken
    }
}

/// An input that did not get as far as the service.
pub(in crate::cli) fn unsubmitted(
    error: Error,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Failure {
    progress.clear();
    if interrupt.has_struck() && !matches!(error, Error::MaybeSubmitted(_)) {
        return Failure::new(Code::Interrupted, "interrupted; nothing was submitted");
    }
    Failure::from(error)
}

/// One inference whose result is waited for.
pub(in crate::cli) struct One<'a> {
    pub(in crate::cli) response: &'a AsyncInferenceResponse<Bytes>,
    pub(in crate::cli) input: Option<&'a Input>,
    pub(in crate::cli) failure_target: Option<Target>,
}

impl One<'_> {
    /// Waits, and writes the result. How it ended otherwise tells how to go on.
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
        match taken {
            Ok(_) => Ok(()),
            Err(Error::Model(failure)) => {
                if let Some(target) = &mut self.failure_target {
                    target.keep(&failure)?;
                }
                let message = format!("the model failed: {}", failure.text());
                Err(Failure::new(Code::Model, message))
            }
            Err(error) => self.unfinished(error, interrupt),
        }
    }

    fn unfinished(&self, error: Error, interrupt: &Interrupt) -> Outcome {
        let line = Submitted::new(self.response.handle(), self.input).line()?;
        let hint = "The inference goes on. To take it up again, give the line above to `sagemaker-async wait` (on standard input, in a file, or as its argument).";
        if interrupt.has_struck() {
            let message = "interrupted while waiting for the result";
            return Err(Failure::new(Code::Interrupted, message)
                .with_line(line)
                .with_hint(hint));
        }
        let is_over = matches!(error, Error::PollingTimeout(_));
        let failure = Failure::from(error).with_line(line);
        Err(if is_over {
            failure.with_hint(hint)
        } else {
            failure
        })
    }
}
