//! Arguments that several commands share.

pub(super) mod connect;
pub(super) mod inputs;
pub(super) mod request;
pub(super) mod streams;
pub(super) mod values;
pub(super) mod waiting;
