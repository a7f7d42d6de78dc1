//! Why a local endpoint does not start.

use std::io;
use std::path::PathBuf;

/// Why a local endpoint did not start.
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
    /// No port could be listened on, or no thread started.
    #[error("the local endpoint cannot listen")]
    Listen(#[from] io::Error),
    /// The directory for its objects cannot be used.
    #[error("the local endpoint cannot keep its files in {}", directory.display())]
    #[non_exhaustive]
    Storage {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A setting that cannot be.
    #[error("the local endpoint cannot be set up: {0}")]
    Setting(String),
    /// The container did not become ready.
    #[error("the container at {url} was not ready within {seconds} s: {seen} from /ping")]
    #[non_exhaustive]
    Container {
        /// Its address.
        url: String,
        /// How long it had.
        seconds: u64,
        /// What the last `/ping` answered.
        seen: String,
    },
}
