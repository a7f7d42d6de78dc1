//! A handle that exists is printed, whatever happens.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use sagemaker_async_inference::InferenceHandle;
use sagemaker_async_inference::local::{Fault, Operation};

use crate::cli::bench::{BINARY, Bench, QUICK, Ran, bench, named, result_of};

fn submitted(bench: &Bench, inputs: &[&str]) -> String {
    let list: String = inputs
        .iter()
        .map(|name| bench.file(&format!("in/{name}"), name) + "\n")
        .collect();
    let arguments = ["submit", bench.name(), "--inputs-from", "-"];
    let ran = bench.run_with_input(&arguments, list.as_bytes());
    ran.ends_with(0).stdout.clone()
}

/// The handles on standard error, each with its input.
fn reported(ran: &Ran) -> Vec<String> {
    let lines = ran.stderr.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| {
            let _ = line.parse::<InferenceHandle>().expect("a handle");
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let input = value["input"].as_str().expect("an input");
            input.rsplit('/').next().expect("a name").to_owned()
        })
        .collect()
}

#[test]
fn a_wait_that_does_not_begin_prints_what_it_read() {
    let bench = bench();
    let handles = submitted(&bench, &["1", "2", "3"]);
    let file = bench.file("file", "x");
    for arguments in [
        &["wait"][..],
        &["wait", "--output-dir", &file],
        &[
            "wait",
            "--output-dir",
            "out",
            "--profile",
            "no-such-profile",
        ],
        &["status", "-"],
    ] {
        let ran = bench.run_with_input(arguments, handles.as_bytes());
        assert!(ran.code.is_some_and(|code| code > 0), "{arguments:?}");
        assert_eq!(
            reported(&ran),
            ["1", "2", "3"],
            "{arguments:?}: {}",
            ran.stderr
        );
        ran.says("sagemaker-async wait");
    }
    assert!(bench.left().contains(&"file".to_owned()));
}

#[test]
fn lines_that_are_no_handles_stop_no_others() {
    let bench = bench();
    let handles = submitted(&bench, &["1", "2", "3"]);
    let mut lines: Vec<&[u8]> = handles.lines().map(str::as_bytes).collect();
    let long = "x".repeat(200_000);
    lines.insert(1, b"WARNING: something");
    lines.insert(2, b"\xff\xfe");
    lines.insert(3, long.as_bytes());
    let text = [b"\xef\xbb\xbf", lines.join(&b"\r\n"[..]).as_slice()].concat();
    let arguments = ["wait", "--output-dir", "out"];
    let ran = bench.run_with_input(&[&arguments[..], &QUICK].concat(), &text);
    ran.ends_with(2)
        .says("line 2")
        .says("line 3")
        .says("line 4");
    assert!(ran.stderr.len() < 10_000, "{}", ran.stderr.len());
    let out = bench.path("out");
    for name in ["1", "2", "3"] {
        assert_eq!(result_of(&out, name), format!("<{name}>"));
    }
}

#[test]
fn json_in_another_layout_is_named_with_the_remedy() {
    let bench = bench();
    let handles = submitted(&bench, &["1"]);
    let value: serde_json::Value = serde_json::from_str(&handles).expect("JSON");
    let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).expect("JSON");
    let array = serde_json::json!([value]);
    for (text, remedy) in [
        (pretty(&value), "`jq -c .`"),
        (pretty(&array), "`jq -c '.[]'`"),
        (array.to_string(), "`jq -c '.[]'`"),
    ] {
        for command in ["wait", "status"] {
            let ran = bench.run_with_input(&[command, "-"], text.as_bytes());
            ran.ends_with(2).says("line 1").says(remedy);
            // They were read from a pipe, and nobody else may have them.
            assert_eq!(reported(&ran), ["1"], "{}", ran.stderr);
        }
    }
    // A handle as an argument may span lines.
    let ran = bench.run(&[&["wait", &pretty(&value)][..], &QUICK].concat());
    assert_eq!(ran.ends_with(0).stdout, "<1>");
}

#[test]
fn handles_that_cannot_be_read_are_printed_again() {
    let bench = bench();
    let handles = submitted(&bench, &["1", "2"]);
    let later = |handle: &str| handle.replace("\"version\":1", "\"version\":9");
    let (one, two) = handles.split_once('\n').expect("two lines");
    let (later_one, later_two) = (later(one), later(two.trim()));
    assert_ne!(one, later_one);
    let arguments = ["wait", "--output-dir", "out"];
    // As from a `submit` of a later version on another machine.
    for (text, good) in [
        (format!("{later_one}\n{later_two}\n"), 0),
        (format!("{one}\n{later_two}\nWARNING: {{something}}\n"), 1),
        (format!("[{later_one},{later_two}]"), 0),
    ] {
        let ran = bench.run_with_input(&[&arguments[..], &QUICK].concat(), text.as_bytes());
        ran.ends_with(2);
        let printed = ran.stderr.lines().filter(|line| line.starts_with('{'));
        let versions = printed.map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            value["version"].as_u64()
        });
        assert_eq!(versions.collect::<Vec<_>>(), vec![Some(9); 2 - good]);
    }
    // An array may be longer than any handle.
    let many = vec![one; 1000].join(",");
    let ran = bench.run_with_input(&arguments, format!("[{many}]").as_bytes());
    assert_eq!(reported(&ran).len(), 1000);
}

#[test]
fn handles_keep_their_inputs_when_a_wait_ends_early() {
    let bench = bench();
    let handles = submitted(&bench, &["slow", "1"]);
    let file = bench.file("handles", &handles);
    let limits = ["--delay", "20ms", "--timeout", "3s"];
    let arguments = ["wait", &file, "--output-dir", "out"];
    let ran = bench.run(&[&arguments[..], &limits].concat());
    ran.ends_with(4).says("wait --output-dir out");
    assert_eq!(reported(&ran), ["slow"]);
}

/// Runs the command with a reader that reads the first line and then closes the pipe.
fn with_a_reader_of_one_line(bench: &Bench, arguments: &[&str]) -> (String, Ran) {
    let mut child = bench
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut first = String::new();
    let mut stdout = BufReader::with_capacity(1, child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut first).expect("a line");
    drop(stdout);
    (first, Ran::of(child.wait_with_output().expect("it ends")))
}

#[test]
fn a_reader_that_leaves_a_submit_costs_no_handle() {
    let bench = bench();
    for number in 0..40 {
        bench.file(&format!("in/{number:02}"), "x");
    }
    let submit = ["submit", bench.name(), "--input-dir", "in"];
    let one_at_a_time = [&submit[..], &["--concurrency", "1"]].concat();
    let (first, ran) = with_a_reader_of_one_line(&bench, &one_at_a_time);
    assert!(first.contains("in/00"), "{first}");
    // Nothing is submitted after the line that could not be written.
    ran.ends_with(1).says("roken pipe");
    let jobs = bench.endpoint.jobs().len();
    assert!(jobs < 40, "{jobs}");
    // From the first one that could not be written to the pipe.
    let reported = reported(&ran);
    let last = (jobs - reported.len()..jobs).map(|number| format!("{number:02}"));
    assert!(
        !reported.is_empty() && reported.iter().cloned().eq(last),
        "{reported:?} of {jobs}"
    );

    // With a journal the submits continue.
    let journalled = [&submit[..], &["--journal", "journal"]].concat();
    let (_, ran) = with_a_reader_of_one_line(&bench, &journalled);
    ran.ends_with(1).says("Run the same command again");
    assert_eq!(bench.endpoint.jobs().len(), jobs + 40);
    let again = bench.run(&journalled);
    assert_eq!(again.ends_with(0).json().len(), 40);
    assert_eq!(bench.endpoint.jobs().len(), jobs + 40);
}

#[test]
fn a_reader_that_leaves_a_wait_costs_no_result() {
    let bench = bench();
    let names: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let file = bench.file("handles", &submitted(&bench, &names));
    let arguments = ["wait", &file, "--output-dir", "out"];
    let (_, ran) = with_a_reader_of_one_line(&bench, &[&arguments[..], &QUICK].concat());
    ran.ends_with(1).says("roken pipe");
    assert_eq!(named(&bench.path("out"), "").len(), 30);
    assert_eq!(reported(&ran), [""; 0]);
}

#[test]
fn standard_output_that_takes_nothing_costs_no_handle() {
    let bench = bench();
    let input = bench.file("in/1", "1");
    bench.file("in/2", "2");
    let submits = [
        &["submit", bench.name(), "--input", &input][..],
        &[
            "submit",
            bench.name(),
            "--input-dir",
            "in",
            "--concurrency",
            "1",
        ],
    ];
    for arguments in submits {
        let jobs = bench.endpoint.jobs().len();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let ran = bench
            .command(arguments)
            .stdout(full.expect("Linux"))
            .output();
        let ran = Ran::of(ran.expect("it runs"));
        ran.ends_with(1).says("No space left");
        assert_eq!(reported(&ran).len(), bench.endpoint.jobs().len() - jobs);
    }
    // Closed: that is known before anything is sent.
    let jobs = bench.endpoint.jobs().len();
    let predict = ["predict", bench.name(), "--input", &input];
    for arguments in submits.into_iter().chain([&predict[..]]) {
        let mut shell = std::process::Command::new("/bin/sh");
        let own = bench.command(&[]);
        shell
            .args(["-c", r#"exec "$0" "$@" >&-"#])
            .arg(BINARY)
            .args(arguments);
        shell.env_clear().envs(
            own.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        shell.current_dir(own.get_current_dir().expect("a directory"));
        let ran = Ran::of(shell.output().expect("a shell"));
        ran.ends_with(1).says("standard output is closed");
    }
    assert_eq!(bench.endpoint.jobs().len(), jobs);
    let thrown_away = bench.command(submits[0]).stdout(Stdio::null()).status();
    assert!(thrown_away.expect("it runs").success());
}

/// Only the end is missing when it is killed.
#[test]
fn a_predict_stores_its_handle_as_soon_as_it_is_submitted() {
    let bench = bench();
    let slow = bench.file("slow", "slow");
    let arguments = ["predict", bench.name(), "--input", &slow, "--handle", "h"];
    let mut child = bench
        .command(&arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let stored = || std::fs::read_to_string(bench.path("h")).ok();
    let line = loop {
        if let Some(line) = stored() {
            break line;
        }
        std::thread::yield_now();
    };
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let job = bench.endpoint.jobs().pop().expect("a job");
    let handle: InferenceHandle = line.trim().parse().expect("a handle");
    assert_eq!(handle.inference_id(), Some(job.inference_id.as_str()));
    // Another inference does not take its place.
    let ran = bench.quick(&arguments);
    ran.ends_with(2).says("sagemaker-async wait h");
    assert_eq!(bench.endpoint.jobs().len(), 1);

    // A fetched one may be replaced.
    let quick = bench.file("quick", "1");
    let arguments = ["predict", bench.name(), "--input", &quick, "--handle", "g"];
    for _ in 0..2 {
        bench.quick(&arguments).ends_with(0).printed("<1>");
    }
    bench.quick(&["wait", "g"]).ends_with(0).printed("<1>");
    let text = bench.file("text", "the user's own");
    for place in [text.as_str(), &quick, "/dev/null", ".", "no/such/g"] {
        let ran = bench.quick(&[
            "predict",
            bench.name(),
            "--input",
            &quick,
            "--handle",
            place,
        ]);
        assert!(matches!(ran.code, Some(1 | 2)), "{place}: {}", ran.stderr);
    }
    assert_eq!(bench.endpoint.jobs().len(), 3);
}

#[test]
fn what_a_failed_inference_left_is_named() {
    let bench = bench();
    let input = bench.file("q", "fail");
    let predict = [
        "predict",
        bench.name(),
        "--input",
        &input,
        "--inference-id",
        "job-7",
    ];
    let ran = bench.quick(&predict);
    ran.ends_with(3)
        .says("inference job-7")
        .says("failure s3://");
    // One that cannot be fetched is printed to be waited for again.
    bench.endpoint.fault(
        Fault::on(Operation::GetObject)
            .always()
            .error(400, "InvalidRequest"),
    );
    let ran = bench.quick(&predict);
    assert!(ran.code.is_some_and(|code| code > 0));
    assert_eq!(reported(&ran), ["q"], "{}", ran.stderr);
    ran.says("job-7");
}

/// A list whose writer takes its time.
#[test]
fn a_predict_reads_its_input_no_longer_than_its_time() {
    let bench = bench();
    let arguments = [
        "predict",
        bench.name(),
        "--input",
        "-",
        "--timeout",
        "200ms",
    ];
    let mut child = bench
        .command(&arguments)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"begun").expect("write");
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(1), "{stderr}");
    assert!(stderr.contains("--timeout"), "{stderr}");
    assert!(bench.endpoint.jobs().is_empty());
    drop(stdin);
}
