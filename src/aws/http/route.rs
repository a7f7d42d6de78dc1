//! Which agent carries a request.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Uri;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::{Agent, ProxyProtocol};

use super::dns::{Addresses, CachingResolver};
use super::forward;
use super::network::Network;
use super::probe::ProbingConnector;
use super::proxy::{ByScheme, NamedProxy};
use super::timeouts::Timeouts;
use crate::error::ConfigError;

/// Longer than the default poll delay of 15 s, and than the 60 s after which many servers close.
const MAX_IDLE_AGE: Duration = Duration::from_secs(90);

/// One agent for each way to connect, created for the first request that needs it: plain HTTP neither pays for a TLS
/// configuration nor fails because of one.
pub(super) struct Routes {
    network: Network,
    timeouts: Timeouts,
    /// Whether connections are kept for further requests.
    pooled: bool,
    addresses: Addresses,
    plain: OnceLock<Agent>,
    secure: OnceLock<Agent>,
    proxied: ByScheme<(NamedProxy, OnceLock<Agent>)>,
}

impl Routes {
    pub(super) fn new(network: &Network, timeouts: Timeouts, pooled: bool) -> Arc<Self> {
        Arc::new(Self {
            network: network.clone(),
            timeouts,
            pooled,
            addresses: Addresses::default(),
            plain: OnceLock::new(),
            secure: OnceLock::new(),
            proxied: network
                .proxies
                .map(|proxy| (proxy.clone(), OnceLock::new())),
        })
    }

    /// The proxy that requests to this URI go through.
    pub(super) fn proxy(&self, uri: &Uri) -> Option<&NamedProxy> {
        self.proxied.of(uri).map(|(proxy, _)| proxy)
    }

    pub(super) fn agent(&self, uri: &Uri) -> Result<&Agent, ConfigError> {
        let is_https = uri.scheme_str() == Some("https");
        let (proxy, made) = match self.proxied.of(uri) {
            Some((proxy, made)) => (Some(proxy), made),
            None if is_https => (None, &self.secure),
            None => (None, &self.plain),
        };
        if let Some(agent) = made.get() {
            return Ok(agent);
        }
        let to_proxy = proxy.is_some_and(|proxy| proxy.proxy.protocol() == ProxyProtocol::Https);
        let agent = self.make(proxy, uri, is_https || to_proxy)?;
        Ok(made.get_or_init(|| agent))
    }

    fn make(
        &self,
        proxy: Option<&NamedProxy>,
        uri: &Uri,
        with_tls: bool,
    ) -> Result<Agent, ConfigError> {
        let proxy = proxy.map(|named| &named.proxy);
        let forwards = proxy.is_some_and(|proxy| forward::applies(proxy, uri));
        let tunnel = proxy.filter(|_| !forwards).cloned();
        let mut builder = Agent::config_builder().proxy(tunnel);
        if with_tls {
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
        Ok(self.build(builder, forwards))
    }

    fn build(&self, builder: ConfigBuilder<AgentScope>, forwards: bool) -> Agent {
        let builder = super::with_protocol!(builder);
        Agent::with_parts(
            super::with_timeouts!(builder, &self.timeouts, None, None).build(),
            ProbingConnector::new(self.timeouts.write(), &self.addresses, forwards),
            CachingResolver::new(self.addresses.clone()),
        )
    }
}
