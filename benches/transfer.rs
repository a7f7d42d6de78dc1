//! One gigabyte up from a file and down to a file, beside the floor: plain `ureq` and `aws-sigv4` over one
//! kept connection, written out below, with the same integrity guarantee (the payload's SHA-256 in the
//! signature, since this is plain HTTP). Both speak to the same local endpoint in another process, in turns;
//! each transfer is a process of its own, whose peak of resident memory is taken. Printed are medians and
//! their ratio.
//!
//!     cargo bench --features local --bench transfer [MiB]
//!
//! Files lie in `/dev/shm` where there is one, so that no disk is measured.

// A bench measures real time and starts processes; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub)] // each bench uses a part of it
mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sigv4::http_request::SignableBody;
use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::{AsyncPredictor, Session, WaiterConfig};
use sha2::{Digest, Sha256};
use support::{Outcome, Served, arguments_after, credentials, signed};

const ROUNDS: usize = 7;
const DEFAULT_MIB: usize = 1024;
const BUFFER: usize = 128 << 10;

fn main() -> Outcome<()> {
    if let Some(rest) = arguments_after("serve") {
        return serve(&rest);
    }
    if let Some(rest) = arguments_after("transfer") {
        return transfer(&rest);
    }
    let mib = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(DEFAULT_MIB);
    measure(mib)
}

/// Runs all of it and prints the table.
fn measure(mib: usize) -> Outcome<()> {
    let scratch = Scratch::new()?;
    write_input(&scratch.input(), mib)?;
    let server = Served::start(&["serve", &scratch.0.to_string_lossy()])?;
    println!(
        "{:<22} {:>13} {:>13} {:>7} {:>12} {:>12}",
        format!("{mib} MiB, in MB/s"),
        "floor",
        "this crate",
        "ratio",
        "floor's peak",
        "peak memory"
    );
    for direction in ["up", "down"] {
        let (mut floors, mut oursies) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floors.push(run(&server, "floor", direction, &scratch)?);
            oursies.push(run(&server, "ours", direction, &scratch)?);
        }
        let (floor, ours) = (Median::of(floors), Median::of(oursies));
        println!(
            "{:<22} {:>13.0} {:>13.0} {:>7.2} {:>8.1} MiB {:>8.1} MiB",
            format!("{direction}, a file"),
            floor.rate(mib),
            ours.rate(mib),
            floor.seconds / ours.seconds,
            floor.peak,
            ours.peak
        );
    }
    Ok(())
}

/// What one transfer took.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    peak: f64,
}

/// The median of the times, and the highest peak.
struct Median {
    seconds: f64,
    peak: f64,
}

impl Median {
    fn of(mut costs: Vec<Cost>) -> Self {
        costs.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        Self {
            seconds: costs[costs.len() / 2].seconds,
            peak: costs.iter().map(|cost| cost.peak).fold(0.0, f64::max),
        }
    }

    fn rate(&self, mib: usize) -> f64 {
        #[allow(clippy::cast_precision_loss)] // below 2^53
        let bytes = (mib << 20) as f64;
        bytes / 1e6 / self.seconds
    }
}

/// A directory for the files, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Outcome<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let directory = parent.join(format!("bench-transfer-{}", std::process::id()));
        fs::create_dir(&directory)?;
        Ok(Self(directory))
    }

    fn input(&self) -> PathBuf {
        self.0.join("input")
    }

    fn output(&self) -> PathBuf {
        self.0.join("output")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_input(path: &Path, mib: usize) -> Outcome<()> {
    let mut file = File::create(path)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..mib {
        let mut block = Vec::with_capacity(1 << 20);
        while block.len() < 1 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    Ok(())
}

fn serve(arguments: &[String]) -> Outcome<()> {
    let endpoint = LocalEndpoint::builder()
        .endpoint_name("bench")
        .instances(0)
        .storage_directory(arguments.first().ok_or("no directory")?)
        .start()?;
    support::serve(&endpoint)
}

/// One transfer in a process of its own.
fn run(server: &Served, who: &str, direction: &str, scratch: &Scratch) -> Outcome<Cost> {
    let output = Command::new(std::env::current_exe()?)
        .args(["transfer", who, direction, &server.url, &server.bucket])
        .args([scratch.input(), scratch.output()])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut number = || numbers.next().ok_or("the client failed");
    let cost = Cost {
        seconds: number()??,
        peak: number()?? / 1024.0,
    };
    if direction == "down"
        && fs::metadata(scratch.output())?.len() != fs::metadata(scratch.input())?.len()
    {
        return Err("another length came back".into());
    }
    let _ = fs::remove_file(scratch.output());
    Ok(cost)
}

const KEY: &str = "bench/object";

/// The child: one transfer, its time and its peak of memory.
fn transfer(arguments: &[String]) -> Outcome<()> {
    let [who, direction, url, bucket, input, output, ..] = arguments else {
        return Err("too few arguments".into());
    };
    let (input, output) = (Path::new(input), Path::new(output));
    let started = Instant::now();
    match (who.as_str(), direction.as_str()) {
        ("ours", "up") => ours_up(url, bucket, input)?,
        ("ours", _) => ours_down(url, bucket, output)?,
        (_, "up") => floor_up(url, bucket, input)?,
        (_, _) => floor_down(url, bucket, output)?,
    }
    println!("{} {}", started.elapsed().as_secs_f64(), peak_kib()?);
    Ok(())
}

/// `VmHWM`: the most of this process that was in memory at a time.
fn peak_kib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

fn session(url: &str) -> Outcome<Session> {
    Ok(Session::builder()
        .region("us-east-1")
        .endpoint_url(url)
        .credentials(credentials())
        .build()?)
}

fn ours_up(url: &str, bucket: &str, input: &Path) -> Outcome<()> {
    let session = session(url)?;
    AsyncPredictor::new("bench", &session)
        .request_file(input)?
        .upload_to(format!("s3://{bucket}/{KEY}"))
        .submit()?;
    Ok(())
}

fn ours_down(url: &str, bucket: &str, output: &Path) -> Outcome<()> {
    let session = session(url)?;
    let uri = format!("s3://{bucket}/{KEY}");
    AsyncInferenceResponse::new(&AsyncPredictor::new("bench", &session), uri, None)
        .expect("valid locations")
        .download(output, &WaiterConfig::new(1, Duration::from_secs(1))?)?;
    Ok(())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent()
}

fn floor_up(url: &str, bucket: &str, input: &Path) -> Outcome<()> {
    let mut file = File::open(input)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => sha256.update(&buffer[..read]),
        }
    }
    let mut hex = String::new();
    for byte in sha256.finalize() {
        write!(hex, "{byte:02x}")?;
    }
    let file = File::open(input)?;
    let request = http::Request::put(format!("{url}/{bucket}/{KEY}")).body(&file)?;
    let request = signed(request, "s3", SignableBody::Precomputed(hex))?;
    let mut response = agent().run(request)?;
    response.body_mut().read_to_vec()?;
    status_is_200(response.status())
}

fn floor_down(url: &str, bucket: &str, output: &Path) -> Outcome<()> {
    let request = http::Request::get(format!("{url}/{bucket}/{KEY}")).body(())?;
    let response = agent().run(signed(request, "s3", SignableBody::Bytes(&[]))?)?;
    status_is_200(response.status())?;
    let mut reader = response
        .into_body()
        .into_with_config()
        .limit(u64::MAX)
        .reader();
    let mut file = File::create(output)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => file.write_all(&buffer[..read])?,
        }
    }
    file.sync_all()?;
    Ok(())
}

fn status_is_200(status: http::StatusCode) -> Outcome<()> {
    if status == 200 {
        Ok(())
    } else {
        Err(format!("HTTP {status}").into())
    }
}
