//! Bodies that arrive, and requests that the server reads, too slowly.

use std::io::{self, Read};
use std::time::Duration;

use crate::sys::{Clock, SystemClock};

/// The minimum rate over a whole timeout. With the timeout of each read and write alone, a server that sends or reads
/// a byte a minute would block a caller for ever.
const BYTES_A_SECOND: u64 = 1024;

/// The bytes moved and the time taken, window by window. Only the time spent in reading or writing counts, so
/// that a slow caller does not get an error about a slow server. It is the machine's time, like the network's,
/// whatever clock the session has.
#[derive(Debug)]
pub(crate) struct Pace {
    window: Duration,
    /// The window, in each of which the minimum has to move; `None` if everything has to move in the first.
    enough: Option<u64>,
    spent: Duration,
    moved: u64,
}

impl Pace {
    pub(crate) fn of(window: Duration) -> Self {
        let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        Self {
            enough: Some(millis.saturating_mul(BYTES_A_SECOND) / 1000),
            ..Self::within(window)
        }
    }

    fn within(window: Duration) -> Self {
        Self {
            window,
            enough: None,
            spent: Duration::ZERO,
            moved: 0,
        }
    }

    /// Whether nothing moved yet in this window.
    pub(super) fn is_new(&self) -> bool {
        self.moved == 0
    }

    /// Another window begins.
    pub(super) fn begin(&mut self) {
        (self.spent, self.moved) = (Duration::ZERO, 0);
    }

    /// Records that `bytes` moved since `began`. An error if that is too slow.
    pub(super) fn moved(
        &mut self,
        bytes: u64,
        since: Duration,
        problem: &'static str,
    ) -> io::Result<()> {
        let spent = SystemClock.monotonic().saturating_sub(since);
        if self.keeps_up(bytes, spent) {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::TimedOut, problem))
        }
    }

    /// Whether this many more bytes in this much more time are fast enough.
    pub(crate) fn keeps_up(&mut self, bytes: u64, spent: Duration) -> bool {
        self.moved += bytes;
        self.spent += spent;
        if self.spent > self.window {
            if self.enough.is_none_or(|enough| self.moved < enough) {
                return false;
            }
            self.begin();
        }
        true
    }

    /// Time until the window ends.
    pub(crate) fn left(&self) -> Duration {
        self.window.saturating_sub(self.spent)
    }
}

/// A body whose reading ends in an error when it arrives too slowly.
pub(super) struct Paced<R> {
    body: R,
    pace: Pace,
}

impl<R: Read> Paced<R> {
    /// An error's body, which is short, has to arrive in the first window.
    pub(super) fn new(body: R, window: Duration, success: bool) -> Self {
        let pace = if success {
            Pace::of(window)
        } else {
            Pace::within(window)
        };
        Self { body, pace }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = SystemClock.monotonic();
        let length = self.body.read(buffer)?;
        if length > 0 {
            let problem = "the response body arrived too slowly";
            self.pace.moved(length as u64, before, problem)?;
        }
        Ok(length)
    }
}
