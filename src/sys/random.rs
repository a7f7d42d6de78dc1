use std::fmt;
use std::sync::{Arc, Mutex};

use super::sync::lock;

/// A source of random numbers: for the jitter of pauses, and for ids of inferences and uploads. They need not be
/// unpredictable.
///
/// A test sets its own, so that pauses and ids are known exactly.
///
/// ```
/// use sagemaker_async_inference::sys::{Random, Sys};
///
/// let sys = Sys::real().with_random(Random::constant(0.5));
/// assert_eq!(sys.random().fraction(), 0.5);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    Machine,
    Seeded(Arc<Mutex<fastrand::Rng>>),
    Constant(f64),
}

impl Random {
    /// A source with different numbers in every process.
    pub fn machine() -> Self {
        Self(Source::Machine)
    }

    /// A source with the same sequence of numbers for the same seed. Clones share the sequence.
    pub fn seeded(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self(Source::Seeded(Arc::new(Mutex::new(random))))
    }

    /// A source that always returns this fraction, from 0 to below 1; other values are reduced to this range. Ids
    /// still differ.
    pub fn constant(fraction: f64) -> Self {
        Self(Source::Constant(fraction.clamp(0.0, 1.0 - f64::EPSILON)))
    }

    /// Returns a number from 0 to below 1.
    pub fn fraction(&self) -> f64 {
        match &self.0 {
            Source::Machine => fastrand::f64(),
            Source::Seeded(random) => lock(random).f64(),
            Source::Constant(fraction) => *fraction,
        }
    }

    pub(crate) fn bits(&self) -> u128 {
        match &self.0 {
            Source::Machine | Source::Constant(_) => fastrand::u128(..),
            Source::Seeded(random) => lock(random).u128(..),
        }
    }

    /// A UUID (version 4).
    pub(crate) fn uuid(&self) -> String {
        let bits = (self.bits() & !(0xf000_u128 << 64) & !(0xc000_u128 << 48))
            | (0x4000_u128 << 64)
            | (0x8000_u128 << 48);
        let mut text = String::with_capacity(36);
        for (index, byte) in bits.to_be_bytes().into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 0xf] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        text
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::machine()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Machine => "Random(machine)",
            Source::Seeded(_) => "Random(seeded)",
            Source::Constant(_) => "Random(constant)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn uuids_are_of_version_4() {
        for _ in 0..1000 {
            let uuid = Random::machine().uuid();
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            assert_eq!(&uuid[14..15], "4", "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let [a, b] = [Random::seeded(7), Random::seeded(7)];
        assert_eq!(a.uuid(), b.clone().uuid());
        assert_ne!(a.uuid(), Random::seeded(8).uuid());
        assert_ne!(Random::constant(0.5).uuid(), Random::constant(0.5).uuid());
    }

    #[test]
    fn fractions_are_below_one() {
        assert!(Random::constant(7.0).fraction() < 1.0);
        assert!((0.0..1.0).contains(&Random::seeded(1).fraction()));
        assert!((0.0..1.0).contains(&Random::machine().fraction()));
    }
}
