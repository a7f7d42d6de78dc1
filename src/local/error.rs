//! The error of starting a local endpoint.

use std::io;
use std::path::PathBuf;

/// The local endpoint could not start.
///
/// ```
/// use sagemaker_async_inference::local::{LocalEndpoint, LocalError};
///
/// let refused = LocalEndpoint::builder().endpoint_name("no_such_name").start();
/// assert!(matches!(refused, Err(LocalError::Setting { .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The port could not be bound, or a thread could not be started.
    #[error("the local endpoint cannot listen")]
    Listen(#[from] io::Error),
    /// The directory for its objects cannot be used.
    #[error("the local endpoint cannot use the directory {}", directory.display())]
    #[non_exhaustive]
    Storage {
        /// The directory.
        directory: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A setting is invalid.
    #[error("the local endpoint cannot be set up: {0}")]
    Setting(String),
    /// The container did not become ready.
    #[error("the container at {url} was not ready within {seconds} s: {seen} from /ping")]
    #[non_exhaustive]
    Container {
        /// The container's URL.
        url: String,
        /// The time limit in seconds.
        seconds: u64,
        /// The last response to `/ping`.
        seen: String,
    },
}
