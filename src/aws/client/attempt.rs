//! One attempt: signed, sent, and its answer judged.

use std::io::{self, Read};

use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderValue, Request};

use super::{Client, Failure, Progress};
use crate::aws::client::fault::Fault;
use crate::aws::client::payload::{Feed, Source};
use crate::aws::client::sign::{Body, ToSign, sign_request};
use crate::aws::endpoints::signing_region;
use crate::aws::http::{BodyStream, Bounds, Broken, Opened, Reply, Transport};
use crate::aws::identity::Credentials;
use crate::aws::xml::texts;
use crate::aws::{Answer, Call, Identity};
use crate::error::{CredentialsError, Result};
use crate::trace;

/// A payload of at least so many bytes is sent once the service has agreed to take it
/// (`Expect: 100-continue`): a refusal then costs no upload, and is not lost in a broken connection. Of an
/// upload in parts, its beginning has asked already.
const WORTH_ASKING: u64 = 1 << 20;

/// The signature's headers and the user agent.
const ADDED_HEADERS: usize = 5;

impl Client {
    pub(super) fn attempt(
        &self,
        call: &Call<'_>,
        progress: &mut Progress,
    ) -> Result<Result<Answer, Failure>> {
        let request = self
            .signed(call, Body::Bytes(call.body), progress)?
            .map(|()| call.body);
        Ok(self.timed(call, progress, |transport, bounds| {
            transport.exchange(request, bounds)
        }))
    }

    /// Sends, if there is time left for that, and tells how it went.
    fn timed(
        &self,
        call: &Call<'_>,
        progress: &Progress,
        send: impl FnOnce(&Transport, &Bounds<'_>) -> Result<Reply, Broken>,
    ) -> Result<Answer, Failure> {
        let clock = self.sys.clock();
        let began = clock.monotonic();
        // Whoever gave the credentials may have taken all the time there was.
        if call.deadline.is_some_and(|deadline| began >= deadline) {
            return Err(Failure::Broken(Broken::out_of_time()));
        }
        let reply = send(&self.transport, &self.bounds(call));
        let took = clock.monotonic().saturating_sub(began);
        trace::attempt(progress.attempts, &reply, took);
        judge(call, reply)
    }

    pub(super) fn attempt_upload(
        &self,
        call: &Call<'_>,
        source: &dyn Source,
        failed: &mut Option<io::Error>,
        progress: &mut Progress,
    ) -> Result<Result<Answer, Failure>> {
        let mut request = self.signed(call, Body::Hashed(&source.hash()), progress)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, source.len().into());
        if call.operation == "PutObject" && source.len() >= WORTH_ASKING {
            headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
        let outcome = self.feed(call, source, request.clone(), failed, progress);
        let refused = matches!(&outcome, Err(Failure::Fault(fault)) if fault.error.status == 417);
        // Whoever does not know what is expected wants it without that; the header is not signed.
        if refused && request.headers_mut().remove(EXPECT).is_some() {
            return Ok(self.feed(call, source, request, failed, progress));
        }
        Ok(outcome)
    }

    fn feed(
        &self,
        call: &Call<'_>,
        source: &dyn Source,
        request: Request<()>,
        failed: &mut Option<io::Error>,
        progress: &Progress,
    ) -> Result<Answer, Failure> {
        let mut feed = Feed::new(source);
        let request = request.map(|()| &mut feed as &mut dyn Read);
        let outcome = self.timed(call, progress, |transport, bounds| {
            transport.upload(request, bounds)
        });
        *failed = feed.into_failure();
        match failed {
            // Read once more, it would fail once more; the caller knows what the source is.
            Some(_) => Err(Failure::Broken(Broken::source_failed())),
            None => outcome,
        }
    }

    pub(super) fn attempt_open(
        &self,
        call: &Call<'_>,
        progress: &mut Progress,
    ) -> Result<Result<(HeaderMap, BodyStream), Failure>> {
        let request = self
            .signed(call, Body::Bytes(call.body), progress)?
            .map(|()| call.body);
        Ok(match self.transport.open(request, &self.bounds(call)) {
            Ok(Opened::Success(headers, body)) => Ok((headers, body)),
            Ok(Opened::Refused(reply)) => {
                Err(Failure::Fault(Box::new(Fault::from_reply(call, &reply))))
            }
            Err(broken) => Err(Failure::Broken(broken)),
        })
    }

    fn bounds(&self, call: &Call<'_>) -> Bounds<'_> {
        Bounds {
            max_success: call.max_answer,
            clock: self.sys.clock(),
            deadline: call.deadline,
        }
    }

    /// Signed last, with the credentials and the time of this moment.
    fn signed(
        &self,
        call: &Call<'_>,
        body: Body<'_>,
        progress: &mut Progress,
    ) -> Result<Request<()>> {
        let mut headers = HeaderMap::with_capacity(call.headers.len() + ADDED_HEADERS);
        headers.extend(
            call.headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        match call.identity {
            Identity::Anonymous => {}
            Identity::Given(credentials) => self.sign(call, body, credentials, &mut headers)?,
            Identity::Client => {
                let credentials = self.credentials.provide_credentials().map_err(Box::new)?;
                let credentials = progress.signed_with.insert(credentials);
                self.sign(call, body, credentials, &mut headers)?;
            }
        }
        headers.insert(http::header::USER_AGENT, self.user_agent.clone());
        let mut request = Request::new(());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn sign(
        &self,
        call: &Call<'_>,
        body: Body<'_>,
        credentials: &Credentials,
        headers: &mut HeaderMap,
    ) -> Result<()> {
        let to_sign = ToSign {
            service: call.service,
            region: signing_region(&call.region),
            method: &call.method,
            uri: &call.uri,
            headers: &call.headers,
            body,
            time: self.service_time(),
        };
        Ok(
            sign_request(&to_sign, credentials, headers).map_err(|source| {
                CredentialsError::broken("signing", "these credentials cannot sign the request")
                    .with_source(source)
            })?,
        )
    }
}

fn judge(call: &Call<'_>, reply: Result<Reply, Broken>) -> Result<Answer, Failure> {
    match reply {
        Ok(reply) if (200..300).contains(&reply.status) && !hides_error(call, &reply) => {
            Ok(Answer {
                headers: reply.headers,
                body: reply.body,
            })
        }
        Ok(reply) => Err(Failure::Fault(Box::new(Fault::from_reply(call, &reply)))),
        Err(broken) => Err(Failure::Broken(broken)),
    }
}

/// S3 may begin its answer with 200 while it still works, and only then find out that it fails.
fn hides_error(call: &Call<'_>, reply: &Reply) -> bool {
    let [code] = match call.operation {
        "CompleteMultipartUpload" => texts(&reply.body, &[], ["Code"]),
        _ => [None],
    };
    code.is_some()
}
