//! What a request costs in CPU time, beside the floor: plain `ureq` and `aws-sigv4` with a kept
//! connection, written out below. Both speak to the same local endpoint in another process, in turns,
//! in one run; printed are medians and their ratio.
//!
//!     cargo bench --features local --bench requests
//!
//! With `profile floor poll` (or `ours`, or `invoke`) it makes 1000 requests of that kind and prints nothing,
//! for a profiler: `valgrind --tool=callgrind` counts instructions, which a busy machine does not change.

// A bench measures real time and starts a server process; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Bytes, Session};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 7;
const REQUESTS: u32 = 1000;
const COLD_STARTS: usize = 31;
const BODY: &[u8] = b"{\"inputs\": \"hello\"}";

fn main() -> Outcome<()> {
    if std::env::args().any(|argument| argument == "serve") {
        return serve();
    }
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "once") {
        return once(&arguments[at + 1..]);
    }
    let server = Server::start()?;
    let floor = Floor::new(&server);
    let ours = Ours::new(&server)?;
    if let Some(at) = arguments.iter().position(|argument| argument == "profile") {
        return profile(&floor, &ours, &arguments[at + 1..]);
    }
    println!(
        "{:<34} {:>12} {:>12} {:>7}",
        "CPU time a request", "floor", "this crate", "ratio"
    );
    compare("poll of a missing key", || floor.poll(), || ours.poll())?;
    compare("InvokeEndpointAsync", || floor.invoke(), || ours.invoke())?;
    // The name that every machine knows; Amazon's have to be asked for as this one has.
    let server = server.by_name();
    let floor = Floor::new(&server);
    let ours = Ours::new(&server)?;
    compare("poll, by a host name", || floor.poll(), || ours.poll())?;
    compare(
        "InvokeEndpointAsync, by a host name",
        || floor.invoke(),
        || ours.invoke(),
    )?;
    cold(&server)
}

/// A process that asks once: from its start to its end, by the clock.
fn cold(server: &Server) -> Outcome<()> {
    let started_by = |who: &str| -> Outcome<Duration> {
        let started = Instant::now();
        let status = Command::new(std::env::current_exe()?)
            .args(["once", who, &server.url, &server.bucket])
            .args([&server.access_key, &server.secret_key])
            .status()?;
        if !status.success() {
            return Err("the process failed".into());
        }
        Ok(started.elapsed())
    };
    let (mut floors, mut oursies) = (Vec::new(), Vec::new());
    for _ in 0..COLD_STARTS {
        floors.push(started_by("floor")?);
        oursies.push(started_by("ours")?);
    }
    report(
        "from process start to an answer",
        median(floors),
        median(oursies),
    );
    Ok(())
}

/// The process that [`cold`] starts.
fn once(arguments: &[String]) -> Outcome<()> {
    let [who, url, bucket, access_key, secret_key, ..] = arguments else {
        return Err("too few arguments".into());
    };
    let server = Server {
        child: None,
        url: url.clone(),
        bucket: bucket.clone(),
        access_key: access_key.clone(),
        secret_key: secret_key.clone(),
    };
    match who.as_str() {
        "floor" => Floor::new(&server).invoke(),
        _ => Ours::new(&server)?.invoke(),
    }
}

fn profile(floor: &Floor, ours: &Ours, of: &[String]) -> Outcome<()> {
    let of: Vec<&str> = of.iter().map(String::as_str).collect();
    for _ in 0..REQUESTS {
        match of[..] {
            ["floor", "poll", ..] => floor.poll()?,
            ["floor", "invoke", ..] => floor.invoke()?,
            ["ours", "poll", ..] => ours.poll()?,
            ["ours", "invoke", ..] => ours.invoke()?,
            _ => return Err("profile what: floor or ours, poll or invoke?".into()),
        }
    }
    Ok(())
}

/// In turns, so that whatever else the machine does falls on both.
fn compare(
    name: &str,
    mut floor: impl FnMut() -> Outcome<()>,
    mut ours: impl FnMut() -> Outcome<()>,
) -> Outcome<()> {
    let (mut floors, mut oursies) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floors.push(cost(&mut floor)?);
        oursies.push(cost(&mut ours)?);
    }
    let (floor, ours) = (median(floors), median(oursies));
    report(name, floor, ours);
    Ok(())
}

fn report(name: &str, floor: Duration, ours: Duration) {
    println!(
        "{name:<34} {:>9.1} us {:>9.1} us {:>7.2}",
        micros(floor),
        micros(ours),
        ours.as_secs_f64() / floor.as_secs_f64()
    );
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values[values.len() / 2]
}

/// CPU time of this process for one request, on average; wall time where the system tells no other.
fn cost(request: &mut impl FnMut() -> Outcome<()>) -> Outcome<Duration> {
    let started = (cpu_time(), Instant::now());
    for _ in 0..REQUESTS {
        request()?;
    }
    let spent = match (started.0, cpu_time()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => started.1.elapsed(),
    };
    Ok(spent / REQUESTS)
}

/// Time on a CPU, of this thread, which does all the work.
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace()
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

/// The local endpoint in a process of its own, so that its work is not counted.
struct Server {
    /// The process, of whom started it.
    child: Option<Child>,
    url: String,
    bucket: String,
    access_key: String,
    secret_key: String,
}

fn serve() -> Outcome<()> {
    let endpoint = LocalEndpoint::builder()
        .endpoint_name("bench")
        .instances(0)
        .start()?;
    println!(
        "{}\n{}\n{}\n{}",
        endpoint.url(),
        endpoint.bucket(),
        endpoint.access_key(),
        endpoint.secret_key()
    );
    // Until whoever started us closes our input.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

impl Server {
    fn start() -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut line = || -> Outcome<String> { Ok(lines.next().ok_or("the server ended")??) };
        Ok(Self {
            url: line()?,
            bucket: line()?,
            access_key: line()?,
            secret_key: line()?,
            child: Some(child),
        })
    }

    /// The same one, under a name instead of its address.
    fn by_name(mut self) -> Self {
        self.url = self.url.replace("127.0.0.1", "localhost");
        self
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(&self.access_key, &self.secret_key, None, None, "bench")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

struct Ours {
    predictor: AsyncPredictor<Bytes>,
    response: AsyncInferenceResponse<sagemaker_async_inference::Json>,
}

impl Ours {
    fn new(server: &Server) -> Outcome<Self> {
        let session = Session::builder()
            .region("us-east-1")
            .endpoint_url(&server.url)
            .credentials(server.credentials())
            .build()?;
        let predictor = AsyncPredictor::new("bench", &session).with_serializer(Bytes::default());
        let missing = format!("s3://{}/missing.out", server.bucket).parse()?;
        let response = predictor.response(missing, None);
        Ok(Self {
            predictor,
            response,
        })
    }

    fn poll(&self) -> Outcome<()> {
        match self.response.try_get_result::<serde_json::Value>()? {
            None => Ok(()),
            Some(_) => Err("the key is there".into()),
        }
    }

    fn invoke(&self) -> Outcome<()> {
        self.predictor.predict_async(BODY)?;
        Ok(())
    }
}

struct Floor {
    agent: ureq::Agent,
    poll: http::Uri,
    invoke: http::Uri,
    credentials: Credentials,
}

impl Floor {
    fn new(server: &Server) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build();
        let uri = |path: String| path.parse().expect("a URI");
        Self {
            agent: config.new_agent(),
            poll: uri(format!("{}/{}/missing.out", server.url, server.bucket)),
            invoke: uri(format!("{}/endpoints/bench/async-invocations", server.url)),
            credentials: server.credentials(),
        }
    }

    fn poll(&self) -> Outcome<()> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let request = http::Request::get(&self.poll).body(())?;
        let request = self.sign(request, "s3", &[], settings)?;
        Self::finish(self.agent.run(request)?, 404)
    }

    fn invoke(&self) -> Outcome<()> {
        let request = http::Request::post(&self.invoke)
            .header("x-amzn-sagemaker-content-type", "application/octet-stream")
            .header("x-amzn-sagemaker-accept", "application/json")
            .header(
                "x-amzn-sagemaker-inference-id",
                "00000000-0000-4000-8000-000000000000",
            )
            .body(BODY)?;
        let request = self.sign(request, "sagemaker", BODY, SigningSettings::default())?;
        Self::finish(self.agent.run(request)?, 202)
    }

    fn sign<B>(
        &self,
        mut request: http::Request<B>,
        service: &str,
        body: &[u8],
        mut settings: SigningSettings,
    ) -> Outcome<http::Request<B>> {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        let headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())))
            .collect::<Outcome<_>>()?;
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(body),
        )?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    fn finish(mut response: http::Response<ureq::Body>, status: u16) -> Outcome<()> {
        response.body_mut().read_to_vec()?;
        if response.status() == status {
            Ok(())
        } else {
            Err(format!("HTTP {}", response.status()).into())
        }
    }
}
