//! A server on a real socket that responds successfully to every request except those of the operation that a fault is
//! about.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::fault_matrix::faults::{Act, Fault, Gate, Wire};
use crate::fault_matrix::operation::{Effect, Operation};
use crate::support::raw::read_request;
use crate::support::tls::{Authority, accept};

/// How often a fault occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strikes {
    Once,
    Always,
}

/// What the server knows afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests of the operation, whole or not; for a fault before that, connections.
    pub requests: usize,
    /// Those that were carried out, as the operation's [`Effect`] counts them.
    pub carried_out: usize,
    /// Lookups after lost responses.
    pub lookups: usize,
}

pub struct Server {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    operation: Operation,
    fault: &'static Fault,
    strikes: Strikes,
    address: std::net::SocketAddr,
    requests: AtomicUsize,
    carried_out: AtomicUsize,
    lookups: AtomicUsize,
    stop: AtomicBool,
    /// The client has read the response on the connection that it keeps.
    read: Gate,
    /// That connection has ended.
    ended: Gate,
    /// Where a redirect leads; it must not be followed.
    elsewhere: TcpListener,
    tls: Option<Tls>,
}

struct Tls {
    authority: Authority,
    stranger: Authority,
}

impl Server {
    pub fn start(operation: Operation, fault: &'static Fault, strikes: Strikes) -> Self {
        let refuses = matches!(fault.act, Act::Refuse);
        // A port that is given up must not be somebody else's next, so it is on an address of its own
        // where there are such.
        let own = if refuses && cfg!(target_os = "linux") {
            "127.0.77.1:0"
        } else {
            "127.0.0.1:0"
        };
        let listener = TcpListener::bind(own).expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let listener = (!refuses || operation.preliminaries > 0).then_some(listener);
        let tls = fault.is_about_tls().then(|| Tls {
            authority: Authority::new(),
            stranger: Authority::new(),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            operation,
            fault,
            strikes,
            address,
            requests: AtomicUsize::new(0),
            carried_out: AtomicUsize::new(0),
            lookups: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            read: Gate::default(),
            ended: Gate::default(),
            elsewhere: TcpListener::bind("127.0.0.1:0").expect("a loopback port"),
            tls,
        });
        let accepting = shared.clone();
        std::thread::spawn(move || accepting.accept(listener));
        Self {
            url: format!("{scheme}://{address}"),
            shared,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the fault is one of connections that are kept after another request.
    pub fn ends_kept_connections(&self) -> bool {
        matches!(self.shared.fault.act, Act::Kept(_))
    }

    /// Ends the connection that the client has pooled.
    pub fn end_kept_connection(&self) {
        self.shared.read.open();
        self.shared.ended.wait();
    }

    /// The root that vouches for this server, in PEM.
    pub fn root(&self) -> Option<String> {
        self.shared.tls.as_ref().map(|tls| tls.authority.root())
    }

    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.shared.requests.load(Ordering::SeqCst),
            carried_out: self.shared.carried_out(),
            lookups: self.shared.lookups.load(Ordering::SeqCst),
        }
    }

    /// Whether the redirect was followed.
    pub fn was_followed(&self) -> bool {
        self.shared
            .elsewhere
            .set_nonblocking(true)
            .expect("a nonblocking listener");
        self.shared.elsewhere.accept().is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, if there still is one.
        drop(TcpStream::connect(self.shared.address));
    }
}

impl Shared {
    fn accept(self: Arc<Self>, mut listener: Option<TcpListener>) {
        let refuses = matches!(self.fault.act, Act::Refuse);
        let mut number = 0;
        loop {
            let Some(Ok((stream, _))) = listener.as_ref().map(TcpListener::accept) else {
                return;
            };
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            number += 1;
            if refuses && number == self.operation.preliminaries {
                // A client that connects after this response is refused.
                listener = None;
            }
            let shared = self.clone();
            // A connection that breaks is the client's to report.
            std::thread::spawn(move || drop(shared.serve(stream, number)));
        }
    }

    fn serve(&self, stream: TcpStream, number: usize) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let Some(tls) = &self.tls else {
            return self.serve_clear(stream);
        };
        if number <= self.operation.preliminaries || !self.strikes_now() {
            let config = tls.authority.server(&["127.0.0.1"]);
            let mut stream = accept(&config, stream)?;
            let head = read_request(&mut stream)?;
            self.respond_well(&mut stream, &head, true)?;
            return crate::support::tls::close(stream);
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        let config = match self.fault.act {
            Act::UntrustedCertificate => tls.stranger.server(&["127.0.0.1"]),
            Act::WrongName => tls.authority.server(&["somebody.example"]),
            Act::NoTls => {
                let mut stream = stream;
                return stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            }
            _ => {
                let mut start = [0; 5];
                (&stream).read_exact(&mut start)?;
                return Ok(());
            }
        };
        let mut stream = accept(&config, stream)?;
        read_request(&mut stream).map(drop)
    }

    fn strikes_now(&self) -> bool {
        let again = self.strikes == Strikes::Always || self.requests.load(Ordering::SeqCst) == 0;
        again && !matches!(self.fault.act, Act::Kept(_))
    }

    fn serve_clear(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let head = peek_head(&stream)?;
            if head.is_empty() {
                return Ok(());
            }
            if let Act::Kept(end) = self.fault.act
                && head.starts_with("GET /warm-up/")
            {
                return end.of(stream, &self.read, &self.ended);
            }
            if !(self.operation.is)(&head) {
                let head = read_request(&mut stream)?;
                let close = matches!(self.fault.act, Act::Refuse);
                if !self.respond_well(&mut stream, &head, close)? {
                    return Ok(());
                }
                continue;
            }
            let strikes = self.strikes_now();
            self.requests.fetch_add(1, Ordering::SeqCst);
            if strikes {
                let elsewhere = self.elsewhere.local_addr()?;
                let before = self.carried_out();
                let wire = Wire::new(&mut stream, self.operation, before, elsewhere);
                let mut done = || self.carry_out();
                if !self.fault.act.on(wire, &mut done)? {
                    return Ok(());
                }
            } else {
                let head = read_request(&mut stream)?;
                if !self.respond_well(&mut stream, &head, false)? {
                    return Ok(());
                }
            }
        }
    }

    fn carried_out(&self) -> usize {
        self.carried_out.load(Ordering::SeqCst)
    }

    fn carry_out(&self) {
        match self.operation.effect {
            Effect::Nothing => {}
            Effect::Each(_) => drop(self.carried_out.fetch_add(1, Ordering::SeqCst)),
            Effect::Once => self.carried_out.store(1, Ordering::SeqCst),
        }
    }

    /// Whether the connection goes on.
    fn respond_well(&self, stream: &mut impl Write, head: &str, close: bool) -> io::Result<bool> {
        let before = self.carried_out();
        let response = if (self.operation.is)(head) {
            if self.tls.is_some() {
                self.requests.fetch_add(1, Ordering::SeqCst);
            }
            let response = self.operation.healthy(before);
            if response.is_success() {
                self.carry_out();
            }
            response
        } else {
            if (self.operation.is_lookup)(head) {
                self.lookups.fetch_add(1, Ordering::SeqCst);
            }
            (self.operation.others)(head, before)
        };
        stream.write_all(&response.bytes(close))?;
        stream.flush()?;
        Ok(!close && !response.is_cut())
    }
}

/// The head of a request, none of which is taken from the stream; nothing at its end.
fn peek_head(stream: &TcpStream) -> io::Result<String> {
    let mut buffer = vec![0; 32 << 10];
    loop {
        let length = stream.peek(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        if length == 0 {
            return Ok(String::new());
        }
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            return Ok(head.to_owned());
        }
        if length == buffer.len() {
            return Err(io::Error::other("the request's head is too long"));
        }
        std::thread::yield_now();
    }
}
