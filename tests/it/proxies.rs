//! Proxies from the environment: which URLs go through which, and which go through none.

use crate::support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use sagemaker_async_inference::error::TransportErrorKind;
use sagemaker_async_inference::session::{RetryConfig, Service, Timeouts};
use sagemaker_async_inference::sys::{Environment, Files, ManualClock, Sys};
use sagemaker_async_inference::{Error, Session};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{ACCOUNT, builder, caller_identity, keys, predictor, uri},
    raw::{Raw, read_only_head, read_request, respond},
    wait::{response, waiter},
};

/// Answers `CONNECT` and then, in the target's stead, the request. It keeps both heads.
struct Proxy {
    server: Raw,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        Self::serving(|stream, seen| {
            let connect = read_only_head(stream)?;
            write!(stream, "HTTP/1.1 200 Connected\r\n\r\n")?;
            seen.lock().unwrap().push(connect);
            let request = respond(stream, &caller_identity().body)?;
            seen.lock().unwrap().push(request);
            Ok(())
        })
    }

    fn serving(
        serve: impl Fn(&mut TcpStream, &Mutex<Vec<String>>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let server = Raw::start(move |mut stream| serve(&mut stream, &kept));
        Self { server, seen }
    }

    /// `127.0.0.1:PORT`
    fn address(&self) -> String {
        self.server.url().replace("http://", "")
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn session(environment: &[(&str, &str)], sts: &str) -> Result<Session, Error> {
    let environment = Environment::from_pairs(environment.iter().copied());
    Session::builder()
        .region("us-east-1")
        .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
        .endpoint_url_for(Service::Sts, sts)
        .retry(RetryConfig::off())
        .sys(
            Sys::real()
                .with_environment(environment)
                .with_files(Files::none()),
        )
        .build()
}

fn caller(environment: &[(&str, &str)], sts: &str) -> Result<String, Error> {
    session(environment, sts)?.default_bucket()
}

/// Nobody resolves this name, so that a response can only come from the proxy.
const ELSEWHERE: &str = "http://sts.invalid:8080";

#[test]
fn a_proxy_carries_requests_and_receives_its_password() {
    let proxy = Proxy::start();
    let url = format!("http://me:p%40ss@{}", proxy.address());
    let bucket = caller(&[("http_proxy", &url)], ELSEWHERE).unwrap();
    assert_eq!(bucket, format!("sagemaker-us-east-1-{ACCOUNT}"));
    let seen = proxy.seen();
    assert!(
        seen[0].starts_with("CONNECT sts.invalid:8080 HTTP/1.1\r\n"),
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
fn the_first_variable_that_is_set_decides() {
    let right = Proxy::start();
    let right_url = right.address();
    let wrong = format!(
        "http://{}",
        support::raw::unused_address().replace("http://", "")
    );
    let cases: &[&[(&str, &str)]] = &[
        &[
            ("http_proxy", &right_url),
            ("HTTP_PROXY", &wrong),
            ("all_proxy", &wrong),
        ],
        &[
            ("HTTP_PROXY", &right_url),
            ("all_proxy", &wrong),
            ("ALL_PROXY", &wrong),
        ],
        &[
            ("all_proxy", &right_url),
            ("ALL_PROXY", &wrong),
            ("HTTPS_PROXY", &wrong),
        ],
        &[("ALL_PROXY", &right_url), ("https_proxy", &wrong)],
        &[
            ("HTTP_PROXY", &wrong),
            ("REQUEST_METHOD", "GET"),
            ("ALL_PROXY", &right_url),
        ],
    ];
    for environment in cases {
        caller(environment, ELSEWHERE).unwrap();
    }
    assert_eq!(right.server.connections(), cases.len());
}

/// The process's own environment is not read.
#[test]
fn without_variables_or_with_blank_ones_there_is_no_proxy() {
    let target = Raw::start(|mut stream| respond(&mut stream, &caller_identity().body).map(drop));
    let proxy = Proxy::start();
    let url = proxy.address();
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[
            ("http_proxy", " "),
            ("HTTP_PROXY", &url),
            ("ALL_PROXY", &url),
        ],
        &[("HTTPS_PROXY", &url)],
    ];
    for environment in cases {
        caller(environment, &target.url()).unwrap();
    }
    assert_eq!(
        (target.connections(), proxy.server.connections()),
        (cases.len(), 0)
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

#[test]
fn hosts_of_the_list_are_reached_directly() {
    let target = Raw::start(|mut stream| respond(&mut stream, &caller_identity().body).map(drop));
    let (here, port) = (
        target.url(),
        target.url().rsplit(':').next().unwrap().to_owned(),
    );
    let with_port = format!("127.0.0.1:{port}");
    let direct = [
        "127.0.0.1",
        "*",
        "10.1.1.1, 127.0.0.0/8",
        "x.com 127.0.0.1",
        &with_port,
    ];
    let proxy = Proxy::start();
    let url = proxy.address();
    for list in direct {
        for name in ["no_proxy", "NO_PROXY"] {
            caller(&[("HTTP_PROXY", &url), (name, list)], &here).unwrap();
        }
    }
    assert_eq!(
        (target.connections(), proxy.server.connections()),
        (2 * direct.len(), 0)
    );

    let through = ["", "localhost", "127.0.0.1:1", "128.0.0.0/8", "0.0.1"];
    for list in through {
        caller(&[("HTTP_PROXY", &url), ("NO_PROXY", list)], &here).unwrap();
    }
    let lower_first = [
        ("HTTP_PROXY", &*url),
        ("no_proxy", "x.com"),
        ("NO_PROXY", "*"),
    ];
    caller(&lower_first, &here).unwrap();
    assert_eq!(proxy.server.connections(), through.len() + 1);
}

#[test]
fn socks_proxies_are_spoken_to() {
    let proxy = Proxy::serving(|stream, seen| {
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting)?;
        stream.read_exact(&mut vec![0; greeting[1].into()])?;
        stream.write_all(&[5, 0])?;
        let mut request = [0; 5];
        stream.read_exact(&mut request)?;
        let mut name = vec![0; usize::from(request[4]) + 2];
        stream.read_exact(&mut name)?;
        seen.lock()
            .unwrap()
            .push(String::from_utf8_lossy(&name[..name.len() - 2]).into());
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        respond(stream, &caller_identity().body).map(drop)
    });
    let url = format!("socks5h://{}", proxy.address());
    caller(&[("ALL_PROXY", &url)], ELSEWHERE).unwrap();
    assert_eq!(proxy.seen(), ["sts.invalid"]);
}

/// What the error says of a poll and of a submit through this proxy. Nothing reached the service.
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
    for (answer, words) in [
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
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n")?;
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
    let unused = support::raw::unused_address().replace("http://", "");
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
    for answer in [
        "HTTP/1.1 201 Created\r\n\r\n".to_owned(),
        "HTTP/1.0 204\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
        "HTTP/1.1 100 Continue\r\nVia: x\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n".to_owned(),
    ] {
        for in_pieces in [false, true] {
            let text = answer.clone();
            let proxy = Proxy::serving(move |stream, _| {
                read_only_head(stream)?;
                stream.set_nodelay(true)?;
                let size = if in_pieces { 1 } else { text.len() };
                for piece in text.as_bytes().chunks(size) {
                    stream.write_all(piece)?;
                }
                support::raw::respond(stream, &caller_identity().body).map(drop)
            });
            let outcome = caller(&[("http_proxy", &proxy.address())], ELSEWHERE);
            assert!(outcome.is_ok(), "{answer:?}: {outcome:?}");
        }
    }
}

/// A tunnel that the proxy has closed is not used again, and no submit is lost in it.
#[test]
fn a_tunnel_that_the_proxy_closed_is_not_used_again() {
    let proxy = Proxy::serving(|stream, _| {
        read_only_head(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        read_request(stream)?;
        stream.write_all(
            b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\
              x-amzn-sagemaker-outputlocation: s3://my-bucket/out\r\n\r\n{}",
        )
    });
    let url = proxy.address();
    let environment = Environment::from_pairs([("HTTP_PROXY", url.as_str())]);
    let session = builder()
        .endpoint_url("http://service.invalid")
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

/// As curl and Python take them: encoded or not.
#[test]
fn passwords_may_have_any_characters_that_leave_the_url_readable() {
    for (login, decoded) in [
        ("me:p%40ss%23%2F", "me:p@ss#/"),
        ("me:p@ss", "me:p@ss"),
        ("me:p:a$s!", "me:p:a$s!"),
        ("me:100%", "me:100%"),
        ("me:pässwörd", "me:pässwörd"),
        ("DOM\\me:x", "DOM\\me:x"),
    ] {
        let proxy = Proxy::start();
        let url = format!("http://{login}@{}", proxy.address());
        let outcome = caller(&[("http_proxy", &url)], ELSEWHERE);
        assert!(outcome.is_ok(), "{login}: {outcome:?}");
        let header = format!(
            "Proxy-Authorization: Basic {}\r\n",
            STANDARD.encode(decoded)
        );
        assert!(
            proxy.seen()[0].contains(&header),
            "{login}: {}",
            proxy.seen()[0]
        );
    }
}

#[test]
fn what_is_wrong_with_a_proxys_url_is_said() {
    for (url, words) in [
        ("http://me:p#hush@host:1", "%23"),
        ("http://me:p/hush@host:1", "%2F"),
        ("http://me:p?hush@host:1", "%3F"),
        ("http://host:99999", "1 to 65535"),
        ("http://host:0", "1 to 65535"),
        ("http://host:", "1 to 65535"),
        ("http://host:proxy", "1 to 65535"),
        ("http://host:3128/path", "behind host and port"),
        ("ftp://host", "scheme"),
        ("http://ho st", "host name"),
        ("http://me:hush@", "host name"),
    ] {
        match session(&[("HTTPS_PROXY", url)], ELSEWHERE) {
            Err(Error::Config(error)) => {
                let shown = format!("{error:#}");
                assert!(shown.starts_with("HTTPS_PROXY: "), "{shown}");
                assert!(shown.contains(words), "{url}: {shown}");
                assert!(!format!("{error:?}").contains("hush"), "{error:?}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }
    for url in [
        "host",
        "host:3128",
        "HTTP://host:3128/",
        "[::1]:3128",
        "http://[::1]",
        "socks5://u@host",
    ] {
        let _ =
            session(&[("HTTPS_PROXY", url)], ELSEWHERE).unwrap_or_else(|e| panic!("{url}: {e}"));
    }
}

#[test]
fn a_malformed_proxy_is_named_and_not_shown() {
    for url in [
        "gopher://me:hush@host",
        "http://",
        "hush hush",
        "http://me:%ff@hush",
        "http:///hush",
    ] {
        for name in ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            match session(&[(name, url)], ELSEWHERE) {
                Err(Error::Config(error)) => {
                    assert_eq!(error.setting(), name, "{url}");
                    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
                }
                other => panic!("{url}: {other:?}"),
            }
        }
    }
}

#[test]
fn an_agent_of_the_users_connects_as_it_says_itself() {
    let target = Raw::start(|mut stream| respond(&mut stream, &caller_identity().body).map(drop));
    let unused = support::raw::unused_address();
    let environment = Environment::from_pairs([("HTTP_PROXY", unused.as_str())]);
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .build()
        .new_agent();
    let session = Session::builder()
        .region("us-east-1")
        .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
        .endpoint_url(target.url())
        .agent(agent)
        .sys(
            Sys::real()
                .with_environment(environment)
                .with_files(Files::none()),
        );
    session.build().unwrap().default_bucket().unwrap();
    assert_eq!(target.connections(), 1);
}

/// How often the proxy is asked by a request that may be repeated, and how a wait ends that goes through it.
#[test]
fn refusals_of_a_proxy_are_not_retried() {
    for (answer, attempts) in [
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
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n")?;
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
            panic!("{answer}: {poll:?}");
        };
        assert_eq!(error.attempts(), attempts, "{answer}");
        assert_eq!(proxy.seen().len(), attempts as usize, "{answer}");
        let submit = predictor(&session).request("x").submit().map(drop);
        let Err(Error::Transport(error)) = submit else {
            panic!("{answer}: {submit:?}");
        };
        assert_eq!(error.attempts(), attempts, "{answer}");
        let wait = waiter(|wait| wait.max_attempts(4));
        match response(&session).get_result(&wait) {
            Err(Error::Transport(_)) => assert_eq!(attempts, 1, "{answer}"),
            Err(Error::PollingTimeout(_)) => assert_eq!(attempts, 3, "{answer}"),
            other => panic!("{answer}: {other:?}"),
        }
    }
}
