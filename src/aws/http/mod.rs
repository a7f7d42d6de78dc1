//! One HTTP exchange. The only room that names `ureq` (but for the session builder, where a user
//! hands in an agent).

mod connect;
mod dns;
mod network;
mod no_proxy;
mod pace;
mod probe;
mod proxy;

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Read};
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, Uri};
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::{Agent, Body, BodyReader, SendBody, Timeout};

use connect::Unconnected;
use dns::{CachingResolver, Unresolved};
pub(crate) use network::{CaBundle, Network};
use pace::Paced;
use probe::ProbingConnector;
use proxy::ByScheme;

use crate::error::TransportErrorKind;
use crate::sys::Clock;

/// How long each phase of a request may take. A wait's deadline shortens them further.
///
/// | phase | default |
/// |---|---|
/// | [`connect`](Self::with_connect): name resolution; then connection and TLS handshake | 5 s each |
/// | [`read`](Self::with_read): each read of an answer; all its headers together get a 64th more | 60 s each |
/// | [`write`](Self::with_write): each write of a request | 60 s |
///
/// An answer's body that comes at less than 1 KiB/s over a whole read timeout counts as timed out, and so
/// does a request that the server takes at less than 1 KiB/s over a whole write timeout (but not with an
/// [agent](crate::SessionBuilder::agent) of the caller's, whose connections are its own).
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::session::Timeouts;
///
/// let hasty = Timeouts::default().with_connect(Duration::from_secs(1));
/// assert_eq!(hasty.read(), Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    connect: Duration,
    read: Duration,
    write: Duration,
}

impl Timeouts {
    /// Default: 5 s.
    pub fn with_connect(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// Default: 60 s.
    pub fn with_read(mut self, timeout: Duration) -> Self {
        self.read = timeout;
        self
    }

    /// Default: 60 s.
    pub fn with_write(mut self, timeout: Duration) -> Self {
        self.write = timeout;
        self
    }

    /// The limit on name resolution, and on making a connection.
    pub fn connect(&self) -> Duration {
        self.connect
    }

    /// The limit on each read of an answer; all its headers together get a 64th more.
    pub fn read(&self) -> Duration {
        self.read
    }

    /// The limit on each write of a request.
    pub fn write(&self) -> Duration {
        self.write
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_mins(1),
            write: Duration::from_mins(1),
        }
    }
}

/// An answer, read whole.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// An answer whose body is still to be read, if it is a success.
pub(crate) enum Opened {
    Success(HeaderMap, BodyStream),
    Refused(Reply),
}

/// The body of an answer, as it comes.
pub(crate) struct BodyStream(Paced<BodyReader<'static>>);

impl BodyStream {
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome.map_err(|error| ureq::Error::from(error).into()),
            }
        }
    }
}

/// Why there is none.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) kind: TransportErrorKind,
    /// Certainly, no byte of the request reached the server.
    pub(crate) never_sent: bool,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What one exchange may cost.
pub(crate) struct Bounds<'a> {
    pub(crate) max_success: u64,
    pub(crate) clock: &'a dyn Clock,
    /// On the monotonic clock.
    pub(crate) deadline: Option<Duration>,
}

/// Who reads the body of a successful answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// This exchange, within its deadline.
    Whole,
    /// The caller, who may take his time.
    Streamed,
}

/// Of an error's body, more is never needed.
const MAX_ERROR_BODY: u64 = 64 << 10;

/// Longer than the default poll delay of 15 s, and than the 60 s after which many servers close.
const MAX_IDLE_AGE: Duration = Duration::from_secs(90);

/// What the protocol needs, whatever an agent's own settings: statuses are answers, redirects are
/// not followed, stored bytes come as they are. A macro, for ureq's builders of an agent's and of a
/// request's settings are of two types with no public trait between them.
macro_rules! with_protocol {
    ($builder:expr) => {
        $builder
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .allow_non_standard_methods(false)
    };
}

/// Every phase ends, and the whole in the time that is `left`, if there is a limit.
macro_rules! with_timeouts {
    ($builder:expr, $timeouts:expr, $left:expr, $body:expr) => {{
        let (timeouts, left): (&Timeouts, Option<Duration>) = ($timeouts, $left);
        let most = left.unwrap_or(Duration::MAX);
        $builder
            .timeout_resolve(Some(timeouts.connect.min(most)))
            .timeout_connect(Some(timeouts.connect.min(most)))
            .timeout_per_write(Some(timeouts.write.min(most)))
            .timeout_per_read(Some(timeouts.read.min(most)))
            // A little more than for each read, so that an answer that comes at once needs no other
            // timeout of the socket than the one before it: one system call less a request.
            .timeout_recv_response(Some(
                timeouts.read.saturating_add(timeouts.read / 64).min(most),
            ))
            .timeout_send_body(left)
            .timeout_recv_body($body)
    }};
}

#[derive(Clone)]
pub(crate) struct Transport {
    agent: Agent,
    /// Agents that go through a proxy, where the environment has one.
    via_proxy: ByScheme<Agent>,
    /// Whether the agent is the user's, with settings of its own.
    foreign: bool,
    timeouts: Timeouts,
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
        let agent = |proxy| {
            let builder = Agent::config_builder()
                .proxy(proxy)
                .tls_config(network.tls())
                .max_idle_age(MAX_IDLE_AGE)
                .max_idle_connections(100)
                .max_idle_connections_per_host(32);
            own_agent(builder, &timeouts)
        };
        Self {
            agent: agent(None),
            via_proxy: network.proxies.map(|proxy| agent(Some(proxy.clone()))),
            foreign: false,
            timeouts,
        }
    }

    /// With the user's agent, whose proxy, TLS, pool and resolver stay as they are.
    pub(crate) fn with_agent(agent: Agent, timeouts: Timeouts) -> Self {
        Self {
            agent,
            via_proxy: ByScheme::none(),
            foreign: true,
            timeouts,
        }
    }

    /// For metadata of the machine or container: it is asked seldom, and a proxy would answer for
    /// another machine, or learn this one's credentials.
    pub(crate) fn without_proxy(timeouts: Timeouts) -> Self {
        let builder = Agent::config_builder().proxy(None).max_idle_connections(0);
        Self {
            agent: own_agent(builder, &timeouts),
            via_proxy: ByScheme::none(),
            foreign: false,
            timeouts,
        }
    }

    /// Sends a request and reads its answer whole. A body that is longer than `max_success` (or
    /// than the bound on error bodies, which are then cut) is an error.
    pub(crate) fn exchange(
        &self,
        request: Request<&[u8]>,
        bounds: &Bounds<'_>,
    ) -> Result<Reply, Broken> {
        self.read_whole(self.run(request, bounds, Reading::Whole)?, bounds)
    }

    /// Sends what is read; the request's headers say how long it is.
    pub(crate) fn upload(
        &self,
        request: Request<&mut dyn Read>,
        bounds: &Bounds<'_>,
    ) -> Result<Reply, Broken> {
        let request = request.map(SendBody::from_reader);
        let response = self.configure_and_run(request, bounds, Reading::Whole)?;
        self.read_whole(response, bounds)
    }

    /// Sends a request and, if it succeeds, leaves its body to be read.
    pub(crate) fn open(
        &self,
        request: Request<&[u8]>,
        bounds: &Bounds<'_>,
    ) -> Result<Opened, Broken> {
        let response = self.run(request, bounds, Reading::Streamed)?;
        if !response.status().is_success() {
            return self.read_whole(response, bounds).map(Opened::Refused);
        }
        let (parts, body) = response.into_parts();
        let reader = body.into_with_config().limit(u64::MAX).reader();
        let reader = Paced::new(reader, self.timeouts.read, true);
        Ok(Opened::Success(parts.headers, BodyStream(reader)))
    }

    fn read_whole(&self, response: Response<Body>, bounds: &Bounds<'_>) -> Result<Reply, Broken> {
        let (parts, mut body) = response.into_parts();
        let success = parts.status.is_success();
        let limit = if success {
            bounds.max_success
        } else {
            MAX_ERROR_BODY
        };
        let announced = body.content_length();
        if success && announced.is_some_and(|length| length > limit) {
            return Err(too_long(limit));
        }
        let body = body.with_config().limit(u64::MAX).reader();
        let body = Paced::new(body, self.timeouts.read, success);
        let body = read_bounded(body, announced, limit, success)?;
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    fn run(
        &self,
        request: Request<&[u8]>,
        bounds: &Bounds<'_>,
        reading: Reading,
    ) -> Result<Response<Body>, Broken> {
        // ureq takes a body, even an empty one, for methods that have one, and only for those.
        if matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::DELETE
        ) {
            self.configure_and_run(request.map(|_| ()), bounds, reading)
        } else {
            self.configure_and_run(request, bounds, reading)
        }
    }

    /// Settings go on the request only where it needs other ones than the agent has: with settings
    /// of its own, each connection would also build its TLS configuration and roots anew.
    fn configure_and_run<B: ureq::AsSendBody>(
        &self,
        request: Request<B>,
        bounds: &Bounds<'_>,
        reading: Reading,
    ) -> Result<Response<Body>, Broken> {
        let left = bounds
            .deadline
            .map(|deadline| deadline.saturating_sub(bounds.clock.monotonic()));
        let agent = self.via_proxy.of(request.uri()).unwrap_or(&self.agent);
        let body = left.filter(|_| reading == Reading::Whole);
        let request = if self.foreign {
            let is_address = is_address(request.uri());
            let builder = with_protocol!(agent.configure_request(request));
            let builder = with_timeouts!(builder, &self.timeouts, left, body);
            if is_address {
                // There is nothing to resolve, and to limit that costs ureq's own resolver a thread.
                builder.timeout_resolve(None).build()
            } else {
                builder.build()
            }
        } else if left.is_some() {
            let builder = agent.configure_request(request);
            with_timeouts!(builder, &self.timeouts, left, body).build()
        } else {
            request
        };
        agent.run(request).map_err(Broken::from)
    }
}

fn own_agent(builder: ConfigBuilder<AgentScope>, timeouts: &Timeouts) -> Agent {
    Agent::with_parts(
        with_timeouts!(with_protocol!(builder), timeouts, None, None).build(),
        ProbingConnector::new(timeouts.write),
        CachingResolver::default(),
    )
}

fn is_address(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse::<IpAddr>().is_ok()
}

/// Reads to the end, so that the connection can be used again.
fn read_bounded(
    body: impl Read,
    announced: Option<u64>,
    limit: u64,
    strict: bool,
) -> Result<Vec<u8>, Broken> {
    let capacity = announced.unwrap_or(0).min(limit).min(1 << 20);
    let mut bytes = Vec::with_capacity(usize::try_from(capacity).unwrap_or(0));
    let read = body.take(limit + u64::from(strict)).read_to_end(&mut bytes);
    match read {
        Ok(_) if strict && bytes.len() as u64 > limit => Err(too_long(limit)),
        Ok(_) => Ok(bytes),
        // What there is of an error's body may tell all the same.
        Err(_) if !strict => Ok(bytes),
        Err(error) => Err(Broken::from(ureq::Error::from(error))),
    }
}

fn too_long(limit: u64) -> Broken {
    Broken {
        kind: TransportErrorKind::TooLong,
        never_sent: false,
        source: Some(format!("the answer is longer than {limit} bytes").into()),
    }
}

impl Broken {
    /// The payload could not be read, so that the request was broken off.
    pub(crate) fn source_failed() -> Self {
        Self {
            kind: TransportErrorKind::Protocol,
            never_sent: false,
            source: None,
        }
    }

    /// The caller's deadline passed before anything was sent.
    pub(crate) fn out_of_time() -> Self {
        Self {
            kind: TransportErrorKind::Timeout,
            never_sent: true,
            source: Some("the caller's deadline passed before the request was sent".into()),
        }
    }
}

impl From<ureq::Error> for Broken {
    fn from(error: ureq::Error) -> Self {
        let (kind, never_sent) = classify(&error);
        Self {
            kind,
            never_sent,
            source: Some(Box::new(error)),
        }
    }
}

fn classify(error: &ureq::Error) -> (TransportErrorKind, bool) {
    use TransportErrorKind as Kind;
    match error {
        ureq::Error::HostNotFound | ureq::Error::Timeout(Timeout::Resolve) => (Kind::Resolve, true),
        ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::Timeout(Timeout::Connect) => (Kind::Connect, true),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => (Kind::Tls, true),
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::Http(_) => {
            (Kind::Protocol, true)
        }
        ureq::Error::Timeout(_) => (Kind::Timeout, false),
        ureq::Error::Io(error) => classify_io(error),
        ureq::Error::Other(other) if other.is::<Unresolved>() => (Kind::Resolve, true),
        ureq::Error::Other(other) => match other.downcast_ref::<Unconnected>() {
            // The handshake says something else than it should: no certificate, or no TLS at all.
            Some(Unconnected(error)) if error.kind() == io::ErrorKind::InvalidData => {
                (Kind::Tls, true)
            }
            Some(_) => (Kind::Connect, true),
            None => (Kind::Protocol, false),
        },
        _ => (Kind::Protocol, false),
    }
}

fn classify_io(error: &io::Error) -> (TransportErrorKind, bool) {
    use TransportErrorKind as Kind;
    use io::ErrorKind as Io;
    match error.kind() {
        Io::ConnectionRefused
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::AddrNotAvailable => (Kind::Connect, true),
        Io::TimedOut | Io::WouldBlock => (Kind::Timeout, false),
        // How rustls tells of a bad certificate or record. Certificates are judged before the first
        // byte of the request goes out; of a bad record nobody knows.
        Io::InvalidData => {
            let certificate = error.to_string().contains("certificate");
            (Kind::Tls, certificate)
        }
        _ => (Kind::Broken, false),
    }
}
