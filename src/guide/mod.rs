//! Longer explanations, a page a module. There is no code here.

#[doc = include_str!("configuration.md")]
pub mod configuration {}

#[allow(clippy::doc_markdown)] // names of AWS
#[doc = include_str!("queue.md")]
pub mod queue {}

#[allow(clippy::doc_markdown)] // the tables are full of names
#[doc = include_str!("faults.md")]
pub mod faults {}

#[allow(clippy::doc_markdown)] // NTLM, subjectAltName and other names
#[doc = include_str!("networks.md")]
pub mod networks {}

#[allow(clippy::doc_markdown)] // SIGKILL, aws-chunked and other names
#[doc = include_str!("local_endpoint.md")]
pub mod local_endpoint {}

#[allow(clippy::doc_markdown)] // the tables are full of names
#[doc = include_str!("local_endpoint_operations.md")]
pub mod local_endpoint_operations {}

#[doc = include_str!("formats.md")]
pub mod formats {}

#[allow(clippy::doc_markdown)] // names of products and files
#[doc = include_str!("command_line.md")]
pub mod command_line {}

#[allow(clippy::doc_markdown)] // the tables are full of names
#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}
