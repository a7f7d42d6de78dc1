//! Error responses: code, message and ids, whichever protocol the service speaks.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::header::AsHeaderName;
use http::{HeaderMap, HeaderValue, Uri};

use super::call::Call;
use super::date;
use super::foreign::excerpt;
use crate::aws::Service;
use crate::aws::http::Reply;
use crate::aws::sqs;
use crate::aws::xml::texts;
use crate::error::ServiceError;
use crate::timestamp;

/// What the retry and the caller need to know of an error response.
#[derive(Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) error: ServiceError,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) bucket_region: Option<String>,
    /// The host or URL that S3 refers to.
    pub(crate) endpoint: Option<String>,
    date: Option<HeaderValue>,
    server_time: Option<String>,
}

impl ErrorResponse {
    /// `sent` is the request's body, if that was in memory.
    pub(crate) fn new(call: &Call<'_>, sent: &[u8], reply: &Reply) -> Self {
        let described = Described::from_body(call.service, &reply.body);
        let header = |name| text(&reply.headers, name);
        let is_described = described.code.is_some() || described.message.is_some();
        let of_header = header("x-amzn-errortype");
        let code = match call.service {
            // Sign-In says in the body what is denied, and for which reason.
            Service::Signin => described.code.or(of_header),
            Service::Sqs => {
                let code = of_header.or(described.code);
                sqs::error_code(code.as_deref(), header("x-amzn-query-error").as_deref())
            }
            _ => of_header.or(described.code),
        };
        let is_foreign = code.is_none() && !is_described;
        Self {
            error: ServiceError {
                code: code.map(|code| bare_code(&code).to_owned()),
                message: described
                    .message
                    .map(|message| cut(without_request(message), 1000)),
                request_id: header("x-amzn-requestid")
                    .or_else(|| header("x-amz-request-id"))
                    .or(described.request_id),
                extended_request_id: header("x-amz-id-2"),
                expected_owner: call
                    .header("x-amz-expected-bucket-owner")
                    .and_then(|owner| owner.to_str().ok().map(str::to_owned)),
                unrecognized_body: is_foreign.then(|| excerpt(&reply.body, sent)).flatten(),
                redirect: redirect(reply),
                resource: Some(call.resource.text()),
                ..ServiceError::new(call.service.as_str(), call.operation, reply.status)
            },
            retry_after: retry_after(&reply.headers),
            bucket_region: header("x-amz-bucket-region").or(described.region),
            endpoint: described.endpoint.or_else(|| header("location")),
            date: reply.headers.get(http::header::DATE).cloned(),
            server_time: described.server_time,
        }
    }

    /// The service's time: from its `Date`, from S3's `ServerTime`, or from the message of a refused signature. It is
    /// parsed only when it is needed, which is seldom.
    pub(crate) fn time(&self) -> Option<SystemTime> {
        let header = self.date.as_ref().and_then(|date| date.to_str().ok());
        header
            .and_then(date::in_header)
            .or_else(|| timestamp::parse(self.server_time.as_deref()?))
            .or_else(|| date::in_message(self.error.message()?))
    }
}

/// The content of an error response's body.
#[derive(Debug, Default)]
struct Described {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    server_time: Option<String>,
}

impl Described {
    /// XML from S3, and from STS one element deeper; JSON from the others.
    fn from_body(service: Service, body: &[u8]) -> Self {
        let parents: &[&str] = match service {
            Service::S3 => &[],
            Service::Sts => &["Error"],
            _ => return Self::from_json(body),
        };
        let names = [
            "Code",
            "Message",
            "RequestId",
            "Region",
            "Endpoint",
            "ServerTime",
        ];
        let [code, message, request_id, region, endpoint, server_time] =
            texts(body, parents, names);
        Self {
            code,
            message,
            request_id,
            region,
            endpoint,
            server_time,
        }
    }

    fn from_json(body: &[u8]) -> Self {
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
            return Self::default();
        };
        let member = |names: &[&str]| {
            let found = names.iter().find_map(|name| json.get(name)?.as_str());
            found.map(str::to_owned)
        };
        Self {
            code: member(&["__type", "code", "Code", "error"]),
            message: member(&["message", "Message", "error_description"]),
            ..Self::default()
        }
    }
}

/// Whether it only says that the object does not exist, so that neither a retry nor another region can help. S3 writes it
/// in one way only: it is recognized without parsing XML, which would cost more than the rest of a poll.
pub(super) fn is_no_such_key(reply: &Reply) -> bool {
    let body = &*reply.body;
    let declared = body.starts_with(b"<?xml").then(|| {
        let end = body.iter().position(|byte| *byte == b'>');
        end.map_or(body, |end| &body[end + 1..])
    });
    let root = declared.unwrap_or(body).trim_ascii_start();
    reply.status == 404 && root.starts_with(b"<Error><Code>NoSuchKey</Code>")
}

/// Services that refuse a signature quote the request as they would have signed it, with the session
/// token and every other header: a message ends before that.
fn without_request(mut message: String) -> String {
    let quotes = ["The Canonical String", "The String-to-Sign"];
    if let Some(start) = quotes.iter().filter_map(|quote| message.find(quote)).min() {
        message.truncate(start);
        message.truncate(message.trim_end().len());
    }
    message
}

pub(crate) fn bare_code(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default().trim()
}

fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push_str("...");
    }
    text
}

pub(crate) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    headers.get(name).map(|value| shown(value).into_owned())
}

/// A header's value as text.
pub(crate) fn shown(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(value.as_bytes()),
    }
}

/// The server that a redirect leads to. The rest of its URL may hold a signature.
fn redirect(reply: &Reply) -> Option<Box<str>> {
    if !(300..400).contains(&reply.status) {
        return None;
    }
    let url: Uri = text(&reply.headers, "location")?.parse().ok()?;
    let (scheme, authority) = (url.scheme_str()?, url.authority()?.as_str());
    let (_, server) = authority.rsplit_once('@').unwrap_or(("", authority));
    Some(format!("{scheme}://{server}").into())
}

/// `x-amz-retry-after` in milliseconds, or `Retry-After` in seconds or as a time, by the clock of the same response.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
    let millis = |text: String| text.trim().parse::<u32>().ok();
    if let Some(millis) = text(headers, "x-amz-retry-after").and_then(millis) {
        return Some(Duration::from_millis(millis.into()));
    }
    let requested = text(headers, "retry-after")?;
    if let Ok(seconds) = requested.trim().parse::<f64>() {
        let requested = Duration::try_from_secs_f64(seconds);
        return (seconds >= 0.0).then(|| requested.unwrap_or(LONGEST).min(LONGEST));
    }
    let now = date::in_header(&text(headers, "date")?)?;
    let then = date::in_header(&requested)?;
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::bare_code;

    #[test]
    fn codes_are_bared() {
        assert_eq!(bare_code("ValidationError:http://x/"), "ValidationError");
        assert_eq!(bare_code("com.amazon#Throttling"), "Throttling");
        assert_eq!(bare_code(""), "");
    }
}
