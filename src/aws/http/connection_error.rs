//! Connection errors: why there is no response.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use ureq::Timeout;

use super::cancel::Cancelled;
use super::connect::Unconnected;
use super::dns::Unresolved;
use crate::error::{Advice, ConfigError, Error, TransportError, TransportErrorKind};

/// An exchange without a usable response.
#[derive(Debug)]
pub(crate) struct ConnectionError {
    pub(crate) kind: TransportErrorKind,
    /// Certainly, no byte of the request reached the server.
    pub(crate) never_sent: bool,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
    /// The proxy that the request was to go through, without its password.
    pub(super) proxy: Option<String>,
    /// What is known beyond the kind.
    pub(super) advice: Option<Arc<Advice>>,
}

/// What a [`TransportError`] reports about the request, besides its failure.
pub(crate) struct Attempted<'a> {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) host: &'a str,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
}

impl ConnectionError {
    pub(in crate::aws) fn new(
        kind: TransportErrorKind,
        never_sent: bool,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            never_sent,
            source: Some(source.into()),
            proxy: None,
            advice: None,
        }
    }

    /// The caller's deadline passed before anything was sent.
    pub(crate) fn out_of_time() -> Self {
        let problem = "the caller's deadline passed before the request was sent";
        Self::new(TransportErrorKind::Timeout, true, problem)
    }

    /// The caller cancelled it.
    pub(crate) fn cancelled(never_sent: bool) -> Self {
        let problem = "the caller cancelled it";
        Self::new(TransportErrorKind::Cancelled, never_sent, problem)
    }

    /// The caller cancelled it between two attempts; the last one failed with this.
    pub(crate) fn cancelled_after(last: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(TransportErrorKind::Cancelled, true, last)
    }

    /// A setting that the first connection needs is wrong.
    pub(super) fn configuration(error: ConfigError) -> Self {
        Self::new(TransportErrorKind::Tls, true, error)
    }

    pub(crate) fn too_long(limit: u64) -> Self {
        let problem = format!("the response is longer than {limit} bytes");
        Self::new(TransportErrorKind::TooLong, false, problem)
    }

    /// A body arrived too slowly. Its last connection may have ended otherwise than by a timeout: that problem is the cause.
    pub(crate) fn too_slow(last: Option<Self>) -> Self {
        const TOO_SLOW: &str = "less than 1 KiB/s arrived over a read timeout";
        let problem = match last.and_then(|last| last.source) {
            Some(cause) => format!("{TOO_SLOW}; at last {cause}"),
            None => TOO_SLOW.to_owned(),
        };
        Self::new(TransportErrorKind::Timeout, false, problem)
    }

    pub(crate) fn early_end() -> Self {
        let problem = "the response ended before its announced length";
        Self::new(TransportErrorKind::ConnectionLost, false, problem)
    }

    pub(crate) fn wrong_range() -> Self {
        let problem = "the response has another range than was requested";
        Self::new(TransportErrorKind::Protocol, false, problem)
    }

    pub(crate) fn no_url(path: &str) -> Self {
        let problem = format!("{path} does not form a valid URL");
        Self::new(TransportErrorKind::Protocol, true, problem)
    }

    pub(super) fn through(self, proxy: Option<String>) -> Self {
        Self { proxy, ..self }
    }

    /// With advice on the certificate or the protocol that TLS stopped at.
    pub(super) fn explained(mut self) -> Self {
        let error = self.source.as_deref();
        if let Some(error) = error.and_then(|error| error.downcast_ref::<ureq::Error>())
            && let Some(advice) = tls_problem(error).map(super::tls::advice)
        {
            self.advice = Some(Arc::new(advice));
        }
        self
    }

    /// Whether another attempt would fail in the same way.
    pub(crate) fn is_final(&self) -> bool {
        self.advice.as_ref().is_some_and(|advice| advice.is_final)
    }

    /// What is known beyond the kind, and what to do about it, to be added to a message.
    pub(crate) fn explanation(&self) -> String {
        self.advice.as_ref().map_or_else(String::new, |advice| {
            format!(": {}; {}", advice.problem, advice.remedy)
        })
    }

    /// The public error; `never_sent` of all attempts.
    pub(crate) fn into_error(self, attempted: &Attempted<'_>, never_sent: bool) -> Error {
        let source = match self.source {
            None => None,
            Some(source) => match source.downcast::<ConfigError>() {
                Ok(configuration) => return Error::Config(configuration),
                Err(source) => Some(source),
            },
        };
        TransportError {
            service: attempted.service,
            operation: attempted.operation,
            kind: self.kind,
            host: attempted.host.to_owned(),
            never_sent,
            attempts: attempted.attempts,
            elapsed: attempted.elapsed,
            source: source.map(Arc::from),
            handle: None,
            uploaded: None,
            proxy: self.proxy,
            advice: self.advice,
        }
        .into()
    }
}

impl From<ureq::Error> for ConnectionError {
    fn from(error: ureq::Error) -> Self {
        let (kind, never_sent) = classify(&error);
        let advice = match &error {
            ureq::Error::Other(other) => other.downcast_ref::<ProxyFault>().map(ProxyFault::advice),
            _ => None,
        };
        Self {
            advice: advice.map(Arc::new),
            ..Self::new(kind, never_sent, error)
        }
    }
}

fn tls_problem(error: &ureq::Error) -> Option<&rustls::Error> {
    fn of_io(error: &io::Error) -> Option<&rustls::Error> {
        error.get_ref()?.downcast_ref()
    }
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => of_io(error),
        ureq::Error::Other(other) => of_io(&other.downcast_ref::<Unconnected>()?.0),
        _ => None,
    }
}

/// What went wrong at a proxy, before anything reached the server.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyFault {
    #[error("the proxy responded with {status} {reason}")]
    Refused {
        status: u16,
        reason: String,
        /// Of `Proxy-Authenticate`.
        schemes: Vec<String>,
    },
    #[error("the proxy's response to CONNECT is not HTTP")]
    NotHttp,
    #[error("the proxy did not respond")]
    Silent,
    #[error("{0}")]
    Broke(io::Error),
    #[error("{0}")]
    Unreachable(Box<dyn StdError + Send + Sync>),
}

impl From<ProxyFault> for ureq::Error {
    fn from(fault: ProxyFault) -> Self {
        Self::Other(Box::new(fault))
    }
}

impl ProxyFault {
    pub(super) fn refused(status: u16, head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let clean = |text: &str| -> String {
            let shown = text.chars().filter(|c| !c.is_control());
            shown.take(80).collect::<String>().trim().to_owned()
        };
        let mut lines = head.trim_start().lines();
        let reason = lines.next().and_then(|line| line.splitn(3, ' ').nth(2));
        let schemes = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("proxy-authenticate")
                .then(|| clean(value.split_whitespace().next().unwrap_or_default()))
        });
        Self::Refused {
            status,
            reason: clean(reason.unwrap_or_default()),
            schemes: schemes.collect(),
        }
    }

    /// A proxy that refuses, or requires another password, will do so the next time too; one that cannot reach the
    /// host may reach it later.
    fn is_final(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status < 500 && !matches!(status, 408 | 429),
            _ => false,
        }
    }

    fn advice(&self) -> Advice {
        let (problem, remedy) = match self {
            Self::Refused {
                status: 407,
                schemes,
                ..
            } => ("the proxy requires a password (407)".into(), basic(schemes)),
            Self::Refused { status: 403, .. } => (
                "the proxy does not allow it (403)".into(),
                "have the proxy allow this host and port, or exempt the host with NO_PROXY".into(),
            ),
            Self::Refused { status, .. } => (
                format!("the proxy responded with {status}"),
                "check that the proxy can reach the host, or exempt the host with NO_PROXY".into(),
            ),
            Self::NotHttp => (
                "the server at the proxy's address is not an HTTP proxy".into(),
                "check the proxy's scheme (http://, https:// or socks5h://) and port".into(),
            ),
            Self::Silent => (
                "the proxy did not respond".into(),
                "check the proxy's address, or exempt the host with NO_PROXY".into(),
            ),
            Self::Broke(_) | Self::Unreachable(_) => (
                "no connection to the proxy could be made".into(),
                "check the proxy's name and port, or exempt the host with NO_PROXY".into(),
            ),
        };
        Advice {
            problem,
            remedy,
            is_final: self.is_final(),
        }
    }
}

/// `Basic` is the only supported way to log in at a proxy.
fn basic(schemes: &[String]) -> String {
    let is_basic = |scheme: &String| scheme.eq_ignore_ascii_case("basic");
    if schemes.is_empty() || schemes.iter().any(is_basic) {
        return "put the correct user and password into the proxy's URL, as \
        http://user:password@host:port"
            .into();
    }
    format!(
        "it requires {}, and only Basic is supported: run a local proxy that logs in for you, and name that one",
        schemes.join(" or ")
    )
}

fn classify(error: &ureq::Error) -> (TransportErrorKind, bool) {
    use TransportErrorKind as Kind;
    match error {
        ureq::Error::HostNotFound | ureq::Error::Timeout(Timeout::Resolve) => (Kind::Resolve, true),
        ureq::Error::ConnectionFailed | ureq::Error::Timeout(Timeout::Connect) => {
            (Kind::Connect, true)
        }
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => (Kind::Proxy, true),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => (Kind::Tls, true),
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::Http(_) => {
            (Kind::Protocol, true)
        }
        ureq::Error::Timeout(_) => (Kind::Timeout, false),
        ureq::Error::Io(error) => classify_io(error),
        ureq::Error::Other(other) if other.is::<ProxyFault>() => (Kind::Proxy, true),
        ureq::Error::Other(other) if other.is::<Unresolved>() => (Kind::Resolve, true),
        ureq::Error::Other(other) if other.is::<Cancelled>() => {
            let cancelled = other.downcast_ref::<Cancelled>();
            (Kind::Cancelled, cancelled.is_some_and(|c| c.never_sent))
        }
        ureq::Error::Other(other) => match other.downcast_ref::<Unconnected>() {
            // Something else came in the handshake: no certificate, or no TLS at all.
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
        // How rustls reports a bad certificate or record. Certificates are verified before the first byte of the
        // request is sent; for a bad record it is unknown.
        Io::InvalidData => {
            let certificate = error.to_string().contains("certificate");
            (Kind::Tls, certificate)
        }
        _ => (Kind::ConnectionLost, false),
    }
}

/// The host and port that a request is for.
pub(crate) fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}
