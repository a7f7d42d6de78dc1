//! The durations of an endpoint's latest inferences, for adaptive waits.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use crate::sys::lock;

/// Number of an endpoint's latest durations that count.
const KEPT: usize = 32;
/// A program uses few endpoints; with more, the history starts from empty.
const MAX_ENDPOINTS: usize = 1000;

/// The durations, from the submit to the poll that found the outcome, by endpoint.
#[derive(Default)]
pub(crate) struct History {
    endpoints: Mutex<HashMap<String, VecDeque<Duration>>>,
}

/// The durations of the latest inferences of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usual {
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
}

impl History {
    pub(crate) fn record(&self, endpoint: &str, took: Duration) {
        let mut endpoints = lock(&self.endpoints);
        if endpoints.len() >= MAX_ENDPOINTS && !endpoints.contains_key(endpoint) {
            endpoints.clear();
        }
        let durations = endpoints.entry(endpoint.to_owned()).or_default();
        if durations.len() == KEPT {
            durations.pop_front();
        }
        durations.push_back(took);
    }

    pub(crate) fn usual(&self, endpoint: &str) -> Option<Usual> {
        let endpoints = lock(&self.endpoints);
        let durations = endpoints.get(endpoint)?;
        Some(Usual {
            shortest: *durations.iter().min()?,
            longest: *durations.iter().max()?,
        })
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{History, Usual};

    #[test]
    fn the_latest_durations_of_each_endpoint_count() {
        let history = History::default();
        assert_eq!(history.usual("a"), None);
        for second in 1..=40 {
            history.record("a", Duration::from_secs(second));
        }
        history.record("b", Duration::from_secs(99));
        let usual = Usual {
            shortest: Duration::from_secs(9),
            longest: Duration::from_secs(40),
        };
        assert_eq!(history.usual("a"), Some(usual));
    }
}
