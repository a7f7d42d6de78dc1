//! Results that are announced instead of polled for.

pub(crate) mod notification;
