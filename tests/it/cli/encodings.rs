//! Lists and handles as other shells write them, and standard streams that are closed.

use std::process::Stdio;

use crate::cli::bench::{QUICK, Ran, bench, by_shell, result_of};

/// As PowerShell's `>` writes it, and the other byte order.
fn utf16(text: &str) -> [Vec<u8>; 2] {
    let units = || "\u{feff}".encode_utf16().chain(text.encode_utf16());
    [
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
    ]
}

#[test]
fn lists_and_handles_may_be_utf16() {
    let bench = bench();
    bench.file("in/\u{e4}.txt", "1");
    bench.file("in/b", "2");
    for wide in utf16("in/\u{e4}.txt\r\nin/b\r\n") {
        std::fs::write(bench.path("list"), wide).expect("a file");
        let ran = bench.run(&["submit", bench.name(), "--inputs-from", "list"]);
        assert_eq!(ran.ends_with(0).json().len(), 2);
        for wide in utf16(&ran.stdout.replace('\n', "\r\n")) {
            std::fs::write(bench.path("handles"), &wide).expect("a file");
            bench
                .quick(&["wait", "handles", "--output-dir", "out"])
                .ends_with(0);
            assert_eq!(result_of(&bench.path("out"), "\u{e4}.txt"), "<1>");
            assert_eq!(result_of(&bench.path("out"), "b"), "<2>");
            let arguments = [&["wait", "-", "--output-dir", "piped"][..], &QUICK].concat();
            bench.run_with_input(&arguments, &wide).ends_with(0);
            std::fs::remove_dir_all(bench.path("out")).expect("a directory");
            std::fs::remove_dir_all(bench.path("piped")).expect("a directory");
        }
    }
}

/// A name that begins with the bytes of a mark is a name.
#[cfg(target_os = "linux")]
#[test]
fn a_name_that_only_begins_as_utf16_is_taken_byte_by_byte() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let bench = bench();
    let name = b"\xff\xfe\xe4b";
    std::fs::write(bench.path("").join(OsStr::from_bytes(name)), "1").expect("a file");
    std::fs::write(bench.path("list"), [name, &b"\n"[..]].concat()).expect("a file");
    let ran = bench.run(&["submit", bench.name(), "--inputs-from", "list"]);
    assert_eq!(ran.ends_with(0).stdout.lines().count(), 1);
}

/// An empty input is submitted if it exists, but not if there is none.
#[cfg(unix)]
#[test]
fn a_closed_standard_input_is_no_empty_one() {
    let bench = bench();
    for command in ["predict", "submit"] {
        let own = bench.command(&[command, bench.name(), "--input", "-"]);
        let mut shell = by_shell(r#"exec "$0" "$@" <&-"#, &own);
        let ran = Ran::of(shell.output().expect("a shell"));
        ran.ends_with(1).says("standard input is closed");
    }
    assert!(bench.endpoint.requests().is_empty());
    let arguments = ["submit", bench.name(), "--input", "-"];
    let mut empty = bench.command(&arguments);
    let ran = empty.stdin(Stdio::null()).output().expect("it runs");
    Ran::of(ran).ends_with(0);
}

#[test]
fn a_file_that_is_not_there_is_named_once() {
    let bench = bench();
    let list = bench.file("list", "nowhere/x\n");
    let ran = bench.run(&["submit", bench.name(), "--inputs-from", &list]);
    ran.ends_with(1).says("nowhere/x: No such file");
    assert_eq!(ran.stderr.matches("nowhere/x").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_time_limit_that_cannot_be_is_refused_by_its_option() {
    let bench = bench();
    let input = bench.file("q", "1");
    for limit in ["0s", "9999999h"] {
        let predict = ["predict", bench.name(), "--input", &input];
        bench
            .run(&[&predict[..], &["--timeout", limit]].concat())
            .ends_with(2)
            .says("--timeout");
    }
    assert!(bench.endpoint.requests().is_empty());
}
