//! The profile, region and endpoint URL.

use std::error::Error as StdError;
use std::io::{self, IsTerminal, Write};

use clap::Args;
use sagemaker_async_inference::credentials::ProviderConfig;
use sagemaker_async_inference::sys::Sys;
use sagemaker_async_inference::{Result, Session, TransferConfig};

/// Selects the account, region and services.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct Connection {
    /// The profile in the shared config and credentials files [default: `AWS_PROFILE`, then `default`]
    #[arg(long)]
    profile: Option<String>,

    /// The AWS region [default: `AWS_REGION`, then `AWS_DEFAULT_REGION`, then the profile's]
    #[arg(long)]
    region: Option<String>,

    /// One endpoint URL for all services, such as a local endpoint [default: `AWS_ENDPOINT_URL`, then the profile's]
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

impl Connection {
    pub(in crate::cli) fn session(&self, transfer: Option<TransferConfig>) -> Result<Session> {
        let mut builder = Session::builder().mfa(ask_for_code);
        if let Some(profile) = &self.profile {
            builder = builder.profile(profile);
        }
        if let Some(region) = &self.region {
            builder = builder.region(region);
        }
        if let Some(url) = &self.endpoint_url {
            builder = builder.endpoint_url(url);
        }
        if let Some(transfer) = transfer {
            builder = builder.transfer(transfer);
        }
        builder.build()
    }

    /// For credential providers used alone.
    pub(in crate::cli) fn providers(&self) -> ProviderConfig {
        let mut config = ProviderConfig::new(&Sys::real()).with_mfa(ask_for_code);
        if let Some(profile) = &self.profile {
            config = config.with_profile(profile);
        }
        if let Some(region) = &self.region {
            config = config.with_region(region);
        }
        config
    }
}

/// Prompts for the code of a multi-factor device.
fn ask_for_code(device: &str) -> std::result::Result<String, Box<dyn StdError + Send + Sync>> {
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return Err("there is no terminal to ask for it; run the command in one, or use a profile without mfa_serial".into());
    }
    write!(stderr, "MFA code for {device}: ")?;
    stderr.flush()?;
    let mut code = String::new();
    stdin.read_line(&mut code)?;
    Ok(code.trim().to_owned())
}
