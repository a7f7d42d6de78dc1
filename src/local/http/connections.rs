//! Accepts connections, within a maximum number, and closes idle ones.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http1::Connection;
use crate::local::server::{Shared, exchange};
use crate::local::sync::{Gate, Leave};
use crate::sys::{Clock, SystemClock, lock};

/// Maximum number of connections served at a time; further ones wait to be accepted. Each has at most one file open
/// for its payload, and the default limit of open files is 1,024.
const MAX_CONNECTIONS: usize = 600;
/// While others wait, a connection is closed after this idle time.
const IDLE_WHEN_FULL: Duration = Duration::from_secs(2);
/// Pause after a failed accept.
const BREATH: Duration = Duration::from_millis(20);
/// Minimum time between reported problems.
const REPORT_AGAIN: Duration = Duration::from_mins(1);

/// The connections of an endpoint.
#[derive(Debug, Default)]
pub(in crate::local) struct Connections {
    /// The threads, one for each connection, to bound their number.
    serving: Gate,
    open: Mutex<BTreeMap<u64, Opened>>,
    accepted: AtomicU64,
}

/// A connection that is served.
#[derive(Debug)]
struct Opened {
    stream: Arc<TcpStream>,
    /// The start of its idle time, in real time.
    idle_since: Option<Duration>,
}

impl Connections {
    /// Number of accepted connections.
    pub(in crate::local) fn count(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Records whether a connection is idle.
    pub(in crate::local) fn note_idle(&self, number: u64, idle: bool) {
        if let Some(opened) = lock(&self.open).get_mut(&number) {
            opened.idle_since = idle.then(|| SystemClock.monotonic());
        }
    }

    /// Closes the longest idle connection for those that wait, if it has been idle long enough that its client has no
    /// request under way.
    fn close_idle(&self) {
        let long_ago = SystemClock.monotonic().checked_sub(IDLE_WHEN_FULL);
        let open = lock(&self.open);
        let idlest = open
            .values()
            .filter(|opened| opened.idle_since.is_some() && opened.idle_since < long_ago)
            .min_by_key(|opened| opened.idle_since);
        if let Some(opened) = idlest {
            // The client may have closed it already.
            drop(opened.stream.shutdown(Shutdown::Both));
        }
    }

    pub(in crate::local) fn close_all(&self) {
        for opened in lock(&self.open).values() {
            // One that is closed already needs no closing.
            drop(opened.stream.shutdown(Shutdown::Both));
        }
    }
}

/// Starts the thread that accepts connections.
pub(in crate::local) fn listen(shared: &Arc<Shared>, listener: TcpListener) -> io::Result<()> {
    let inside = Arc::clone(shared);
    let threads = &shared.services.threads;
    threads.spawn("local-endpoint-listener", move || {
        let shared = &inside;
        let mut errors = ServerErrors::default();
        loop {
            let stream = listener.accept();
            let full = || shared.connections.close_idle();
            if !shared
                .connections
                .serving
                .enter(MAX_CONNECTIONS, shared.stopping(), full)
                || shared.stopping().is_stopped()
            {
                return;
            }
            let served = stream.and_then(|(stream, _)| {
                let inside = Arc::clone(shared);
                let threads = &shared.services.threads;
                threads.spawn("local-endpoint-connection", move || {
                    let _leave = Leave(&inside.connections.serving);
                    serve(&inside, stream);
                })
            });
            if let Err(error) = served {
                drop(Leave(&shared.connections.serving));
                // A connection that was reset before it was accepted is not a problem.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    errors.report(shared, &error);
                    // Out of files or of threads: others must end first.
                    shared.connections.close_idle();
                    shared.stopping().wait(BREATH);
                }
            }
        }
    })
}

/// When a problem was last reported.
#[derive(Default)]
struct ServerErrors(Option<Duration>);

impl ServerErrors {
    /// Reports it, unless another was reported less than a minute ago.
    fn report(&mut self, shared: &Shared, error: &io::Error) {
        let now = SystemClock.monotonic();
        let recently = self
            .0
            .is_some_and(|last| now.saturating_sub(last) < REPORT_AGAIN);
        if let (false, Some(watcher)) = (recently, &shared.services.watcher) {
            self.0 = Some(now);
            // A watcher that panics must not end the accepting thread.
            drop(catch_unwind(AssertUnwindSafe(|| watcher(error))));
        }
    }
}

/// An open connection. Dropping this closes it, also in a panic: a clone of its socket is stored for the stop.
struct Open<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(opened) = lock(&self.shared.connections.open).remove(&self.number) {
            // The client may have closed it already.
            drop(opened.stream.shutdown(Shutdown::Both));
        }
    }
}

/// Serves one connection until it ends.
fn serve(shared: &Arc<Shared>, stream: TcpStream) {
    let number = shared.connections.accepted.fetch_add(1, Ordering::SeqCst) + 1;
    let stream = Arc::new(stream);
    let opened = Opened {
        stream: Arc::clone(&stream),
        idle_since: None,
    };
    lock(&shared.connections.open).insert(number, opened);
    let _open = Open { shared, number };
    if let Ok(mut connection) = Connection::new(stream, shared.timeouts) {
        // An error here is the connection's: the client is gone.
        while !shared.stopping().is_stopped()
            && exchange(shared, &mut connection, number).unwrap_or(false)
        {}
    }
}
