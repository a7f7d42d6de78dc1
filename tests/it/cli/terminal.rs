//! What is shown on a terminal: bars, spinners, colours. Standard error is a pseudo-terminal, whose screen
//! a terminal emulator keeps; standard output is a pipe.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroU16;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};

use crate::cli::bench::{Bench, QUICK, bench, signal};

const ROWS: NonZeroU16 = NonZeroU16::new(24).expect("some rows");
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).expect("some columns");

/// What was shown.
struct Shown {
    code: Option<i32>,
    stdout: String,
    /// All output, with control sequences.
    raw: String,
    /// The screens, one after another.
    screens: Vec<String>,
}

impl Shown {
    fn of(command: &mut Command) -> Self {
        let (master, terminal) = pseudo_terminal();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(terminal)
            .spawn();
        // The command holds the terminal's side too, and its end is seen only without.
        command.stderr(Stdio::null());
        let (raw, screens) = screens(master);
        let output = child
            .expect("the binary runs")
            .wait_with_output()
            .expect("it ends");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            raw,
            screens,
        }
    }

    /// A screen that shows this.
    #[track_caller]
    fn showed(&self, part: &str) -> &str {
        let found = self.screens.iter().find(|screen| screen.contains(part));
        found.unwrap_or_else(|| panic!("no {part:?} in {:#?}", self.screens))
    }

    fn last(&self) -> &str {
        self.screens.last().map_or("", String::as_str)
    }
}

/// The side of the test, and that of the command.
fn pseudo_terminal() -> (File, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let master = openpt(flags).expect("a pseudo-terminal");
    grantpt(&master)
        .and_then(|()| unlockpt(&master))
        .expect("the other side");
    let size = Winsize {
        ws_row: ROWS.get(),
        ws_col: COLUMNS.get(),
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&master, size).expect("a size");
    let terminal = ioctl_tiocgptpeer(&master, flags).expect("the terminal");
    (File::from(master), File::from(terminal))
}

/// Clears a line, before it is drawn again.
const CLEAR: &[u8] = b"\x1b[2K";

/// Everything that comes until the terminal is closed, and how the screen looked before each line was drawn again. On
/// a busy machine one read brings several drawings.
fn screens(mut master: File) -> (String, Vec<String>) {
    let mut emulator = vt100::Parser::new(ROWS, COLUMNS, 0);
    let (mut raw, mut screens) = (Vec::new(), Vec::new());
    let mut piece = [0; 4096];
    // Linux ends a terminal that nobody holds any more with an error.
    while let Ok(read @ 1..) = master.read(&mut piece) {
        raw.extend_from_slice(&piece[..read]);
        let mut rest = &piece[..read];
        while let Some(at) = rest.windows(CLEAR.len()).position(|part| part == CLEAR) {
            emulator.process(&rest[..at]);
            screens.push(emulator.screen().contents());
            emulator.process(CLEAR);
            rest = &rest[at + CLEAR.len()..];
        }
        emulator.process(rest);
        screens.push(emulator.screen().contents());
    }
    screens.dedup();
    (String::from_utf8_lossy(&raw).into_owned(), screens)
}

fn command(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = bench.command(arguments);
    command.env("TERM", "xterm-256color");
    command
}

fn predicting<'a>(bench: &'a Bench, input: &'a str) -> Vec<&'a str> {
    [&["predict", bench.name(), "--input", input], &QUICK[..]].concat()
}

#[test]
fn a_spinner_while_one_is_waited_for() {
    let bench = bench();
    let input = bench.file("q.txt", "slow");
    let wait = ["--input", &input, "--delay", "50ms", "--timeout", "2s"];
    let arguments = [&["predict", bench.name()][..], &wait].concat();
    let shown = Shown::of(&mut command(&bench, &arguments));
    assert_eq!(shown.code, Some(4));
    shown.showed("waiting");
    let early = shown.showed("s waiting");
    assert_eq!(early.trim().lines().count(), 1, "{early}");
    // It spins: the same words after another sign.
    let mut signs: Vec<_> = shown
        .screens
        .iter()
        .filter(|screen| screen.contains("waiting"))
        .filter_map(|screen| screen.chars().next())
        .collect();
    signs.sort_unstable();
    signs.dedup();
    assert!(signs.len() > 2, "{signs:?}");
    // In the end the bar is removed, and the handle and how to continue are shown.
    assert!(
        shown.last().starts_with("sagemaker-async: no result"),
        "{}",
        shown.last()
    );
    assert!(
        shown.last().contains("sagemaker-async wait"),
        "{}",
        shown.last()
    );

    let input = bench.file("quick.txt", "x");
    let arguments = predicting(&bench, &input);
    let shown = Shown::of(&mut command(&bench, &arguments));
    assert_eq!(
        (shown.code, shown.stdout.as_str(), shown.last()),
        (Some(0), "<x>", "")
    );
}

#[test]
fn what_the_endpoint_is_doing() {
    let endpoint = LocalEndpoint::builder().bucket("bucket").instances(0);
    let bench = Bench::of(endpoint);
    let input = bench.file("q.txt", "x");
    let wait = ["--input", &input, "--delay", "100ms", "--timeout", "8s"];
    let arguments = [&["predict", bench.name()][..], &wait].concat();
    let shown = Shown::of(&mut command(&bench, &arguments));
    assert_eq!(shown.code, Some(4));
    shown.showed(&format!(
        "{}: scaled to zero, none ahead of you",
        bench.name()
    ));
}

#[test]
fn a_bar_of_bytes_for_a_transfer() {
    let bench = bench();
    let slow = Duration::from_millis(400);
    bench
        .endpoint
        .fault(Fault::on(Operation::UploadPart).delay(slow).always());
    let input = bench.file("large", "");
    let file = File::options().write(true).open(&input).expect("the input");
    file.set_len(64 << 20).expect("a long file");
    let arguments = [
        "predict",
        bench.name(),
        "--input",
        &input,
        "--output",
        "out",
        "--delay",
        "50ms",
        "--timeout",
        "60s",
    ];
    let shown = Shown::of(&mut command(&bench, &arguments));
    assert_eq!((shown.code, shown.last()), (Some(0), ""), "{}", shown.raw);
    let bar = shown
        .screens
        .iter()
        .find(|screen| screen.contains("MiB/64.00 MiB") && !screen.contains(" 0.00 MiB/"));
    let bar = bar.unwrap_or_else(|| panic!("{:#?}", shown.screens));
    assert!(
        bar.starts_with("upload [") && bar.contains("/s, ") && bar.contains(" left"),
        "{bar}"
    );
    let filled: Vec<_> = shown
        .screens
        .iter()
        .filter(|s| s.starts_with("upload"))
        .map(|s| s.matches('█').count())
        .collect();
    assert!(
        filled.is_sorted() && filled.iter().any(|&n| n > 5),
        "{filled:?}"
    );
}

#[test]
fn how_many_are_done() {
    let bench = bench();
    let names: Vec<_> = (0..20)
        .map(|n| bench.file(&format!("scans/{n}"), if n < 3 { "fail" } else { "x" }))
        .collect();
    let submit = ["submit", bench.name(), "--input-dir", "scans"];
    let shown = Shown::of(&mut command(&bench, &submit));
    assert_eq!((shown.code, shown.last()), (Some(0), ""), "{}", shown.raw);
    assert_eq!(shown.stdout.lines().count(), names.len());
    shown.showed(" done, 0 failed, ");
    bench.file("handles", &shown.stdout);
    let wait = [
        "wait",
        "handles",
        "--output-dir",
        "results",
        "--summary",
        "--delay",
        "20ms",
    ];
    let shown = Shown::of(&mut command(&bench, &wait));
    assert_eq!(shown.code, Some(3), "{}", shown.raw);
    shown.showed(" pending, ");
    shown.showed("/s");
    assert!(!shown.last().contains("/s"), "{}", shown.last());
}

#[test]
fn nothing_but_lines_where_no_bar_is_wanted() {
    let bench = bench();
    let input = bench.file("q.txt", "x");
    let arguments = predicting(&bench, &input);
    let quiet = Shown::of(command(&bench, &arguments).arg("--quiet"));
    assert_eq!((quiet.code, quiet.raw.as_str()), (Some(0), ""));
    let json = Shown::of(command(&bench, &arguments).args(["--progress", "json"]));
    assert_eq!(json.code, Some(0));
    assert!(!json.raw.contains('\u{1b}'), "{:?}", json.raw);
    for line in json.raw.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        assert!(event["event"].is_string(), "{event}");
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    let bench = bench();
    let arguments = ["predict", "e", "--input", "/no/such/file"];
    let colour = Shown::of(&mut command(&bench, &arguments));
    assert!(colour.raw.contains("\u{1b}[31m"), "{:?}", colour.raw);
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = Shown::of(command(&bench, &arguments).env(name, value));
        assert!(!plain.raw.contains("\u{1b}[31m"), "{:?}", plain.raw);
        plain.showed("/no/such/file");
    }
}

#[test]
fn describe_on_a_terminal_is_text_that_watch_refreshes_until_it_is_interrupted() {
    let bench = bench();
    let (master, terminal) = pseudo_terminal();
    let watch = ["describe", bench.name(), "--watch", "--interval", "20ms"];
    let mut command = command(&bench, &watch);
    let child = command
        .stdin(Stdio::null())
        .stdout(terminal)
        .stderr(Stdio::null())
        .spawn();
    command.stdout(Stdio::null());
    let mut child = child.expect("the binary runs");
    let reader = std::thread::spawn(move || screens(master));
    let described = || {
        let requests = bench.endpoint.requests();
        let all = requests.iter().map(|request| request.operation);
        all.filter(|operation| *operation == Operation::DescribeEndpoint)
            .count()
    };
    for _ in 0..2000 {
        if described() > 4 {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10));
    }
    signal(&child, "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let (_, screens) = reader.join().expect("the screens");
    let showed = |part: &str| screens.iter().any(|screen| screen.contains(part));
    assert!(showed("status"), "{screens:#?}");
    assert!(showed("instances  ██"), "{screens:#?}");
    assert!(!showed("{"), "{screens:#?}");
    // Each refresh takes the place of the one before.
    let most = screens
        .iter()
        .map(|screen| screen.matches("endpoint name").count())
        .max();
    assert_eq!(most, Some(1), "{screens:#?}");
}

#[test]
fn what_update_delete_and_a_summary_report_is_text_on_a_terminal_and_json_elsewhere() {
    let bench = bench();
    let update = ["update", bench.name(), "--instance-count", "2", "--no-wait"];
    let on_terminal = screens_of(&mut command(&bench, &update));
    assert!(on_terminal.contains("endpoint name"), "{on_terminal}");
    assert!(on_terminal.contains("status"), "{on_terminal}");
    assert!(!on_terminal.contains('{'), "{on_terminal}");

    let wait = ["wait", "handles", "--output-dir", "results", "--summary"];
    let input = bench.file("one", "x");
    let submitted = Shown::of(&mut command(
        &bench,
        &["submit", bench.name(), "--input", &input],
    ));
    bench.file("handles", &submitted.stdout);
    let text = [&wait[..], &["--format", "text"]].concat();
    let piped = Shown::of(&mut command(&bench, &text));
    assert!(piped.stdout.contains("completed  1"), "{}", piped.stdout);
    let piped = Shown::of(&mut command(&bench, &wait));
    assert!(piped.stdout.starts_with('{'), "{}", piped.stdout);

    // A deletion has to wait for the update.
    let delete = ["delete", bench.name(), "--all", "--delay", "20ms"];
    let json = [&delete[..], &["--format", "json"]].concat();
    let deleted = screens_of(&mut command(&bench, &json));
    assert!(deleted.contains("\"status\":\"Deleted\""), "{deleted}");
}

/// Everything that a command showed on a terminal that is its standard output.
fn screens_of(command: &mut Command) -> String {
    let (master, terminal) = pseudo_terminal();
    let child = command
        .stdin(Stdio::null())
        .stdout(terminal)
        .stderr(Stdio::null())
        .spawn();
    command.stdout(Stdio::null());
    let mut child = child.expect("the binary runs");
    let reader = std::thread::spawn(move || screens(master));
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let (_, screens) = reader.join().expect("the screens");
    screens.concat()
}
