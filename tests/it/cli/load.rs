//! The server under load: many clients, slow ones, large objects, few files.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{Ran, bare};
use crate::cli::server::Server;

/// How long a client waits for anything.
const HANG_GUARD: Duration = Duration::from_mins(1);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("connect");
    stream
        .set_read_timeout(Some(HANG_GUARD))
        .expect("a timeout");
    stream
}

/// Sends a request whose response has no body, and returns the response's first line.
fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("send");
    receive(stream)
}

fn receive(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let mut byte = [0];
    while !reply.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a response");
        reply.push(byte[0]);
    }
    let reply = String::from_utf8_lossy(&reply).into_owned();
    reply.lines().next().unwrap_or_default().to_owned()
}

fn put(bucket: &str, key: &str) -> String {
    format!(
        "PUT /{bucket}/{key} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\
         x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\nhello"
    )
}

/// How many clients this process may be, of this many: each has a file open.
fn as_many_as_allowed(clients: u64) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    // The other tests have theirs.
    let others = 500;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(clients + others, |most| most.min(clients + others));
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).expect("up to the hard limit");
    }
    let allowed = clients.min(wanted.saturating_sub(others));
    if allowed < clients {
        // Past the harness, which keeps what tests print.
        let note = format!("only {allowed} clients, for the hard limit of open files (ulimit -Hn)");
        let _ = writeln!(std::io::stderr(), "{note}");
    }
    usize::try_from(allowed).expect("a number of clients")
}

/// More clients at a time than the server has connections, each on a kept connection.
#[test]
fn a_thousand_clients() {
    let clients = as_many_as_allowed(1000);
    let server = Server::start(&["--no-verify", "--quiet"]);
    let bucket = server.text("bucket");
    let most_threads = AtomicU64::new(0);
    let together = Barrier::new(clients);
    std::thread::scope(|scope| {
        for client in 0..clients {
            let (server, most_threads, together) = (&server, &most_threads, &together);
            let work = move || {
                together.wait();
                let mut stream = connect(server);
                for round in 0..3 {
                    let reply = exchange(&mut stream, &put(bucket, &format!("{client}-{round}")));
                    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
                }
                if client % 50 == 0 {
                    let threads = server.status_of_process("Threads");
                    most_threads.fetch_max(threads, Ordering::Relaxed);
                }
            };
            std::thread::Builder::new()
                .stack_size(128 << 10)
                .spawn_scoped(scope, work)
                .expect("a thread");
        }
    });
    // 600 connections and what else it needs.
    let threads = most_threads.into_inner();
    assert!((1..650).contains(&threads), "{threads} threads");
    let memory = server.status_of_process("VmHWM");
    assert!(memory < 128 << 10, "{memory} KiB");
    server.stop("TERM").ends_with(0);
}

/// Reads to the end, in whichever way the connection ends, within a time that no timeout of the test reaches.
fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it is open still"),
        _ => rest,
    }
}

/// Sends the start of a request, and then `drips` byte by byte.
fn send_slowly(server: &Server, start: &str, drips: &str) {
    let mut stream = connect(server);
    stream.write_all(start.as_bytes()).expect("send");
    for byte in drips.bytes() {
        SystemClock.sleep(Duration::from_millis(50));
        if stream.write_all(&[byte]).is_err() {
            break;
        }
    }
    let reply = String::from_utf8_lossy(&read_to_end(&mut stream)).into_owned();
    assert!(
        !reply.starts_with("HTTP/1.1 2"),
        "{start:?} gets a response: {reply}"
    );
}

/// Clients that send or read too slowly, or send nothing, are disconnected; the others are served meanwhile.
#[test]
fn slow_and_idle_clients_are_dropped() {
    const LARGE: usize = 64 << 20;
    // Longer than a busy machine lets a process wait.
    let timeouts = ["--idle-timeout", "2s", "--slow-timeout", "2s"];
    let server = &Server::start(&[&["--no-verify", "--quiet"], &timeouts[..]].concat());
    let bucket = server.text("bucket");
    let head = |key: &str, length: usize| {
        format!(
            "PUT /{bucket}/{key} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\
             x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n"
        )
    };
    // Before the head: memory that is new to a virtual machine may take long.
    let content = vec![1; LARGE - 1];
    let mut stream = connect(server);
    let sent = stream.write_all(head("large", LARGE).as_bytes());
    sent.and_then(|()| stream.write_all(&content))
        .expect("send");
    let reply = exchange(&mut stream, "\0");
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");

    // Far more than the timeout takes, if nobody were disconnected.
    let long = "x".repeat(1000);
    std::thread::scope(|scope| {
        for (start, drips) in [
            (String::new(), ""),
            (put(bucket, "k")[..20].to_owned(), ""),
            (put(bucket, "k")[..20].to_owned(), long.as_str()),
            (head("k", 5000), ""),
            (head("k", 5000), long.as_str()),
        ] {
            scope.spawn(move || send_slowly(server, &start, drips));
        }
        scope.spawn(move || {
            let mut stream = connect(server);
            let get = format!("GET /{bucket}/large HTTP/1.1\r\nhost: localhost\r\n\r\n");
            stream.write_all(get.as_bytes()).expect("send");
            // Two writes end by the timeout: one that wrote a part, and the next.
            SystemClock.sleep(Duration::from_secs(12));
            assert!(read_to_end(&mut stream).len() < LARGE, "it is there whole");
        });
        let mut stream = connect(server);
        for _ in 0..20 {
            SystemClock.sleep(Duration::from_millis(300));
            let reply = exchange(&mut stream, &put(bucket, "good"));
            assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        }
    });
    // No incomplete object exists.
    let mut stream = connect(server);
    let reply = exchange(
        &mut stream,
        &format!("HEAD /{bucket}/k HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    );
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
}

/// With fewer files than clients the server reports it, once, does not spin, and serves all in the end.
#[test]
fn a_server_without_files_left() {
    const CLIENTS: usize = 100;
    let server = Server::with_files(48, &["--no-verify"]);
    let request = format!(
        "HEAD /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        server.text("bucket")
    );
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(&server)).collect();
    for client in &mut clients {
        client.write_all(request.as_bytes()).expect("send");
    }
    SystemClock.sleep(Duration::from_millis(300));
    let before = server.processor_time();
    SystemClock.sleep(Duration::from_secs(1));
    let spent = server.processor_time() - before;
    assert!(spent < 20, "{spent} hundredths of a second");
    // The connections that were idle for longest are closed to make room.
    for client in &mut clients {
        let reply = receive(client);
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    }
    let ran = server.stop("TERM");
    ran.ends_with(0).says("ulimit -n");
    assert_eq!(ran.stderr.matches("ulimit -n").count(), 1, "{}", ran.stderr);
}

/// Through the server and the model and back; the server uses at most this much memory.
fn large_object(length: u64) {
    let server = Server::start(&["--echo", "--quiet"]);
    let before = server.status_of_process("VmHWM");
    let directory = tempfile::tempdir().expect("a directory");
    let (input, output) = (directory.path().join("in"), directory.path().join("out"));
    let mut file = File::create(&input).expect("a file");
    // The first and the last byte show that all of it came back, in order.
    file.write_all(b"a").expect("write");
    file.set_len(length - 1).expect("a long file");
    file.seek(SeekFrom::End(0)).expect("seek");
    file.write_all(b"z").expect("write");
    let arguments = [
        "predict",
        server.text("endpoint_name"),
        "--input",
        name(&input),
        "--output",
        name(&output),
    ];
    let mut predict = bare(&[&arguments[..], &["--delay", "100ms", "--timeout", "5m"]].concat());
    let ran = predict
        .envs(server.environment())
        .env("HOME", directory.path())
        .output();
    Ran::of(ran.expect("it runs")).ends_with(0);
    let mut file = File::open(&output).expect("the output");
    let mut ends = [0; 2];
    file.read_exact(&mut ends[..1]).expect("the first byte");
    file.seek(SeekFrom::End(-1)).expect("seek");
    file.read_exact(&mut ends[1..]).expect("the last byte");
    assert_eq!(
        (&ends, file.metadata().expect("metadata").len()),
        (b"az", length)
    );
    let after = server.status_of_process("VmHWM");
    assert!(after - before < 32 << 10, "{before} to {after} KiB");
    server.stop("TERM").ends_with(0);
}

fn name(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_large_object_takes_no_memory() {
    large_object(256 << 20);
}

/// The service's limit: `cargo test --release --all-features --test cli -- --ignored`.
#[test]
#[ignore = "writes 4 GB"]
fn an_object_of_1_gib_takes_no_memory() {
    large_object(1 << 30);
}
