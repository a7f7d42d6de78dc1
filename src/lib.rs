//! Blocking, sync-only client for Amazon `SageMaker` Asynchronous Inference.
//!
//! "Async" is the service's word: an input goes to an asynchronous endpoint
//! (`InvokeEndpointAsync`), `SageMaker` works on it for seconds to an hour, and puts the output, or a
//! failure, into S3. Everything here blocks, and no async runtime is involved: a wait is
//! [`std::thread::sleep`] between looks at S3.
//!
//! # Parts
//!
//! - [`Session`]: region, credentials, connections, retries; made once and shared.
//! - [`AsyncPredictor`]: one endpoint. [`predict`](AsyncPredictor::predict) submits and waits,
//!   [`predict_async`](AsyncPredictor::predict_async) submits, and
//!   [`request`](AsyncPredictor::request) has every option of the call.
//! - [`AsyncInferenceResponse`]: a submitted inference; [`get_result`](AsyncInferenceResponse::get_result)
//!   waits as its [`WaiterConfig`] says.
//! - [`batch`]: many in flight, with [`submit_all`], [`as_completed`] and [`wait_all`].
//! - [`InferenceHandle`]: a submitted inference as plain data, to be saved and taken up again.
//! - [`Serializer`] and [`Deserializer`]: [`Json`], [`JsonLines`], [`Csv`], [`Text`], [`Bytes`], or
//!   your own.
//! - [`request_file`](AsyncPredictor::request_file) and [`download`](AsyncInferenceResponse::download):
//!   inputs and results that never are in memory whole, as a [`TransferConfig`] says.
//! - [`Error`]: what happened and what to do.
//! - [`Endpoint`](endpoint::Endpoint): from a [`Model`](endpoint::Model) to a running endpoint that scales to zero, and back to nothing;
//!   [`SageMaker`](endpoint::SageMaker) has the single operations, [`AsyncInferenceConfig`] is what makes an endpoint
//!   asynchronous.
//! - [`Notification`](queue::Notification): what Amazon SNS tells of inferences that are done, instead of polling.
#![cfg_attr(
    feature = "local",
    doc = "- [`local`]: an asynchronous endpoint on this machine, for development and tests."
)]
//! - [`guide::configuration`]: credentials, region and endpoints: what is read, and what wins.
//! - [`guide::faults`]: what is tried again, what is told and what is never done twice, with a table of every
//!   operation under every fault.
//! - [`guide::formats`]: numbers, byte order marks and errors of the codecs.
//! - [`sys`]: the clock, the environment and configuration files, for tests in virtual time.
//!
//! # Where an input goes, and where its result comes from
//!
//! A value is serialized, sent in the request's body if it has at most 128,000 bytes and uploaded to
//! S3 otherwise, and submitted. The answer names an output object and, if the endpoint is configured
//! with one, a failure object. A poll is a GET of the first and then of the second: when the output
//! is there, that one request has it.
//!
//! # No inference twice, none lost
//!
//! `InvokeEndpointAsync` has no idempotency token. A submit is sent again only when it provably did
//! not happen: no connection was made, or the service answered that it is throttling
//! ([`AsyncRequest::allow_duplicates`] says otherwise). After anything
//! else the error is [`Error::MaybeSubmitted`], with the inference id to look for. A wait that ends
//! early loses nothing: [`AsyncPredictor::resume`] takes its [`InferenceHandle`] up again, in any
//! process.
//!
//! # Secrets
//!
//! No `Debug`, no error and no log line shows a secret, a token, custom attributes or a payload. The
//! bytes of a failure object are had from [`ModelFailure::bytes`] alone.

#![cfg_attr(docsrs, feature(doc_cfg))] // docs.rs shows which feature an item needs

mod aws;
mod codec;
mod handle;
mod invalid_input;
mod limits;
mod predictor;
mod request;
mod timestamp;
mod trace;
mod uri;

pub mod batch;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod guide;
#[cfg(feature = "local")]
pub mod local;
pub mod queue;
pub mod response;
pub mod session;
pub mod sys;
pub mod transfer;
pub mod waiter;

/// For `tests/fuzz`, which builds with `--cfg fuzzing`.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, clippy::missing_panics_doc)]
pub mod fuzzing;

pub use batch::as_completed::{as_completed, wait_all};
pub use batch::submit_all::submit_all;
pub use codec::CodecError;
pub use codec::{Accept, Bytes, Csv, Deserializer, Json, JsonLines, Serializer, Text};
pub use endpoint::inference_config::{AsyncInferenceConfig, NotificationConfig};
pub use error::credentials::CredentialsError;
pub use error::service::ServiceError;
pub use error::transfer::TransferError;
pub use error::transport::{MaybeSubmitted, TransportError};
pub use error::wait::{ModelFailure, PollingTimeout, WaitStopped};
pub use error::{ConfigError, Error, Result};
pub use handle::InferenceHandle;
pub use invalid_input::InvalidInput;
pub use predictor::AsyncPredictor;
pub use request::AsyncRequest;
pub use response::AsyncInferenceResponse;
pub use session::Session;
pub use session::builder::SessionBuilder;
pub use session::transfer_config::TransferConfig;
pub use uri::S3Uri;
pub use waiter::WaiterConfig;
pub use waiter::builder::WaiterConfigBuilder;
pub use waiter::cancel::CancelToken;
pub use {serde_json, ureq};

/// The README's examples, run as tests.
#[cfg(all(doctest, feature = "local"))]
#[doc = include_str!("../README.md")]
mod readme {}
