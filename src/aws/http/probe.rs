//! Connections as they are used: pooled ones are probed once between two requests, and not twice; a server
//! that takes a request too slowly is waited for no longer; interim responses are removed.
//!
//! ureq probes whether a connection is still open when it comes back to the pool and again when it is
//! taken from there, three system calls each time; the socket of a small request sees two more. The second
//! probe finds all that the first could: a server that has closed, and bytes that nobody asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Error, Timeout};

use super::connect::Connecting;
use super::connection_error::ProxyFault;
use super::dns::Addresses;
use super::habits::{Habit, Habits};
use super::interim::{Heads, no_response};
use super::pace::Pace;
use crate::sys::{Clock, SystemClock};

/// As [`Connecting`], with connections that are [`Probed`].
#[derive(Debug)]
pub(super) struct ProbingConnector {
    connecting: Connecting,
    addresses: Addresses,
    habits: Habits,
    write: Duration,
}

impl ProbingConnector {
    /// With the limit on each write.
    pub(super) fn new(write: Duration, addresses: &Addresses) -> Self {
        Self {
            connecting: Connecting::new(addresses.clone()),
            addresses: addresses.clone(),
            habits: Habits::default(),
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
        Ok(connected.map(|inner| {
            let origin = Origin {
                uri: details.uri.clone(),
                addresses: self.addresses.clone(),
                habit: self.habits.of(details.uri),
            };
            Probed::new(inner, self.write, origin)
        }))
    }
}

/// Whom a connection leads to.
struct Origin {
    uri: Uri,
    addresses: Addresses,
    habit: Arc<Habit>,
}

impl Origin {
    /// The connection broke: perhaps the host is somewhere else now.
    fn lost(&self) {
        self.addresses.forget(&self.uri);
    }
}

/// A connection that passes over the probe that comes right after a request, breaks off a request that is
/// taken too slowly, and hands on no interim response.
pub(super) struct Probed {
    inner: Box<dyn Transport>,
    origin: Origin,
    /// Since the last probe.
    used: bool,
    /// The monotonic time at which it came back from a request.
    came_back: Option<Duration>,
    /// How long it was idle before the request that it serves now; `None` in its first one, and once a
    /// response has come.
    idle: Option<Duration>,
    /// Of the request that is being sent.
    pace: Pace,
    heads: Heads,
}

impl Probed {
    fn new(inner: Box<dyn Transport>, write: Duration, origin: Origin) -> Self {
        Self {
            inner,
            origin,
            used: false,
            came_back: None,
            idle: None,
            pace: Pace::of(write),
            heads: Heads::new(),
        }
    }

    fn transmit(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let before = SystemClock.monotonic();
        self.inner.transmit_output(amount, timeout)?;
        let problem = "the request was taken too slowly";
        Ok(self.pace.moved(amount as u64, before, problem)?)
    }

    fn receive(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if self.heads.passes(self.inner.buffers()) {
            return self.inner.await_input(timeout);
        }
        let began = SystemClock.monotonic();
        let mut left = timeout;
        while !self.heads.settle(self.inner.buffers())? {
            if left.after.is_zero() {
                return Err(Error::Timeout(timeout.reason));
            }
            if !self.inner.await_input(left)? {
                return Err(no_response());
            }
            // Only what one read did not bring takes another timeout, which costs a system call.
            if !timeout.after.is_not_happening() {
                let spent = SystemClock.monotonic().saturating_sub(began);
                left.after = timeout.after.saturating_sub(spent).into();
            }
        }
        Ok(true)
    }

    /// What breaks before a proxy has opened its tunnel is the proxy's.
    fn lost(&mut self, error: Error) -> Error {
        self.origin.lost();
        if let Some(idle) = self.idle.take() {
            self.origin.habit.ended(idle);
        }
        match error {
            Error::Io(error) if self.heads.is_connecting() => ProxyFault::Broke(error).into(),
            Error::Timeout(_) if self.heads.is_connecting() => ProxyFault::Silent.into(),
            error => error,
        }
    }
}

impl Transport for Probed {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.used = true;
        if let Some(since) = self.came_back.take() {
            self.idle = Some(SystemClock.monotonic().saturating_sub(since));
        }
        self.heads.sending(&self.inner.buffers().output()[..amount]);
        self.transmit(amount, timeout)
            .map_err(|error| self.lost(error))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.pace.begin();
        match self.receive(timeout) {
            // Only the wait for a `100` ends here, and the request goes on.
            Err(Error::Timeout(Timeout::Await100)) => Err(Error::Timeout(Timeout::Await100)),
            Ok(some) => {
                if self.idle.take().is_some() {
                    self.origin.habit.kept();
                }
                Ok(some)
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    fn is_open(&mut self) -> bool {
        // What goes through a tunnel is probed by what uses it, and has passed over one probe already.
        if self.heads.is_tunnel() {
            return self.inner.is_open();
        }
        let now = SystemClock.monotonic();
        if std::mem::take(&mut self.used) {
            self.came_back = Some(now);
            return self.origin.habit.keeps();
        }
        let idle = self
            .came_back
            .map_or(Duration::MAX, |since| now.saturating_sub(since));
        let is_open = self.origin.habit.probe(idle, || self.inner.is_open());
        if !is_open {
            self.origin.habit.ended(idle);
        }
        is_open
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
    use std::sync::Arc;
    use std::time::Duration;

    use ureq::Error;
    use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

    use super::{Addresses, Origin, Probed};
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
            let response = b"HTTP/1.1 200 OK\r\n\r\n";
            self.0.input_append_buf()[..response.len()].copy_from_slice(response);
            self.0.input_appended(response.len());
            Ok(true)
        }
        fn is_open(&mut self) -> bool {
            true
        }
    }

    fn send(bytes: usize, each: Duration, answered: bool) -> Option<Error> {
        let slow = Slow(LazyBuffers::new(1024, 1024), each);
        let origin = Origin {
            uri: "http://localhost".parse().expect("a URI"),
            addresses: Addresses::default(),
            habit: Arc::default(),
        };
        let mut connection = Probed::new(Box::new(slow), Duration::from_millis(100), origin);
        for _ in 0..8 {
            if let Err(error) = connection.transmit_output(bytes, NextTimeout::default()) {
                return Some(error);
            }
            if answered {
                connection
                    .await_input(NextTimeout::default())
                    .expect("a response");
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
