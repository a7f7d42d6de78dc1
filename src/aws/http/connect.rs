//! Connections as they are made.

use std::io;

use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector};

/// ureq's own way to connect, TLS handshake and all, whose failures are told from those of a
/// connection in use: until it is through, no byte of a request has gone out.
#[derive(Debug, Default)]
pub(super) struct Connecting(DefaultConnector);

/// A connection that broke while it was made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Unconnected(pub(super) io::Error);

impl Connector<()> for Connecting {
    type Out = <DefaultConnector as Connector<()>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0
            .connect(details, chained)
            .map_err(|error| match error {
                ureq::Error::Io(error) => ureq::Error::Other(Box::new(Unconnected(error))),
                error => error,
            })
    }
}
