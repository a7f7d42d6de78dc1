//! Proxies that the environment names.

use http::Uri;
use ureq::Proxy;

use super::no_proxy::NoProxy;
use crate::error::ConfigError;
use crate::sys::Environment;

/// One thing for `http` and one for `https` URLs, but for hosts that are asked directly.
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

    pub(super) fn of(&self, uri: &Uri) -> Option<&T> {
        let (found, port) = if uri.scheme_str() == Some("https") {
            (self.https.as_ref()?, 443)
        } else {
            (self.http.as_ref()?, 80)
        };
        let port = uri.port_u16().unwrap_or(port);
        (!self.no_proxy.has(uri.host()?, port)).then_some(found)
    }

    pub(super) fn map<U>(&self, make: impl Fn(&T) -> U) -> ByScheme<U> {
        ByScheme {
            http: self.http.as_ref().map(&make),
            https: self.https.as_ref().map(&make),
            no_proxy: self.no_proxy.clone(),
        }
    }
}

impl ByScheme<Proxy> {
    /// As curl and the Python SDK read the variables, and not as ureq does, which takes one proxy
    /// for both schemes and only from the process's own environment.
    pub(super) fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        // A CGI script's HTTP_PROXY is a header of whoever calls it.
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

fn proxy(environment: &Environment, names: &[&str]) -> Result<Option<Proxy>, ConfigError> {
    let Some((name, url)) = first(environment, names) else {
        return Ok(None);
    };
    let url = url.trim();
    if url.is_empty() {
        return Ok(None);
    }
    // The URL may hold a password and is not shown.
    Proxy::new(url).map(Some).map_err(|_| {
        ConfigError::new(
            name,
            "is not the URL of a proxy",
            "write it as http://host:port, https://host:port or socks5://host:port, with user and \
             password percent-encoded before the host",
        )
    })
}
