//! Authentication of requests: signatures, hosts, and the refusals.

mod canonical;
pub(super) mod chunk_signer;
pub(super) mod hosts;
pub(super) mod presigned;
pub(super) mod presigned_v2;
mod refused;
pub(super) mod signature;

use std::fmt;

use super::config::{Common, Keys};

/// What requests must be signed with, and for.
#[derive(Clone)]
pub(super) struct Auth {
    pub(super) common: Common,
    pub(super) keys: Keys,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}
