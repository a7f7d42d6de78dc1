//! The configuration of a running local endpoint.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::LocalError;
use super::http::http1::ConnectionTimeouts;
use super::record::RecordedRequest;
use super::runtime::location::Location;
use super::runtime::model::Backend;
use super::s3::content::Disk;
use super::s3::index::DataDirectory;
use super::s3::scratch::Scratch;
use crate::NotificationConfig;
use crate::sys::Clock;

/// The configuration of a running endpoint, with a part for each module.
pub(super) struct Config {
    pub(super) common: Common,
    pub(super) keys: Keys,
    pub(super) verify_signatures: bool,
    /// Host names of the endpoint, besides localhost.
    pub(super) host_names: Vec<String>,
    /// Whether the caller of S3 has `s3:ListBucket`.
    pub(super) list_allowed: bool,
    pub(super) deployed: Deployed,
    pub(super) backend: Backend,
    pub(super) timeouts: ConnectionTimeouts,
    pub(super) kept_requests: usize,
    pub(super) observer: Option<Observer>,
    /// Called with problems of the server itself.
    pub(super) watcher: Option<Watcher>,
}

/// Common to all services.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) region: String,
    pub(super) account: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("region", &self.region)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// The keys that requests must be signed with.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) session_token: Option<String>,
}

/// The endpoint that exists from the start.
pub(super) struct Deployed {
    pub(super) endpoint_name: String,
    /// The bucket that exists from the start.
    pub(super) bucket: String,
    pub(super) output: Location,
    pub(super) failure: Option<Location>,
    pub(super) notification: Option<NotificationConfig>,
    pub(super) instances: usize,
    pub(super) max_concurrent: usize,
    /// The duration of `Creating`, `Updating` and `Deleting`, and of an instance's start.
    pub(super) transition: Duration,
}

/// Called with every request.
pub(super) type Observer = Box<dyn Fn(&RecordedRequest) + Send + Sync>;
/// Called with problems of the server itself.
pub(super) type Watcher = Box<dyn Fn(&io::Error) + Send + Sync>;

/// Where objects are stored.
pub(super) enum Storage {
    /// In memory, large ones in files.
    Memory(Option<PathBuf>),
    /// All in a temporary directory.
    Scratch,
    /// All in the user's directory.
    Data(PathBuf),
}

impl Storage {
    pub(super) fn disk(&self) -> Result<(Disk, Option<Scratch>), LocalError> {
        Ok(match self {
            Self::Memory(directory) => {
                let directory = directory.clone().unwrap_or_else(std::env::temp_dir);
                (Disk::Unnamed(directory), None)
            }
            Self::Scratch => {
                let scratch = Scratch::make().map_err(|source| LocalError::Storage {
                    directory: std::env::temp_dir(),
                    source,
                })?;
                (Disk::Named(scratch.path().to_owned()), Some(scratch))
            }
            Self::Data(directory) => (DataDirectory::disk(directory), None),
        })
    }
}
