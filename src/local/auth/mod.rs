//! Who may send a request: signatures, and the refusals of those that are wrong.

mod canonical;
pub(super) mod hosts;
pub(super) mod presigned;
pub(super) mod presigned_v2;
mod refused;
pub(super) mod signature;
