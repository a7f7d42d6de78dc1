//! Interim responses, below ureq's parser: it refuses the header fields that RFC 9110 (15.2) allows them, and
//! waits for more input once it has read a final response in place of the `100` that it expected.

use std::io;

use ureq::Error;
use ureq::unversioned::transport::Buffers;

use super::connection_error::ProxyFault;

/// What the next bytes of a connection mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The head of a response, of which no byte of a final one has been passed on.
    Head,
    /// As `Head`, and perhaps ureq waits for a `100`: it would take the beginning of another head for the whole.
    HeadOrContinue,
    /// As `Head`, of the response to `CONNECT`.
    ConnectHead,
    /// The complete final head was passed on, with this many bytes of input.
    HandedOn(usize),
    /// They are passed on, whatever they are.
    Anything,
    /// As `Anything`, for the life of the connection: it is a tunnel now.
    Tunnelled,
}

/// The response heads of a connection.
#[derive(Debug)]
pub(super) struct Heads(Next);

/// All that ureq needs of an interim response: it then sends the body that it withholds.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// All that ureq accepts of the response that opens a tunnel, whatever its headers are.
const CONNECTED: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

/// More than ureq accepts as a head: beyond this, ureq decides.
const MAX_HEAD: usize = 65 << 10;

impl Heads {
    pub(super) fn new() -> Self {
        Self(Next::Anything)
    }

    /// Bytes of a request go out.
    pub(super) fn sending(&mut self, output: &[u8]) {
        match self.0 {
            Next::ConnectHead | Next::Tunnelled => {}
            _ if output.starts_with(b"CONNECT ") => self.0 = Next::ConnectHead,
            // Only uploads ask whether they may send their body.
            _ if output.starts_with(b"PUT ") => self.0 = Next::HeadOrContinue,
            _ => self.0 = Next::Head,
        }
    }

    /// Whether the connection is one to a proxy that has not opened its tunnel.
    pub(super) fn is_connecting(&self) -> bool {
        self.0 == Next::ConnectHead
    }

    /// Whether the connection is a tunnel: it is used and probed by what goes through it.
    pub(super) fn is_tunnel(&self) -> bool {
        self.0 == Next::Tunnelled
    }

    /// Whether input is passed on unchanged.
    pub(super) fn passes(&mut self, buffers: &mut dyn Buffers) -> bool {
        match self.0 {
            Next::Head | Next::HeadOrContinue | Next::ConnectHead => false,
            // Not a byte of it was consumed: it is to be parsed again, and there may be no more input to wait for.
            Next::HandedOn(length) if buffers.input().len() == length => false,
            Next::HandedOn(_) => {
                self.0 = Next::Anything;
                true
            }
            Next::Anything | Next::Tunnelled => true,
        }
    }

    /// Removes interim responses from the buffered input; of a `100`, its bare head stays. Whether what is left
    /// can be handed on: a partial head would be mistaken for a final one. Heads are scanned again with each
    /// read, which their bounded length allows.
    pub(super) fn settle(&mut self, buffers: &mut dyn Buffers) -> Result<bool, Error> {
        let is_handed_on = matches!(self.0, Next::HandedOn(_));
        if is_handed_on || (self.0 == Next::Head && begins_final(buffers.input())) {
            self.0 = Next::Anything;
            return Ok(true);
        }
        let mut interim = 0;
        let mut continues = false;
        let next = loop {
            match Head::parse(&buffers.input()[interim..]) {
                Head::Whole { status, length } if status / 100 == 1 && status != 101 => {
                    interim += length;
                    continues |= status == 100;
                }
                next => break next,
            }
        };
        if self.0 == Next::ConnectHead {
            return self.tunnel(buffers, interim, &next);
        }
        if continues {
            replace(buffers, interim, CONTINUE)?;
        } else if interim > 0 {
            buffers.input_consume(interim);
        }
        let ready = match next {
            Head::Partial => continues || buffers.input().len() > MAX_HEAD,
            Head::Whole { .. } => {
                self.0 = Next::HandedOn(buffers.input().len());
                true
            }
            Head::NotHttp => {
                self.0 = Next::Anything;
                true
            }
        };
        Ok(ready)
    }

    fn tunnel(
        &mut self,
        buffers: &mut dyn Buffers,
        interim: usize,
        next: &Head,
    ) -> Result<bool, Error> {
        let Head::Whole { status, length } = *next else {
            buffers.input_consume(interim);
            return match next {
                Head::Partial if buffers.input().len() <= MAX_HEAD => Ok(false),
                _ => Err(ProxyFault::NotHttp.into()),
            };
        };
        let end = interim + length;
        if status / 100 != 2 {
            return Err(ProxyFault::refused(status, &buffers.input()[interim..end]).into());
        }
        replace(buffers, end, CONNECTED)?;
        self.0 = Next::Tunnelled;
        Ok(true)
    }
}

/// Puts `head` in the place of the first `length` bytes.
fn replace(buffers: &mut dyn Buffers, length: usize, head: &[u8]) -> Result<(), Error> {
    let input = buffers.input();
    if input[..length] == *head {
        return Ok(());
    }
    let rest = input[length..].to_vec();
    buffers.input_consume(length + rest.len());
    for part in [head, &rest] {
        let space = buffers.input_append_buf().get_mut(..part.len());
        let full = || io::Error::other("no space for an interim response");
        space.ok_or_else(full)?.copy_from_slice(part);
        buffers.input_appended(part.len());
    }
    Ok(())
}

/// Whether it begins with the status of a final response: most input does, and is read no further here.
fn begins_final(input: &[u8]) -> bool {
    matches!(
        input,
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'0' | b'1',
            b' ',
            b'2'..=b'5',
            ..
        ]
    )
}

/// What input begins with.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// Nothing yet, or a head without an end.
    Partial,
    Whole {
        status: u16,
        length: usize,
    },
    NotHttp,
}

impl Head {
    fn parse(input: &[u8]) -> Self {
        const VERSION: &[u8] = b"HTTP/1.";
        // As ureq's parser does, blank lines before the head are passed over.
        let blank = input
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let line = &input[blank..];
        let known = line.len().min(VERSION.len());
        if line[..known] != VERSION[..known] {
            return Self::NotHttp;
        }
        let Some(end) = end_of_head(line) else {
            return Self::Partial;
        };
        let status = line
            .get(VERSION.len()..VERSION.len() + 5)
            .and_then(|rest| match *rest {
                [b'0'..=b'9', b' ', a, b, c] if [a, b, c].iter().all(u8::is_ascii_digit) => {
                    std::str::from_utf8(&[a, b, c]).ok()?.parse().ok()
                }
                _ => None,
            });
        match status {
            Some(status) => Self::Whole {
                status,
                length: blank + end,
            },
            None => Self::NotHttp,
        }
    }
}

/// Behind the blank line.
fn end_of_head(input: &[u8]) -> Option<usize> {
    let mut lines = input
        .iter()
        .enumerate()
        .filter_map(|(at, byte)| (*byte == b'\n').then_some(at));
    lines.find_map(|at| match input[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// The connection ended where a response was expected.
pub(super) fn no_response() -> Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the connection was closed before a response arrived",
    )
    .into()
}
