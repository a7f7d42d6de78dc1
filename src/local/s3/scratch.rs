//! Directories for temporary files that are removed when the endpoint stops, or at the start of the next one
//! if the process was killed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::directory::{is_marked, locked, mark, new_file};

const PREFIX: &str = "sagemaker-async-local-";
const LOCK: &str = "lock";

/// A private directory below the system's one for temporary files.
#[derive(Debug)]
pub(in crate::local) struct Scratch {
    // Unlocked before the directory is removed.
    _lock: File,
    directory: TempDir,
}

impl Scratch {
    /// Makes one, and removes those of processes that were killed.
    pub(in crate::local) fn make() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let directory = builder.tempdir()?;
        // Locked before it is marked: what is marked and not locked has lost its process.
        let lock = locked(&directory.path().join(LOCK))?;
        mark(directory.path())?;
        remove_abandoned(directory.path());
        Ok(Self {
            _lock: lock,
            directory,
        })
    }

    pub(in crate::local) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, or replaces it.
    pub(in crate::local) fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        io::Write::write_all(&mut new_file(&path)?, content)?;
        Ok(path)
    }
}

/// Removes the siblings of `own` that belong to this user and to no process. One that cannot be removed
/// stays for the next start.
fn remove_abandoned(own: &Path) {
    let Some(Ok(siblings)) = own.parent().map(fs::read_dir) else {
        return;
    };
    for sibling in siblings.flatten() {
        let path = sibling.path();
        let named = sibling.file_name().to_string_lossy().starts_with(PREFIX);
        if named
            && path != own
            && is_same_owner(own, &path)
            && is_marked(&path).is_ok_and(|marked| marked)
            && locked(&path.join(LOCK)).is_ok()
        {
            drop(fs::remove_dir_all(&path));
        }
    }
}

/// Whether it is a directory, no link to one, of the user who owns the other.
fn is_same_owner(own: &Path, other: &Path) -> bool {
    let (Ok(own), Ok(other)) = (fs::symlink_metadata(own), fs::symlink_metadata(other)) else {
        return false;
    };
    #[cfg(unix)]
    let same = {
        use std::os::unix::fs::MetadataExt;
        own.uid() == other.uid()
    };
    #[cfg(not(unix))]
    let same = own.is_dir();
    other.is_dir() && same
}
