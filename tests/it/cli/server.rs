//! `sagemaker-async local`, a server of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sagemaker_async_inference::sys::{Clock, Environment, Sys, SystemClock};
use sagemaker_async_inference::{AsyncPredictor, Error, Session, WaiterConfig};
use serde_json::{Value, json};

use crate::cli::bench::{Ran, bare, signal};
use crate::support::HANG;

/// A running server, killed when a test panics.
pub(crate) struct Server {
    child: Option<Child>,
    ready: Value,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(&mut bare(&[&["local"], arguments].concat()))
    }

    /// With at most this many open files.
    pub(crate) fn with_files(files: u32, arguments: &[&str]) -> Self {
        let limited = format!(r#"ulimit -n {files} && exec "$0" local "$@""#);
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &limited, env!("CARGO_BIN_EXE_sagemaker-async")])
            .args(arguments)
            .env_clear();
        Self::of(&mut command)
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .env("PATH", "/usr/bin:/bin")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        Self {
            child: Some(child),
            ready: serde_json::from_str(&line).expect("one JSON line"),
        }
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.ready[member].as_str().expect("text")
    }

    pub(crate) fn address(&self) -> &str {
        self.text("url").trim_start_matches("http://")
    }

    /// As the line says.
    pub(crate) fn predictor(&self) -> AsyncPredictor {
        let sys = Sys::real().with_environment(Environment::from_pairs(self.environment()));
        let session = Session::builder().sys(sys).build().expect("a session");
        let waiter = WaiterConfig::new(1000, Duration::from_millis(20)).expect("a waiter");
        AsyncPredictor::new(self.text("endpoint_name"), &session).with_waiter_config(waiter)
    }

    /// The environment that it prints.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.ready["environment"].as_object().expect("variables");
        variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
    }

    /// A line of `/proc/PID/status`, its number.
    pub(crate) fn status_of_process(&self, name: &str) -> u64 {
        let text = self.proc("status");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// For how long it has run on a processor, in hundredths of a second.
    pub(crate) fn processor_time(&self) -> u64 {
        let text = self.proc("stat");
        // After the name in parentheses: state, ppid, .., utime and stime as the 14th and 15th of all.
        let (_, rest) = text.rsplit_once(')').expect("a name");
        let field = |n: usize| rest.split_whitespace().nth(n - 3)?.parse::<u64>().ok();
        field(14).expect("utime") + field(15).expect("stime")
    }

    fn proc(&self, file: &str) -> String {
        let child = self.child.as_ref().expect("running");
        std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).expect("Linux")
    }

    /// Ends it without a chance to clean up.
    pub(crate) fn kill(&self) {
        signal(self.child.as_ref().expect("running"), "KILL");
    }

    pub(crate) fn stop(mut self, name: &str) -> Ran {
        let child = self.child.take().expect("running");
        signal(&child, name);
        Ran::of(child.wait_with_output().expect("it ends"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn it_says_where_it_is_logs_and_stops_cleanly() {
    for name in ["TERM", "INT"] {
        let server = Server::start(&["--endpoint", "mine", "--region", "eu-west-1"]);
        assert_eq!(server.text("endpoint_name"), "mine");
        assert_eq!(server.text("bucket"), "sagemaker-eu-west-1-123456789012");
        assert!(server.text("url").starts_with("http://127.0.0.1:"));
        let reply: Value = server
            .predictor()
            .predict(&json!({"a": 1}))
            .expect("an echo");
        assert_eq!(reply, json!({"a": 1}));
        let started = SystemClock.monotonic();
        let ran = server.stop(name);
        assert!(SystemClock.monotonic().saturating_sub(started) < HANG);
        ran.ends_with(0)
            .says("202 POST /endpoints/mine/async-invocations")
            .says("stopped");
        assert!(!ran.stderr.contains("Signature="), "{}", ran.stderr);
    }
}

/// `nohup` and shells that start it in the background rely on it.
#[test]
fn a_server_leaves_an_ignored_sigint_ignored_and_ends_by_sigterm() {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", r#"trap "" INT && exec "$0" local"#])
        .arg(env!("CARGO_BIN_EXE_sagemaker-async"))
        .env_clear();
    let server = Server::of(&mut command);
    signal(server.child.as_ref().expect("running"), "INT");
    let reply: Value = server.predictor().predict(&json!(1)).expect("an echo");
    assert_eq!(reply, json!(1));
    server.stop("TERM").ends_with(0).says("stopped");
}

#[test]
fn objects_are_there_again_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let arguments = ["--data", data.to_str().expect("UTF-8"), "--quiet"];
    let server = Server::start(&arguments);
    let response = server.predictor().predict_async("hello").expect("a submit");
    let handle = response.handle();
    let waiter = WaiterConfig::new(1000, Duration::from_millis(20)).expect("a waiter");
    assert_eq!(
        response.get_result::<String>(&waiter).expect("an echo"),
        "hello"
    );
    let second = bare(&[&["local"], &arguments[..]].concat())
        .output()
        .expect("it runs");
    Ran::of(second).ends_with(1).says("another process");
    let ran = server.stop("TERM");
    assert_eq!(ran.ends_with(0).stderr, "");

    let server = Server::start(&arguments);
    let again = server.predictor().resume(handle);
    assert_eq!(
        again.try_get_result::<String>().expect("a look"),
        Some("hello".to_owned())
    );
}

#[test]
fn failures_faults_delays_and_a_program() {
    let server = Server::start(&["--failure-rate", "100%"]);
    let failed = server
        .predictor()
        .predict::<_, Value>("x")
        .expect_err("a failure");
    let Error::Model(failure) = &failed else {
        panic!("{failed}");
    };
    assert!(failure.text().contains("injected"), "{}", failure.text());
    let server = Server::start(&["--fault", "InvokeEndpointAsync:status=400"]);
    server
        .predictor()
        .predict_async("x")
        .expect_err("a refusal");
    let server = Server::start(&["--command", "tr a-z A-Z", "--delay", "300ms"]);
    let started = SystemClock.monotonic();
    assert_eq!(
        server
            .predictor()
            .predict::<_, String>("shout")
            .expect("a result"),
        "SHOUT"
    );
    assert!(SystemClock.monotonic().saturating_sub(started) >= Duration::from_millis(300));
}

#[test]
fn an_account_and_a_bucket_of_ones_own() {
    let server = Server::start(&["--account", "210987654321", "--quiet"]);
    assert_eq!(server.text("account_id"), "210987654321");
    assert_eq!(server.text("bucket"), "sagemaker-us-east-1-210987654321");
    let server = Server::start(&["--bucket", "my-own-bucket", "--quiet"]);
    assert_eq!(server.text("bucket"), "my-own-bucket");
    let response = server.predictor().predict_async("x").expect("a submit");
    assert_eq!(response.output_path().bucket(), "my-own-bucket");
}

#[test]
fn keys_of_ones_own() {
    let server = Server::start(&["--access-key", "AKIDMINE", "--secret-key", "s"]);
    assert_eq!(server.ready["environment"]["AWS_ACCESS_KEY_ID"], "AKIDMINE");
    let _ = server
        .predictor()
        .predict_async("x")
        .expect("signed with them");
    let plain = |server: &Server| {
        let mut stream = TcpStream::connect(server.address()).expect("connect");
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("send");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a response");
        reply
    };
    assert!(plain(&server).starts_with("HTTP/1.1 403 "));
    assert!(plain(&Server::start(&["--no-verify"])).starts_with("HTTP/1.1 200 "));
}

#[test]
fn beyond_this_machine_only_with_own_keys_or_a_flag_and_then_it_says_so() {
    let everywhere = ["--listen", "0.0.0.0:0"];
    for more in [
        &[][..],
        &["--no-verify", "--access-key", "AKID", "--secret-key", "own"],
    ] {
        let arguments = [&["local"], &everywhere[..], more].concat();
        let ran = Ran::of(bare(&arguments).output().expect("it runs"));
        ran.ends_with(2).says("--allow-insecure").printed("");
    }
    // As a variable that is not set in a Compose file.
    let arguments = [&["local"], &everywhere[..], &["--access-key", "AKID"]].concat();
    let mut command = bare(&arguments);
    let command = command.env("SAGEMAKER_ASYNC_LOCAL_SECRET_KEY", "");
    let ran = Ran::of(command.output().expect("it runs"));
    ran.ends_with(2)
        .says("SAGEMAKER_ASYNC_LOCAL_SECRET_KEY")
        .printed("");
    for (more, says) in [
        (
            &["--allow-insecure", "--quiet"][..],
            "everyone who can reach this port",
        ),
        (
            &["--allow-insecure", "--no-verify"],
            "everyone who can reach this port",
        ),
        (
            &["--access-key", "AKID", "--secret-key", "own", "--quiet"],
            "and has the keys",
        ),
    ] {
        let ran = Server::start(&[&everywhere[..], more].concat()).stop("TERM");
        ran.ends_with(0)
            .says("listening beyond this machine")
            .says(says);
    }
}

#[test]
fn the_secret_key_is_not_passed_to_the_model() {
    let mut command = bare(&["local", "--command", "env", "--access-key", "AKID"]);
    let server = Server::of(
        command
            .env("SAGEMAKER_ASYNC_LOCAL_SECRET_KEY", "hush-hush")
            .env("OTHER", "kept"),
    );
    let seen: Vec<u8> = server
        .predictor()
        .with_deserializer(sagemaker_async_inference::Bytes::default())
        .predict("x")
        .expect("a result");
    let seen = String::from_utf8_lossy(&seen);
    assert!(
        seen.contains("OTHER=kept") && !seen.contains("hush-hush"),
        "{seen}"
    );
}

#[test]
fn names_of_its_own() {
    let server = Server::start(&["--no-verify", "--quiet", "--host-name", "sagemaker"]);
    let ask = |host: &str| {
        let mut stream = TcpStream::connect(server.address()).expect("connect");
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("send");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a response");
        reply
    };
    assert!(ask("sagemaker:4566").starts_with("HTTP/1.1 200 "));
    assert!(ask("elsewhere:4566").starts_with("HTTP/1.1 403 "));
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = Ran::of(
        bare(&["local", "--listen", &address])
            .output()
            .expect("it runs"),
    );
    ran.ends_with(1).says("cannot listen").printed("");
}

#[test]
fn the_address_to_listen_on_is_named_with_a_remedy_or_is_localhost() {
    for address in [
        "4566",
        ":4566",
        "127.0.0.1",
        "127.0.0.1:99999",
        "no-such-host.invalid:0",
    ] {
        let ran = Ran::of(
            bare(&["local", "--listen", address])
                .output()
                .expect("the binary runs"),
        );
        ran.ends_with(2).says(address).says("as in 127.0.0.1:4566");
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let address = format!("localhost:{port}");
    let ran = Ran::of(
        bare(&["local", "--listen", &address])
            .output()
            .expect("the binary runs"),
    );
    ran.ends_with(1).says(&format!("127.0.0.1:{port}"));
}
