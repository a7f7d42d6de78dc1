//! boto3, the AWS CLI and the SageMaker Python SDK, unchanged, against `sagemaker-async local`; and the command
//! against the SQS, SNS and S3 of moto.
//!
//! Each test makes a virtual environment below the target directory and keeps it there for the next run.
//! Where there is no Python, or nothing can be installed, it says so on standard error and tests nothing;
//! with `CI` set that is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::skipped;

/// The pinned versions of the clients, so that a new one does not break old commits.
const CLIENTS: [&str; 3] = ["boto3>=1.40,<2", "awscli>=1.42,<2", "sagemaker>=2.240,<3"];
/// Without `moto[server]`, which brings 100 MB for services that the script does not use.
const MOTO: [&str; 6] = [
    "boto3>=1.40,<2",
    "moto>=5.1,<6",
    "flask",
    "flask-cors",
    "PyYAML",
    "py-partiql-parser",
];

fn python(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = environment.join("bin/python");
    let complete = environment.join("complete");
    if std::fs::read_to_string(&complete).is_ok_and(|found| found == packages.join(" ")) {
        return Ok(python);
    }
    let run = |command: &mut Command, what: &str| {
        let ran = command.stdin(Stdio::null()).output();
        let output = ran.map_err(|error| format!("{what}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = text.lines().last().unwrap_or_default().to_owned();
        Err(format!("{what}: {last}"))
    };
    run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
        "no Python",
    )?;
    // Python compiles what is loaded, which is a small part of what is installed.
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--disable-pip-version-check",
    ];
    run(
        Command::new(&python).args(install).args(packages),
        "nothing can be installed",
    )?;
    std::fs::write(&complete, packages.join(" ")).map_err(|error| error.to_string())?;
    Ok(python)
}

/// Runs a script of this directory with the binary as its argument.
fn run(python: &Path, script: &str) {
    let script = format!("{}/tests/it/cli/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .args([&script, env!("CARGO_BIN_EXE_sagemaker-async")])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .output()
        .expect("Python runs");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.ends_with("all of it works\n"), "{stdout}\n{stderr}");
}

#[test]
fn boto3_the_aws_cli_and_the_sagemaker_sdk() {
    match python("python-clients", &CLIENTS) {
        Ok(python) => run(&python, "clients.py"),
        Err(reason) => skipped("boto3, the AWS CLI and the SageMaker SDK", &reason),
    }
}

#[test]
fn queues_topics_and_events_of_moto() {
    match python("python-moto", &MOTO) {
        Ok(python) => run(&python, "queue_by_moto.py"),
        Err(reason) => skipped("the queues of moto", &reason),
    }
}
