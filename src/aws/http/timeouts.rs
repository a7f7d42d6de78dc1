//! The limits on the phases of a request.

use std::time::Duration;

/// How long each phase of a request may take. A wait's deadline shortens them further.
///
/// | phase | default |
/// |---|---|
/// | [`connect`](Self::with_connect): name resolution; then connection and TLS handshake | 5 s each |
/// | [`read`](Self::with_read): each read of a response; all its headers together get a 64th more | 60 s each |
/// | [`write`](Self::with_write): each write of a request | 60 s |
///
/// A response body that arrives at less than 1 KiB/s over a whole read timeout counts as timed out, and so
/// does a request that the server reads at less than 1 KiB/s over a whole write timeout (but not with an
/// [agent](crate::SessionBuilder::agent) of the caller's, whose connections are its own).
///
/// [`SessionBuilder::build`](crate::SessionBuilder::build) refuses a limit of zero. One of more than a year counts
/// as a year.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::session::Timeouts;
///
/// let hasty = Timeouts::default().with_connect(Duration::from_secs(1));
/// assert_eq!(hasty.read(), Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Timeouts {
    connect: Duration,
    read: Duration,
    write: Duration,
}

/// Longer than any phase takes, and short enough to be added to an instant: `ureq` panics on an overflow.
const LONGEST: Duration = Duration::from_hours(365 * 24);

impl Timeouts {
    /// Sets the limit on name resolution, and the same limit on connection and TLS handshake. Default: 5 s.
    pub fn with_connect(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// Sets the limit on each read of a response. Default: 60 s.
    pub fn with_read(mut self, timeout: Duration) -> Self {
        self.read = timeout;
        self
    }

    /// Sets the limit on each write of a request. Default: 60 s.
    pub fn with_write(mut self, timeout: Duration) -> Self {
        self.write = timeout;
        self
    }

    pub(crate) fn capped(self) -> Self {
        Self {
            connect: self.connect.min(LONGEST),
            read: self.read.min(LONGEST),
            write: self.write.min(LONGEST),
        }
    }

    /// The limit on name resolution, and on making a connection.
    pub fn connect(&self) -> Duration {
        self.connect
    }

    /// The limit on each read of a response; all its headers together get a 64th more.
    pub fn read(&self) -> Duration {
        self.read
    }

    /// The limit on each write of a request.
    pub fn write(&self) -> Duration {
        self.write
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_mins(1),
            write: Duration::from_mins(1),
        }
    }
}
