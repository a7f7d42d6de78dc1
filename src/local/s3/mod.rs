//! S3: buckets, objects, copies, listings, multipart uploads, and how they are stored.

mod attributes;
mod blob;
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
mod parts;
pub(super) mod refused_operations;
pub(super) mod scratch;
pub(super) mod store;
mod tagging;

use std::io;
use std::time::SystemTime;

use super::config::Common;
use content::{Content, Disk};
use store::{Store, StoredObject};

/// What S3's operations work on.
#[derive(Debug)]
pub(super) struct S3 {
    pub(super) common: Common,
    pub(super) store: Store,
    pub(super) disk: Disk,
    /// Whether the caller has `s3:ListBucket`.
    pub(super) list_allowed: bool,
    /// By the endpoint's clock.
    pub(super) started: SystemTime,
}

impl S3 {
    /// Inserts an object with this content, after moving the content to where the store has it.
    pub(super) fn store_object(
        &self,
        bucket: &str,
        key: &str,
        content: &Content,
        object: impl FnOnce(Content) -> StoredObject,
    ) -> io::Result<()> {
        let content = self.disk.settle(content)?;
        self.store.put(bucket, key, object(content))
    }
}
