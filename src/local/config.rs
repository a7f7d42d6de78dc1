//! What a running local endpoint goes by.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::LocalError;
use super::http::http1::Patience;
use super::record::RecordedRequest;
use super::runtime::location::Location;
use super::runtime::model::Backend;
use super::s3::content::Disk;
use super::s3::index::DataDirectory;
use super::s3::scratch::Scratch;
use crate::NotificationConfig;
use crate::sys::Clock;

/// What a running endpoint goes by, a part for each module.
pub(super) struct Config {
    pub(super) common: Common,
    pub(super) keys: Keys,
    pub(super) verify_signatures: bool,
    /// Names under which the endpoint is addressed, besides localhost.
    pub(super) host_names: Vec<String>,
    /// Whether the caller of S3 has `s3:ListBucket`.
    pub(super) list_allowed: bool,
    pub(super) deployed: Deployed,
    pub(super) backend: Backend,
    pub(super) patience: Patience,
    pub(super) kept_requests: usize,
    pub(super) observer: Option<Observer>,
    /// Is told of what goes wrong with the server itself.
    pub(super) watcher: Option<Watcher>,
}

/// What all services have in common.
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

/// What requests are signed with.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) session_token: Option<String>,
}

/// The endpoint that is there from the start.
pub(super) struct Deployed {
    pub(super) endpoint_name: String,
    /// The bucket that is there from the start.
    pub(super) bucket: String,
    pub(super) output: Location,
    pub(super) failure: Option<Location>,
    pub(super) notification: Option<NotificationConfig>,
    pub(super) instances: usize,
    pub(super) max_concurrent: usize,
    /// How long an endpoint is being made, updated or deleted, and an instance takes to start.
    pub(super) transition: Duration,
}

/// Is told of every request.
pub(super) type Observer = Box<dyn Fn(&RecordedRequest) + Send + Sync>;
/// Is told of the server's troubles.
pub(super) type Watcher = Box<dyn Fn(&io::Error) + Send + Sync>;

/// Where objects lie.
pub(super) enum Storage {
    /// In memory, those that are large in a directory.
    Memory(Option<PathBuf>),
    /// All in a directory that is removed at the end.
    Scratch,
    /// All in a directory that stays.
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
