//! The data directory: objects that outlast the process.
//!
//! `blobs/` has the bytes, a file a piece; `buckets/BUCKET/` has a document for each object, which names its
//! pieces. Objects may share pieces. A document is moved to its name when it and its pieces are written, so
//! that a killed process leaves the old object or the new one. Writes are not synced to disk: after a power failure
//! the last ones may be missing.
//!
//! At the start, pieces that no document names are removed. An object whose document or piece is lost or
//! damaged is reported and left out; its files stay until the key is written or deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::{Disk, FoundPieces};
use super::directory::{
    BLOBS, BUCKETS, claim, invalid, is_blob_name, is_hex, real_directory, regular_file, replace,
};
use super::parts::ObjectPart;
use super::store::{Bucket, ObjectChecksum, StoredObject};
use crate::aws::s3::checksum::Algorithm;
use crate::local::http::payload::name;
use crate::sys::Files;

/// A data directory that only this process uses.
#[derive(Debug)]
pub(in crate::local) struct DataDirectory {
    root: PathBuf,
    /// Locked as long as the directory is used.
    lock: File,
}

/// An object of a [data directory](crate::local::LocalEndpointBuilder::data_directory) that could not be
/// loaded. To requests it does not exist; writing or deleting the key removes its files.
///
/// ```
/// use sagemaker_async_inference::local::LocalEndpoint;
///
/// fn report(endpoint: &LocalEndpoint) {
///     for damaged in endpoint.damaged_objects() {
///         eprintln!("{}/{:?}: {}", damaged.bucket, damaged.key, damaged.reason);
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedObject {
    /// The file that describes the object.
    pub document: PathBuf,
    /// Its bucket.
    pub bucket: String,
    /// Its key; `None` if the document cannot be read.
    pub key: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// The contents of a data directory.
#[derive(Debug, Default)]
pub(in crate::local) struct Loaded {
    pub(in crate::local) buckets: BTreeMap<String, Bucket>,
    pub(in crate::local) damaged: Vec<DamagedObject>,
}

/// An object's document.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    key: String,
    pieces: Vec<(String, u64)>,
    etag: String,
    checksum_algorithm: String,
    checksum: String,
    composite: bool,
    /// Since 1970.
    last_modified: Duration,
    /// With values in Base64, because they may be any bytes.
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<ObjectPart>,
}

impl DataDirectory {
    /// Opens it if this endpoint may use it; see [`claim`].
    pub(in crate::local) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self {
            lock: claim(root)?,
            root: root.to_owned(),
        })
    }

    /// Lets others use it.
    pub(in crate::local) fn release(&self) {
        // It ends with the process in any case.
        drop(self.lock.unlock());
    }

    /// Where the pieces of objects go.
    pub(in crate::local) fn disk(root: &Path) -> Disk {
        Disk::Named(root.join(BLOBS))
    }

    /// The directory of a bucket's documents. The name is encoded for file systems.
    pub(in crate::local) fn bucket(&self, name: &str) -> io::Result<Index> {
        let directory = self.root.join(BUCKETS).join(directory_name(name));
        real_directory(&directory)?;
        Ok(Index { directory })
    }

    /// All buckets as they were left.
    pub(in crate::local) fn load(&self) -> io::Result<Loaded> {
        let mut loading = Loading {
            pieces: FoundPieces::of(&self.root.join(BLOBS)),
            named: BTreeSet::new(),
            of_damaged: BTreeSet::new(),
            all_read: true,
            loaded: Loaded::default(),
        };
        for entry in fs::read_dir(self.root.join(BUCKETS))? {
            let entry = entry?;
            let Some(name) = bucket_name(&entry.file_name()) else {
                // Not written here. It stays, and so do the pieces that documents in it may name.
                loading.all_read &= !entry.file_type()?.is_dir();
                continue;
            };
            match self.bucket(&name) {
                Ok(index) => loading.bucket(name, index)?,
                Err(error) => loading.damaged(entry.path(), &name, None, &error),
            }
        }
        if loading.all_read {
            self.remove_unnamed(&loading.named)?;
        }
        loading.pieces.finish(&loading.of_damaged);
        Ok(loading.loaded)
    }

    /// Removes the pieces that no document names: of objects that were being written when a process died. Files with
    /// other names stay.
    fn remove_unnamed(&self, named: &BTreeSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join(BLOBS))? {
            let entry = entry?;
            let name = entry.file_name();
            let stray = name
                .to_str()
                .is_some_and(|name| is_blob_name(name) && !named.contains(name));
            if stray && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// A data directory as it is being read.
struct Loading {
    pieces: FoundPieces,
    /// The pieces that some document names.
    named: BTreeSet<String>,
    /// Those of them that damaged objects have.
    of_damaged: BTreeSet<String>,
    /// False once a document could not be read: its pieces are unknown, and none may be removed.
    all_read: bool,
    loaded: Loaded,
}

impl Loading {
    fn damaged(&mut self, document: PathBuf, bucket: &str, key: Option<String>, why: &io::Error) {
        self.all_read &= key.is_some();
        self.loaded.damaged.push(DamagedObject {
            document,
            bucket: bucket.to_owned(),
            key,
            reason: why.to_string(),
        });
    }

    fn bucket(&mut self, bucket: String, index: Index) -> io::Result<()> {
        let mut objects = BTreeMap::new();
        let entries = match fs::read_dir(&index.directory) {
            Ok(entries) => entries,
            Err(error) => {
                self.damaged(index.directory, &bucket, None, &error);
                return Ok(());
            }
        };
        for entry in entries {
            let path = entry?.path();
            // One that ends in `.new` was not finished; the next write of its key replaces it.
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let document = match Document::read(&path) {
                Ok(document) => document,
                Err(error) => {
                    self.damaged(path, &bucket, None, &error);
                    continue;
                }
            };
            let pieces: Vec<_> = document
                .pieces
                .iter()
                .map(|(name, _)| name.clone())
                .collect();
            self.named.extend(pieces.iter().cloned());
            let key = document.key.clone();
            match document.into_object(&mut self.pieces) {
                Ok(object) => {
                    object.content.hold();
                    objects.insert(key, object);
                }
                Err(error) => {
                    self.of_damaged.extend(pieces);
                    self.damaged(path, &bucket, Some(key), &error);
                }
            }
        }
        let found = Bucket::found(objects, index);
        self.loaded.buckets.insert(bucket, found);
        Ok(())
    }
}

impl Document {
    fn read(path: &Path) -> io::Result<Self> {
        regular_file(path)?;
        let document: Self = serde_json::from_slice(&Files::disk().read(path)?)?;
        let named = path.file_name().and_then(|name| name.to_str());
        if named != Some(&file_name(&document.key)) {
            return Err(invalid("the document belongs to another key"));
        }
        Ok(document)
    }

    fn into_object(self, pieces: &mut FoundPieces) -> io::Result<StoredObject> {
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|algorithm| name(*algorithm) == self.checksum_algorithm)
            .ok_or_else(|| invalid("the checksum algorithm is unknown"))?;
        let headers = self.headers.into_iter().map(|(name, value)| {
            let value = STANDARD.decode(value);
            let value = value.map_err(|_| invalid("a header is not Base64"))?;
            Ok((name, value))
        });
        let last_modified = UNIX_EPOCH.checked_add(self.last_modified);
        let content = pieces.content(&self.pieces)?;
        let mut lengths = self.parts.iter().map(|part| part.len);
        let total = lengths.try_fold(0_u64, u64::checked_add);
        if !self.parts.is_empty() && total != Some(content.len()) {
            return Err(invalid("its parts are not as long as it is"));
        }
        Ok(StoredObject {
            content,
            read: OnceLock::new(),
            etag: self.etag,
            checksum: ObjectChecksum {
                algorithm,
                value: self.checksum,
                composite: self.composite,
            },
            last_modified: last_modified.ok_or_else(|| invalid("the date is out of range"))?,
            headers: headers.collect::<io::Result<_>>()?,
            parts: self.parts,
        })
    }
}

/// The name of a bucket's directory.
fn directory_name(bucket: &str) -> String {
    utf8_percent_encode(bucket, NON_ALPHANUMERIC).to_string()
}

/// The bucket whose directory has that name.
fn bucket_name(directory: &OsStr) -> Option<String> {
    let encoded = directory.to_str()?;
    let name = percent_decode_str(encoded).decode_utf8().ok()?.into_owned();
    (directory_name(&name) == encoded).then_some(name)
}

/// The name of a key's document. Keys are longer than file names may be, and hold slashes.
fn file_name(key: &str) -> String {
    format!("{}.json", hex::encode(Sha256::digest(key)))
}

/// Whether a file's name is one that documents get.
pub(in crate::local) fn is_document(name: &str) -> bool {
    name.strip_suffix(".json")
        .is_some_and(|stem| stem.len() == 64 && is_hex(stem))
}

/// Whether a file's name is one that documents have while they are written.
pub(in crate::local) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(".new")
        .is_some_and(|stem| is_document(&format!("{stem}.json")))
}

/// The documents of one bucket.
#[derive(Debug)]
pub(in crate::local) struct Index {
    directory: PathBuf,
}

impl Index {
    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(file_name(key))
    }

    pub(in crate::local) fn insert(&self, key: &str, object: &StoredObject) -> io::Result<()> {
        let since = object.last_modified.duration_since(UNIX_EPOCH);
        let headers = object.headers.iter();
        let document = Document {
            key: key.to_owned(),
            pieces: object.content.files()?,
            etag: object.etag.clone(),
            checksum_algorithm: name(object.checksum.algorithm).to_owned(),
            checksum: object.checksum.value.clone(),
            composite: object.checksum.composite,
            last_modified: since.unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (name.clone(), STANDARD.encode(value)))
                .collect(),
            parts: object.parts.clone(),
        };
        let path = self.path(key);
        let beside = path.with_extension("new");
        replace(&beside, &path, &serde_json::to_vec(&document)?)?;
        object.content.hold();
        Ok(())
    }

    pub(in crate::local) fn remove(&self, key: &str) -> io::Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes an empty bucket. False if documents of damaged objects or files of others are left.
    pub(in crate::local) fn remove_all(&self) -> io::Result<bool> {
        let mut unfinished = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_str().is_some_and(is_unfinished) || entry.file_type()?.is_dir() {
                return Ok(false);
            }
            unfinished.push(entry.path());
        }
        for path in unfinished {
            fs::remove_file(path)?;
        }
        fs::remove_dir(&self.directory)?;
        Ok(true)
    }
}
