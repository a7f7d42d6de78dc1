//! What can go wrong, and what to do about it.

pub(crate) mod config;
mod control_plane;
pub(crate) mod core;
pub(crate) mod credentials;
mod deployment;
pub(crate) mod endpoint_status;
mod judgement;
pub(crate) mod service;
#[cfg(feature = "local")]
mod testing;
pub(crate) mod transfer;
pub(crate) mod transport;
pub(crate) mod wait;

use std::fmt;
use std::time::Duration;

pub use crate::codec::CodecDirection;
pub(crate) use config::ConfigError;
pub(crate) use core::{Error, Result, is_ambiguous};
pub(crate) use credentials::CredentialsError;
pub use deployment::{DeploymentError, EndpointWaitError, EndpointWaitReason, Resource};
pub(crate) use service::{ServiceError, is_skew, is_throttling};
pub(crate) use transfer::TransferError;
pub use transfer::TransferErrorKind;
pub use transport::TransportErrorKind;
pub(crate) use transport::{Advice, MaybeSubmitted, TransportError};
pub(crate) use wait::{ModelFailure, Observed, PollingTimeout, WaitStopReason, WaitStopped};

use crate::uri::S3Uri;

fn write_uploaded(f: &mut fmt::Formatter<'_>, uploaded: Option<&S3Uri>) -> fmt::Result {
    match uploaded {
        Some(uri) => write!(f, "; the input that was uploaded stays at {uri}"),
        None => Ok(()),
    }
}

/// The remedy, in the alternate form of an error alone.
pub(crate) fn with_remedy(f: &mut fmt::Formatter<'_>, remedy: Option<&str>) -> fmt::Result {
    match remedy {
        Some(remedy) if f.alternate() => write!(f, "; {remedy}"),
        _ => Ok(()),
    }
}

/// Seconds with as many digits as a reader wants: "0.25 s", "12.3 s", "900 s".
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 100.0 || duration.subsec_millis() == 0 {
        format!("{seconds:.0} s")
    } else if seconds >= 1.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{seconds:.3} s")
    }
}
