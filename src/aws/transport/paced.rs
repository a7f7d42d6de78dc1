//! Bodies that come too slowly.

use std::io::{self, Read};
use std::time::Duration;

use crate::sys::{Clock, SystemClock};

/// Slower than this over a whole read timeout, a body does not come: it drips. The timeout of each read
/// alone would let a server that sends a byte a minute hold a poll for ever.
const BYTES_A_SECOND: u64 = 1024;

/// A body whose reading ends in an error when it drips. Only the time spent in reading counts, so that
/// whoever takes it slowly is not told that it came slowly. Time is the machine's, whatever clock the
/// session has: so is the network's.
pub(super) struct Paced<R> {
    body: R,
    window: Duration,
    /// In each window so much has to come; an error's body, which is short, has to come in the first.
    enough: Option<u64>,
    spent: Duration,
    came: u64,
}

impl<R: Read> Paced<R> {
    pub(super) fn new(body: R, window: Duration, success: bool) -> Self {
        Self {
            body,
            window,
            enough: success.then(|| {
                let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
                millis.saturating_mul(BYTES_A_SECOND) / 1000
            }),
            spent: Duration::ZERO,
            came: 0,
        }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = SystemClock.monotonic();
        let length = self.body.read(buffer)?;
        self.came += length as u64;
        self.spent += SystemClock.monotonic().saturating_sub(before);
        if length > 0 && self.spent > self.window {
            if self.enough.is_none_or(|enough| self.came < enough) {
                let problem = "the answer's body came too slowly";
                return Err(io::Error::new(io::ErrorKind::TimedOut, problem));
            }
            (self.spent, self.came) = (Duration::ZERO, 0);
        }
        Ok(length)
    }
}
