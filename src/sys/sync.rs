//! Locks that stay usable after a panic. No critical section of this crate leaves its value incomplete.

use std::sync::{LockResult, Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}

/// What a lock or a wait for a condition returns, also after a panic.
pub(crate) fn unpoisoned<T>(outcome: LockResult<T>) -> T {
    outcome.unwrap_or_else(PoisonError::into_inner)
}
