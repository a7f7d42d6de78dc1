//! A submitted inference: where its outcome will be, and how it is fetched.

pub(crate) mod clean_up;
pub(crate) mod core;
mod download;
mod handle_files;
pub(crate) mod poll;
pub(crate) mod wait;

pub use clean_up::{CleanUp, CleanUpFailure, CleanUpReport};
pub(crate) use core::AsyncInferenceResponse;
