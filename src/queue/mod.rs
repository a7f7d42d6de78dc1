//! Results from a queue, without polling S3.
//!
//! The endpoint publishes to Amazon SNS, SNS (or S3's own events) sends to Amazon SQS, and SQS delivers each message
//! to one of any number of workers at a time, delivers it again after a crash, and moves messages that always fail to
//! a dead-letter queue. [`ResultQueue`] is a consumer of such a queue. The guide
//! ([`guide::queue`](crate::guide::queue)) explains when this is worthwhile and how to set it up.
//!
//! **Delivery is at least once.** A message is delivered again when a handler fails or takes longer than 12 hours,
//! when a deletion is lost, and occasionally without a reason. A handler has to be idempotent: store by
//! [`inference_id`](Notification::inference_id), or remember [`message_id`](Delivery::message_id)s.
//!
//! ```no_run
//! use std::time::Duration;
//! use sagemaker_async_inference::queue::{QueueEvent, ResultQueue};
//! use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
//! use serde_json::Value;
//!
//! fn store(id: Option<&str>, result: &Value) -> Result<(), Error> {
//!     Ok(()) // yours
//! }
//!
//! fn main() -> Result<(), Error> {
//!     let session = Session::from_env()?;
//!     let predictor = AsyncPredictor::new("my-endpoint", &session);
//!     let waiter = WaiterConfig::default();
//!     let queue = ResultQueue::new("https://sqs.eu-west-1.amazonaws.com/123456789012/done", &session)?
//!         .with_visibility(Duration::from_secs(120));
//!     for delivery in queue.deliveries().until_idle(Duration::from_secs(60)) {
//!         let delivery = delivery?;
//!         match delivery.event() {
//!             QueueEvent::Inference(notification) => {
//!                 let result: Value = predictor.response_from(notification)?.get_result(&waiter)?;
//!                 store(notification.inference_id(), &result)?;
//!                 delivery.delete()?; // sent with others, ten at a time
//!             }
//!             QueueEvent::Test => delivery.delete()?,
//!             _ => delivery.release()?, // what dropping it does, too
//!         }
//!     }
//!     Ok(())
//! }
//! ```

mod address;
mod consumer;
mod core;
mod deliveries;
mod delivery;
mod event;
mod extend;
mod finish;
mod notification;
mod predictor;
mod run;
mod sns;
mod stats;
mod wake;
mod wrappers;

pub use consumer::ResultQueue;
pub use deliveries::Deliveries;
pub use delivery::Delivery;
pub use event::{ObjectEvent, QueueEvent};
pub use notification::{InvocationStatus, Notification};
pub use predictor::Notified;
pub use sns::{SnsMessage, SnsMessageKind, SnsRejected, SnsVerifier};
pub use stats::QueueStats;
