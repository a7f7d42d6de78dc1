//! A server that need not speak HTTP: the test decides what it does with each connection.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Listens on a loopback port until dropped.
pub struct Raw {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Raw {
    /// Each connection gets a thread with `serve`.
    pub fn start(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, stopped, serve) = (connections.clone(), stop.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                // A connection that breaks is the client's to report.
                std::thread::spawn(move || serve(stream));
            }
        });
        Self {
            address,
            connections,
            stop,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads a request's head, to the blank line.
pub fn read_head(stream: &TcpStream) -> io::Result<String> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head)? == 0 {
            break;
        }
    }
    Ok(head)
}

/// As [`read_head`], and not a byte more than the head is taken from the stream.
pub fn read_only_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Reads one request with its body, which would else reset the connection when it closes, and
/// returns its head.
pub fn read_request(stream: &mut impl Read) -> io::Result<String> {
    let head = read_only_head(stream)?;
    let length = head.lines().find_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length: ")?.parse().ok()
    });
    stream.read_exact(&mut vec![0; length.unwrap_or(0)])?;
    Ok(head)
}

/// Reads one request, responds to it with 200 and `body`, and returns its head.
pub fn respond(stream: &mut (impl Read + Write), body: &[u8]) -> io::Result<String> {
    let head = read_request(stream)?;
    send_response(stream, body)?;
    Ok(head)
}

/// Responds with 200 and `body`.
pub fn send_response(stream: &mut impl Write, body: &[u8]) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    stream.flush()
}

/// A loopback URL where nobody listens.
pub fn unused_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
