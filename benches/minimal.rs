//! How large a minimal program is, how many crates it has, and how long it is built from nothing, beside the floor:
//! the same with plain `ureq` and `aws-sigv4`. Each is built in a directory of its own, with the versions of this
//! crate's lock file.
//!
//!     cargo bench --features local --bench minimal

// A bench measures real time and starts processes; neither is for `sys`.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unreachable_pub)] // each bench uses a part of it
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::Outcome;
use support::guide::Table;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

const OURS: &str = r#"
use sagemaker_async_inference::{AsyncPredictor, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let predictor = AsyncPredictor::new("my-endpoint", &Session::from_env()?);
    let answer: String = predictor.predict("hello")?;
    println!("{answer}");
    Ok(())
}
"#;

const FLOOR: &str = r#"
use std::{env::var, error::Error, thread::sleep, time::{Duration, SystemTime}};
use aws_credential_types::Credentials;
use aws_sigv4::{http_request::{SignableBody, SignableRequest, SigningSettings, sign}, sign::v4};

fn signed<'b>(request: http::Request<&'b [u8]>, service: &str) -> Result<http::Request<&'b [u8]>, Box<dyn Error>> {
    let identity = Credentials::new(var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?, None, None, "env").into();
    let region = var("AWS_REGION")?;
    let params = v4::SigningParams::builder().identity(&identity).region(&region).name(service)
        .time(SystemTime::now()).settings(SigningSettings::default()).build()?.into();
    let uri = request.uri().to_string();
    let signable = SignableRequest::new(request.method().as_str(), uri, std::iter::empty(), SignableBody::Bytes(request.body()))?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut request = request;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}

fn main() -> Result<(), Box<dyn Error>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = var("AWS_ENDPOINT_URL")?;
    let request = http::Request::post(format!("{url}/endpoints/my-endpoint/async-invocations")).body(b"\"hello\"".as_slice())?;
    let response = agent.run(signed(request, "sagemaker")?)?;
    let location = response.headers()["x-amzn-sagemaker-outputlocation"].to_str()?.replace("s3:/", &url);
    loop {
        let request = http::Request::get(&location).body([].as_slice())?;
        let mut response = agent.run(signed(request, "s3")?)?;
        if response.status() == 200 {
            let answer: serde_json::Value = serde_json::from_reader(response.body_mut().as_reader())?;
            println!("{answer}");
            return Ok(());
        }
        sleep(Duration::from_secs(15));
    }
}
"#;

fn main() -> Outcome<()> {
    let ours = Program::build(
        "ours",
        &format!("sagemaker-async-inference = {{ path = {HERE:?} }}"),
        OURS,
    )?;
    let floor = r#"
ureq = { version = "3.5.2", default-features = false, features = ["rustls"] }
aws-sigv4 = { version = "1.6.4", default-features = false, features = ["sign-http", "http1"] }
aws-credential-types = "1.3.1"
serde_json = "1"
http = "1"
"#;
    let floor = Program::build("floor", floor, FLOOR)?;
    let mut table = Table::new(&["", "floor", "this crate"]);
    let both = |of: fn(&Program) -> String| [of(&floor), of(&ours)];
    for (name, [floor, ours]) in [
        (
            "the program's file",
            both(|program| format!("{} kB", program.bytes / 1000)),
        ),
        ("crates", both(|program| program.crates.to_string())),
        (
            "built in",
            both(|program| format!("{:.0} s", program.built_in.as_secs_f64())),
        ),
    ] {
        table.row(&[name, &floor, &ours]);
    }
    table.publish("minimal")
}

struct Program {
    bytes: u64,
    crates: usize,
    built_in: Duration,
}

impl Program {
    fn build(name: &str, dependencies: &str, main: &str) -> Outcome<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("minimal-{name}"));
        // Of an earlier run that was cut off.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"minimal\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\n{dependencies}\n[profile.release]\nstrip = true\n[workspace]\n"
        );
        fs::write(directory.join("Cargo.toml"), manifest)?;
        fs::write(directory.join("src/main.rs"), main)?;
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
        cargo(&["build", "--release"])?;
        let built_in = began.elapsed();
        let tree = cargo(&[
            "tree", "--prefix", "none", "--edges", "normal", "--format", "{p}",
        ])?;
        let crates: BTreeSet<&str> = tree
            .lines()
            .map(|line| line.trim_end_matches(" (*)"))
            .collect();
        let file = format!("target/release/minimal{}", std::env::consts::EXE_SUFFIX);
        let program = Self {
            bytes: fs::metadata(directory.join(file))?.len(),
            // Without the program itself.
            crates: crates.len() - 1,
            built_in,
        };
        fs::remove_dir_all(&directory)?;
        Ok(program)
    }
}
