//! Results that are announced instead of polled for.

mod notification;

pub use notification::{InvocationStatus, Notification};
