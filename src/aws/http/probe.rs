//! Connections as they are used: kept ones are probed once between two requests, and not twice, and a server
//! that takes a request too slowly is waited for no longer.
//!
//! ureq looks whether a connection is still open when it comes back to the pool and again when it is
//! taken from there, three system calls each time; the socket of a small request sees two more. The second
//! look finds all that the first could: a server that has closed, and bytes that nobody asked for.

use std::fmt;
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::connect::Connecting;
use super::pace::Pace;
use crate::sys::{Clock, SystemClock};

/// As [`Connecting`], with connections that are [`Probed`].
#[derive(Debug)]
pub(super) struct ProbingConnector {
    connecting: Connecting,
    write: Duration,
}

impl ProbingConnector {
    /// With the limit on each write.
    pub(super) fn new(write: Duration) -> Self {
        Self {
            connecting: Connecting::default(),
            write,
        }
    }
}

impl Connector<()> for ProbingConnector {
    type Out = Probed;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connected = self.connecting.connect(details, chained)?;
        Ok(connected.map(|inner| Probed::new(inner, self.write)))
    }
}

/// A connection that passes over the look that comes right after a request, and breaks off one that is
/// taken too slowly.
pub(super) struct Probed {
    inner: Box<dyn Transport>,
    /// Since the last look.
    used: bool,
    /// Of the request that is being sent.
    pace: Pace,
}

impl Probed {
    fn new(inner: Box<dyn Transport>, write: Duration) -> Self {
        Self {
            inner,
            used: false,
            pace: Pace::of(write),
        }
    }
}

impl Transport for Probed {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.used = true;
        let before = SystemClock.monotonic();
        self.inner.transmit_output(amount, timeout)?;
        let problem = "the request was taken too slowly";
        Ok(self.pace.moved(amount as u64, before, problem)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.pace.begin();
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use ureq::Error;
    use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

    use super::Probed;
    use crate::sys::{Clock, SystemClock};

    /// Takes what it is given, each time in so long.
    #[derive(Debug)]
    struct Slow(LazyBuffers, Duration);

    impl Transport for Slow {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }
        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            SystemClock.sleep(self.1);
            Ok(())
        }
        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            Ok(true)
        }
        fn is_open(&mut self) -> bool {
            true
        }
    }

    fn send(bytes: usize, each: Duration, answered: bool) -> Option<Error> {
        let slow = Slow(LazyBuffers::new(1024, 1024), each);
        let mut connection = Probed::new(Box::new(slow), Duration::from_millis(100));
        for _ in 0..8 {
            if let Err(error) = connection.transmit_output(bytes, NextTimeout::default()) {
                return Some(error);
            }
            if answered {
                connection
                    .await_input(NextTimeout::default())
                    .expect("an answer");
            }
        }
        None
    }

    #[test]
    fn a_request_that_drips_away_is_broken_off_and_a_slow_one_is_not() {
        let each = Duration::from_millis(30);
        let error = send(1, each, false).expect("too slow");
        let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        assert!(
            matches!(&error, Error::Io(error) if timed_out(error)),
            "{error:?}"
        );
        // In 100 ms 102 bytes have to go.
        assert!(send(200, each, false).is_none());
        // Small requests, one after another, are not one that drips.
        assert!(send(1, each, true).is_none());
    }
}
