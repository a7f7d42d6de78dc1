//! Files that this crate writes for its user: complete or absent, also after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Writes a complete file: a temporary one in the same directory is synced to disk and renamed.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = Temporary::beside(path)?;
    let mut file = private().write(true).create_new(true).open(&temporary.0)?;
    file.write_all(content)?;
    tolerate_refusal(file.sync_all())?;
    fs::rename(&temporary.0, path)?;
    std::mem::forget(temporary);
    sync_directory(path)
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(max.saturating_add(1))
        .read_to_end(&mut content)?;
    if content.len() as u64 > max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// Opens a file for reading and appending; creates it if it does not exist.
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    let file = private().read(true).append(true).create(true).open(path)?;
    sync_directory(path)?;
    Ok(file)
}

/// Flushes what was written to a file to the disk: from now on a power cut does not take it.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    #[cfg(all(test, unix))]
    let length = file.metadata()?.len();
    tolerate_refusal(file.sync_data())?;
    #[cfg(all(test, unix))]
    super::power::flushed(file, length)?;
    Ok(())
}

/// Only the owner can read what is created with this.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Syncs the directory of a file: a new name lasts once its directory is on disk. Systems where directories
/// cannot be opened or synced do that by themselves.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let synced = File::open(directory(path)).and_then(|directory| directory.sync_all());
        tolerate_refusal(synced)?;
    }
    #[cfg(all(test, unix))]
    super::power::named(path);
    Ok(())
}

/// Treats "not supported by this file system" as success: network and user-space file systems have no fsync of
/// directories (`EINVAL`, `EBADF`) or no chmod, and a directory that may be written to need not be readable. The
/// content itself is written; an error of the disk stays an error.
pub(crate) fn tolerate_refusal(outcome: io::Result<()>) -> io::Result<()> {
    const EBADF: i32 = 9;
    outcome.or_else(|error| match error.kind() {
        io::ErrorKind::InvalidInput
        | io::ErrorKind::Unsupported
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::IsADirectory => Ok(()),
        _ if cfg!(unix) && error.raw_os_error() == Some(EBADF) => Ok(()),
        _ => Err(error),
    })
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A temporary name in the directory of a file: hidden, so that it is not mistaken for an input or a result, and
/// no longer than a name may be.
pub(super) fn temporary_name(path: &Path, extension: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let name = name.to_string_lossy();
    // The part that is left identifies the file well enough.
    let name: String = name.chars().take(40).collect();
    let random = fastrand::u64(..);
    Ok(directory(path).join(format!(".{name}.{random:016x}.{extension}")))
}

/// Removed unless it got its final name.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> io::Result<Self> {
        temporary_name(path, "tmp").map(Self)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may never have been created.
        let _ = fs::remove_file(&self.0);
    }
}
