//! A server for any AWS service: verifies each request's signature with `scratchstack-aws-signature`,
//! records the request and responds as scripted.
//!
//! What that library does not do: it hashes the body it got, so `UNSIGNED-PAYLOAD` and streaming signatures
//! never verify (for S3 uploads of that kind take `S3Server`); outside of S3 it encodes paths once, where
//! AWS does so twice, so that a path with percent-encoded characters does not verify there. A bare `+` in
//! a path does not verify either: `%2B` does.

use std::{
    future::ready,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use sagemaker_async_inference::sys::{Clock, ManualClock, SystemClock};
use scratchstack_aws_signature::{
    GetSigningKeyRequest, GetSigningKeyResponse, KSecretKey, NO_ADDITIONAL_SIGNED_HEADERS,
    SignatureOptions, service_for_signing_key_fn, sigv4_validate_request,
};

/// What a signature has to match.
#[derive(Debug, Clone)]
pub struct Rules {
    pub access_key: String,
    /// 40 characters.
    pub secret_key: String,
    pub regions: Vec<String>,
    /// Signing names, each with whether paths are taken by the rules of S3.
    pub services: Vec<(String, bool)>,
    /// The secret of any other access key, for tests with several identities.
    pub secret_of: Option<fn(&str) -> String>,
    /// The server's time, for tests in virtual time; `None` is the real one.
    pub now: Option<SystemTime>,
    /// A clock that the server's time follows, before `now`.
    pub clock: Option<ManualClock>,
    /// What is responded to a wrong signature, instead of a bare 403.
    pub refusal: Option<Reply>,
}

impl Rules {
    /// The documentation's key pair, us-east-1, S3 and the services of SageMaker, the real time.
    pub fn new() -> Self {
        let services = [
            "sagemaker",
            "sts",
            "application-autoscaling",
            "monitoring",
            "sns",
            "sqs",
        ];
        Self {
            access_key: super::ACCESS_KEY.to_owned(),
            secret_key: super::SECRET_KEY.to_owned(),
            regions: vec!["us-east-1".to_owned()],
            services: services
                .map(|name| (name.to_owned(), false))
                .into_iter()
                .chain([("s3".to_owned(), true)])
                .collect(),
            secret_of: None,
            now: None,
            clock: None,
            refusal: None,
        }
    }

    fn time(&self) -> SystemTime {
        match &self.clock {
            Some(clock) => clock.now(),
            None => self.now.unwrap_or_else(|| SystemClock.now()),
        }
    }

    fn signing_key(&self, asked: &GetSigningKeyRequest) -> Result<GetSigningKeyResponse, BoxError> {
        let secret = match self.secret_of {
            _ if asked.access_key() == self.access_key => self.secret_key.clone(),
            Some(secret_of) => secret_of(asked.access_key()),
            None => return Err("unknown access key".into()),
        };
        let secret = secret.parse::<KSecretKey>()?;
        let key = secret.to_ksigning(asked.request_date(), asked.region(), asked.service());
        Ok(GetSigningKeyResponse::builder().signing_key(key).build()?)
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the signature is right; else why not. [`NOT_SIGNED`] if there was none.
    pub verified: Result<(), String>,
}

/// What `verified` says of a request without a signature.
pub const NOT_SIGNED: &str = "not signed";

impl Seen {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A response. `content-length` is added.
#[derive(Debug, Clone)]
pub struct Reply {
    /// 0 closes the connection without a response.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Closes the connection without a response: it is unknown whether the request was carried out.
    pub fn hang_up() -> Self {
        Self::new(0, "")
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

struct Shared {
    rules: Rules,
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    stop: AtomicBool,
}

/// Listens on a loopback port until dropped.
pub struct Verifier {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Verifier {
    /// Responds with `script` to requests that are signed by the `rules` or not signed at all, to others with 403.
    pub fn start(rules: Rules, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            rules,
            script: Box::new(script),
            seen: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stop.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the client's to report.
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// Responds to the requests one after another with `replies`, then with status 599.
    pub fn with_replies(rules: Rules, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<Vec<_>>().into_iter());
        Self::start(rules, move |_| {
            locked(&replies)
                .next()
                .unwrap_or_else(|| Reply::new(599, "the script is over"))
        })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.shared.seen).clone()
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut output = stream.try_clone()?;
        let mut input = BufReader::new(stream);
        while let Some(mut seen) = read_request(&mut input, &mut output)? {
            seen.verified = self.verify(&seen);
            let reply = match &seen.verified {
                Err(reason) if reason != NOT_SIGNED => {
                    self.rules.refusal.clone().unwrap_or_else(|| {
                        Reply::new(403, reason.as_str())
                            .header("x-amzn-errortype", "InvalidSignatureException")
                    })
                }
                _ => (self.script)(&seen),
            };
            let head = seen.method == "HEAD";
            locked(&self.seen).push(seen);
            if reply.status == 0 {
                break;
            }
            write_reply(&mut output, &reply, head)?;
        }
        Ok(())
    }

    fn verify(&self, seen: &Seen) -> Result<(), String> {
        let Some(authorization) = seen.header("authorization") else {
            return Err(NOT_SIGNED.to_owned());
        };
        let scope: Vec<_> = authorization
            .split_once("Credential=")
            .and_then(|(_, rest)| rest.split_once(','))
            .map_or(Vec::new(), |(scope, _)| scope.split('/').collect());
        let [_, _, region, service, "aws4_request"] = scope[..] else {
            return Err(format!("the credential scope is not one: {scope:?}"));
        };
        if !self.rules.regions.iter().any(|known| known == region) {
            return Err(format!("signed for region {region}"));
        }
        let Some((_, s3)) = self
            .rules
            .services
            .iter()
            .find(|(known, _)| known == service)
        else {
            return Err(format!("signed for service {service}"));
        };

        let mut request = http::Request::builder()
            .method(&*seen.method)
            .uri(&*seen.path);
        for (name, value) in &seen.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(seen.body.clone())
            .map_err(|error| error.to_string())?;
        let rules = self.rules.clone();
        let lookup = move |asked: GetSigningKeyRequest| ready(rules.signing_key(&asked));
        let mut keys = service_for_signing_key_fn(lookup);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let checked = runtime
            .map_err(|error| error.to_string())?
            .block_on(sigv4_validate_request(
                request,
                region,
                service,
                &mut keys,
                self.rules.time().into(),
                &NO_ADDITIONAL_SIGNED_HEADERS,
                SignatureOptions {
                    s3: *s3,
                    ..SignatureOptions::default()
                },
            ));
        checked.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The next request, or `None` at the end of the connection. Its `verified` is not known yet.
fn read_request(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<Option<Seen>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if input.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(&head).map_err(io::Error::other)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut seen = Seen {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        headers: request
            .headers
            .iter()
            .map(|h| (h.name.to_owned(), text(h.value)))
            .collect(),
        body: Vec::new(),
        verified: Err(NOT_SIGNED.to_owned()),
    };
    if seen.header("expect").is_some() {
        output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if seen.header("transfer-encoding").is_some() {
        seen.body = read_chunks(input)?;
    } else if let Some(length) = seen.header("content-length") {
        seen.body = vec![0; length.parse().map_err(io::Error::other)?];
        input.read_exact(&mut seen.body)?;
    }
    Ok(Some(seen))
}

fn read_chunks(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        input.read_line(&mut size)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size + 2, 0);
        input.read_exact(&mut body[start..])?;
        body.truncate(start + size);
        if size == 0 {
            return Ok(body);
        }
    }
}

fn write_reply(output: &mut impl Write, reply: &Reply, head: bool) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {} Scripted\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        write!(text, "{name}: {value}\r\n")?;
    }
    if !matches!(reply.status, 204 | 304) {
        write!(text, "content-length: {}\r\n", reply.body.len())?;
    }
    text.extend(b"\r\n");
    if !head {
        text.extend(&reply.body);
    }
    output.write_all(&text)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
