//! Files that hold payloads: read at any place by many threads, or written beside their final name and
//! moved there whole.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::durable::sync_directory;

/// A file to be sent, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct InputFile {
    file: File,
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
}

impl InputFile {
    /// Opens a regular file; of anything else the length cannot be known.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a regular file",
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

    /// Fills the buffer from this place on; an end before that is [`io::ErrorKind::UnexpectedEof`].
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_exact_at(&self.file, buffer, offset)
    }

    /// Whether length or time of modification are others than at the start.
    pub(crate) fn has_changed(&self) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        Ok(metadata.len() != self.len || metadata.modified().ok() != self.modified)
    }
}

/// A file that is not there under its name until [`finish`](Self::finish): dropped before, it leaves
/// nothing behind.
pub(crate) struct OutputFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    done: bool,
}

impl OutputFile {
    /// Begins a file beside the target, so that it can be moved there in one step. A target that is
    /// a symbolic link stays one.
    pub(crate) fn create(target: &Path) -> io::Result<Self> {
        let target = match fs::canonicalize(target) {
            Ok(existing) => existing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => target.to_owned(),
            Err(error) => return Err(error),
        };
        if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "there is something of this name that is not a regular file",
            ));
        }
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no file name"))?
            .to_string_lossy()
            .into_owned();
        // A name may have 255 bytes; what is kept of it tells a reader of the directory enough.
        let name: String = name.chars().take(40).collect();
        loop {
            let temporary =
                target.with_file_name(format!(".{name}.{:016x}.part", fastrand::u64(..)));
            let opened = beside(&target).open(&temporary);
            match opened {
                Ok(file) => {
                    return Ok(Self {
                        file,
                        temporary,
                        target,
                        done: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_all_at(&self.file, bytes, offset)
    }

    /// Puts the file under its name, once the disk has it. It keeps the permissions of the one that
    /// it takes the place of.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Ok(replaced) = fs::metadata(&self.target) {
            self.file.set_permissions(replaced.permissions())?;
        }
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.target)?;
        self.done = true;
        sync_directory(&self.target)
    }
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
            // Nobody is left to tell.
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

/// For a file that takes the place of another: nobody who may not read that one can read this one
/// meanwhile. A new one has the permissions that this user's files have.
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
