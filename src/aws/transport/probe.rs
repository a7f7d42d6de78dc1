//! Kept connections are probed once between two requests, and not twice.
//!
//! ureq looks whether a connection is still open when it comes back to the pool and again when it is
//! taken from there, three system calls each time; the socket of a small request sees two more. The second
//! look finds all that the first could: a server that has closed, and bytes that nobody asked for.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::connecting::Connecting;

/// As [`Connecting`], with connections that are [`Probed`].
#[derive(Debug, Default)]
pub(super) struct ProbingConnector(Connecting);

impl Connector<()> for ProbingConnector {
    type Out = Probed;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connected = self.0.connect(details, chained)?;
        Ok(connected.map(|inner| Probed { inner, used: false }))
    }
}

/// A connection that passes over the look that comes right after a request.
pub(super) struct Probed {
    inner: Box<dyn Transport>,
    /// Since the last look.
    used: bool,
}

impl Transport for Probed {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.used = true;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        std::mem::take(&mut self.used) || self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl fmt::Debug for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probed").field(&self.inner).finish()
    }
}
