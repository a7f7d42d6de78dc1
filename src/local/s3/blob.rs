//! Bytes of objects in files.

use std::fs::{self, File};
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::directory::{invalid, regular_file};
use crate::sys::payload::{read_exact_at, write_all_at};

/// A file of a data directory. Dropping this removes the file, unless an object is stored in it.
pub(super) struct Blob {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Number of objects that are stored in it.
    pub(super) kept: AtomicUsize,
}

impl Blob {
    pub(super) fn check(&self, len: u64) -> io::Result<()> {
        match regular_file(&self.path) {
            // Opened, because it may be unreadable.
            Ok(found) if found == len => File::open(&self.path).map(drop),
            Ok(found) => Err(invalid(format!(
                "piece {} has {found} bytes instead of {len}",
                self.name
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(invalid(format!("piece {} is missing", self.name)))
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if self.kept.load(Ordering::SeqCst) == 0 {
            // A file that cannot be removed now is removed at the next start.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Bytes on disk.
pub(super) enum Stored {
    Unnamed(File),
    /// The file is open while it is written.
    Named(Blob, Option<File>),
}

impl Stored {
    pub(super) fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        match self {
            Self::Unnamed(file) | Self::Named(_, Some(file)) => write_all_at(file, bytes, at),
            Self::Named(_, None) => Err(io::Error::other("written after its end")),
        }
    }

    pub(super) fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Self::Unnamed(file) => read_exact_at(file, buffer, at),
            Self::Named(blob, _) => read_exact_at(&File::open(&blob.path)?, buffer, at),
        }
    }

    /// Sends some of it to a connection without copying it into this process; `None` if the system cannot.
    pub(super) fn send_at(
        &self,
        stream: &TcpStream,
        at: u64,
        most: usize,
    ) -> Option<io::Result<usize>> {
        match self {
            Self::Unnamed(file) => send_file(file, stream, at, most),
            Self::Named(blob, _) => match File::open(&blob.path) {
                Ok(file) => send_file(&file, stream, at, most),
                Err(error) => Some(Err(error)),
            },
        }
    }

    pub(super) fn close(&mut self) {
        if let Self::Named(_, file) = self {
            *file = None;
        }
    }
}

#[cfg(target_os = "linux")]
fn send_file(file: &File, stream: &TcpStream, at: u64, most: usize) -> Option<io::Result<usize>> {
    use rustix::io::Errno;
    let mut at = at;
    loop {
        match rustix::fs::sendfile(stream, file, Some(&mut at), most) {
            Err(Errno::INTR) => {}
            // Some file systems do not offer it.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return None,
            outcome => return Some(outcome.map_err(io::Error::from)),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn send_file(_: &File, _: &TcpStream, _: u64, _: usize) -> Option<io::Result<usize>> {
    None
}
