//! Clock correction by the services' time in error responses.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::error_response::ErrorResponse;
use super::{Attempts, Client};
use crate::error::{ServiceError, is_skew};
use crate::trace;

/// Clocks further apart than this make services refuse (their limit is 5 or 15 minutes).
const TOLERATED_SKEW: Duration = Duration::from_mins(4);

/// The clock's offset before and after it was changed for the next attempt.
#[derive(Clone, Copy)]
pub(super) struct Correction {
    before: i64,
    after: i64,
}

impl Client {
    pub(super) fn service_time(&self) -> SystemTime {
        let now = self.sys.clock().now();
        let offset = self.clock_offset.load(Ordering::Relaxed);
        let distance = Duration::from_millis(offset.unsigned_abs());
        let shifted = if offset < 0 {
            now.checked_sub(distance)
        } else {
            now.checked_add(distance)
        };
        shifted.unwrap_or(now)
    }

    /// How far this machine's clock is ahead of (positive) or behind the time of a refusal that may be about it, in
    /// seconds. `None` if the clock is right, or the refusal has no time.
    pub(super) fn clock_error(&self, response: &ErrorResponse) -> Option<i64> {
        let theirs = is_about_time(&response.error).then(|| response.time())??;
        let (apart, sign) = apart(self.sys.clock().now(), theirs);
        let seconds = i64::try_from(apart.as_secs()).ok()?;
        (apart >= TOLERATED_SKEW).then_some(sign * seconds)
    }

    /// Whether to sign the request again. Adopts the service's time if the time of the last signature is far from it. If
    /// the clock is right and the refusal is about time, the request was in transit for too long, and a new signature is
    /// enough. If the response has no time, an earlier correction is suspected. A correction that does not help is undone.
    pub(super) fn correct_clock(&self, response: &ErrorResponse, attempts: &mut Attempts) -> bool {
        let offset = &self.clock_offset;
        if let Some(Correction { before, after }) = attempts.clock_corrected {
            // If another thread has made another correction meanwhile, that stays.
            let (set, failed) = (Ordering::Relaxed, Ordering::Relaxed);
            let _ = offset.compare_exchange(after, before, set, failed);
            return false;
        }
        let before = offset.load(Ordering::Relaxed);
        let after = match response.time() {
            Some(theirs) if apart(theirs, self.service_time()).0 < TOLERATED_SKEW => {
                let first = !std::mem::replace(&mut attempts.signed_again, true);
                return first && is_about_time(&response.error);
            }
            Some(theirs) => {
                let (apart, sign) = apart(theirs, self.sys.clock().now());
                sign * i64::try_from(apart.as_millis()).unwrap_or(i64::MAX)
            }
            None if before != 0 => 0,
            None => return false,
        };
        offset.store(after, Ordering::Relaxed);
        attempts.clock_corrected = Some(Correction { before, after });
        trace::clock(before, after);
        true
    }
}

/// Whether the signature was refused for its time, and for nothing else.
fn is_about_time(error: &ServiceError) -> bool {
    let code = error.code();
    code.is_some_and(|code| is_skew(code, error.message()))
}

/// How far apart two times are, and whether the first is after (1) or before (-1) the second.
fn apart(a: SystemTime, b: SystemTime) -> (Duration, i64) {
    match a.duration_since(b) {
        Ok(ahead) => (ahead, 1),
        Err(behind) => (behind.duration(), -1),
    }
}
