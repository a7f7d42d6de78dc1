//! S3: buckets, objects, copies, listings, multipart uploads, and how they are stored.

pub(super) mod content;
pub(super) mod copy;
pub(super) mod directory;
pub(super) mod index;
pub(super) mod listing;
pub(super) mod multipart;
pub(super) mod objects;
pub(super) mod operations;
mod refused_operations;
pub(super) mod scratch;
pub(super) mod store;
