//! The local endpoint, through real sockets, under requests that an independent signer signed.

mod checksums;
mod chunked;
mod client;
mod control;
mod data_directory;
mod faults;
mod hostile;
mod hosts;
mod http1;
mod invocations;
mod objects;
mod operations;
mod signatures;
mod storage;
mod uploads;
