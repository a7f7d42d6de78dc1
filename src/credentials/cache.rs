use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Credentials, CredentialsError, IntoProvider, ProvideCredentials};
use crate::sys::Sys;

/// Credentials of another source, kept in memory and fetched anew before they expire.
///
/// - **When**: from 15 minutes before the expiry on (the advisory timeout of the Python SDK), or, for
///   credentials that live less than half an hour, from the middle of the time they had left when
///   they were fetched. There is no thread in the background: the request that comes then fetches.
///   Credentials without an expiry are kept until [`invalidate`](ProvideCredentials::invalidate): a
///   profile's keys are read once, and an edit of the file counts for a new session, or once the
///   service refuses the old keys as expired.
/// - **How many**: one fetch at a time, however many threads ask. Meanwhile the others get what is
///   still valid, and wait only where nothing is.
/// - **Failures**: while what is kept is valid it is served (unlike the Python SDK also in the last
///   10 minutes), and the source is asked again after 1 s, 2 s, 4 s and so on to 60 s. With nothing
///   valid the error is returned, and repeated without asking the source for at most 5 s. A source
///   that panics does so in the thread that asked it, and in no other.
/// - **Expired on arrival**: credentials that the source hands out and that have expired by this
///   machine's clock are passed on, for the clock may be wrong, and not kept.
///
/// A [`Session`](crate::Session) puts it before its [`DefaultChain`](crate::credentials::DefaultChain) and before
/// a provider that it is given, unless that is given as
/// [uncached](crate::SessionBuilder::uncached_credentials).
///
/// ```
/// use sagemaker_async_inference::credentials::{CachedCredentials, Credentials, ProvideCredentials};
///
/// let slow = Credentials::new("AKIDEXAMPLE", "secret", None, None, "example");
/// let cached = CachedCredentials::new(slow);
/// assert_eq!(cached.provide_credentials()?.access_key_id(), "AKIDEXAMPLE");
/// # Ok::<(), sagemaker_async_inference::CredentialsError>(())
/// ```
pub struct CachedCredentials {
    source: Arc<dyn ProvideCredentials>,
    sys: Sys,
    state: Mutex<State>,
    fetched: Condvar,
}

/// How long before their expiry credentials are fetched anew.
const AHEAD: Duration = Duration::from_mins(15);
/// After the first failed fetch; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// With nothing valid to serve, a source that works again is found soon.
const LONGEST_PAUSE_WITHOUT: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    fetching: bool,
    failure: Option<Failure>,
    /// What a service refused while a fetch was under way; if the fetch brings the same, it was
    /// begun too early, and is not kept.
    refused: Option<Credentials>,
}

struct Kept {
    credentials: Credentials,
    /// `None` for credentials without an expiry.
    refresh_at: Option<SystemTime>,
}

struct Failure {
    error: CredentialsError,
    /// On the monotonic clock.
    at: Duration,
    pause: Duration,
}

impl CachedCredentials {
    /// Before `source`.
    pub fn new<Kind>(source: impl IntoProvider<Kind>) -> Self {
        Self {
            source: source.into_provider(),
            sys: Sys::real(),
            state: Mutex::default(),
            fetched: Condvar::new(),
        }
    }

    /// In the time of `sys`. Default: the machine's.
    pub fn with_sys(mut self, sys: &Sys) -> Self {
        self.sys = sys.clone();
        self
    }

    /// Every change to the state is made whole under the lock and runs no foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be answered without the source, or else the right to ask it.
    fn answer_or_turn(&self) -> Result<Result<Credentials, CredentialsError>, Turn<'_>> {
        let mut state = self.lock();
        loop {
            let clock = self.sys.clock();
            let (now, monotonic) = (clock.now(), clock.monotonic());
            let pausing = state.failure.as_ref();
            if let Some(kept) = state.kept.as_ref().filter(|kept| kept.is_valid(now)) {
                let pausing = pausing.is_some_and(|f| f.is_recent(monotonic, LONGEST_PAUSE));
                if state.fetching || pausing || !kept.is_due(now) {
                    return Ok(Ok(kept.credentials.clone()));
                }
            } else if !state.fetching
                && let Some(failure) =
                    pausing.filter(|f| f.is_recent(monotonic, LONGEST_PAUSE_WITHOUT))
            {
                return Ok(Err(failure.error.clone()));
            }
            if !state.fetching {
                state.fetching = true;
                state.refused = None;
                return Err(Turn { cache: self });
            }
            state = self
                .fetched
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl ProvideCredentials for CachedCredentials {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        match self.answer_or_turn() {
            Ok(answer) => answer,
            Err(turn) => {
                let fetched = self.source.provide_credentials();
                turn.note(fetched)
            }
        }
    }

    /// If it is these that are kept, or none are, the next request fetches, whatever the expiry and
    /// earlier failures.
    fn invalidate(&self, refused: &Credentials) {
        {
            let mut state = self.lock();
            if state
                .kept
                .as_ref()
                .is_some_and(|kept| kept.credentials != *refused)
            {
                return;
            }
            state.kept = None;
            state.failure = None;
            state.refused = Some(refused.clone());
        }
        self.source.invalidate(refused);
    }
}

/// The right to fetch. Given back when it is dropped, thus also where the source panics.
struct Turn<'a> {
    cache: &'a CachedCredentials,
}

impl Turn<'_> {
    fn note(
        self,
        fetched: Result<Credentials, CredentialsError>,
    ) -> Result<Credentials, CredentialsError> {
        let clock = self.cache.sys.clock();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let mut state = self.cache.lock();
        if state.refused.is_some() && fetched.as_ref().ok() == state.refused.as_ref() {
            return fetched;
        }
        let still_valid = state.kept.as_ref().filter(|kept| kept.is_valid(now));
        let still_valid = still_valid.map(|kept| kept.credentials.clone());
        let error = match fetched {
            Ok(credentials) => {
                let kept = Kept::new(credentials.clone(), now);
                if kept.is_valid(now) {
                    state.kept = Some(kept);
                    state.failure = None;
                    return Ok(credentials);
                }
                if still_valid.is_none() {
                    return Ok(credentials);
                }
                CredentialsError::failed("the cache", "the source gave expired credentials")
            }
            Err(error) => error,
        };
        let pause = state.failure.take().map_or(FIRST_PAUSE, |failure| {
            (failure.pause * 2).min(LONGEST_PAUSE)
        });
        state.failure = Some(Failure {
            error: error.clone(),
            at: monotonic,
            pause,
        });
        still_valid.ok_or(error)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.cache.lock().fetching = false;
        self.cache.fetched.notify_all();
    }
}

impl Kept {
    fn new(credentials: Credentials, now: SystemTime) -> Self {
        let refresh_at = credentials.expiry().map(|expiry| {
            let left = expiry.duration_since(now).unwrap_or_default();
            expiry.checked_sub(AHEAD.min(left / 2)).unwrap_or(expiry)
        });
        Self {
            credentials,
            refresh_at,
        }
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.credentials.expiry().is_none_or(|expiry| now < expiry)
    }

    fn is_due(&self, now: SystemTime) -> bool {
        self.refresh_at.is_some_and(|at| at <= now)
    }
}

impl Failure {
    fn is_recent(&self, monotonic: Duration, longest: Duration) -> bool {
        monotonic.saturating_sub(self.at) < self.pause.min(longest)
    }
}

impl fmt::Debug for CachedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedCredentials").finish_non_exhaustive()
    }
}
