//! Proxies from the environment: which URLs go through which, and which go through none.

use crate::support;

mod forward;
#[cfg(feature = "local")]
mod forwarded_work;
mod tunnel;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use sagemaker_async_inference::session::{RetryConfig, Service};
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{Error, Session, SessionBuilder};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{caller_identity, keys},
    raw::{Raw, read_only_head, read_request, respond, send_response},
    tls::{Authority, TlsStream, accept, close},
};

/// A proxy that responds in the server's place, and keeps the heads that it reads.
struct Proxy {
    server: Raw,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        Self::serving(respond_as_sts)
    }

    /// Responds to `CONNECT`, in pieces of `piece` bytes, and serves the server's side of the tunnel. Returns the
    /// server's root certificate too.
    fn tunnel(
        response: &str,
        piece: usize,
        serve: impl Fn(&mut TlsStream, &Mutex<Vec<String>>) -> io::Result<()> + Send + Sync + 'static,
    ) -> (Self, String) {
        let authority = Authority::new();
        let config = authority.server(&["sts.invalid", "service.invalid"]);
        let response = response.to_owned();
        let proxy = Self::serving(move |stream, seen| {
            seen.lock().unwrap().push(read_only_head(stream)?);
            stream.set_nodelay(true)?;
            for piece in response.as_bytes().chunks(piece) {
                stream.write_all(piece)?;
            }
            let mut inner = accept(&config, stream.try_clone()?)?;
            serve(&mut inner, seen)?;
            close(inner)
        });
        (proxy, authority.root())
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

/// Keeps the head of a request, and then responds to it.
fn respond_as_sts(stream: &mut (impl Read + Write), seen: &Mutex<Vec<String>>) -> io::Result<()> {
    seen.lock().unwrap().push(read_request(stream)?);
    send_response(stream, &caller_identity().body)
}

fn session_builder(environment: &[(&str, &str)], sts: &str) -> SessionBuilder {
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
}

fn session(environment: &[(&str, &str)], sts: &str) -> Result<Session, Error> {
    session_builder(environment, sts).build()
}

fn caller(environment: &[(&str, &str)], sts: &str) -> Result<String, Error> {
    session(environment, sts)?.default_bucket()
}

/// This name cannot be resolved, so a response can only come from the proxy.
const ELSEWHERE: &str = "http://sts.invalid:8080";

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
            "\r\nproxy-authorization: Basic {}\r\n",
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
        ("http://host:3128/path", "after host and port"),
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
