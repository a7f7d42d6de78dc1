//! Payload files: read at any offset by many threads, or written under a temporary name and renamed when
//! complete.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::durable::{sync_directory, temporary_name, tolerate_refusal};
#[cfg(not(all(target_os = "linux", feature = "local")))]
use super::write_behind::WriteBehind;
#[cfg(all(target_os = "linux", feature = "local"))]
use super::write_early::WriteBehind;

const DIGEST_BLOCK: usize = 256 << 10;

/// A file to upload, with its state when it was opened.
#[derive(Debug)]
pub(crate) struct InputFile {
    file: File,
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
}

impl InputFile {
    /// Opens a regular file; the length of anything else is not known.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        // Before it is opened, which for a named pipe waits for a writer.
        check_regular(&fs::metadata(path)?)?;
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        check_regular(&metadata)?;
        // As in /proc and /sys: an empty input is not what was meant.
        if metadata.len() == 0 && read_exact_at(&file, &mut [0], 0).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it has content although its length is 0; give the content through a reader or a pipe",
            ));
        }
        Ok(Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            file,
            path: path.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Fills the buffer from this offset; an earlier end is [`io::ErrorKind::UnexpectedEof`].
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_exact_at(&self.file, buffer, offset)
    }

    /// The digest of the whole content.
    pub(crate) fn sha256(&self) -> io::Result<[u8; 32]> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; DIGEST_BLOCK];
        let mut offset = 0;
        while offset < self.len {
            let left = usize::try_from(self.len - offset).unwrap_or(DIGEST_BLOCK);
            let block = &mut buffer[..left.min(DIGEST_BLOCK)];
            self.read_exact_at(block, offset)?;
            hash.update(&block);
            offset += block.len() as u64;
        }
        Ok(hash.finalize().into())
    }

    /// Whether length or modification time differ from those at the start.
    pub(crate) fn has_changed(&self) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        Ok(metadata.len() != self.len || metadata.modified().ok() != self.modified)
    }
}

fn check_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a regular file",
    ))
}

/// A file that gets its name in [`finish`](Self::finish); dropped before, it leaves nothing behind.
pub(crate) struct OutputFile {
    file: File,
    behind: WriteBehind,
    temporary: PathBuf,
    target: PathBuf,
    done: bool,
}

impl OutputFile {
    /// Creates a temporary file in the directory of the target, so that it can be renamed in one step. A target
    /// that is a symbolic link stays one, also if the file that it names does not exist yet.
    pub(crate) fn create(target: &Path) -> io::Result<Self> {
        let target = behind_links(target)?;
        match fs::metadata(&target) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "there is something of this name that is not a regular file",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Err(error),
            _ => {}
        }
        loop {
            let temporary = temporary_name(&target, "part")?;
            let file = match beside(&target).open(&temporary) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            // Held while the file is written; on file systems without locks nothing is swept.
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !temporary.exists() {
                continue;
            }
            return Ok(Self {
                file,
                behind: WriteBehind::default(),
                temporary,
                target,
                done: false,
            });
        }
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_all_at(&self.file, bytes, offset)?;
        self.behind.wrote(&self.file, offset, bytes.len() as u64);
        Ok(())
    }

    /// Syncs the file and gives it its name. It has the permissions of the file that it replaces, if the file
    /// system has permissions.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Ok(replaced) = fs::metadata(&self.target) {
            tolerate_refusal(self.file.set_permissions(replaced.permissions()))?;
        }
        tolerate_refusal(self.behind.stop())?;
        tolerate_refusal(self.file.sync_all())?;
        match fs::rename(&self.temporary, &self.target) {
            Ok(()) => {
                self.done = true;
                sync_directory(&self.target)
            }
            // A file that is a mount point, as in containers, cannot be replaced.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => self.copy_into_place(),
            Err(error) => Err(error),
        }
    }

    /// Replaces the content of the target instead of the file, and removes the temporary file.
    fn copy_into_place(&self) -> io::Result<()> {
        let mut content = File::open(&self.temporary)?;
        let mut target = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&self.target)?;
        io::copy(&mut content, &mut target)?;
        tolerate_refusal(target.sync_all())
    }
}

/// The end of a chain of symbolic links, whether or not it exists.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let Ok(link) = fs::read_link(&path) else {
            return Ok(path);
        };
        path = path.with_file_name("").join(link);
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Writes a file of this content as [`OutputFile`] does.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = OutputFile::create(path)?;
    file.write_all_at(content, 0)?;
    file.finish()
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.done {
            // There is no caller to report to.
            drop(fs::remove_file(&self.temporary));
        }
    }
}

impl fmt::Debug for OutputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputFile")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// For a file that replaces another: who may not read that one cannot read this one meanwhile. A new one has the
/// default permissions of this user's files.
fn beside(target: &Path) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Ok(replaced) = fs::metadata(target) {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(replaced.permissions().mode() & 0o777);
    }
    #[cfg(not(unix))]
    let _ = target;
    options
}

#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
