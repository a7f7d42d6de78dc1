//! Panics of the caller's code on other threads, stored to be resumed on the caller's thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;

use crate::sys::unpoisoned;

/// The end of something that may panic.
pub(super) enum Ran<T> {
    Returned(T),
    Panicked(Caught),
}

impl<T> Ran<T> {
    /// Returns what was returned, or resumes the panic.
    pub(super) fn or_resume(self) -> T {
        match self {
            Self::Returned(value) => value,
            Self::Panicked(panic) => panic.resume(),
        }
    }
}

/// A panic; behind a lock only for the sake of `Sync`.
pub(super) struct Caught(Mutex<Box<dyn Any + Send>>);

impl Caught {
    /// Runs something that may panic.
    pub(super) fn catch<T>(act: impl FnOnce() -> T) -> Ran<T> {
        // The caller's code is responsible for what it leaves half done.
        match catch_unwind(AssertUnwindSafe(act)) {
            Ok(returned) => Ran::Returned(returned),
            Err(panic) => Ran::Panicked(Self(Mutex::new(panic))),
        }
    }

    /// Resumes the panic.
    pub(super) fn resume(self) -> ! {
        resume_unwind(unpoisoned(self.0.into_inner()))
    }
}
