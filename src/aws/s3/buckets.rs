//! The expected owners of buckets, and their regions.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock};

use crate::sys::lock;

/// Maximum number of cached regions; a program uses few buckets.
const MAX_REGIONS: usize = 1000;

/// A session's facts about buckets, from its user and from S3's responses.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    /// The expected owner of every bucket that has no entry of its own.
    owner: Option<String>,
    owners: HashMap<String, String>,
    /// The default bucket, if it was not set by the user, and the caller's account, which must own it: its name can
    /// be guessed and registered by others.
    derived: OnceLock<Derived>,
    /// Regions of buckets outside the session's region.
    regions: Mutex<HashMap<String, String>>,
}

/// The default bucket, if it was not set by the user.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) bucket: String,
    account: String,
}

impl Buckets {
    /// With the expected owner of all buckets, and of single buckets.
    pub(crate) fn new(owner: Option<String>, owners: HashMap<String, String>) -> Self {
        Self {
            owner,
            owners,
            ..Self::default()
        }
    }

    /// The expected owner of the bucket, if there is one.
    pub(crate) fn owner_of(&self, bucket: &str) -> Option<&str> {
        let given = self.owners.get(bucket).or(self.owner.as_ref());
        given.map(String::as_str).or_else(|| {
            let derived = self.derived().filter(|derived| derived.bucket == bucket);
            derived.map(|derived| &*derived.account)
        })
    }

    /// The default bucket, if it was not set by the user and is known.
    pub(crate) fn derived(&self) -> Option<&Derived> {
        self.derived.get()
    }

    /// Stores the name of the default bucket and its owner's account.
    pub(crate) fn derive(&self, bucket: String, account: String) -> &Derived {
        self.derived.get_or_init(|| Derived { bucket, account })
    }

    /// The region that S3 reported, if any.
    pub(crate) fn region_of(&self, bucket: &str) -> Option<String> {
        self.regions().get(bucket).cloned()
    }

    pub(crate) fn learn_region(&self, bucket: &str, region: &str) {
        let mut known = self.regions();
        if known.len() >= MAX_REGIONS {
            known.clear();
        }
        known.insert(bucket.to_owned(), region.to_owned());
    }

    /// The map is consistent after every statement, so a poisoned lock can be used.
    fn regions(&self) -> MutexGuard<'_, HashMap<String, String>> {
        lock(&self.regions)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::Buckets;

    #[test]
    fn the_owner_is_the_one_for_the_bucket_then_the_one_for_all_then_the_caller() {
        let one =
            |bucket: &str, owner: &str| HashMap::from([(bucket.to_owned(), owner.to_owned())]);
        let buckets = Buckets::new(Some("1".to_owned()), one("a", "2"));
        assert_eq!(buckets.owner_of("a"), Some("2"));
        assert_eq!(buckets.owner_of("b"), Some("1"));
        let buckets = Buckets::new(None, one("a", "2"));
        assert_eq!(buckets.owner_of("own"), None);
        buckets.derive("own".to_owned(), "3".to_owned());
        assert_eq!(buckets.owner_of("own"), Some("3"));
        assert_eq!(buckets.owner_of("b"), None);
    }

    #[test]
    fn regions_are_remembered_within_a_bound() {
        let buckets = Buckets::default();
        for bucket in 0..2500 {
            buckets.learn_region(&bucket.to_string(), "eu-west-1");
        }
        assert!(buckets.regions().len() <= super::MAX_REGIONS);
        assert_eq!(buckets.region_of("2499").as_deref(), Some("eu-west-1"));
        assert_eq!(buckets.region_of("0"), None);
    }
}
