//! JSON lines: printing and reading handles.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sagemaker_async_inference::InferenceHandle;
use sagemaker_async_inference::sys::{Clock, SystemClock};
use serde_json::Value;

use super::exit::{CommandError, Outcome};
use super::held::{self, Held};
use super::standard::standard_output;
use super::unread;
use crate::cli::args::streams::{Stream, in_utf8, is_utf16};
use crate::cli::interrupt::Interrupt;

/// A handle, and its input as the user named it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Submitted {
    pub(in crate::cli) handle: InferenceHandle,
    pub(in crate::cli) input: Option<String>,
}

/// A handle that was read, held until its result is stored.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Taken {
    pub(in crate::cli) submitted: Arc<Submitted>,
    pub(in crate::cli) held: Held,
}

/// The handles of an argument.
#[derive(Debug, Default)]
pub(in crate::cli) struct Found {
    pub(in crate::cli) handles: Vec<Taken>,
    /// Lines that are not handles.
    pub(in crate::cli) bad: Vec<CommandError>,
    /// Those lines, which may have handles in another layout.
    unread: Vec<u8>,
}

/// The member that a line has in addition to those of the handle; readers of handles ignore it.
const INPUT: &str = "input";

/// A handle has at most 16 KiB, and a path 4 KiB.
const MAX_LINE: usize = 64 << 10;

const MARK: &[u8] = "\u{feff}".as_bytes();

/// After an interruption the writer of the pipe still prints what it has submitted, so this reads on as long as lines
/// arrive.
const QUIET: Duration = Duration::from_secs(3);
const DRAIN: Duration = Duration::from_secs(15);
const CHECK: Duration = Duration::from_millis(50);

impl Submitted {
    pub(in crate::cli) fn new(handle: InferenceHandle, input: Option<String>) -> Self {
        Self { handle, input }
    }

    /// The line that [`parse`](Self::parse) reads.
    pub(in crate::cli) fn line(&self) -> String {
        let Ok(mut value) = serde_json::to_value(&self.handle) else {
            return self.handle.to_string();
        };
        if let Some(input) = &self.input {
            value[INPUT] = input.as_str().into();
        }
        value.to_string()
    }

    pub(in crate::cli) fn parse(line: &str) -> Outcome<Self> {
        let handle = line.parse::<InferenceHandle>()?;
        let value: Option<Value> = serde_json::from_str(line).ok();
        let input = value.and_then(|value| Some(value.get(INPUT)?.as_str()?.to_owned()));
        Ok(Self { handle, input })
    }
}

impl Found {
    fn take(&mut self, line: &[u8], place: &str) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let parsed = match std::str::from_utf8(line) {
            Ok(array) if array.trim_start().starts_with('[') => Err(CommandError::usage(ARRAY)),
            _ if line.len() > MAX_LINE => {
                Err(CommandError::usage("the line is too long for a handle"))
            }
            Ok(line) if is_of_journal(&serde_json::from_str(line).unwrap_or_default()) => {
                Err(CommandError::usage(
                    "the line is a record of a journal: the `submit` that wrote it, run again with the same \
                     --journal, prints its handles",
                ))
            }
            Ok(line) => match spread(line.trim()) {
                Some(problem) => Err(CommandError::usage(problem)),
                None => Submitted::parse(line.trim()),
            },
            Err(_) => Err(CommandError::usage("the line is not UTF-8")),
        };
        match parsed {
            Ok(submitted) => {
                let submitted = Arc::new(submitted);
                let held = held::hold(Arc::clone(&submitted));
                self.handles.push(Taken { submitted, held });
            }
            Err(failure) => {
                self.bad.push(failure.within(place));
                if self.unread.len() + line.len() < unread::MAX {
                    self.unread.extend(line);
                    self.unread.push(b'\n');
                }
            }
        }
    }

    fn take_number(&mut self, line: &[u8], number: &mut usize) {
        *number += 1;
        let line = if *number == 1 {
            line.strip_prefix(MARK).unwrap_or(line)
        } else {
            line
        };
        self.take(line, &format!("line {number}"));
    }
}

/// The handles of an argument: a handle itself, a file of them, or `-` for standard input. Each is held from the
/// moment that it is read; a line that is not a handle does not end the reading.
pub(in crate::cli) fn handles(argument: &str, interrupt: &Interrupt) -> Outcome<Found> {
    let mut found = Found::default();
    if argument.trim_start().starts_with('{') {
        found.take(argument.as_bytes(), "the argument");
    } else {
        let failed = |error: io::Error| CommandError::io(argument, &error);
        let stream = if argument == "-" {
            Stream::new(|| Ok(io::stdin()), interrupt)
        } else {
            let path = argument.to_owned();
            Stream::new(move || File::open(path), interrupt)
        };
        let terminal = argument == "-" && io::stdin().is_terminal();
        let read = read_lines(stream.map_err(failed)?, &mut found, interrupt, terminal);
        for line in unread::handles_in(&std::mem::take(&mut found.unread)) {
            held::hold_unread(line);
        }
        read.map_err(failed)?;
    }
    if found.handles.is_empty() && !interrupt.has_struck() {
        return Err(match found.bad.into_iter().next() {
            Some(bad) => bad,
            None => CommandError::usage(format!("there is no handle in {argument}")),
        });
    }
    Ok(found)
}

fn read_lines(
    mut stream: Stream,
    found: &mut Found,
    interrupt: &Interrupt,
    terminal: bool,
) -> io::Result<()> {
    let (mut line, mut number) = (Vec::new(), 0);
    // All of a text in UTF-16, whose lines do not end with a byte.
    let mut wide = None;
    let mut struck_at = None;
    let mut quiet_since = SystemClock.monotonic();
    loop {
        let now = SystemClock.monotonic();
        if interrupt.has_struck() {
            let since = *struck_at.get_or_insert(now);
            let idle = now.saturating_sub(quiet_since.max(since));
            if terminal || idle >= QUIET || now.saturating_sub(since) >= DRAIN {
                return Ok(());
            }
        }
        let Some(block) = stream.next_block(CHECK) else {
            continue;
        };
        let mut block = block?;
        quiet_since = now;
        if wide.is_none() && number == 0 && line.is_empty() && is_utf16(&block) {
            wide = Some(Vec::new());
        }
        let mut is_last = block.is_empty();
        if let Some(wide) = &mut wide {
            if !is_last {
                wide.append(&mut block);
                continue;
            }
            block = in_utf8(std::mem::take(wide));
        }
        is_last |= wide.is_some();
        let mut parts = block.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            // What is too long for a handle is kept as far as it shows that, unless it may be an array of them.
            let begin = line
                .iter()
                .chain(part)
                .find(|byte| !byte.is_ascii_whitespace());
            let most = if begin == Some(&b'[') {
                unread::MAX
            } else {
                2 * MAX_LINE
            };
            line.extend(&part[..part.len().min(most - line.len().min(most))]);
            if parts.peek().is_some() || is_last {
                found.take_number(&line, &mut number);
                line.clear();
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Whether a file begins with a handle or with a record of a journal.
pub(in crate::cli) fn is_record(path: &Path) -> bool {
    let begins = || -> io::Result<Vec<u8>> {
        let mut file = BufReader::new(File::open(path)?.take(MAX_LINE as u64));
        let mut line = Vec::new();
        if file.fill_buf()?.starts_with(b"{") {
            file.read_until(b'\n', &mut line)?;
        }
        Ok(line)
    };
    let Ok(line) = begins() else {
        return false;
    };
    is_of_journal(&serde_json::from_slice(&line).unwrap_or_default())
        || std::str::from_utf8(&line).is_ok_and(|line| Submitted::parse(line.trim()).is_ok())
}

const ARRAY: &str =
    "the line begins a JSON array; write one handle a line, as `jq -c '.[]'` does from an array";

/// Why a line is no handle, if it is of JSON in another layout than one handle a line.
fn spread(line: &str) -> Option<&'static str> {
    if line == "{" {
        Some(
            "the line begins JSON that goes on in the next line; write each handle in one line, as \
             `jq -c .` does",
        )
    } else {
        None
    }
}

/// Whether a line is a record of a journal.
fn is_of_journal(line: &Value) -> bool {
    let stages = ["begun", "submitted", "refused"];
    line["input"].is_u64() && stages.iter().any(|stage| line.get(stage).is_some())
}

/// A line on standard output, flushed.
pub(in crate::cli) fn print(line: &str) -> Outcome {
    standard_output()
        .and_then(|mut stdout| stdout.write_all(format!("{line}\n").as_bytes()))
        .map_err(|error| CommandError::io("standard output", &error))
}
