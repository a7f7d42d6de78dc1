//! The protocol of the services that take and answer JSON, with the operation in `X-Amz-Target`.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use super::client::foreign::excerpt;
use super::{
    Call, Caller, Failed, Identity, MAX_DOCUMENT, Patience, Repeat, Resource, Service,
    not_understood,
};
use crate::error::{Error, Result};

/// One service's dialect: `targetPrefix` and `jsonVersion` of its API's model.
pub(crate) struct Api {
    pub(crate) service: Service,
    pub(crate) target_prefix: &'static str,
    pub(crate) content_type: &'static str,
}

/// One request in that protocol. `resource` is what it is about, for errors.
struct JsonCall<'a> {
    operation: &'static str,
    repeat: Repeat,
    resource: &'a str,
    patience: Patience<'a>,
    /// What a success has to tell, a text.
    told: Option<&'static str>,
}

/// How a request is repeated, for services whose operations differ in that.
pub(crate) struct How<'a> {
    pub(crate) repeat: Repeat,
    pub(crate) patience: Patience<'a>,
    /// A text without which a success is of no use.
    pub(crate) told: Option<&'static str>,
}

impl<'a> JsonCall<'a> {
    /// One that is the same when it is sent twice, and of whose answer nothing is demanded.
    fn new(operation: &'static str, resource: &'a str) -> Self {
        Self {
            operation,
            repeat: Repeat::Idempotent,
            resource,
            patience: Patience::default(),
            told: None,
        }
    }
}

impl Api {
    /// A request that is the same when it is sent twice.
    pub(crate) fn ask(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
    ) -> Result<Value, Failed> {
        self.ask_within(caller, operation, resource, input, Patience::default())
    }

    /// As [`ask`](Self::ask), for a caller whose patience ends.
    pub(crate) fn ask_within(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
        patience: Patience<'_>,
    ) -> Result<Value, Failed> {
        let call = JsonCall {
            patience,
            ..JsonCall::new(operation, resource)
        };
        self.call(caller, &call, input)
    }

    /// As [`ask`](Self::ask); a success without the member `told` is of no use.
    pub(crate) fn ask_for(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
        told: &'static str,
    ) -> Result<Value, Failed> {
        let call = JsonCall {
            told: Some(told),
            ..JsonCall::new(operation, resource)
        };
        self.call(caller, &call, input)
    }

    /// A request for any caller, whose region need not be a session's.
    pub(crate) fn send(
        &self,
        caller: Caller<'_>,
        how: &How<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
    ) -> Result<Value, Failed> {
        let call = JsonCall {
            repeat: how.repeat,
            patience: how.patience,
            told: how.told,
            ..JsonCall::new(operation, resource)
        };
        self.call(caller, &call, input)
    }

    /// A request that changes something: repeated only if it provably did not happen. A success without
    /// the member `told` may be somebody else's answer, and leaves it open.
    pub(crate) fn change(
        &self,
        caller: Caller<'_>,
        operation: &'static str,
        resource: &str,
        input: &Value,
        told: &'static str,
    ) -> Result<Value, Failed> {
        let call = JsonCall {
            repeat: Repeat::OnlyIfNotDone,
            told: Some(told),
            ..JsonCall::new(operation, resource)
        };
        self.call(caller, &call, input)
    }

    /// Sends a document and gives back the one that is answered, `{}` for none.
    fn call(
        &self,
        caller: Caller<'_>,
        call: &JsonCall<'_>,
        input: &Value,
    ) -> Result<Value, Failed> {
        let body = input.to_string();
        let target = format!("{}.{}", self.target_prefix, call.operation);
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(
            HeaderName::from_static("x-amz-target"),
            crate::limits::header_value("operation", &target).map_err(Error::from)?,
        );
        if self.service == Service::Sqs {
            // Of a service that once spoke the query protocol: error responses then carry its codes too.
            headers.insert(
                HeaderName::from_static("x-amzn-query-mode"),
                HeaderValue::from_static("true"),
            );
        }
        let region = caller.region;
        let uri = caller.endpoints.uri(self.service, region, "/");
        let request = Call {
            service: self.service,
            identity: Identity::Client,
            operation: call.operation,
            method: Method::POST,
            uri: uri?,
            region: Cow::Borrowed(region),
            headers: Cow::Owned(headers),
            body: body.as_bytes(),
            resource: Resource::Named(call.resource.into()),
            repeat: call.repeat,
            deadline: call.patience.deadline,
            max_answer: MAX_DOCUMENT,
        };
        let answer = caller.client.send_until(&request, call.patience.stop)?;
        let document = if answer.body.iter().all(u8::is_ascii_whitespace) {
            Value::Object(Map::new())
        } else {
            serde_json::from_slice(&answer.body).map_err(|error| {
                let shown = excerpt(&answer.body, body.as_bytes()).unwrap_or_default();
                not_understood(&request, format!("{error}; it says {shown:?}"))
            })?
        };
        let lacks = call.told.filter(|told| text(&document, told).is_none());
        if !document.is_object() {
            Err(not_understood(&request, "it is JSON, but no object").into())
        } else if let Some(member) = lacks {
            Err(not_understood(&request, format!("it has no {member}")).into())
        } else {
            Ok(document)
        }
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
