//! The guide: one page a topic. There is no code here.
//!
//! | first steps | |
//! |---|---|
//! | [`getting_started`] | what to create and allow on AWS, and a first inference |
//! | [`migrating`] | from the SageMaker Python SDK, method by method |
//! | [`local_endpoint`] | an endpoint on this machine, without an account |
//! | [`command_line`] | the command `sagemaker-async`: outputs, exit codes, signals, journals |
//!
//! | tasks | |
//! |---|---|
//! | [`batches`] | thousands of inputs, and how to continue after a crash |
//! | [`large_payloads`] | files, readers and writers instead of memory |
//! | [`queue`] | results from SQS instead of polling |
//! | [`async_applications`] | calls from inside an async runtime |
//! | [`endpoints`] | deploy, update, scale to zero, delete |
//!
//! | reference | |
//! |---|---|
//! | [`configuration`] | credentials, region, endpoints, and every default |
//! | [`formats`] | numbers, texts and errors of the codecs |
//! | [`troubleshooting`] | what an error means, by its message |
//! | [`faults`] | what is retried and what never is, operation by operation |
//! | [`networks`] | proxies, TLS, names, kept connections |
//! | [`local_endpoint_operations`] | every operation that the local endpoint offers or refuses |
//! | [`performance`] | what requests, transfers and batches cost, beside plain `ureq` |
//! | [`changelog`] | what changed, and what to write instead |
//! | [`design`] | for those who change this crate |
#![allow(clippy::doc_markdown)] // the pages are full of names

#[doc = include_str!("getting_started.md")]
pub mod getting_started {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[doc = include_str!("batches.md")]
pub mod batches {}

#[doc = include_str!("large_payloads.md")]
pub mod large_payloads {}

#[doc = include_str!("async_applications.md")]
pub mod async_applications {}

#[doc = include_str!("endpoints.md")]
pub mod endpoints {}

#[doc = include_str!("queue.md")]
pub mod queue {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("local_endpoint.md")]
pub mod local_endpoint {}

#[doc = include_str!("local_endpoint_operations.md")]
pub mod local_endpoint_operations {}

#[doc = include_str!("command_line.md")]
pub mod command_line {}

#[doc = include_str!("configuration.md")]
pub mod configuration {}

#[doc = include_str!("formats.md")]
pub mod formats {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("faults.md")]
pub mod faults {}

#[doc = include_str!("networks.md")]
pub mod networks {}

#[doc = include_str!("changelog.md")]
pub mod changelog {}

#[doc = include_str!("design.md")]
pub mod design {}

#[doc = include_str!("performance.md")]
pub mod performance {}
