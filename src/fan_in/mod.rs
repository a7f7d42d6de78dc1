//! Many inferences in flight.

mod as_completed;
mod downloads;
mod journal;
mod pace;
mod poller;
mod polls;
mod prefix;
mod progress;
mod slots;
mod submit_all;
mod workers;

pub use as_completed::{Adder, AsCompleted, Completed, as_completed, wait_all};
pub(crate) use pace::Gate;
pub use progress::BatchProgress;
pub use submit_all::{SubmitAll, submit_all};
