//! Listens, serves connections, and leads each request to its service.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::answer::{Answer, Refusal, host_id};
use super::builder::Config;
use super::control::Control;
use super::dates::http_date;
use super::fault::{Effect, Fault, Faults};
use super::http1::{Body, Connection, Head, Received};
use super::operation::{Operation, Service, Target};
use super::queue::Queue;
use super::record::{RecordedRequest, RequestLog};
use super::store::Store;
use super::sync::{Gate, Leave, Stop, lock};
use super::{control, invoke, s3, signature, sts};

/// How many connections are served at a time; the next ones wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// The longest object that is taken: it is held in memory.
const MAX_OBJECT: usize = 1 << 30;
/// How long a stop waits for threads. One that runs a model's code is left to itself.
const STOP_PATIENCE: Duration = Duration::from_millis(80);

/// What all threads of an endpoint share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) queue: Queue,
    pub(super) control: Control,
    pub(super) faults: Faults,
    pub(super) log: RequestLog,
    pub(super) stop: Stop,
    /// All threads, to wait for when the endpoint stops.
    pub(super) threads: Gate,
    /// Those that serve a connection, to bound their number.
    serving: Gate,
    open: Mutex<BTreeMap<u64, TcpStream>>,
    accepted: AtomicU64,
}

/// A request on its way to a service.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) target: Target,
    /// Its `x-amzn-requestid`.
    pub(super) id: String,
}

impl Shared {
    pub(super) fn new(config: Config) -> Self {
        let store = Store::default();
        store.create_bucket(&config.bucket);
        store.create_bucket(&config.output.bucket);
        if let Some(failure) = &config.failure {
            store.create_bucket(&failure.bucket);
        }
        Self {
            control: Control::new(&config),
            config,
            store,
            queue: Queue::default(),
            faults: Faults::default(),
            log: RequestLog::default(),
            stop: Stop::default(),
            threads: Gate::default(),
            serving: Gate::default(),
            open: Mutex::default(),
            accepted: AtomicU64::new(0),
        }
    }

    pub(super) fn connections(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Ends all threads but those that run a model's code.
    pub(super) fn stop(&self, address: SocketAddr) {
        self.stop.stop();
        self.queue.stop();
        // The listener sleeps until somebody knocks.
        drop(TcpStream::connect_timeout(&address, STOP_PATIENCE));
        for stream in lock(&self.open).values() {
            // One that is closed already needs no closing.
            drop(stream.shutdown(Shutdown::Both));
        }
        self.threads.wait_empty(STOP_PATIENCE);
    }
}

/// Starts the thread that accepts connections.
pub(super) fn listen(shared: &Arc<Shared>, listener: TcpListener) -> io::Result<()> {
    spawn(shared, "local-endpoint-listener", move |shared| {
        while shared.serving.enter(MAX_CONNECTIONS, &shared.stop) {
            let stream = listener.accept();
            if shared.stop.is_stopped() {
                return;
            }
            let served = stream.and_then(|(stream, _)| {
                spawn(shared, "local-endpoint-connection", move |shared| {
                    let _leave = Leave(&shared.serving);
                    serve(shared, stream);
                })
            });
            if served.is_err() {
                // Out of files or of threads: others must end first.
                drop(Leave(&shared.serving));
                shared.stop.wait(Duration::from_millis(10));
            }
        }
    })
}

/// Starts a thread that a stop waits for.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    name: &str,
    body: impl FnOnce(&Arc<Shared>) + Send + 'static,
) -> io::Result<()> {
    let inside = Arc::clone(shared);
    shared.threads.enter(usize::MAX, &shared.stop);
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _leave = Leave(&inside.threads);
        body(&inside);
    });
    if spawned.is_err() {
        drop(Leave(&shared.threads));
    }
    spawned.map(drop)
}

/// An open connection: closed when this is dropped, in a panic too, for a clone of its socket is
/// kept for the stop.
struct Open<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(stream) = lock(&self.shared.open).remove(&self.number) {
            // The client may have closed it already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

/// Serves one connection until it ends.
fn serve(shared: &Arc<Shared>, stream: TcpStream) {
    let number = shared.accepted.fetch_add(1, Ordering::SeqCst) + 1;
    let Ok(registered) = stream.try_clone() else {
        return;
    };
    lock(&shared.open).insert(number, registered);
    let _open = Open { shared, number };
    if let Ok(mut connection) = Connection::new(stream) {
        // An error here is one of the connection: there is nobody left to tell.
        while !shared.stop.is_stopped()
            && exchange(shared, &mut connection, number).unwrap_or(false)
        {}
    }
}

/// One request and its answer; false if the connection ends.
fn exchange(shared: &Arc<Shared>, connection: &mut Connection, number: u64) -> io::Result<bool> {
    let limit = |head: &Head| match Target::of(head, &shared.store).operation.service() {
        Service::S3 => MAX_OBJECT,
        // Enough to see that it is too long, without asking the client to stop.
        Service::SageMaker | Service::Control(_) | Service::Sts => 8 * invoke::MAX_BODY,
    };
    let (head, body) = match connection.receive(limit)? {
        Received::Request(head, body) => (head, body),
        Received::Closed => return Ok(false),
        Received::Malformed(status) => {
            let answer = complete(shared, Answer::empty(status), None);
            connection.send(&answer, false, Some(0))?;
            return Ok(false);
        }
    };
    let target = Target::of(&head, &shared.store);
    let length = match &body {
        Body::Whole(body) => Some(body.len()),
        Body::TooLarge | Body::NoLength => None,
    };
    let record = RecordedRequest::new(target.operation, &head, length, number);
    let fault = shared.faults.take(&target);
    respond(shared, connection, record, (head, body, target), fault)
}

/// Lets the fault strike, answers, and takes down what happened before the client can know.
fn respond(
    shared: &Arc<Shared>,
    connection: &mut Connection,
    mut record: RecordedRequest,
    (head, body, target): (Head, Body, Target),
    fault: Option<Fault>,
) -> io::Result<bool> {
    let (delay, effect) = fault.map_or((Duration::ZERO, Effect::None), |fault| {
        (fault.delay, fault.effect)
    });
    if !delay.is_zero() && shared.stop.wait(delay) {
        return Ok(false);
    }
    match effect {
        Effect::DropConnection => {
            shared.log.add(record);
            return Ok(false);
        }
        Effect::Hang => {
            shared.log.add(record);
            while !connection.client_is_gone() && !shared.stop.wait(Duration::from_millis(10)) {}
            return Ok(false);
        }
        _ => {}
    }
    let to_head = head.method == http::Method::HEAD;
    let id = request_id(target.operation.service());
    let service = target.operation.service();
    let outcome = effect
        .replacement(service)
        .unwrap_or_else(|| handle(shared, head, body, target, &id));
    let answer = outcome.unwrap_or_else(|refusal| refusal.into_answer(service, &id));
    let answer = complete(shared, answer, Some((service, &id)));
    if matches!(effect, Effect::DropAfterHandling) {
        shared.log.add(record);
        return Ok(false);
    }
    record.status = Some(answer.status);
    shared.log.add(record);
    let cut = match effect {
        Effect::TruncateBody(length) => Some(length),
        _ => None,
    };
    connection.send(&answer, to_head, cut)
}

/// Verifies the request and carries it out.
fn handle(
    shared: &Arc<Shared>,
    head: Head,
    body: Body,
    target: Target,
    id: &str,
) -> Result<Answer, Refusal> {
    let service = target.operation.service();
    let body = match body {
        Body::Whole(body) => body,
        Body::TooLarge => return Err(too_large(service)),
        Body::NoLength => {
            return Err(Refusal::new(
                411,
                "MissingContentLength",
                "You must provide the Content-Length HTTP header.",
            ));
        }
    };
    signature::verify(&shared.config, service, &head, &body)?;
    let mut request = Request {
        head,
        body,
        target,
        id: id.to_owned(),
    };
    match request.target.operation {
        Operation::InvokeEndpointAsync => invoke::answer(shared, &mut request),
        Operation::GetCallerIdentity => sts::answer(shared, &request),
        operation if matches!(service, Service::Control(_)) => {
            control::answer(shared, operation, &request.body)
        }
        _ => s3::answer(shared, &mut request),
    }
}

fn too_large(service: Service) -> Refusal {
    match service {
        Service::S3 => Refusal::new(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
        )
        .detail("MaxSizeAllowed", MAX_OBJECT.to_string()),
        Service::SageMaker => invoke::body_too_large(),
        Service::Control(_) | Service::Sts => {
            Refusal::new(413, "RequestEntityTooLarge", "Request entity too large")
        }
    }
}

/// Adds the headers that every answer carries, unless a script set them.
fn complete(shared: &Shared, answer: Answer, served: Option<(Service, &str)>) -> Answer {
    let add = |answer: Answer, name: &str, value: &str| {
        if answer.headers.contains_key(name) {
            answer
        } else {
            answer.header(name, value)
        }
    };
    let answer = add(answer, "date", &http_date(shared.config.clock.now()));
    match served {
        Some((Service::S3, id)) => {
            let answer = add(answer, "server", "AmazonS3");
            let answer = add(answer, "x-amz-request-id", id);
            add(answer, "x-amz-id-2", &host_id(id))
        }
        Some((Service::SageMaker | Service::Control(_) | Service::Sts, id)) => {
            add(answer, "x-amzn-requestid", id)
        }
        None => answer,
    }
}

fn request_id(service: Service) -> String {
    match service {
        Service::S3 => random_hex(16).to_uppercase(),
        Service::SageMaker | Service::Control(_) | Service::Sts => random_uuid(),
    }
}

/// Hexadecimal digits that nobody needs to be unable to predict.
pub(super) fn random_hex(digits: usize) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    (0..digits)
        .map(|_| char::from(DIGITS[fastrand::usize(..16)]))
        .collect()
}

/// A random UUID (version 4).
pub(super) fn random_uuid() -> String {
    let variant = ["8", "9", "a", "b"][fastrand::usize(..4)];
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        random_hex(8),
        random_hex(4),
        random_hex(3),
        random_hex(3),
        random_hex(12)
    )
}
