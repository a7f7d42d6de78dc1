//! The body of a response whose caller reads it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ureq::BodyReader;

use super::pace::Paced;
use super::{Cancel, ConnectionError, cancellable, supervise};
use crate::error::TransportErrorKind;

/// The body of a response, as it comes.
pub(crate) struct BodyStream {
    /// `None` once a read was abandoned.
    body: Option<Paced<BodyReader<'static>>>,
    /// Whether a cancel ends the waits of its connection.
    is_interruptible: bool,
}

impl BodyStream {
    pub(super) fn new(body: Paced<BodyReader<'static>>, is_interruptible: bool) -> Self {
        Self {
            body: Some(body),
            is_interruptible,
        }
    }

    /// Reads the next bytes; 0 at the end. A blocked read ends soon after `cancel` is set.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        cancel: Option<&Arc<AtomicBool>>,
    ) -> Result<usize, ConnectionError> {
        let Some(mut body) = self.body.take() else {
            let problem = "the response was abandoned";
            return Err(ConnectionError::new(
                TransportErrorKind::ConnectionLost,
                false,
                problem,
            ));
        };
        let cancel = cancel.map(|flag| Cancel {
            flag,
            grace: Duration::ZERO,
        });
        let (body, outcome) = cancellable(cancel, || {
            if self.is_interruptible || cancel.is_none() {
                let outcome = read_some(&mut body, buffer);
                return Ok((body, outcome));
            }
            // A thread for each read is slow, but only callers' agents, SOCKS proxies and Windows need it.
            let mut piece = vec![0; buffer.len()];
            let (body, piece, outcome) = supervise(&mut io::empty(), move |_| {
                let outcome = read_some(&mut body, &mut piece);
                (body, piece, outcome)
            })?;
            buffer.copy_from_slice(&piece);
            Ok::<_, ConnectionError>((body, outcome))
        })?;
        self.body = Some(body);
        outcome
    }
}

fn read_some(body: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ConnectionError> {
    loop {
        match body.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome.map_err(|error| ureq::Error::from(error).into()),
        }
    }
}
