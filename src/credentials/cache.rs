use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use super::{Credentials, CredentialsError, IntoProvider, ProvideCredentials};
use crate::aws::client::call::time_for_credentials;
use crate::sys::{Sys, lock, unpoisoned};

/// Caches the credentials of another provider in memory and refreshes them before they expire.
///
/// - **When**: 15 minutes before the expiry (the advisory timeout of the Python SDK), or, for credentials with a
///   lifetime below half an hour, at half of the time that was left when they were fetched. There is no
///   background thread: the next request refreshes them. Credentials without an expiry stay cached until
///   [`invalidate`](ProvideCredentials::invalidate): a profile's keys are read once, and an edit of the file
///   takes effect in a new session, or once the service reports the old keys as expired.
/// - **How many**: one refresh at a time, for any number of threads. Meanwhile the others get the cached credentials
///   while these are valid, and wait only if they are not.
/// - **Failures**: while the cached credentials are valid they are returned (unlike in the Python SDK also in the last
///   10 minutes), and the provider is called again after 1 s, 2 s, 4 s and so on up to 60 s. Without valid credentials
///   the error is returned, and for at most 5 s returned again without a call of the provider. A panic of the provider
///   continues only in the thread that called it.
/// - **Expired on arrival**: credentials that are already expired by this machine's clock are returned, because the
///   clock may be wrong, but they are not cached.
///
/// A [`Session`](crate::Session) wraps its [`DefaultChain`](crate::credentials::DefaultChain) in it, and the provider
/// that it is given, unless that is given as [uncached](crate::SessionBuilder::uncached_credentials).
///
/// ```
/// use sagemaker_async_inference::credentials::{CachedCredentials, Credentials, ProvideCredentials};
///
/// let slow = Credentials::new("AKIDEXAMPLE", "secret", None, None, "example");
/// let cached = CachedCredentials::new(slow);
/// assert_eq!(cached.provide_credentials()?.access_key_id(), "AKIDEXAMPLE");
/// # Ok::<(), sagemaker_async_inference::CredentialsError>(())
/// ```
#[must_use]
pub struct CachedCredentials {
    source: Arc<dyn ProvideCredentials>,
    sys: Sys,
    state: Mutex<State>,
    fetched: Condvar,
}

/// How long before their expiry credentials are refreshed.
const AHEAD: Duration = Duration::from_mins(15);
/// After the first failed fetch; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Without valid credentials, a provider that works again is noticed soon.
const LONGEST_PAUSE_WITHOUT: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    fetching: bool,
    failure: Option<CachedError>,
    /// What a service refused while a refresh was in progress; if the refresh returns the same, it started too
    /// early, and is not cached.
    refused: Option<Credentials>,
}

struct Kept {
    credentials: Credentials,
    /// `None` for credentials without an expiry.
    refresh_at: Option<SystemTime>,
}

struct CachedError {
    error: CredentialsError,
    /// On the monotonic clock.
    at: Duration,
    pause: Duration,
}

impl CachedCredentials {
    /// Wraps `source`.
    pub fn new<Kind>(source: impl IntoProvider<Kind>) -> Self {
        Self {
            source: source.into_provider(),
            sys: Sys::real(),
            state: Mutex::default(),
            fetched: Condvar::new(),
        }
    }

    /// Uses the clock of `sys`. Default: the machine's.
    pub fn with_sys(mut self, sys: &Sys) -> Self {
        self.sys = sys.clone();
        self
    }

    /// The outcome that is returned without calling the provider, if there is one.
    fn outcome(&self, state: &State) -> Option<Result<Credentials, CredentialsError>> {
        let clock = self.sys.clock();
        let now = clock.now();
        let pausing_for = |longest| {
            let failure = state.failure.as_ref();
            failure.filter(|failure| failure.is_recent(clock.monotonic(), longest))
        };
        match state.kept.as_ref().filter(|kept| kept.is_valid(now)) {
            Some(kept) => {
                let is_used =
                    state.fetching || !kept.is_due(now) || pausing_for(LONGEST_PAUSE).is_some();
                is_used.then(|| Ok(kept.credentials.clone()))
            }
            None if state.fetching => None,
            None => pausing_for(LONGEST_PAUSE_WITHOUT).map(|failure| Err(failure.error.clone())),
        }
    }

    /// That outcome, or else the right to call the provider.
    fn outcome_or_turn(&self) -> Next<'_> {
        let mut state = lock(&self.state);
        loop {
            if let Some(outcome) = self.outcome(&state) {
                return Next::Outcome(outcome);
            }
            if !state.fetching {
                state.fetching = true;
                state.refused = None;
                return Next::Fetch(Turn { cache: self });
            }
            state = unpoisoned(self.fetched.wait(state));
        }
    }
}

impl ProvideCredentials for CachedCredentials {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        match self.outcome_or_turn() {
            Next::Outcome(outcome) => outcome,
            Next::Fetch(turn) => {
                let clock = self.sys.clock();
                let began = clock.monotonic();
                let fetched = self.source.provide_credentials();
                let took = clock.monotonic().saturating_sub(began);
                let is_cut_off = time_for_credentials().is_some_and(|time| took >= time);
                turn.note(fetched, is_cut_off)
            }
        }
    }

    fn cached_credentials(&self) -> Option<Credentials> {
        self.outcome(&lock(&self.state))?.ok()
    }

    /// If these are cached, or none are, the next request refreshes them, whatever the expiry and earlier
    /// failures.
    fn invalidate(&self, refused: &Credentials) {
        {
            let mut state = lock(&self.state);
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

/// What a request for credentials does next.
enum Next<'a> {
    Outcome(Result<Credentials, CredentialsError>),
    Fetch(Turn<'a>),
}

/// The right to refresh. Released on drop, so also when the provider panics.
struct Turn<'a> {
    cache: &'a CachedCredentials,
}

impl Turn<'_> {
    /// The failure of a fetch that had no more time is not cached: the next request may have more.
    fn note(
        self,
        fetched: Result<Credentials, CredentialsError>,
        is_cut_off: bool,
    ) -> Result<Credentials, CredentialsError> {
        let clock = self.cache.sys.clock();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let mut state = lock(&self.cache.state);
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
                CredentialsError::failed("the cache", "the source returned expired credentials")
            }
            Err(error) => error,
        };
        if is_cut_off {
            return still_valid.ok_or(error);
        }
        let pause = state.failure.take().map_or(FIRST_PAUSE, |failure| {
            (failure.pause * 2).min(LONGEST_PAUSE)
        });
        state.failure = Some(CachedError {
            error: error.clone(),
            at: monotonic,
            pause,
        });
        still_valid.ok_or(error)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.cache.state).fetching = false;
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

impl CachedError {
    fn is_recent(&self, monotonic: Duration, longest: Duration) -> bool {
        monotonic.saturating_sub(self.at) < self.pause.min(longest)
    }
}

impl fmt::Debug for CachedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedCredentials").finish_non_exhaustive()
    }
}
