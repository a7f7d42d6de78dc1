//! The integration tests: one binary, one file a behaviour. What needs a process of its own is beside it in `tests/`.

#![allow(clippy::too_many_lines)] // tables of cases

mod support;

mod access_denied;
mod addresses;
mod advice;
#[cfg(feature = "local")]
mod batch;
mod bucket_regions;
mod cancellation;
#[cfg(feature = "local")]
mod clean_up;
#[cfg(feature = "cli")]
mod cli;
mod clock_skew;
#[cfg(feature = "local")]
mod clocks;
mod codec;
mod codec_numbers;
#[cfg(feature = "local")]
mod connections;
#[cfg(feature = "local")]
mod consistency;
mod control_plane;
mod control_plane_limits;
mod control_plane_responses;
mod conversions;
mod credentials_cache;
mod credentials_container;
mod credentials_login;
mod credentials_metadata;
mod credentials_parsers;
mod credentials_process;
mod credentials_providers;
mod credentials_services;
mod credentials_sources;
#[cfg(feature = "local")]
mod deploy;
mod doc_examples;
mod endpoint_conflicts;
mod endpoint_properties;
#[cfg(feature = "local")]
mod endpoint_wait;
mod endpoints;
#[cfg(feature = "local")]
mod error_handles;
mod errors;
mod fault_matrix;
mod handle;
mod inference_config;
mod interim;
mod layers;
mod limits;
#[cfg(feature = "local")]
mod local_endpoint;
#[cfg(feature = "local")]
mod lost_responses;
mod model_limits;
mod notification;
mod notification_wrappers;
#[cfg(feature = "npy")]
mod npy;
#[cfg(feature = "local")]
mod own_agent;
mod own_hosts;
mod pitfalls;
mod placement;
mod privacy;
#[cfg(feature = "local")]
mod privacy_types;
mod profile;
mod profile_names;
mod profile_session;
mod proxies;
mod public_surface;
mod public_types;
#[cfg(feature = "local")]
mod queue;
#[cfg(feature = "cli")]
mod quickstart;
mod randomness;
mod remedies;
mod retries;
mod s3;
mod scaling;
mod signing;
mod store_checksums;
mod submit;
mod support_selfcheck;
#[cfg(feature = "local")]
mod testing;
mod tls;
mod tls_metadata;
#[cfg(feature = "local")]
mod transfer;
#[cfg(feature = "local")]
mod troubleshooting;
mod trust;
#[cfg(feature = "local")]
mod unsubmitted;
#[cfg(feature = "local")]
mod update;
mod uri;
mod waiting;
mod waiting_errors;
