//! What a session and a connection take of memory; how large a minimal program is, how many crates it has, how long it is
//! built from nothing, and what is resident of a program that polls. Beside the floor: the same with plain `ureq` and
//! `aws-sigv4`. Each program is built in a directory of its own, with the versions of this crate's lock file.
//!
//! The allocator is the system's: one that counts would write memory that is asked for as zeros.
//!
//!     cargo bench --features local --bench minimal
//!     cargo bench --features local --bench minimal -- sdk   # the official SDK's beside them; printed only

// A bench measures real time and starts processes; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub)] // each bench uses a part of it
mod support;

use std::collections::BTreeSet;
use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sagemaker_async_inference::local::LocalEndpoint;
use support::clients::client;
use support::guide::Table;
use support::{Outcome, arguments_after, median};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Of the program that polls: which pages around those that are used become resident depends on where the system puts
/// the program.
const RUNS: usize = 15;
/// Sessions of which the memory is measured.
const CLIENTS: u64 = 100;

const OURS: &str = r#"
use sagemaker_async_inference::{AsyncPredictor, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let predictor = AsyncPredictor::new("my-endpoint", &Session::from_env()?);
    let reply: String = predictor.predict("hello")?;
    println!("{reply}");
    Ok(())
}
"#;

/// Polls a key that is not there, and prints what the system says of the process.
const OURS_POLLS: &str = r#"
use sagemaker_async_inference::{AsyncInferenceResponse, AsyncPredictor, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let predictor = AsyncPredictor::new("bench", &Session::from_env()?);
    let missing = format!("s3://{}/missing.out", std::env::var("BUCKET")?);
    let response = AsyncInferenceResponse::new(&predictor, missing, None)?;
    for _ in 0..8000 {
        assert!(response.try_get_result::<String>()?.is_none());
    }
    print!("{}", std::fs::read_to_string("/proc/self/status")?);
    Ok(())
}
"#;

/// What both programs of the floor begin with.
const FLOOR_SIGNED: &str = r#"
use std::{env::var, error::Error, time::SystemTime};
use aws_credential_types::Credentials;
use aws_sigv4::{http_request::{SignableBody, SignableRequest, SigningSettings, sign}, sign::v4};
use aws_sigv4::http_request::{PayloadChecksumKind, PercentEncodingMode, UriPathNormalizationMode};

fn signed<'b>(request: http::Request<&'b [u8]>, service: &str) -> Result<http::Request<&'b [u8]>, Box<dyn Error>> {
    let identity = Credentials::new(var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?, None, None, "env").into();
    let region = var("AWS_REGION")?;
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let params = v4::SigningParams::builder().identity(&identity).region(&region).name(service)
        .time(SystemTime::now()).settings(settings).build()?.into();
    let uri = request.uri().to_string();
    let signable = SignableRequest::new(request.method().as_str(), uri, std::iter::empty(), SignableBody::Bytes(request.body()))?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut request = request;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}
"#;

const FLOOR: &str = r#"
fn main() -> Result<(), Box<dyn Error>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = var("AWS_ENDPOINT_URL")?;
    let request = http::Request::post(format!("{url}/endpoints/my-endpoint/async-invocations")).body(b"\"hello\"".as_slice())?;
    let response = agent.run(signed(request, "sagemaker")?)?;
    let location = response.headers()["x-amzn-sagemaker-outputlocation"].to_str()?.replace("s3:/", &url);
    loop {
        let request = http::Request::get(&location).body([].as_slice())?;
        let mut response = agent.run(signed(request, "s3")?.map(|_| ()))?;
        if response.status() == 200 {
            let reply: serde_json::Value = serde_json::from_reader(response.body_mut().as_reader())?;
            println!("{reply}");
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_secs(15));
    }
}
"#;

const FLOOR_POLLS: &str = r#"
fn main() -> Result<(), Box<dyn Error>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let missing = format!("{}/{}/missing.out", var("AWS_ENDPOINT_URL")?, var("BUCKET")?);
    for _ in 0..8000 {
        let request = http::Request::get(&missing).body([].as_slice())?;
        let mut response = agent.run(signed(request, "s3")?.map(|_| ()))?;
        response.body_mut().read_to_vec()?;
        assert_eq!(response.status(), 404);
    }
    print!("{}", std::fs::read_to_string("/proc/self/status")?);
    Ok(())
}
"#;

const SDK_DEPENDENCIES: &str = r#"
aws-config = { version = "1", features = ["behavior-version-latest"] }
aws-sdk-s3 = "1"
aws-sdk-sagemakerruntime = "1"
tokio = { version = "1", features = ["rt", "time"] }
serde_json = "1"
"#;

/// What both programs of the official SDK begin with.
const SDK_RUNS: &str = r"
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work())
}
";

const SDK: &str = r#"
async fn work() -> Result<(), Box<dyn Error>> {
    let config = aws_config::load_from_env().await;
    // An inline body is not in every version's model: the input is in S3.
    let runtime = aws_sdk_sagemakerruntime::Client::new(&config);
    let invoked = runtime.invoke_endpoint_async().endpoint_name("my-endpoint")
        .input_location(std::env::var("INPUT")?).send().await?;
    let location = invoked.output_location().unwrap_or_default().trim_start_matches("s3://");
    let (bucket, key) = location.split_once('/').ok_or("no location")?;
    let s3 = aws_sdk_s3::Client::new(&config);
    loop {
        match s3.get_object().bucket(bucket).key(key).send().await {
            Ok(object) => {
                let bytes = object.body.collect().await?.into_bytes();
                println!("{}", serde_json::from_slice::<serde_json::Value>(&bytes)?);
                return Ok(());
            }
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(std::time::Duration::from_secs(15)).await;
    }
}
"#;

const SDK_POLLS: &str = r#"
async fn work() -> Result<(), Box<dyn Error>> {
    let config = aws_config::load_from_env().await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let (s3, bucket) = (aws_sdk_s3::Client::from_conf(config), std::env::var("BUCKET")?);
    for _ in 0..8000 {
        let missing = s3.get_object().bucket(&bucket).key("missing.out").send().await;
        let error = missing.err().ok_or("it is there")?;
        assert!(error.as_service_error().is_some_and(|error| error.is_no_such_key()), "{error:?}");
    }
    print!("{}", std::fs::read_to_string("/proc/self/status")?);
    Ok(())
}
"#;

fn main() -> Outcome<()> {
    if let Some(of) = arguments_after("memory-of") {
        return memory_of(&of);
    }
    memory()?;
    programs()
}

fn endpoint() -> Outcome<LocalEndpoint> {
    Ok(LocalEndpoint::builder()
        .endpoint_name("bench")
        .kept_requests(0)
        .start()?)
}

/// Of sessions and connections, each measured in a process of its own.
fn memory() -> Outcome<()> {
    let server = endpoint()?;
    let mut table = Table::new(&["resident", "floor", "this crate"]);
    for (name, what) in [
        ("a session at rest", "sessions"),
        ("a connection", "connections"),
    ] {
        let resident = |who| -> Outcome<String> {
            let run = Command::new(std::env::current_exe()?)
                .args(["memory-of", who, what, server.url(), server.bucket()])
                .output()?;
            Ok(String::from_utf8(run.stdout)?.trim().to_owned())
        };
        table.row(&[name.to_owned(), resident("floor")?, resident("ours")?]);
    }
    table.publish("memory")
}

fn memory_of(arguments: &[String]) -> Outcome<()> {
    let [who, what, url, bucket, ..] = arguments else {
        return Err("too few arguments".into());
    };
    let resident = || -> Outcome<u64> {
        let status = fs::read_to_string("/proc/self/status")?;
        kibibytes(&status, "RssAnon:").ok_or_else(|| "the system does not report memory".into())
    };
    // What the first one makes for all.
    client(who, url, bucket)?.poll()?;
    let before = resident()?;
    let clients = (0..CLIENTS)
        .map(|_| client(who, url, bucket))
        .collect::<Outcome<Vec<_>>>()?;
    let made = resident()?;
    clients.iter().try_for_each(|client| client.poll())?;
    let connected = resident()?;
    let one = if what == "sessions" {
        made - before
    } else {
        connected - made
    };
    println!("{} KiB", one / CLIENTS);
    Ok(())
}

fn programs() -> Outcome<()> {
    let with_sdk = std::env::args().any(|argument| argument == "sdk");
    let ours = Program::build(
        "ours",
        &format!("sagemaker-async-inference = {{ path = {HERE:?} }}"),
        [OURS, OURS_POLLS].map(str::to_owned),
    )?;
    let floor = r#"
ureq = { version = "3.5.2", default-features = false, features = ["rustls"] }
aws-sigv4 = { version = "1.6.4", default-features = false, features = ["sign-http", "http1"] }
aws-credential-types = "1.3.1"
serde_json = "1"
http = "1"
"#;
    let sources = [FLOOR, FLOOR_POLLS].map(|main| format!("{FLOOR_SIGNED}{main}"));
    let floor = Program::build("floor", floor, sources)?;
    let mut programs = vec![("floor", floor), ("this crate", ours)];
    if with_sdk {
        let sources = [SDK, SDK_POLLS].map(|main| format!("{SDK_RUNS}{main}"));
        let sdk = Program::build("sdk", SDK_DEPENDENCIES, sources)?;
        programs.push(("aws-sdk-rust", sdk));
    }
    let header: Vec<&str> = [""]
        .into_iter()
        .chain(programs.iter().map(|(name, _)| *name))
        .collect();
    let mut table = Table::new(&header);
    for (name, of) in ROWS {
        let figures: Vec<String> = programs.iter().map(|(_, program)| of(program)).collect();
        let row: Vec<&str> = [name]
            .into_iter()
            .chain(figures.iter().map(String::as_str))
            .collect();
        table.row(&row);
    }
    table.publish("minimal")
}

/// A figure of a program.
type Figure = fn(&Program) -> String;

const ROWS: [(&str, Figure); 5] = [
    ("the program's file", |program| {
        format!("{} kB", program.bytes / 1000)
    }),
    ("crates", |program| program.crates.to_string()),
    ("built in", |program| {
        format!("{:.0} s", program.built_in.as_secs_f64())
    }),
    ("resident after 8,000 polls", |program| {
        program.resident.clone()
    }),
    ("of that, not of files", |program| program.anonymous.clone()),
];

struct Program {
    bytes: u64,
    crates: usize,
    built_in: Duration,
    resident: String,
    anonymous: String,
}

impl Program {
    /// The sources are of the minimal program and of the one that polls.
    fn build(name: &str, dependencies: &str, sources: [String; 2]) -> Outcome<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("minimal-{name}"));
        // Of an earlier run that was cut off.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("src/bin"))?;
        let manifest = format!(
            "[package]\nname = \"minimal\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\n{dependencies}\n[profile.release]\nstrip = true\n[workspace]\n"
        );
        fs::write(directory.join("Cargo.toml"), manifest)?;
        let [minimal, polls] = sources;
        fs::write(directory.join("src/main.rs"), minimal)?;
        fs::write(directory.join("src/bin/polls.rs"), polls)?;
        fs::copy(
            Path::new(HERE).join("Cargo.lock"),
            directory.join("Cargo.lock"),
        )?;
        let cargo = |arguments: &[&str]| -> Outcome<String> {
            let mut command = Command::new(env!("CARGO"));
            command.args(arguments).current_dir(&directory);
            command.env("CARGO_TARGET_DIR", directory.join("target"));
            let run = command.output()?;
            if !run.status.success() {
                return Err(String::from_utf8_lossy(&run.stderr).into());
            }
            Ok(String::from_utf8(run.stdout)?)
        };
        cargo(&["fetch"])?;
        let began = Instant::now();
        cargo(&["build", "--release", "--bin", "minimal"])?;
        let built_in = began.elapsed();
        cargo(&["build", "--release", "--bin", "polls"])?;
        let tree = cargo(&[
            "tree", "--prefix", "none", "--edges", "normal", "--format", "{p}",
        ])?;
        let crates: BTreeSet<&str> = tree
            .lines()
            .map(|line| line.trim_end_matches(" (*)"))
            .collect();
        let file = |name| directory.join(format!("target/release/{name}{EXE_SUFFIX}"));
        let statuses = (0..RUNS)
            .map(|_| status_after_polls(&file("polls"), &directory))
            .collect::<Outcome<Vec<_>>>()?;
        let resident = |field| -> Outcome<String> {
            let found = statuses.iter().map(|status| kibibytes(status, field));
            let median = median(found.collect::<Option<Vec<u64>>>().ok_or(field)?);
            #[allow(clippy::cast_precision_loss)] // far below 2^53
            let mebibytes = median as f64 / 1024.0;
            Ok(format!("{mebibytes:.1} MiB"))
        };
        let program = Self {
            bytes: fs::metadata(file("minimal"))?.len(),
            resident: resident("VmRSS:")?,
            anonymous: resident("RssAnon:")?,
            // Without the program itself.
            crates: crates.len() - 1,
            built_in,
        };
        fs::remove_dir_all(&directory)?;
        Ok(program)
    }
}

/// Runs the program that polls against the local endpoint; what it prints.
fn status_after_polls(program: &Path, home: &Path) -> Outcome<String> {
    let endpoint = endpoint()?;
    let run = Command::new(program)
        .env_clear()
        .env("HOME", home)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL", endpoint.url())
        .env("AWS_ACCESS_KEY_ID", endpoint.access_key())
        .env("AWS_SECRET_ACCESS_KEY", endpoint.secret_key())
        .env("BUCKET", endpoint.bucket())
        .output()?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into());
    }
    Ok(String::from_utf8(run.stdout)?)
}

/// A number of kB from `/proc/self/status`.
fn kibibytes(status: &str, field: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(field))?;
    rest.trim().trim_end_matches("kB").trim().parse().ok()
}
