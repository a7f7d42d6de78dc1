//! Every operation under every fault, on real sockets: what the caller is told, how many requests that
//! took, and how many inferences were begun.
//!
//! The table in `src/guide/faults.md` is what is expected, cell by cell; `UPDATE_FAULT_TABLE=1` writes it
//! anew, to be read before it is kept. What must hold of every cell whatever the table says is checked in
//! [`check`].

#![allow(unreachable_pub)] // modules of their own, in one test

mod support;

#[path = "fault_matrix/faults.rs"]
mod faults;
#[path = "fault_matrix/operations.rs"]
mod operations;
#[path = "fault_matrix/server.rs"]
mod server;
#[path = "fault_matrix/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use faults::{Act, FAULTS};
use operations::{Column, OPERATIONS, innermost};
use sagemaker_async_inference::Error;
use server::{Counts, Server, Strikes};
use support::SECRET_KEY;

/// A cell by its fault, its operation and how often the fault strikes.
type Key = (usize, usize, bool);

/// What became of an operation.
struct Cell {
    outcome: String,
    counts: Counts,
}

#[test]
fn every_operation_under_every_fault() {
    let keys = keys();
    let next = AtomicUsize::new(0);
    let cells = Mutex::new(BTreeMap::new());
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        // Most of them wait for timeouts.
        for _ in 0..40 {
            scope.spawn(|| {
                while let Some(key) = keys.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let (cell, found) = run(*key);
                    cells.lock().expect("cells").insert(*key, cell);
                    problems.lock().expect("problems").extend(found);
                }
            });
        }
    });
    let problems = problems.into_inner().expect("problems");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let mut cells = cells.into_inner().expect("cells");
    // A machine that is very busy makes a good answer late; the second time they are alone.
    let differing = table::differing(&cells);
    let few = differing.len() <= 4;
    for fault in differing {
        if few && FAULTS[fault].takes_time() {
            for key in keys.iter().filter(|key| key.0 == fault) {
                cells.insert(*key, run(*key).0);
            }
        }
    }
    table::compare(&cells);
}

fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    for (fault, what) in FAULTS.iter().enumerate() {
        for operation in 0..OPERATIONS.len() {
            keys.push((fault, operation, true));
            // A listener that is gone does not come back on the same port.
            if !matches!(what.act, Act::Refuse) {
                keys.push((fault, operation, false));
            }
        }
    }
    // The longest first.
    keys.sort_by_key(|(fault, _, _)| !FAULTS[*fault].takes_time());
    keys
}

fn run((fault, operation, always): Key) -> (Cell, Vec<String>) {
    let (fault, operation) = (&FAULTS[fault], OPERATIONS[operation]);
    let strikes = if always {
        Strikes::Always
    } else {
        Strikes::Once
    };
    let server = Server::start(operation, fault, strikes);
    let outcome = operation.run(&server, fault.takes_time());
    let cell = Cell {
        outcome: describe(&outcome),
        counts: server.counts(),
    };
    let mut problems = check(operation.column, &outcome, &cell);
    if server.was_followed() {
        problems.push("the redirect was followed".to_owned());
    }
    let place = format!("{}, {strikes:?}, {}", fault.name, operation.name);
    let problems = problems
        .into_iter()
        .map(|problem| format!("{place}: {problem} ({}, {:?})", cell.outcome, cell.counts))
        .collect();
    (cell, problems)
}

/// The outcome in few words: for an error, its kind and what tells it from others.
fn describe(outcome: &Result<&'static str, Error>) -> String {
    let error = match outcome {
        Ok(told) => return (*told).to_owned(),
        Err(Error::MaybeSubmitted(_)) => return "MaybeSubmitted".to_owned(),
        Err(error) => innermost(error),
    };
    match error {
        Error::Service(fault) => {
            let code = fault.code().map(|code| format!(" {code}"));
            format!("Service {}{}", fault.status(), code.unwrap_or_default())
        }
        Error::Transport(error) => format!("Transport {:?}", error.kind()),
        Error::PollingTimeout(timeout) => {
            let seen = timeout.observed();
            let counts = [
                (seen.not_found, "not found"),
                (seen.access_denied, "denied"),
                (seen.failed, "failed"),
            ];
            let counts: Vec<_> = counts
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            format!("PollingTimeout, {}", counts.join(", "))
        }
        Error::Config(_) => "Config".to_owned(),
        Error::Credentials(_) => "Credentials".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What holds of every cell.
fn check(column: Column, outcome: &Result<&'static str, Error>, cell: &Cell) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            problems.push(what.to_owned());
        }
    };
    let Counts { requests, jobs } = cell.counts;
    // Three attempts, and one more each for credentials, clock and region.
    expect(requests <= 6, "more requests than attempts");
    if column == Column::Submit {
        expect(jobs <= 1, "the inference ran twice");
    }
    if matches!(column, Column::Submit | Column::Duplicates) {
        let maybe = matches!(outcome, Err(Error::MaybeSubmitted(_)));
        expect(outcome.is_err() || jobs >= 1, "a result and no inference");
        expect(
            outcome.is_ok() || maybe || jobs == 0,
            "it ran, and the error denies it",
        );
    }
    let Err(error) = outcome else {
        return problems;
    };
    let mut text = format!("{error:?}");
    let mut next: Option<&dyn StdError> = Some(error);
    while let Some(error) = next {
        let own = error.to_string();
        next = error.source();
        if let Some(source) = next {
            let told = source.to_string();
            expect(
                !own.contains(&told) || told.is_empty(),
                "an error repeats its source",
            );
        }
        text.push_str(&own);
    }
    for secret in [SECRET_KEY, "hush"] {
        expect(!text.contains(secret), "a secret is shown");
    }
    expect(!text.contains("AWS4-HMAC"), "a signature is shown");
    let inner = innermost(error);
    if let Error::Transport(transport) = inner {
        // The first attempt fails all the same where a kept connection was refused.
        expect(transport.attempts() >= 1, "no attempt is told");
    }
    if let Error::Service(fault) = inner {
        expect(
            fault.attempts() as usize <= requests,
            "more attempts than requests are told",
        );
    }
    problems
}
