//! Limits on the bytes of bodies in flight, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// For requests with a valid signature: six objects of the largest size for one request.
const ADMITTED: u64 = 32 << 30;
/// For requests whose signature can be verified only with the body: enough for an invocation with an inline body on
/// every connection.
const UNPROVEN: u64 = 128 << 20;

/// The bytes in flight.
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

/// A reserved part of a budget; dropping this releases it.
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

    /// Reserves more of the budget; false if it is exhausted.
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
