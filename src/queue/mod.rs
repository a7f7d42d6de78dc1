//! Results that are announced instead of polled for.

mod notification;
mod response_from;
mod wrappers;

pub use notification::{InvocationStatus, Notification};
