//! Proxies from the environment.

use http::Uri;
use http::uri::Scheme;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ureq::Proxy;

use super::no_proxy::NoProxy;
use crate::error::ConfigError;
use crate::sys::Environment;

/// A value for `http` and one for `https` URLs, except for hosts that are reached directly.
#[derive(Clone)]
pub(super) struct ByScheme<T> {
    http: Option<T>,
    https: Option<T>,
    no_proxy: NoProxy,
}

impl<T> ByScheme<T> {
    pub(super) fn none() -> Self {
        Self {
            http: None,
            https: None,
            no_proxy: NoProxy::default(),
        }
    }

    pub(super) fn of(&self, uri: &Uri, is_https: bool) -> Option<&T> {
        let (found, port) = if is_https {
            (self.https.as_ref()?, 443)
        } else {
            (self.http.as_ref()?, 80)
        };
        let port = uri.port_u16().unwrap_or(port);
        (!self.no_proxy.has(uri.host()?, port)).then_some(found)
    }

    pub(super) fn map<U>(&self, make: impl Fn(&Scheme, &T) -> U) -> ByScheme<U> {
        ByScheme {
            http: self.http.as_ref().map(|value| make(&Scheme::HTTP, value)),
            https: self.https.as_ref().map(|value| make(&Scheme::HTTPS, value)),
            no_proxy: self.no_proxy.clone(),
        }
    }
}

/// A proxy and what it is called in errors: its URL without user and password, and the variable.
#[derive(Clone)]
pub(super) struct NamedProxy {
    pub(super) proxy: Proxy,
    pub(super) name: String,
}

impl ByScheme<NamedProxy> {
    /// Reads the variables as curl and the Python SDK do. ureq would use one proxy for both schemes, and only from the
    /// process's own environment.
    pub(super) fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        // In a CGI script HTTP_PROXY may be set by a request's `Proxy` header.
        let http: &[&str] = if environment.get("REQUEST_METHOD").is_some() {
            &["http_proxy", "all_proxy", "ALL_PROXY"]
        } else {
            &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        };
        let https = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        let list = first(environment, &["no_proxy", "NO_PROXY"]);
        Ok(Self {
            http: proxy(environment, http)?,
            https: proxy(environment, &https)?,
            no_proxy: list.map_or_else(NoProxy::default, |(_, list)| NoProxy::parse(&list)),
        })
    }
}

/// The first that is set decides, also if it is blank.
fn first<'n>(environment: &Environment, names: &[&'n str]) -> Option<(&'n str, String)> {
    names
        .iter()
        .find_map(|name| Some((*name, environment.get(name)?)))
}

fn proxy(environment: &Environment, names: &[&str]) -> Result<Option<NamedProxy>, ConfigError> {
    let Some((name, url)) = first(environment, names) else {
        return Ok(None);
    };
    let url = url.trim();
    if url.is_empty() {
        return Ok(None);
    }
    // The URL may hold a password and is not shown.
    let wrong = |problem| {
        ConfigError::new(
            name,
            problem,
            "write it as http://host:port, https://host:port or socks5h://host:port, with user and \
             password percent-encoded before the host, as in http://user:p%40ss@host:port",
        )
    };
    parse(url, name).map(Some).map_err(wrong)
}

const SCHEMES: [&str; 7] = [
    "http", "https", "socks", "socks4", "socks4a", "socks5", "socks5h",
];

/// ureq's own parser reads `http://user:p#ss@host` as host `user`, and port 99999 as none.
fn parse(url: &str, variable: &str) -> Result<NamedProxy, &'static str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let scheme = scheme.to_ascii_lowercase();
    if !SCHEMES.contains(&scheme.as_str()) {
        return Err("has a scheme other than http, https, socks4, socks4a, socks5 or socks5h");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if path.contains('@') {
        return Err(
            "has a /, ? or # before its @: in a user or password these are %2F, %3F and %23",
        );
    }
    if !matches!(path, "" | "/") {
        return Err("has text after host and port");
    }
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let host = checked_host(host)?;
    let login = login.map(encoded_login).transpose()?.unwrap_or_default();
    let proxy = Proxy::new(&format!("{scheme}://{login}{host}"))
        .map_err(|_| "is not the URL of a proxy")?;
    Ok(NamedProxy {
        proxy,
        name: format!("{scheme}://{host} ({variable})"),
    })
}

fn checked_host(host: &str) -> Result<&str, &'static str> {
    let (name, port) = match host.rsplit_once(':') {
        // The last colon of an IPv6 address without a port is within its brackets.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..)) || port.starts_with('+')) {
        return Err("has a port that is not a number from 1 to 65535");
    }
    let is_address = name.starts_with('[') && name.ends_with(']');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || !(is_address || name.bytes().all(fits)) {
        return Err("has no host name, or one with characters that names do not have");
    }
    Ok(host)
}

/// `user:password@`, decoded and encoded again, so that unencoded characters do no harm.
fn encoded_login(login: &str) -> Result<String, &'static str> {
    let encode = |part: &str| {
        let bytes = percent_decode_str(part).collect::<Vec<u8>>();
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| "has a user or password that is not UTF-8 when decoded")?;
        if text.chars().any(char::is_control) {
            return Err("has a control character in its user or password");
        }
        Ok(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string())
    };
    Ok(match login.split_once(':') {
        Some((user, password)) => format!("{}:{}@", encode(user)?, encode(password)?),
        None => format!("{}@", encode(login)?),
    })
}
