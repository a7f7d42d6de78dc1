//! Opens connections.

use std::io;

use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, RustlsConnector, SocksConnector, Transport,
};

use super::cancel::{Cancelled, unsent};
use super::connection_error::ProxyFault;
use super::dns::{Addresses, Unresolved};
use super::socket::SocketConnector;

/// Connects as ureq does, with the TLS handshake, but over our own [sockets](super::socket). Its failures are
/// distinguished from those of a connection in use, since no byte of a request was sent before; and a proxy's from the
/// server's. After each failure the names that may be its cause are resolved again.
#[derive(Debug)]
pub(super) struct Connecting {
    inner: Box<dyn Connector<(), Out = Box<dyn Transport>>>,
    addresses: Addresses,
}

/// A connection that failed while it was opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unconnected(pub(super) io::Error);

impl Connecting {
    pub(super) fn new(addresses: Addresses) -> Self {
        Self {
            inner: Box::new(
                ().chain(SocksConnector::default())
                    .chain(ConnectProxyConnector::default())
                    .chain(SocketConnector::new(addresses.clone()))
                    .chain(RustlsConnector::default())
                    .chain(Boxing),
            ),
            addresses,
        }
    }
}

/// The end of a chain of connectors.
#[derive(Debug)]
struct Boxing;

impl<In: Transport> Connector<In> for Boxing {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|transport| Box::new(transport) as Self::Out))
    }
}

impl Connector<()> for Connecting {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let error = match self.inner.connect(details, chained) {
            Ok(connection) => return Ok(connection),
            Err(error) if Cancelled::is(&error) => return Err(unsent(error)),
            Err(error) => error,
        };
        self.addresses.forget(details.uri);
        // ureq connects to an HTTP proxy by this connector too, then without a proxy in `details`.
        let Some(proxy) = details.config.proxy() else {
            return Err(unconnected(error));
        };
        self.addresses.forget(proxy.uri());
        let is_socks = super::is_socks(proxy.protocol());
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
