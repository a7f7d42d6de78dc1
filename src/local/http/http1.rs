//! HTTP/1.1 on one connection: requests in, responses out.
//!
//! Responses are written here rather than by a library because injected faults send invalid HTTP, such as a
//! truncated body.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName};

use super::budget::{Budget, Share};
use super::chunked::incomplete;
use super::dechunk::{DechunkError, Dechunker};
use super::head::{Framing, Head, Parsed, bad_request};
use super::payload::Payload;
use super::response::{Refusal, Response};
use crate::local::s3::content::Disk;
use crate::local::server::storage_failed;
use crate::sys::{Clock, SystemClock};

/// Time limits of a connection, in real time.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) struct ConnectionTimeouts {
    /// Maximum idle time.
    pub(in crate::local) idle: Duration,
    /// Maximum duration of a request's head once it has begun, and of any single read of a body or write of a
    /// response.
    pub(in crate::local) slow: Duration,
}

impl Default for ConnectionTimeouts {
    fn default() -> Self {
        Self {
            // Longer than the longest pause between two polls.
            idle: Duration::from_mins(1),
            slow: Duration::from_secs(30),
        }
    }
}

/// How long the rest of a refused body is read, so that the client can read the response.
const LINGER: Duration = Duration::from_secs(2);
/// Maximum length of a refused body that is read and discarded, so that the connection can be reused.
const SHORT_BODY: u64 = 256 * 1024;
const CHUNK: usize = 64 * 1024;
/// Of a long body.
const LONG_CHUNK: usize = 256 * 1024;

/// Minimum average rate in bytes per second, after the first [`ConnectionTimeouts::slow`].
const MIN_RATE: u64 = 1024;

/// Ends slow transfers: a byte now and then would prevent every timeout.
struct Pace {
    begun: Duration,
    slow: Duration,
}

impl Pace {
    fn new(slow: Duration) -> Self {
        let begun = SystemClock.monotonic();
        Self { begun, slow }
    }

    fn check(&self, done: u64) -> io::Result<()> {
        let allowed = self.slow + Duration::from_secs(done / MIN_RATE);
        if SystemClock.monotonic().saturating_sub(self.begun) > allowed {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

/// A socket with a minimum write rate.
struct Paced<'a> {
    stream: &'a TcpStream,
    pace: Pace,
    written: u64,
}

impl<'a> Paced<'a> {
    fn new(stream: &'a TcpStream, slow: Duration) -> Self {
        Self {
            stream,
            pace: Pace::new(slow),
            written: 0,
        }
    }

    fn wrote(&mut self, bytes: usize) -> io::Result<()> {
        self.written += bytes as u64;
        self.pace.check(self.written)
    }
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.wrote(written)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The body of a request, or why there is none.
#[derive(Debug)]
pub(in crate::local) enum Body {
    Whole(Box<Payload>),
    /// More than the limit; the rest was left unread.
    TooLarge,
    /// Neither a length nor chunks announced where one of them must be.
    NoLength,
    /// Above the limit over all connections.
    Busy,
    /// Not admitted, not as announced, or not to be stored.
    Refused(Refusal),
}

/// The next event on a connection.
#[derive(Debug)]
pub(in crate::local) enum Received {
    Head(Box<Head>),
    /// The client closed the connection or was idle for too long.
    Closed,
    /// Not HTTP, ambiguous, or too long a head: this is the response, and the connection ends.
    Malformed(Refusal),
}

/// Limits of a request's body.
#[derive(Debug)]
pub(in crate::local) struct Allowed<'a> {
    /// Maximum number of bytes.
    pub(in crate::local) length: u64,
    /// Whether a request without a length is refused instead of treated as having no body.
    pub(in crate::local) length_required: bool,
    pub(in crate::local) budget: &'a Arc<Budget>,
}

/// One connection.
#[derive(Debug)]
pub(in crate::local) struct Connection {
    stream: Arc<TcpStream>,
    timeouts: ConnectionTimeouts,
    /// Bytes that were read and not yet consumed.
    input: Vec<u8>,
    keep_alive: bool,
    announces_keep_alive: bool,
    unread_body: bool,
}

impl Connection {
    pub(in crate::local) fn new(
        stream: Arc<TcpStream>,
        timeouts: ConnectionTimeouts,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(timeouts.slow))?;
        Ok(Self {
            stream,
            timeouts,
            input: Vec::new(),
            keep_alive: true,
            announces_keep_alive: false,
            unread_body: false,
        })
    }

    /// Reads the head of the next request.
    pub(in crate::local) fn receive_head(&mut self) -> io::Result<Received> {
        let mut begun = None;
        loop {
            if !self.input.is_empty() {
                match Head::parse(&self.input) {
                    Parsed::Head(used, head) => {
                        self.input.drain(..used);
                        self.keep_alive = head.keep_alive;
                        self.announces_keep_alive = head.announces_keep_alive;
                        return Ok(Received::Head(head));
                    }
                    Parsed::Partial => {}
                    Parsed::Refused(refusal) => return Ok(self.malformed(refusal)),
                }
                let now = SystemClock.monotonic();
                if now.saturating_sub(*begun.get_or_insert(now)) > self.timeouts.slow {
                    return Ok(self.malformed(too_slow(408)));
                }
            }
            let ConnectionTimeouts { idle, slow } = self.timeouts;
            match self.fill(if begun.is_some() { slow } else { idle }) {
                Ok(0) if begun.is_some() => {
                    return Ok(self.malformed(bad_request("The request head is cut short.")));
                }
                Ok(0) => return Ok(Received::Closed),
                Ok(_) => {}
                Err(error) if begun.is_some() && is_timeout(&error) => {
                    return Ok(self.malformed(too_slow(408)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn malformed(&mut self, refusal: Refusal) -> Received {
        self.keep_alive = false;
        self.unread_body = true;
        Received::Malformed(refusal)
    }

    /// Skips the body of a request that is refused by its head.
    pub(in crate::local) fn skip_body(&mut self, head: &Head) {
        match head.framing {
            Framing::None | Framing::Length(0) => {}
            // A client that waits for `100 Continue` sends nothing now, or everything.
            Framing::Length(length) if length <= SHORT_BODY && !head.expects_continue => {
                // If the body is incomplete, the connection ends with the response.
                let read: io::Result<()> = self.read_length(length, |_| Ok(()));
                self.unread_body = read.is_err();
            }
            Framing::Length(_) | Framing::Chunks => self.unread_body = true,
        }
    }

    /// Reads the body of a request, whose head is admitted.
    pub(in crate::local) fn receive_body(
        &mut self,
        head: &Head,
        allowed: &Allowed<'_>,
        mut payload: Box<Payload>,
        disk: &Disk,
    ) -> io::Result<Body> {
        let mut share = Share::of(allowed.budget);
        let outcome = match head.framing {
            Framing::None if allowed.length_required => {
                self.unread_body = true;
                return Ok(Body::NoLength);
            }
            Framing::None => return Ok(Body::Whole(payload)),
            // Before a `100 Continue`: a refused body is then never sent.
            Framing::Length(length) if length > allowed.length => Err(Left::TooLarge),
            Framing::Length(length) if !share.grow(length) => Err(Left::Busy),
            Framing::Length(length) => self.go_on(head).and_then(|()| {
                self.read_length(length, |bytes| payload.add(bytes, disk).map_err(Left::Disk))
            }),
            Framing::Chunks => self
                .go_on(head)
                .and_then(|()| self.read_chunks(allowed.length, &mut share, &mut payload, disk)),
        };
        let Err(left) = outcome else {
            return Ok(Body::Whole(payload));
        };
        self.unread_body = true;
        Ok(match left {
            Left::TooLarge => Body::TooLarge,
            Left::Busy => Body::Busy,
            Left::Disk(error) => Body::Refused(storage_failed(&error)),
            Left::Malformed => Body::Refused(bad_request("A chunk of the body is malformed.")),
            Left::Socket(error) if is_timeout(&error) => Body::Refused(too_slow(400)),
            Left::Socket(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Body::Refused(incomplete())
            }
            Left::Socket(error) => return Err(error),
        })
    }

    /// Lets a client that waits for it send the body.
    fn go_on(&mut self, head: &Head) -> Result<(), Left> {
        if head.expects_continue {
            (&*self.stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        Ok(())
    }

    /// A body of a known length: straight from the socket.
    fn read_length<E: From<io::Error>>(
        &mut self,
        length: u64,
        mut add: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let most = |left: u64, room: usize| usize::try_from(left).map_or(room, |n| n.min(room));
        let ready = most(length, self.input.len());
        add(&self.input[..ready])?;
        self.input.drain(..ready);
        let mut left = length - ready as u64;
        if left == 0 {
            return Ok(());
        }
        self.stream.set_read_timeout(Some(self.timeouts.slow))?;
        let pace = Pace::new(self.timeouts.slow);
        let mut buffer = vec![0; most(left, LONG_CHUNK)];
        while left > 0 {
            let room = most(left, buffer.len());
            match (&*self.stream).read(&mut buffer[..room]) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(read) => {
                    add(&buffer[..read])?;
                    left -= read as u64;
                    pace.check(length - left)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_chunks(
        &mut self,
        limit: u64,
        share: &mut Share,
        payload: &mut Payload,
        disk: &Disk,
    ) -> Result<(), Left> {
        let pace = Pace::new(self.timeouts.slow);
        let mut dechunker = Dechunker::new();
        let mut came = 0;
        loop {
            let before = came;
            let taken = dechunker.take(&self.input, |bytes| {
                came += bytes.len() as u64;
                payload.add(bytes, disk)
            });
            let taken = taken.map_err(|error| match error {
                DechunkError::Malformed => Left::Malformed,
                DechunkError::Data(error) => Left::Disk(error),
            })?;
            self.input.drain(..taken);
            if came > limit {
                return Err(Left::TooLarge);
            }
            if !share.grow(came - before) {
                return Err(Left::Busy);
            }
            if dechunker.is_ended() {
                return Ok(());
            }
            pace.check(came)?;
            if self.fill(self.timeouts.slow)? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    fn fill(&mut self, timeout: Duration) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(timeout))?;
        let start = self.input.len();
        self.input.resize(start + CHUNK, 0);
        let read = (&*self.stream).read(&mut self.input[start..]);
        self.input
            .truncate(start + read.as_ref().copied().unwrap_or(0));
        read
    }

    /// Sends a response; false if the connection ends with it. `sent` truncates the body.
    pub(in crate::local) fn send(
        &mut self,
        response: &Response,
        to_head: bool,
        sent: Option<usize>,
    ) -> io::Result<bool> {
        let close = !self.keep_alive || self.unread_body || sent.is_some();
        let connection = if close {
            Some("close")
        } else {
            self.announces_keep_alive.then_some("keep-alive")
        };
        let mut out = head_of(response, response.length(), to_head, connection);
        let mut range = response.range.clone();
        if let Some(sent) = sent {
            range.end = range.end.min(range.start + sent as u64);
        }
        let mut stream = Paced::new(&self.stream, self.timeouts.slow);
        if to_head {
            stream.write_all(&out)?;
        } else if response.length() <= CHUNK as u64 {
            // One packet, if it fits.
            response.body.copy(range, &mut out)?;
            stream.write_all(&out)?;
        } else {
            stream.write_all(&out)?;
            let sent = |bytes| stream.wrote(bytes);
            response.body.send(range, &self.stream, sent)?;
        }
        if self.unread_body {
            self.linger();
        }
        Ok(!close)
    }

    /// Closing with unread bytes resets the connection, and the client may lose the response.
    fn linger(&mut self) {
        let until = SystemClock.monotonic() + LINGER;
        // Neither matters if the client has already closed the connection.
        drop(self.stream.shutdown(Shutdown::Write));
        drop(self.stream.set_read_timeout(Some(LINGER)));
        let mut scratch = vec![0; CHUNK];
        while SystemClock.monotonic() < until
            && (&*self.stream)
                .read(&mut scratch)
                .is_ok_and(|read| read > 0)
        {}
    }

    /// Whether the client has closed its side. Waits for a moment.
    pub(in crate::local) fn client_is_gone(&self) -> bool {
        let look = self
            .stream
            .set_read_timeout(Some(Duration::from_millis(10)))
            .and_then(|()| self.stream.peek(&mut [0]));
        match look {
            Ok(read) => read == 0,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ),
        }
    }
}

/// Why a body was not read to its end.
enum Left {
    TooLarge,
    Busy,
    Malformed,
    Disk(io::Error),
    Socket(io::Error),
}

impl From<io::Error> for Left {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn too_slow(status: u16) -> Refusal {
    Refusal::new(
        status,
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
    )
}

fn head_of(response: &Response, length: u64, to_head: bool, connection: Option<&str>) -> Vec<u8> {
    let reason = StatusCode::from_u16(response.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown");
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", response.status).into_bytes();
    let mut line = |name: &HeaderName, value: &[u8]| {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    for (name, value) in &response.headers {
        line(name, value.as_bytes());
    }
    // A response to HEAD has neither body nor length if it is an error; a status may also exclude a body.
    let error_to_head = to_head && response.status >= 300;
    let bodiless = matches!(response.status, 204 | 304);
    if !response.headers.contains_key(CONTENT_LENGTH) && !error_to_head && !bodiless {
        line(&CONTENT_LENGTH, length.to_string().as_bytes());
    }
    if let Some(connection) = connection {
        line(&CONNECTION, connection.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}
