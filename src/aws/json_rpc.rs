//! The protocol of the services that take and answer JSON, with the operation in `X-Amz-Target`.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use super::client::foreign::excerpt;
use super::{
    Call, CallError, Caller, Identity, MAX_DOCUMENT, Payload, Replay, RequestPolicy, Resource,
    Response, Service,
};
use crate::limits::header_value;

/// One service's dialect: `targetPrefix` and `jsonVersion` of its API's model.
pub(crate) struct Api {
    pub(crate) service: Service,
    pub(crate) target_prefix: &'static str,
    pub(crate) content_type: &'static str,
}

impl Api {
    /// A request that is the same when it is sent twice. `resource` is what it is about, for errors.
    pub(crate) fn ask(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
    ) -> Result<Value, CallError> {
        let policy = RequestPolicy::default();
        self.send(caller, operation, resource, input, policy, None)
    }

    /// As [`ask`](Self::ask), with a policy of the caller's.
    pub(crate) fn ask_within(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
        policy: RequestPolicy<'_>,
    ) -> Result<Value, CallError> {
        self.send(caller, operation, resource, input, policy, None)
    }

    /// As [`ask`](Self::ask); a success without the text `needed` is of no use.
    pub(crate) fn ask_for(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
        needed: &'static str,
    ) -> Result<Value, CallError> {
        let policy = RequestPolicy::default();
        self.send(caller, operation, resource, input, policy, Some(needed))
    }

    /// A request that changes something: repeated only if it provably was not carried out. A success without
    /// the text `needed` may be another service's response, and leaves it open.
    pub(crate) fn change(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
        needed: &'static str,
    ) -> Result<Value, CallError> {
        let policy = RequestPolicy {
            replay: Replay::IfNotProcessed,
            ..RequestPolicy::default()
        };
        self.send(caller, operation, resource, input, policy, Some(needed))
    }

    /// Sends a document and returns the one in the response, `{}` for none. A success without the text `needed`
    /// is of no use.
    pub(crate) fn send(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
        policy: RequestPolicy<'_>,
        needed: Option<&'static str>,
    ) -> Result<Value, CallError> {
        let target = format!("{}.{operation}", self.target_prefix);
        let mut headers = HeaderMap::from_iter([
            (
                http::header::CONTENT_TYPE,
                HeaderValue::from_static(self.content_type),
            ),
            (
                HeaderName::from_static("x-amz-target"),
                header_value("operation", &target)?,
            ),
        ]);
        if self.service == Service::Sqs {
            // Of a service that once spoke the query protocol: error responses then carry its codes too.
            headers.insert(
                HeaderName::from_static("x-amzn-query-mode"),
                HeaderValue::from_static("true"),
            );
        }
        let call = Call {
            service: self.service,
            identity: Identity::Client,
            operation,
            method: Method::POST,
            uri: caller.endpoints.uri(self.service, caller.region, "/")?,
            region: Cow::Borrowed(caller.region),
            headers: Cow::Owned(headers),
            resource: Resource::Named(resource.into()),
            policy,
            max_response: MAX_DOCUMENT,
        };
        let body = input.to_string();
        let response = caller.client.send(&call, Payload::Bytes(body.as_bytes()))?;
        read(&call, &body, &response, needed)
    }
}

fn read(
    call: &Call<'_>,
    sent: &str,
    response: &Response,
    needed: Option<&'static str>,
) -> Result<Value, CallError> {
    let document = if response.body.iter().all(u8::is_ascii_whitespace) {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(&response.body).map_err(|error| {
            let shown = excerpt(&response.body, sent.as_bytes()).unwrap_or_default();
            call.unreadable(format!("{error}; it says {shown:?}"))
        })?
    };
    if !document.is_object() {
        return Err(call.unreadable("it is JSON, but no object"));
    }
    match needed.filter(|member| text(&document, member).is_none()) {
        Some(member) => Err(call.unreadable(format!("it has no {member}"))),
        None => Ok(document),
    }
}

/// A member that is a text.
pub(crate) fn text<'a>(document: &'a Value, member: &str) -> Option<&'a str> {
    document.get(member)?.as_str()
}

/// A member that is a list; none if it is not there.
pub(crate) fn list<'a>(document: &'a Value, member: &str) -> &'a [Value] {
    document
        .get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A member that is a timestamp: seconds since 1970, with fractions, as these protocols write it.
pub(crate) fn timestamp(document: &Value, member: &str) -> Option<std::time::SystemTime> {
    time_of(document.get(member)?)
}

/// A timestamp; `None` if it is none, or out of all reason.
pub(crate) fn time_of(value: &Value) -> Option<std::time::SystemTime> {
    let since = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
    std::time::UNIX_EPOCH.checked_add(since)
}
