//! `status`: one poll.

use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::{AsyncPredictor, Bytes, Error, WaiterConfig};
use serde_json::json;

use crate::cli::args::connect::Connection;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::exit::{Code, CommandError, Outcome};
use crate::cli::output::form::Form;
use crate::cli::output::lines::{Taken, handles};

/// Check once whether an inference is done, and print its status: text on a terminal, a JSON line otherwise
///
/// The exit code is 0 if there is a result, 3 if the model failed, and 4 if the inference is still pending.
/// Example:
///
///     sagemaker-async submit my-endpoint --input question.json > handle.json
///     sagemaker-async status handle.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Status {
    /// A handle as printed by `submit`, a file with one, or `-` for standard input
    handle: String,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

impl Status {
    pub(in crate::cli) fn run(self) -> Outcome {
        let interrupt = Interrupt::watch()?;
        let found = handles(&self.handle, &interrupt)?;
        let [Taken { submitted, held }] = found.handles.as_slice() else {
            return Err(CommandError::usage(
                "status polls one inference; for several use `wait`",
            ));
        };
        if self.handle != "-" {
            // The caller of the command has the handle.
            held.release();
        }
        let session = self.connection.session(None)?;
        let predictor = AsyncPredictor::new(submitted.handle.endpoint_name(), &session)
            .with_deserializer(Bytes::new());
        let response = predictor.resume(submitted.handle.clone());
        // One poll, which leaves the result's body where it is.
        let once = WaiterConfig::builder()
            .delay(Duration::from_millis(1))
            .max_attempts(1)
            .cancel(interrupt.token())
            .build()?;
        let looked = response.read_result(&once);
        let mut line = json!({
            "endpoint_name": response.endpoint_name(),
            "inference_id": response.inference_id(),
            "output_path": response.output_path().to_string(),
        });
        let (status, code) = match looked {
            Ok(reader) => {
                line["bytes"] = reader.total().into();
                line["content_type"] = reader.content_type().into();
                ("completed", None)
            }
            Err(Error::Model(failure)) => {
                line["failure"] = failure.text().into();
                let message = format!("the model failed: {}", failure.text());
                ("failed", Some(CommandError::new(Code::Model, message)))
            }
            Err(Error::PollingTimeout(timeout)) => {
                line["last_response"] = timeout.last_response().into();
                let message = "there is neither a result nor a failure yet";
                ("pending", Some(CommandError::new(Code::Running, message)))
            }
            Err(error) => return Err(error.into()),
        };
        line["status"] = status.into();
        self.form.print(&line)?;
        if status != "pending" {
            held.release();
        }
        code.map_or(Ok(()), Err)
    }
}
