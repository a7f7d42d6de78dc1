//! Connections in use: pooled ones are probed once between two requests, and not twice; a request's
//! head and the beginning of its body are sent in one write; a request that the server reads too slowly fails;
//! interim responses are removed.
//!
//! ureq probes whether a connection is still open when it comes back to the pool and again when it is
//! taken from there, three system calls each time; the socket of a small request sees two more. The second
//! probe finds all that the first could: a closed connection, and unexpected bytes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Error, Timeout};

use super::cancel::Cancelled;
use super::connect::Connecting;
use super::connection_error::ProxyFault;
use super::dns::Addresses;
use super::forward::remove_slash;
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
    forwards: bool,
}

impl ProbingConnector {
    /// With the limit on each write. `forwards`: all connections lead to a proxy that takes requests in absolute form.
    pub(super) fn new(write: Duration, addresses: &Addresses, forwards: bool) -> Self {
        Self {
            connecting: Connecting::new(addresses.clone()),
            addresses: addresses.clone(),
            habits: Habits::default(),
            write,
            forwards,
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
            Probed {
                forwards: self.forwards,
                ..Probed::new(inner, self.write, origin)
            }
        }))
    }
}

/// The host that a connection leads to.
struct Origin {
    uri: Uri,
    addresses: Addresses,
    habit: Arc<Habit>,
}

impl Origin {
    /// The connection failed: perhaps the host has another address now.
    fn lost(&self) {
        self.addresses.forget(&self.uri);
    }
}

/// A connection that skips the probe right after a request, ends a request that is read too slowly, and passes
/// on no interim response.
pub(super) struct Probed {
    inner: Box<dyn Transport>,
    origin: Origin,
    /// Whether it leads to a proxy that takes requests in absolute form.
    forwards: bool,
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
    head: HeldHead,
}

/// The head of a request, which waits for the beginning of its body: sent alone it would cost a system call, a
/// packet, and a wake-up of the server for half a request.
#[derive(Default)]
struct HeldHead {
    bytes: Vec<u8>,
    /// That of its own write.
    timeout: NextTimeout,
}

impl HeldHead {
    /// Whether the first output of a request was held back: the head of one that may have a body.
    fn takes(&mut self, output: &[u8], timeout: NextTimeout) -> bool {
        let takes = output.starts_with(b"POST ") || output.starts_with(b"PUT ");
        if takes {
            self.bytes.extend_from_slice(output);
            self.timeout = timeout;
        }
        takes
    }

    /// Puts it before the first `amount` bytes of output, if there is room. Returns the number of bytes of both.
    fn join(&mut self, output: &mut [u8], amount: usize) -> Option<usize> {
        let length = self.bytes.len();
        let whole = output.get_mut(..length + amount)?;
        whole.copy_within(..amount, length);
        whole[..length].copy_from_slice(&self.bytes);
        self.bytes.clear();
        Some(length + amount)
    }
}

impl Probed {
    fn new(inner: Box<dyn Transport>, write: Duration, origin: Origin) -> Self {
        Self {
            inner,
            origin,
            forwards: false,
            used: false,
            came_back: None,
            idle: None,
            pace: Pace::of(write),
            heads: Heads::new(),
            head: HeldHead::default(),
        }
    }

    fn transmit(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.head.bytes.is_empty() {
            return self.write(amount, timeout);
        }
        let output = self.inner.buffers().output();
        if let Some(both) = self.head.join(output, amount) {
            return self.write(both, timeout);
        }
        // The output is full of the body: the head takes the place of its beginning for a moment.
        let length = self.head.bytes.len();
        output[..length].swap_with_slice(&mut self.head.bytes);
        self.write(length, self.head.timeout)?;
        let output = self.inner.buffers().output();
        output[..length].swap_with_slice(&mut self.head.bytes);
        self.head.bytes.clear();
        self.write(amount, timeout)
    }

    /// Sends a head without a body, or one whose body waits for `100 Continue`.
    fn flush(&mut self) -> Result<(), Error> {
        if self.head.bytes.is_empty() {
            return Ok(());
        }
        self.transmit(0, self.head.timeout)
    }

    fn write(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.pace.is_new() {
            // Most requests are one write, which its own timeout limits.
            self.inner.transmit_output(amount, timeout)?;
            self.pace.keeps_up(amount as u64, Duration::ZERO);
            return Ok(());
        }
        let before = SystemClock.monotonic();
        self.inner.transmit_output(amount, timeout)?;
        let problem = "the server read the request too slowly";
        Ok(self.pace.moved(amount as u64, before, problem)?)
    }

    fn receive(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if self.heads.passes(self.inner.buffers()) {
            return self.inner.await_input(timeout);
        }
        let mut began = None;
        while !self.heads.settle(self.inner.buffers())? {
            let now = SystemClock.monotonic();
            let spent = now.saturating_sub(*began.get_or_insert(now));
            let mut left = timeout;
            // Only what one read did not bring takes another timeout, which costs a system call.
            if !spent.is_zero() && !timeout.after.is_not_happening() {
                left.after = timeout.after.saturating_sub(spent).into();
            }
            if left.after.is_zero() {
                return Err(Error::Timeout(timeout.reason));
            }
            if !self.inner.await_input(left)? {
                return Err(no_response());
            }
        }
        Ok(true)
    }

    /// A failure before a proxy has opened its tunnel is the proxy's. A cancel says nothing about either.
    fn lost(&mut self, error: Error) -> Error {
        if Cancelled::is(&error) {
            return error;
        }
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
        let is_first = !std::mem::replace(&mut self.used, true);
        let output = &mut self.inner.buffers().output()[..amount];
        let amount = if is_first && self.forwards {
            remove_slash(output)
        } else {
            amount
        };
        let output = &output[..amount];
        self.heads.sending(output);
        if is_first && self.head.takes(output, timeout) {
            return Ok(());
        }
        self.transmit(amount, timeout)
            .map_err(|error| self.lost(error))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.flush().map_err(|error| self.lost(error))?;
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
        // The connection through a tunnel is probed by its own wrapper, which has skipped one probe already.
        if self.heads.is_tunnel() {
            return self.inner.is_open();
        }
        let now = SystemClock.monotonic();
        if std::mem::take(&mut self.used) {
            self.came_back = Some(now);
            return self.origin.habit.keeps();
        }
        self.idle = self.came_back.map(|since| now.saturating_sub(since));
        let idle = self.idle.unwrap_or(Duration::MAX);
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
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use ureq::Error;
    use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

    use super::{Addresses, Origin, Probed};
    use crate::sys::{Clock, SystemClock};

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

    fn origin() -> Origin {
        Origin {
            uri: "http://localhost".parse().expect("a URI"),
            addresses: Addresses::default(),
            habit: Arc::default(),
        }
    }

    /// Keeps what it is given, write by write.
    #[derive(Debug)]
    struct Recording(LazyBuffers, Arc<Mutex<Vec<Vec<u8>>>>);

    impl Transport for Recording {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }
        fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
            let written = self.0.output()[..amount].to_vec();
            self.1.lock().expect("no panic").push(written);
            Ok(())
        }
        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            self.0.input_append_buf()[..RESPONSE.len()].copy_from_slice(RESPONSE);
            self.0.input_appended(RESPONSE.len());
            Ok(true)
        }
        fn is_open(&mut self) -> bool {
            true
        }
    }

    /// Sends these outputs of one request and takes its response; the writes.
    fn writes(outputs: &[&[u8]]) -> Vec<Vec<u8>> {
        let written = Arc::default();
        let recording = Recording(LazyBuffers::new(1024, 64), Arc::clone(&written));
        let mut connection = Probed::new(Box::new(recording), Duration::from_secs(1), origin());
        for output in outputs {
            connection.buffers().output()[..output.len()].copy_from_slice(output);
            let sent = connection.transmit_output(output.len(), NextTimeout::default());
            sent.expect("sent");
        }
        let response = connection.await_input(NextTimeout::default());
        response.expect("a response");
        let written = written.lock().expect("no panic");
        written.clone()
    }

    #[test]
    fn a_head_goes_out_with_the_beginning_of_its_body() {
        let head = b"POST / HTTP/1.1\r\n\r\n".as_slice();
        assert_eq!(writes(&[head, b"body"]), [[head, b"body"].concat()]);
        assert_eq!(writes(&[head]), [head]);
        assert_eq!(writes(&[head, b""]), [head]);
        let more = b"POST is a word in this body".as_slice();
        assert_eq!(
            writes(&[head, b"a", more]),
            [[head, b"a"].concat(), more.to_vec()]
        );
        // Output that is full of the body has no room for it.
        let full = [b'x'; 64].as_slice();
        assert_eq!(writes(&[head, full, b"end"]), [head, full, b"end"]);
        let get = b"GET / HTTP/1.1\r\n\r\n".as_slice();
        assert_eq!(writes(&[get]), [get]);
    }

    /// Takes what it is given, with this delay each time.
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
            self.0.input_append_buf()[..RESPONSE.len()].copy_from_slice(RESPONSE);
            self.0.input_appended(RESPONSE.len());
            Ok(true)
        }
        fn is_open(&mut self) -> bool {
            true
        }
    }

    fn send(bytes: usize, each: Duration, responded: bool) -> Option<Error> {
        let slow = Slow(LazyBuffers::new(1024, 1024), each);
        let mut connection = Probed::new(Box::new(slow), Duration::from_millis(100), origin());
        for _ in 0..8 {
            if let Err(error) = connection.transmit_output(bytes, NextTimeout::default()) {
                return Some(error);
            }
            if responded {
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
