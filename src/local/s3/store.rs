//! Buckets and objects.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

use md5::{Digest, Md5};

use super::content::Content;
use super::index::{DamagedObject, DataDirectory, Index, Loaded};
use super::multipart::{Completed, Upload};
use super::parts::ObjectPart;
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::local::http::payload::{Announced, Sums};
use crate::sys::lock;

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
    pub(in crate::local) content: Content,
    /// The bytes, once read for a caller.
    pub(in crate::local) read: OnceLock<Vec<u8>>,
    pub(in crate::local) etag: String,
    pub(in crate::local) checksum: ObjectChecksum,
    pub(in crate::local) last_modified: SystemTime,
    /// The headers that were stored with it.
    pub(in crate::local) headers: Vec<(String, Vec<u8>)>,
    /// Empty if it was not uploaded in parts.
    pub(in crate::local) parts: Vec<ObjectPart>,
}

impl StoredObject {
    pub(in crate::local) fn new(
        content: Content,
        headers: Vec<(String, Vec<u8>)>,
        last_modified: SystemTime,
    ) -> Self {
        let mut summed = (Md5::new(), Checksum::new(Algorithm::Crc64Nvme));
        // Bytes that cannot be read have no checksum; reading them reports the error.
        drop(content.copy(0..content.len(), &mut Summing(&mut summed)));
        Self {
            etag: quoted(summed.0.finalize().as_slice()),
            checksum: ObjectChecksum::crc64(summed.1),
            content,
            read: OnceLock::new(),
            last_modified,
            headers,
            parts: Vec::new(),
        }
    }

    /// An object from a request body, with the checksums computed on the way.
    pub(in crate::local) fn received(
        content: Content,
        sums: &Sums,
        announced: Option<&Announced>,
        headers: Vec<(String, Vec<u8>)>,
        last_modified: SystemTime,
    ) -> Self {
        Self {
            content,
            read: OnceLock::new(),
            etag: quoted(&sums.md5),
            checksum: match announced {
                Some(announced) => ObjectChecksum {
                    algorithm: announced.algorithm,
                    value: announced.base64.clone(),
                    composite: false,
                },
                None => ObjectChecksum::crc64(sums.crc64.clone()),
            },
            last_modified,
            headers,
            parts: Vec::new(),
        }
    }

    /// The bytes. Those of a large object are read from disk and cached in this value.
    ///
    /// # Panics
    ///
    /// If they cannot be read.
    pub fn body(&self) -> &[u8] {
        if let Some(bytes) = self.content.in_memory() {
            return bytes;
        }
        self.read.get_or_init(|| match self.content.to_vec() {
            Ok(bytes) => bytes,
            Err(error) => panic!("a stored object cannot be read: {error}"),
        })
    }

    /// A reader of the bytes.
    pub fn reader(&self) -> impl Read + use<> {
        self.content.reader()
    }

    /// Number of bytes.
    pub fn len(&self) -> u64 {
        self.content.len()
    }

    /// Whether the object is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `Content-Type` that the object was stored with.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// A header that S3 stores with the object, such as `content-encoding` or `x-amz-meta-...`, by its name in lower
    /// case.
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

    /// When it was written, by the endpoint's clock.
    pub fn last_modified(&self) -> SystemTime {
        self.last_modified
    }
}

impl fmt::Debug for StoredObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredObject")
            .field("length", &self.len())
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// The checksum of an object.
#[derive(Debug, Clone)]
pub(in crate::local) struct ObjectChecksum {
    pub(in crate::local) algorithm: Algorithm,
    pub(in crate::local) value: String,
    /// Whether it is computed from the parts' checksums.
    pub(in crate::local) composite: bool,
}

/// As `x-amz-checksum-type` spells it.
pub(in crate::local) fn checksum_kind(composite: bool) -> &'static str {
    if composite {
        "COMPOSITE"
    } else {
        "FULL_OBJECT"
    }
}

impl ObjectChecksum {
    pub(in crate::local) fn kind(&self) -> &'static str {
        checksum_kind(self.composite)
    }

    pub(in crate::local) fn crc64(checksum: Checksum) -> Self {
        Self {
            algorithm: Algorithm::Crc64Nvme,
            value: checksum.into_base64(),
            composite: false,
        }
    }
}

pub(in crate::local) fn quoted(md5: &[u8]) -> String {
    format!("\"{}\"", hex::encode(md5))
}

struct Summing<'a>(&'a mut (Md5, Checksum));

impl Write for Summing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.update(bytes);
        self.0.1.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(in crate::local) struct Bucket {
    objects: BTreeMap<String, StoredObject>,
    pub(in crate::local) uploads: BTreeMap<String, Upload>,
    pub(in crate::local) completed: Completed,
    /// Present if the objects outlast the process.
    index: Option<Index>,
}

impl Bucket {
    /// A bucket loaded from the data directory.
    pub(in crate::local) fn found(objects: BTreeMap<String, StoredObject>, index: Index) -> Self {
        Self {
            objects,
            uploads: BTreeMap::new(),
            completed: Completed::default(),
            index: Some(index),
        }
    }

    pub(in crate::local) fn objects(&self) -> &BTreeMap<String, StoredObject> {
        &self.objects
    }

    /// Inserts or replaces an object.
    pub(in crate::local) fn insert(&mut self, key: &str, object: StoredObject) -> io::Result<()> {
        if let Some(index) = &self.index {
            index.insert(key, &object)?;
        }
        if let Some(replaced) = self.objects.insert(key.to_owned(), object)
            && self.index.is_some()
        {
            replaced.content.release();
        }
        Ok(())
    }

    pub(in crate::local) fn remove(&mut self, key: &str) -> io::Result<()> {
        if let Some(index) = &self.index {
            index.remove(key)?;
        }
        if let Some(removed) = self.objects.remove(key)
            && self.index.is_some()
        {
            removed.content.release();
        }
        Ok(())
    }
}

/// All buckets.
#[derive(Debug, Default)]
pub(in crate::local) struct Store {
    buckets: Mutex<BTreeMap<String, Bucket>>,
    directory: Option<DataDirectory>,
    damaged: Vec<DamagedObject>,
}

impl Store {
    /// Opens the store with the contents of the directory.
    pub(in crate::local) fn open(directory: Option<DataDirectory>) -> io::Result<Self> {
        let loaded = directory.as_ref().map(DataDirectory::load).transpose()?;
        let Loaded { buckets, damaged } = loaded.unwrap_or_default();
        Ok(Self {
            buckets: Mutex::new(buckets),
            directory,
            damaged,
        })
    }

    /// The objects of the directory that could not be loaded.
    pub(in crate::local) fn damaged(&self) -> &[DamagedObject] {
        &self.damaged
    }

    /// Releases the directory. What a thread that still runs writes later is in memory only.
    pub(in crate::local) fn close(&self) {
        let mut buckets = lock(&self.buckets);
        buckets.values_mut().for_each(|bucket| bucket.index = None);
        if let Some(directory) = &self.directory {
            directory.release();
        }
    }

    /// Creates a bucket; false if it exists.
    pub(in crate::local) fn create_bucket(&self, name: &str) -> io::Result<bool> {
        match lock(&self.buckets).entry(name.to_owned()) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(place) => {
                place.insert(self.new_bucket(name)?);
                Ok(true)
            }
        }
    }

    fn new_bucket(&self, name: &str) -> io::Result<Bucket> {
        let index = self
            .directory
            .as_ref()
            .map(|directory| directory.bucket(name));
        Ok(Bucket {
            index: index.transpose()?,
            ..Bucket::default()
        })
    }

    /// Deletes an empty bucket; false if it is not empty, `None` if it does not exist.
    pub(in crate::local) fn delete_bucket(&self, name: &str) -> io::Result<Option<bool>> {
        let mut buckets = lock(&self.buckets);
        let Some(bucket) = buckets.get(name) else {
            return Ok(None);
        };
        let empty = bucket.objects.is_empty()
            && match &bucket.index {
                Some(index) => index.remove_all()?,
                None => true,
            };
        if empty {
            buckets.remove(name);
        }
        Ok(Some(empty))
    }

    pub(in crate::local) fn bucket_names(&self) -> Vec<String> {
        lock(&self.buckets).keys().cloned().collect()
    }

    /// Calls `act` with a bucket; `None` if it does not exist.
    pub(in crate::local) fn with_bucket<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Bucket) -> T,
    ) -> Option<T> {
        lock(&self.buckets).get_mut(name).map(act)
    }

    pub(in crate::local) fn get(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.with_bucket(bucket, |bucket| bucket.objects.get(key).cloned())?
    }

    /// Inserts an object; creates the bucket if it does not exist.
    pub(in crate::local) fn put(
        &self,
        bucket: &str,
        key: &str,
        object: StoredObject,
    ) -> io::Result<()> {
        match lock(&self.buckets).entry(bucket.to_owned()) {
            Entry::Occupied(mut found) => found.get_mut().insert(key, object),
            Entry::Vacant(place) => place.insert(self.new_bucket(bucket)?).insert(key, object),
        }
    }
}
