use std::net::IpAddr;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request, Uri};
use zeroize::Zeroizing;

use super::document::{self, METADATA};
use super::{Credentials, CredentialsError, ProvideCredentials};
use crate::aws::http::{Bounds, Reply, Timeouts, Transport};
use crate::error::TransportErrorKind;
use crate::sys::Sys;

/// Provides the credentials of a container's task role (ECS, Fargate) or pod identity (EKS). Each call sends a
/// request; wrap it in [`CachedCredentials`](crate::credentials::CachedCredentials).
///
/// Read from the environment (source: "Container credential provider" in the AWS SDKs and Tools Reference Guide):
/// - `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`: a path on `http://169.254.170.2`; takes precedence over
/// - `AWS_CONTAINER_CREDENTIALS_FULL_URI`: a URL. It may be `http` only if the host is a loopback address,
///   `localhost`, 169.254.170.2, 169.254.170.23 or `[fd00:ec2::23]`. With neither variable the source is not
///   configured; all other failures are those of a configured one.
/// - `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`: the file whose content is sent as `Authorization`, read for each
///   request, since it is rotated; takes precedence over
/// - `AWS_CONTAINER_AUTHORIZATION_TOKEN`: the value itself.
///
/// Limits: 3 attempts with pauses of 200 ms and 400 ms, after no response or one with 429 or 5xx; 2 s to connect,
/// 2 s for a response, at most 64 KiB. No proxy is used, and no redirect is followed. Errors show no part of a
/// response or token.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Sys};
/// use sagemaker_async_inference::credentials::{ContainerProvider, ProvideCredentials};
///
/// let elsewhere = Sys::real().with_environment(Environment::from_pairs([(
///     "AWS_CONTAINER_CREDENTIALS_FULL_URI",
///     "http://example.com/credentials",
/// )]));
/// let error = ContainerProvider::new(&elsewhere).provide_credentials().unwrap_err();
/// assert!(!error.is_not_configured());
/// assert!(error.to_string().contains("may be http only"));
/// ```
#[derive(Debug)]
#[must_use]
pub struct ContainerProvider {
    sys: Sys,
    base: String,
    transport: Transport,
}

const NAME: &str = "container";

const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Hosts that provide credentials over http, besides loopback addresses.
const METADATA_HOSTS: [&str; 4] = [
    "localhost",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
];

const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_secs(2);
const MAX_RESPONSE: u64 = 64 << 10;

impl ContainerProvider {
    /// Reads the environment and the files of `sys`.
    pub fn new(sys: &Sys) -> Self {
        let timeouts = Timeouts::default()
            .with_connect(TIMEOUT)
            .with_read(TIMEOUT)
            .with_write(TIMEOUT);
        Self {
            sys: sys.clone(),
            base: "http://169.254.170.2".to_owned(),
            transport: Transport::without_proxy(sys, timeouts),
        }
    }

    /// Sets the host of a relative URI, for tests against their own server. Default: `http://169.254.170.2`. The
    /// rules for hosts apply to it too.
    pub fn with_relative_base(mut self, url: impl Into<String>) -> Self {
        self.base = url.into();
        self
    }

    fn uri(&self) -> Result<Uri, CredentialsError> {
        let get = |name| self.sys.environment().get_non_blank(name);
        let (variable, url) = if let Some(path) = get(RELATIVE_URI) {
            if !path.starts_with('/') {
                return Err(broken(format!("{RELATIVE_URI} does not begin with a /")));
            }
            let base = self.base.trim_end_matches('/');
            (RELATIVE_URI, format!("{base}{path}"))
        } else if let Some(url) = get(FULL_URI) {
            (FULL_URI, url)
        } else {
            return Err(CredentialsError::not_configured(
                NAME,
                format!("neither {RELATIVE_URI} nor {FULL_URI} is set"),
            ));
        };
        // The URL itself may hold a secret, and is not shown.
        let uri: Uri = url
            .parse()
            .map_err(|_| broken(format!("{variable} is not a valid URL")))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => Ok(uri),
            (Some("http"), Some(host)) if may_be_http(host) => Ok(uri),
            (Some("http"), Some(host)) => Err(broken(format!(
                "the host {host} of {variable} is not allowed over http; a URL may be http only \
                 for a loopback address, {}",
                METADATA_HOSTS.join(", ")
            ))),
            _ => Err(broken(format!(
                "{variable} is not an http or https URL with a host"
            ))),
        }
    }

    fn token(&self) -> Result<Option<HeaderValue>, CredentialsError> {
        let get = |name| self.sys.environment().get_non_blank(name);
        let (variable, token) = if let Some(path) = get(TOKEN_FILE) {
            let content = self.sys.files().read(&path).map_err(|error| {
                broken(format!("{path}, which {TOKEN_FILE} names, cannot be read"))
                    .with_source(error)
            })?;
            (TOKEN_FILE, Zeroizing::new(content))
        } else if let Some(token) = get(TOKEN) {
            (TOKEN, Zeroizing::new(token.into_bytes()))
        } else {
            return Ok(None);
        };
        let mut value = HeaderValue::from_bytes(token.trim_ascii()).map_err(|_| {
            broken(format!(
                "the token of {variable} has characters that a header cannot have"
            ))
        })?;
        if value.is_empty() {
            return Err(broken(format!("the token of {variable} is empty")));
        }
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// What to check after a response with this status.
    fn remedy(&self, status: u16) -> String {
        let get = |name| self.sys.environment().get_non_blank(name);
        match (status, get(TOKEN_FILE), get(TOKEN)) {
            (400 | 401 | 403, Some(path), _) => {
                format!("; check the token in {path}, which {TOKEN_FILE} names")
            }
            (400 | 401 | 403, None, Some(_)) => format!("; check the token in {TOKEN}"),
            (400 | 401 | 403, None, None) => {
                format!("; if it requires a token, set {TOKEN_FILE} or {TOKEN}")
            }
            (300..400, ..) => format!("; no redirect is followed: check {}", self.variable()),
            (404, ..) => format!("; check {}", self.variable()),
            _ => String::new(),
        }
    }

    /// The variable whose URI is requested.
    fn variable(&self) -> &'static str {
        match self.sys.environment().get_non_blank(RELATIVE_URI) {
            Some(_) => RELATIVE_URI,
            None => FULL_URI,
        }
    }

    fn attempt(&self, uri: &Uri, token: Option<&HeaderValue>) -> Result<Reply, CredentialsError> {
        let mut request = Request::new(&[][..]);
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let bounds = Bounds {
            max_success: MAX_RESPONSE,
            clock: self.sys.clock(),
            deadline: Some(self.sys.clock().monotonic() + TIMEOUT),
            cancel: None,
        };
        self.transport.exchange(request, &bounds).map_err(|failed| {
            let in_time = match failed.kind {
                TransportErrorKind::Timeout => format!(" within {TIMEOUT:?}"),
                _ => String::new(),
            };
            let why = failed.explanation();
            let error = broken(format!(
                "no usable response from {}{in_time}{why}",
                place(uri)
            ));
            match failed.source {
                Some(source) => error.with_source(source),
                None => error,
            }
        })
    }
}

impl ProvideCredentials for ContainerProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let uri = self.uri()?;
        let token = self.token()?;
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let error = match self.attempt(&uri, token.as_ref()) {
                Ok(reply) if reply.status == 200 => {
                    let body = Zeroizing::new(reply.body);
                    return document::parse(&body, &METADATA, None, NAME, "EcsContainer");
                }
                Ok(reply) => {
                    let status = reply.status;
                    let remedy = self.remedy(status);
                    let error = broken(format!("{} returned status {status}{remedy}", place(&uri)));
                    if status != 429 && status < 500 {
                        return Err(error);
                    }
                    error
                }
                Err(error) => error,
            };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            self.sys.clock().sleep(pause);
            pause *= 2;
        }
        Err(broken("no attempt was made".into()))
    }
}

fn broken(message: String) -> CredentialsError {
    CredentialsError::failed(NAME, message)
}

fn may_be_http(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    METADATA_HOSTS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(host))
        || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// The host and port, without user and password.
fn place(uri: &Uri) -> String {
    let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}{port}", uri.host().unwrap_or_default())
}
