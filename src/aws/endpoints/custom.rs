//! Custom endpoint URLs.

use std::fmt;

use http::Uri;

use crate::error::ConfigError;

/// A custom endpoint: scheme, host, optional port and path; no user, query or fragment.
#[derive(Clone)]
pub(super) struct CustomUrl {
    scheme: &'static str,
    authority: String,
    host: String,
    /// Without a trailing slash; the root is empty.
    path: String,
}

impl CustomUrl {
    pub(super) fn parse(url: &str) -> Result<Self, ConfigError> {
        let setting = || format!("endpoint URL {:?}", without_secrets(url));
        let problem = |problem: &str| {
            ConfigError::new(
                setting(),
                problem,
                "write it as https://host, https://host:port or http://127.0.0.1:port",
            )
        };
        let uri: Uri = url.parse().map_err(|_| problem("is not a URL"))?;
        let scheme = match uri.scheme_str() {
            Some("http") => "http",
            Some("https") => "https",
            _ => return Err(problem("has no scheme http or https")),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(ConfigError::new(
                setting(),
                "has a user or password in it",
                "give credentials to the session instead",
            ));
        }
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(problem("has no host"));
        }
        // Normalised, because `:080` would be signed as written and sent as the default port.
        let authority = match (&authority[host.len()..], uri.port_u16()) {
            ("", _) => host.to_owned(),
            (_, Some(port)) => format!("{host}:{port}"),
            (_, None) => return Err(problem("has a port that is not a number up to 65535")),
        };
        if uri.query().is_some() {
            return Err(problem("has a query"));
        }
        // The parser drops a fragment silently.
        if url.contains('#') {
            return Err(problem("has a fragment"));
        }
        Ok(Self {
            scheme,
            authority,
            host: host.to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    pub(super) fn is_http(&self) -> bool {
        self.scheme == "http"
    }

    /// Whether the host is an IP address, before which no bucket name can stand.
    pub(super) fn is_ip(&self) -> bool {
        self.host.starts_with('[') || is_formed_like_ipv4(&self.host)
    }

    /// Whether the host is `localhost`.
    pub(super) fn is_localhost(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        host == "localhost" || host.ends_with(".localhost")
    }

    /// The URL with the bucket before the host.
    pub(super) fn with_label(&self, bucket: &str) -> String {
        let Self {
            scheme,
            authority,
            path,
            ..
        } = self;
        format!("{scheme}://{bucket}.{authority}{path}")
    }
}

/// The URL, without a trailing slash.
impl fmt::Display for CustomUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl fmt::Debug for CustomUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Four numbers of up to three digits.
pub(super) fn is_formed_like_ipv4(text: &str) -> bool {
    let is_number =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    text.split('.').count() == 4 && text.split('.').all(is_number)
}

/// A URL for display: without user and password, query and fragment.
pub(crate) fn without_secrets(url: &str) -> String {
    let place = url.split(['?', '#']).next().unwrap_or_default();
    if !url.contains('@') {
        return place.to_owned();
    }
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let host = place.rsplit_once('@').map_or("", |(_, host)| host);
    format!("{scheme}://***@{host}")
}
