//! The local endpoint, through real sockets, under requests that an independent signer signed.
#![cfg(feature = "local")]

#[path = "local_endpoint/client.rs"]
mod client;
#[path = "local_endpoint/control.rs"]
mod control;
#[path = "local_endpoint/faults.rs"]
mod faults;
#[path = "local_endpoint/http.rs"]
mod http1;
#[path = "local_endpoint/invocations.rs"]
mod invocations;
#[path = "local_endpoint/objects.rs"]
mod objects;
#[path = "local_endpoint/signatures.rs"]
mod signatures;
#[path = "local_endpoint/uploads.rs"]
mod uploads;
