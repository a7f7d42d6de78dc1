//! Requests for `http` URLs through an HTTP proxy, in absolute form (`GET http://host/path`, RFC 9112, 3.2.2), as curl
//! and botocore send them. Many proxies allow `CONNECT` to port 443 only, and ureq knows no other way.
//!
//! So ureq connects to the proxy as if that were the server, with the URL of the request as its path. `http::Uri`
//! accepts no path without a slash in front; the connection removes the slash from what it sends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{Request, Response, Uri};
use ureq::{Proxy, ProxyProtocol, Timeout};

use super::connect::Unconnected;
use super::connection_error::{ProxyFault, authority};
use super::dns::Unresolved;

/// Addresses a request to the proxy.
pub(super) fn address<B>(request: &mut Request<B>, proxy: &Proxy) -> Result<(), http::Error> {
    let host = HeaderValue::from_str(host(request.uri()))?;
    let scheme = match proxy.protocol() {
        ProxyProtocol::Https => "https",
        _ => "http",
    };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(format!("{}:{}", proxy.host(), proxy.port()))
        .path_and_query(format!("/{}", request.uri()))
        .build()?;
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, host);
    if let Some(login) = login(proxy) {
        let mut login = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(login)))?;
        login.set_sensitive(true);
        request.headers_mut().insert(PROXY_AUTHORIZATION, login);
    }
    Ok(())
}

/// The `Host` header of a request to this URL, as `aws-sigv4` signs it: without the default port.
fn host(uri: &Uri) -> &str {
    match uri.port_u16() {
        None | Some(80) => uri.host().unwrap_or_default(),
        Some(_) => authority(uri),
    }
}

fn login(proxy: &Proxy) -> Option<String> {
    let (user, password) = (proxy.username(), proxy.password());
    let is_there = user.is_some() || password.is_some();
    is_there.then(|| {
        format!(
            "{}:{}",
            user.unwrap_or_default(),
            password.unwrap_or_default()
        )
    })
}

/// Removes the slash before the URL from the head of a request. Returns the number of bytes that are left of `output`.
pub(super) fn remove_slash(output: &mut [u8]) -> usize {
    const TARGET: &[u8] = b" /http://";
    let Some(space) = output.iter().position(|byte| *byte == b' ') else {
        return output.len();
    };
    if !output[space..].starts_with(TARGET) {
        return output.len();
    }
    output.copy_within(space + 2.., space + 1);
    output.len() - 1
}

/// The outcome of a request to a proxy: faults of the proxy are [`ProxyFault`]s.
pub(super) fn outcome<B>(
    outcome: Result<Response<B>, ureq::Error>,
) -> Result<Response<B>, ureq::Error> {
    let response = outcome.map_err(unreached)?;
    match refusal(&response) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(response),
    }
}

/// Of a request that did not reach the proxy, the fault is the proxy's.
fn unreached(error: ureq::Error) -> ureq::Error {
    let is_unreached = match &error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        ureq::Error::Other(other) => other.is::<Unconnected>() || other.is::<Unresolved>(),
        _ => false,
    };
    if is_unreached {
        return ProxyFault::Unreachable(Box::new(error)).into();
    }
    error
}

/// The proxy's own refusal. It comes in place of the server's response: no AWS service requires a login at a proxy, or
/// responds in HTML.
fn refusal<B>(response: &Response<B>) -> Option<ProxyFault> {
    let status = response.status();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let kind = response.headers().get(CONTENT_TYPE).map(text);
    let is_html = kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"));
    if !(status == 407 || (status == 403 && is_html)) {
        return None;
    }
    let schemes = response.headers().get_all(PROXY_AUTHENTICATE).iter();
    let schemes = schemes.map(|value| {
        let value = text(value);
        value
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    Some(ProxyFault::Refused {
        status: status.as_u16(),
        reason: status.canonical_reason().unwrap_or_default().to_owned(),
        schemes: schemes.collect(),
    })
}
