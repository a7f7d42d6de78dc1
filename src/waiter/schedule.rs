//! When the polls of a wait are due. Pure: time, age and random numbers come in.

use std::time::Duration;

use super::WaiterConfig;
use crate::session::history::Usual;

/// The age of an inference, and the usual durations of its endpoint's inferences.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Age {
    /// Since its submit, or where that is not known since the wait began.
    pub(crate) elapsed: Duration,
    pub(crate) usual: Option<Usual>,
}

/// Longest pause before the first poll of an adaptive wait: the earlier inferences may have waited for an instance, or the
/// clock by which one was measured may have been set.
const LONGEST_FIRST: Duration = Duration::from_mins(1);

impl Usual {
    /// The age from which on a result is expected.
    fn expected(&self) -> Duration {
        self.shortest * 4 / 5
    }
}

impl WaiterConfig {
    /// The pause before the first poll.
    pub(crate) fn first_pause(&self, age: &Age) -> Duration {
        match age.usual {
            Some(usual) if self.adaptive => {
                let first = usual.expected().saturating_sub(age.elapsed);
                first.min(LONGEST_FIRST).max(self.initial_delay)
            }
            _ => self.initial_delay,
        }
    }

    /// The pause after poll number `attempt` (from 1), shortened by jitter as `random` (0 to 1) says; `None`
    /// after the last poll.
    pub(crate) fn pause_after(&self, attempt: u32, age: &Age, random: f64) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        if !self.adaptive && self.growth <= 1.0 && self.jitter <= 0.0 {
            return Some(self.delay);
        }
        let shortest = self.delay.as_secs_f64();
        let plain = if self.adaptive {
            let until_expected = age.usual.map_or(Duration::ZERO, |usual| {
                usual.expected().saturating_sub(age.elapsed)
            });
            let expected = age.usual.is_some_and(|usual| age.elapsed <= usual.longest);
            let share = if expected { 0.05 } else { 0.1 };
            (age.elapsed.as_secs_f64() * share)
                .max(until_expected.as_secs_f64())
                .max(shortest)
        } else if self.growth > 1.0 {
            shortest * self.growth.powf(f64::from(attempt - 1))
        } else {
            shortest
        };
        let plain = plain.min(self.max_delay.as_secs_f64().max(shortest));
        Some(Duration::from_secs_f64(
            plain * (1.0 - self.jitter * random),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Age, WaiterConfig};

    #[test]
    fn jitter_takes_its_share_of_the_random_number() -> crate::Result<()> {
        let waiter = WaiterConfig::builder()
            .delay(Duration::from_secs(10))
            .jitter(0.2)
            .build()?;
        let pause = |random| waiter.pause_after(1, &Age::default(), random);
        assert_eq!(pause(0.0), Some(Duration::from_secs(10)));
        assert_eq!(pause(0.5), Some(Duration::from_secs(9)));
        assert_eq!(pause(1.0), Some(Duration::from_secs(8)));
        Ok(())
    }

    #[test]
    fn no_poll_follows_the_last_one() -> crate::Result<()> {
        let waiter = WaiterConfig::new(2, Duration::from_secs(1))?;
        assert_eq!(
            waiter.pause_after(1, &Age::default(), 0.0),
            Some(Duration::from_secs(1))
        );
        assert_eq!(waiter.pause_after(2, &Age::default(), 0.0), None);
        Ok(())
    }
}
