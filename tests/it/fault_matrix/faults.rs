//! The faults, as they occur on the connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::fault_matrix::operation::Operation;
use crate::fault_matrix::response::Response;
use crate::support::raw::read_request;

/// A fault, under its name in the table.
pub struct Fault {
    pub name: &'static str,
    pub act: Act,
}

/// What the server does when the fault occurs.
pub enum Act {
    /// Nobody listens.
    Refuse,
    UntrustedCertificate,
    WrongName,
    /// The server at an `https` URL does not speak TLS.
    NoTls,
    /// The connection ends during the handshake.
    CutHandshake,
    /// Ends the connection after this many bytes of the request.
    CutRequest(usize),
    /// Takes the request and ends the connection.
    CutResponse {
        carried_out: bool,
    },
    /// Reads the request and sends nothing.
    Hang,
    /// Takes the request, carries it out and sends these bytes.
    Bytes(fn() -> Vec<u8>),
    /// As `Bytes`, one byte every 10 ms.
    Drip(fn() -> Vec<u8>),
    /// As that, without end.
    Endless(&'static [u8], &'static [u8]),
    /// The good response, changed.
    Changed(fn(Vec<u8>) -> Vec<u8>),
    /// Refuses: status, code (none for an empty body), more headers.
    Refusal(
        u16,
        Option<&'static str>,
        &'static [(&'static str, &'static str)],
    ),
    /// Refuses with a page of HTML.
    Page(u16),
    /// Leads to another server.
    Redirect(u16),
    /// Responds to another request and then ends its connection, which the client has pooled.
    Kept(KeptEnd),
}

/// How a kept connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptEnd {
    Closed,
    Reset,
    /// In the server's direction alone.
    HalfClosed,
    /// Reset when the next request arrives.
    ResetUnderRequest,
    /// As after a firewall forgot it: nothing arrives any more.
    Dead,
}

impl KeptEnd {
    /// Responds to the request that has arrived and, once the client has read the response, ends the connection.
    pub fn of(self, mut stream: TcpStream, read: &Gate, ended: &Gate) -> io::Result<()> {
        // What is left unread makes the end a reset.
        if self != Self::Reset {
            read_request(&mut stream)?;
        }
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
        read.wait();
        match self {
            Self::Closed | Self::Reset => {
                drop(stream);
                ended.open();
                Ok(())
            }
            Self::HalfClosed => {
                stream.shutdown(Shutdown::Write)?;
                ended.open();
                io::copy(&mut stream, &mut io::sink()).map(drop)
            }
            Self::ResetUnderRequest => {
                ended.open();
                stream.peek(&mut [0]).map(drop)
            }
            Self::Dead => {
                ended.open();
                io::copy(&mut stream, &mut io::sink()).map(drop)
            }
        }
    }
}

/// An event that one thread waits for.
#[derive(Default)]
pub struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub fn open(&self) {
        *self.is_open.lock().expect("a gate") = true;
        self.opened.notify_all();
    }

    /// Ends after a minute at the latest.
    pub fn wait(&self) {
        let is_open = self.is_open.lock().expect("a gate");
        let minute = Duration::from_mins(1);
        let waited = self
            .opened
            .wait_timeout_while(is_open, minute, |open| !*open);
        assert!(!waited.expect("a gate").1.timed_out(), "a hang");
    }
}

impl Fault {
    pub fn is_about_tls(&self) -> bool {
        matches!(
            self.act,
            Act::UntrustedCertificate | Act::WrongName | Act::NoTls | Act::CutHandshake
        )
    }

    /// Whether it ends by the client's timeout alone.
    pub fn takes_time(&self) -> bool {
        matches!(
            self.act,
            Act::Hang | Act::Drip(_) | Act::Endless(..) | Act::Kept(KeptEnd::Dead)
        )
    }
}

pub const FAULTS: &[Fault] = &[
    fault("connection refused", Act::Refuse),
    fault("TLS: untrusted certificate", Act::UntrustedCertificate),
    fault("TLS: certificate of another name", Act::WrongName),
    fault("TLS: the server does not support it", Act::NoTls),
    fault("TLS: cut off in the handshake", Act::CutHandshake),
    fault(
        "pooled connection, closed since",
        Act::Kept(KeptEnd::Closed),
    ),
    fault("pooled connection, reset since", Act::Kept(KeptEnd::Reset)),
    fault(
        "pooled connection, half-closed since",
        Act::Kept(KeptEnd::HalfClosed),
    ),
    fault(
        "pooled connection, reset under the request",
        Act::Kept(KeptEnd::ResetUnderRequest),
    ),
    fault("pooled connection, dead", Act::Kept(KeptEnd::Dead)),
    fault("reset before the request is read", Act::CutRequest(0)),
    fault("reset in the middle of the request", Act::CutRequest(40)),
    fault(
        "closed after the request, not carried out",
        Act::CutResponse { carried_out: false },
    ),
    fault(
        "closed after the request, carried out",
        Act::CutResponse { carried_out: true },
    ),
    fault("no response until the timeout", Act::Hang),
    fault(
        "headers drip",
        Act::Drip(|| {
            b"HTTP/1.1 200 OK\r\nx-filler: "
                .iter()
                .copied()
                .chain([b'a'; 4000])
                .collect()
        }),
    ),
    fault(
        "body drips",
        Act::Endless(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"a"),
    ),
    fault(
        "100 Continue without end",
        Act::Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ),
    fault(
        "interim responses with headers first",
        Act::Changed(|reply| {
            let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n\
                HTTP/1.1 100 Continue\r\nconnection: keep-alive\r\n\r\n";
            [interim, reply.as_slice()].concat()
        }),
    ),
    fault(
        "response cut in its headers",
        Act::Changed(|mut reply| {
            reply.truncate(20);
            reply
        }),
    ),
    fault(
        "response cut in its body",
        Act::Bytes(|| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_vec()),
    ),
    fault(
        "chunked response cut",
        Act::Bytes(|| b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nonly".to_vec()),
    ),
    fault(
        "response of 9 MB, cut",
        Act::Bytes(|| b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\nonly this".to_vec()),
    ),
    fault(
        "not HTTP",
        Act::Bytes(|| b"220 mail.example ESMTP\r\n\r\n".to_vec()),
    ),
    fault(
        "noise",
        Act::Bytes(|| (0..2000_u32).map(|n| (n * 7).to_le_bytes()[0]).collect()),
    ),
    fault(
        "length that is not a number",
        Act::Bytes(|| b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nx".to_vec()),
    ),
    fault(
        "length below zero",
        Act::Bytes(|| b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nx".to_vec()),
    ),
    fault(
        "header of 1 MB",
        Act::Bytes(|| {
            [
                b"HTTP/1.1 200 OK\r\nx-filler: ".to_vec(),
                vec![b'a'; 1 << 20],
                b"\r\ncontent-length: 0\r\n\r\n".to_vec(),
            ]
            .concat()
        }),
    ),
    fault(
        "5,000 headers",
        Act::Bytes(|| {
            [
                b"HTTP/1.1 200 OK\r\n".to_vec(),
                b"x-filler: a\r\n".repeat(5000),
                b"content-length: 0\r\n\r\n".to_vec(),
            ]
            .concat()
        }),
    ),
    fault(
        "empty 200",
        Act::Bytes(|| {
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()
        }),
    ),
    fault("200 with a page of HTML", Act::Page(200)),
    fault(
        "400 with a code",
        Act::Refusal(400, Some("ValidationError"), &[]),
    ),
    fault("400 with nothing", Act::Refusal(400, None, &[])),
    fault(
        "403 AccessDenied",
        Act::Refusal(403, Some("AccessDenied"), &[]),
    ),
    fault("403 with nothing", Act::Refusal(403, None, &[])),
    fault("404 with nothing", Act::Refusal(404, None, &[])),
    fault(
        "404 NoSuchBucket",
        Act::Refusal(404, Some("NoSuchBucket"), &[]),
    ),
    fault("429 with nothing", Act::Refusal(429, None, &[])),
    fault(
        "400 ThrottlingException",
        Act::Refusal(400, Some("ThrottlingException"), &[]),
    ),
    fault(
        "503 SlowDown",
        Act::Refusal(503, Some("SlowDown"), &[("retry-after", "3")]),
    ),
    fault("503 with a page of HTML", Act::Page(503)),
    fault(
        "500 InternalError",
        Act::Refusal(500, Some("InternalError"), &[]),
    ),
    fault("500 with nothing", Act::Refusal(500, None, &[])),
    fault("502 with a page of HTML", Act::Page(502)),
    fault("504 with nothing", Act::Refusal(504, None, &[])),
    fault("408 with nothing", Act::Refusal(408, None, &[])),
    fault(
        "530 InternalDependencyException",
        Act::Refusal(530, Some("InternalDependencyException"), &[]),
    ),
    fault("redirect 301", Act::Redirect(301)),
    fault("redirect 302", Act::Redirect(302)),
    fault("redirect 307", Act::Redirect(307)),
    fault(
        "wrong region",
        Act::Refusal(
            400,
            Some("AuthorizationHeaderMalformed"),
            &[("x-amz-bucket-region", "eu-west-1")],
        ),
    ),
    fault(
        "expired token",
        Act::Refusal(400, Some("ExpiredToken"), &[]),
    ),
    fault(
        "skewed clock",
        Act::Refusal(
            403,
            Some("RequestTimeTooSkewed"),
            &[("date", "Sun, 06 Nov 2033 08:49:37 GMT")],
        ),
    ),
    fault(
        "skewed clock, no date",
        Act::Refusal(403, Some("RequestTimeTooSkewed"), &[("date", "")]),
    ),
    fault(
        "wrong signature",
        Act::Refusal(403, Some("SignatureDoesNotMatch"), &[]),
    ),
];

const fn fault(name: &'static str, act: Act) -> Fault {
    Fault { name, act }
}

/// The connection on which a fault strikes.
pub struct Wire<'a> {
    stream: &'a mut TcpStream,
    operation: Operation,
    /// How many requests of it were carried out before.
    carried_out: usize,
    elsewhere: SocketAddr,
}

impl<'a> Wire<'a> {
    pub fn new(
        stream: &'a mut TcpStream,
        operation: Operation,
        carried_out: usize,
        elsewhere: SocketAddr,
    ) -> Self {
        Self {
            stream,
            operation,
            carried_out,
            elsewhere,
        }
    }
}

impl Act {
    /// Whether the connection goes on. `carried_out` is reported before the first byte of a response.
    pub fn on(&self, wire: Wire<'_>, carried_out: &mut dyn FnMut()) -> io::Result<bool> {
        let stream = wire.stream;
        if let Self::CutRequest(length) = self {
            // What is left unread makes the end of the connection a reset.
            (&*stream).read_exact(&mut vec![0; *length])?;
            return Ok(false);
        }
        read_request(stream)?;
        match self {
            Self::CutResponse { carried_out: yes } => {
                if *yes {
                    carried_out();
                }
                return Ok(false);
            }
            Self::Hang => {
                // Until the client has gone.
                drop(stream.read(&mut [0]));
                return Ok(false);
            }
            Self::Bytes(bytes) => {
                carried_out();
                stream.write_all(&bytes())?;
                return Ok(false);
            }
            Self::Changed(change) => {
                let reply = wire.operation.healthy(wire.carried_out);
                carried_out();
                let good = reply.bytes(false);
                let changed = change(good.clone());
                stream.write_all(&changed)?;
                // After a whole response the connection goes on: its end would race with the next request.
                return Ok(changed.ends_with(&good));
            }
            Self::Drip(bytes) => {
                carried_out();
                for byte in bytes() {
                    stream.write_all(&[byte])?;
                    SystemClock.sleep(Duration::from_millis(10));
                }
                return Ok(false);
            }
            Self::Endless(start, again) => {
                carried_out();
                stream.write_all(start)?;
                for _ in 0..2000 {
                    stream.write_all(again)?;
                    SystemClock.sleep(Duration::from_millis(10));
                }
                return Ok(false);
            }
            Self::Refusal(status, code, headers) => {
                let mut reply = wire.operation.refusal(*status, *code);
                for (name, value) in *headers {
                    reply = reply.header(name, value);
                }
                stream.write_all(&reply.bytes(false))?;
            }
            Self::Page(status) => {
                if *status == 200 {
                    carried_out();
                }
                let page = Response::new(*status, "<html><p>a proxy's page<br></html>");
                stream.write_all(&page.header("content-type", "text/html").bytes(false))?;
            }
            Self::Redirect(status) => {
                let location = format!("http://{}/elsewhere", wire.elsewhere);
                let reply = Response::new(*status, "").header("location", &location);
                stream.write_all(&reply.bytes(false))?;
            }
            _ => return Err(io::Error::other("this fault strikes before a request")),
        }
        Ok(true)
    }
}
