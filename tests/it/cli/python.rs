//! boto3, the AWS CLI and the SageMaker Python SDK, unchanged, against `sagemaker-async local`.
//!
//! The test makes a virtual environment below the target directory and keeps it there for the next run.
//! Where there is no Python, or nothing can be installed, it says so on standard error and tests nothing;
//! with `CI` set that is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::skipped;

/// What the clients' versions are held to, so that a new one does not break old commits.
const PACKAGES: [&str; 3] = ["boto3>=1.40,<2", "awscli>=1.42,<2", "sagemaker>=2.240,<3"];

fn python() -> Result<PathBuf, String> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-clients");
    let python = environment.join("bin/python");
    let complete = environment.join("complete");
    if std::fs::read_to_string(&complete).is_ok_and(|found| found == PACKAGES.join(" ")) {
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
        Command::new(&python).args(install).args(PACKAGES),
        "nothing can be installed",
    )?;
    std::fs::write(&complete, PACKAGES.join(" ")).map_err(|error| error.to_string())?;
    Ok(python)
}

#[test]
fn boto3_the_aws_cli_and_the_sagemaker_sdk() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return skipped("boto3, the AWS CLI and the SageMaker SDK", &reason),
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/clients.py");
    let output = Command::new(python)
        .args([script, env!("CARGO_BIN_EXE_sagemaker-async")])
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
