//! Many inferences: a directory or a list in, a directory out, and runs that continue.

use std::collections::BTreeSet;
use std::fs;

use sagemaker_async_inference::local::{Fault, Operation};

use serde_json::json;

use crate::cli::bench::{Bench, QUICK, Ran, bench, named, result_of};

fn scans(bench: &Bench, names: &[(&str, &str)]) -> String {
    for (name, content) in names {
        bench.file(&format!("scans/{name}"), content);
    }
    bench.path("scans").to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_directory_in_and_a_directory_out() {
    let bench = bench();
    let directory = scans(
        &bench,
        &[
            ("a.txt", "1"),
            ("b.txt", "fail"),
            ("c.txt", "3"),
            (".hidden", "4"),
        ],
    );
    let ran = bench.run(&["submit", bench.name(), "--input-dir", &directory]);
    let lines = ran.ends_with(0).json();
    assert_eq!(ran.stderr, "");
    let inputs: Vec<_> = lines
        .iter()
        .map(|line| line["input"].as_str().expect("text"))
        .collect();
    let below = |name: &str| format!("{directory}/{name}");
    assert_eq!(inputs, [below("a.txt"), below("b.txt"), below("c.txt")]);
    let handles = bench.file("handles.jsonl", &ran.stdout);
    let results = bench.path("results");
    let shown = results.to_str().expect("UTF-8");

    let ran = bench.quick(&["wait", &handles, "--output-dir", shown]);
    let ends = ran.ends_with(3).json();
    let ends: BTreeSet<_> = ends
        .iter()
        .map(|end| {
            (
                end["index"].as_u64(),
                end["status"].as_str().map(str::to_owned),
            )
        })
        .collect();
    let end = |index, status: &str| (Some(index), Some(status.to_owned()));
    let expected = [end(0, "completed"), end(1, "failed"), end(2, "completed")];
    assert_eq!(ends, BTreeSet::from(expected));
    assert_eq!(result_of(&results, "a.txt"), "<1>");
    assert_eq!(result_of(&results, "c.txt"), "<3>");
    assert!(result_of(&results, "b.txt").contains("ValueError"));
    let failure = named(&results, "b.txt.").pop().expect("a failure");
    assert!(failure.to_string_lossy().ends_with(".out.failure"));
    assert_eq!(fs::read_dir(&results).expect("results").count(), 3);

    let ran = bench.quick(&["wait", &handles, "--output-dir", shown, "--summary"]);
    let summary = &ran.ends_with(3).json();
    assert_eq!(summary.len(), 1);
    assert_eq!(
        (&summary[0]["completed"], &summary[0]["failed"]),
        (&2.into(), &1.into())
    );
    bench
        .quick(&["wait", &handles])
        .ends_with(2)
        .says("--output-dir");
}

/// As two lists of handles that were joined: each line is an inference of the run, and its result is there.
#[test]
fn handles_that_are_listed_twice_are_stored_once() {
    let bench = bench();
    let names: Vec<_> = (0..12).map(|number| format!("{number:02}.txt")).collect();
    let inputs: Vec<_> = names.iter().map(|name| (&**name, "1")).collect();
    let directory = scans(&bench, &inputs);
    let submitted = bench.run(&["submit", bench.name(), "--input-dir", &directory]);
    let lines = &submitted.ends_with(0).stdout;
    let renamed = lines.replace(".txt\"", ".copy\"");
    let results = bench.path("results");
    for (list, files) in [
        (format!("{lines}{lines}{lines}"), 12),
        (format!("{lines}{renamed}{lines}"), 24),
    ] {
        let handles = bench.file("handles.jsonl", &list);
        // At first the names are free, then they are taken.
        for extra in [&[][..], &[], &["--overwrite"]] {
            let shown = results.to_str().expect("UTF-8");
            let arguments = ["wait", &handles, "--output-dir", shown, "--summary"];
            let ran = bench.quick(&[&arguments, extra].concat());
            let summary = &ran.ends_with(0).json()[0];
            assert_eq!(summary["completed"], 36, "{summary}");
            assert_eq!(fs::read_dir(&results).expect("results").count(), files);
        }
        fs::remove_dir_all(&results).expect("results");
    }
}

#[test]
fn a_list_of_files_and_objects_through_a_pipe() {
    let bench = bench();
    bench
        .endpoint
        .put_object("bucket", "in/object.txt", "there");
    let file = bench.file("one/same.txt", "1");
    let other = bench.file("two/same.txt", "2");
    let list = format!("{file}\n\n{other}\ns3://bucket/in/object.txt\n");
    let arguments = ["submit", bench.name(), "--inputs-from", "-"];
    let handles = bench.run_with_input(&arguments, list.as_bytes());
    handles.ends_with(0);
    let results = bench.path("results");
    let arguments = ["wait", "--output-dir", results.to_str().expect("UTF-8")];
    let ran = bench.run_with_input(
        &[&arguments[..], &QUICK].concat(),
        handles.stdout.as_bytes(),
    );
    ran.ends_with(0);
    let same: BTreeSet<_> = named(&results, "same.txt.")
        .into_iter()
        .map(|path| fs::read_to_string(path).expect("a result"))
        .collect();
    assert_eq!(same, BTreeSet::from(["<1>".to_owned(), "<2>".to_owned()]));
    assert_eq!(result_of(&results, "object.txt"), "<there>");
}

#[test]
fn a_run_continues_with_its_journal() {
    let bench = bench();
    let directory = scans(&bench, &[("a", "1"), ("b", "2"), ("c", "3")]);
    let journal = bench.path("scans.journal");
    let arguments = [
        "submit",
        bench.name(),
        "--input-dir",
        &directory,
        "--journal",
        journal.to_str().expect("UTF-8"),
        "--concurrency",
        "1",
    ];
    let refusal = Fault::on(Operation::InvokeEndpointAsync)
        .skip(1)
        .times(1)
        .status(400);
    bench.endpoint.fault(refusal);
    let first = bench.run(&arguments);
    first
        .ends_with(5)
        .says("1 of 3 inputs")
        .says("Run the same command again");
    assert_eq!(first.json().len(), 2);
    assert_eq!(bench.endpoint.jobs().len(), 2);

    let second = bench.run(&arguments);
    let lines = second.ends_with(0).json();
    assert_eq!(lines.len(), 3);
    assert_eq!(bench.endpoint.jobs().len(), 3);
    assert_eq!(lines[0]["output_path"], first.json()[0]["output_path"]);
    assert_eq!(lines[2]["output_path"], first.json()[1]["output_path"]);
}

#[test]
fn an_input_that_cannot_be_read_holds_up_no_other() {
    let bench = bench();
    let good = bench.file("good.txt", "1");
    let list = bench.file("list", &format!("/no/such/file\n{good}\n"));
    let ran = bench.run(&["submit", bench.name(), "--inputs-from", &list]);
    ran.ends_with(1).says("/no/such/file").says("1 of 2 inputs");
    assert_eq!(ran.json().len(), 1);
    let one = bench.run(&[
        "submit",
        bench.name(),
        "--inputs-from",
        &list,
        "--inference-id",
        "x",
    ]);
    one.ends_with(2).says("--inference-id");
}

#[test]
fn unfinished_inferences_can_be_resumed() {
    let bench = bench();
    let directory = scans(&bench, &[("a", "1"), ("b", "slow")]);
    let submitted = bench.run(&["submit", bench.name(), "--input-dir", &directory]);
    let handles = bench.file("handles", &submitted.stdout);
    let results = bench.path("results");
    let shown = results.to_str().expect("UTF-8");
    let limits = ["--output-dir", shown, "--delay", "20ms", "--timeout", "4s"];
    let ran = bench.run(&[&["wait", &handles][..], &limits].concat());
    ran.ends_with(4).says("1 completed").says("1 pending");
    let left: Vec<_> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    assert_eq!(left.len(), 1);
    assert!(left[0].contains("scans/b"), "{}", left[0]);
    bench.run(&["status", left[0]]).ends_with(4);
}

#[test]
fn polls_that_fail_until_the_end_are_reported_once() {
    let bench = bench();
    let directory = scans(&bench, &[("a", "slow"), ("b", "slow"), ("c", "slow")]);
    let submitted = bench.run(&["submit", bench.name(), "--input-dir", &directory]);
    let handles = bench.file("handles", &submitted.stdout);
    let limits = ["--output-dir", "out", "--delay", "20ms", "--timeout", "1s"];
    let wait = || {
        let mut command = bench.command(&[&["wait", &handles][..], &limits].concat());
        Ran::of(
            command
                .env("AWS_MAX_ATTEMPTS", "1")
                .output()
                .expect("it runs"),
        )
    };
    let ran = wait();
    ran.ends_with(4).says("3 pending");
    assert!(!ran.stderr.contains("polls in"), "{}", ran.stderr);
    for operation in [Operation::GetObject, Operation::ListObjectsV2] {
        bench
            .endpoint
            .fault(Fault::on(operation).always().status(500));
    }
    let ran = wait();
    ran.ends_with(4).says("3 pending").says("failed; last: s3");
    assert_eq!(ran.stderr.matches("polls in").count(), 1, "{}", ran.stderr);
    for line in ran.json() {
        assert_eq!(line["status"], "pending");
        let last = line["last_response"].as_str().expect("a response");
        // The last poll may have been cut off at the end of the time.
        assert!(last.starts_with("s3 "), "{last}");
    }
}

/// The most memory that a process had, in MiB; followed until it ends.
#[cfg(target_os = "linux")]
fn peak_mib(child: &mut std::process::Child) -> u64 {
    use sagemaker_async_inference::sys::{Clock, SystemClock};
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("the process").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0) >> 10);
        SystemClock.sleep(std::time::Duration::from_millis(5));
    }
    peak
}

#[test]
#[cfg(target_os = "linux")] // the peak is read from /proc
fn large_results_of_many_go_to_files_in_little_memory() {
    const LEN: usize = 200 << 20;
    let bench = bench();
    let endpoint = &bench.endpoint;
    let mut lines = String::new();
    for (key, len) in [("out/large.out", LEN), ("out/small.out", 5)] {
        endpoint.put_object(endpoint.bucket(), key, vec![b'x'; len]);
        let output = format!("s3://{}/{key}", endpoint.bucket());
        let handle = json!({"version": 1, "endpoint_name": bench.name(), "output_path": output});
        lines.extend([&handle.to_string(), "\n"]);
    }
    let handles = bench.file("handles.jsonl", &lines);
    let results = bench.path("results");
    let to = results.display().to_string();
    let mut child = bench
        .command(&["wait", &handles, "--output-dir", &to, "--summary"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the command");
    let peak = peak_mib(&mut child);
    let ran = Ran::of(child.wait_with_output().expect("its output"));
    ran.ends_with(0);
    assert_eq!(ran.json()[0]["bytes"], LEN + 5);
    let sizes = std::fs::read_dir(&results).expect("results");
    let sizes: u64 = sizes
        .map(|file| file.expect("a file").metadata().expect("metadata").len())
        .sum();
    assert_eq!(sizes, (LEN + 5) as u64);
    assert!((1..64).contains(&peak), "{peak} MiB");
}
