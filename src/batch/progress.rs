//! Totals of a batch, for a callback.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// The totals of a batch so far.
///
/// ```
/// use std::ops::ControlFlow;
/// use sagemaker_async_inference::batch::BatchProgress;
///
/// fn report(progress: &BatchProgress) -> ControlFlow<()> {
///     eprintln!(
///         "{} of {} done, {} failed, {:.0} a second, {:?} to go",
///         progress.done(), progress.submitted(), progress.failed(), progress.rate(), progress.remaining(),
///     );
///     ControlFlow::Continue(())
/// }
/// # let _ = report;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BatchProgress {
    submitted: u64,
    done: u64,
    failed: u64,
    rate: f64,
    elapsed: Duration,
    /// The total number, if that is known.
    expected: Option<u64>,
}

#[cfg(feature = "local")]
impl BatchProgress {
    /// For tests of a progress callback: what it receives after `done` successes and `failed` errors of
    /// `submitted` inputs.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sagemaker_async_inference::batch::BatchProgress;
    ///
    /// let batch = BatchProgress::for_tests(10, 6, 1, Duration::from_secs(7));
    /// assert_eq!(batch.done() + batch.failed(), 7);
    /// ```
    pub fn for_tests(submitted: u64, done: u64, failed: u64, elapsed: Duration) -> Self {
        #[allow(clippy::cast_precision_loss)] // a rate
        let rate = (done + failed) as f64 / elapsed.as_secs_f64().max(1e-9);
        Self {
            submitted,
            done,
            failed,
            rate,
            elapsed,
            expected: Some(submitted),
        }
    }
}

impl BatchProgress {
    /// Number of inputs that were taken from the iterator, or of inferences that are waited for.
    pub fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Number of successes: accepted submits, or outputs.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Number of errors.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Number of those without an outcome so far.
    pub fn pending(&self) -> u64 {
        self.submitted - self.done - self.failed
    }

    /// Outcomes per second, over the last 15 to 30 seconds.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Time since the batch began.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Time that is left at this rate; `None` before the first outcome, and if the number of inputs is not known.
    pub fn remaining(&self) -> Option<Duration> {
        let finished = self.done + self.failed;
        let left = self.expected?.saturating_sub(finished);
        // Counts of any real batch are exact in a double.
        #[allow(clippy::cast_precision_loss)]
        let left = left as f64;
        Duration::try_from_secs_f64(left / self.rate).ok()
    }
}

/// The callback for the totals.
pub(super) type BatchCallback = Arc<dyn Fn(&BatchProgress) -> ControlFlow<()> + Send + Sync>;

/// Half the time over which the rate is taken.
const WINDOW: Duration = Duration::from_secs(15);

/// Counts outcomes, and calls the callback.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) submitted: u64,
    pub(super) done: u64,
    pub(super) failed: u64,
    began: Option<Duration>,
    /// Time and outcomes at the beginning of this window and of the one before.
    marks: [(Duration, u64); 2],
    pub(super) callback: Option<BatchCallback>,
}

impl Totals {
    pub(super) fn begin(&mut self, now: Duration) {
        if self.began.is_none() {
            self.began = Some(now);
            self.marks = [(now, 0); 2];
        }
    }

    /// Time since the beginning.
    pub(super) fn elapsed(&self, now: Duration) -> Duration {
        now.saturating_sub(self.began.unwrap_or(now))
    }

    pub(super) fn count(&mut self, went_well: bool) {
        if went_well {
            self.done += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Returns the callback's [`ControlFlow`].
    pub(super) fn report(&mut self, now: Duration, expected: Option<u64>) -> ControlFlow<()> {
        let Some(callback) = self.callback.clone() else {
            return ControlFlow::Continue(());
        };
        callback(&self.progress(now, expected))
    }

    fn progress(&mut self, now: Duration, expected: Option<u64>) -> BatchProgress {
        let finished = self.done + self.failed;
        if now.saturating_sub(self.marks[1].0) >= WINDOW {
            self.marks = [self.marks[1], (now, finished)];
        }
        let (since, before) = self.marks[0];
        #[allow(clippy::cast_precision_loss)]
        let outcomes = (finished - before) as f64;
        let seconds = now.saturating_sub(since).as_secs_f64();
        BatchProgress {
            submitted: self.submitted,
            done: self.done,
            failed: self.failed,
            rate: if seconds > 0.0 {
                outcomes / seconds
            } else {
                0.0
            },
            elapsed: self.elapsed(now),
            expected,
        }
    }
}

impl fmt::Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totals")
            .field("submitted", &self.submitted)
            .field("done", &self.done)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Totals;

    #[test]
    fn the_rate_is_that_of_late_and_tells_what_remains() {
        let mut totals = Totals::default();
        totals.begin(Duration::from_secs(100));
        totals.submitted = 1000;
        let at = |second: u64| Duration::from_secs(100 + second);
        assert_eq!(totals.progress(at(0), Some(1000)).remaining(), None);
        totals.done = 15;
        let progress = totals.progress(at(15), Some(1000));
        assert!((progress.rate() - 1.0).abs() < 1e-9, "{progress:?}");
        totals.failed = 300; // 20 a second from here on
        let progress = totals.progress(at(21), Some(1000));
        assert!((progress.rate() - 15.0).abs() < 1e-9, "{progress:?}");
        let progress = totals.progress(at(30), Some(1000));
        assert!((progress.rate() - 20.0).abs() < 1e-9, "{progress:?}");
        totals.done = 315;
        let progress = totals.progress(at(45), Some(1000));
        assert!((progress.rate() - 20.0).abs() < 1e-9, "{progress:?}");
        assert_eq!(progress.pending(), 385);
        let remaining = progress.remaining().expect("an estimate");
        assert!(
            (remaining.as_secs_f64() - 19.25).abs() < 1e-6,
            "{progress:?}"
        );
        assert_eq!(totals.progress(at(45), None).remaining(), None);
    }
}
