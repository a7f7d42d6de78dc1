//! Large inputs and outputs: from files and readers to S3, and from S3 to files, readers and writers.

#![cfg(feature = "local")]
#![allow(clippy::disallowed_methods)] // the files here are what is sent and fetched

mod support;

#[path = "transfer/broken.rs"]
mod broken;
#[path = "transfer/download.rs"]
mod download;
#[path = "transfer/files.rs"]
mod files;
#[path = "transfer/shared.rs"]
mod shared;
#[path = "transfer/upload.rs"]
mod upload;
#[path = "transfer/upload_failures.rs"]
mod upload_failures;
