//! Names to addresses.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::sys::Clock;

/// The system's failure to resolve a name, which would else look like any other I/O error.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Unresolved(io::Error);

/// Remembers addresses for as long as DNS answers of AWS live, about a minute: ureq would otherwise
/// resolve the name for every request, even on a pooled connection.
#[derive(Default)]
pub(super) struct CachingResolver {
    resolver: DefaultResolver,
    known: Mutex<HashMap<String, (Duration, ResolvedSocketAddrs)>>,
}

const ADDRESS_LIFETIME: Duration = Duration::from_mins(1);
const MAX_KNOWN_HOSTS: usize = 1000;

impl fmt::Debug for CachingResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachingResolver").finish_non_exhaustive()
    }
}

impl Resolver for CachingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // Addresses age in the machine's time, whatever clock the session uses.
        let now = crate::sys::SystemClock.monotonic();
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((expires, addresses)) = known().get(host)
            && *expires > now
        {
            return Ok(addresses.clone());
        }
        let addresses =
            self.resolver
                .resolve(uri, config, timeout)
                .map_err(|error| match error {
                    ureq::Error::Io(error) => ureq::Error::Other(Box::new(Unresolved(error))),
                    error => error,
                })?;
        let mut known = known();
        if known.len() >= MAX_KNOWN_HOSTS {
            known.clear();
        }
        known.insert(host.to_owned(), (now + ADDRESS_LIFETIME, addresses.clone()));
        Ok(addresses)
    }
}
