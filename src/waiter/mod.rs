//! Waits for results: the schedule of polls, and what ends a wait.

mod access_denied;
pub(crate) mod builder;
pub(crate) mod cancel;
pub(crate) mod config;
pub(crate) mod drive;
mod progress;
pub(crate) mod schedule;
pub(crate) mod state;

pub use access_denied::AccessDenied;
pub(crate) use builder::WaiterConfigBuilder;
pub(crate) use cancel::CancelToken;
pub(crate) use config::WaiterConfig;
pub use progress::WaitProgress;

pub use crate::error::wait::{Observed, WaitLimit, WaitStopReason};
