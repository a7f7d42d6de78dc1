//! TCP connections whose waits end soon after a cancel. They replace ureq's, which do not report how much of a write
//! was sent when it times out.

use std::fmt;
use std::io::{self, Read, Write};
#[cfg(unix)]
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[cfg(unix)]
use socket2::SockRef;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use super::buffers::SocketBuffers;
use super::cancel::{self, CHECK};
use super::dns::Addresses;
use super::supervise::supervise;
use crate::sys::{Clock, SystemClock};

/// The longest wait in one system call, where nothing can be cancelled. It is the same for most waits, because each
/// change of a socket's timeout costs a system call.
const LONGEST: Duration = Duration::from_secs(1);

/// The shortest time to connect to one of several addresses.
const SHORTEST_CONNECT: Duration = Duration::from_millis(10);

/// Resolves the host and opens a TCP connection to it, unless there is one to a SOCKS proxy or through a tunnel.
#[derive(Debug)]
pub(super) struct SocketConnector {
    addresses: Addresses,
}

impl SocketConnector {
    pub(super) fn new(addresses: Addresses) -> Self {
        Self { addresses }
    }

    /// Resolves and connects. The limit of a connection applies to each of both, any other limit to both together.
    fn open(&self, details: &ConnectionDetails<'_>) -> Result<TcpStream, Error> {
        let limit = cancel::left(*details.timeout.after);
        let began = SystemClock.monotonic();
        let timeout = NextTimeout {
            reason: match details.timeout.reason {
                Timeout::Connect => Timeout::Resolve,
                whole => whole,
            },
            after: limit.into(),
            ..details.timeout
        };
        let addresses = self.addresses.of(details.uri, details.config, timeout)?;
        let left = match details.timeout.reason {
            Timeout::Connect => cancel::left(limit),
            _ => limit.saturating_sub(SystemClock.monotonic().saturating_sub(began)),
        };
        let addresses = addresses.to_vec();
        supervise(&mut io::empty(), move |_| open(&addresses, left))?
    }
}

impl<In: Transport> Connector<In> for SocketConnector {
    type Out = Either<In, Socket>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(chained) = chained {
            return Ok(Some(Either::A(chained)));
        }
        let stream = self.open(details)?;
        stream.set_nodelay(true)?;
        Ok(Some(Either::B(Socket {
            stream,
            buffers: SocketBuffers::new(),
            read_timeout: None,
            write_timeout: None,
        })))
    }
}

/// Tries the addresses in turn. Each but the last has half of the time that is left.
fn open(addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, Error> {
    let began = SystemClock.monotonic();
    let mut last = io::Error::from(io::ErrorKind::ConnectionRefused);
    for (index, address) in addresses.iter().enumerate() {
        let left = limit.saturating_sub(SystemClock.monotonic().saturating_sub(began));
        let share = if index + 1 == addresses.len() {
            left
        } else {
            left / 2
        };
        match TcpStream::connect_timeout(address, share.max(SHORTEST_CONNECT)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(match last.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::Timeout(Timeout::Connect),
        _ => last.into(),
    })
}

/// A TCP connection.
pub(super) struct Socket {
    stream: TcpStream,
    buffers: SocketBuffers,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

/// Repeats `attempt` until it succeeds, fails, takes too long or is cancelled. It is given the time that it may block.
fn wait<T>(
    timeout: NextTimeout,
    mut attempt: impl FnMut(Duration) -> io::Result<T>,
) -> Result<T, Error> {
    let mut left = cancel::left(*timeout.after);
    let mut before = None;
    loop {
        cancel::check()?;
        if left.is_zero() {
            return Err(Error::Timeout(timeout.reason));
        }
        let most = left.min(slice());
        let error = match attempt(most) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let blocked = match error.kind() {
            io::ErrorKind::WouldBlock => most,
            io::ErrorKind::Interrupted => Duration::ZERO,
            io::ErrorKind::TimedOut => return Err(Error::Timeout(timeout.reason)),
            _ => return Err(error.into()),
        };
        // Most attempts succeed at once, and should read no clock: how long the first one took is inferred.
        let now = SystemClock.monotonic();
        let spent = before.map_or(blocked, |before| now.saturating_sub(before));
        left = left.saturating_sub(spent);
        before = Some(now);
    }
}

fn slice() -> Duration {
    if cfg!(windows) {
        // There, a socket must not be used again after a timeout.
        Duration::MAX
    } else if cancel::is_possible() {
        CHECK
    } else {
        LONGEST
    }
}

/// Sets a timeout of the socket if it is another one than before.
fn limit(
    previous: &mut Option<Duration>,
    timeout: Duration,
    set: impl FnOnce(Option<Duration>) -> io::Result<()>,
) -> io::Result<()> {
    if *previous == Some(timeout) {
        return Ok(());
    }
    match set(Some(timeout)) {
        Ok(()) => *previous = Some(timeout),
        // macOS refuses this after the server has closed, though a response may still be unread.
        Err(error) if cfg!(target_os = "macos") && error.kind() == io::ErrorKind::InvalidInput => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let stream = &self.stream;
        let mut output = &self.buffers.output()[..amount];
        while !output.is_empty() {
            let sent = wait(timeout.for_write(), |most| {
                limit(&mut self.write_timeout, most, |most| {
                    stream.set_write_timeout(most)
                })?;
                (&*stream).write(output)
            })?;
            if sent == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            output = &output[sent..];
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let stream = &self.stream;
        let input = self.buffers.input_append_buf();
        let received = wait(timeout.for_read(), |most| {
            limit(&mut self.read_timeout, most, |most| {
                stream.set_read_timeout(most)
            })?;
            (&*stream).read(input)
        })?;
        self.buffers.input_appended(received);
        Ok(received > 0)
    }

    /// Whether nothing is there to be read: no end, and no bytes that nobody asked for.
    fn is_open(&mut self) -> bool {
        read_now(&self.stream).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Reads what is there, a byte at most, in one system call.
#[cfg(unix)]
fn read_now(stream: &TcpStream) -> io::Result<usize> {
    let byte = &mut [MaybeUninit::uninit()];
    SockRef::from(stream).recv_with_flags(byte, libc::MSG_DONTWAIT)
}

#[cfg(not(unix))]
fn read_now(mut stream: &TcpStream) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let found = stream.read(&mut [0]);
    stream.set_nonblocking(false)?;
    found
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.stream.peer_addr().ok();
        f.debug_tuple("Socket").field(&peer).finish()
    }
}
