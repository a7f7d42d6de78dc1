//! HTTP/1.1 on one connection: requests in, answers out.
//!
//! `ureq-proto` frames the requests. Answers are written here, because a scripted fault needs the
//! wire to itself: a body cut short is no valid HTTP.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::{Method, Request, StatusCode, Version};
use ureq_proto::server::state::{RecvBody, RecvRequest};
use ureq_proto::server::{RecvRequestResult, Reply};

use super::answer::Answer;
use super::payload::Payload;
use crate::local::config::Config;
use crate::local::s3::content::Disk;
use crate::sys::{Clock, SystemClock};

/// How patient the server is with a connection, in real time.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) struct Patience {
    /// How long it may be without a request.
    pub(in crate::local) idle: Duration,
    /// How long a request's head may take once it has begun, and any single read of a body or write of
    /// an answer.
    pub(in crate::local) slow: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Longer than the longest pause between two polls.
            idle: Duration::from_mins(1),
            slow: Duration::from_secs(30),
        }
    }
}

/// How long the rest of a refused body is read, so that the client gets to see the answer.
const LINGER: Duration = Duration::from_secs(2);
const MAX_HEAD: usize = 64 * 1024;
const CHUNK: usize = 64 * 1024;
/// Of a long body.
const LONG_CHUNK: usize = 256 * 1024;

/// How fast bytes must come or go on the whole, per second, after the first [`Patience::slow`].
const MIN_RATE: u64 = 1024;

/// Ends what would go on forever: a byte now and then keeps every timeout from striking.
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

/// A socket that is written to no slower than that.
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
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.written += written as u64;
        self.pace.check(self.written)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The head of a request, the path and the query as they came over the wire.
#[derive(Debug)]
pub(in crate::local) struct Head {
    pub(in crate::local) method: Method,
    pub(in crate::local) path: String,
    pub(in crate::local) query: String,
    pub(in crate::local) headers: HeaderMap,
    keep_alive: bool,
}

impl Head {
    pub(in crate::local) fn of(request: Request<()>) -> Self {
        let (parts, ()) = request.into_parts();
        let says = |word: &str| {
            parts.headers.get_all(CONNECTION).iter().any(|value| {
                value.to_str().is_ok_and(|value| {
                    value
                        .split(',')
                        .any(|option| option.trim().eq_ignore_ascii_case(word))
                })
            })
        };
        let keep_alive = if parts.version == Version::HTTP_11 {
            !says("close")
        } else {
            says("keep-alive")
        };
        Self {
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            method: parts.method,
            headers: parts.headers,
            keep_alive,
        }
    }

    /// The value of a header, if it is there and UTF-8.
    pub(in crate::local) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
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
}

/// What came next on a connection.
#[derive(Debug)]
pub(in crate::local) enum Received {
    Request(Head, Body),
    /// The client went away, or was idle or slow for too long.
    Closed,
    /// Not HTTP, or too long a head: answer with this status and close.
    Malformed(u16),
}

/// What the body of a request may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) struct Allowed {
    /// The most bytes.
    pub(in crate::local) length: u64,
    /// Whether a request that does not tell the length is refused, and not taken for one without a body.
    pub(in crate::local) must_be_told: bool,
}

/// One connection.
#[derive(Debug)]
pub(in crate::local) struct Connection {
    stream: Arc<TcpStream>,
    patience: Patience,
    /// What was read and not yet used.
    input: Vec<u8>,
    keep_alive: bool,
    unread_body: bool,
}

impl Connection {
    pub(in crate::local) fn new(stream: Arc<TcpStream>, patience: Patience) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(patience.slow))?;
        Ok(Self {
            stream,
            patience,
            input: Vec::new(),
            keep_alive: true,
            unread_body: false,
        })
    }

    /// Reads the next request, whose body may be as its head says.
    pub(in crate::local) fn receive(
        &mut self,
        config: &Config,
        allowed: impl FnOnce(&Head) -> Allowed,
    ) -> io::Result<Received> {
        let mut reply = Reply::new().map_err(io::Error::other)?;
        // GET and DELETE may carry a body too: the announced length alone decides.
        reply.force_recv_body();
        let request = match self.receive_head(&mut reply)? {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(Received::Closed),
            Err(status) => return Ok(Received::Malformed(status)),
        };
        let head = Head::of(request);
        self.keep_alive = head.keep_alive;
        let body = self.receive_body(reply, &head, allowed(&head), config)?;
        self.unread_body = !matches!(body, Body::Whole(_));
        Ok(Received::Request(head, body))
    }

    fn receive_head(
        &mut self,
        reply: &mut Reply<RecvRequest>,
    ) -> io::Result<Result<Option<Request<()>>, u16>> {
        let mut begun = None;
        loop {
            if !self.input.is_empty() {
                match reply.try_request(&self.input) {
                    Ok((used, Some(request))) => {
                        self.input.drain(..used);
                        return Ok(Ok(Some(request)));
                    }
                    Ok((_, None)) if self.input.len() > MAX_HEAD => return Ok(Err(431)),
                    Ok((_, None)) => {}
                    Err(_) => return Ok(Err(400)),
                }
                let now = SystemClock.monotonic();
                if now.saturating_sub(*begun.get_or_insert(now)) > self.patience.slow {
                    return Ok(Ok(None));
                }
            }
            let Patience { idle, slow } = self.patience;
            let timeout = if begun.is_some() { slow } else { idle };
            if self.fill(timeout)? == 0 {
                return Ok(Ok(None));
            }
        }
    }

    fn receive_body(
        &mut self,
        reply: Reply<RecvRequest>,
        head: &Head,
        allowed: Allowed,
        config: &Config,
    ) -> io::Result<Body> {
        let limit = allowed.length;
        let disk = &config.disk;
        let length = head.text(CONTENT_LENGTH.as_str());
        let announced = length.and_then(|length| length.trim().parse::<u64>().ok());
        let in_chunks = head.headers.contains_key(TRANSFER_ENCODING);
        // Before a `100 Continue`: a refused body is then never sent.
        if announced.is_some_and(|announced| announced > limit) {
            return Ok(Body::TooLarge);
        }
        let mut payload = Box::new(Payload::new(head, config));
        if length.is_none() && !in_chunks {
            return Ok(if allowed.must_be_told {
                Body::NoLength
            } else {
                Body::Whole(payload)
            });
        }
        let reply = match reply.proceed() {
            Some(RecvRequestResult::RecvBody(reply)) => reply,
            Some(RecvRequestResult::Send100(reply)) => {
                let mut line = [0; 64];
                let (used, reply) = reply.accept(&mut line).map_err(io::Error::other)?;
                (&*self.stream).write_all(&line[..used])?;
                reply
            }
            Some(RecvRequestResult::ProvideResponse(_)) | None => {
                return Ok(Body::Whole(payload));
            }
        };
        if let Some(length) = announced
            && !in_chunks
        {
            self.read_length(length, &mut payload, disk)?;
            return Ok(Body::Whole(payload));
        }
        self.read_body(reply, payload, limit, disk)
    }

    /// A body of a known length: straight from the socket.
    fn read_length(&mut self, length: u64, payload: &mut Payload, disk: &Disk) -> io::Result<()> {
        let most = |left: u64, room: usize| usize::try_from(left).map_or(room, |n| n.min(room));
        let ready = most(length, self.input.len());
        payload.add(&self.input[..ready], disk)?;
        self.input.drain(..ready);
        let mut left = length - ready as u64;
        if left == 0 {
            return Ok(());
        }
        self.stream.set_read_timeout(Some(self.patience.slow))?;
        let pace = Pace::new(self.patience.slow);
        let mut buffer = vec![0; most(left, LONG_CHUNK)];
        while left > 0 {
            let room = most(left, buffer.len());
            match (&*self.stream).read(&mut buffer[..room]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    payload.add(&buffer[..read], disk)?;
                    left -= read as u64;
                    pace.check(length - left)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_body(
        &mut self,
        mut reply: Reply<RecvBody>,
        mut payload: Box<Payload>,
        limit: u64,
        disk: &Disk,
    ) -> io::Result<Body> {
        let pace = Pace::new(self.patience.slow);
        let mut output = vec![0; CHUNK];
        while !reply.is_ended() {
            let (used, made) = reply
                .read(&self.input, &mut output)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.input.drain(..used);
            payload.add(&output[..made], disk)?;
            pace.check(payload.len())?;
            if payload.len() > limit {
                return Ok(Body::TooLarge);
            }
            if used == 0 && made == 0 && self.fill(self.patience.slow)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Body::Whole(payload))
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

    /// Sends an answer; false if the connection ends with it. `sent` cuts the body short.
    pub(in crate::local) fn send(
        &mut self,
        answer: &Answer,
        to_head: bool,
        sent: Option<usize>,
    ) -> io::Result<bool> {
        let close = !self.keep_alive || self.unread_body || sent.is_some();
        let mut out = head_of(answer, answer.length(), to_head, close);
        let mut range = answer.range.clone();
        if let Some(sent) = sent {
            range.end = range.end.min(range.start + sent as u64);
        }
        let mut stream = Paced::new(&self.stream, self.patience.slow);
        if to_head {
            stream.write_all(&out)?;
        } else if answer.length() <= CHUNK as u64 {
            // One packet, if it fits.
            answer.body.copy(range, &mut out)?;
            stream.write_all(&out)?;
        } else {
            stream.write_all(&out)?;
            answer.body.copy(range, &mut stream)?;
        }
        if self.unread_body {
            self.linger();
        }
        Ok(!close)
    }

    /// Closing with bytes unread resets the connection, and the client may lose the answer.
    fn linger(&mut self) {
        let until = SystemClock.monotonic() + LINGER;
        // Neither matters if the client is gone already.
        drop(self.stream.shutdown(Shutdown::Write));
        drop(self.stream.set_read_timeout(Some(LINGER)));
        let mut scratch = vec![0; CHUNK];
        while SystemClock.monotonic() < until
            && (&*self.stream)
                .read(&mut scratch)
                .is_ok_and(|read| read > 0)
        {}
    }

    /// Whether the client has closed its side; waits a moment to see.
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

fn head_of(answer: &Answer, length: u64, to_head: bool, close: bool) -> Vec<u8> {
    let reason = StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown");
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", answer.status).into_bytes();
    let mut line = |name: &HeaderName, value: &[u8]| {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    for (name, value) in &answer.headers {
        line(name, value.as_bytes());
    }
    // An error to HEAD has neither body nor length; an answer without a body by its status has none.
    let error_to_head = to_head && answer.status >= 300;
    let bodiless = matches!(answer.status, 204 | 304);
    if !answer.headers.contains_key(CONTENT_LENGTH) && !error_to_head && !bodiless {
        line(&CONTENT_LENGTH, length.to_string().as_bytes());
    }
    if close {
        line(&CONNECTION, b"close");
    }
    out.extend_from_slice(b"\r\n");
    out
}
