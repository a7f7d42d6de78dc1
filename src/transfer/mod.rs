//! Payloads that never are in memory whole: inputs from files and readers, results to files, readers and
//! writers.

pub(crate) mod download;
pub(crate) mod memory;
pub(crate) mod outcome;
mod parts;
mod plan;
mod progress;
mod ranges;
pub(crate) mod reader;
mod source;
pub(crate) mod stream;
mod upload;

pub(crate) use crate::session::transfer_config::TransferConfig;
pub use crate::session::transfer_config::{TransferConfigBuilder, UploadChecksum};
pub use crate::session::transfer_progress::{TransferDirection, TransferProgress};
pub use reader::ResultReader;
pub(crate) use source::{ReaderInput, read_all, read_file};
pub(crate) use upload::{Destination, upload_file, upload_reader};

/// How much is read and written at a time: as much as the agent's buffers hold.
const CHUNK: usize = 128 << 10;
