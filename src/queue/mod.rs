//! Results that a queue hands out instead of polls that look for them.
//!
//! The endpoint publishes to Amazon SNS, SNS (or S3's own events) feeds Amazon SQS, and SQS hands each
//! result to one of any number of workers at a time, gives work back after a crash, and keeps poison apart.
//! [`ResultQueue`] is a consumer of such a queue. The guide ([`guide::queue`](crate::guide::queue)) says when
//! that pays and how to set it up.
//!
//! **Delivery is at least once.** A message comes again when a handler fails, when it takes longer than the
//! message can be kept, when a deletion is lost, and now and then for no reason. A handler has to be
//! idempotent: store by [`inference_id`](Notification::inference_id), or remember
//! [`message_id`](Delivery::message_id)s.
//!
//! ```no_run
//! use std::time::Duration;
//! use sagemaker_async_inference::queue::{QueueEvent, ResultQueue};
//! use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
//! use serde_json::Value;
//!
//! # fn store(id: Option<&str>, answer: &Value) -> Result<(), Error> { Ok(()) }
//! # fn main() -> Result<(), Error> {
//! let session = Session::from_env()?;
//! let predictor = AsyncPredictor::new("my-endpoint", &session);
//! let waiter = WaiterConfig::default();
//! let queue = ResultQueue::new("https://sqs.eu-west-1.amazonaws.com/123456789012/done", &session)?
//!     .visibility(Duration::from_secs(120));
//! for delivery in queue.deliveries().until_idle(Duration::from_secs(60)) {
//!     let delivery = delivery?;
//!     match delivery.event() {
//!         QueueEvent::Inference(notification) => {
//!             let answer: Value = predictor.response_from(notification)?.get_result(&waiter)?;
//!             store(notification.inference_id(), &answer)?;
//!             delivery.delete()?; // sent with others, ten at a time
//!         }
//!         QueueEvent::Test => delivery.delete()?,
//!         _ => delivery.release()?, // what dropping it does, too
//!     }
//! }
//! # Ok(())
//! # }
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
