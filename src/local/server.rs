//! The state that an endpoint's threads share, and the dispatch of requests to services.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::auth::Auth;
use super::auth::hosts::Hosts;
use super::auth::signature::{self, Unproven};
use super::config::Config;
use super::dates::http_date;
use super::fault::{Effect, Fault, Faults};
use super::http::budget::Budgets;
use super::http::connections::Connections;
use super::http::head::Head;
use super::http::http1::{Allowed, Body, Connection, ConnectionTimeouts, Received};
use super::http::payload::{Payload, Sums};
use super::http::response::{Refusal, Response, host_id};
use super::operation::{Operation, SQS, Service, Target};
use super::record::{RecordedRequest, RequestLog};
use super::runtime::invoke;
use super::s3::S3;
use super::s3::content::{Content, Disk};
use super::s3::objects;
use super::s3::refused_operations::POST_OBJECT;
use super::s3::store::Store;
use super::services::Services;
use super::sqs;
use super::sync::Stop;
use super::{control, sts, unserved};
use crate::sys::Random;

/// The longest accepted body: S3's limit for one request.
const MAX_OBJECT: u64 = 5 << 30;
/// How long a stop waits for threads. A thread that runs model code is not waited for longer.
const STOP_TIMEOUT: Duration = Duration::from_millis(80);

/// The state shared by the server's threads: the services and the layers in front of them.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) services: Arc<Services>,
    pub(super) auth: Auth,
    verify_signatures: bool,
    hosts: Hosts,
    pub(super) faults: Faults,
    pub(super) log: RequestLog,
    pub(super) connections: Connections,
    pub(super) timeouts: ConnectionTimeouts,
    budgets: Budgets,
}

/// A verified request for a service.
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
    pub(super) fn new(
        config: Config,
        store: Store,
        disk: Disk,
        listens: IpAddr,
    ) -> io::Result<Self> {
        let auth = Auth {
            common: config.common.clone(),
            keys: config.keys,
        };
        let s3 = S3 {
            store,
            disk,
            list_allowed: config.list_allowed,
            started: config.common.clock.now(),
            common: config.common,
        };
        let services = Services::new(s3, &config.deployed, config.backend, config.watcher)?;
        Ok(Self {
            services: Arc::new(services),
            auth,
            verify_signatures: config.verify_signatures,
            hosts: Hosts::new(listens, &config.host_names),
            faults: Faults::default(),
            log: RequestLog::new(config.observer, config.kept_requests),
            connections: Connections::default(),
            timeouts: config.timeouts,
            budgets: Budgets::default(),
        })
    }

    /// The sign that the endpoint stops.
    pub(super) fn stopping(&self) -> &Stop {
        &self.services.threads.stop
    }

    /// Ends all threads except those that run model code.
    pub(super) fn stop(&self, address: SocketAddr) {
        let services = &self.services;
        services.threads.stop.stop();
        services.queue.stop(services);
        // A connection wakes the listener.
        drop(TcpStream::connect_timeout(&address, STOP_TIMEOUT));
        self.connections.close_all();
        services.threads.wait(STOP_TIMEOUT);
        services.s3.store.close();
    }
}

/// Serves one request; false if the connection ends.
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
            // The service is unknown; S3's error format has a message.
            let id = request_id(Service::S3);
            let response = refusal.into_response(Service::S3, &id);
            let response = complete(shared, response, Some((Service::S3, &id)));
            return connection.send(&response, false, None);
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

/// A request as received.
struct Came {
    head: Head,
    body: Body,
    target: Target,
    unproven: Unproven,
}

/// Refuses a request by its head, before the body is received: wrong host or origin, not signed, or not offered.
fn admit(shared: &Shared, head: &Head, target: &Target) -> Result<Unproven, Refusal> {
    shared.hosts.check(head, target.service)?;
    if let Some(refusal) = unserved::refusal(head, target) {
        return Err(refusal);
    }
    // A browser signs a form in its body.
    if target.refused.as_deref() == Some(POST_OBJECT) && !head.headers.contains_key("authorization")
    {
        return Err(Refusal::not_offered(POST_OBJECT));
    }
    let unproven = if shared.verify_signatures {
        let host = head.text("host").unwrap_or_default();
        let bucket = shared.hosts.bucket(host);
        signature::verify_head(&shared.auth, target.service, head, bucket.as_deref())?
    } else {
        Unproven::Nothing
    };
    if target.service == Service::S3 {
        objects::admit(&shared.services.s3, head, target)?;
    }
    Ok(unproven)
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
        length_required: matches!(
            target.operation,
            Operation::PutObject | Operation::UploadPart
        ),
        budget,
    };
    let payload = Box::new(Payload::new(head, &shared.auth));
    connection.receive_body(head, &allowed, payload, &shared.services.s3.disk)
}

/// Applies the fault, sends the response, and records the request before the client can see the response.
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
    if !delay.is_zero() && shared.stopping().wait(delay) {
        return Ok(false);
    }
    match effect {
        Effect::DropConnection => {
            shared.log.add(record);
            return Ok(false);
        }
        Effect::Hang => {
            shared.log.add(record);
            while !connection.client_is_gone() && !shared.stopping().wait(Duration::from_millis(10))
            {
            }
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
    let outcome = outcome.and_then(|response| {
        // A lost file detected here gets an error response; while the body is sent it could only end the connection.
        let there = response.body.check(response.range.clone());
        there
            .map(|()| response)
            .map_err(|error| storage_failed(&error))
    });
    let response = outcome.unwrap_or_else(|refusal| refusal.into_response(service, &id));
    let response = complete(shared, response, Some((service, &id)));
    if matches!(effect, Effect::DropAfterHandling) {
        shared.log.add(record);
        return Ok(false);
    }
    record.status = Some(response.status);
    shared.log.add(record);
    let cut = match effect {
        Effect::TruncateBody(length) => Some(length),
        _ => None,
    };
    connection.send(&response, to_head, cut)
}

/// Verifies the request and carries it out.
fn handle(shared: &Arc<Shared>, came: Came, id: &str) -> Result<Response, Refusal> {
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
        &shared.auth,
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
        Operation::InvokeEndpointAsync => invoke::response(&shared.services, &request),
        Operation::GetCallerIdentity => sts::response(&shared.auth, &request),
        operation if service == Service::Control(SQS) => {
            sqs::response(&shared.services, operation, &request)
        }
        operation if matches!(service, Service::Control(_)) => {
            control::response(&shared.services, operation, &request.body)
        }
        _ => {
            let response = objects::response(&shared.services.s3, &mut request)?;
            sqs::object_written(&shared.services, &request.target);
            Ok(response)
        }
    }
}

/// The longest body that is read at all.
fn body_limit(service: Service) -> u64 {
    match service {
        Service::S3 => MAX_OBJECT,
        // Enough for the list of 10,000 parts, and to report a body that is too long.
        Service::SageMaker | Service::Control(_) | Service::Sts => 4 << 20,
    }
}

/// An object cannot be written to or read from disk.
pub(super) fn storage_failed(error: &io::Error) -> Refusal {
    let message = format!("We encountered an internal error. Please try again. ({error})");
    Refusal::new(500, "InternalError", message)
}

/// The limit of bytes in flight is reached.
fn busy(service: Service) -> Refusal {
    match service {
        Service::S3 => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
        Service::SageMaker | Service::Control(_) | Service::Sts => {
            let message = "The local endpoint is receiving as many bytes as it may at a time. Retry the \
                request.";
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

/// Adds the headers of every response, unless a fault set them.
fn complete(shared: &Shared, response: Response, served: Option<(Service, &str)>) -> Response {
    let add = |response: Response, name: &str, value: &str| {
        if response.headers.contains_key(name) {
            response
        } else {
            response.header(name, value)
        }
    };
    let response = add(
        response,
        "date",
        &http_date(shared.services.common.clock.now()),
    );
    match served {
        Some((Service::S3, id)) => {
            let response = add(response, "server", "AmazonS3");
            let response = add(response, "x-amz-request-id", id);
            add(response, "x-amz-id-2", &host_id(id))
        }
        Some((Service::SageMaker | Service::Control(_) | Service::Sts, id)) => {
            add(response, "x-amzn-requestid", id)
        }
        None => response,
    }
}

fn request_id(service: Service) -> String {
    match service {
        Service::S3 => random_hex(16).to_uppercase(),
        Service::SageMaker | Service::Control(_) | Service::Sts => random_uuid(),
    }
}

/// At most 32 hexadecimal digits, which need not be unpredictable.
pub(super) fn random_hex(digits: usize) -> String {
    let mut hex = Random::machine().uuid().replace('-', "");
    hex.truncate(digits);
    hex
}

/// A random UUID (version 4).
pub(super) fn random_uuid() -> String {
    Random::machine().uuid()
}
