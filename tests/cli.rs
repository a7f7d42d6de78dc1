//! The command line, with the real binary in an environment of its own, against the local endpoint.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // processes are what is tested here, and files what they leave

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/codes.rs"]
mod codes;
#[path = "cli/endpoints.rs"]
mod endpoints;
#[cfg(target_os = "linux")] // what the server uses is read from /proc
#[path = "cli/load.rs"]
mod load;
#[path = "cli/many.rs"]
mod many;
#[path = "cli/one.rs"]
mod one;
#[path = "cli/options.rs"]
mod options;
#[path = "cli/python.rs"]
mod python;
#[path = "cli/server.rs"]
mod server;
#[cfg(target_os = "linux")] // its way to open a pseudo-terminal
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/troubles.rs"]
mod troubles;
