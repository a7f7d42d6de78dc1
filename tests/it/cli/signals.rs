//! Signals and kills at any moment: every job at the server is accounted for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use sagemaker_async_inference::InferenceHandle;
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{BINARY, Bench, QUICK, Ran, bench, by_shell, named, signal};

const ENDS: [&str; 3] = ["INT", "TERM", "KILL"];
const INPUTS: usize = 30;
const AT_A_TIME: usize = 4;

/// The inputs, and submits that take some time.
fn many() -> Bench {
    let bench = bench();
    for number in 0..INPUTS {
        bench.file(&format!("in/{number:02}"), &number.to_string());
    }
    bench.endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .always()
            .delay(Duration::from_millis(30)),
    );
    bench
}

pub(super) fn start(bench: &Bench, arguments: &[&str], stdin: Stdio, stdout: Stdio) -> Child {
    let mut command = bench.command(arguments);
    command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
    command.spawn().expect("the binary runs")
}

pub(super) fn until(child: &mut Child, mut done: impl FnMut() -> bool) {
    while !done() && child.try_wait().expect("a child").is_none() {
        SystemClock.sleep(Duration::from_millis(5));
    }
}

/// The ids of the inferences whose handles are in a text.
fn ids(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let handles = lines.filter_map(|line| line.parse::<InferenceHandle>().ok());
    handles
        .filter_map(|handle| handle.inference_id().map(str::to_owned))
        .collect()
}

fn jobs(bench: &Bench) -> BTreeSet<String> {
    let jobs = bench.endpoint.jobs();
    jobs.into_iter().map(|job| job.inference_id).collect()
}

/// Jobs of which neither the handle nor the id was reported.
fn lost(bench: &Bench, texts: &[&str]) -> Vec<String> {
    let known: BTreeSet<_> = texts.iter().flat_map(|text| ids(text)).collect();
    let named = |id: &String| texts.iter().any(|text| text.contains(id.as_str()));
    let jobs = jobs(bench);
    jobs.into_iter()
        .filter(|id| !known.contains(id) && !named(id))
        .collect()
}

fn check_end(name: &str, code: Option<i32>) {
    let expected = if name == "KILL" { None } else { Some(130) };
    assert_eq!(code, expected, "{name}");
}

const SUBMIT: [&str; 4] = ["--input-dir", "in", "--concurrency", "4"];

#[test]
fn a_submit_into_a_file() {
    for name in ENDS {
        let bench = many();
        let file = File::create(bench.path("handles")).expect("a file");
        let arguments = [&["submit", bench.name()][..], &SUBMIT].concat();
        let mut child = start(&bench, &arguments, Stdio::null(), file.into());
        until(&mut child, || bench.endpoint.jobs().len() >= 8);
        signal(&child, name);
        let ran = Ran::of(child.wait_with_output().expect("it ends"));
        check_end(name, ran.code);
        let handles = fs::read_to_string(bench.path("handles")).expect("a file");
        let lost = lost(&bench, &[&handles, &ran.stderr]);
        // A kill loses what was in progress or waiting for its turn; with a journal nothing is lost.
        let most = if name == "KILL" { 2 * AT_A_TIME } else { 0 };
        assert!(lost.len() <= most, "{name}: {lost:?}: {}", ran.stderr);
        assert!(bench.endpoint.jobs().len() < INPUTS);
    }
}

#[test]
fn a_submit_with_a_journal() {
    for name in ENDS {
        let bench = many();
        let journal = ["--journal", "journal"];
        let arguments = [&["submit", bench.name()][..], &SUBMIT, &journal].concat();
        let mut child = start(&bench, &arguments, Stdio::null(), Stdio::null());
        until(&mut child, || bench.endpoint.jobs().len() >= 8);
        signal(&child, name);
        check_end(name, child.wait().expect("it ends").code());
        let again = bench.run(&arguments);
        let uncertain = again.stderr.matches("may have been submitted, but").count();
        assert!(
            again.code == Some(i32::from(uncertain > 0)),
            "{}",
            again.stderr
        );
        assert_eq!(lost(&bench, &[&again.stdout, &again.stderr]), [""; 0]);
        assert!(uncertain <= AT_A_TIME, "{name}: {}", again.stderr);
        assert!(name == "KILL" || uncertain == 0, "{}", again.stderr);
        // Each ran once, or may not have run at all.
        let jobs = bench.endpoint.jobs().len();
        assert!((INPUTS - uncertain..=INPUTS).contains(&jobs), "{jobs}");
    }
}

#[test]
fn a_submit_into_a_pipe_and_the_wait_behind_it() {
    for name in ["INT", "TERM"] {
        let bench = many();
        let arguments = [&["submit", bench.name()][..], &SUBMIT].concat();
        let mut submit = start(&bench, &arguments, Stdio::null(), Stdio::piped());
        let pipe = submit.stdout.take().expect("a pipe");
        let wait = ["wait", "--output-dir", "out"];
        let mut wait = start(
            &bench,
            &[&wait[..], &QUICK].concat(),
            pipe.into(),
            Stdio::piped(),
        );
        until(&mut submit, || bench.endpoint.jobs().len() >= 8);
        signal(&submit, name);
        signal(&wait, name);
        let reported = Ran::of(submit.wait_with_output().expect("it ends"));
        check_end(name, reported.code);
        // Its end is the end of the other's input.
        let mut stderr = String::new();
        let mut pipe = wait.stderr.take().expect("a pipe");
        pipe.read_to_string(&mut stderr).expect("text");
        check_end(name, wait.wait().expect("it ends").code());
        assert_eq!(
            lost(&bench, &[&reported.stderr, &stderr]),
            [""; 0],
            "{stderr}"
        );
    }
}

/// A wait that is killed loses the handles that it has read; the journal of the submit has all of them.
#[test]
fn a_wait_behind_a_pipe_is_killed() {
    let bench = many();
    let journal = ["--journal", "journal"];
    let arguments = [&["submit", bench.name()][..], &SUBMIT, &journal].concat();
    let mut submit = start(&bench, &arguments, Stdio::null(), Stdio::piped());
    let pipe = submit.stdout.take().expect("a pipe");
    let wait = start(
        &bench,
        &["wait", "--output-dir", "out"],
        pipe.into(),
        Stdio::null(),
    );
    until(&mut submit, || bench.endpoint.jobs().len() >= 8);
    signal(&wait, "KILL");
    let reported = Ran::of(submit.wait_with_output().expect("it ends"));
    reported.ends_with(1).says("roken pipe");
    drop(wait.wait_with_output());
    let again = bench.run(&arguments);
    assert_eq!(ids(&again.ends_with(0).stdout), jobs(&bench));
    assert_eq!(bench.endpoint.jobs().len(), INPUTS);
}

#[test]
fn a_wait_for_the_handles_of_a_file() {
    for name in ENDS {
        let bench = bench();
        for input in ["1", "2", "slow"] {
            bench.file(&format!("in/{input}"), input);
        }
        let submitted = bench.run(&["submit", bench.name(), "--input-dir", "in"]);
        let handles = bench.file("handles", &submitted.stdout);
        let wait = ["wait", &handles, "--output-dir", "out"];
        let arguments = [&wait[..], &QUICK].concat();
        let mut child = start(&bench, &arguments, Stdio::null(), Stdio::null());
        let stored = || {
            bench.path("out").is_dir()
                && named(&bench.path("out"), "")
                    .iter()
                    .filter(|path| path.extension().is_some_and(|end| end == "out"))
                    .count()
                    == 2
        };
        until(&mut child, stored);
        signal(&child, name);
        let ran = Ran::of(child.wait_with_output().expect("it ends"));
        check_end(name, ran.code);
        if name != "KILL" {
            // Results that were stored at that moment, and not reported yet, may be among them.
            ran.says("\"input\":\"in/slow\"");
        }
        // The same command finds the results that exist, and fetches the one that does not.
        let limits = ["--delay", "20ms", "--timeout", "4s"];
        let ran = bench.run(&[&wait[..], &limits].concat());
        ran.ends_with(4).says("2 completed");
        assert_eq!(named(&bench.path("out"), "").len(), 2);
    }
}

#[test]
fn a_predict_with_a_handle_file_and_without() {
    for name in ENDS {
        for handle in [&["--handle", "h"][..], &[]] {
            let bench = bench();
            let input = bench.file("slow", "slow");
            let arguments = [&["predict", bench.name(), "--input", &input][..], &QUICK].concat();
            let arguments = [&arguments[..], handle].concat();
            let mut child = start(&bench, &arguments, Stdio::null(), Stdio::piped());
            let polls = || {
                let requests = bench.endpoint.requests();
                requests
                    .iter()
                    .any(|request| request.operation == Operation::GetObject)
            };
            until(&mut child, polls);
            signal(&child, name);
            let ran = Ran::of(child.wait_with_output().expect("it ends"));
            check_end(name, ran.code);
            let file = fs::read_to_string(bench.path("h")).unwrap_or_default();
            if !handle.is_empty() {
                assert_eq!(ids(&file), jobs(&bench), "{name}");
            } else if name != "KILL" {
                assert_eq!(ids(&ran.stderr), jobs(&bench), "{}", ran.stderr);
            }
        }
    }
}

/// The reader of standard output takes nothing, so that the command is stuck in a write.
#[test]
fn a_signal_gets_through_to_a_submit_that_is_stuck_in_a_write() {
    let bench = bench();
    // More than a pipe holds.
    let long = "n".repeat(200);
    for number in 0..400 {
        bench.file(&format!("in/{number:03}{long}"), "1");
    }
    let arguments = ["submit", bench.name(), "--input-dir", "in"];
    let mut child = start(&bench, &arguments, Stdio::null(), Stdio::piped());
    let mut seen = (0, 0);
    until(&mut child, || {
        let jobs = bench.endpoint.jobs().len();
        seen = if jobs == seen.0 {
            (jobs, seen.1 + 1)
        } else {
            (jobs, 0)
        };
        jobs > 50 && seen.1 > 60
    });
    signal(&child, "TERM");
    let mut stderr = child.stderr.take().expect("a pipe");
    let mut first = [0];
    stderr.read_exact(&mut first).expect("a word");
    SystemClock.sleep(Duration::from_millis(300));
    signal(&child, "TERM");
    let mut reported = String::new();
    stderr.read_to_string(&mut reported).expect("text");
    let mut written = String::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut written).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(lost(&bench, &[&reported, &written]), [""; 0]);
}

/// What batch systems send before they kill, and terminals when they close.
#[test]
fn other_signals_that_end_a_process() {
    for name in ["HUP", "QUIT", "USR1", "USR2", "XCPU", "ALRM"] {
        let bench = bench();
        let input = bench.file("slow", "slow");
        let arguments = [&["predict", bench.name(), "--input", &input][..], &QUICK].concat();
        let mut child = start(&bench, &arguments, Stdio::null(), Stdio::null());
        until(&mut child, || !bench.endpoint.jobs().is_empty());
        SystemClock.sleep(Duration::from_millis(100));
        signal(&child, name);
        let ran = Ran::of(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, Some(130), "{name}");
        assert_eq!(ids(&ran.stderr), jobs(&bench), "{name}: {}", ran.stderr);
    }
}

/// `nohup`, and shells that start a job in the background.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_is_ignored_stays_so() {
    let bench = bench();
    let input = bench.file("q", "1");
    let handles = bench
        .run(&["submit", bench.name(), "--input", &input])
        .stdout;
    let own = bench.command(&[]);
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", r#"trap "" HUP; exec "$0" "$@""#])
        .arg(BINARY)
        .arg("wait")
        .args(QUICK)
        .env_clear()
        .envs(
            own.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = shell.spawn().expect("a shell");
    SystemClock.sleep(Duration::from_millis(300));
    signal(&child, "HUP");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(handles.as_bytes()).expect("it reads on");
    drop(stdin);
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    ran.ends_with(0).printed("<1>");
}

/// `ulimit -f`: a write beyond it is an error, and the process reports it.
#[test]
fn a_limit_of_file_sizes_costs_no_handle() {
    let bench = bench();
    let input = bench.file("q", &"x".repeat(100_000));
    let predict = [
        "predict",
        bench.name(),
        "--input",
        &input,
        "--output",
        "out",
    ];
    let limited = r#"ulimit -f 16 && exec "$0" "$@""#;
    let mut shell = by_shell(limited, &bench.command(&[&predict[..], &QUICK].concat()));
    let ran = Ran::of(shell.output().expect("a shell"));
    ran.ends_with(1).says("File too large");
    assert_eq!(ids(&ran.stderr), jobs(&bench));
    assert_eq!(bench.left(), ["q"]);
}

/// Here the journal is the file that cannot grow.
#[test]
fn a_journal_that_cannot_grow_costs_no_handle() {
    let bench = many();
    let arguments = [&["submit", bench.name(), "--journal", "j"][..], &SUBMIT].concat();
    let limited = r#"ulimit -f 2 && exec "$0" "$@""#;
    let mut shell = by_shell(limited, &bench.command(&arguments));
    let ran = Ran::of(shell.output().expect("a shell"));
    ran.ends_with(1).says("Keep the printed handles");
    assert_eq!(ids(&ran.stdout), jobs(&bench));
    let (submitted, recorded) = (jobs(&bench).len(), read_journal(&bench));
    assert!(submitted < INPUTS && recorded < submitted, "{recorded}");
    let missing = submitted - recorded;
    ran.says(&format!(
        "does not have {missing} of the {submitted} handles that were printed"
    ));
}

/// The number of submits that the journal `j` has.
fn read_journal(bench: &Bench) -> usize {
    let journal = fs::read_to_string(bench.path("j")).expect("a journal");
    journal.matches("\"submitted\":").count()
}

/// Incomplete files of a killed process are removed by the next run.
#[test]
fn temporary_files_of_a_killed_run_are_removed() {
    let bench = bench();
    let input = bench.file("q", "1");
    let left = ".out.0123456789abcdef.part";
    bench.file(left, "half");
    bench.file("dir/.q.out.0123456789abcdef.part", "half");
    bench.file("dir/.mine.part", "the user's own");
    bench
        .quick(&[
            "predict",
            bench.name(),
            "--input",
            &input,
            "--output",
            "out",
        ])
        .ends_with(0);
    let handles = bench
        .run(&["submit", bench.name(), "--input", &input])
        .stdout;
    let handles = bench.file("handles", &handles);
    bench
        .quick(&["wait", &handles, "--output-dir", "dir"])
        .ends_with(0);
    let files = bench.left();
    assert!(
        !files.iter().any(|file| file.contains("0123456789abcdef")),
        "{files:?}"
    );
    assert!(files.iter().any(|file| file == "dir/.mine.part"));
    // One that another process is writing to stays.
    let path = bench.file(left, "half");
    let held = File::open(path).expect("a file");
    held.lock().expect("a lock");
    bench
        .quick(&[
            "predict",
            bench.name(),
            "--input",
            &input,
            "--output",
            "out",
        ])
        .ends_with(0);
    assert!(bench.left().iter().any(|file| file == left));
}

/// Standard input that never ends does not keep a wait from being interrupted.
#[test]
fn a_wait_is_interrupted_while_it_reads() {
    let bench = bench();
    let input = bench.file("slow", "slow");
    let handles = bench
        .run(&["submit", bench.name(), "--input", &input])
        .stdout;
    let mut child = start(&bench, &["wait"], Stdio::piped(), Stdio::null());
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(handles.as_bytes()).expect("write");
    SystemClock.sleep(Duration::from_millis(300));
    signal(&child, "INT");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    // At once, whether or not anything else comes.
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("text") > 0, "no handle");
    }
    assert_eq!(ids(&line), jobs(&bench));
    // What comes late is printed as well.
    stdin.write_all(handles.as_bytes()).expect("write");
    drop(stdin);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    assert_eq!(ids(&rest), jobs(&bench));
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}
