//! Buckets and objects, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use md5::{Digest, Md5};

use super::multipart::Upload;
use super::sync::lock;

/// An object of the local S3.
///
/// ```
/// use sagemaker_async_inference::local::LocalEndpoint;
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// endpoint.put_object(endpoint.bucket(), "input.txt", "hello");
/// let object = endpoint.get_object(endpoint.bucket(), "input.txt");
/// assert_eq!(object.map(|object| object.body().len()), Some(5));
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Clone)]
pub struct StoredObject {
    pub(super) body: Arc<Vec<u8>>,
    pub(super) etag: String,
    pub(super) last_modified: SystemTime,
    /// The headers that came with it and go out with it again.
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl StoredObject {
    pub(super) fn new(
        body: Arc<Vec<u8>>,
        headers: Vec<(String, Vec<u8>)>,
        last_modified: SystemTime,
    ) -> Self {
        Self {
            etag: format!("\"{}\"", hex::encode(Md5::digest(&*body))),
            body,
            last_modified,
            headers,
        }
    }

    /// The bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The `Content-Type` that the object was put with.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// A header that S3 keeps with the object: `content-encoding`, `x-amz-meta-...` and such, in
    /// lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The `ETag`, with its quotes.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// When it was put, by the endpoint's clock.
    pub fn last_modified(&self) -> SystemTime {
        self.last_modified
    }
}

impl fmt::Debug for StoredObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredObject")
            .field("length", &self.body.len())
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, StoredObject>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

/// All buckets.
#[derive(Debug, Default)]
pub(super) struct Store {
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl Store {
    /// Creates a bucket; false if it is there already.
    pub(super) fn create_bucket(&self, name: &str) -> bool {
        let mut buckets = lock(&self.buckets);
        let new = !buckets.contains_key(name);
        if new {
            buckets.insert(name.to_owned(), Bucket::default());
        }
        new
    }

    pub(super) fn bucket_names(&self) -> Vec<String> {
        lock(&self.buckets).keys().cloned().collect()
    }

    /// Does something with a bucket; `None` if there is no such bucket.
    pub(super) fn with_bucket<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Bucket) -> T,
    ) -> Option<T> {
        lock(&self.buckets).get_mut(name).map(act)
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.with_bucket(bucket, |bucket| bucket.objects.get(key).cloned())?
    }

    /// Puts an object; a bucket that is not there is created.
    pub(super) fn put(&self, bucket: &str, key: &str, object: StoredObject) {
        let mut buckets = lock(&self.buckets);
        let bucket = buckets.entry(bucket.to_owned()).or_default();
        bucket.objects.insert(key.to_owned(), object);
    }
}
