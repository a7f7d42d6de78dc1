//! `https` URLs through an HTTP proxy: tunnels.

use std::io::{Read, Write};
use std::time::Duration;

use sagemaker_async_inference::Error;
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::session::{RetryConfig, Timeouts};
use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Sys};

use super::support::client::{ACCOUNT, builder, predictor, uri};
use super::support::raw::{read_only_head, read_request, unused_address};
use super::support::wait::{response, waiter};
use super::{Proxy, caller, respond_as_sts, session_builder};

/// As [`caller`], of a server that has a certificate below this root.
fn caller_by_tls(environment: &[(&str, &str)], root: &str) -> Result<String, Error> {
    let session = session_builder(environment, "https://sts.invalid:8443");
    session.ca_bundle_pem(root).build()?.default_bucket()
}

#[test]
fn https_urls_go_through_a_tunnel_and_the_server_sees_no_password() {
    let connected = "HTTP/1.1 200 Connected\r\n\r\n";
    let (proxy, root) = Proxy::tunnel(connected, 99, respond_as_sts);
    let url = format!("http://me:p%40ss@{}", proxy.address());
    let bucket = caller_by_tls(&[("https_proxy", &url)], &root).unwrap();
    assert_eq!(bucket, format!("sagemaker-us-east-1-{ACCOUNT}"));
    let seen = proxy.seen();
    assert!(
        seen[0].starts_with("CONNECT sts.invalid:8443 HTTP/1.1\r\n"),
        "{}",
        seen[0]
    );
    assert!(
        seen[0].contains("Proxy-Authorization: Basic bWU6cEBzcw==\r\n"),
        "{}",
        seen[0]
    );
    assert!(
        !seen[1].to_ascii_lowercase().contains("proxy-auth"),
        "{}",
        seen[1]
    );
}

#[test]
fn https_has_a_proxy_of_its_own() {
    let refusing = || {
        Proxy::serving(|stream, seen| {
            seen.lock().unwrap().push(read_only_head(stream)?);
            write!(
                stream,
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
            )
        })
    };
    let (plain, secure) = (refusing(), refusing());
    let (plain_url, secure_url) = (
        plain.address(),
        format!("http://me:hush@{}", secure.address()),
    );
    let environment = [
        ("HTTP_PROXY", plain_url.as_str()),
        ("HTTPS_PROXY", &secure_url),
    ];
    match caller(&environment, "https://sts.invalid") {
        Err(Error::Transport(error)) => {
            assert_eq!(error.kind(), TransportErrorKind::Proxy);
            let whole = format!("{error:?} {error} {:?}", std::error::Error::source(&error));
            assert!(!whole.contains("hush"), "{whole}");
        }
        other => panic!("{other:?}"),
    }
    assert!(secure.seen()[0].starts_with("CONNECT sts.invalid:443 "));
    assert_eq!(plain.server.connections(), 0);
}

/// The error of a poll and of a submit through this proxy. Nothing reached the service.
fn both(environment: &[(&str, &str)]) -> [String; 2] {
    let environment = Environment::from_pairs(environment.iter().copied());
    let session = builder()
        .endpoint_url("https://service.invalid")
        .retry(RetryConfig::off())
        .timeouts(Timeouts::default().with_connect(Duration::from_secs(2)))
        .sys(
            Sys::real()
                .with_environment(environment)
                .with_files(Files::none()),
        )
        .build()
        .expect("a session");
    let poll = response(&session).try_get_result::<Vec<u8>>().map(drop);
    let request = predictor(&session).request("x");
    let submit = request.submit().map(drop);
    [poll, submit].map(|outcome| match outcome {
        Err(Error::Transport(error)) => {
            assert_eq!(error.kind(), TransportErrorKind::Proxy, "{error:?}");
            assert!(error.never_sent(), "{error:?}");
            assert!(error.proxy().is_some(), "{error:?}");
            let source = std::error::Error::source(&*error).map(ToString::to_string);
            let whole = format!("{error} {source:?} {error:?}");
            assert!(!whole.contains("hush"), "{whole}");
            assert!(!whole.contains("force_path_style"), "{whole}");
            format!("{error:#}")
        }
        other => panic!("{other:?}"),
    })
}

#[test]
fn what_a_proxy_refuses_is_the_proxys_and_named() {
    for (reply, words) in [
        (
            "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"",
            "user and password",
        ),
        (
            "407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate",
            "NTLM or Negotiate",
        ),
        ("403 Forbidden", "does not allow it (403)"),
        ("503 Service Unavailable", "responded with 503"),
        (
            "302 Found\r\nLocation: http://login.example/",
            "responded with 302",
        ),
    ] {
        let proxy = Proxy::serving(move |stream, _| {
            read_only_head(stream)?;
            write!(stream, "HTTP/1.1 {reply}\r\nContent-Length: 0\r\n\r\n")?;
            stream.read(&mut [0]).map(drop)
        });
        let url = format!("http://me:hush@{}", proxy.address());
        for shown in both(&[("HTTPS_PROXY", &url)]) {
            let name = format!("through the proxy http://{} (HTTPS_PROXY)", proxy.address());
            assert!(shown.contains(&name), "{shown}");
            assert!(shown.contains(words), "{shown}");
        }
    }
}

#[test]
fn a_proxy_that_does_not_work_is_named() {
    let closes = Proxy::serving(|stream, _| read_only_head(stream).map(drop));
    let silent = Proxy::serving(|stream, _| stream.read_to_end(&mut Vec::new()).map(drop));
    let mail = Proxy::serving(|stream, _| {
        stream.write_all(b"220 mail.example ESMTP\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let unused = unused_address().replace("http://", "");
    let proxies = [
        (closes.address(), "connection to the proxy"),
        (silent.address(), "did not respond"),
        (mail.address(), "not an HTTP proxy"),
        (unused, "connection to the proxy"),
        (
            "no-such-proxy.invalid:3128".to_owned(),
            "connection to the proxy",
        ),
    ];
    for (address, words) in proxies {
        for shown in both(&[("ALL_PROXY", &format!("http://me:hush@{address}"))]) {
            assert!(
                shown.contains(&format!("http://{address} (ALL_PROXY)")),
                "{shown}"
            );
            assert!(shown.contains(words), "{shown}");
        }
    }
    let socks = Proxy::serving(|stream, _| {
        stream.read_exact(&mut [0; 3])?;
        stream.write_all(&[5, 0xff])
    });
    let url = format!("socks5h://{}", socks.address());
    for shown in both(&[("ALL_PROXY", &url)]) {
        assert!(shown.contains(&format!("{url} (ALL_PROXY)")), "{shown}");
    }
}

/// Of the responses that open a tunnel, ureq by itself takes a 200 with few headers alone.
#[test]
fn any_success_opens_the_tunnel() {
    let many = "X-Proxied-By: y\r\n".repeat(60);
    for reply in [
        "HTTP/1.1 201 Created\r\n\r\n".to_owned(),
        "HTTP/1.0 204\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
        "HTTP/1.1 100 Continue\r\nVia: x\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n".to_owned(),
    ] {
        for piece in [1, reply.len()] {
            let (proxy, root) = Proxy::tunnel(&reply, piece, respond_as_sts);
            let outcome = caller_by_tls(&[("https_proxy", &proxy.address())], &root);
            assert!(outcome.is_ok(), "{reply:?}: {outcome:?}");
        }
    }
}

/// A tunnel that the proxy has closed is not used again, and no submit is lost in it.
#[test]
fn a_tunnel_that_the_proxy_closed_is_not_used_again() {
    let connected = "HTTP/1.1 200 OK\r\n\r\n";
    let (proxy, root) = Proxy::tunnel(connected, 99, |inner, _| {
        read_request(inner)?;
        inner.write_all(
            b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\
              x-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\r\n{}",
        )
    });
    let url = proxy.address();
    let environment = Environment::from_pairs([("HTTPS_PROXY", url.as_str())]);
    let session = builder()
        .endpoint_url("https://service.invalid")
        .ca_bundle_pem(root)
        .retry(RetryConfig::off())
        .sys(
            Sys::real()
                .with_environment(environment)
                .with_files(Files::none()),
        )
        .build()
        .expect("a session");
    let predictor = predictor(&session);
    for _ in 0..20 {
        let request = predictor.request_at(uri("s3://my-bucket/in"));
        let _ = request.submit().expect("submitted");
    }
    assert_eq!(proxy.server.connections(), 20);
}

/// How many requests the proxy gets for a request that may be retried, and how a wait through it ends.
#[test]
fn refusals_of_a_proxy_are_not_retried() {
    for (reply, attempts) in [
        ("407 Proxy Authentication Required", 1),
        ("403 Forbidden", 1),
        ("302 Found\r\nLocation: http://login.example/", 1),
        // It cannot reach the host now, and may the next time.
        ("503 Service Unavailable", 3),
        ("429 Too Many Requests", 3),
    ] {
        let proxy = Proxy::serving(move |stream, seen| {
            let head = read_only_head(stream)?;
            seen.lock().unwrap().push(head);
            write!(stream, "HTTP/1.1 {reply}\r\nContent-Length: 0\r\n\r\n")?;
            stream.read(&mut [0]).map(drop)
        });
        let url = format!("http://{}", proxy.address());
        let environment = Environment::from_pairs([("HTTPS_PROXY", url.as_str())]);
        let sys = Sys::real()
            .with_environment(environment)
            .with_files(Files::none())
            .with_clock(ManualClock::new());
        let session = builder()
            .endpoint_url("https://service.invalid")
            .sys(sys)
            .build()
            .expect("a session");
        let poll = response(&session).try_get_result::<Vec<u8>>();
        let Err(Error::Transport(error)) = poll else {
            panic!("{reply}: {poll:?}");
        };
        assert_eq!(error.attempts(), attempts, "{reply}");
        assert_eq!(proxy.seen().len(), attempts as usize, "{reply}");
        let submit = predictor(&session).request("x").submit().map(drop);
        let Err(Error::Transport(error)) = submit else {
            panic!("{reply}: {submit:?}");
        };
        assert_eq!(error.attempts(), attempts, "{reply}");
        let wait = waiter(|wait| wait.max_attempts(4));
        match response(&session).get_result(&wait) {
            Err(Error::Transport(_)) => assert_eq!(attempts, 1, "{reply}"),
            Err(Error::PollingTimeout(_)) => assert_eq!(attempts, 3, "{reply}"),
            other => panic!("{reply}: {other:?}"),
        }
    }
}
