//! Outputs that are not regular files, and file systems that refuse operations.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::cli::bench::{BINARY, Bench, QUICK, Ran, bench};

/// A shell's command, in which `$S` is the binary and `$E` the endpoint.
fn shell(bench: &Bench, script: &str) -> Ran {
    let own = bench.command(&[]);
    let mut shell = Command::new("/bin/bash");
    shell
        .args(["-c", script])
        .env_clear()
        .envs(
            own.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("S", BINARY)
        .env("E", bench.name())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(own.get_current_dir().expect("a directory"));
    Ran::of(shell.output().expect("a shell"))
}

#[test]
fn what_is_open_already_is_written_where_it_is() {
    let bench = bench();
    bench.file("q", "1");
    bench.file("f", "fail");
    let read = |name: &str| fs::read_to_string(bench.path(name)).expect("a file");
    for (script, file, expected) in [
        (
            "(echo a; $P --output /dev/stdout; echo b) > 1",
            "1",
            "a\n<1>b\n",
        ),
        (
            "echo a > 2; $P --output /dev/stdout >> 2; echo b >> 2",
            "2",
            "a\n<1>b\n",
        ),
        (
            "(echo a >&3; $P --output /dev/fd/3; echo b >&3) 3> 3",
            "3",
            "a\n<1>b\n",
        ),
        (
            "(echo a >&7; $P --output /proc/self/fd/7; echo b >&7) 7> 4",
            "4",
            "a\n<1>b\n",
        ),
        (
            "ln -s /dev/stdout link; (echo a; $P --output link; echo b) > 5",
            "5",
            "a\n<1>b\n",
        ),
        (
            "(echo a >&2; $P --output /dev/stderr; echo b >&2) 2> 6",
            "6",
            "a\n<1>b\n",
        ),
        ("$P --output /dev/stdout | cat > 7", "7", "<1>"),
    ] {
        let predict = "P=\"$S predict $E --input q --delay 20ms\"; ";
        shell(&bench, &format!("{predict}{script}")).ends_with(0);
        assert_eq!(read(file), expected, "{script}");
    }
    let ran = shell(
        &bench,
        "(echo a; $S predict $E --input f --delay 20ms --failure-output /dev/stdout; echo b) > 8",
    );
    ran.ends_with(0);
    let text = read("8");
    assert!(text.starts_with("a\n") && text.contains("ValueError") && text.ends_with("b\n"));
}

#[test]
fn a_named_pipe_is_written_to() {
    let bench = bench();
    bench.file("q", "1");
    let ran = shell(
        &bench,
        "mkfifo pipe in; cat pipe > copy & echo 1 > in & \
         $S predict $E --input in --delay 20ms --output pipe; c=$?; wait; exit $c",
    );
    ran.ends_with(0);
    let copy = fs::read_to_string(bench.path("copy")).expect("a file");
    assert_eq!(copy, "<1\n>");
}

#[test]
fn a_dangling_link_stays_one() {
    let bench = bench();
    let input = bench.file("q", "1");
    bench.file("target/here", "");
    symlink("target/new", bench.path("link")).expect("a link");
    symlink("no/such/place", bench.path("lost")).expect("a link");
    let predict = ["predict", bench.name(), "--input", &input, "--output"];
    bench
        .quick(&[&predict[..], &["link"]].concat())
        .ends_with(0);
    assert!(bench.path("link").is_symlink());
    assert_eq!(
        fs::read_to_string(bench.path("target/new")).expect("a file"),
        "<1>"
    );
    let jobs = bench.endpoint.jobs().len();
    bench
        .quick(&[&predict[..], &["lost"]].concat())
        .ends_with(1);
    assert_eq!(bench.endpoint.jobs().len(), jobs);
}

/// Functions of the C library in front of the system's, which fail as file systems let them fail.
fn shim(bench: &Bench) -> String {
    let source = bench.file(
        "shim.c",
        r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
static int refused(const char *name) {
    const char *number = getenv(name);
    if (number) errno = atoi(number);
    return number != 0;
}
int fsync(int file) {
    int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
    struct stat at;
    int directory = !fstat(file, &at) && S_ISDIR(at.st_mode);
    return refused(directory ? "NO_FSYNC_OF_DIRECTORIES" : "NO_FSYNC") ? -1 : next(file);
}
int fdatasync(int file) {
    int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return refused("NO_FSYNC") ? -1 : next(file);
}
int flock(int file, int operation) {
    int (*next)(int, int) = dlsym(RTLD_NEXT, "flock");
    return refused("NO_LOCKS") ? -1 : next(file, operation);
}
int fchmod(int file, mode_t mode) {
    int (*next)(int, mode_t) = dlsym(RTLD_NEXT, "fchmod");
    return refused("NO_MODES") ? -1 : next(file, mode);
}
"#,
    );
    let library = bench.path("shim.so").display().to_string();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", &library, &source, "-ldl"])
        .status();
    assert!(compiled.expect("cc, which links this test").success());
    library
}

#[test]
fn a_file_system_that_refuses_something_costs_no_file() {
    let bench = bench();
    let library = shim(&bench);
    let input = bench.file("in/q", "1");
    let run = |variable: &str, errno: &str, arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.env("LD_PRELOAD", &library).env(variable, errno);
        Ran::of(command.output().expect("it runs"))
    };
    let predict = [
        "predict",
        bench.name(),
        "--input",
        &input,
        "--output",
        "result",
    ];
    let predict = [&predict[..], &QUICK, &["--handle", "h"]].concat();
    // EPERM, EBADF, EINVAL, EOPNOTSUPP.
    for (variable, errno) in [
        ("NO_FSYNC_OF_DIRECTORIES", "22"),
        ("NO_FSYNC_OF_DIRECTORIES", "9"),
        ("NO_FSYNC_OF_DIRECTORIES", "95"),
        ("NO_FSYNC", "22"),
        ("NO_MODES", "1"),
        ("NO_MODES", "95"),
        ("NO_LOCKS", "37"),
    ] {
        bench.file("result", "old");
        run(variable, errno, &predict).ends_with(0);
        let result = fs::read_to_string(bench.path("result")).expect("a file");
        assert_eq!(result, "<1>", "{variable} {errno}");
        let journal = format!("journal-{variable}-{errno}");
        let submit = [
            "submit",
            bench.name(),
            "--input-dir",
            "in",
            "--journal",
            &journal,
        ];
        for _ in 0..2 {
            let ran = run(variable, errno, &submit);
            assert_eq!(ran.ends_with(0).json().len(), 1);
            let warned = ran.stderr.contains("no locks");
            assert_eq!(warned, variable == "NO_LOCKS", "{}", ran.stderr);
        }
    }
    // A disk that fails is no refusal: EIO.
    let submit = [
        "submit",
        bench.name(),
        "--input-dir",
        "in",
        "--journal",
        "bad",
    ];
    let jobs = bench.endpoint.jobs().len();
    let ran = run("NO_FSYNC", "5", &submit);
    assert!(ran.code.is_some_and(|code| code > 0), "{}", ran.stderr);
    assert_eq!(bench.endpoint.jobs().len(), jobs);
}

/// Nobody takes the lines: `submit > handles` on a disk that is full from the second line on.
#[test]
fn a_full_disk_costs_no_handle() {
    let bench = bench();
    for number in 0..20 {
        bench.file(&format!("in/{number:02}"), "1");
    }
    let script = "ulimit -f 2; exec $S submit $E --input-dir in --concurrency 1 > handles";
    let ran = shell(&bench, script);
    ran.ends_with(1).says("File too large");
    let written = fs::read_to_string(bench.path("handles")).expect("a file");
    let whole = written.lines().filter(|line| line.ends_with('}')).count();
    let reported = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .count();
    let jobs = bench.endpoint.jobs().len();
    assert!(
        jobs < 20 && whole + reported >= jobs,
        "{jobs}: {whole} and {reported}"
    );
}

#[test]
fn standard_output_that_is_open_for_reading_alone_is_an_error() {
    let bench = bench();
    let input = bench.file("q", "1");
    let own = File::open(&input).expect("a file");
    let predict = ["predict", bench.name(), "--input", &input];
    let arguments = [&predict[..], &QUICK].concat();
    let ran = bench.command(&arguments).stdout(own).output();
    let ran = Ran::of(ran.expect("it runs"));
    ran.ends_with(1).says("Bad file descriptor");
    assert_eq!(fs::read_to_string(&input).expect("a file"), "1");
}
