//! Opens connections.

use std::io;

use ureq::ProxyProtocol;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector};

use super::connection_error::ProxyFault;
use super::dns::{Addresses, Unresolved};

/// ureq's own way to connect, TLS handshake included, whose failures are distinguished from those of a
/// connection in use: until it is connected, no byte of a request was sent. A proxy's failures are distinguished from
/// the server's. After each failure the names that may be its cause are resolved again.
#[derive(Debug)]
pub(super) struct Connecting {
    inner: DefaultConnector,
    addresses: Addresses,
}

/// A connection that failed while it was opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unconnected(pub(super) io::Error);

impl Connecting {
    pub(super) fn new(addresses: Addresses) -> Self {
        Self {
            inner: DefaultConnector::default(),
            addresses,
        }
    }
}

impl Connector<()> for Connecting {
    type Out = <DefaultConnector as Connector<()>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let error = match self.inner.connect(details, chained) {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        self.addresses.forget(details.uri);
        // ureq connects to an HTTP proxy by this connector too, then without a proxy in `details`.
        let Some(proxy) = details.config.proxy() else {
            return Err(unconnected(error));
        };
        self.addresses.forget(proxy.uri());
        let is_socks = !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
        Err(match error {
            ureq::Error::Other(other) if other.is::<Unconnected>() || other.is::<Unresolved>() => {
                ProxyFault::Unreachable(other).into()
            }
            // In a handshake through a SOCKS proxy, errors other than those of TLS are the proxy's.
            ureq::Error::Io(error) if is_socks && error.kind() != io::ErrorKind::InvalidData => {
                ProxyFault::Broke(error).into()
            }
            ureq::Error::HostNotFound => ProxyFault::Unreachable(Box::new(error)).into(),
            error => unconnected(error),
        })
    }
}

fn unconnected(error: ureq::Error) -> ureq::Error {
    match error {
        ureq::Error::Io(error) => ureq::Error::Other(Box::new(Unconnected(error))),
        error => error,
    }
}
