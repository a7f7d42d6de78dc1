//! What an endpoint's threads share, and the way of each request to its service.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use super::auth::hosts::Hosts;
use super::auth::signature::{self, Unproven};
use super::config::Config;
use super::control::Control;
use super::dates::http_date;
use super::fault::{Effect, Fault, Faults};
use super::http::answer::{Answer, Refusal, host_id};
use super::http::budget::Budgets;
use super::http::connections::Connections;
use super::http::head::Head;
use super::http::http1::{Allowed, Body, Connection, Received};
use super::http::payload::{Payload, Sums};
use super::operation::{Operation, SQS, Service, Target};
use super::record::{RecordedRequest, RequestLog};
use super::runtime::invoke;
use super::runtime::queue::Queue;
use super::s3::content::Content;
use super::s3::objects;
use super::s3::store::{Store, StoredObject};
use super::sqs::{self, Queues};
use super::sync::{Gate, Leave, Stop};
use super::{control, sts, unserved};
use crate::sys::Random;

/// The longest body that is taken: S3's limit for one request.
const MAX_OBJECT: u64 = 5 << 30;
/// How long a stop waits for threads. One that runs a model's code is left to itself.
const STOP_PATIENCE: Duration = Duration::from_millis(80);

/// What all threads of an endpoint share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) queue: Queue,
    pub(super) control: Control,
    pub(super) queues: Queues,
    pub(super) faults: Faults,
    pub(super) log: RequestLog,
    pub(super) stop: Stop,
    /// All threads, to wait for when the endpoint stops.
    pub(super) threads: Gate,
    pub(super) connections: Connections,
    pub(super) hosts: Hosts,
    pub(super) budgets: Budgets,
    /// By the endpoint's clock.
    pub(super) started: SystemTime,
}

/// A request on its way to a service.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Head,
    /// Empty where it is an object's content.
    pub(super) body: Vec<u8>,
    pub(super) content: Content,
    pub(super) sums: Sums,
    pub(super) target: Target,
    /// Its `x-amzn-requestid`.
    pub(super) id: String,
}

impl Shared {
    pub(super) fn new(config: Config, store: Store, listens: IpAddr) -> io::Result<Self> {
        store.create_bucket(&config.bucket)?;
        store.create_bucket(&config.output.bucket)?;
        if let Some(failure) = &config.failure {
            store.create_bucket(&failure.bucket)?;
        }
        Ok(Self {
            control: Control::new(&config),
            started: config.clock.now(),
            store,
            queue: Queue::default(),
            queues: Queues::default(),
            faults: Faults::default(),
            log: RequestLog::default(),
            stop: Stop::default(),
            threads: Gate::default(),
            connections: Connections::default(),
            hosts: Hosts::new(listens, &config.host_names),
            budgets: Budgets::default(),
            config,
        })
    }

    /// Puts an object made of this content, once it is where the store keeps its content.
    pub(super) fn store_object(
        &self,
        bucket: &str,
        key: &str,
        content: &Content,
        object: impl FnOnce(Content) -> StoredObject,
    ) -> io::Result<()> {
        let content = self.config.disk.settle(content)?;
        self.store.put(bucket, key, object(content))
    }

    /// Ends all threads but those that run a model's code.
    pub(super) fn stop(&self, address: SocketAddr) {
        self.stop.stop();
        self.queue.stop();
        // The listener sleeps until somebody knocks.
        drop(TcpStream::connect_timeout(&address, STOP_PATIENCE));
        self.connections.close_all();
        self.threads.wait_empty(STOP_PATIENCE);
        self.store.close();
    }
}

/// Starts a thread that a stop waits for.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    name: &str,
    body: impl FnOnce(&Arc<Shared>) + Send + 'static,
) -> io::Result<()> {
    let inside = Arc::clone(shared);
    shared.threads.enter(usize::MAX, &shared.stop, || {});
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _leave = Leave(&inside.threads);
        body(&inside);
    });
    if spawned.is_err() {
        drop(Leave(&shared.threads));
    }
    spawned.map(drop)
}

/// One request and its answer; false if the connection ends.
pub(super) fn exchange(
    shared: &Arc<Shared>,
    connection: &mut Connection,
    number: u64,
) -> io::Result<bool> {
    shared.connections.note_idle(number, true);
    let received = connection.receive_head();
    shared.connections.note_idle(number, false);
    let head = match received? {
        Received::Head(head) => head,
        Received::Closed => return Ok(false),
        Received::Malformed(refusal) => {
            // Which service was asked is not known; S3's form says what is wrong in words.
            let id = request_id(Service::S3);
            let answer = refusal.into_answer(Service::S3, &id);
            let answer = complete(shared, answer, Some((Service::S3, &id)));
            return connection.send(&answer, false, None);
        }
    };
    let target = Target::of(&head, &shared.hosts);
    let (body, unproven) = match admit(shared, &head, &target) {
        Ok(unproven) => (
            receive_body(shared, connection, &head, &target, &unproven)?,
            unproven,
        ),
        Err(refusal) => {
            connection.skip_body(&head);
            (Body::Refused(refusal), Unproven::Nothing)
        }
    };
    let length = match &body {
        Body::Whole(payload) => usize::try_from(payload.len()).ok(),
        _ => None,
    };
    let record = RecordedRequest::new(target.operation, &head, length, number);
    let fault = shared.faults.take(&target);
    let came = Came {
        head: *head,
        body,
        target,
        unproven,
    };
    respond(shared, connection, record, came, fault)
}

/// A request as it came.
struct Came {
    head: Head,
    body: Body,
    target: Target,
    unproven: Unproven,
}

/// Refuses what its head shows to be foreign, not signed or not offered, before its body is taken.
fn admit(shared: &Shared, head: &Head, target: &Target) -> Result<Unproven, Refusal> {
    shared.hosts.check(head, target.service)?;
    if let Some(refusal) = unserved::refusal(head, target) {
        return Err(refusal);
    }
    if shared.config.verify_signatures {
        signature::verify_head(&shared.config, target.service, head)
    } else {
        Ok(Unproven::Nothing)
    }
}

fn receive_body(
    shared: &Shared,
    connection: &mut Connection,
    head: &Head,
    target: &Target,
    unproven: &Unproven,
) -> io::Result<Body> {
    let budget = match unproven {
        Unproven::Signature => &shared.budgets.unproven,
        Unproven::Nothing | Unproven::Hash(_) => &shared.budgets.admitted,
    };
    let allowed = Allowed {
        length: body_limit(target.service),
        must_be_told: matches!(
            target.operation,
            Operation::PutObject | Operation::UploadPart
        ),
        budget,
    };
    let config = &shared.config;
    let payload = Box::new(Payload::new(head, config));
    connection.receive_body(head, &allowed, payload, &config.disk)
}

/// Lets the fault strike, answers, and takes down what happened before the client can know.
fn respond(
    shared: &Arc<Shared>,
    connection: &mut Connection,
    mut record: RecordedRequest,
    came: Came,
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
            shared.log.add(&shared.config, record);
            return Ok(false);
        }
        Effect::Hang => {
            shared.log.add(&shared.config, record);
            while !connection.client_is_gone() && !shared.stop.wait(Duration::from_millis(10)) {}
            return Ok(false);
        }
        _ => {}
    }
    let to_head = came.head.method == http::Method::HEAD;
    let service = came.target.service;
    let id = request_id(service);
    let outcome = effect
        .replacement(service)
        .unwrap_or_else(|| handle(shared, came, &id));
    let outcome = outcome.and_then(|answer| {
        // Found out here, a lost file gets an answer; found out while it is sent, it ends the connection.
        let there = answer.body.check(answer.range.clone());
        there
            .map(|()| answer)
            .map_err(|error| storage_failed(&error))
    });
    let answer = outcome.unwrap_or_else(|refusal| refusal.into_answer(service, &id));
    let answer = complete(shared, answer, Some((service, &id)));
    if matches!(effect, Effect::DropAfterHandling) {
        shared.log.add(&shared.config, record);
        return Ok(false);
    }
    record.status = Some(answer.status);
    shared.log.add(&shared.config, record);
    let cut = match effect {
        Effect::TruncateBody(length) => Some(length),
        _ => None,
    };
    connection.send(&answer, to_head, cut)
}

/// Verifies what came and carries it out.
fn handle(shared: &Arc<Shared>, came: Came, id: &str) -> Result<Answer, Refusal> {
    let Came {
        head,
        body,
        target,
        unproven,
    } = came;
    let service = target.service;
    let (content, sums) = match body {
        Body::Whole(payload) => payload.finish(),
        Body::TooLarge => return Err(too_large(service)),
        Body::Busy => return Err(busy(service)),
        Body::Refused(refusal) => return Err(refusal),
        Body::NoLength => {
            return Err(Refusal::new(
                411,
                "MissingContentLength",
                "You must provide the Content-Length HTTP header.",
            ));
        }
    };
    signature::verify_body(
        &shared.config,
        service,
        &head,
        &unproven,
        sums.sha256.as_deref(),
    )?;
    if let Some(problem) = &sums.problem {
        return Err(problem.clone());
    }
    let document = service != Service::S3 || head.method == http::Method::POST;
    let body = match document {
        true if content.len() > body_limit(Service::Sts) => return Err(too_large(service)),
        true => content.to_vec().map_err(|error| storage_failed(&error))?,
        false => Vec::new(),
    };
    let mut request = Request {
        head,
        body,
        content,
        sums,
        target,
        id: id.to_owned(),
    };
    match request.target.operation {
        Operation::InvokeEndpointAsync => invoke::answer(shared, &request),
        Operation::GetCallerIdentity => sts::answer(shared, &request),
        operation if service == Service::Control(SQS) => sqs::answer(shared, operation, &request),
        operation if matches!(service, Service::Control(_)) => {
            control::answer(shared, operation, &request.body)
        }
        _ => {
            let answer = objects::answer(shared, &mut request)?;
            sqs::object_written(shared, &request.target);
            Ok(answer)
        }
    }
}

/// The longest body that is read at all.
fn body_limit(service: Service) -> u64 {
    match service {
        Service::S3 => MAX_OBJECT,
        // Enough to see that it is too long, without asking the client to stop; and for the list of
        // 10,000 parts.
        Service::SageMaker | Service::Control(_) | Service::Sts => 4 << 20,
    }
}

/// The disk does not take or give an object.
pub(super) fn storage_failed(error: &io::Error) -> Refusal {
    let message = format!("We encountered an internal error. Please try again. ({error})");
    Refusal::new(500, "InternalError", message)
}

/// So many bytes are on their way already that no more can be taken.
fn busy(service: Service) -> Refusal {
    match service {
        Service::S3 => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
        Service::SageMaker | Service::Control(_) | Service::Sts => {
            let message =
                "The local endpoint receives as many bytes as it takes at a time; send it again.";
            Refusal::new(503, "ServiceUnavailable", message)
        }
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

/// Hexadecimal digits that nobody needs to be unable to predict; at most 32.
pub(super) fn random_hex(digits: usize) -> String {
    let mut hex = Random::machine().uuid().replace('-', "");
    hex.truncate(digits);
    hex
}

/// A random UUID (version 4).
pub(super) fn random_uuid() -> String {
    Random::machine().uuid()
}
