//! The local endpoint, through real sockets, under requests that an independent signer signed.

mod checksums;
mod chunked;
mod client;
mod conditions;
mod containers;
mod control;
mod copies;
mod data_directory;
mod faults;
mod hostile;
mod hosts;
mod http1;
mod invocations;
mod listings;
mod notifications;
mod objects;
mod operations;
mod presigned;
mod probes;
mod queues;
mod signature_probes;
mod signatures;
mod storage;
mod uploads;
mod virtual_time;
