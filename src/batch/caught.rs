//! Panics of the caller's code, kept until they can go on where they would have been seen.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

/// A panic; behind a lock only for the sake of `Sync`.
pub(super) struct Caught(Mutex<Box<dyn Any + Send>>);

impl Caught {
    /// Does something that may panic.
    pub(super) fn catch<T>(act: impl FnOnce() -> T) -> Result<T, Self> {
        // What the callers' code leaves half done is its own.
        catch_unwind(AssertUnwindSafe(act)).map_err(|panic| Self(Mutex::new(panic)))
    }

    /// Lets it go on.
    pub(super) fn resume(self) -> ! {
        resume_unwind(self.0.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
