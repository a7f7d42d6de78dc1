//! Large inputs and outputs: from files and readers to S3, and from S3 to files, readers and writers.

#![allow(clippy::disallowed_methods)] // the files here are what is sent and fetched

use crate::support;

mod connections;
mod download;
mod files;
mod interrupted;
mod shared;
mod stalls;
mod upload;
mod upload_failures;
mod versions;
