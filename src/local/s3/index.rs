//! The data directory: objects that are there again after a restart.
//!
//! `blobs/` has the bytes, a file a piece; `buckets/BUCKET/` a document an object, which names its pieces.
//! A document is moved to its name when it is whole and its pieces are, so that a process that dies
//! leaves the object as it was or as it is now. Pieces that no document names are removed at the start. Nothing is forced out to the disk: what a
//! machine that loses its power had last is not promised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::{Content, Disk};
use super::store::{Bucket, ObjectChecksum, StoredObject};
use crate::aws::s3::checksum::Algorithm;
use crate::local::http::payload::name;
use crate::sys::Files;

/// A data directory that is this process's alone.
#[derive(Debug)]
pub(in crate::local) struct DataDirectory {
    root: PathBuf,
    /// Locked as long as the directory is used.
    lock: File,
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
    /// With values in Base64, for they may be any bytes.
    headers: Vec<(String, String)>,
}

/// Makes a directory and those above it that are not there: inputs and results are in it, so it is this
/// user's alone. One that is there stays as it is.
fn private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

impl DataDirectory {
    /// Opens it, and makes what is not there yet.
    pub(in crate::local) fn open(root: &Path) -> io::Result<Self> {
        for part in ["blobs", "buckets"] {
            private_directory(&root.join(part))?;
        }
        let lock = File::create(root.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                lock,
            }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another process keeps its objects there",
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Lets others use it.
    pub(in crate::local) fn release(&self) {
        // It ends with the process in any case.
        drop(self.lock.unlock());
    }

    /// Where the pieces of objects go.
    pub(in crate::local) fn disk(root: &Path) -> Disk {
        Disk::Named(root.join("blobs"))
    }

    /// Where a bucket's documents are. A name is made one that every file system takes.
    pub(in crate::local) fn bucket(&self, name: &str) -> io::Result<Index> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC).to_string();
        let directory = self.root.join("buckets").join(name);
        private_directory(&directory)?;
        Ok(Index { directory })
    }

    /// All buckets as they were left. A document that cannot be read is an error: it is somebody's
    /// data.
    pub(in crate::local) fn load(&self) -> io::Result<BTreeMap<String, Bucket>> {
        let mut buckets = BTreeMap::new();
        let mut named = BTreeSet::new();
        for entry in fs::read_dir(self.root.join("buckets"))? {
            let encoded = entry?.file_name().to_string_lossy().into_owned();
            let bucket = percent_decode_str(&encoded)
                .decode_utf8_lossy()
                .into_owned();
            let index = self.bucket(&bucket)?;
            let mut objects = BTreeMap::new();
            for entry in fs::read_dir(&index.directory)? {
                let path = entry?.path();
                if path
                    .extension()
                    .is_some_and(|extension| extension == "json")
                {
                    let (key, object) = self.read(&path).map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    })?;
                    named.extend(object.content.files().into_iter().map(|(name, _)| name));
                    object.content.hold();
                    objects.insert(key, object);
                }
            }
            buckets.insert(bucket, Bucket::found(objects, index));
        }
        for entry in fs::read_dir(self.root.join("blobs"))? {
            let entry = entry?;
            if !named.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(buckets)
    }

    fn read(&self, path: &Path) -> io::Result<(String, StoredObject)> {
        let invalid =
            |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem.to_owned());
        let document: Document = serde_json::from_slice(&Files::disk().read(path)?)?;
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|algorithm| name(*algorithm) == document.checksum_algorithm)
            .ok_or_else(|| invalid("its checksum is unknown"))?;
        let headers = document.headers.into_iter().map(|(name, value)| {
            let value = STANDARD.decode(value);
            let value = value.map_err(|_| invalid("a header is not Base64"))?;
            Ok((name, value))
        });
        let object = StoredObject {
            content: Content::found(&self.root.join("blobs"), &document.pieces)?,
            read: OnceLock::new(),
            etag: document.etag,
            checksum: ObjectChecksum {
                algorithm,
                value: document.checksum,
                composite: document.composite,
            },
            last_modified: UNIX_EPOCH + document.last_modified,
            headers: headers.collect::<io::Result<_>>()?,
        };
        Ok((document.key, object))
    }
}

/// The documents of one bucket.
#[derive(Debug)]
pub(in crate::local) struct Index {
    directory: PathBuf,
}

impl Index {
    /// Keys are longer than file names may be, and hold slashes.
    fn path(&self, key: &str) -> PathBuf {
        let name = hex::encode(Sha256::digest(key));
        self.directory.join(format!("{name}.json"))
    }

    pub(in crate::local) fn insert(&self, key: &str, object: &StoredObject) -> io::Result<()> {
        let since = object.last_modified.duration_since(UNIX_EPOCH);
        let headers = object.headers.iter();
        let document = Document {
            key: key.to_owned(),
            pieces: object.content.files(),
            etag: object.etag.clone(),
            checksum_algorithm: name(object.checksum.algorithm).to_owned(),
            checksum: object.checksum.value.clone(),
            composite: object.checksum.composite,
            last_modified: since.unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (name.clone(), STANDARD.encode(value)))
                .collect(),
        };
        let path = self.path(key);
        let beside = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(&document)?)?;
        fs::rename(&beside, &path)?;
        object.content.hold();
        Ok(())
    }

    pub(in crate::local) fn remove(&self, key: &str) -> io::Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Of a bucket that is deleted, and empty.
    pub(in crate::local) fn remove_all(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.directory)
    }
}
