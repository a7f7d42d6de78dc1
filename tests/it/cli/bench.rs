//! The binary and the endpoint that it uses.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use sagemaker_async_inference::local::{
    LocalEndpoint, LocalEndpointBuilder, ModelRequest, ModelResponse,
};
use sagemaker_async_inference::sys::{Clock, SystemClock};

pub(crate) struct Bench {
    pub(crate) endpoint: LocalEndpoint,
    directory: tempfile::TempDir,
}

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_sagemaker-async");

/// Waits for nothing that is not there.
pub(crate) const QUICK: [&str; 4] = ["--delay", "20ms", "--timeout", "20s"];

pub(crate) fn bench() -> Bench {
    with_model(|request| match request.body.as_slice() {
        b"fail" => ModelResponse::failure(400, "ValueError: \x1b[31mred"),
        b"slow" => {
            SystemClock.sleep(Duration::from_mins(1));
            ModelResponse::ok("late")
        }
        body => ModelResponse::ok([b"<", body, b">"].concat()),
    })
}

pub(crate) fn with_model(
    model: impl Fn(&ModelRequest) -> ModelResponse + Send + Sync + 'static,
) -> Bench {
    Bench::of(LocalEndpoint::builder().bucket("bucket").model(model))
}

impl Bench {
    pub(crate) fn of(endpoint: LocalEndpointBuilder) -> Self {
        Self {
            endpoint: endpoint.start().expect("start"),
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The binary, in the endpoint's environment and no other.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command
            .envs(self.endpoint.environment())
            .env("HOME", self.directory.path())
            .current_dir(self.directory.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().expect("the binary runs"))
    }

    /// With quick polls.
    pub(crate) fn quick(&self, arguments: &[&str]) -> Ran {
        self.run(&[arguments, &QUICK].concat())
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        Ran::with_input(&mut self.command(arguments), input)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, content).expect("write");
        path.to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn name(&self) -> &str {
        self.endpoint.name()
    }

    /// Every file below the directory.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(self.directory.path(), self.directory.path(), &mut names);
        names.sort();
        names
    }
}

fn collect(root: &Path, directory: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, names);
        } else {
            let name = path.strip_prefix(root).expect("below");
            names.push(name.display().to_string());
        }
    }
}

pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = if ignores_signals() {
        // A child would inherit that.
        let mut command = Command::new("/usr/bin/env");
        command.args(["--default-signal=HUP,INT,QUIT", BINARY]);
        command
    } else {
        Command::new(BINARY)
    };
    command.args(arguments).env_clear();
    command
}

/// The command by way of a shell, whose script runs it by `exec "$0" "$@"`.
pub(crate) fn by_shell(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    shell
}

/// The first line of standard error; then it is ended by SIGTERM, and its other lines are returned too.
pub(crate) fn first_error(command: &mut Command) -> (String, Vec<String>) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("a text");
    signal(&child, "TERM");
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert!(child.wait().is_ok(), "{rest:?}");
    (first, rest)
}

/// Whether this process ignores SIGHUP, as under `nohup`, or SIGINT and SIGQUIT, as in the background of a script. Known
/// on Linux alone.
fn ignores_signals() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 0b111 != 0)
}

/// A signal, as a shell sends it.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("kill -{name} {}", child.id()))
        .status();
    assert!(sent.expect("a shell").success());
}

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn with_input(command: &mut Command, input: &[u8]) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input).expect("write");
        drop(stdin);
        Self::of(child.wait_with_output().expect("the binary ends"))
    }

    pub(crate) fn of(output: impl Into<Output>) -> Self {
        let output = output.into();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        let Self { stdout, stderr, .. } = self;
        assert_eq!(self.code, Some(code), "out: {stdout}\nerr: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        // Terms of the library and its HTTP client mean nothing to a user of the command.
        for inner in [
            "Session::",
            "Config::",
            "Builder::",
            "Error::",
            "builder()",
            "(..)",
            "cancel token",
            "callback",
            ": other: ",
            ": io: ",
            "timeout: per",
            "Some(",
            "Err(",
        ] {
            assert!(!stderr.contains(inner), "{inner:?} in {stderr}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, part: &str) -> &Self {
        assert!(self.stderr.contains(part), "no {part:?} in {}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn printed(&self, text: &str) -> &Self {
        assert_eq!(self.stdout, text, "err: {}", self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }
}

/// The files in a directory whose names begin so.
pub(crate) fn named(directory: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> = paths
        .filter(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(beginning)
        })
        .collect();
    found.sort();
    found
}

/// The one result of this input.
#[track_caller]
pub(crate) fn result_of(directory: &Path, input: &str) -> String {
    let found = named(directory, &format!("{input}."));
    let [one] = found.as_slice() else {
        panic!("of {input}: {found:?}");
    };
    std::fs::read_to_string(one).expect("a result")
}
