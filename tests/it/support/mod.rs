//! Servers for the tests: both check requests with independent code.

// Each test file compiles this module again, as a private one, and uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::io::Write;

pub mod anywhere;
#[cfg(feature = "local")]
pub mod bench;
pub mod client;
#[cfg(all(feature = "inventory", feature = "local"))]
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

/// A guard against hangs: no test waits for it to pass, and what it guards against takes a minute or never ends.
pub const HANG: std::time::Duration = std::time::Duration::from_secs(30);

/// Reports on standard error that something is not tested, and why; with `CI` set that is a failure.
#[allow(clippy::disallowed_methods)] // of the machine that runs the tests, not of the crate
pub fn skipped(what: &str, reason: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "in CI this has to be tested: {what}: {reason}"
    );
    // Past the harness, which keeps what tests print.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {reason}");
}

/// The code of a service's error.
pub fn service_code(error: &sagemaker_async_inference::Error) -> Option<&str> {
    match error {
        sagemaker_async_inference::Error::Service(fault) => fault.code(),
        _ => None,
    }
}
