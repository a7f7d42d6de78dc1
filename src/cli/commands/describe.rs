//! `describe`: an endpoint and its backlog.

use clap::Args;
use sagemaker_async_inference::endpoint::Endpoint;
use serde_json::json;

use crate::cli::args::connect::Connection;
use crate::cli::output::exit::{Outcome, with_sources};
use crate::cli::output::lines::print;

/// Print what an endpoint is doing, as a JSON object
///
/// `state` is a summary in words, `backlog` the number of waiting requests by CloudWatch (or why it is unknown),
/// and `description` the service's response. Example:
///
///     sagemaker-async describe my-endpoint
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Describe {
    /// The endpoint's name
    endpoint: String,

    #[command(flatten)]
    connection: Connection,
}

impl Describe {
    pub(in crate::cli) fn run(self) -> Outcome {
        let session = self.connection.session(None)?;
        let overview = Endpoint::new(&self.endpoint, &session).describe()?;
        let description = overview.description();
        let backlog = match overview.backlog() {
            Ok(backlog) => json!({
                "size": backlog.size(),
                "age_of_oldest_request_seconds":
                    backlog.age_of_oldest_request().map(|age| age.as_secs_f64()),
                "has_backlog_without_capacity": backlog.has_backlog_without_capacity(),
            }),
            Err(error) => json!({ "error": with_sources(error) }),
        };
        print(
            &json!({
                "endpoint_name": description.endpoint_name(),
                "status": overview.status().as_str(),
                "failure_reason": description.failure_reason(),
                "state": overview.while_waiting(),
                "current_instances": description.current_instance_count(),
                "desired_instances": description.desired_instance_count(),
                "backlog": backlog,
                "description": description.raw(),
            })
            .to_string(),
        )
    }
}
