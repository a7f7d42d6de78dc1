//! What all predictors share: region, credentials, connections, retries.

pub(crate) mod builder;
pub(crate) mod core;
pub(crate) mod history;
mod service_endpoint;
pub(crate) mod transfer_config;
pub(crate) mod transfer_progress;

pub(crate) use builder::SessionBuilder;
pub(crate) use core::Session;
pub use service_endpoint::ServiceEndpoint;

pub use crate::aws::Service;
pub use crate::aws::client::retry::RetryConfig;
pub use crate::aws::http::Timeouts;
