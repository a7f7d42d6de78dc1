//! What a request costs in CPU time, beside the floor: plain `ureq` and `aws-sigv4` with a kept
//! connection, written out below. Both speak to the same local endpoint in another process, in turns,
//! in one run; printed are medians and their ratio.
//!
//!     cargo bench --features local --bench requests
//!
//! `taskset -c 1` before it has both processes on one core, so that no time goes into waking the other.
//!
//! With `profile floor poll` (or `ours`, or `invoke`) it makes 1000 requests of that kind and prints nothing,
//! for a profiler: `valgrind --tool=callgrind` counts instructions, which a busy machine does not change.

// A bench measures real time and starts a server process; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub)] // each bench uses a part of it
mod support;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sigv4::http_request::SignableBody;
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::{Environment, Sys};
use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Bytes, Session};
use support::{Outcome, Served, arguments_after, credentials, signed};

const ROUNDS: usize = 7;
const REQUESTS: u32 = 1000;
const COLD_STARTS: usize = 31;
const BODY: &[u8] = b"{\"inputs\": \"hello\"}";

fn main() -> Outcome<()> {
    if arguments_after("serve").is_some() {
        return serve();
    }
    if let Some(rest) = arguments_after("once") {
        return once(&rest);
    }
    let server = Served::start(&["serve"])?;
    let floor = Floor::new(&server.url, &server.bucket);
    let ours = Ours::new(&server.url, &server.bucket)?;
    if let Some(rest) = arguments_after("profile") {
        return profile(&floor, &ours, &rest);
    }
    println!(
        "{:<34} {:>12} {:>12} {:>7}",
        "CPU time a request", "floor", "this crate", "ratio"
    );
    compare("poll of a missing key", || floor.poll(), || ours.poll())?;
    compare("InvokeEndpointAsync", || floor.invoke(), || ours.invoke())?;
    // The name that every machine knows; Amazon's have to be asked for as this one has.
    let by_name = server.url.replace("127.0.0.1", "localhost");
    let floor = Floor::new(&by_name, &server.bucket);
    let ours = Ours::new(&by_name, &server.bucket)?;
    compare("poll, by a host name", || floor.poll(), || ours.poll())?;
    compare(
        "InvokeEndpointAsync, by a host name",
        || floor.invoke(),
        || ours.invoke(),
    )?;
    cold(&by_name, &server.bucket)
}

/// A process that asks once: from its start to its end, by the clock.
fn cold(url: &str, bucket: &str) -> Outcome<()> {
    let started_by = |who: &str| -> Outcome<Duration> {
        let started = Instant::now();
        let status = Command::new(std::env::current_exe()?)
            .args(["once", who, url, bucket])
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
    let [who, url, bucket, ..] = arguments else {
        return Err("too few arguments".into());
    };
    match who.as_str() {
        "floor" => Floor::new(url, bucket).invoke(),
        _ => Ours::new(url, bucket)?.invoke(),
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

fn serve() -> Outcome<()> {
    let endpoint = LocalEndpoint::builder()
        .endpoint_name("bench")
        .instances(0)
        .start()?;
    support::serve(&endpoint)
}

struct Ours {
    predictor: AsyncPredictor<Bytes>,
    response: AsyncInferenceResponse<sagemaker_async_inference::Json>,
}

impl Ours {
    fn new(url: &str, bucket: &str) -> Outcome<Self> {
        let session = Session::builder()
            .region("us-east-1")
            .endpoint_url(url)
            .credentials(credentials())
            // A CA bundle that the machine's environment names would be read at each start.
            .sys(Sys::real().with_environment(Environment::empty()))
            .build()?;
        let predictor = AsyncPredictor::new("bench", &session).with_serializer(Bytes::default());
        let missing = format!("s3://{bucket}/missing.out");
        let response =
            AsyncInferenceResponse::new(&predictor, missing, None).expect("valid locations");
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
}

impl Floor {
    fn new(url: &str, bucket: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build();
        let uri = |path: String| path.parse().expect("a URI");
        Self {
            agent: config.new_agent(),
            poll: uri(format!("{url}/{bucket}/missing.out")),
            invoke: uri(format!("{url}/endpoints/bench/async-invocations")),
        }
    }

    fn poll(&self) -> Outcome<()> {
        let request = http::Request::get(&self.poll).body(())?;
        let request = signed(request, "s3", SignableBody::Bytes(&[]))?;
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
        let request = signed(request, "sagemaker", SignableBody::Bytes(BODY))?;
        Self::finish(self.agent.run(request)?, 202)
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
