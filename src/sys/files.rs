use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::durable::write_whole;
use super::sync::lock;

/// The configuration files: those on disk, or a map from path to content.
///
/// Only small configuration files are read through it, never payloads, and only refreshed tokens are written.
/// `Debug` shows paths and no content, since some of it is secret. Clones of a map share it.
///
/// ```
/// use std::io::ErrorKind;
/// use sagemaker_async_inference::sys::Files;
///
/// let files = Files::from_pairs([("/home/me/.aws/config", "[default]\nregion = eu-west-1\n")])
///     .with_error("/home/me/.aws/credentials", ErrorKind::PermissionDenied);
///
/// assert!(files.read("/home/me/.aws/config")?.starts_with(b"[default]"));
/// let denied = files.read("/home/me/.aws/credentials").unwrap_err();
/// assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
/// let missing = files.read("/home/me/.aws/other").unwrap_err();
/// assert_eq!(missing.kind(), ErrorKind::NotFound);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Files {
    map: Option<Arc<Mutex<BTreeMap<PathBuf, Entry>>>>,
}

#[derive(Clone)]
enum Entry {
    Content(Vec<u8>),
    Error(io::ErrorKind),
}

impl Files {
    /// The largest file that is read, in bytes: 10 MiB, far above any real configuration. A larger one, or an
    /// endless one such as a device, is an error.
    pub const MAX_BYTES: u64 = 10 << 20;

    /// The files on disk, which are read at each access. A pipe, as a shell makes of `<(..)`, can be read once: its
    /// content is kept for the process.
    pub fn disk() -> Self {
        Self { map: None }
    }

    /// No files.
    pub fn none() -> Self {
        Self {
            map: Some(Arc::default()),
        }
    }

    /// Only these files.
    pub fn from_pairs<P: Into<PathBuf>, C: Into<Vec<u8>>>(
        pairs: impl IntoIterator<Item = (P, C)>,
    ) -> Self {
        let map = pairs
            .into_iter()
            .map(|(path, content)| (path.into(), Entry::Content(content.into())))
            .collect();
        Self {
            map: Some(Arc::new(Mutex::new(map))),
        }
    }

    /// Adds a file that exists and cannot be read or written. Called on [`Files::disk`], it returns a map with
    /// this file only.
    pub fn with_error(mut self, path: impl Into<PathBuf>, kind: io::ErrorKind) -> Self {
        let map = self.map.get_or_insert_default();
        lock(map).insert(path.into(), Entry::Error(kind));
        self
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The system's: [`io::ErrorKind::NotFound`] if there is no such file, [`io::ErrorKind::FileTooLarge`]
    /// above [`Files::MAX_BYTES`].
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let path = path.as_ref();
        match &self.map {
            None => {
                let file = std::fs::File::open(path)?;
                let metadata = file.metadata()?;
                let content = bounded(file, metadata.len())?;
                Ok(if metadata.is_file() {
                    content
                } else {
                    of_pipe(path, content)
                })
            }
            Some(map) => match lock(map).get(path) {
                Some(Entry::Content(content)) => bounded(content.as_slice(), content.len() as u64),
                Some(Entry::Error(kind)) => Err((*kind).into()),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        }
    }

    /// Creates a file or replaces its content, readable by this user only. At any time the file has either its old
    /// content or its new one.
    ///
    /// # Errors
    /// The system's; the file then has its old content.
    pub fn write(&self, path: impl AsRef<Path>, content: &[u8]) -> io::Result<()> {
        let path = path.as_ref();
        match &self.map {
            None => write_whole(path, content),
            Some(map) => {
                let mut map = lock(map);
                if let Some(Entry::Error(kind)) = map.get(path) {
                    return Err((*kind).into());
                }
                map.insert(path.to_owned(), Entry::Content(content.to_vec()));
                Ok(())
            }
        }
    }
}

/// What a pipe gave, now or, if that is nothing, when it was read before.
fn of_pipe(path: &Path, content: Vec<u8>) -> Vec<u8> {
    static READ: Mutex<BTreeMap<PathBuf, Zeroizing<Vec<u8>>>> = Mutex::new(BTreeMap::new());
    let mut read = lock(&READ);
    if content.is_empty() {
        return read.get(path).map_or(content, |before| before.to_vec());
    }
    read.insert(path.to_owned(), Zeroizing::new(content.clone()));
    content
}

/// What is read may be a secret, and a growing buffer would leave copies behind: so it has its full size from the
/// start, and a bit more to see the end.
fn bounded(from: impl Read, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length.min(Files::MAX_BYTES)).unwrap_or(0);
    let mut content = Vec::with_capacity(length + 64);
    from.take(Files::MAX_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > Files::MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.map {
            Some(map) => f
                .debug_tuple("Files")
                .field(&lock(map).keys().collect::<Vec<_>>())
                .finish(),
            None => f.write_str("Files(disk)"),
        }
    }
}
