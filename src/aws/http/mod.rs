//! One HTTP exchange. The only module that names `ureq` (but for the session builder, where a user
//! hands in an agent).

mod body;
mod buffers;
pub(crate) mod bundle;
mod cancel;
mod connect;
mod connection_error;
mod decode;
mod dns;
mod forward;
mod habits;
mod interim;
mod network;
mod no_proxy;
pub(crate) mod pace;
mod probe;
mod proxy;
mod route;
mod socket;
mod supervise;
mod timeouts;
mod tls;

use std::fmt;
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, Uri};
use ureq::{Agent, AsSendBody, Body, ProxyProtocol, SendBody};

pub(crate) use body::BodyStream;
pub(crate) use cancel::{Cancel, cancellable};
pub(crate) use connection_error::{Attempted, ConnectionError, authority};
pub(crate) use network::{CaBundle, Network};
use pace::Paced;
use route::Routes;
pub(crate) use supervise::supervise;
pub use timeouts::Timeouts;

use crate::sys::{Clock, Sys};

/// A complete response.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A response whose body is still to be read, if it is a success.
pub(crate) enum Opened {
    Success(HeaderMap, BodyStream),
    Refused(Reply),
}

/// Whether the response to a GET has what was requested. The other successes, such as 202 and 204, do not: an empty
/// result would be made up.
pub(crate) fn has_content(status: u16) -> bool {
    matches!(status, 200 | 203 | 206)
}

/// The limits of one exchange.
pub(crate) struct Bounds<'a> {
    pub(crate) max_success: u64,
    pub(crate) clock: &'a dyn Clock,
    /// On the monotonic clock.
    pub(crate) deadline: Option<Duration>,
    pub(crate) cancel: Option<Cancel<'a>>,
}

impl Bounds<'_> {
    fn limits(&self) -> Limits {
        let left = |deadline: Duration| deadline.saturating_sub(self.clock.monotonic());
        Limits {
            max_success: self.max_success,
            left: self.deadline.map(left),
        }
    }
}

/// The same for any thread.
#[derive(Clone, Copy)]
struct Limits {
    max_success: u64,
    left: Option<Duration>,
}

/// Who reads the body of a successful response.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// This exchange, within its deadline.
    Whole,
    /// The caller, without a time limit.
    Streamed,
}

/// The most that is read of an error's body.
const MAX_ERROR_BODY: u64 = 64 << 10;

/// What the protocol needs, whatever an agent's own settings: error statuses are responses, redirects are
/// not followed, stored bytes are not decoded. A macro, because ureq's builders of an agent's and of a
/// request's settings are two types with no public trait in common.
macro_rules! with_protocol {
    ($builder:expr) => {
        $builder
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            // No service uses it; the official SDKs send none.
            .accept("")
            .allow_non_standard_methods(false)
    };
}
use with_protocol;

/// Every phase ends, and the whole in the time that is `left`, if there is a limit.
macro_rules! with_timeouts {
    ($builder:expr, $timeouts:expr, $left:expr, $body:expr) => {{
        let (timeouts, left): (&Timeouts, Option<Duration>) = ($timeouts, $left);
        let most = left.unwrap_or(Duration::MAX);
        $builder
            .timeout_resolve(Some(timeouts.connect().min(most)))
            .timeout_connect(Some(timeouts.connect().min(most)))
            .timeout_per_write(Some(timeouts.write().min($crate::aws::http::coarse(most))))
            .timeout_per_read(Some(timeouts.read().min($crate::aws::http::coarse(most))))
            // A little more than for each read, so that a response that comes at once needs no other
            // timeout of the socket than the one before it: one system call less a request.
            .timeout_recv_response(Some(
                timeouts
                    .read()
                    .saturating_add(timeouts.read() / 64)
                    .min(most),
            ))
            .timeout_send_body(left)
            // A service that does not respond gets the body after a second, and before its time is up.
            .timeout_await_100(Some(
                $crate::aws::http::AWAIT_100
                    .min(timeouts.read() / 2)
                    .min(most),
            ))
            .timeout_recv_body($body)
    }};
}
use with_timeouts;

/// A little less than the time that is left, and the same for many requests in a row that have about as much: each
/// other value would cost two system calls, to set the socket's timeouts.
pub(in crate::aws::http) fn coarse(left: Duration) -> Duration {
    if left < Duration::from_secs(1) || left == Duration::MAX {
        return left;
    }
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let step = (1_u64 << millis.ilog2()) / 16;
    Duration::from_millis(millis - millis % step)
}

/// How long an upload waits for the service to agree to take it.
const AWAIT_100: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(crate) struct Transport {
    agents: Agents,
    timeouts: Timeouts,
}

#[derive(Clone)]
enum Agents {
    Own(Arc<Routes>),
    /// The user's, with its own settings.
    Foreign(Agent),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// With agents of our own.
    pub(crate) fn new(network: &Network, timeouts: Timeouts) -> Self {
        Self {
            agents: Agents::Own(Routes::new(network, timeouts, true)),
            timeouts,
        }
    }

    /// With the user's agent, whose proxy, TLS, pool and resolver stay as they are.
    pub(crate) fn with_agent(agent: Agent, timeouts: Timeouts) -> Self {
        Self {
            agents: Agents::Foreign(agent),
            timeouts,
        }
    }

    /// How long each phase of a request may take.
    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// For metadata of the machine or container, which is seldom requested.
    pub(crate) fn without_proxy(sys: &Sys, timeouts: Timeouts) -> Self {
        let network = Network::without_proxy(sys);
        Self {
            agents: Agents::Own(Routes::new(&network, timeouts, false)),
            timeouts,
        }
    }

    /// The longest time between two reads of a response.
    pub(crate) fn read_timeout(&self) -> Duration {
        self.timeouts.read()
    }

    /// Sends a request and reads its response whole. A body that is longer than `max_success` (or
    /// than the bound on error bodies, which are then cut) is an error.
    pub(crate) fn exchange(
        &self,
        request: Request<&[u8]>,
        bounds: &Bounds<'_>,
    ) -> Result<Reply, ConnectionError> {
        self.in_memory(request, bounds, |transport, request, limits| {
            cancel::within(transport.deadline(&request, limits), || {
                let response = transport.run_in_memory(request, limits, Reading::Whole)?;
                transport.read_whole(response, limits)
            })
        })
    }

    /// Sends what is read; the request's headers say how long it is.
    pub(crate) fn upload(
        &self,
        request: Request<&mut dyn Read>,
        bounds: &Bounds<'_>,
    ) -> Result<Reply, ConnectionError> {
        let limits = bounds.limits();
        let (head, body) = request.into_parts();
        let is_interruptible = self.is_interruptible(&head.uri);
        let transport = self.clone();
        let send = move |body: &mut dyn Read| {
            let request = Request::from_parts(head, SendBody::from_reader(body));
            let response = transport.run(request, limits, Reading::Whole)?;
            transport.read_whole(response, limits)
        };
        cancellable(bounds.cancel, || {
            if is_interruptible {
                send(body)
            } else {
                supervise(body, send)?
            }
        })
    }

    /// Sends a request and, if it succeeds, leaves its body to be read.
    pub(crate) fn open(
        &self,
        request: Request<&[u8]>,
        bounds: &Bounds<'_>,
    ) -> Result<Opened, ConnectionError> {
        self.in_memory(request, bounds, Self::open_here)
    }

    fn open_here(
        &self,
        request: Request<&[u8]>,
        limits: Limits,
    ) -> Result<Opened, ConnectionError> {
        let is_interruptible = self.is_interruptible(request.uri());
        let response = cancel::within(self.deadline(&request, limits), || {
            self.run_in_memory(request, limits, Reading::Streamed)
        })?;
        if !has_content(response.status().as_u16()) {
            return self.read_whole(response, limits).map(Opened::Refused);
        }
        let (parts, body) = response.into_parts();
        let reader = body.into_with_config().limit(u64::MAX).reader();
        let reader = Paced::new(reader, self.timeouts.read(), true);
        Ok(Opened::Success(
            parts.headers,
            BodyStream::new(reader, is_interruptible),
        ))
    }

    /// Runs on this thread, or on another one if a cancel could not interrupt it here.
    fn in_memory<T: Send + 'static>(
        &self,
        request: Request<&[u8]>,
        bounds: &Bounds<'_>,
        send: impl FnOnce(&Self, Request<&[u8]>, Limits) -> Result<T, ConnectionError> + Send + 'static,
    ) -> Result<T, ConnectionError> {
        let limits = bounds.limits();
        cancellable(bounds.cancel, || {
            if bounds.cancel.is_none() || self.is_interruptible(request.uri()) {
                return send(self, request, limits);
            }
            let transport = self.clone();
            let (head, body) = request.into_parts();
            let body = body.to_vec();
            supervise(&mut io::empty(), move |_| {
                send(&transport, Request::from_parts(head, &body), limits)
            })?
        })
    }

    /// Whether a cancel ends the waits of connections for this URI. It does not with the user's agent.
    fn is_interruptible(&self, uri: &Uri) -> bool {
        matches!(&self.agents, Agents::Own(routes) if routes.to(uri).is_interruptible())
    }

    /// The time limit that the waits of the request's connection keep. ureq would copy its configuration to keep it, for
    /// each request.
    fn deadline<B>(&self, request: &Request<B>, limits: Limits) -> Option<Duration> {
        let keep = |_: &Duration| !is_upload(request) && self.is_interruptible(request.uri());
        limits.left.filter(keep)
    }

    fn read_whole(
        &self,
        response: Response<Body>,
        limits: Limits,
    ) -> Result<Reply, ConnectionError> {
        let (parts, mut body) = response.into_parts();
        let success = parts.status.is_success();
        let limit = if success {
            limits.max_success
        } else {
            MAX_ERROR_BODY
        };
        let announced = body.content_length();
        if success && announced.is_some_and(|length| length > limit) {
            return Err(ConnectionError::too_long(limit));
        }
        let body = body.with_config().limit(u64::MAX).reader();
        // An error is not worth more time than the caller has.
        let window = limits.left.filter(|_| !success).unwrap_or(Duration::MAX);
        let body = Paced::new(body, self.timeouts.read().min(window), success);
        let body = read_bounded(body, announced, limit, success)?;
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    fn run_in_memory(
        &self,
        request: Request<&[u8]>,
        limits: Limits,
        reading: Reading,
    ) -> Result<Response<Body>, ConnectionError> {
        // ureq takes a body, even an empty one, for methods that have one, and only for those.
        match *request.method() {
            Method::GET | Method::HEAD | Method::DELETE => {
                self.run(request.map(drop), limits, reading)
            }
            _ => self.run(request, limits, reading),
        }
    }

    /// Settings go on the request only where it needs other ones than the agent has: with settings
    /// of its own, each connection would also build its TLS configuration and roots again.
    fn run(
        &self,
        mut request: Request<impl AsSendBody>,
        limits: Limits,
        reading: Reading,
    ) -> Result<Response<Body>, ConnectionError> {
        let kept = self.deadline(&request, limits);
        let left = limits.left.filter(|_| kept.is_none());
        let body = left.filter(|_| reading == Reading::Whole);
        let (routes, route) = match &self.agents {
            Agents::Foreign(agent) => return self.run_foreign(agent, request, left, body),
            Agents::Own(routes) => (routes, routes.to(request.uri())),
        };
        let agent = routes.agent(route);
        let agent = agent.map_err(ConnectionError::configuration)?;
        let forwarding = route.forwards_through();
        if let Some(proxy) = forwarding {
            let addressed = forward::address(&mut request, proxy);
            addressed.map_err(|error| ConnectionError::from(ureq::Error::from(error)))?;
        }
        let request = if left.is_some() {
            let whole = left.filter(|_| is_upload(&request));
            let builder = agent.configure_request(request);
            with_timeouts!(builder, &self.timeouts, left, body)
                .timeout_per_call(whole)
                .build()
        } else {
            request
        };
        let outcome = agent.run(request);
        let outcome = match forwarding {
            Some(_) => forward::outcome(outcome),
            None => outcome,
        };
        let response = outcome.map_err(|error| {
            let name = route.proxy_name().map(str::to_owned);
            ConnectionError::from(error).through(name).explained()
        })?;
        unchanged(response)
    }

    fn run_foreign(
        &self,
        agent: &Agent,
        request: Request<impl AsSendBody>,
        left: Option<Duration>,
        body: Option<Duration>,
    ) -> Result<Response<Body>, ConnectionError> {
        let is_address = is_address(request.uri());
        let whole = left.filter(|_| is_upload(&request));
        let builder = with_protocol!(agent.configure_request(request));
        let builder = with_timeouts!(builder, &self.timeouts, left, body).timeout_per_call(whole);
        let request = if is_address {
            // There is nothing to resolve, and a limit on it costs ureq's own resolver a thread.
            builder.timeout_resolve(None).build()
        } else {
            builder.build()
        };
        let response = agent
            .run(request)
            .map_err(|error| ConnectionError::from(error).explained())?;
        unchanged(response)
    }
}

fn unchanged(response: Response<Body>) -> Result<Response<Body>, ConnectionError> {
    decode::check(&response).map_err(ConnectionError::configuration)?;
    Ok(response)
}

/// Whether the deadline limits all phases together, and not each of them alone. With a limit for each phase, the one
/// that took too long shows whether anything was sent; a limit on them all does not.
fn is_upload<B>(request: &Request<B>) -> bool {
    request.method() == Method::PUT
}

fn is_socks(protocol: ProxyProtocol) -> bool {
    !matches!(protocol, ProxyProtocol::Http | ProxyProtocol::Https)
}

fn is_address(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse::<IpAddr>().is_ok()
}

/// Reads to the end, so that the connection can be used again. The buffer is zeroed where it is allocated, and has
/// room for the read that finds the end.
fn read_bounded(
    body: impl Read,
    announced: Option<u64>,
    limit: u64,
    strict: bool,
) -> Result<Vec<u8>, ConnectionError> {
    const UNKNOWN: u64 = 8 << 10;
    let expected = announced.unwrap_or(UNKNOWN).min(limit).min(1 << 20);
    let mut body = body.take(limit + u64::from(strict));
    let mut bytes = vec![0; usize::try_from(expected).unwrap_or(0) + 1];
    let mut filled = 0;
    let outcome = loop {
        if filled == bytes.len() {
            bytes.resize(2 * filled, 0);
        }
        match body.read(&mut bytes[filled..]) {
            Ok(0) => break Ok(()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    bytes.truncate(filled);
    match outcome {
        Ok(()) if strict && filled as u64 > limit => Err(ConnectionError::too_long(limit)),
        Ok(()) => Ok(bytes),
        // A part of an error's body may still name the cause.
        Err(_) if !strict => Ok(bytes),
        Err(error) => Err(ConnectionError::from(ureq::Error::from(error))),
    }
}
