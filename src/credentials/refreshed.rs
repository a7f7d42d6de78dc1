//! Values of a file cache that were refreshed: tokens of IAM Identity Center and logins of `aws login`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::CredentialsError;
use crate::sys::Sys;

/// From this long before its expiry on, a value is refreshed, as by the Python SDK.
pub(super) const AHEAD: Duration = Duration::from_mins(5);
/// Time after a failed refresh without another attempt.
const PAUSE: Duration = Duration::from_secs(30);

/// A value of the file cache.
pub(super) trait Expires: Clone {
    fn expiry(&self) -> Option<SystemTime>;

    fn is_valid(&self, at: SystemTime) -> bool {
        self.expiry().is_some_and(|expiry| at < expiry)
    }
}

/// The last refreshed value, cached as long as the provider lives, because the file may not be writable. Clones share
/// it. `Debug` shows nothing of it.
pub(super) struct Refreshed<K, V>(Arc<Mutex<State<K, V>>>);

pub(super) struct State<K, V> {
    /// The value, and whose it is.
    value: Option<(K, V)>,
    /// When a refresh last failed, on the monotonic clock.
    failed_at: Option<Duration>,
}

impl<K, V> Refreshed<K, V> {
    /// Locked during a refresh, because a refresh token may be valid for a single use.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: PartialEq, V: Expires> State<K, V> {
    /// The file's value, or the cached one if that is valid for longer or the file cannot be read.
    pub(super) fn latest(
        &self,
        key: &K,
        read: Result<V, CredentialsError>,
    ) -> Result<V, CredentialsError> {
        let kept = self.value.as_ref().filter(|(whose, _)| whose == key);
        match (read, kept) {
            (Ok(read), Some((_, kept))) if kept.expiry() <= read.expiry() => Ok(read),
            (_, Some((_, kept))) => Ok(kept.clone()),
            (read, None) => read,
        }
    }

    pub(super) fn keep(&mut self, key: K, value: V) {
        self.value = Some((key, value));
        self.failed_at = None;
    }

    pub(super) fn failed(&mut self, sys: &Sys) {
        self.failed_at = Some(sys.clock().monotonic());
    }

    /// Whether a refresh failed a moment ago.
    pub(super) fn is_pausing(&self, sys: &Sys) -> bool {
        let now = sys.clock().monotonic();
        self.failed_at
            .is_some_and(|failed| now.saturating_sub(failed) < PAUSE)
    }
}

impl<K, V> Default for Refreshed<K, V> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            value: None,
            failed_at: None,
        })))
    }
}

impl<K, V> Clone for Refreshed<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> fmt::Debug for Refreshed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshed").finish_non_exhaustive()
    }
}
