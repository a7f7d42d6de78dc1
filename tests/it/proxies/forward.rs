//! `http` URLs through an HTTP proxy: requests in absolute form.

use std::io::Write;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::error::TransportErrorKind;

use super::support::client::ACCOUNT;
use super::support::raw::{read_request, unused_address};
use super::support::tls::{Authority, accept, close};
use super::{ELSEWHERE, Proxy, caller, respond_as_sts, session_builder};

/// As curl and botocore do, and as proxies take it that allow `CONNECT` to port 443 only.
#[test]
fn http_urls_go_in_absolute_form_with_the_proxys_password() {
    let proxy = Proxy::start();
    let url = format!("http://me:p%40ss@{}", proxy.address());
    let bucket = caller(&[("http_proxy", &url)], ELSEWHERE).unwrap();
    assert_eq!(bucket, format!("sagemaker-us-east-1-{ACCOUNT}"));
    let head = &proxy.seen()[0];
    assert!(
        head.starts_with("POST http://sts.invalid:8080/ HTTP/1.1\r\n"),
        "{head}"
    );
    for line in [
        "host: sts.invalid:8080",
        "proxy-authorization: Basic bWU6cEBzcw==",
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
    }
    assert_eq!(head.matches("host:").count(), 1, "{head}");
}

/// What comes in place of the server's response is the proxy's; the server's own refusals stay the server's.
#[test]
fn refusals_of_a_forwarding_proxy_are_the_proxys() {
    for (answer, words) in [
        (
            "407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM",
            Some("requires NTLM"),
        ),
        (
            "403 Forbidden\r\nContent-Type: text/html;charset=utf-8",
            Some("does not allow it (403)"),
        ),
        ("403 Forbidden\r\nContent-Type: application/xml", None),
    ] {
        let proxy = Proxy::serving(move |stream, _| {
            read_request(stream)?;
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n")
        });
        let url = format!("http://me:hush@{}", proxy.address());
        match (caller(&[("HTTP_PROXY", &url)], ELSEWHERE), words) {
            (Err(Error::Transport(error)), Some(words)) => {
                assert_eq!(error.kind(), TransportErrorKind::Proxy);
                assert!(error.never_sent());
                let shown = format!("{error:#}");
                assert!(shown.contains(words), "{shown}");
                let name = format!("http://{} (HTTP_PROXY)", proxy.address());
                assert!(shown.contains(&name), "{shown}");
                assert!(!format!("{error:?}").contains("hush"), "{error:?}");
            }
            (Err(Error::Service(error)), None) => assert_eq!(error.status(), 403),
            (other, _) => panic!("{answer}: {other:?}"),
        }
    }
    let unused = unused_address();
    for url in [unused.as_str(), "http://no-such-proxy.invalid:3128"] {
        match caller(&[("HTTP_PROXY", url)], ELSEWHERE) {
            Err(Error::Transport(error)) => {
                assert_eq!(error.kind(), TransportErrorKind::Proxy, "{error:?}");
                let shown = format!("{error:#}");
                assert!(shown.contains("no connection to the proxy"), "{shown}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }
}

/// The connection to a proxy may be TLS, whatever the URL is.
#[test]
fn a_forwarding_proxy_may_speak_tls() {
    let authority = Authority::new();
    let config = authority.server(&["localhost"]);
    let proxy = Proxy::serving(move |stream, seen| {
        let mut stream = accept(&config, stream.try_clone()?)?;
        respond_as_sts(&mut stream, seen)?;
        close(stream)
    });
    let url = proxy.address().replace("127.0.0.1", "https://localhost");
    for server in ["http://sts.invalid", "http://[::1]:1"] {
        let session = session_builder(&[("HTTP_PROXY", &url)], server);
        let session = session.ca_bundle_pem(authority.root()).build();
        session.unwrap().default_bucket().unwrap();
        let head = proxy.seen().pop().unwrap();
        assert!(
            head.starts_with(&format!("POST {server}/ HTTP/1.1\r\n")),
            "{head}"
        );
    }
}
