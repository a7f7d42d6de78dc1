//! How many bytes of bodies are taken at a time, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of requests whose signature holds: six objects of S3's greatest size for one request.
const ADMITTED: u64 = 32 << 30;
/// Of requests whose signature covers the body, and can be checked only when that is there: enough for an
/// invocation with an inline body on every connection.
const UNPROVEN: u64 = 128 << 20;

/// The bytes that are on their way.
#[derive(Debug)]
pub(in crate::local) struct Budget {
    left: AtomicU64,
}

/// The budgets of an endpoint.
#[derive(Debug, Clone)]
pub(in crate::local) struct Budgets {
    pub(in crate::local) admitted: Arc<Budget>,
    pub(in crate::local) unproven: Arc<Budget>,
}

impl Default for Budgets {
    fn default() -> Self {
        let of = |bytes| {
            Arc::new(Budget {
                left: AtomicU64::new(bytes),
            })
        };
        Self {
            admitted: of(ADMITTED),
            unproven: of(UNPROVEN),
        }
    }
}

/// A part of a budget, given back when this is dropped.
#[derive(Debug)]
pub(in crate::local) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    pub(in crate::local) fn of(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Takes more of the budget; false if there is not as much left.
    #[must_use]
    pub(in crate::local) fn grow(&mut self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        let taken = self
            .budget
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let Budgets { unproven, .. } = Budgets::default();
        let (mut first, mut second) = (Share::of(&unproven), Share::of(&unproven));
        assert!(first.grow(UNPROVEN - 1) && second.grow(1));
        assert!(!second.grow(1));
        drop(first);
        assert!(second.grow(UNPROVEN - 1));
        assert!(!second.grow(1));
    }
}
