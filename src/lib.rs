//! Blocking client for [Amazon SageMaker Asynchronous Inference][aws]: submit an input, wait for its result in S3,
//! decode it. No async runtime is involved.
//!
//! ```no_run
//! use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
//!
//! fn main() -> Result<(), Error> {
//!     let predictor = AsyncPredictor::new("my-endpoint", &Session::from_env()?);
//!     let response = predictor.predict_async("Is this review positive?")?; // submits and returns
//!     match response.get_result::<String>(&WaiterConfig::adaptive()) {     // polls S3 and blocks
//!         Ok(result) => println!("{result}"),
//!         Err(Error::Model(failure)) => eprintln!("the model failed: {}", failure.text()),
//!         Err(Error::PollingTimeout(_)) => println!("still running: {}", response.handle()),
//!         Err(error) => return Err(error),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! An asynchronous endpoint queues requests of up to 1 GiB, works on each for up to an hour, and writes the output, or
//! a failure, to S3. "Async" is the service's word: every call here blocks the calling thread, and a wait is
//! [`std::thread::sleep`] between polls of S3. Inside an async application, call it from a blocking thread
//! ([`guide::async_applications`]).
//!
//! # Where to start
//!
//! | you want to | read |
//! |---|---|
//! | call an endpoint on AWS for the first time | [`guide::getting_started`] |
//! | move from the SageMaker Python SDK | [`guide::migrating`] |
//! | process thousands of inputs | [`batch`], [`guide::batches`] |
//! | send or fetch gigabytes | [`guide::large_payloads`] |
//! | handle results in another process | [`queue`], [`guide::queue`] |
//! | test a program without AWS | `local`, [`guide::local_endpoint`] |
//! | deploy, scale or delete an endpoint | [`endpoint`], [`guide::endpoints`] |
//! | understand an error | [`guide::troubleshooting`] |
//! | know what is retried, and what never is | [`guide::faults`] |
//!
//! All pages: [`guide`].
//!
//! # Main types
//!
//! - [`Session`]: region, credentials, connections and retries. Create one and share it; a clone is cheap.
//! - [`AsyncPredictor`]: one endpoint. [`predict`](AsyncPredictor::predict) submits and waits,
//!   [`predict_async`](AsyncPredictor::predict_async) submits, [`request`](AsyncPredictor::request) has every
//!   option of the call.
//! - [`AsyncInferenceResponse`]: a submitted inference. [`get_result`](AsyncInferenceResponse::get_result) waits as
//!   its [`WaiterConfig`] specifies.
//! - [`InferenceHandle`]: a submitted inference as one line of JSON. Save it, and
//!   [`resume`](AsyncPredictor::resume) in any process.
//! - [`Serializer`] and [`Deserializer`]: [`Json`] (the default), [`JsonLines`], [`Csv`], [`Text`], [`Bytes`], or
//!   your own.
//! - [`Error`]: one enum for all operations; [`Error::handle`] returns the inference that an error is about.
//!
//! # No inference is lost, none runs twice
//!
//! `InvokeEndpointAsync` has no idempotency token. A submit is retried only when it provably did not happen: no
//! connection was made, or the service refused it because of throttling. If the response is lost after the request was
//! sent, the error is [`Error::MaybeSubmitted`] with the inference id to look for
//! ([`AsyncRequest::allow_duplicates`] changes that). Every error after a successful submit carries the handle.
//!
//! # Cargo features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `local` | `local::LocalEndpoint`: an asynchronous endpoint on a loopback port, for development and tests |
//! | `cli` | the command `sagemaker-async` ([`guide::command_line`]); includes `local` |
//! | `npy` | `Npy`, the codec of `NumPy` arrays |
//! | `inventory` | inputs from an S3 Inventory ([`batch`]); included in `cli` |
//! | `tracing` | spans and events of submits, waits, requests and retries |
//! | `platform-verifier` | trusts the machine's certificate store instead of the built-in roots |
//!
//! # Secrets
//!
//! No `Debug`, error or log line contains a secret, a token, custom attributes or a payload. Only
//! [`ModelFailure::bytes`] returns the content of a failure object.
//!
//! [aws]: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
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
mod words;

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
#[cfg(feature = "npy")]
pub use codec::{Npy, NpyArray, NpyElement};
pub use endpoint::inference_config::{AsyncInferenceConfig, NotificationConfig};
pub use error::config::ConfigError;
pub use error::core::{Error, Result};
pub use error::credentials::CredentialsError;
pub use error::service::ServiceError;
pub use error::transfer::TransferError;
pub use error::transport::{MaybeSubmitted, TransportError};
pub use error::wait::{ModelFailure, PollingTimeout, WaitStopped};
pub use handle::InferenceHandle;
pub use invalid_input::InvalidInput;
pub use predictor::AsyncPredictor;
pub use request::AsyncRequest;
pub use response::core::AsyncInferenceResponse;
pub use session::builder::SessionBuilder;
pub use session::core::Session;
pub use session::transfer_config::TransferConfig;
pub use uri::S3Uri;
pub use waiter::builder::WaiterConfigBuilder;
pub use waiter::cancel::CancelToken;
pub use waiter::config::WaiterConfig;
pub use {serde_json, ureq};

/// The README's examples, run as tests.
#[cfg(all(doctest, feature = "local"))]
#[doc = include_str!("../README.md")]
mod readme {}
