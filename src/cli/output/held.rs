//! Handles of submitted inferences that only this process has: they are neither on standard output nor in a file.
//!
//! However the process ends, they are printed on standard error first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};

use super::lines::Submitted;
use crate::sync::lock;

static HELD: Mutex<State> = Mutex::new(State {
    next: 0,
    entries: BTreeMap::new(),
    alarm: false,
    announced: false,
});

/// Held while handles are written, so that the end of the process can wait for it.
static WRITING: Mutex<()> = Mutex::new(());

struct State {
    next: u64,
    entries: BTreeMap<u64, Entry>,
    /// The process may end at any moment: new handles are printed at once.
    alarm: bool,
    /// Whether any handle was printed.
    announced: bool,
}

enum Entry {
    /// A handle; whether it is on standard error already.
    Handle(Arc<Submitted>, bool),
    /// What seems to be a handle, but could not be read as one; whether it is on standard error already.
    Unread(String, bool),
    /// An input that is being submitted.
    Begun(String),
}

/// A guard for something that is held until it is [released](Self::release). If it is never released, it is printed at
/// the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Held(u64);

impl Held {
    /// Releases it: it is on standard output now, or its result is stored.
    pub(in crate::cli) fn release(self) {
        state().entries.remove(&self.0);
    }
}

/// Holds a handle.
pub(in crate::cli) fn hold(submitted: Arc<Submitted>) -> Held {
    add(Entry::Handle(submitted, false))
}

/// Holds what seems to be a handle, but could not be read as one. It is always printed at the end.
pub(in crate::cli) fn hold_unread(line: String) {
    add(Entry::Unread(line, false));
}

fn add(entry: Entry) -> Held {
    let (held, alarm) = {
        let mut state = state();
        (state.add(entry), state.alarm)
    };
    if alarm {
        print();
    }
    held
}

/// Holds an input whose submit begins, which may or may not happen if the process ends now.
pub(in crate::cli) fn begin(input: String) -> Held {
    state().add(Entry::Begun(input))
}

/// Prints what is held, and from now on every new one at once.
pub(in crate::cli) fn alarm() {
    state().alarm = true;
    print();
}

/// Prints the handles that are not printed yet, a line each. Returns whether any was printed in all.
pub(in crate::cli) fn print() -> bool {
    let writing = lock(&WRITING);
    let mut text = String::new();
    let announced = {
        let mut state = state();
        for entry in state.entries.values_mut() {
            // Writing to a string does not fail.
            let _ = match entry {
                Entry::Handle(submitted, printed @ false) => {
                    *printed = true;
                    writeln!(text, "{}", submitted.line())
                }
                Entry::Unread(line, printed @ false) => {
                    *printed = true;
                    writeln!(text, "{line}")
                }
                _ => continue,
            };
        }
        state.announced |= !text.is_empty();
        state.announced
    };
    // If standard error is closed, there is nowhere to report.
    drop(io::stderr().write_all(text.as_bytes()));
    drop(writing);
    announced
}

/// Prints everything, also inputs whose submit is on its way: the process ends now.
pub(in crate::cli) fn print_last() {
    print();
    let state = state();
    for entry in state.entries.values() {
        if let Entry::Begun(input) = entry {
            drop(writeln!(
                io::stderr(),
                "sagemaker-async: {input}: may or may not have been submitted"
            ));
        }
    }
}

impl State {
    fn add(&mut self, entry: Entry) -> Held {
        let key = self.next;
        self.next += 1;
        self.entries.insert(key, entry);
        Held(key)
    }
}

fn state() -> MutexGuard<'static, State> {
    lock(&HELD)
}
