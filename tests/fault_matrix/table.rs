//! The table in the documentation.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::faults::FAULTS;
use crate::operations::{Column, OPERATIONS};
use crate::{Cell, Key};

const BEGIN: &str = "<!-- The table: written by tests/fault_matrix.rs. -->\n";
const END: &str = "<!-- The end of the table. -->\n";

/// The rows in which the documentation says something else.
pub fn differing(cells: &BTreeMap<Key, Cell>) -> Vec<usize> {
    let document = Document::read();
    let old: Vec<_> = document.table.lines().skip(2).collect();
    let new = table(cells);
    let differs = |(row, line): &(usize, &str)| old.get(*row) != Some(line);
    new.lines()
        .skip(2)
        .enumerate()
        .filter(differs)
        .map(|(row, _)| row)
        .collect()
}

/// Fails where the documentation has another table; writes this one there if it is asked to.
pub fn compare(cells: &BTreeMap<Key, Cell>) {
    let document = Document::read();
    let new = table(cells);
    #[allow(clippy::disallowed_methods)] // of whoever runs the test
    if std::env::var_os("UPDATE_FAULT_TABLE").is_some() {
        document.write(&new);
        return;
    }
    let old = &document.table;
    let differences: Vec<_> = old
        .lines()
        .zip(new.lines())
        .filter(|(old, new)| old != new)
        .map(|(old, new)| format!("expected {old}\nfound    {new}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(old.lines().count(), new.lines().count(), "rows");
}

/// The page with the table, cut into what stands before it, itself, and what stands after it.
struct Document {
    path: PathBuf,
    before: String,
    table: String,
    after: String,
}

impl Document {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/faults.md");
        #[allow(clippy::disallowed_methods)] // the documentation, not the crate's files
        let text = std::fs::read_to_string(&path).expect("the documentation");
        let (before, rest) = text.split_once(BEGIN).expect("a table's begin");
        let (table, after) = rest.split_once(END).expect("a table's end");
        let [before, table, after] = [before, table, after].map(str::to_owned);
        Self {
            path,
            before,
            table,
            after,
        }
    }

    fn write(&self, table: &str) {
        let Self { before, after, .. } = self;
        let text = format!("{before}{BEGIN}{table}{END}{after}");
        std::fs::write(&self.path, text).expect("the documentation, anew");
    }
}

fn table(cells: &BTreeMap<Key, Cell>) -> String {
    let mut table = String::from("| fault |");
    for column in Column::ALL {
        write!(table, " {} |", column.title()).expect("text");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(Column::ALL.len()));
    table.push('\n');
    for (fault, what) in FAULTS.iter().enumerate() {
        write!(table, "| {} |", what.name).expect("text");
        for column in Column::ALL {
            write!(table, " {} |", cell(cells, fault, column)).expect("text");
        }
        table.push('\n');
    }
    table
}

/// What all operations of the column say, and by name where they differ.
fn cell(cells: &BTreeMap<Key, Cell>, fault: usize, column: Column) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (index, operation) in OPERATIONS.iter().enumerate() {
        if operation.column != column {
            continue;
        }
        let outcomes = [false, true].map(|always| {
            cells
                .get(&(fault, index, always))
                .map(|cell| words(cell, operation.begins_jobs()))
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

fn words(cell: &Cell, with_jobs: bool) -> String {
    let mut text = format!("{} ({}", cell.outcome, cell.counts.requests);
    if with_jobs {
        write!(text, ", ran {}", cell.counts.jobs).expect("text");
    }
    text.push(')');
    text
}
