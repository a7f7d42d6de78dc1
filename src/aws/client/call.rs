//! A call: one request to a service, how it may be retried, and its response.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::error::CallError;
use super::payload::Source;
use super::retry::RetryConfig;
use crate::aws::Service;
use crate::aws::http::{Attempted, ConnectionError, authority};
use crate::aws::identity::Credentials;
use crate::error::TransportErrorKind;
use crate::sys::Clock;

/// Whether a request may be sent again when it is unknown whether it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Replay {
    /// Sending it twice is the same as sending it once.
    #[default]
    Safe,
    /// Only when the service provably did not carry it out.
    IfNotProcessed,
    /// Only when no byte of it reached the service; the caller retries refusals in its own time.
    IfNotSent,
    /// Not at all: the caller retries. Credentials are still refreshed, and a wrong clock is corrected.
    Never,
}

/// How long a request may take, what ends it early, and how often it is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestPolicy<'a> {
    /// On the monotonic clock.
    pub(crate) deadline: Option<Duration>,
    /// Once this is set, nothing more is sent, and a request in progress is cancelled.
    pub(crate) cancel: Option<&'a Arc<AtomicBool>>,
    /// How long a cancelled request in progress still waits for its response. `None`: by the kind of its operation.
    pub(crate) grace: Option<Duration>,
    /// Replaces the client's.
    pub(crate) retry: Option<RetryConfig>,
    pub(crate) replay: Replay,
    /// Whether the caller polls for an object: that its key is absent is then [`CallError::NoSuchKey`].
    pub(crate) polls: bool,
}

impl RequestPolicy<'_> {
    /// The same for a poll.
    pub(crate) fn polling(self) -> Self {
        Self {
            polls: true,
            ..self
        }
    }
}

thread_local! {
    /// How much time the request has whose credentials are provided on this thread.
    static TIME_FOR_CREDENTIALS: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// How much time there was to provide credentials on this thread; `None` if as much as is needed.
pub(crate) fn time_for_credentials() -> Option<Duration> {
    TIME_FOR_CREDENTIALS.get()
}

impl RequestPolicy<'_> {
    /// Of a request for credentials that can be repeated: it has the time that is left to the request that needs them.
    /// One that uses up a token for a single use has all its time.
    pub(crate) fn for_credentials(clock: &dyn Clock) -> Self {
        Self {
            deadline: time_for_credentials().map(|left| clock.monotonic() + left),
            ..Self::default()
        }
    }
}

/// Provides credentials for a request that has this much time.
pub(super) fn with_time<T>(left: Option<Duration>, provide: impl FnOnce() -> T) -> T {
    struct Restore(Option<Duration>);
    impl Drop for Restore {
        fn drop(&mut self) {
            TIME_FOR_CREDENTIALS.set(self.0);
        }
    }
    let _before = Restore(TIME_FOR_CREDENTIALS.replace(left));
    provide()
}

/// Who sends a request.
#[derive(Clone, Copy)]
pub(crate) enum Identity<'a> {
    /// The client's own credentials, requested at each attempt.
    Client,
    /// These, as when one role's credentials fetch another's.
    Given(&'a Credentials),
    /// The request contains the caller's proof of identity and is not signed.
    Anonymous,
}

/// The headers of a call, each name once. A list: a map would be built once more for each attempt.
pub(crate) type Headers<'a> = Cow<'a, [(HeaderName, HeaderValue)]>;

/// One request to a service, before it is signed. It has no `Debug`: its headers may hold a token.
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: Headers<'a>,
    pub(crate) region: Cow<'a, str>,
    pub(crate) identity: Identity<'a>,
    /// What the request is about, for errors.
    pub(crate) resource: Resource<'a>,
    pub(crate) policy: RequestPolicy<'a>,
    /// The largest body of a successful response that is read into memory.
    pub(crate) max_response: u64,
}

impl Call<'_> {
    /// Host and port that the request goes to.
    pub(crate) fn host(&self) -> &str {
        authority(&self.uri)
    }

    /// A header of the request.
    pub(super) fn header(&self, name: &str) -> Option<&HeaderValue> {
        let found = self.headers.iter().find(|(header, _)| header == name)?;
        Some(&found.1)
    }

    /// The request's facts for an error without a response.
    pub(super) fn attempted(&self, attempts: u32, elapsed: Duration) -> Attempted<'_> {
        Attempted {
            service: self.service.as_str(),
            operation: self.operation,
            host: self.host(),
            attempts,
            elapsed,
        }
    }

    /// The error of a successful response that cannot be read.
    pub(crate) fn unreadable(&self, problem: impl Into<String>) -> CallError {
        let broken = ConnectionError::new(TransportErrorKind::Protocol, false, problem.into());
        CallError::Other(broken.into_error(&self.attempted(1, Duration::ZERO), false))
    }
}

/// What a request is about. It is only formatted when it is displayed.
pub(crate) enum Resource<'a> {
    Named(Cow<'a, str>),
    /// A bucket, or an object in it.
    S3 {
        bucket: &'a str,
        key: &'a str,
    },
}

impl Resource<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Named(name) => name.clone().into_owned(),
            Self::S3 { bucket, key: "" } => ["s3://", bucket].concat(),
            Self::S3 { bucket, key } => ["s3://", bucket, "/", key].concat(),
        }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// What a request carries.
#[derive(Clone, Copy)]
pub(crate) enum Payload<'a> {
    Bytes(&'a [u8]),
    /// Read from its source at each attempt.
    Reader(&'a dyn Source),
}

impl Payload<'_> {
    pub(crate) const EMPTY: Self = Self::Bytes(&[]);
}

/// A successful response, whose body is in memory or still to be read.
pub(crate) struct Response<B = Vec<u8>> {
    pub(crate) headers: HeaderMap,
    pub(crate) body: B,
}
