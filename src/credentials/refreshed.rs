//! Values of a file cache that were refreshed: tokens of IAM Identity Center and logins of `aws login`.

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::CredentialsError;
use crate::sys::{Sys, lock};

/// From this long before its expiry on, a value is refreshed, as by the Python SDK.
const AHEAD: Duration = Duration::from_mins(5);
/// Time after a failed refresh without another attempt.
const PAUSE: Duration = Duration::from_secs(30);
/// How often, and how far apart, the file is read again after a refresh that failed.
const REREADS: u32 = 5;
const REREAD_PAUSE: Duration = Duration::from_millis(200);

/// A value of the file cache.
pub(super) trait Expires: Clone + Serialize + DeserializeOwned {
    fn expiry(&self) -> Option<SystemTime>;

    fn is_valid(&self, at: SystemTime) -> bool {
        self.expiry().is_some_and(|expiry| at < expiry)
    }
}

/// The file of a value in the cache of the AWS CLI.
pub(super) struct CacheFile<'a> {
    pub(super) sys: &'a Sys,
    /// `None` if the home directory is unknown.
    pub(super) path: Option<PathBuf>,
    /// The error of a value with this problem.
    pub(super) broken: &'a dyn Fn(&str) -> CredentialsError,
    /// The problem of a file that cannot be parsed.
    pub(super) malformed: &'static str,
}

impl CacheFile<'_> {
    fn read<V: Expires>(&self) -> Result<V, CredentialsError> {
        let broken = self.broken;
        let path = self
            .path
            .as_ref()
            .ok_or_else(|| broken("cannot be found, because the home directory is unknown"))?;
        let place = path.display();
        let content =
            self.sys.files().read(path).map_err(|error| {
                broken(&format!("cannot be read from {place}")).with_source(error)
            })?;
        let content = Zeroizing::new(content);
        // The parser's own errors may quote what they could not read.
        let value: V = serde_json::from_slice(&content)
            .map_err(|_| broken(&format!("in {place} is not {}", self.malformed)))?;
        if value.expiry().is_none() {
            return Err(broken(&format!("in {place} has no known expiry")));
        }
        Ok(value)
    }

    /// The value of another process that used the refresh token first. It may write it a moment after this one was
    /// refused.
    fn newer<V: Expires>(&self, now: SystemTime) -> Option<V> {
        (0..REREADS).find_map(|_| {
            self.sys.clock().sleep(REREAD_PAUSE);
            self.read().ok().filter(|read: &V| read.is_valid(now))
        })
    }

    /// Writes it for the other tools. A home that cannot be written is no reason to fail: the value is cached in
    /// memory.
    fn write_back<V: Expires>(&self, value: &V) {
        if let Some(path) = &self.path
            && let Ok(text) = serde_json::to_vec(value)
        {
            let text = Zeroizing::new(text);
            let _ = self.sys.files().write(path, &text);
        }
    }
}

/// The name of a cache file, from the digest of its key.
pub(super) fn file_name(digest: &[u8]) -> String {
    let mut name = String::new();
    for byte in digest {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name + ".json"
}

/// The last refreshed value, cached as long as the provider lives, because the file may not be writable. Clones share
/// it. `Debug` shows nothing of it.
pub(super) struct Refreshed<K, V>(Arc<Mutex<State<K, V>>>);

struct State<K, V> {
    /// The value, and whose it is.
    value: Option<(K, V)>,
    /// When a refresh last failed, on the monotonic clock.
    failed_at: Option<Duration>,
}

impl<K: Clone + PartialEq, V: Expires> Refreshed<K, V> {
    /// The value of this key, refreshed if it expires soon and no refresh failed a moment ago. If the refresh fails,
    /// the old value is returned while it is valid. `refresh` gets whether one failed a moment ago. The lock is
    /// held meanwhile, because a refresh token may be valid for a single use.
    pub(super) fn get(
        &self,
        key: &K,
        file: &CacheFile<'_>,
        refresh: impl FnOnce(&V, bool) -> Result<V, CredentialsError>,
    ) -> Result<V, CredentialsError> {
        let clock = file.sys.clock();
        let now = clock.now();
        let mut state = lock(&self.0);
        let value = state.latest(key, file.read())?;
        let since_failure = state
            .failed_at
            .map(|at| clock.monotonic().saturating_sub(at));
        let is_pausing = since_failure.is_some_and(|since| since < PAUSE);
        if value.is_valid(now + AHEAD) || (is_pausing && value.is_valid(now)) {
            return Ok(value);
        }
        match refresh(&value, is_pausing) {
            Ok(refreshed) => {
                file.write_back(&refreshed);
                state.value = Some((key.clone(), refreshed.clone()));
                state.failed_at = None;
                Ok(refreshed)
            }
            Err(error) => {
                if !is_pausing {
                    state.failed_at = Some(clock.monotonic());
                }
                if value.is_valid(now) {
                    return Ok(value);
                }
                // Only a service's error has a cause.
                let theirs = error.cause.is_some().then(|| file.newer(now));
                theirs.flatten().ok_or(error)
            }
        }
    }
}

impl<K: PartialEq, V: Expires> State<K, V> {
    /// The file's value, or the cached one if that is valid for longer or the file cannot be read.
    fn latest(&self, key: &K, read: Result<V, CredentialsError>) -> Result<V, CredentialsError> {
        let cached = self.value.as_ref().filter(|(whose, _)| whose == key);
        match (read, cached) {
            (Ok(read), Some((_, cached))) if cached.expiry() <= read.expiry() => Ok(read),
            (_, Some((_, cached))) => Ok(cached.clone()),
            (read, None) => read,
        }
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
