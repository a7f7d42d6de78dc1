//! The tables in the documentation.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::fault_matrix::faults::{Act, FAULTS, Fault};
use crate::fault_matrix::operation::{Column, Effect, Operation};
use crate::fault_matrix::operations::OPERATIONS;
use crate::fault_matrix::{Cell, Key};

const BEGIN: &str = "<!-- The tables: written by tests/it/fault_matrix/. -->\n";
const END: &str = "<!-- The end of the tables. -->\n";

const TABLES: [(&str, &[Column]); 3] = [
    (
        "The runtime and S3",
        &[
            Column::Submit,
            Column::Duplicates,
            Column::S3,
            Column::Multipart,
            Column::Wait,
        ],
    ),
    (
        "Identity and credentials",
        &[Column::Identity, Column::Metadata],
    ),
    (
        "The control plane",
        &[Column::Read, Column::Set, Column::Create, Column::Delete],
    ),
];

/// Fails if the documentation has other tables; writes these into it if requested.
pub fn compare(cells: &BTreeMap<Key, Cell>) {
    let document = Document::read();
    let new = tables(cells);
    #[allow(clippy::disallowed_methods)] // of whoever runs the test
    if std::env::var_os("UPDATE_FAULT_TABLE").is_some() {
        document.write(&new);
        return;
    }
    let old = &document.tables;
    let differences: Vec<_> = old
        .lines()
        .zip(new.lines())
        .filter(|(old, new)| old != new)
        .map(|(old, new)| format!("expected {old}\nfound    {new}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(old.lines().count(), new.lines().count(), "rows");
}

/// The page with the tables, cut into what stands before them, themselves, and what stands after them.
struct Document {
    path: PathBuf,
    before: String,
    tables: String,
    after: String,
}

impl Document {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/faults.md");
        #[allow(clippy::disallowed_methods)] // the documentation, not the crate's files
        let text = std::fs::read_to_string(&path).expect("the documentation");
        let (before, rest) = text.split_once(BEGIN).expect("the tables' begin");
        let (tables, after) = rest.split_once(END).expect("the tables' end");
        let [before, tables, after] = [before, tables, after].map(str::to_owned);
        Self {
            path,
            before,
            tables,
            after,
        }
    }

    fn write(&self, tables: &str) {
        let Self { before, after, .. } = self;
        let text = format!("{before}{BEGIN}{tables}{END}{after}");
        std::fs::write(&self.path, text).expect("the documentation, again");
    }
}

fn tables(cells: &BTreeMap<Key, Cell>) -> String {
    let mut tables = String::new();
    for (title, columns) in TABLES {
        write!(tables, "\n## {title}\n\n{}", table(cells, columns)).expect("text");
    }
    tables.push('\n');
    tables
}

fn table(cells: &BTreeMap<Key, Cell>, columns: &[Column]) -> String {
    let mut table = String::from("| fault |");
    for column in columns {
        write!(table, " {} |", column.title()).expect("text");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(columns.len()));
    table.push('\n');
    for (fault, what) in FAULTS.iter().enumerate() {
        write!(table, "| {} |", what.name).expect("text");
        for column in columns {
            write!(table, " {} |", cell(cells, fault, *column)).expect("text");
        }
        table.push('\n');
    }
    table
}

/// The outcome of all operations of the column, and by name those that differ.
fn cell(cells: &BTreeMap<Key, Cell>, fault: usize, column: Column) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (index, operation) in OPERATIONS.iter().enumerate() {
        if operation.column != column {
            continue;
        }
        let outcomes = [false, true].map(|always| {
            cells
                .get(&(fault, index, always))
                .map(|cell| words(cell, operation, &FAULTS[fault], always))
        });
        let text = match outcomes {
            [Some(once), Some(always)] if once == always => once,
            [Some(once), Some(always)] => format!("once: {once}; always: {always}"),
            [None, Some(always)] => always,
            _ => "missing".to_owned(),
        };
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(operation.name),
            None => groups.push((text, vec![operation.name])),
        }
    }
    if let [(text, _)] = &groups[..] {
        return text.clone();
    }
    // The larger group goes without names.
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let mut texts = groups
        .iter()
        .enumerate()
        .map(|(index, (text, names))| match index {
            0 => text.clone(),
            _ => format!("**{}**: {text}", names.join(", ")),
        });
    texts.by_ref().collect::<Vec<_>>().join("<br>")
}

fn words(cell: &Cell, operation: &Operation, fault: &Fault, always: bool) -> String {
    let counts = &cell.counts;
    // What is left of one read timeout, in real time, decides whether and how often a stalled range is
    // requested again.
    let stalls = matches!(fault.act, Act::Hang | Act::Drip(_) | Act::Endless(..));
    if stalls && operation.name == "GetObject of a range" {
        match (always, cell.outcome.as_str()) {
            (true, "Transport Timeout") => return "Transport Timeout (1 to 3)".to_owned(),
            (false, "Transport Timeout" | "result") => {
                return "result or Transport Timeout (1 to 3)".to_owned();
            }
            _ => {}
        }
    }
    let mut text = format!("{} ({}", cell.outcome, counts.requests);
    match operation.effect {
        Effect::Nothing => {}
        Effect::Each(word) => write!(text, ", {word} {}", counts.carried_out).expect("text"),
        Effect::Once => write!(text, ", done {}", counts.carried_out).expect("text"),
    }
    if counts.lookups > 0 {
        write!(text, ", looked up {}", counts.lookups).expect("text");
    }
    text.push(')');
    text
}
