//! `credentials`: which source serves, and what was tried before it.

use clap::Args;
use sagemaker_async_inference::CredentialsError;
use sagemaker_async_inference::credentials::{ChainSlot, DefaultChain, ProvideCredentials};
use serde_json::{Value, json};

use crate::cli::args::connect::Connection;
use crate::cli::output::exit::{Code, Failure, Outcome};
use crate::cli::output::lines::print;

/// Say which source of credentials serves and what was tried, without a secret, as a JSON object
///
/// Asks the sources as every other command would, and no service. Example:
///
///     sagemaker-async credentials --profile my-profile
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct ShowCredentials {
    #[command(flatten)]
    connection: Connection,
}

const SLOTS: [(ChainSlot, &str); 5] = [
    (ChainSlot::Environment, "environment"),
    (ChainSlot::Profile, "profile"),
    (ChainSlot::WebIdentity, "web identity"),
    (ChainSlot::Container, "container"),
    (ChainSlot::InstanceMetadata, "instance metadata"),
];

impl ShowCredentials {
    pub(in crate::cli) fn run(self) -> Outcome {
        let chain = DefaultChain::new(self.connection.providers());
        let mut slots = SLOTS;
        if self.connection.names_profile() {
            // A profile that is named goes first.
            slots.swap(0, 1);
        }
        let mut tried = Vec::new();
        for (slot, name) in slots {
            match only(&chain, slot).provide_credentials() {
                Ok(credentials) => {
                    let found = json!({
                        "source": name,
                        "access_key_id": shortened(credentials.access_key_id()),
                        "has_session_token": credentials.session_token().is_some(),
                        "expires": credentials.expiry().map(seconds),
                        "tried": tried,
                    });
                    return print(&found.to_string());
                }
                Err(error) => {
                    tried.push(json!({ "source": name, "result": reason(name, &error) }));
                    if !error.is_not_configured() {
                        return none(&tried, &error);
                    }
                }
            }
        }
        let error = CredentialsError::not_configured("any source", "none is configured");
        none(&tried, &error)
    }
}

fn none(tried: &[Value], error: &CredentialsError) -> Outcome {
    print(&json!({ "source": null, "tried": tried }).to_string())?;
    Err(Failure::new(
        Code::Credentials,
        crate::cli::output::exit::with_sources(error),
    ))
}

/// Why a source gave none, without the names of the chain and of the source, which stand beside it.
fn reason(name: &str, error: &CredentialsError) -> String {
    let text = error.to_string();
    let beside = format!("no credentials from the default chain: {name}: ");
    text.strip_prefix(&beside).unwrap_or(&text).to_owned()
}

/// The chain with nothing but this slot.
fn only(chain: &DefaultChain, kept: ChainSlot) -> DefaultChain {
    SLOTS
        .into_iter()
        .filter(|(slot, _)| *slot != kept)
        .fold(chain.clone(), |chain, (slot, _)| chain.without(slot))
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
