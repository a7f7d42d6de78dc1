//! No result replaces another one, and one that cannot be stored does not stop the others.

use std::fs;

use sagemaker_async_inference::local::ModelResponse;

use crate::cli::bench::{Bench, QUICK, bench, named, result_of, with_model};

fn submit(bench: &Bench, list: &str) -> String {
    let arguments = ["submit", bench.name(), "--inputs-from", "-"];
    let ran = bench.run_with_input(&arguments, list.as_bytes());
    ran.ends_with(0).stdout.clone()
}

fn wait<'a>(bench: &Bench, handles: &str, more: &[&'a str]) -> crate::cli::bench::Ran {
    let arguments: Vec<&'a str> = [&["wait", "--output-dir"][..], more, &QUICK].concat();
    bench.run_with_input(&arguments, handles.as_bytes())
}

#[test]
fn a_name_is_the_same_whatever_else_is_waited_for() {
    let bench = bench();
    bench.file("x/p", "1");
    bench.file("y/p", "2");
    let handles = submit(&bench, "x/p\ny/p\n");
    wait(&bench, &handles, &["both"]).ends_with(0);
    let (first, second) = handles.split_once('\n').expect("two lines");
    wait(&bench, second, &["apart"]).ends_with(0);
    wait(&bench, first, &["apart"]).ends_with(0);
    let names = |directory: &str| {
        let found = named(&bench.path(directory), "p.");
        let read = |path: &std::path::PathBuf| {
            let name = path.file_name().expect("a name").to_owned();
            (name, fs::read_to_string(path).expect("a result"))
        };
        found.iter().map(read).collect::<Vec<_>>()
    };
    assert_eq!(names("both").len(), 2);
    assert_eq!(names("both"), names("apart"));
}

#[test]
fn existing_files_are_not_replaced_unless_requested() {
    let bench = bench();
    bench.file("p", "1");
    let handles = submit(&bench, "p\n");
    wait(&bench, &handles, &["out"]).ends_with(0);
    // The same result a second time does not count as another one.
    wait(&bench, &handles, &["out"]).ends_with(0);
    let path = named(&bench.path("out"), "p.").pop().expect("a result");
    fs::write(&path, "the user's own").expect("a file");
    let ran = wait(&bench, &handles, &["out"]);
    ran.ends_with(1).says("--overwrite").says(handles.trim());
    assert_eq!(result_of(&bench.path("out"), "p"), "the user's own");
    wait(&bench, &handles, &["out", "--overwrite"]).ends_with(0);
    assert_eq!(result_of(&bench.path("out"), "p"), "<1>");
}

#[test]
fn no_result_lands_on_an_input() {
    let bench = bench();
    let input = bench.file("q", "1");
    bench.file("alias/to", "x");
    for output in ["q", "./q", "alias/../q"] {
        let ran = bench.quick(&[
            "predict",
            bench.name(),
            "--input",
            &input,
            "--output",
            output,
        ]);
        ran.ends_with(2).says("replace the input");
        let ran = bench.quick(&[
            "predict",
            bench.name(),
            "--input",
            &input,
            "--failure-output",
            output,
        ]);
        ran.ends_with(2).says("replace the input");
    }
    assert!(bench.endpoint.requests().is_empty());
    let handle = bench.file("h", &submit(&bench, "q\n"));
    bench
        .quick(&["wait", &handle, "--output", "q"])
        .ends_with(2)
        .says("replace the input");
    bench
        .quick(&["wait", &handle, "--output", "h"])
        .ends_with(2)
        .says("replace the file of handles");
    // An input with exactly the name of its result: the result is stored elsewhere or not at all.
    let handles = submit(&bench, "q\n");
    wait(&bench, &handles, &["."]).ends_with(0);
    let name = named(&bench.path(""), "q.").pop().expect("a result");
    let name = name
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let mut value: serde_json::Value = serde_json::from_str(&handles).expect("JSON");
    value["input"] = "q".into();
    bench.file(&name, "precious");
    let other = value.to_string().replace("\"q\"", &format!("\"./{name}\""));
    let ran = wait(
        &bench,
        &format!("{value}\n{other}\n"),
        &[".", "--overwrite"],
    );
    ran.ends_with(1).says("is an input");
    assert_eq!(
        fs::read_to_string(bench.path(&name)).expect("a file"),
        "precious"
    );
}

/// A name that is too long, a directory and a dangling link in the way.
#[test]
fn one_that_cannot_be_stored_stops_no_others() {
    let bench = bench();
    let long = "n".repeat(252);
    let handles = submit_all_of(&bench, &["a", "b", "c", &long, "d"]);
    wait(&bench, &handles, &["names"]).ends_with(1);
    let place = |name: &str| {
        let path = named(&bench.path("names"), &format!("{name}.")).pop();
        let path = path.expect("a result");
        bench.path("out").join(path.file_name().expect("a name"))
    };
    fs::create_dir_all(place("b")).expect("a directory");
    #[cfg(unix)]
    std::os::unix::fs::symlink("gone/nowhere", place("c")).expect("a link");
    let ran = wait(&bench, &handles, &["out"]);
    ran.ends_with(1).says("255").says("not a regular file");
    assert_eq!(result_of(&bench.path("out"), "a"), "<a>");
    assert_eq!(result_of(&bench.path("out"), "d"), "<d>");
    let lines: Vec<_> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    assert_eq!(lines.len(), 3, "{}", ran.stderr);
    // Each can be fetched by itself.
    let of_long = lines.iter().find(|line| line.contains("nnnn")).expect("it");
    bench
        .quick(&["wait", of_long, "--output", "short"])
        .ends_with(0);
}

fn submit_all_of(bench: &Bench, names: &[&str]) -> String {
    let list: String = names
        .iter()
        .map(|name| {
            let content = if name.len() > 9 { "x" } else { name };
            bench.file(&format!("in/{name}"), content) + "\n"
        })
        .collect();
    submit(bench, &list)
}

#[test]
fn inputs_that_cannot_be_read_stop_no_others() {
    let bench = bench();
    let good = bench.file("good ", "1");
    let list = format!("{good}\r\n\n/no/such\ns3:///key\ns3://bucket\n");
    let arguments = ["submit", bench.name(), "--inputs-from", "-"];
    let ran = bench.run_with_input(&arguments, list.as_bytes());
    ran.ends_with(2)
        .says("/no/such")
        .says("- 4: ")
        .says("3 of 4 inputs");
    assert_eq!(ran.json().len(), 1);
    // As `find -print0` writes it.
    let new_line = bench.file("new\nline", "2");
    let list = format!("{good}\0{new_line}\0");
    let ran = bench.run_with_input(&[&arguments[..], &["-0"]].concat(), list.as_bytes());
    assert_eq!(ran.ends_with(0).json().len(), 2);
}

#[cfg(unix)]
#[test]
fn names_of_any_bytes_and_links_to_nowhere() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let bench = bench();
    bench.file("in/a", "1");
    let latin = bench.path("in").join(OsStr::from_bytes(b"caf\xe9"));
    fs::write(&latin, "2").expect("a file");
    std::os::unix::fs::symlink("user@host.1:1", bench.path("in/.#a")).expect("a link");
    let by_directory = bench.run(&["submit", bench.name(), "--input-dir", "in"]);
    assert_eq!(by_directory.ends_with(0).json().len(), 2);
    let list = [b"in/a\n", latin.as_os_str().as_bytes(), b"\n"].concat();
    let arguments = ["submit", bench.name(), "--inputs-from", "-"];
    let by_list = bench.run_with_input(&arguments, &list);
    assert_eq!(by_list.ends_with(0).json().len(), 2);
    std::os::unix::fs::symlink("gone", bench.path("in/b")).expect("a link");
    let ran = bench.run(&["submit", bench.name(), "--input-dir", "in"]);
    ran.ends_with(1).says("in/b").says("1 of 3 inputs");
    assert_eq!(ran.json().len(), 2);
}

/// What a job writes itself, beside its inputs.
#[test]
fn journals_and_handles_are_no_inputs() {
    let bench = bench();
    bench.file("in/a", "1");
    bench.file("in/b", "{\"version\":1,\"rows\":[]}");
    let name = bench.name();
    let submit = [
        "submit",
        name,
        "--input-dir",
        "in",
        "--journal",
        "in/journal",
    ];
    for _ in 0..2 {
        let handles = fs::File::create(bench.path("in/handles")).expect("a file");
        let ran = bench.command(&submit).stdout(handles).output();
        crate::cli::bench::Ran::of(ran.expect("it runs")).ends_with(0);
    }
    assert_eq!(bench.endpoint.jobs().len(), 2);
    // Without their locations given: they are recognized by their content.
    let ran = bench.run(&["submit", name, "--input-dir", "in"]);
    ran.ends_with(0).says("in/journal").says("in/handles");
    assert_eq!(ran.json().len(), 2);
}

#[test]
fn a_journal_is_a_file_of_its_own() {
    let bench = bench();
    bench.file("a", "1");
    bench.file("list", "a");
    bench.file("empty", "");
    for (source, file) in [
        ("--input", "a"),
        ("--input", "empty"),
        ("--inputs-from", "list"),
    ] {
        let before = fs::read(bench.path(file)).expect("a file");
        let ran = bench.run(&["submit", bench.name(), source, file, "--journal", file]);
        ran.ends_with(2).says("name another file");
        assert_eq!(fs::read(bench.path(file)).expect("a file"), before);
    }
    let into_itself = ["submit", bench.name(), "--input", "a", "--journal", "both"];
    let handles = fs::File::create(bench.path("both")).expect("a file");
    let ran = bench.command(&into_itself).stdout(handles).output();
    let ran = crate::cli::bench::Ran::of(ran.expect("it runs"));
    ran.ends_with(2).says("standard output");
    assert!(bench.endpoint.requests().is_empty());
    // What is no journal is left alone, also without a newline at its end.
    let ran = bench.run(&["submit", bench.name(), "--input", "a", "--journal", "list"]);
    ran.ends_with(1).says("not a journal");
    assert_eq!(fs::read_to_string(bench.path("list")).expect("a file"), "a");
    assert!(bench.endpoint.jobs().is_empty());
}

#[test]
fn a_journal_given_as_handles_is_named() {
    let bench = bench();
    bench.file("a", "1");
    let submit = ["submit", bench.name(), "--input", "a", "--journal", "j"];
    bench.run(&submit).ends_with(0);
    let ran = bench.run(&["wait", "j", "--output-dir", "out"]);
    ran.ends_with(2).says("record of a journal");
}

#[test]
fn a_journal_knows_inputs_by_what_they_are() {
    let bench = bench();
    for name in ["b", "c", "d"] {
        bench.file(&format!("in/{name}"), name);
    }
    let submit = |directory: &str| {
        let arguments = ["submit", bench.name(), "--input-dir", directory];
        bench.run(&[&arguments[..], &["--journal", "journal"]].concat())
    };
    let first = submit("in");
    assert_eq!(first.ends_with(0).json().len(), 3);
    // Added in front.
    bench.file("in/a", "a");
    assert_eq!(submit("in").ends_with(0).json().len(), 4);
    assert_eq!(bench.endpoint.jobs().len(), 4);
    // Copied elsewhere, with one left out: the handles of all are printed.
    for name in ["a", "b", "d"] {
        bench.file(&format!("copy/{name}"), name);
    }
    let copied = submit("./copy");
    let lines = copied.ends_with(0).json();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[3]["input"], "in/c");
    for line in first.json() {
        let output = &line["output_path"];
        assert!(lines.iter().any(|line| line["output_path"] == *output));
    }
    assert_eq!(bench.endpoint.jobs().len(), 4);
}

#[test]
fn long_failures_are_cut_on_standard_error() {
    let bench =
        with_model(|_| ModelResponse::failure(500, format!("Error: {}", "x".repeat(900_000))));
    let input = bench.file("q", "1");
    let ran = bench.quick(&["predict", bench.name(), "--input", &input]);
    ran.ends_with(3).says("failure s3://").says("bytes");
    assert!(ran.stderr.len() < 20_000, "{}", ran.stderr.len());
}

#[test]
fn signatures_and_tokens_are_not_repeated() {
    let bench = bench();
    let url = "https://my-bucket.s3.amazonaws.com/key?X-Amz-Algorithm=AWS4-HMAC-SHA256\
               &X-Amz-Credential=AKIDEXAMPLE%2F20261128&X-Amz-Security-Token=hush-token\
               &X-Amz-Signature=hushsignature";
    let list = format!("{url}\ns3://my-bucket/key?x-amz-signature=hush2&AWSAccessKeyId=hush3\n");
    let arguments = ["submit", bench.name(), "--inputs-from", "-"];
    let ran = bench.run_with_input(&arguments, list.as_bytes());
    assert!(ran.code.is_some_and(|code| code > 0), "{}", ran.stdout);
    ran.says("my-bucket.s3.amazonaws.com/key");
    let waited = bench.run_with_input(&["wait"], url.as_bytes());
    let predicted = bench.run(&["predict", bench.name(), "--input", url]);
    let located = bench.run(&["predict", bench.name(), "--input-location", url]);
    for ran in [ran, waited, predicted, located] {
        for secret in ["hush", "AKIDEXAMPLE"] {
            assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
        }
    }
}

/// A consumer in a pipe learns from the exit code that what it got is not the result.
#[test]
fn a_result_that_breaks_off_or_is_damaged_on_standard_output_is_an_error_that_says_so() {
    use sagemaker_async_inference::local::{Fault, Operation};

    let bench = bench();
    let input = bench.file("q", "1");
    let handle = bench.run(&["submit", bench.name(), "--input", &input]);
    let handle = bench.file("handle", &handle.stdout);
    assert!(
        bench
            .endpoint
            .wait_until_idle(std::time::Duration::from_secs(20))
    );
    let damaged = [("x-amz-checksum-crc32", "AAAAAA=="), ("etag", "\"1\"")];
    let fault = Fault::on(Operation::GetObject).respond(200, damaged, "not it");
    bench.endpoint.fault(fault.always());
    let ran = bench.quick(&["wait", &handle]);
    ran.ends_with(1).printed("not it");
    ran.says("what arrived is not what the service stored");
    ran.says(
        "6 bytes went to standard output before that: they are not the result, or not all of it",
    );

    // A file is complete or absent, and the handle is printed in either case.
    let ran = bench.quick(&["wait", &handle, "--output", "out"]);
    ran.ends_with(1).printed("").says("{");
    assert!(!ran.stderr.contains("bytes went"), "{}", ran.stderr);
    assert_eq!(bench.left(), ["handle", "q"]);
}

/// The first run is held up by its reader while its results have no names yet.
#[test]
fn a_second_wait_into_the_same_directory_takes_nothing_from_the_first() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    use sagemaker_async_inference::sys::{Clock, SystemClock};

    let bench = bench();
    let count = 600;
    let names: Vec<String> = (0..count)
        .map(|number| bench.file(&format!("in/{}-{number}", "n".repeat(100)), "1"))
        .collect();
    let list = names.join("\n");
    let handles = submit(&bench, &list);
    let file = bench.file("handles", &handles);
    let single = bench.file("q", "2");
    let single = submit(&bench, &single);
    wait(&bench, &handles, &["results", "--summary"]).ends_with(0);
    // Other content, so that each result is downloaded beside its place.
    for file in crate::cli::bench::named(&bench.path("results"), "n") {
        std::fs::write(file, "another").expect("write");
    }
    let mut first = bench
        .command(&["wait", &file, "--output-dir", "results", "--overwrite"])
        .args(crate::cli::bench::QUICK)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdout = BufReader::new(first.stdout.take().expect("a pipe"));
    let unnamed = || crate::cli::bench::named(&bench.path("results"), ".result.");
    let pause = || SystemClock.sleep(std::time::Duration::from_millis(200));
    let mut line = String::new();
    // The pipe is full while nothing changes; where no result was on its way then, some lines more are read.
    let held_up = (0..300).any(|_| {
        for _ in 0..5 {
            stdout.read_line(&mut line).expect("a line");
        }
        pause();
        let before = unnamed();
        pause();
        !before.is_empty() && unnamed() == before
    });
    assert!(held_up, "{line}");
    wait(&bench, &single, &["results", "--summary"]).ends_with(0);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("lines");
    let ended = first.wait().expect("an end");
    assert!(ended.success(), "{ended} {rest}");
    assert!(unnamed().is_empty());

    // What a killed run left is removed some days later.
    let left = bench.file("results/.result.0123456789abcdef.tmp", "1");
    let others = bench.file("results/.mine.0123456789abcdef.tmp", "1");
    wait(&bench, &single, &["results", "--summary"]).ends_with(0);
    assert!(std::path::Path::new(&left).exists());
    for file in [&left, &others] {
        let file = std::fs::File::options().write(true).open(file);
        let long_ago = SystemClock.now() - std::time::Duration::from_hours(8 * 24);
        file.expect("a file")
            .set_modified(long_ago)
            .expect("a time");
    }
    wait(&bench, &single, &["results", "--summary"]).ends_with(0);
    assert!(!std::path::Path::new(&left).exists());
    assert!(std::path::Path::new(&others).exists());
}
