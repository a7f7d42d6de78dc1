//! Where credentials come from.

mod cache;
mod chain;
mod config;
mod container;
mod document;
#[cfg(any(test, fuzzing))]
pub(crate) use document::check_document;
mod environment;
mod imds;
mod login;
mod process;
mod profile;
mod provider;
mod refreshed;
mod role;
pub(crate) mod settings;
mod sso;
mod web_identity;

pub use crate::aws::identity::{Credentials, ProvideCredentials};
use crate::error::CredentialsError;
pub use cache::CachedCredentials;
pub use chain::{ChainReport, ChainSlot, DefaultChain};
pub use config::ProviderConfig;
pub(crate) use config::{AskMfa, OfSession};
pub use container::ContainerProvider;
pub use environment::EnvironmentProvider;
pub use imds::InstanceMetadataProvider;
pub use process::ProcessProvider;
pub use profile::ProfileProvider;
pub use provider::IntoProvider;
pub use role::AssumeRoleProvider;
pub use sso::SsoProvider;
pub use web_identity::WebIdentityProvider;
