//! What a power cut would leave of files, for tests: the bytes of each that were flushed to the disk, if its name was
//! too. Killing a process does not show that, because the system keeps what was written.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use super::sync::lock;

/// Device and inode.
type Place = (u64, u64);

#[derive(Default)]
struct Disk {
    named: bool,
    flushed: u64,
}

static DISK: Mutex<BTreeMap<Place, Disk>> = Mutex::new(BTreeMap::new());

fn disk() -> MutexGuard<'static, BTreeMap<Place, Disk>> {
    lock(&DISK)
}

fn place(metadata: &Metadata) -> Place {
    (metadata.dev(), metadata.ino())
}

/// This number of bytes was in the file before it was flushed.
pub(super) fn flushed(file: &File, length: u64) -> io::Result<()> {
    let place = place(&file.metadata()?);
    let mut disk = disk();
    let file = disk.entry(place).or_default();
    file.flushed = file.flushed.max(length);
    Ok(())
}

/// The directory of this file was flushed.
pub(super) fn named(path: &Path) {
    if let Ok(metadata) = fs::metadata(path) {
        disk().entry(place(&metadata)).or_default().named = true;
    }
}

/// The file's content after a power cut now.
#[cfg(feature = "local")]
pub(crate) fn left_of(path: &Path) -> Vec<u8> {
    let Ok(metadata) = fs::metadata(path) else {
        return Vec::new();
    };
    let flushed = match disk().get(&place(&metadata)) {
        Some(file) if file.named => file.flushed,
        _ => 0,
    };
    #[allow(clippy::disallowed_methods)] // of a file that a test wrote
    let mut content = fs::read(path).unwrap_or_default();
    content.truncate(usize::try_from(flushed).unwrap_or(usize::MAX));
    content
}
