//! Results that are announced instead of polled for.

mod notification;
mod predictor;
mod wrappers;

pub use notification::{InvocationStatus, Notification};
pub use predictor::Notified;
