//! S3: buckets, objects, copies, listings, multipart uploads, and how they are stored.

pub(super) mod buckets;
mod checksums;
mod conditions;
pub(super) mod content;
mod copy;
pub(super) mod directory;
mod headers;
pub(super) mod index;
mod listing;
mod multipart;
pub(super) mod objects;
pub(super) mod operations;
mod refused_operations;
pub(super) mod scratch;
pub(super) mod store;
