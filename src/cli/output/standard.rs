//! Standard output as the system has it: unbuffered, with every error reported.

#[cfg(unix)]
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use super::exit::{Code, CommandError, Outcome};

/// Unlike `std::io::Stdout`, which takes a descriptor that cannot be written to for one that swallows all.
#[cfg(unix)]
pub(in crate::cli) fn standard_output() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(not(unix))]
pub(in crate::cli) fn standard_output() -> io::Result<impl io::Write> {
    Ok(io::stdout().lock())
}

/// Fails if standard output was closed when the process began: what is printed would be lost.
pub(in crate::cli) fn check_standard_output() -> Outcome {
    if was_closed(io::stdout()) {
        return Err(CommandError::new(
            Code::Other,
            "standard output is closed, and what this command prints would be lost; nothing was sent. \
             Open it, or name a file (to throw the output away: > /dev/null)",
        ));
    }
    Ok(())
}

/// Whether this is the file that standard output goes to.
#[cfg(unix)]
pub(in crate::cli) fn is_standard_output(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let place = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let stdout = standard_output().and_then(|stdout| stdout.metadata());
    let (Ok(stdout), Ok(file)) = (stdout, std::fs::metadata(path)) else {
        return false;
    };
    place(stdout) == place(file)
}

#[cfg(not(unix))]
pub(in crate::cli) fn is_standard_output(_: &Path) -> bool {
    false
}

/// Fails if standard input was closed when the process began: an empty input is not what anybody means by it.
pub(in crate::cli) fn check_standard_input() -> Outcome {
    if was_closed(io::stdin()) {
        return Err(CommandError::new(
            Code::Other,
            "standard input is closed, so that there is no input; nothing was sent. Open it, or name a file",
        ));
    }
    Ok(())
}

/// Rust opens the null device for reading and writing if a standard stream is closed; a user who redirects to it
/// opens it for writing or for reading.
#[cfg(unix)]
fn was_closed(stream: impl std::os::fd::AsFd) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let Ok(stream) = stream.as_fd().try_clone_to_owned().map(File::from) else {
        return true;
    };
    let null = std::fs::metadata("/dev/null").map(|null| null.rdev());
    let is_null = stream.metadata().is_ok_and(|metadata| {
        metadata.file_type().is_char_device() && null.is_ok_and(|null| null == metadata.rdev())
    });
    is_null
        && rustix::fs::fcntl_getfl(&stream)
            .is_ok_and(|flags| flags.contains(rustix::fs::OFlags::RDWR))
}

#[cfg(not(unix))]
fn was_closed<T>(_: T) -> bool {
    false
}
