//! Signals to `consume`, and its sudden end.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use super::{bench, consume, stored, submit};
use crate::cli::bench::{Bench, Ran, signal};

/// The number of recorded requests for results.
fn fetches(bench: &Bench) -> usize {
    let requests = bench.endpoint.requests();
    let gets = requests.iter();
    gets.filter(|request| request.operation == Operation::GetObject)
        .count()
}

#[test]
fn a_signal_ends_it_with_what_is_done_deleted() {
    for name in ["INT", "TERM"] {
        ends_with_what_is_done_deleted(name);
    }
}

fn ends_with_what_is_done_deleted(name: &str) {
    let bench = bench(&[]);
    submit(&bench, &["a", "b", "c"]);
    let mut command = bench.command(&[
        "consume",
        "done",
        "--output-dir",
        "out",
        "--visibility",
        "10s",
    ]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let started = SystemClock.monotonic();
    while stored(&bench).len() < 3 {
        assert!(
            SystemClock.monotonic() < started + std::time::Duration::from_mins(1),
            "no results"
        );
        SystemClock.sleep(std::time::Duration::from_millis(5));
    }
    signal(&child, name);
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    ran.ends_with(0);
    assert_eq!(bench.endpoint.messages_in("done"), 0);
}

/// The first signal lets requests in progress finish; the second one does not.
#[test]
fn a_second_signal_ends_it_at_once_and_loses_no_message() {
    std::thread::scope(|scope| {
        for name in ["INT", "TERM"] {
            scope.spawn(move || ended_by_two_signals(name));
        }
    });
}

fn ended_by_two_signals(name: &str) {
    let bench = bench(&[("VisibilityTimeout", "1")]);
    submit(&bench, &["a", "b"]);
    bench
        .endpoint
        .fault(Fault::on(Operation::GetObject).always().hang());
    let mut child = bench
        .command(&[
            "consume",
            "done",
            "--output-dir",
            "out",
            "--visibility",
            "5s",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let begun = SystemClock.monotonic();
    while fetches(&bench) == 0 {
        let waited = SystemClock.monotonic().saturating_sub(begun);
        assert!(
            waited < std::time::Duration::from_mins(1),
            "nothing is fetched"
        );
        SystemClock.sleep(std::time::Duration::from_millis(5));
    }
    signal(&child, name);
    SystemClock.sleep(std::time::Duration::from_millis(300));
    if child.try_wait().expect("a child").is_none() {
        signal(&child, name);
    }
    let begun = SystemClock.monotonic();
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    let took = SystemClock.monotonic().saturating_sub(begun);
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    assert!(matches!(ran.code, Some(0 | 130)), "{:?}", ran.code);
    assert_eq!(stored(&bench).len(), 0);
    // Nothing was stored, so nothing was deleted, and the next worker has both.
    bench.endpoint.clear_faults();
    let next = ["consume", "done", "--output-dir", "out"];
    bench
        .run(&[&next[..], &["--until-idle", "8s"]].concat())
        .ends_with(0);
    assert_eq!(stored(&bench).len(), 2);
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_one() {
    let bench = bench(&[]);
    submit(&bench, &["a"]);
    // The first byte comes, and the rest never does.
    let get = || Fault::on(Operation::GetObject);
    bench.endpoint.fault(get().times(1).truncate_body(1));
    bench.endpoint.fault(get().always().hang());
    let mut child = bench
        .command(&["consume", "done", "--output-dir", "out"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let parts = || {
        let names = stored(&bench).into_iter();
        names.filter(|name| name.starts_with("..result")).count()
    };
    let started = SystemClock.monotonic();
    // Requests that hang are recorded when they come.
    while fetches(&bench) < 2 {
        let waited = SystemClock.monotonic().saturating_sub(started);
        assert!(waited < std::time::Duration::from_mins(1), "no download");
        SystemClock.sleep(std::time::Duration::from_millis(5));
    }
    child.kill().expect("a child");
    child.wait().expect("a child");
    assert_eq!(parts(), 1);
    bench.endpoint.clear_faults();
    consume(&bench, &[]).ends_with(0);
    assert_eq!(parts(), 0);
}

#[test]
fn sigterm_during_work_finishes_the_work_in_hand_and_sends_the_deletions() {
    let bench = bench(&[]);
    submit(&bench, &["a", "b", "c", "d"]);
    // The third result fails once and then takes some time, while the deletions of the first two wait to be sent
    // together. Requests are recorded when they end, so the failure shows that the third message is in work.
    let third = || Fault::on(Operation::GetObject).skip(2).times(1);
    bench.endpoint.fault(third().status(503));
    bench
        .endpoint
        .fault(third().delay(std::time::Duration::from_secs(2)));
    let mut command = bench.command(&["consume", "done", "--output-dir", "out", "--workers", "1"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let started = SystemClock.monotonic();
    while fetches(&bench) < 3 {
        let waited = SystemClock.monotonic().saturating_sub(started);
        assert!(waited < std::time::Duration::from_mins(1), "no results");
        SystemClock.sleep(std::time::Duration::from_millis(2));
    }
    signal(&child, "TERM");
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    ran.ends_with(0);
    assert_eq!(
        stored(&bench).len(),
        3,
        "the work in hand, and nothing further"
    );
    assert_eq!(bench.endpoint.messages_in("done"), 1);
    // The last message is available to other consumers now.
    consume(&bench, &[]).ends_with(0);
    assert_eq!(
        (stored(&bench).len(), bench.endpoint.messages_in("done")),
        (4, 0)
    );
}

#[test]
fn after_a_kill_another_worker_has_every_result_once() {
    let bench = bench(&[("VisibilityTimeout", "5")]);
    let ids: Vec<_> = (0..40).map(|n| format!("job-{n:02}")).collect();
    submit(&bench, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    bench.endpoint.fault(
        Fault::on(Operation::GetObject)
            .always()
            .delay(std::time::Duration::from_millis(20)),
    );
    let run = |idle: &'static str| {
        let mut command = bench.command(&[
            "consume",
            "done",
            "--output-dir",
            "out",
            "--visibility",
            "5s",
            "--until-idle",
            idle,
        ]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    };
    let (mut first, second) = (run("1m"), run("8s"));
    let started = SystemClock.monotonic();
    while stored(&bench).len() < 10 {
        assert!(
            SystemClock.monotonic() < started + std::time::Duration::from_mins(1),
            "no results"
        );
        SystemClock.sleep(std::time::Duration::from_millis(2));
    }
    first.kill().expect("a kill");
    first.wait().expect("it is dead");
    Ran::of(second.wait_with_output().expect("it ends")).ends_with(0);
    let expected: BTreeSet<_> = ids.iter().map(|id| format!("{id}.out")).collect();
    assert!(expected.is_subset(&stored(&bench)), "{:?}", stored(&bench));
    for id in &ids {
        let content = fs::read_to_string(bench.path(&format!("out/{id}.out"))).unwrap();
        assert_eq!(content, format!("<\"{id}\">"));
    }
    assert_eq!(bench.endpoint.messages_in("done"), 0);
}
