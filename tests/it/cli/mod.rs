//! The command line, with the real binary in an environment of its own, against the local endpoint.
#![allow(clippy::disallowed_methods)] // processes are what is tested here, and files what they leave

mod bench;
mod codes;
mod consume;
#[cfg(unix)]
mod deploys;
mod encodings;
mod endpoints;
mod failures;
mod forms;
mod handles;
#[cfg(unix)]
mod hanging;
mod inputs;
#[cfg(target_os = "linux")] // what the server uses is read from /proc
mod load;
mod many;
mod one;
mod options;
#[cfg(target_os = "linux")] // descriptors by their paths, file systems that refuse
mod places;
mod python;
mod results;
mod server;
mod server_data;
#[cfg(unix)]
mod signals;
#[cfg(target_os = "linux")] // its way to open a pseudo-terminal
mod terminal;
#[cfg(target_os = "linux")] // its way to name the store of certificates
mod trust;
