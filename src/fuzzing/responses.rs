//! Responses of services, over a connection, through the whole client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use crate::credentials::{Credentials, ProvideCredentials, SsoProvider};
use crate::endpoint::{ListEndpoints, SageMaker};
use crate::session::{RetryConfig, Timeouts};
use crate::sys::{Environment, Files, ManualClock, Sys, lock};
use crate::{AsyncInferenceResponse, AsyncPredictor, Bytes, Error, Session, WaiterConfig};

/// Responds to every request with the same bytes.
struct Responder {
    url: String,
    response: Mutex<Vec<u8>>,
}

static RESPONDER: LazyLock<Responder> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr();
    let address = address.unwrap_or_else(|error| panic!("{error}"));
    let url = format!("http://{address}");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || respond(stream));
        }
    });
    Responder {
        url,
        response: Mutex::default(),
    }
});

fn respond(mut stream: TcpStream) -> io::Result<()> {
    let mut request = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while request.read_line(&mut line)? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    io::copy(&mut request.take(length), &mut io::sink())?;
    let response = lock(&RESPONDER.response).clone();
    stream.write_all(&response)
}

/// One at a time: the server has one response.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `act` against a server that responds with the lines of headers before a blank line in `data`, and with what
/// follows as the body.
fn against(data: &[u8], act: impl FnOnce(&str)) {
    let _turn = lock(&TURN);
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (&[][..], data),
    };
    let mut response = b"HTTP/1.1 200 OK\r\nconnection: close\r\n".to_vec();
    for line in head.split(|byte| *byte == b'\n') {
        let framing = line.to_ascii_lowercase();
        if line.contains(&b':')
            && !framing.starts_with(b"content-length")
            && !framing.starts_with(b"transfer")
        {
            response.extend(line);
            response.extend(b"\r\n");
        }
    }
    response.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    response.extend(body);
    *lock(&RESPONDER.response) = response;
    act(&RESPONDER.url);
}

fn sys() -> Sys {
    Sys::real()
        .with_environment(Environment::empty())
        .with_clock(ManualClock::new())
}

fn session(url: &str) -> Session {
    let retry = RetryConfig::default().with_max_attempts(1);
    let session = Session::builder()
        .region("us-east-1")
        .credentials(Credentials::new("AKID", "hush", None, None, "fuzzing"))
        .endpoint_url(url)
        .sys(sys().with_files(Files::none()))
        .retry(valid(retry))
        .timeouts(Timeouts::default().with_read(Duration::from_secs(2)))
        .build();
    valid(session)
}

/// What these targets set up is valid: a failure would leave them without anything to test.
fn valid<T>(made: Result<T, Error>) -> T {
    made.unwrap_or_else(|error| panic!("{error}"))
}

fn quiet<T>(outcome: Result<T, Error>) -> Option<T> {
    if let Err(error) = &outcome {
        assert!(error.to_string().len() < 10_000, "{error}");
    }
    outcome.ok()
}

/// The JSON of every service.
pub fn service_responses(data: &[u8]) {
    against(data, |url| {
        let session = session(url);
        let sagemaker = SageMaker::new(&session);
        quiet(sagemaker.describe_endpoint("e").map(drop));
        quiet(sagemaker.describe_endpoint_config("e").map(drop));
        quiet(sagemaker.describe_model("e").map(drop));
        quiet(
            sagemaker
                .list_tags("arn:aws:sagemaker:us-east-1:123456789012:endpoint/e")
                .map(drop),
        );
        for listed in sagemaker.list_endpoints(&ListEndpoints::default()).take(3) {
            quiet(listed.map(drop));
        }
        let predictor = AsyncPredictor::new("e", &session);
        let endpoint = predictor.endpoint();
        quiet(endpoint.describe().map(drop));
        let scaling = endpoint.scaling();
        quiet(scaling.describe_target().map(drop));
        quiet(scaling.describe_policies().map(drop));
        quiet(predictor.predict_async("x").map(drop));
    });
}

/// Objects with headers of ranges and checksums.
pub fn object_responses(data: &[u8]) {
    against(data, |url| {
        let session = session(url);
        let once = valid(WaiterConfig::new(1, Duration::from_millis(1)));
        let predictor = AsyncPredictor::new("e", &session).with_deserializer(Bytes::new());
        let response = || {
            valid(AsyncInferenceResponse::new(
                &predictor,
                "s3://my-bucket/out",
                None,
            ))
        };
        let body = quiet(response().get_result::<Vec<u8>>(&once));
        let mut streamed = Vec::new();
        let length = quiet(response().write_result(&mut streamed, &once));
        // Both ways give the same, or neither does.
        assert_eq!(body.is_some(), length.is_some());
        if let Some(body) = body {
            assert!(body == streamed);
        }
    });
}

/// A cached token of IAM Identity Center, and the same bytes as the portal's response.
pub fn sso_cache(data: &[u8]) {
    // The SHA-1 of "dev".
    const CACHE: &str = "/h/.aws/sso/cache/34c6fceca75e456f25e7e99531e2425c6c1de443.json";
    against(data, |url| {
        let sys = Sys::real()
            .with_environment(Environment::from_pairs([("HOME", "/h")]))
            .with_clock(ManualClock::new())
            .with_files(Files::from_pairs([(CACHE, data.to_vec())]));
        let session = Session::builder()
            .region("us-east-1")
            .endpoint_url(url)
            .sys(sys)
            .build();
        let session = valid(session);
        let start = "https://example.awsapps.com/start";
        let provider = SsoProvider::for_session(
            session.provider_config(),
            "dev",
            "us-east-1",
            start,
            "123456789012",
            "Invoker",
        );
        match provider.provide_credentials() {
            Ok(credentials) => assert!(!credentials.access_key_id().is_empty()),
            Err(error) => assert!(error.to_string().len() < 4000, "{error}"),
        }
    });
}
