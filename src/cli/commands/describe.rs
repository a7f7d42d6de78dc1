//! `describe`: an endpoint and its backlog.

use std::time::Duration;

use clap::Args;
use sagemaker_async_inference::endpoint::{Endpoint, EndpointOverview};
use serde_json::{Value, json};

use super::watch::watch;
use crate::cli::args::connect::Connection;
use crate::cli::args::values::duration;
use crate::cli::output::exit::{Outcome, with_sources};
use crate::cli::output::form::Form;

/// Print what an endpoint is doing: text on a terminal, a JSON object otherwise
///
/// `state` is a summary in words, `backlog` the number of waiting requests according to CloudWatch (or why it is
/// unknown), and `description` the service's response (in JSON only). With --watch the report is refreshed until
/// Ctrl-C, with a graph of the instances, the backlog and its age. Examples:
///
///     sagemaker-async describe my-endpoint
///     sagemaker-async describe my-endpoint --format json
///     sagemaker-async describe my-endpoint --watch --interval 30s
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Describe {
    /// The endpoint's name
    endpoint: String,

    /// Refresh the report until interrupted
    #[arg(long)]
    watch: bool,

    /// Time between two refreshes
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", requires = "watch")]
    interval: Duration,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

impl Describe {
    pub(in crate::cli) fn run(self) -> Outcome {
        let session = self.connection.session(None)?;
        let endpoint = Endpoint::new(&self.endpoint, &session);
        let with_description = !self.form.is_text();
        if self.watch {
            return watch(&endpoint, self.form, self.interval, |overview| {
                report(overview, with_description)
            });
        }
        self.form
            .print(&report(&endpoint.describe()?, with_description))
    }
}

fn report(overview: &EndpointOverview, with_description: bool) -> Value {
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
    let mut report = json!({
        "endpoint_name": description.endpoint_name(),
        "status": overview.status().as_str(),
        "failure_reason": description.failure_reason(),
        "state": overview.to_string(),
        "current_instances": description.current_instance_count(),
        "desired_instances": description.desired_instance_count(),
        "backlog": backlog,
    });
    if with_description {
        report["description"] = description.raw().clone();
    }
    report
}
