//! Which way a request takes: directly or through a proxy, with TLS or without.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use ureq::{Agent, Proxy, ProxyProtocol};

use super::dns::{Addresses, SocksResolver};
use super::is_socks;
use super::network::Network;
use super::probe::ProbingConnector;
use super::proxy::{ByScheme, NamedProxy};
use super::timeouts::Timeouts;
use crate::error::ConfigError;

/// Longer than the default poll delay of 15 s, and than the 60 s after which many servers close.
const MAX_IDLE_AGE: Duration = Duration::from_secs(90);

/// Of TLS and of SOCKS proxies. `ureq`'s own are of 128 KiB each, and no faster. A response's head, of at most 64 KiB, has
/// to fit.
const INPUT_BUFFER: usize = 80 << 10;
/// A header has to fit, such as a long session token.
pub(super) const OUTPUT_BUFFER: usize = 32 << 10;

/// Each way to connect.
pub(super) struct Routes {
    network: Network,
    timeouts: Timeouts,
    /// Whether connections are kept for further requests.
    pooled: bool,
    addresses: Addresses,
    plain: Route,
    secure: Route,
    proxied: ByScheme<Route>,
}

/// One way to connect. Its agent is created for the first request: plain HTTP neither pays for a TLS configuration nor
/// fails because of one.
pub(super) struct Route {
    proxy: Option<NamedProxy>,
    /// Whether the proxy takes requests in absolute form.
    forwards: bool,
    with_tls: bool,
    agent: OnceLock<Agent>,
}

impl Route {
    fn new(proxy: Option<NamedProxy>, scheme: &Scheme) -> Self {
        let protocol = proxy.as_ref().map(|proxy| proxy.proxy.protocol());
        let is_plain = *scheme == Scheme::HTTP;
        Self {
            proxy,
            forwards: is_plain && protocol.is_some_and(|protocol| !is_socks(protocol)),
            with_tls: !is_plain || protocol == Some(ProxyProtocol::Https),
            agent: OnceLock::new(),
        }
    }

    /// The proxy, if it takes requests in absolute form.
    pub(super) fn forwards_through(&self) -> Option<&Proxy> {
        let proxy = self.proxy.as_ref().filter(|_| self.forwards);
        proxy.map(|named| &named.proxy)
    }

    /// The name of the proxy in errors.
    pub(super) fn proxy_name(&self) -> Option<&str> {
        self.proxy.as_ref().map(|named| &*named.name)
    }

    fn leads_to_socks(&self) -> bool {
        let proxy = self.proxy.as_ref();
        proxy.is_some_and(|named| is_socks(named.proxy.protocol()))
    }

    /// Whether a cancel ends the waits of its connections. It does not where the sockets are not ours (SOCKS proxies), nor
    /// on Windows, where a socket cannot be used after a timeout.
    pub(super) fn is_interruptible(&self) -> bool {
        !cfg!(windows) && !self.leads_to_socks()
    }
}

impl Routes {
    pub(super) fn new(network: &Network, timeouts: Timeouts, pooled: bool) -> Arc<Self> {
        Arc::new(Self {
            network: network.clone(),
            timeouts,
            pooled,
            addresses: Addresses::default(),
            plain: Route::new(None, &Scheme::HTTP),
            secure: Route::new(None, &Scheme::HTTPS),
            proxied: network
                .proxies
                .map(|scheme, proxy| Route::new(Some(proxy.clone()), scheme)),
        })
    }

    /// The way to this URI.
    pub(super) fn to(&self, uri: &Uri) -> &Route {
        let is_https = uri.scheme_str() == Some("https");
        match self.proxied.of(uri, is_https) {
            Some(route) => route,
            None if is_https => &self.secure,
            None => &self.plain,
        }
    }

    pub(super) fn agent<'a>(&self, route: &'a Route) -> Result<&'a Agent, ConfigError> {
        if let Some(agent) = route.agent.get() {
            return Ok(agent);
        }
        let agent = self.make(route)?;
        Ok(route.agent.get_or_init(|| agent))
    }

    fn make(&self, route: &Route) -> Result<Agent, ConfigError> {
        let proxy = route.proxy.as_ref().filter(|_| !route.forwards);
        let mut builder = Agent::config_builder()
            .input_buffer_size(INPUT_BUFFER)
            .output_buffer_size(OUTPUT_BUFFER)
            .proxy(proxy.map(|named| named.proxy.clone()));
        if route.with_tls {
            builder = builder.tls_config(self.network.trust.tls()?);
        }
        builder = if self.pooled {
            builder
                .max_idle_age(MAX_IDLE_AGE)
                .max_idle_connections(100)
                .max_idle_connections_per_host(32)
        } else {
            builder.max_idle_connections(0)
        };
        let builder = super::with_protocol!(builder);
        let to_socks = route.leads_to_socks().then(|| self.addresses.clone());
        Ok(Agent::with_parts(
            super::with_timeouts!(builder, &self.timeouts, None, None).build(),
            ProbingConnector::new(self.timeouts.write(), &self.addresses, route.forwards),
            SocksResolver::new(to_socks),
        ))
    }
}
