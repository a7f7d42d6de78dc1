//! Received requests, for tests to inspect.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use http::HeaderMap;

use super::config::Observer;
use super::http::head::Head;
use super::operation::Operation;
use crate::sys::lock;

/// A received request and the status of its response.
///
/// ```
/// use sagemaker_async_inference::local::{LocalEndpoint, Operation};
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// // .. requests ..
/// let polls = endpoint.requests().iter().filter(|request| request.operation == Operation::GetObject).count();
/// assert_eq!(polls, 0);
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The operation.
    pub operation: Operation,
    /// The HTTP method.
    pub method: String,
    /// The path as received, not decoded.
    pub path: String,
    /// The query as received, not decoded; empty if there was none. The signature and the
    /// token of a presigned URL are replaced.
    pub query: String,
    /// The headers, with names in lower case; secret values are replaced.
    pub headers: Vec<(String, String)>,
    /// Length of the body; `None` if it was not read.
    pub body_length: Option<usize>,
    /// Status of the response; `None` if a fault withheld it.
    pub status: Option<u16>,
    /// Number of the connection, from 1.
    pub connection: u64,
}

impl RecordedRequest {
    pub(super) fn new(
        operation: Operation,
        head: &Head,
        body_length: Option<usize>,
        connection: u64,
    ) -> Self {
        Self {
            operation,
            method: head.method.to_string(),
            path: head.path.clone(),
            query: shown_query(&head.query),
            headers: shown(&head.headers),
            body_length,
            status: None,
            connection,
        }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Secret parameters of presigned URLs.
const SECRET: [&str; 3] = ["Signature", "X-Amz-Signature", "X-Amz-Security-Token"];

/// The query with secrets of presigned URLs replaced.
fn shown_query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _))
            if SECRET
                .iter()
                .any(|secret| secret.eq_ignore_ascii_case(name)) =>
        {
            format!("{name}=(redacted)")
        }
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = match name.as_str() {
                "authorization" | "x-amz-security-token" => "(redacted)".into(),
                _ => String::from_utf8_lossy(value.as_bytes()).into_owned(),
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}

impl fmt::Debug for RecordedRequest {
    /// Names of headers without their values: custom attributes are sensitive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("RecordedRequest")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &names)
            .field("body_length", &self.body_length)
            .field("status", &self.status)
            .field("connection", &self.connection)
            .finish()
    }
}

/// The latest requests.
pub(super) struct RequestLog {
    observer: Option<Observer>,
    /// Maximum number of recorded requests.
    most: usize,
    requests: Mutex<VecDeque<RecordedRequest>>,
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLog").finish_non_exhaustive()
    }
}

impl RequestLog {
    pub(super) fn new(observer: Option<Observer>, most: usize) -> Self {
        Self {
            observer,
            most,
            requests: Mutex::default(),
        }
    }

    /// Calls the observer and records the request, up to the configured number.
    pub(super) fn add(&self, request: RecordedRequest) {
        if let Some(observer) = &self.observer {
            observer(&request);
        }
        if self.most == 0 {
            return;
        }
        let mut requests = lock(&self.requests);
        if requests.len() >= self.most {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    pub(super) fn all(&self) -> Vec<RecordedRequest> {
        lock(&self.requests).iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        lock(&self.requests).clear();
    }
}
