//! `credentials`: which source of credentials is used, and which were tried before it.

use clap::Args;
use sagemaker_async_inference::credentials::{ChainReport, ChainSlot, DefaultChain};
use sagemaker_async_inference::{CredentialsError, Error};
use serde_json::{Value, json};

use crate::cli::args::connect::Connection;
use crate::cli::output::exit::{Outcome, with_sources};
use crate::cli::output::form::Form;

/// Print which source of credentials is used and which were tried, without secrets: text on a terminal, a JSON object otherwise
///
/// Resolves credentials as every other command does and exits with the code that they would: a missing region
/// or an invalid setting is reported too. Example:
///
///     sagemaker-async credentials --profile my-profile
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct ShowCredentials {
    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    connection: Connection,
}

impl ShowCredentials {
    pub(in crate::cli) fn run(self) -> Outcome {
        let session = self.connection.session(None);
        let config = match &session {
            Ok(session) => session.provider_config(),
            Err(_) => self.connection.providers(),
        };
        let ChainReport {
            outcome,
            slot,
            tried,
            ..
        } = DefaultChain::new(config).report();
        let tried = tried
            .iter()
            .map(|(slot, error)| json!({ "source": name(*slot), "result": reason(error) }));
        let tried: Vec<Value> = tried.collect();
        let found = match &outcome {
            Ok(credentials) => json!({
                "source": name(slot),
                "access_key_id": shortened(credentials.access_key_id()),
                "has_session_token": credentials.session_token().is_some(),
                "expires": credentials.expiry().map(seconds),
                "tried": tried,
            }),
            Err(_) => json!({ "source": null, "tried": tried }),
        };
        self.form.print(&found)?;
        // What stops a session stops all commands, whatever the sources say.
        let _ = session?;
        outcome.map_err(|error| Error::from(Box::new(error)))?;
        Ok(())
    }
}

fn name(slot: Option<ChainSlot>) -> &'static str {
    match slot {
        Some(ChainSlot::Environment) => "environment",
        Some(ChainSlot::Profile) => "profile",
        Some(ChainSlot::WebIdentity) => "web identity",
        Some(ChainSlot::Container) => "container",
        Some(ChainSlot::InstanceMetadata) => "instance metadata",
        _ => "another source",
    }
}

/// Why a source has no credentials, with the cause, without the source's name, which is printed beside it.
fn reason(error: &CredentialsError) -> String {
    let text = with_sources(error);
    let beside = format!("no credentials from {}: ", error.provider());
    text.strip_prefix(&beside).unwrap_or(&text).to_owned()
}

/// Enough to know which key it is.
fn shortened(key: &str) -> String {
    let start: String = key.chars().take(4).collect();
    let end: String = key
        .chars()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    if key.chars().count() > 12 {
        format!("{start}...{end}")
    } else {
        format!("{start}...")
    }
}

fn seconds(time: std::time::SystemTime) -> u64 {
    time.duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
