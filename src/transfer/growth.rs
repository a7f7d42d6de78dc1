//! How many connections a download uses. Another one is added as long as the last one made the download faster.

use std::time::Duration;

/// The shortest time over which a rate is measured.
const WINDOW: Duration = Duration::from_millis(40);

/// The share by which a connection has to raise the rate.
const GAIN: f64 = 1.0 / 8.0;

/// What to do after a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Stay,
    /// Add a connection.
    Add,
    /// Close the last one: it did not help.
    Drop,
}

/// Measures the rate with the present number of connections.
pub(super) struct Growth {
    connections: usize,
    most: usize,
    /// The rate with one connection less, in bytes a second.
    before: Option<f64>,
    phase: Phase,
}

enum Phase {
    /// The newest connection has received nothing since this time.
    Opening(Duration),
    Measuring {
        since: Duration,
        received: u64,
        window: Duration,
    },
    Done,
}

impl Growth {
    /// Begins now with this many connections.
    pub(super) fn new(connections: usize, most: usize, now: Duration) -> Self {
        Self {
            connections,
            most,
            before: None,
            phase: if connections < most {
                Phase::Opening(now)
            } else {
                Phase::Done
            },
        }
    }

    /// `received` is the number of bytes of all connections so far, `delivering` the number of connections that have
    /// received any.
    pub(super) fn step(&mut self, now: Duration, received: u64, delivering: usize) -> Step {
        match self.phase {
            Phase::Opening(since) if delivering >= self.connections => {
                // A connection needs some round trips to reach its rate, about as many as it took to begin.
                let window = WINDOW.max(now.saturating_sub(since) * 2);
                self.phase = Phase::Measuring {
                    since: now,
                    received,
                    window,
                };
                Step::Stay
            }
            Phase::Measuring {
                since,
                received: before,
                window,
            } => {
                let spent = now.saturating_sub(since);
                if spent < window {
                    return Step::Stay;
                }
                #[allow(clippy::cast_precision_loss)] // below 2^53
                let rate = (received - before) as f64 / spent.as_secs_f64();
                self.judge(rate, now)
            }
            Phase::Opening(_) | Phase::Done => Step::Stay,
        }
    }

    fn judge(&mut self, rate: f64, now: Duration) -> Step {
        let helped = self
            .before
            .is_none_or(|before| rate >= before * (1.0 + GAIN));
        self.before = Some(rate);
        self.phase = if helped && self.connections < self.most {
            Phase::Opening(now)
        } else {
            Phase::Done
        };
        match self.phase {
            Phase::Opening(_) => {
                self.connections += 1;
                Step::Add
            }
            _ if helped => Step::Stay,
            _ => Step::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Growth, Step};

    /// The number of connections in the end, and the highest number, of at most four. `rate` is that of a number of
    /// connections together, in bytes per millisecond; `delay` the milliseconds until one begins.
    fn connections(rate: impl Fn(u64) -> u64, delay: u64) -> (u64, u64) {
        let mut growth = Growth::new(2, 4, Duration::ZERO);
        let (mut used, mut most, mut received, mut begun) = (2, 2, 0, 0);
        for milli in 0..10_000 {
            let delivering = if milli >= begun + delay {
                used
            } else {
                used - 1
            };
            received += rate(delivering);
            let delivering = usize::try_from(delivering).expect("a few");
            match growth.step(Duration::from_millis(milli), received, delivering) {
                Step::Stay => {}
                Step::Add => (used, begun) = (used + 1, milli),
                Step::Drop => used -= 1,
            }
            most = most.max(used);
        }
        (used, most)
    }

    #[test]
    fn connections_are_added_as_long_as_they_help() {
        for delay in [0, 5, 300] {
            // Each waits for round trips: four are twice as fast as two.
            assert_eq!(connections(|n| n * 1000, delay), (4, 4));
            // The link or the processors are used up by two.
            assert_eq!(connections(|n| n.min(2) * 1000, delay), (2, 3));
            // The fourth hinders the others.
            assert_eq!(
                connections(|n| if n < 4 { n * 1000 } else { 2500 }, delay),
                (3, 4)
            );
        }
    }

    #[test]
    fn a_fixed_number_stays() {
        let mut growth = Growth::new(3, 3, Duration::ZERO);
        for milli in 0..1000 {
            let now = Duration::from_millis(milli);
            assert_eq!(growth.step(now, milli * 1000, 3), Step::Stay);
        }
    }
}
