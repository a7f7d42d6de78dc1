//! Arguments that several commands share, and what is made of them.

pub(super) mod connect;
pub(super) mod inputs;
pub(super) mod request;
pub(super) mod streams;
pub(super) mod values;
pub(super) mod waiting;
