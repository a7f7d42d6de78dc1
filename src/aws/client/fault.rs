//! Error answers: code, message and ids, whichever protocol the service speaks.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::aws::client::foreign::excerpt;
use crate::aws::http::Reply;
use crate::aws::xml::texts;
use crate::aws::{Call, Service, sqs};
use crate::error::ServiceError;

/// What the retry logic and the caller need to know of an error answer.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: ServiceError,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) bucket_region: Option<String>,
    date: Option<HeaderValue>,
}

impl Fault {
    pub(crate) fn from_reply(call: &Call<'_>, reply: &Reply) -> Self {
        if reply.status == 404 && call.operation == "GetObject" && is_no_such_key(&reply.body) {
            return Self::no_such_key(call, reply);
        }
        let told = Told::from_body(call.service, &reply.body);
        let header = |name| text(&reply.headers, name);
        let is_told = told.code.is_some() || told.message.is_some();
        let code = header("x-amzn-errortype").or(told.code);
        let code = match call.service {
            Service::Sqs => {
                sqs::error_code(code.as_deref(), header("x-amzn-query-error").as_deref())
            }
            _ => code,
        };
        let is_foreign = code.is_none() && !is_told;
        Self {
            error: ServiceError {
                service: call.service.name(),
                operation: call.operation,
                status: reply.status,
                code: code.map(|code| bare_code(&code).to_owned()),
                message: told
                    .message
                    .map(|message| cut(without_request(message), 1000)),
                request_id: header("x-amzn-requestid")
                    .or_else(|| header("x-amz-request-id"))
                    .or(told.request_id),
                extended_request_id: header("x-amz-id-2"),
                resource: Some(call.resource.to_string()),
                expected_owner: call
                    .headers
                    .get("x-amz-expected-bucket-owner")
                    .and_then(|owner| owner.to_str().ok().map(str::to_owned)),
                foreign_body: is_foreign
                    .then(|| excerpt(&reply.body, call.body))
                    .flatten(),
                clock_error: None,
                attempts: 0,
                elapsed: Duration::ZERO,
                perhaps_done: false,
                handle: None,
            },
            retry_after: retry_after(&reply.headers),
            bucket_region: header("x-amz-bucket-region").or(told.region),
            date: reply.headers.get(http::header::DATE).cloned(),
        }
    }

    /// The answer to most polls, of which little is ever asked.
    fn no_such_key(call: &Call<'_>, reply: &Reply) -> Self {
        Self {
            error: ServiceError {
                service: call.service.name(),
                operation: call.operation,
                status: reply.status,
                code: Some("NoSuchKey".to_owned()),
                message: None,
                request_id: text(&reply.headers, "x-amz-request-id"),
                extended_request_id: None,
                resource: Some(call.resource.to_string()),
                expected_owner: None,
                foreign_body: None,
                clock_error: None,
                attempts: 0,
                elapsed: Duration::ZERO,
                perhaps_done: false,
                handle: None,
            },
            retry_after: None,
            bucket_region: None,
            date: None,
        }
    }

    /// The service's time; only few refusals need it read.
    pub(crate) fn date(&self) -> Option<SystemTime> {
        parse_date(self.date.as_ref()?.to_str().ok()?)
    }
}

/// What the body of an error answer tells.
#[derive(Debug, Default)]
struct Told {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    region: Option<String>,
}

impl Told {
    /// XML from S3, and from STS one element deeper; JSON from the others.
    fn from_body(service: Service, body: &[u8]) -> Self {
        let parents: &[&str] = match service {
            Service::S3 => &[],
            Service::Sts => &["Error"],
            _ => return Self::from_json(body),
        };
        let names = ["Code", "Message", "RequestId", "Region"];
        let [code, message, request_id, region] = texts(body, parents, names);
        Self {
            code,
            message,
            request_id,
            region,
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
            code: member(&["__type", "code", "Code"]),
            message: member(&["message", "Message"]),
            ..Self::default()
        }
    }
}

/// S3 writes it in one way only, so that it is known without reading XML, which would cost more than all
/// that is done with it.
fn is_no_such_key(body: &[u8]) -> bool {
    let declared = body.starts_with(b"<?xml").then(|| {
        let end = body.iter().position(|byte| *byte == b'>');
        end.map_or(body, |end| &body[end + 1..])
    });
    let root = declared.unwrap_or(body).trim_ascii_start();
    root.starts_with(b"<Error><Code>NoSuchKey</Code>")
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

pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    })
}

/// `x-amz-retry-after` in milliseconds, or `Retry-After` in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| text(headers, name)?.trim().parse::<u32>().ok();
    number("x-amz-retry-after")
        .map(|millis| Duration::from_millis(millis.into()))
        .or_else(|| number("retry-after").map(|seconds| Duration::from_secs(seconds.into())))
}

fn parse_date(date: &str) -> Option<SystemTime> {
    // IMF-fixdate is RFC 2822's form, but for the name of its zone.
    OffsetDateTime::parse(&date.replace("GMT", "+0000"), &Rfc2822)
        .ok()
        .map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{bare_code, parse_date};

    #[test]
    fn codes_are_bared() {
        assert_eq!(bare_code("ValidationError:http://x/"), "ValidationError");
        assert_eq!(bare_code("com.amazon#Throttling"), "Throttling");
        assert_eq!(bare_code(""), "");
    }

    #[test]
    fn dates_of_http_are_read() {
        let date = parse_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date, Some(UNIX_EPOCH + Duration::from_secs(784_111_777)));
        assert_eq!(parse_date("yesterday"), None);
    }
}
