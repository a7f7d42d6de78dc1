//! The lines of a journal.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Deserializer;

use crate::codec::without_mark;
use crate::handle::InferenceHandle;

/// A line of the file. Unknown members are ignored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: u32,
    /// The entry's number; in version 1 the input's position.
    pub(super) input: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(flatten)]
    pub(super) stage: Stage,
}

/// The state of an input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Its submit was about to start, with this inference id.
    Begun(String),
    /// Its submit had a response.
    Submitted(Box<InferenceHandle>),
    /// Its submit provably did not happen, for this reason.
    Refused(String),
}

/// Version 1 identified inputs by their position, and files by their modification time.
pub(super) const VERSION: u32 = 2;

pub(super) fn parse(line: &[u8]) -> io::Result<Record> {
    check(serde_json::from_slice(without_mark(line))?)
}

fn check(record: Record) -> io::Result<Record> {
    if (1..=VERSION).contains(&record.version) {
        Ok(record)
    } else {
        Err(invalid("it was written by a later version of this crate"))
    }
}

/// The record at the beginning of a line.
pub(super) fn parse_first(line: &[u8]) -> io::Result<Record> {
    let mut records = Deserializer::from_slice(without_mark(line)).into_iter();
    let record = records.next().transpose()?;
    check(record.ok_or_else(|| invalid("a record is gone"))?)
}

/// The records of a line, and where they begin. If the last record of a file had no line end, or was cut off, the first of
/// a file that was joined to it, or of another process, stands in its line.
pub(super) fn records(line: &[u8]) -> io::Result<Vec<(usize, Record)>> {
    const BEGIN: &[u8] = b"{\"version\":";
    let error = match parse(line) {
        Ok(record) => return Ok(vec![(0, record)]),
        Err(error) => error,
    };
    let begin = line.windows(BEGIN.len()).rposition(|part| part == BEGIN);
    let (before, last) = line.split_at(begin.unwrap_or_default());
    let mut records = match parse(before) {
        Ok(record) => vec![(0, record)],
        Err(_) if is_cut_off(before) && !before.is_empty() => Vec::new(),
        Err(_) => return Err(error),
    };
    records.push((before.len(), parse(last)?));
    Ok(records)
}

/// Whether a line without an end is the beginning of a record, or what a file system leaves of one after a power cut.
/// Anything else was written by somebody else and is not removed.
pub(super) fn is_cut_off(line: &[u8]) -> bool {
    const MEMBERS: [&str; 5] = ["sha256", "name", "begun", "submitted", "refused"];
    /// What comes after `start`; nothing if the text ends within it.
    fn after<'t>(text: &'t [u8], start: &str) -> Option<&'t [u8]> {
        let common = start.len().min(text.len());
        (text[..common] == start.as_bytes()[..common]).then(|| &text[common..])
    }
    let begins = |version| {
        let number = after(line, &format!("{{\"version\":{version},\"input\":"))?;
        let digits = number
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let rest = &number[digits..];
        let is_record = rest.is_empty()
            || (digits > 0
                && MEMBERS
                    .iter()
                    .any(|name| after(rest, &format!(",\"{name}\":")).is_some()));
        is_record.then_some(())
    };
    (1..=VERSION).any(|version| begins(version).is_some()) || line.iter().all(|byte| *byte == 0)
}

/// Any bytes as a line: a record that is accepted is written so that it is read as the same.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_line(line: &[u8]) {
    let Ok(record) = parse(line) else {
        return;
    };
    let written = |record: &Record| serde_json::to_vec(record).unwrap_or_default();
    let once = written(&record);
    assert!(!once.contains(&b'\n'), "a record is a line");
    let again = parse(&once).map(|record| written(&record));
    assert!(again.is_ok_and(|twice| twice == once), "{record:?}");
}

pub(super) fn invalid(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
