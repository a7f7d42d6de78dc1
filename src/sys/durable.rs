//! Files that this crate writes for its user: whole or not at all, and there after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Writes a file whole: a temporary one beside it, flushed to the disk, takes its name.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = Temporary::beside(path)?;
    let mut file = private().write(true).create_new(true).open(&temporary.0)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary.0, path)?;
    std::mem::forget(temporary);
    sync_directory(path)
}

/// The whole of a file that is no longer than `max`.
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

/// For reading and appending; made if it is not there.
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    let file = private().read(true).append(true).create(true).open(path)?;
    sync_directory(path)?;
    Ok(file)
}

/// Nobody but its owner reads what is made under this.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A new name in a directory lasts once the directory is on the disk. Where directories cannot be
/// opened the system sees to that itself.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory(path))?.sync_all()?;
    }
    Ok(())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removed unless it got its final name.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut temporary = name.to_owned();
        temporary.push(format!(".{:016x}.tmp", fastrand::u64(..)));
        Ok(Self(directory(path).join(temporary)))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_file(&self.0);
    }
}
