//! One attempt: signed, sent, and its response judged.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};

use super::call::{Call, Identity, Payload, Replay, Response, with_time};
use super::error::AttemptError;
use super::error_response::{ErrorResponse, is_no_such_key};
use super::payload::{Feed, Source};
use super::sign::{Body, ToSign, add_header, sign_request};
use super::{Attempts, Client};
use crate::aws::Service;
use crate::aws::endpoints::signing_region;
use crate::aws::http::{
    BodyStream, Bounds, Cancel, ConnectionError, Opened, Reply, cancellable, has_content, supervise,
};
use crate::aws::identity::Credentials;
use crate::aws::xml::has_root;
use crate::error::CredentialsError;
use crate::trace;

/// A payload of at least this many bytes is sent once the service has agreed to take it
/// (`Expect: 100-continue`): a refusal then costs no upload, and is not lost with the connection. For the parts of a
/// multipart upload, its creation has already checked that.
const WORTH_ASKING: u64 = 1 << 20;

impl Client {
    pub(super) fn attempt(
        &self,
        call: &Call<'_>,
        payload: Payload<'_>,
        attempts: &mut Attempts,
    ) -> Result<Response, AttemptError> {
        let reply = match payload {
            Payload::Bytes(bytes) => {
                let request = self.signed(call, Body::Bytes(bytes), attempts)?;
                self.timed(call, attempts, |bounds| {
                    Ok(self.transport.exchange(request.map(|()| bytes), bounds)?)
                })?
            }
            Payload::Reader(source) => self.upload(call, source, attempts)?,
        };
        if is_success(call, &reply) {
            return Ok(Response {
                headers: reply.headers,
                body: reply.body,
            });
        }
        let sent = match payload {
            Payload::Bytes(bytes) => bytes,
            Payload::Reader(_) => &[],
        };
        Err(refused(call, sent, &reply))
    }

    pub(super) fn attempt_open(
        &self,
        call: &Call<'_>,
        payload: &[u8],
        attempts: &mut Attempts,
    ) -> Result<Response<BodyStream>, AttemptError> {
        let request = self.signed(call, Body::Bytes(payload), attempts)?;
        let request = request.map(|()| payload);
        match self.timed(call, attempts, |bounds| {
            Ok(self.transport.open(request, bounds)?)
        })? {
            Opened::Success(headers, body) => Ok(Response { headers, body }),
            Opened::Refused(reply) => Err(refused(call, payload, &reply)),
        }
    }

    fn upload(
        &self,
        call: &Call<'_>,
        source: &dyn Source,
        attempts: &mut Attempts,
    ) -> Result<Reply, AttemptError> {
        let mut request = self.signed(call, Body::Hashed(&source.hash()), attempts)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, source.len().into());
        if call.operation == "PutObject" && source.len() >= WORTH_ASKING {
            headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
        let mut reply = self.feed(call, source, request.clone(), attempts)?;
        // A server that does not support the expectation requires the request without it; the header is not signed.
        if reply.status == 417 && request.headers_mut().remove(EXPECT).is_some() {
            reply = self.feed(call, source, request, attempts)?;
        }
        Ok(reply)
    }

    fn feed(
        &self,
        call: &Call<'_>,
        source: &dyn Source,
        request: Request<()>,
        attempts: &Attempts,
    ) -> Result<Reply, AttemptError> {
        self.timed(call, attempts, |bounds| {
            let mut feed = Feed::new(source);
            let request = request.map(|()| &mut feed as &mut dyn Read);
            let outcome = self.transport.upload(request, bounds);
            match feed.into_failure() {
                Some(error) => Err(AttemptError::Payload(error)),
                None => Ok(outcome?),
            }
        })
    }

    /// Sends, if there is time left, and reports the attempt.
    fn timed<T: Head>(
        &self,
        call: &Call<'_>,
        attempts: &Attempts,
        send: impl FnOnce(&Bounds<'_>) -> Result<T, AttemptError>,
    ) -> Result<T, AttemptError> {
        let clock = self.sys.clock();
        let cancel = self.cancel(call);
        if cancel.is_some_and(|cancel| cancel.is_set() && cancel.grace.is_zero()) {
            return Err(ConnectionError::cancelled(true).into());
        }
        // The credentials provider may have taken all the time.
        if call
            .policy
            .deadline
            .is_some_and(|deadline| clock.monotonic() >= deadline)
        {
            return Err(ConnectionError::out_of_time().into());
        }
        let began = trace::TIMES_REQUESTS.then(|| clock.monotonic());
        let outcome = send(&Bounds {
            max_success: call.max_response,
            clock,
            deadline: call.policy.deadline,
            cancel,
        });
        if let Some(began) = began {
            let took = clock.monotonic().saturating_sub(began);
            report(attempts.count, &outcome, took);
        }
        outcome
    }

    fn cancel<'a>(&'a self, call: &Call<'a>) -> Option<Cancel<'a>> {
        self.cancel_flag(call).map(|flag| Cancel {
            flag,
            grace: grace(call),
        })
    }

    /// Signs last, with the current credentials and time.
    fn signed(
        &self,
        call: &Call<'_>,
        body: Body<'_>,
        attempts: &mut Attempts,
    ) -> Result<Request<()>, AttemptError> {
        let credentials = match call.identity {
            Identity::Anonymous => None,
            Identity::Given(credentials) => Some(credentials),
            Identity::Client => {
                let credentials = self.credentials(call)?;
                Some(&*attempts.signed_with.insert(credentials))
            }
        };
        let added = 1 + credentials.map_or(0, |credentials| signature_headers(call, credentials));
        // A clone would have no room for them.
        let mut headers = HeaderMap::with_capacity(call.headers.len() + added);
        for (name, value) in call.headers.iter() {
            add_header(&mut headers, name.clone(), value.clone());
        }
        if let Some(credentials) = credentials {
            self.sign(call, body, credentials, &mut headers)?;
        }
        add_header(&mut headers, USER_AGENT, self.user_agent.clone());
        let mut request = Request::new(());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// The client's own credentials. Their source may block: a service, a command, a user who enters a code.
    fn credentials(&self, call: &Call<'_>) -> Result<Credentials, AttemptError> {
        let now = self.sys.clock().monotonic();
        let deadline = call.policy.deadline;
        let left = deadline.map(|deadline| deadline.saturating_sub(now));
        let outcome = match self.cancel(call) {
            None => with_time(left, || self.credentials.provide_credentials()),
            Some(cancel) => {
                if let Some(credentials) = self.credentials.cached_credentials() {
                    return Ok(credentials);
                }
                let provider = Arc::clone(&self.credentials);
                let call =
                    move |_: &mut dyn Read| with_time(left, || provider.provide_credentials());
                let outcome = cancellable(Some(cancel), || supervise(&mut io::empty(), call));
                outcome.map_err(|error| {
                    let mut error = ConnectionError::from(error);
                    error.never_sent = true;
                    error
                })?
            }
        };
        Ok(outcome.map_err(Box::new)?)
    }

    fn sign(
        &self,
        call: &Call<'_>,
        body: Body<'_>,
        credentials: &Credentials,
        headers: &mut HeaderMap,
    ) -> Result<(), AttemptError> {
        let to_sign = ToSign {
            service: call.service,
            region: signing_region(&call.region),
            method: &call.method,
            uri: &call.uri,
            headers: &call.headers,
            body,
            time: self.service_time(),
        };
        sign_request(&to_sign, credentials, headers).map_err(|source| {
            let problem = "these credentials cannot sign the request";
            let error = CredentialsError::failed("signing", problem).with_source(source);
            AttemptError::from(Box::new(error))
        })
    }
}

/// How many headers the signature adds: a map with room for one more than are there may be twice as large.
fn signature_headers(call: &Call<'_>, credentials: &Credentials) -> usize {
    let has_token = credentials.session_token().is_some();
    2 + usize::from(call.service == Service::S3) + usize::from(has_token)
}

/// How long a cancelled request still waits for its response: that of a change reports whether it was carried out,
/// and most come at once. The control plane takes longer.
fn grace(call: &Call<'_>) -> Duration {
    let reads = ["Describe", "List", "Get"];
    let is_read = || reads.iter().any(|read| call.operation.starts_with(read));
    if let Some(grace) = call.policy.grace {
        return grace;
    }
    match call.policy.replay {
        Replay::Safe | Replay::Never if call.policy.cancel.is_some() || is_read() => Duration::ZERO,
        _ if call.policy.cancel.is_some() => Duration::from_millis(600),
        _ => Duration::from_secs(2),
    }
}

/// A response whose head has arrived.
trait Head {
    fn head(&self) -> (u16, &HeaderMap);
}

impl Head for Reply {
    fn head(&self) -> (u16, &HeaderMap) {
        (self.status, &self.headers)
    }
}

impl Head for Opened {
    fn head(&self) -> (u16, &HeaderMap) {
        match self {
            Self::Success(headers, _) => (200, headers),
            Self::Refused(reply) => reply.head(),
        }
    }
}

fn report<T: Head>(attempt: u32, outcome: &Result<T, AttemptError>, took: Duration) {
    match outcome {
        Ok(response) => {
            let (status, headers) = response.head();
            let request_id = || {
                let names = ["x-amzn-requestid", "x-amz-request-id"];
                let mut found = names.iter().filter_map(|name| headers.get(*name));
                found.find_map(|id| id.to_str().ok())
            };
            trace::response(attempt, status, request_id, took);
        }
        Err(AttemptError::Connection(error)) => {
            trace::no_response(attempt, &error.kind, error.never_sent, took);
        }
        Err(_) => {}
    }
}

fn refused(call: &Call<'_>, sent: &[u8], reply: &Reply) -> AttemptError {
    if call.policy.polls && is_no_such_key(reply) {
        return AttemptError::NoSuchKey;
    }
    AttemptError::Response(Box::new(ErrorResponse::new(call, sent, reply)))
}

fn is_success(call: &Call<'_>, reply: &Reply) -> bool {
    if call.operation == OBJECT {
        has_content(reply.status)
    } else {
        (200..300).contains(&reply.status) && !hides_error(call, reply)
    }
}

/// The operation whose responses have an object's content.
const OBJECT: &str = "GetObject";

/// S3 may send the status 200 while it is still working, and then report a failure in the body. The AWS SDKs expect
/// that of every operation whose body is not an object's content.
fn hides_error(call: &Call<'_>, reply: &Reply) -> bool {
    call.service == Service::S3 && has_root(&reply.body, "Error")
}
