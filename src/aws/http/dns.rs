//! Resolution of host names.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::cancel::unsent;
use super::supervise::supervise;
use crate::sys::{Clock, SystemClock, lock};
use crate::trace;

/// The system's failure to resolve a name, distinguished from other I/O errors.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unresolved(io::Error);

/// Cached addresses of hosts, shared by the resolver and the connectors, which remove addresses that fail.
#[derive(Clone, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<String, (Duration, ResolvedSocketAddrs)>>>);

const ADDRESS_LIFETIME: Duration = Duration::from_mins(1);
const MAX_KNOWN_HOSTS: usize = 1000;

impl Addresses {
    /// The addresses of the URI's host. They are cached for as long as DNS records of AWS are valid, about a minute.
    pub(super) fn of(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // ureq would start a thread for each, to limit the time that this takes.
        if let Some(address) = literal(uri) {
            let mut addresses = DefaultResolver::default().empty();
            addresses.push(address);
            return Ok(addresses);
        }
        // Addresses age in the machine's time, whatever clock the session uses.
        let now = SystemClock.monotonic();
        if let Some((expires, addresses)) = self.known().get(host(uri))
            && *expires > now
        {
            return Ok(addresses.clone());
        }
        let (name, settings) = (uri.clone(), config.clone());
        let resolved = supervise(&mut io::empty(), move |_| {
            DefaultResolver::default().resolve(&name, &settings, timeout)
        });
        let addresses = resolved.map_err(unsent)?.map_err(|error| match error {
            ureq::Error::Io(error) => ureq::Error::Other(Box::new(Unresolved(error))),
            error => error,
        })?;
        let mut known = self.known();
        if known.len() >= MAX_KNOWN_HOSTS {
            known.clear();
        }
        known.insert(
            host(uri).to_owned(),
            (now + ADDRESS_LIFETIME, addresses.clone()),
        );
        Ok(addresses)
    }

    /// The next connection to this host resolves its name again.
    pub(super) fn forget(&self, uri: &Uri) {
        if self.known().remove(host(uri)).is_some() {
            trace::address_forgotten(uri.host().unwrap_or_default());
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (Duration, ResolvedSocketAddrs)>> {
        lock(&self.0)
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

fn host(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

/// The address of a host that is written as an IP address.
fn literal(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(host).parse().ok()?;
    let port = uri.port_u16().or(match uri.scheme_str()? {
        "http" => Some(80),
        "https" => Some(443),
        scheme => scheme.starts_with("socks").then_some(1080),
    })?;
    Some(SocketAddr::new(address, port))
}

/// Resolves a host only where ureq itself connects, which is to SOCKS proxies: it asks for the addresses with each
/// request, also where a pooled connection serves it. Other connections are [our own](super::socket), and resolve the
/// host when they are opened.
#[derive(Debug)]
pub(super) struct SocksResolver {
    /// `None` if there is no SOCKS proxy.
    addresses: Option<Addresses>,
}

impl SocksResolver {
    pub(super) fn new(addresses: Option<Addresses>) -> Self {
        Self { addresses }
    }
}

impl Resolver for SocksResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        match &self.addresses {
            Some(addresses) => addresses.of(uri, config, timeout),
            None => Ok(self.empty()),
        }
    }
}
