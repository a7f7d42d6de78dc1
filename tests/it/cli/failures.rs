//! Full disks, closed pipes, terminals.

use std::process::Stdio;

use sagemaker_async_inference::local::{Fault, ModelResponse, Operation};

use crate::cli::bench::{BINARY, QUICK, Ran, bare, bench, with_model};

#[test]
fn a_file_in_the_place_of_the_results_directory() {
    let bench = bench();
    let input = bench.file("q.txt", "hello");
    let submitted = bench.run(&["submit", bench.name(), "--input", &input]);
    let ran = bench.run_with_input(
        &["wait", "--output-dir", &input],
        submitted.stdout.as_bytes(),
    );
    // The handle is printed, with a command that can succeed.
    ran.ends_with(2)
        .says("q.txt is not a directory")
        .says(submitted.stdout.trim())
        .says("wait --output-dir DIRECTORY");
}

#[test]
fn a_port_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = Ran::of(
        bare(&["local", "--listen", &address])
            .output()
            .expect("it runs"),
    );
    ran.ends_with(1).says(&address).says("in use");
}

#[test]
fn a_full_disk() {
    let bench = bench();
    let input = bench.file("q.txt", "hello");
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux")
    };
    let arguments = [&["predict", bench.name(), "--input", &input][..], &QUICK].concat();
    let ran = bench
        .command(&arguments)
        .stdout(full())
        .output()
        .expect("it runs");
    Ran::of(ran)
        .ends_with(1)
        .says("standard output: No space left");
    let ran = bench.run(&[&arguments[..], &["--output", "/dev/full"]].concat());
    ran.ends_with(1).says("/dev/full: No space left");
    for arguments in [
        &["submit", bench.name(), "--input", &input][..],
        &[
            "submit",
            bench.name(),
            "--inputs-from",
            &bench.file("list", &input),
        ],
        &["describe", bench.name()],
        &["completions", "bash"],
        &["quickstart"],
        &["local"],
    ] {
        let ran = bench
            .command(arguments)
            .stdout(full())
            .output()
            .expect("it runs");
        Ran::of(ran).ends_with(1).says("No space left");
    }
    // And standard error as well: there is no one left to inform, and that is no reason to panic.
    let missing = ["predict", bench.name(), "--input", "/no/such/file"];
    let ran = bench
        .command(&missing)
        .stderr(full())
        .output()
        .expect("it runs");
    Ran::of(ran).ends_with(1);
}

#[test]
fn a_reader_that_leaves() {
    let bench = with_model(|_| ModelResponse::ok(vec![b'x'; 4 << 20]));
    let input = bench.file("q.txt", "hello");
    let predict = ["predict", bench.name(), "--input", &input];
    let predict = [&predict[..], &QUICK].concat();
    for arguments in [&predict[..], &["completions", "zsh"]] {
        let mut child = bench
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        drop(child.stdout.take());
        let ran = Ran::of(child.wait_with_output().expect("it ends"));
        ran.ends_with(0);
        assert_eq!(ran.stderr, "");
    }
}

#[test]
fn nothing_is_left_half_written() {
    let bench = with_model(|_| ModelResponse::ok(vec![b'x'; 1 << 20]));
    let input = bench.file("q.txt", "hello");
    let output = bench.path("result.bin");
    let shown = output.to_str().expect("UTF-8");
    bench
        .endpoint
        .fault(Fault::on(Operation::GetObject).always().truncate_body(0));
    let ran = bench.quick(&[
        "predict",
        bench.name(),
        "--input",
        &input,
        "--output",
        shown,
    ]);
    ran.ends_with(1);
    assert_eq!(bench.left(), ["q.txt"]);
}

#[test]
fn what_cannot_be_read() {
    let bench = bench();
    let directory = bench.path("q");
    std::fs::create_dir(&directory).expect("a directory");
    let shown = directory.to_str().expect("UTF-8");
    bench
        .run(&["predict", bench.name(), "--input", shown])
        .ends_with(2)
        .says("--input-dir");
    bench
        .run(&["submit", bench.name(), "--input-dir", shown])
        .ends_with(2)
        .says("no file");
    for command in ["predict", "submit"] {
        bench
            .run(&[command, bench.name(), "--input", "s3://bucket/key"])
            .ends_with(2)
            .says("--input-location s3://bucket/key");
    }
    bench
        .run(&["submit", bench.name(), "--input-dir", "/no/such"])
        .ends_with(1)
        .says("/no/such");
    bench
        .run(&["wait", "/no/such"])
        .ends_with(1)
        .says("/no/such");
    bench.run(&["wait", "{}"]).ends_with(2);
    let list = bench.file("handles", "not a handle\n");
    bench.run(&["wait", &list]).ends_with(2).says("line 1");
    assert!(bench.endpoint.requests().is_empty());
}

#[test]
fn no_bar_and_no_colour_in_a_pipe() {
    let bench = bench();
    bench.endpoint.fault(
        Fault::on(Operation::GetObject)
            .times(3)
            .error(404, "NoSuchKey"),
    );
    let input = bench.file("q.txt", "hello");
    let ran = bench.quick(&["predict", bench.name(), "--input", &input]);
    ran.ends_with(0);
    assert_eq!(ran.stderr, "");
    let missing = bench.run(&["predict", bench.name(), "--input", "/no/such/file"]);
    assert!(!missing.stderr.contains('\u{1b}'), "{:?}", missing.stderr);
}

#[test]
fn every_commands_help_shows_an_example() {
    let help = Ran::of(bare(&["--help"]).output().expect("it runs"));
    help.ends_with(0);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "130 "] {
        assert!(
            help.stdout.contains(&format!("\n  {code}")),
            "{code}: {}",
            help.stdout
        );
    }
    for command in [
        "predict",
        "submit",
        "wait",
        "status",
        "deploy",
        "describe",
        "update",
        "scale",
        "delete",
        "credentials",
        "local",
        "quickstart",
        "completions",
    ] {
        assert!(help.stdout.contains(command), "{}", help.stdout);
        let own = Ran::of(bare(&[command, "--help"]).output().expect("it runs"));
        own.ends_with(0);
        let example = format!("    sagemaker-async {command}");
        assert!(own.stdout.contains(&example), "{}", own.stdout);
    }
}

#[test]
fn completions_are_of_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Ran::of(bare(&["completions", shell]).output().expect("it runs"));
        ran.ends_with(0);
        assert!(ran.stdout.contains("inputs-from"), "{shell}");
    }
}

#[test]
fn credentials_show_their_source_and_no_secret() {
    let bench = bench();
    let ran = bench.run(&["credentials"]);
    let found = &ran.ends_with(0).json()[0];
    assert_eq!(found["source"], "environment");
    assert_eq!(found["access_key_id"], "AKIA...MPLE");
    assert!(!ran.stdout.contains(bench.endpoint.secret_key()));
    let file = bench.file(
        "credentials",
        "[work]\naws_access_key_id = AKIDFROMFILE0001\naws_secret_access_key = hush\naws_session_token = hush-too\n",
    );
    let ran = bare(&["credentials", "--profile", "work"])
        .env("AWS_SHARED_CREDENTIALS_FILE", &file)
        .env("AWS_REGION", "us-east-1")
        .output();
    let ran = Ran::of(ran.expect("it runs"));
    let found = &ran.ends_with(0).json()[0];
    assert_eq!(found["source"], "profile");
    assert_eq!(found["has_session_token"], true);
    assert!(!ran.stdout.contains("hush"));
    let none = bare(&["credentials", "--region", "us-east-1"])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output();
    let none = Ran::of(none.expect("it runs"));
    let tried = &none.ends_with(6).json()[0]["tried"];
    assert_eq!(tried.as_array().map(Vec::len), Some(5));
    let reason = tried[0]["result"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("AWS_ACCESS_KEY_ID is not set"),
        "{reason}"
    );
}

/// What stops `predict` is what `credentials` reports: the same cause, and the same exit code.
#[test]
fn credentials_end_as_predict_does() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    let config = bench.file(
        "config",
        "[profile bad-role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\n\
         [profile keys]\naws_access_key_id = AKIDNOBODYKNOWS\naws_secret_access_key = hush\n\
         [profile process]\ncredential_process = /no/such/helper --json\n\
         [profile malformed]\nregion\n\
         [profile mfa]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\n\
         mfa_serial = arn:aws:iam::123456789012:mfa/me\n",
    );
    let off = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    for (about, extra, code, words) in [
        ("no keys", &[][..], 6, "AWS_ACCESS_KEY_ID is not set"),
        (
            "half a pair",
            &[("AWS_ACCESS_KEY_ID", "AKID")],
            6,
            "set both",
        ),
        (
            "no profile",
            &[("AWS_PROFILE", "gone")],
            1,
            "add [profile gone]",
        ),
        (
            "process",
            &[("AWS_PROFILE", "process")],
            6,
            "/no/such/helper --json",
        ),
        ("malformed", &[("AWS_PROFILE", "malformed")], 1, "line 10"),
        (
            "refused",
            &[("AWS_PROFILE", "bad-role")],
            6,
            "cannot assume the role",
        ),
        (
            "mfa",
            &[("AWS_PROFILE", "mfa")],
            6,
            "there is no terminal to ask for it",
        ),
        ("region", &[("AWS_REGION", "")], 1, "--region"),
        (
            "attempts",
            &[("AWS_MAX_ATTEMPTS", "many")],
            1,
            "AWS_MAX_ATTEMPTS",
        ),
    ] {
        let run = |arguments: &[&str]| {
            let ran = bare(arguments)
                .env("AWS_ENDPOINT_URL", bench.endpoint.url())
                .env("AWS_CONFIG_FILE", &config)
                .envs(off)
                .envs(extra.iter().copied())
                .output();
            Ran::of(ran.expect("it runs"))
        };
        let shown = run(&["credentials"]);
        let predicted = run(&["predict", bench.name(), "--input", &input]);
        for ran in [&shown, &predicted] {
            ran.ends_with(code);
            assert!(ran.stderr.contains(words), "{about}: {}", ran.stderr);
            assert!(!ran.stderr.contains("hush"), "{about}");
            for library in ["::", "Builder", "(..)"] {
                let own = ran.stderr.replace("arn:aws:iam::", "");
                assert!(!own.contains(library), "{about}: {own}");
            }
        }
        let tried = shown.json()[0]["tried"].as_array().map(Vec::len);
        assert!(
            tried.is_some_and(|tried| tried > 0),
            "{about}: {}",
            shown.stdout
        );
        let without_id = |text: &str| text.split(" [request id").next().map(str::to_owned);
        assert_eq!(
            without_id(&shown.stderr),
            without_id(&predicted.stderr),
            "{about}"
        );
    }
}

/// Results and failures have the permissions of the umask, or of the file that they replace; files with which a batch
/// continues are readable by their owner only.
#[cfg(unix)]
#[test]
fn files_are_as_private_as_they_should_be() {
    use std::os::unix::fs::PermissionsExt;

    let bench = bench();
    let run = |arguments: &[&str]| {
        let command = bench.command(&[]);
        let mut shell = std::process::Command::new("/bin/sh");
        shell
            .args(["-c", r#"umask 027 && exec "$0" "$@""#])
            .arg(BINARY);
        shell.args(arguments).args(QUICK).env_clear();
        shell.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        shell.current_dir(command.get_current_dir().expect("a directory"));
        Ran::of(shell.output().expect("a shell"))
    };
    let mode = |name: &str| {
        let metadata = std::fs::metadata(bench.path(name)).expect(name);
        metadata.permissions().mode() & 0o777
    };
    let input = bench.file("q.txt", "x");
    let fails = bench.file("f.txt", "fail");
    let name = bench.name();
    run(&["predict", name, "--input", &input, "--output", "new"]).ends_with(0);
    assert_eq!(mode("new"), 0o640);
    let private = std::fs::Permissions::from_mode(0o600);
    for file in ["kept", "kept.failure"] {
        bench.file(file, "old");
        std::fs::set_permissions(bench.path(file), private.clone()).expect("permissions");
    }
    run(&["predict", name, "--input", &input, "--output", "kept"]).ends_with(0);
    let kept = ["--failure-output", "kept.failure"];
    run(&[&["predict", name, "--input", &fails][..], &kept].concat()).ends_with(3);
    let new = ["--failure-output", "new.failure"];
    run(&[&["predict", name, "--input", &fails][..], &new].concat()).ends_with(3);
    assert_eq!(mode("kept"), 0o600);
    assert_eq!((mode("kept.failure"), mode("new.failure")), (0o600, 0o640));
    assert!(std::fs::read_to_string(bench.path("kept.failure")).is_ok_and(|text| text != "old"));

    let list = bench.file("list", &format!("{input}\n{fails}\n"));
    let ran = bench.run(&[
        "submit",
        name,
        "--journal",
        "journal",
        "--inputs-from",
        &list,
    ]);
    bench.file("handles", &ran.ends_with(0).stdout);
    assert_eq!(mode("journal"), 0o600);
    run(&["wait", "handles", "--output-dir", "results"]).ends_with(3);
    assert_eq!(mode("results"), 0o750);
    let files: Vec<_> = bench
        .left()
        .into_iter()
        .filter(|file| file.starts_with("results/"))
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o640, "{file}");
    }
}

/// If a failure cannot be stored, nothing is sent.
#[test]
fn an_output_that_names_a_directory_is_refused_before_anything_is_sent() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    let predict = ["predict", bench.name(), "--input", &input];
    for place in ["new/", "q.txt/", "./"] {
        for option in ["--output", "--failure-output", "--handle"] {
            let ran = bench.run(&[&predict[..], &[option, place]].concat());
            let code = ran.code;
            assert!(matches!(code, Some(1 | 2)), "{option} {place}");
            ran.says(place);
        }
    }
    assert!(bench.endpoint.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere_is_no_directory_of_results() {
    let bench = bench();
    std::os::unix::fs::symlink("nowhere", bench.path("out")).expect("a link");
    let input = bench.file("q.txt", "x");
    let submitted = bench.run(&["submit", bench.name(), "--input", &input]);
    let handle = submitted.ends_with(0).stdout.trim().to_owned();
    let ran = bench.run(&["wait", &handle, "--output-dir", "out"]);
    ran.ends_with(2).says("does not exist").says(&handle);
}

#[test]
fn the_failure_output_is_checked_first() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    for place in [".", "no/such/directory"] {
        let ran = bench.run(&[
            "predict",
            bench.name(),
            "--input",
            &input,
            "--failure-output",
            place,
        ]);
        assert!(
            ran.code.is_some_and(|code| code == 1 || code == 2),
            "{}",
            ran.stderr
        );
        ran.says(place);
    }
    assert!(bench.endpoint.requests().is_empty());
}

/// Whoever waits for an hour learns at once that nothing could be stored, and no message is received in vain.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_takes_no_results_is_refused_before_anything_is_sent() {
    let bench = bench();
    let input = bench.file("q.txt", "hello");
    let submitted = bench.run(&["submit", bench.name(), "--input", &input]);
    bench.endpoint.clear_requests();
    // It exists, and no user can create a file in it.
    let place = "/proc/self";
    let ran = bench.run_with_input(
        &["wait", "--output-dir", place],
        submitted.stdout.as_bytes(),
    );
    ran.ends_with(1)
        .says("sagemaker-async: /proc/self: ")
        .says(submitted.stdout.trim())
        .says("wait --output-dir DIRECTORY");
    let ran = bench.run(&["consume", "done", "--output-dir", place]);
    ran.ends_with(1).says("sagemaker-async: /proc/self: ");
    assert!(bench.endpoint.requests().is_empty());
}
