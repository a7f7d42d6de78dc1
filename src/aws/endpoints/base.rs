//! The common beginning of all URLs of a service or bucket, parsed once and cached: building and parsing it for
//! each request would cost more than everything else before a poll is signed.

use std::borrow::Borrow;
use std::sync::{Arc, Mutex};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Uri, uri};

use crate::error::Result;
use crate::sys::lock;

/// Maximum number of cached bases. A program uses few buckets: to compare them costs less than to hash one.
const MAX_REMEMBERED: usize = 100;

/// Scheme, host and the beginning of the path, without a trailing slash.
#[derive(Debug)]
pub(super) struct Base {
    scheme: Scheme,
    authority: Authority,
    path: Box<str>,
}

impl Base {
    /// Parses a URL with scheme and host.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let parts = url.parse::<Uri>().ok()?.into_parts();
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path);
        Some(Self {
            scheme: parts.scheme?,
            authority: parts.authority?,
            path: path.trim_end_matches('/').into(),
        })
    }

    /// The URL of `path_and_query`, which begins with a slash and is percent-encoded.
    pub(super) fn join(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        let mut whole = String::with_capacity(self.path.len() + path_and_query.len());
        whole.extend([&self.path, path_and_query]);
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(whole)?);
        Ok(Uri::from_parts(parts)?)
    }
}

/// Bases by service or bucket, each with its region.
#[derive(Debug)]
pub(super) struct Bases<K>(Mutex<Vec<(K, String, Arc<Base>)>>);

impl<K> Default for Bases<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K> Bases<K> {
    /// The cached base, or a new one.
    pub(super) fn get_or_make<Q>(
        &self,
        of: &Q,
        region: &str,
        make: impl FnOnce() -> Result<Base>,
    ) -> Result<Arc<Base>>
    where
        K: Borrow<Q>,
        Q: Eq + ToOwned<Owned = K> + ?Sized,
    {
        let is_it = |known: &&(K, String, _)| known.0.borrow() == of && known.1 == region;
        let known = || lock(&self.0);
        if let Some((.., base)) = known().iter().find(is_it) {
            return Ok(base.clone());
        }
        let base = Arc::new(make()?);
        let mut known = known();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.push((of.to_owned(), region.to_owned(), base.clone()));
        Ok(base)
    }
}
