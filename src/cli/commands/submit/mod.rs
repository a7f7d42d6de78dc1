//! `submit`: prints a handle for each input.

mod run;
mod source;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sagemaker_async_inference::{AsyncRequest, Bytes, submit_all};

use self::run::Run;
use self::source::{Chosen, List, Source};
use super::predict::unsubmitted;
use crate::cli::args::connect::Connection;
use crate::cli::args::inputs::Input;
use crate::cli::args::request::{Predictor, RequestOptions};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{CommandError, Outcome};
use crate::cli::output::held;
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
///     sagemaker-async submit my-endpoint --inputs-under s3://bucket/in/ --shard 2/3 \
///         --journal 2.journal
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Submit {
    /// The endpoint's name
    endpoint: String,

    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    list: List,

    /// The inference id of a single input, by which the inference can be found [default: a UUID]
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

    /// Maximum number of submits a second, 0.01 to 10,000; uploads and retries after throttling count too [default: no
    /// limit except the service's throttling]
    #[arg(long, value_name = "COUNT")]
    rate: Option<f64>,

    /// Stop after the first error
    #[arg(long)]
    stop_at_first_error: bool,

    #[command(flatten)]
    request: RequestOptions,

    #[command(flatten)]
    connection: Connection,
}

impl Submit {
    pub(in crate::cli) fn run(self, show: Show) -> Outcome {
        let many = self.source.is_many();
        if many {
            self.request.check_for_many()?;
            if self.inference_id.is_some() {
                let message = "--inference-id is for a single input; of many inputs each gets a \
                UUID";
                return Err(CommandError::usage(message));
            }
        }
        match &self.journal {
            Some(journal) => self.source.check_journal(journal)?,
            None => check_standard_output()?,
        }
        self.source.check(&self.list)?;
        let progress = Progress::new(show);
        let journal = self.journal.as_deref();
        let mut inputs = self.source.local(&self.list, journal, &progress)?;
        let interrupt = Interrupt::watch()?;
        let transfer = progress.transfer(&interrupt, !many)?;
        let session = self.connection.session(Some(transfer))?;
        let predictor = self.request.predictor(&self.endpoint, &session);
        if many || self.journal.is_some() {
            let token = interrupt.token();
            let in_s3 = self.source.in_s3(&self.list, &session, &progress, &token)?;
            let inputs = in_s3.unwrap_or_else(|| Chosen {
                count: Some(inputs.len()),
                inputs: Box::new(inputs.into_iter()),
            });
            return self.many(inputs, &predictor, &progress, &interrupt);
        }
        match inputs.pop() {
            Some(Ok(input)) => self.one(&input, &predictor, &progress, &interrupt),
            _ => Err(CommandError::usage("there is no input")),
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
        let response = submitted.map_err(|error| unsubmitted(error, interrupt, progress))?;
        let submitted = Arc::new(Submitted::new(response.handle(), Some(input.shown())));
        let held = held::hold(Arc::clone(&submitted));
        begun.release();
        progress.clear();
        print(&submitted.line()).map_err(CommandError::that_loses_work)?;
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

    /// The key by which a journal identifies an input whose content it cannot read in advance.
    fn key_of_a_stream(&self, input: &Input) -> Outcome<Option<String>> {
        match (input, &self.inference_id) {
            (Input::Standard, Some(id)) => Ok(Some(format!("inference id {id}"))),
            (Input::Standard, None) => Err(CommandError::usage(
                "a journal cannot recognize standard input in a later run; give an \
                --inference-id, which is then its key, or give a file",
            )),
            (Input::File(path), _) if !path.is_file() => {
                Ok(Some(format!("stream {}", path.display())))
            }
            _ => Ok(None),
        }
    }

    fn many(
        &self,
        chosen: Chosen,
        predictor: &Predictor,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Outcome {
        let run = Run::new(self, progress, interrupt);
        let turns = run.turns();
        let mut batch = submit_all(run.requests(predictor, chosen.inputs))
            .concurrency(self.concurrency)?
            .cancel(interrupt.token())
            .progress(progress.batch_callback("submit", interrupt))
            .on_submitted(move |index, handle| turns.submitted(index, handle));
        if let Some(rate) = self.rate {
            batch = batch.submits_per_second(rate)?;
        }
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
                    "warning: {}: the file system has no locks; make sure that no other process \
                    runs this job at the same time",
                    journal.display()
                ));
            }
        }
        for outcome in batch.by_ref() {
            run.take(outcome);
        }
        if !interrupt.has_struck() && !run.is_stopped() {
            run.print_entries(batch.journal_entries_left());
        }
        let unwritten = batch.flush_journal();
        drop(batch);
        progress.clear();
        run.outcome(chosen.count, unwritten)
    }

    fn how_to_go_on(&self, uncertain: bool) -> &'static str {
        match (&self.journal, uncertain) {
            (None, _) => {
                "The same command would submit everything again. The printed handles are those \
                of the inputs that were submitted. A job that is started with --journal FILE can \
                be continued."
            }
            (Some(_), false) => {
                "Run the same command again to continue: it prints the handles again and submits \
                the rest."
            }
            (Some(_), true) => {
                "Run the same command again to continue. It leaves out the inputs that may have \
                been submitted already; with --resubmit-uncertain it submits them too, and those \
                that were submitted then run twice."
            }
        }
    }
}
