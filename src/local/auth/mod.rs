//! Who may send a request: signatures, and the refusals of those that are wrong.

mod refused;
pub(super) mod signature;
