//! `submit`: one input or many, and a handle each.

use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use sagemaker_async_inference::{AsyncRequest, Bytes, Error, S3Uri, submit_all};

use super::predict::unsubmitted;
use crate::cli::args::connect::Connection;
use crate::cli::args::inputs;
use crate::cli::args::inputs::Input;
use crate::cli::args::request::{Predictor, RequestOptions};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, Failure, Outcome, with_sources};
use crate::cli::output::lines::{Submitted, print};
use crate::cli::output::progress::{Progress, Show};

/// Submit inputs without waiting, and print a handle for each as a JSON line
///
/// Handles come in the inputs' order, each as soon as it is known; `wait` and `status` take them, in
/// any process. An input that could not be submitted is told on standard error and the next ones are
/// submitted all the same. With --journal a run that was ended early is continued by the same command:
/// it prints the handles again that it has, and submits the rest.
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

    /// An id to find the inference again by, for one input [default: a UUID]
    #[arg(long, value_name = "ID")]
    inference_id: Option<String>,

    /// Write down here what was submitted, for a run that continues
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// With --journal: submit again what may or may not have been submitted when an earlier run ended
    #[arg(long, requires = "journal")]
    resubmit_uncertain: bool,

    /// So many submits at a time, 1 to 256
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    concurrency: usize,

    /// Take no further inputs after the first error
    #[arg(long)]
    stop_at_first_error: bool,

    #[command(flatten)]
    request: RequestOptions,

    #[command(flatten)]
    connection: Connection,
}

/// Where the inputs are.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The input's file, or `-` for standard input
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,

    /// An input that is in S3 already
    #[arg(long, value_name = "S3_URI")]
    input_location: Option<S3Uri>,

    /// Every file in this directory (not below it), hidden ones left out, by name
    #[arg(long, value_name = "DIR")]
    input_dir: Option<PathBuf>,

    /// A file, or `-` for standard input, with a path or an S3 URI a line
    #[arg(long, value_name = "FILE")]
    inputs_from: Option<PathBuf>,
}

impl Source {
    fn inputs(&self) -> Outcome<Vec<Input>> {
        if let Some(directory) = &self.input_dir {
            return inputs::in_directory(directory);
        }
        if let Some(list) = &self.inputs_from {
            return inputs::in_list(list);
        }
        Ok(match (&self.input, &self.input_location) {
            (Some(path), _) => vec![Input::of_argument(path)],
            (None, Some(uri)) => vec![Input::At(uri.clone())],
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
        let inputs = self.source.inputs()?;
        let interrupt = Interrupt::watch()?;
        let progress = Progress::new(show);
        let transfer = progress.transfer(&interrupt, !many)?;
        let session = self.connection.session(Some(transfer))?;
        let predictor = self.request.predictor(&self.endpoint, &session);
        if many || self.journal.is_some() {
            return self.many(&inputs, &predictor, &progress, &interrupt);
        }
        match inputs.first() {
            Some(input) => self.one(input, &predictor, &progress, &interrupt),
            None => Err(Failure::usage("there is no input")),
        }
    }

    fn one(
        &self,
        input: &Input,
        predictor: &Predictor,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Outcome {
        let request = self.prepared(predictor, input)?;
        progress.stage("submitting");
        let submitted = request.submit();
        let response = submitted.map_err(|error| unsubmitted(error, interrupt, progress))?;
        progress.clear();
        print(&Submitted::new(response.handle(), Some(input)).line()?)
    }

    fn prepared(
        &self,
        predictor: &Predictor,
        input: &Input,
    ) -> Outcome<AsyncRequest<'static, Bytes>> {
        let request = self.request.request(predictor, input)?;
        Ok(match &self.inference_id {
            Some(id) => request.inference_id(id.clone()),
            None => request,
        })
    }

    fn many(
        &self,
        inputs: &[Input],
        predictor: &Predictor,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Outcome {
        // Every input has its place, for the journal goes by that: one that cannot be read is an input
        // whose submit fails.
        let requests = inputs.iter().map(|input| {
            self.prepared(predictor, input)
                .unwrap_or_else(|failure| predictor.request_reader(Unreadable(failure.message)))
        });
        let mut batch = submit_all(requests)
            .concurrency(self.concurrency)?
            .cancel(interrupt.token())
            .progress(progress.batch_callback("submit", interrupt));
        if self.stop_at_first_error {
            batch = batch.stop_at_first_error();
        }
        if let Some(journal) = &self.journal {
            batch = batch.journal(journal)?;
            if self.resubmit_uncertain {
                batch = batch.resubmit_uncertain();
            }
        }
        let mut ends = Ends::default();
        for (input, outcome) in inputs.iter().zip(batch) {
            match outcome {
                Ok(response) => {
                    let line = Submitted::new(response.handle(), Some(input)).line()?;
                    if let Err(failure) = print(&line) {
                        progress.clear();
                        return Err(failure.with_hint(self.how_to_go_on(&ends)));
                    }
                    ends.submitted += 1;
                }
                Err(error) => {
                    ends.failed += 1;
                    ends.uncertain |= matches!(error, Error::MaybeSubmitted(_));
                    ends.worst = ends.worst.max(Some(Code::of(&error)));
                    let error = with_sources(&error);
                    progress.error(&format!("{}: {error}", input.shown()));
                }
            }
        }
        progress.clear();
        self.end(&ends, inputs.len(), interrupt)
    }

    fn end(&self, ends: &Ends, all: usize, interrupt: &Interrupt) -> Outcome {
        let Ends {
            submitted,
            failed,
            worst,
            ..
        } = ends;
        if interrupt.has_struck() {
            let message = format!("interrupted: {submitted} of {all} inputs are submitted");
            return Err(Failure::new(Code::Interrupted, message).with_hint(self.how_to_go_on(ends)));
        }
        let Some(code) = worst else { return Ok(()) };
        let message = format!("{failed} of {all} inputs could not be submitted");
        Err(Failure::new(*code, message).with_hint(self.how_to_go_on(ends)))
    }

    fn how_to_go_on(&self, ends: &Ends) -> &'static str {
        match (&self.journal, ends.uncertain) {
            (None, _) => {
                "The same command would submit everything again; with --journal FILE it would go on."
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

/// How the submits of a run ended.
#[derive(Debug, Default)]
struct Ends {
    submitted: usize,
    failed: usize,
    /// Whether of some nobody knows if they were submitted.
    uncertain: bool,
    worst: Option<Code>,
}

/// An input that cannot be read, for this reason.
struct Unreadable(String);

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0.clone()))
    }
}
