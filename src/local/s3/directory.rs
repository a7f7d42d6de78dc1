//! The data directory itself: whether the endpoint may use it, and which files it may open.
//!
//! It holds `blobs/`, `buckets/`, `lock` and a marker file. A directory is used if it is missing or empty
//! (the marker is written first), if it has the marker, or if all of it has the form of release 0.1, which wrote no
//! marker. Any other directory is refused and not changed. No symbolic link in it is followed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use super::index::{is_document, is_unfinished};
use crate::sys::Files;

/// The file that shows that a directory is the endpoint's.
const MARKER: &str = "sagemaker-async-local";
/// Where the marker is written before it gets its name.
const MARKER_BESIDE: &str = "sagemaker-async-local.new";
const FORMAT_1: &str = "Objects of the local endpoint of sagemaker-async-inference. Format 1.\n";
const LOCK: &str = "lock";
pub(in crate::local) const BLOBS: &str = "blobs";
pub(in crate::local) const BUCKETS: &str = "buckets";

/// Whether a file's name is one that pieces of objects get.
pub(in crate::local) fn is_blob_name(name: &str) -> bool {
    name.len() == 32 && is_hex(name)
}

/// Whether all characters are lower-case hexadecimal digits.
pub(in crate::local) fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Opens a new file that only this user reads. A file or a symbolic link of that name is an error.
pub(in crate::local) fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a directory and its missing parents, for this user only: it holds inputs and results. An existing one
/// keeps its permissions.
pub(in crate::local) fn private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// As [`private_directory`]; a symbolic link in its place is an error.
pub(in crate::local) fn real_directory(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => private_directory(path),
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(invalid(format!("{} is not a directory", path.display()))),
        Err(error) => Err(error),
    }
}

/// The length of a regular file; anything else, a symbolic link too, is an error.
pub(in crate::local) fn regular_file(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(invalid(format!("{} is not a file", path.display())))
    }
}

pub(in crate::local) fn invalid(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

/// Claims the directory for this process, or fails without changing it. The returned file is locked while the
/// directory is used.
pub(in crate::local) fn claim(root: &Path) -> io::Result<File> {
    let marked = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            private_directory(root)?;
            false
        }
        Err(error) => return Err(error),
        Ok(_) => is_marked(root)?,
    };
    if !marked {
        check_unmarked(root)?;
    }
    let lock = locked(&root.join(LOCK))?;
    if marked {
        check_buckets(root)?;
    } else {
        mark(root)?;
    }
    for part in [BLOBS, BUCKETS] {
        real_directory(&root.join(part))?;
    }
    Ok(lock)
}

/// Without its documents no piece would be named, and all would be removed.
fn check_buckets(root: &Path) -> io::Result<()> {
    let is_missing = |part: &Path| match fs::symlink_metadata(part) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        found => found.map(|_| false),
    };
    let (blobs, buckets) = (root.join(BLOBS), root.join(BUCKETS));
    if !is_missing(&buckets)? || is_missing(&blobs)? || fs::read_dir(&blobs)?.next().is_none() {
        return Ok(());
    }
    Err(invalid(format!(
        "it has lost {BUCKETS}/, which names the objects in {BLOBS}/; restore {BUCKETS}/, or remove {BLOBS}/ to \
         begin without objects"
    )))
}

/// Locks a file, whose content stays.
pub(in crate::local) fn locked(path: &Path) -> io::Result<File> {
    let file = match new_file(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            regular_file(path)?;
            OpenOptions::new().write(true).open(path)?
        }
        made => made?,
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process uses it",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Writes the marker.
pub(in crate::local) fn mark(root: &Path) -> io::Result<()> {
    let beside = root.join(MARKER_BESIDE);
    replace(&beside, &root.join(MARKER), FORMAT_1.as_bytes())
}

/// Writes a file beside its name and moves it there, so that a crash leaves the old one or the new one.
pub(in crate::local) fn replace(beside: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = match new_file(beside) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Left by a process that died. Removing does not follow a link.
            fs::remove_file(beside)?;
            new_file(beside)?
        }
        made => made?,
    };
    file.write_all(content)?;
    drop(file);
    fs::rename(beside, path)
}

/// Whether the marker exists. A marker of an unknown format is an error.
pub(in crate::local) fn is_marked(root: &Path) -> io::Result<bool> {
    let marker = root.join(MARKER);
    match regular_file(&marker) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    let text = Files::disk().read(&marker)?;
    if text == FORMAT_1.as_bytes() {
        return Ok(true);
    }
    Err(invalid(format!(
        "{} names a format that this release does not read; use the release that wrote it, or another \
         directory",
        marker.display()
    )))
}

/// A directory without a marker must be empty or have the form that release 0.1 gave it: `blobs` with
/// pieces that documents name, `buckets` with documents, and an empty `lock`.
fn check_unmarked(root: &Path) -> io::Result<()> {
    let mut has_blobs = false;
    let mut has_documents = false;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        match name.to_str() {
            Some(MARKER_BESIDE) => {}
            Some(LOCK) if regular_file(&path).is_ok_and(|length| length == 0) => {}
            Some(BLOBS) if entry.file_type()?.is_dir() => {
                has_blobs = check_names(root, &path, is_blob_name)?;
            }
            Some(BUCKETS) if entry.file_type()?.is_dir() => {
                for bucket in fs::read_dir(&path)? {
                    let bucket = bucket?;
                    if !bucket.file_type()?.is_dir() {
                        return Err(foreign(root, &bucket.path()));
                    }
                    has_documents |= check_names(root, &bucket.path(), is_document_name)?;
                }
            }
            _ => return Err(foreign(root, &path)),
        }
    }
    if has_blobs && !has_documents {
        // Their owner is unknown.
        return Err(foreign(root, &root.join(BLOBS)));
    }
    Ok(())
}

/// A document, or one that was being written when its process died.
fn is_document_name(name: &str) -> bool {
    is_document(name) || is_unfinished(name)
}

/// Whether the directory has entries; each must be a file of such a name.
fn check_names(root: &Path, directory: &Path, fits: fn(&str) -> bool) -> io::Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_ours = entry.file_type()?.is_file() && entry.file_name().to_str().is_some_and(fits);
        if !is_ours {
            return Err(foreign(root, &entry.path()));
        }
        any = true;
    }
    Ok(any)
}

fn foreign(root: &Path, found: &Path) -> io::Error {
    let shown = found.strip_prefix(root).unwrap_or(found);
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "it holds {}, which the local endpoint did not write; choose an empty directory, one that does \
             not exist, or one of an earlier local endpoint",
            shown.display()
        ),
    )
}
