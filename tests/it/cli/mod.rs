//! The command line, with the real binary in an environment of its own, against the local endpoint.
#![allow(clippy::disallowed_methods)] // processes are what is tested here, and files what they leave

mod bench;
mod codes;
mod endpoints;
#[cfg(target_os = "linux")] // what the server uses is read from /proc
mod load;
mod many;
mod one;
mod options;
mod python;
mod server;
mod server_data;
#[cfg(target_os = "linux")] // its way to open a pseudo-terminal
mod terminal;
mod troubles;
