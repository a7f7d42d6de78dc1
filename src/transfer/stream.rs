//! Reads an object, or a range of it, in order, over as many connections as needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::aws::http::pace::Pace;
use crate::aws::http::{Attempted, BodyStream, ConnectionError};
use crate::aws::s3::objects;
use crate::aws::s3::objects::{OpenObject, Piece};
use crate::aws::{CallError, RequestPolicy};
use crate::error::{Error, Result, TransferError, TransferErrorKind, TransportErrorKind};
use crate::session::Session;
use crate::sys::{Clock, SystemClock};
use crate::uri::S3Uri;

/// Reads a range of an object. After a connection error it continues at the next byte, with `If-Match`, so that
/// two versions are never mixed.
///
/// It goes on as long as it makes progress: 1 KiB a second over every read timeout, connections, pauses and new
/// requests together. Without the sum, a server that sends a little on each of many connections could hold a
/// caller for ever.
pub(crate) struct ObjectStream {
    session: Session,
    uri: S3Uri,
    /// The version, and its length if that is known.
    etag: Option<String>,
    total: Option<u64>,
    body: Option<BodyStream>,
    at: u64,
    /// The offset after the last byte; `None` if the service does not report it.
    end: Option<u64>,
    /// Connections that were lost since the last byte arrived.
    failures: u32,
    pace: Pace,
    /// Whether a response arrived: from then on the pace counts.
    begun: bool,
    /// Host and port of the last response.
    host: String,
    /// When it began, on the monotonic clock.
    started: Duration,
}

impl ObjectStream {
    /// A complete object that was requested.
    pub(crate) fn new(session: &Session, uri: &S3Uri, object: OpenObject) -> Self {
        Self {
            session: session.clone(),
            uri: uri.clone(),
            etag: object.version().map(str::to_owned),
            total: object.total,
            body: Some(object.body),
            at: object.start,
            end: object.total,
            failures: 0,
            pace: pace(session),
            begun: true,
            host: object.host,
            started: session.sys().clock().monotonic(),
        }
    }

    /// A range of an object of `total` bytes that is requested when it is read.
    pub(crate) fn range(session: &Session, uri: &S3Uri, piece: Piece<'_>, total: u64) -> Self {
        Self {
            session: session.clone(),
            uri: uri.clone(),
            etag: piece.etag.map(str::to_owned),
            total: Some(total),
            body: None,
            at: piece.start,
            end: piece.end,
            failures: 0,
            pace: pace(session),
            begun: false,
            host: String::new(),
            started: session.sys().clock().monotonic(),
        }
    }

    /// The offset of the next byte in the object.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// The next bytes; 0 at the end. `stop` ends a pause before the next attempt.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        stop: Option<&Arc<AtomicBool>>,
    ) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let left = self.end.map(|end| end - self.at);
            if left == Some(0) {
                self.release();
                return Ok(0);
            }
            let Some(body) = &mut self.body else {
                self.open(stop)?;
                continue;
            };
            let most = left
                .and_then(|left| usize::try_from(left).ok())
                .map_or(buffer.len(), |left| left.min(buffer.len()));
            let before = SystemClock.monotonic();
            let outcome = body.read(&mut buffer[..most], stop);
            let spent = SystemClock.monotonic().saturating_sub(before);
            match outcome {
                // A response without a length ends with the object.
                Ok(0) if self.end.is_none() => return Ok(0),
                Ok(0) => self.broken(ConnectionError::early_end(), spent, stop)?,
                Ok(read) => {
                    self.at += read as u64;
                    self.failures = 0;
                    let is_last = self.end == Some(self.at);
                    if !self.pace.keeps_up(read as u64, spent) && !is_last {
                        return Err(self.transport_error(ConnectionError::too_slow(None)));
                    }
                    return Ok(read);
                }
                Err(broken) => self.broken(broken, spent, stop)?,
            }
        }
    }

    /// Reads the end of a complete response, so that its connection can be used again.
    fn release(&mut self) {
        if let Some(mut body) = self.body.take() {
            // All bytes have arrived.
            drop(body.read(&mut [0], None));
        }
    }

    /// Pauses before the next connection; an error if there is none. `spent` is the duration of the read that
    /// failed.
    fn broken(
        &mut self,
        broken: ConnectionError,
        spent: Duration,
        stop: Option<&Arc<AtomicBool>>,
    ) -> Result<()> {
        self.body = None;
        self.failures += 1;
        if !self.pace.keeps_up(0, spent) {
            return Err(self.transport_error(ConnectionError::too_slow(Some(broken))));
        }
        let client = self.session.client();
        let may_pass = !matches!(
            broken.kind,
            TransportErrorKind::Tls | TransportErrorKind::TooLong
        );
        // Without a version the rest may belong to another one.
        let goes_on = may_pass
            && self.etag.is_some()
            && self.end.is_some()
            && self.failures < client.retry.max_attempts();
        if goes_on {
            let clock = client.sys.clock();
            let before = clock.monotonic();
            let pause = client
                .retry
                .backoff(self.failures, None, client.sys.random());
            let is_over = client.pause(pause, stop);
            let spent = clock.monotonic().saturating_sub(before);
            if is_over && self.pace.keeps_up(0, spent) {
                return Ok(());
            }
            if is_over {
                return Err(self.transport_error(ConnectionError::too_slow(Some(broken))));
            }
        }
        if is_set(stop) {
            return Err(self.stopped());
        }
        Err(self.transport_error(broken))
    }

    fn stopped(&self) -> Error {
        TransferError::new(TransferErrorKind::Stopped, &self.uri).into()
    }

    /// The error of an object that has more bytes than the caller accepts.
    pub(crate) fn too_long(&self, max: u64) -> Error {
        self.transport_error(ConnectionError::too_long(max))
    }

    fn transport_error(&self, broken: ConnectionError) -> Error {
        let attempted = Attempted {
            service: crate::aws::Service::S3.as_str(),
            operation: "GetObject",
            host: &self.host,
            attempts: self.failures.max(1),
            elapsed: self
                .session
                .sys()
                .clock()
                .monotonic()
                .saturating_sub(self.started),
        };
        broken.into_error(&attempted, false)
    }

    /// Requests the rest.
    fn open(&mut self, stop: Option<&Arc<AtomicBool>>) -> Result<()> {
        let piece = Piece {
            start: self.at,
            end: self.end,
            etag: self.etag.as_deref(),
        };
        let now = self.session.sys().clock().monotonic();
        let policy = RequestPolicy {
            cancel: stop,
            deadline: self.begun.then(|| now + self.pace.left()),
            ..RequestPolicy::default()
        };
        let before = SystemClock.monotonic();
        let object = match objects::open_object(self.session.s3(), &self.uri, piece, policy) {
            Ok(object) => object,
            Err(CallError::Response(response)) if response.error.status == 412 => {
                return Err(TransferError::new(TransferErrorKind::Replaced, &self.uri)
                    .with_source(response.error)
                    .into());
            }
            Err(CallError::Other(_)) if is_set(stop) => return Err(self.stopped()),
            Err(failed) => return Err(failed.into()),
        };
        if !object.is_version(self.etag.as_deref(), self.total) {
            return Err(TransferError::new(TransferErrorKind::Replaced, &self.uri).into());
        }
        self.body = Some(object.body);
        self.host = object.host;
        let spent = SystemClock.monotonic().saturating_sub(before);
        let is_first = !std::mem::replace(&mut self.begun, true);
        if !is_first && !self.pace.keeps_up(0, spent) {
            return Err(self.transport_error(ConnectionError::too_slow(None)));
        }
        if object.start == self.at {
            return Ok(());
        }
        self.skip_from(object.start, stop)
    }

    /// A service that ignores ranges sends the known bytes again first.
    fn skip_from(&mut self, start: u64, stop: Option<&Arc<AtomicBool>>) -> Result<()> {
        let Some(mut unwanted) = self.at.checked_sub(start) else {
            return Err(self.transport_error(ConnectionError::wrong_range()));
        };
        let mut scratch = vec![0; super::CHUNK];
        while unwanted > 0 {
            let Some(body) = &mut self.body else { break };
            let most = usize::try_from(unwanted).map_or(scratch.len(), |n| n.min(scratch.len()));
            let before = SystemClock.monotonic();
            let outcome = body.read(&mut scratch[..most], stop);
            // Known bytes are not progress.
            let spent = SystemClock.monotonic().saturating_sub(before);
            match outcome {
                Ok(0) => return self.broken(ConnectionError::early_end(), spent, stop),
                Ok(read) if self.pace.keeps_up(0, spent) => unwanted -= read as u64,
                Ok(_) => return Err(self.transport_error(ConnectionError::too_slow(None))),
                Err(broken) => return self.broken(broken, spent, stop),
            }
        }
        Ok(())
    }
}

fn pace(session: &Session) -> Pace {
    Pace::of(session.client().transport.timeouts().read())
}

fn is_set(stop: Option<&Arc<AtomicBool>>) -> bool {
    stop.is_some_and(|stop| stop.load(Ordering::SeqCst))
}
