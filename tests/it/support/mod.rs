//! Servers that the tests hold this crate against: both check requests with code that others wrote.

// Each test file compiles this module anew, as a private one, and uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod anywhere;
#[cfg(feature = "local")]
pub mod bench;
pub mod client;
pub mod inventory;
pub mod raw;
pub mod s3;
pub mod tls;
pub mod verifier;
pub mod wait;

/// The key pair of the examples in the services' documentation.
pub const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret; 40 characters, as the verifier's library asks for.
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The code of a service's error.
pub fn service_code(error: &sagemaker_async_inference::Error) -> Option<&str> {
    match error {
        sagemaker_async_inference::Error::Service(fault) => fault.code(),
        _ => None,
    }
}
