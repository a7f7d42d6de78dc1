//! AWS JSON 1.0 and 1.1: JSON both ways, with the operation in `X-Amz-Target`.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use super::client::foreign::excerpt;
use super::{
    Call, CallError, Caller, Identity, Payload, Replay, RequestPolicy, Resource, Response, Service,
};
use crate::codec::read_cut_json;
use crate::limits::header_value;

/// A service's `targetPrefix` and `jsonVersion`, from its API model.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    pub(crate) service: Service,
    pub(crate) target_prefix: &'static str,
    pub(crate) content_type: &'static str,
    /// Maximum length of a response.
    pub(crate) max_response: u64,
}

/// An operation of an [`Api`].
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    api: Api,
    name: &'static str,
    /// A string member of its responses. A success without it may come from another server.
    needed: Option<&'static str>,
    replay: Replay,
}

impl Operation {
    /// An operation whose successful responses have this string member.
    pub(crate) const fn returning(mut self, member: &'static str) -> Self {
        self.needed = Some(member);
        self
    }

    /// An operation that is retried only if it certainly was not carried out.
    pub(crate) const fn not_idempotent(mut self) -> Self {
        self.replay = Replay::IfNotProcessed;
        self
    }

    /// Sends a request. `resource` names its subject in errors.
    pub(crate) fn send(
        &self,
        caller: Caller<'_>,
        resource: &str,
        input: &Value,
    ) -> Result<Value, CallError> {
        let policy = RequestPolicy {
            replay: self.replay,
            ..RequestPolicy::default()
        };
        self.send_within(caller, resource, input, policy)
    }

    /// As [`send`](Self::send), with the caller's policy.
    pub(crate) fn send_within(
        &self,
        caller: Caller<'_>,
        resource: &str,
        input: &Value,
        policy: RequestPolicy<'_>,
    ) -> Result<Value, CallError> {
        self.api
            .send(caller, self.name, resource, input, policy, self.needed)
    }
}

impl Api {
    /// An idempotent operation.
    pub(crate) const fn operation(self, name: &'static str) -> Operation {
        Operation {
            api: self,
            name,
            needed: None,
            replay: Replay::Safe,
        }
    }

    /// Sends a document and returns the response's, `{}` if it is empty. A success without the string `needed`, or
    /// with an empty one, is an error.
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
        let mut headers = vec![
            (
                http::header::CONTENT_TYPE,
                HeaderValue::from_static(self.content_type),
            ),
            (
                HeaderName::from_static("x-amz-target"),
                header_value("operation", &target)?,
            ),
        ];
        if self.service == Service::Sqs {
            // Services that once spoke the query protocol then send its error codes too.
            headers.push((
                HeaderName::from_static("x-amzn-query-mode"),
                HeaderValue::from_static("true"),
            ));
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
            max_response: self.max_response,
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
        read_cut_json(&response.body).map_err(|error| {
            let shown = excerpt(&response.body, sent.as_bytes()).unwrap_or_default();
            call.unreadable(format!("{error}; it begins with {shown:?}"))
        })?
    };
    if !document.is_object() {
        return Err(call.unreadable("it is JSON but not an object"));
    }
    match needed.filter(|member| text(&document, member).is_none_or(str::is_empty)) {
        Some(member) => Err(call.unreadable(format!("it has no {member}"))),
        None => Ok(document),
    }
}

/// A string member.
pub(crate) fn text<'a>(document: &'a Value, member: &str) -> Option<&'a str> {
    document.get(member)?.as_str()
}

/// A list member; empty if it is absent.
pub(crate) fn list<'a>(document: &'a Value, member: &str) -> &'a [Value] {
    document
        .get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A timestamp member: seconds since 1970 with fractions, as these protocols write it.
pub(crate) fn timestamp(document: &Value, member: &str) -> Option<std::time::SystemTime> {
    time_of(document.get(member)?)
}

/// A timestamp; `None` if it is not one or out of range.
pub(crate) fn time_of(value: &Value) -> Option<std::time::SystemTime> {
    let since = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
    std::time::UNIX_EPOCH.checked_add(since)
}

/// The token of the next page, if there is one. The same token again would be an endless loop.
pub(crate) fn next_token(page: &Value, sent: Option<&Value>) -> Option<Value> {
    let token = page.get("NextToken")?;
    let is_usable = token.as_str().is_some_and(|token| !token.is_empty());
    (is_usable && sent != Some(token)).then(|| token.clone())
}
