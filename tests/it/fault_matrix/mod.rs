//! Every operation under every fault, on real sockets: what is reported to the caller, how many requests that
//! took, and how often it was carried out.
//!
//! The tables in `src/guide/faults.md` are what is expected, cell by cell; `UPDATE_FAULT_TABLE=1` writes them
//! again, to be read before they are kept. What must hold of every cell whatever the tables say is checked in
//! [`check`].

#![allow(unreachable_pub)] // modules of their own, in one test

use crate::support;

mod faults;
mod operation;
mod operations;
mod response;
mod responses;
mod server;
mod setup;
mod table;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use faults::{Act, FAULTS};
use operation::{Column, Effect, Operation, Outcome, innermost};
use operations::OPERATIONS;
use sagemaker_async_inference::Error;
use server::{Counts, Server, Strikes};
use support::SECRET_KEY;

/// A cell by its fault, its operation and how often the fault strikes.
type Key = (usize, usize, bool);

/// The outcome of an operation.
struct Cell {
    outcome: String,
    counts: Counts,
}

#[test]
fn every_operation_under_every_fault() {
    let cells = Mutex::new(BTreeMap::new());
    let problems = Mutex::new(Vec::new());
    // Those that wait for timeouts cost no processor; the others are few at a time, so that no good response is
    // late.
    let (waiting, quick): (Vec<_>, Vec<_>) = keys()
        .into_iter()
        .partition(|(fault, _, _)| FAULTS[*fault].takes_time());
    let pools =
        [(waiting, 120), (quick, 8)].map(|(keys, threads)| (keys, AtomicUsize::new(0), threads));
    std::thread::scope(|scope| {
        for (keys, next, threads) in &pools {
            for _ in 0..*threads {
                scope.spawn(|| {
                    while let Some(key) = keys.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let (cell, found) = run(*key);
                        cells.lock().expect("cells").insert(*key, cell);
                        problems.lock().expect("problems").extend(found);
                    }
                });
            }
        }
    });
    let problems = problems.into_inner().expect("problems");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    table::compare(&cells.into_inner().expect("cells"));
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
    let mut problems = check(&operation, &outcome, &cell);
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

/// The outcome in few words: for an error, its kind and what distinguishes it from others.
fn describe(outcome: &Outcome) -> String {
    let error = match outcome {
        Ok(reported) => return (*reported).to_owned(),
        Err(failure) => innermost(failure.error()),
    };
    match error {
        Error::MaybeSubmitted(_) => "MaybeSubmitted".to_owned(),
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
        Error::Transfer(error) => format!("Transfer {:?}", error.kind()),
        Error::Config(_) => "Config".to_owned(),
        Error::Credentials(_) => "Credentials".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What holds of every cell.
fn check(operation: &Operation, outcome: &Outcome, cell: &Cell) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            problems.push(what.to_owned());
        }
    };
    expect(
        cell.counts.requests <= operation.most_requests,
        "more requests than attempts",
    );
    check_effect(operation, outcome, cell, &mut expect);
    if let Err(failure) = outcome {
        check_error(failure.error(), cell, &mut expect);
    }
    problems
}

type Expect<'a> = &'a mut dyn FnMut(bool, &str);

/// The reported error has to match what was carried out.
fn check_effect(operation: &Operation, outcome: &Outcome, cell: &Cell, expect: Expect<'_>) {
    let carried_out = cell.counts.carried_out;
    if operation.column == Column::Submit {
        expect(carried_out <= 1, "the inference ran twice");
    }
    if operation.effect == Effect::Nothing {
        return;
    }
    let leaves_open = match outcome
        .as_ref()
        .map_err(|failure| innermost(failure.error()))
    {
        Err(Error::MaybeSubmitted(_)) => true,
        // Of the errors of a submit, only this one says that.
        Err(_) if matches!(operation.column, Column::Submit | Column::Duplicates) => false,
        Err(Error::Transport(error)) => !error.never_sent(),
        Err(Error::Service(fault)) => fault.status() >= 500,
        _ => false,
    };
    expect(
        outcome.is_err() || carried_out >= 1,
        "a result, and nothing was done",
    );
    expect(
        outcome.is_ok() || leaves_open || carried_out == 0,
        "it was done, and the error denies it",
    );
}

fn check_error(error: &Error, cell: &Cell, expect: Expect<'_>) {
    let mut text = format!("{error:?}");
    let mut next: Option<&dyn StdError> = Some(error);
    while let Some(error) = next {
        let own = format!("{error:#}");
        next = error.source();
        if let Some(source) = next {
            let reported = source.to_string();
            expect(
                !own.contains(&reported) || reported.is_empty(),
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
        // The first attempt still fails where a kept connection was refused.
        expect(transport.attempts() >= 1, "no attempt is reported");
    }
    if let Error::Service(fault) = inner {
        expect(
            fault.attempts() as usize <= cell.counts.requests,
            "more attempts than requests are reported",
        );
    }
}
