//! Transfers of payloads that are never completely in memory: inputs from files and readers, results to files,
//! readers and writers.

pub(crate) mod download;
mod growth;
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

/// Bytes that are read and written at a time.
const CHUNK: usize = 128 << 10;
