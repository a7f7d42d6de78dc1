//! Reports as text for people or as JSON for programs.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::exit::Outcome;
use super::lines::print;
use super::words::printable;

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One `name  value` line for each member
    Text,
    /// One JSON object
    Json,
}

/// The option of commands that print a report.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::cli) struct Form {
    /// How to print the report or the summary [default: text on a terminal, json otherwise]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

impl Form {
    pub(in crate::cli) fn is_text(self) -> bool {
        match self.format {
            Some(format) => format == Format::Text,
            None => io::stdout().is_terminal(),
        }
    }

    pub(in crate::cli) fn print(self, report: &Value) -> Outcome {
        print(&self.render(report))
    }

    pub(in crate::cli) fn render(self, report: &Value) -> String {
        if self.is_text() {
            text(report)
        } else {
            report.to_string()
        }
    }
}

/// A report in lines: names in words and aligned, nested members indented, absent ones left out.
pub(in crate::cli) fn text(report: &Value) -> String {
    let mut lines = String::new();
    write(&mut lines, report, 0);
    printable(lines.trim_end())
}

fn write(lines: &mut String, report: &Value, indent: usize) {
    match report {
        Value::Object(members) => {
            let shown = members.iter().filter(|(_, value)| !is_nothing(value));
            let shown: Vec<_> = shown
                .map(|(name, value)| (name.replace('_', " "), value))
                .collect();
            let is_short = |value: &Value| !value.is_object() && !value.is_array();
            let names = shown.iter().filter(|(_, value)| is_short(value));
            let width = names
                .map(|(name, _)| name.chars().count())
                .max()
                .unwrap_or(0);
            for (name, value) in shown {
                if is_short(value) {
                    let value = short(value);
                    let _ = writeln!(lines, "{:indent$}{name:width$}  {value}", "");
                } else {
                    let _ = writeln!(lines, "{:indent$}{name}", "");
                    write(lines, value, indent + 2);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(members) => {
                        let mut parts: Vec<_> = members.iter().collect();
                        // What the item is about comes first; other members are in order of their names.
                        parts.sort_by_key(|(name, _)| *name != "source");
                        parts.retain(|(_, value)| !is_nothing(value));
                        let parts: Vec<_> = parts.iter().map(|(_, value)| short(value)).collect();
                        let _ = writeln!(lines, "{:indent$}{}", "", parts.join(": "));
                    }
                    item => {
                        let _ = writeln!(lines, "{:indent$}{}", "", short(item));
                    }
                }
            }
        }
        value => {
            let _ = writeln!(lines, "{:indent$}{}", "", short(value));
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_nothing),
        _ => false,
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::text;

    #[test]
    fn members_are_aligned_lines_and_what_is_absent_is_left_out() {
        let report = json!({
            "endpoint_name": "e",
            "reason": null,
            "backlog": { "size": 3, "is_stuck": false, "age": null },
            "tried": [{ "source": "environment", "result": "not set" }, "x"],
            "none": [],
        });
        let expected = "backlog\n  is stuck  no\n  size      3\nendpoint name  e\ntried\n  \
                        environment: not set\n  x";
        let mut sorted: Vec<_> = text(&report).lines().map(str::to_owned).collect();
        let mut wanted: Vec<_> = expected.lines().map(str::to_owned).collect();
        sorted.sort();
        wanted.sort();
        assert_eq!(sorted, wanted);
    }

    #[test]
    fn what_steers_a_terminal_is_not_printed() {
        assert!(!text(&json!({ "state": "a\u{1b}[31m" })).contains('\u{1b}'));
    }
}
