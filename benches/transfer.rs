//! One gigabyte up from a file and down to a file, beside the floor: plain `ureq` and `aws-sigv4` over one
//! kept connection, written out below. Both speak to the same local endpoint in another process, in turns; each
//! transfer is a process of its own, whose peak of resident memory is taken. Printed are the shortest times and
//! their ratio: a gigabyte that is new to a virtual machine can take twice as long, whichever client writes it, and so
//! can a disk that others use. `cargo bench` puts them into the guide.
//!
//!     cargo bench --features local --bench transfer [MiB]
//!
//! Since this is plain HTTP, this crate signs what it sends (the SHA-256 of each part); the floor does so once, and
//! once not at all. Files are in `/dev/shm` where there is one, so that no disk is measured, and once more on the
//! disk, where the time until the last byte is written and the time until the disk has it are two.

// A bench measures real time and starts processes; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub)] // each bench uses a part of it
mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sigv4::http_request::SignableBody;
use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::{AsyncPredictor, Session, TransferConfig, WaiterConfig};
use sha2::{Digest, Sha256};
use support::guide::Table;
use support::{Outcome, Served, arguments_after, credentials, signed};

const ROUNDS: usize = 5;
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
#[allow(clippy::too_many_lines)] // a row after another
fn measure(mib: usize) -> Outcome<()> {
    let columns = [
        "1 GiB",
        "floor",
        "this crate",
        "ratio of times",
        "peak memory, floor",
        "this crate",
    ];
    let mut table = Table::new(&columns);
    let memory = Scratch::new(Path::new("/dev/shm"))?;
    let disk = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    write_input(&memory.input(), mib)?;
    let server = Served::start(&["serve", &memory.0.to_string_lossy()])?;
    for (name, floor, direction, scratch, what) in [
        ("up, both signed", "floor", "up", &memory, Time::Durable),
        (
            "up, the floor unsigned",
            "unsigned",
            "up",
            &memory,
            Time::Durable,
        ),
        ("down", "floor", "down", &memory, Time::Durable),
        (
            "down to a disk, until the last byte is written",
            "floor",
            "down",
            &disk,
            Time::Written,
        ),
        (
            "down to a disk, until the disk has it",
            "floor",
            "down",
            &disk,
            Time::Durable,
        ),
    ] {
        let (mut floors, mut oursies) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floors.push(run(&server, floor, direction, &memory, scratch)?);
            oursies.push(run(&server, "ours", direction, &memory, scratch)?);
        }
        let (floor, ours) = (Best::of(&floors, what), Best::of(&oursies, what));
        table.row(&[
            name.to_owned(),
            format!("{:.0} MB/s", floor.rate(mib)),
            format!("{:.0} MB/s", ours.rate(mib)),
            format!("{:.2}", ours.seconds / floor.seconds),
            format!("{:.1} MiB", floor.peak),
            format!("{:.1} MiB", ours.peak),
        ]);
    }
    let local = (0..ROUNDS).map(|_| local_write(&memory.input(), &disk.output()));
    let local = Best::of(&local.collect::<Outcome<Vec<_>>>()?, Time::Durable);
    let rate = format!("{:.0} MB/s", local.rate(mib));
    table.row(&[
        "a local copy to that disk, with fsync",
        &rate,
        "",
        "",
        "",
        "",
    ]);
    table.publish("transfer")
}

/// What any program takes for the disk alone.
fn local_write(from: &Path, to: &Path) -> Outcome<Cost> {
    let started = Instant::now();
    let mut file = File::create(to)?;
    std::io::copy(&mut File::open(from)?, &mut file)?;
    let written = started.elapsed().as_secs_f64();
    file.sync_all()?;
    let seconds = started.elapsed().as_secs_f64();
    fs::remove_file(to)?;
    Ok(Cost {
        seconds,
        written,
        peak: 0.0,
    })
}

/// What one transfer took.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    /// Until the last byte was written, before it was flushed.
    written: f64,
    peak: f64,
}

#[derive(Clone, Copy)]
enum Time {
    Written,
    Durable,
}

/// The shortest of the times, and the highest peak.
struct Best {
    seconds: f64,
    peak: f64,
}

impl Best {
    fn of(costs: &[Cost], what: Time) -> Self {
        let times = costs.iter().map(|cost| match what {
            Time::Written => cost.written,
            Time::Durable => cost.seconds,
        });
        Self {
            seconds: times.fold(f64::INFINITY, f64::min),
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
    fn new(parent: &Path) -> Outcome<Self> {
        let parent = if parent.is_dir() {
            parent.to_owned()
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
    support::serve(&endpoint);
    Ok(())
}

/// One transfer in a process of its own.
fn run(server: &Served, who: &str, direction: &str, from: &Scratch, to: &Scratch) -> Outcome<Cost> {
    let output = Command::new(std::env::current_exe()?)
        .args(["transfer", who, direction, &server.url, &server.bucket])
        .args([from.input(), to.output()])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut number = || numbers.next().ok_or("the client failed");
    let cost = Cost {
        seconds: number()??,
        written: number()??,
        peak: number()?? / 1024.0,
    };
    if direction == "down" && fs::metadata(to.output())?.len() != fs::metadata(from.input())?.len()
    {
        return Err("another length came back".into());
    }
    let _ = fs::remove_file(to.output());
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
    let written = match (who.as_str(), direction.as_str()) {
        ("ours", "up") => ours_up(url, bucket, input)?,
        ("ours", _) => ours_down(url, bucket, output)?,
        (_, "up") => floor_up(url, bucket, input, who == "floor")?,
        (_, _) => floor_down(url, bucket, output)?,
    };
    let (seconds, written) = (started.elapsed(), written - started);
    println!(
        "{} {} {}",
        seconds.as_secs_f64(),
        written.as_secs_f64(),
        peak_kib()?
    );
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

fn session(url: &str, transfer: TransferConfig) -> Outcome<Session> {
    Ok(Session::builder()
        .region("us-east-1")
        .endpoint_url(url)
        .credentials(credentials())
        .transfer(transfer)
        .build()?)
}

fn ours_up(url: &str, bucket: &str, input: &Path) -> Outcome<Instant> {
    let session = session(url, TransferConfig::default())?;
    let _ = AsyncPredictor::new("bench", &session)
        .request_file(input)?
        .upload_to(format!("s3://{bucket}/{KEY}"))
        .submit()?;
    Ok(Instant::now())
}

fn ours_down(url: &str, bucket: &str, output: &Path) -> Outcome<Instant> {
    let written = Arc::new(Mutex::new(Instant::now()));
    let last = written.clone();
    let watched = TransferConfig::builder().progress(move |_| {
        *last.lock().expect("no panic") = Instant::now();
        ControlFlow::Continue(())
    });
    let session = session(url, watched.build()?)?;
    let uri = format!("s3://{bucket}/{KEY}");
    AsyncInferenceResponse::new(&AsyncPredictor::new("bench", &session), uri, None)?
        .download(output, &WaiterConfig::new(1, Duration::from_secs(1))?)?;
    let written = *written.lock().expect("no panic");
    Ok(written)
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent()
}

fn floor_up(url: &str, bucket: &str, input: &Path, is_signed: bool) -> Outcome<Instant> {
    let body = if is_signed {
        SignableBody::Precomputed(sha256_of(input)?)
    } else {
        SignableBody::UnsignedPayload
    };
    let file = File::open(input)?;
    let request = http::Request::put(format!("{url}/{bucket}/{KEY}")).body(&file)?;
    let mut response = agent().run(signed(request, "s3", body)?)?;
    response.body_mut().read_to_vec()?;
    status_is_200(response.status())?;
    Ok(Instant::now())
}

fn sha256_of(input: &Path) -> Outcome<String> {
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
    Ok(hex)
}

fn floor_down(url: &str, bucket: &str, output: &Path) -> Outcome<Instant> {
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
    let written = Instant::now();
    file.sync_all()?;
    Ok(written)
}

fn status_is_200(status: http::StatusCode) -> Outcome<()> {
    if status == 200 {
        Ok(())
    } else {
        Err(format!("HTTP {status}").into())
    }
}
