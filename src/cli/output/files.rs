//! Results to standard output or to a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::{AsyncInferenceResponse, Bytes, Error, ModelFailure, WaiterConfig};

use super::exit::{CommandError, Outcome};
use super::standard::standard_output;

/// Where a result is written to.
#[derive(Debug)]
pub(in crate::cli) enum Target {
    Standard,
    /// A file that is written completely or not at all.
    File(PathBuf),
    /// A pipe, a device, or a file that was opened by another process.
    Stream(Named<File>),
}

impl Target {
    /// Checks the path before anything is sent: it would be worse to wait an hour in vain. An incomplete file that a
    /// killed process left there is removed.
    pub(in crate::cli) fn of(path: Option<&Path>) -> Outcome<Self> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Standard);
        };
        let failed = |error: io::Error| CommandError::io(path.display(), &error);
        check_names_a_file(path)?;
        if let Some(number) = descriptor(path) {
            return open_descriptor(number, path).map_err(failed);
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(CommandError::usage(format!(
                    "{} is a directory",
                    path.display()
                )));
            }
            Ok(metadata) if !metadata.is_file() => {
                let opened = OpenOptions::new().write(true).open(path);
                return opened.map(|file| Self::stream(path, file)).map_err(failed);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The file that a link names is made where that is.
                let target = fs::read_link(path).map(|link| parent(path).join(link));
                return Self::new_file(target.as_deref().unwrap_or(path)).map_err(failed);
            }
            Err(error) => return Err(failed(error)),
        }
        let existing = fs::canonicalize(path).map_err(failed)?;
        Self::new_file(&existing).map_err(failed)
    }

    fn new_file(path: &Path) -> io::Result<Self> {
        check_writable(path)?;
        remove_abandoned(parent(path));
        Ok(Self::File(path.to_owned()))
    }

    fn stream(path: &Path, file: File) -> Self {
        Self::Stream(Named {
            name: path.display().to_string(),
            writer: file,
            written: 0,
        })
    }

    /// For output that is discarded unless a place is named.
    pub(in crate::cli) fn if_named(path: Option<&Path>) -> Outcome<Option<Self>> {
        path.map(|path| Self::of(Some(path))).transpose()
    }

    /// Whether it is the same file, by any name.
    pub(in crate::cli) fn is(&self, other: &Path) -> bool {
        match self {
            Self::File(path) => is_same_file(path, other),
            Self::Standard | Self::Stream(_) => false,
        }
    }

    /// Waits for a result and writes it.
    pub(in crate::cli) fn take(
        &mut self,
        response: &AsyncInferenceResponse<Bytes>,
        waiter: &WaiterConfig,
    ) -> Result<(), Untaken> {
        match self {
            Self::Standard => write(response, &mut Named::standard(), waiter),
            Self::File(path) => Ok(response.download(path, waiter).map(drop)?),
            Self::Stream(stream) => write(response, stream, waiter),
        }
    }

    /// Writes the model's failure response, unchanged.
    pub(in crate::cli) fn keep(&mut self, failure: &ModelFailure) -> Outcome {
        let written = match self {
            Self::Standard => Named::standard().write_all(failure.bytes()),
            Self::File(path) => return Ok(failure.save(path)?),
            Self::Stream(stream) => stream.write_all(failure.bytes()),
        };
        written.map_err(|error| CommandError::io("the failure's output", &error))
    }
}

/// A result that was not written, or only in part.
pub(in crate::cli) struct Untaken {
    pub(in crate::cli) error: Error,
    /// What the reader of a stream has to know.
    pub(in crate::cli) partial: Option<String>,
}

impl From<Error> for Untaken {
    fn from(error: Error) -> Self {
        Self {
            error,
            partial: None,
        }
    }
}

/// Writes a result to a stream, which cannot be undone.
fn write<W: Write>(
    response: &AsyncInferenceResponse<Bytes>,
    stream: &mut Named<W>,
    waiter: &WaiterConfig,
) -> Result<(), Untaken> {
    response
        .write_result(&mut *stream, waiter)
        .map(drop)
        .map_err(|error| Untaken {
            error,
            partial: (stream.written > 0).then(|| {
                format!(
                    "{} bytes went to {} before that: they are not the result, or not all of it",
                    stream.written, stream.name
                )
            }),
        })
}

/// A path that ends with a slash is a directory's, whether it is there or not.
pub(in crate::cli) fn check_names_a_file(path: &Path) -> Outcome {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        let problem = format!("{} names a directory", path.display());
        return Err(CommandError::usage(format!("{problem}; name a file in it")));
    }
    Ok(())
}

/// The number of a file that this process already has open, if that is what the path means: `/dev/stdout`,
/// `/dev/fd/3`, `/proc/self/fd/3`, through any links. If such a file were opened by its name, it would be written from
/// its start, over its content.
fn descriptor(path: &Path) -> Option<u32> {
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let own = format!("/proc/{}", std::process::id());
        let directory = fs::canonicalize(parent(&path)).ok()?;
        let open_files = directory == Path::new("/dev/fd")
            || (directory.starts_with(&own) && directory.ends_with("fd"));
        let name = path.file_name()?;
        if open_files && let Some(number) = name.to_str().and_then(|name| name.parse().ok()) {
            return Some(number);
        }
        path = directory.join(fs::read_link(directory.join(name)).ok()?);
    }
    None
}

fn open_descriptor(number: u32, path: &Path) -> io::Result<Target> {
    match number {
        1 => Ok(Target::Standard),
        #[cfg(unix)]
        2 => {
            use std::os::fd::AsFd;
            let own = io::stderr().as_fd().try_clone_to_owned()?;
            Ok(Target::stream(path, File::from(own)))
        }
        _ => inherited(number)
            // The next best: at its end, over nothing that is there.
            .or_else(|_| OpenOptions::new().append(true).open(path))
            .map(|file| Target::stream(path, file)),
    }
}

/// A duplicate of a file that the parent process left open, with its current position.
#[cfg(target_os = "linux")]
fn inherited(number: u32) -> io::Result<File> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let number = i32::try_from(number).map_err(io::Error::other)?;
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let file = pidfd_getfd(&own, number, PidfdGetfdFlags::empty())?;
    Ok(File::from(file))
}

/// Elsewhere opening it by its name is a duplicate.
#[cfg(not(target_os = "linux"))]
fn inherited(_: u32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether both paths name the same file.
pub(in crate::cli) fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
        use std::os::unix::fs::MetadataExt;
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Removes what killed processes left in a directory: files that do not have their final names. Those that another
/// process is writing are locked, and stay.
pub(in crate::cli) fn remove_abandoned(directory: &Path) {
    // Where the directory cannot be read, as a drop box, they stay.
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = name.to_str().filter(|_| is_file).unwrap_or_default();
        if is_random(name, ".part") || (is_random(name, ".tmp") && is_old(&entry)) {
            let path = entry.path();
            // The writer of a file holds its lock until the temporary name is gone.
            if let Ok(file) = OpenOptions::new().write(true).open(&path)
                && file.try_lock().is_ok()
            {
                drop(fs::remove_file(path));
            }
        }
    }
}

/// A name for a complete result until it has its own: one that no other process has. Nothing locks the file, and its
/// process may be long in coming to it, for instance when nobody reads standard output.
pub(in crate::cli) fn unnamed() -> String {
    format!(".result.{:016x}.tmp", fastrand::u64(..))
}

/// A complete result that has had no name for so long was left by a process that was killed.
const ABANDONED_AFTER: Duration = Duration::from_hours(7 * 24);

fn is_old(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    let age = modified.map(|modified| SystemClock.now().duration_since(modified));
    matches!(age, Ok(Ok(age)) if age >= ABANDONED_AFTER)
}

/// `.NAME.0123456789abcdef.part`, as the library names what it downloads, or `.result.0123456789abcdef.tmp`.
fn is_random(name: &str, extension: &str) -> bool {
    let random = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(extension))
        .and_then(|name| name.rsplit_once('.'))
        .filter(|(name, _)| extension == ".part" || *name == "result");
    random.is_some_and(|(_, random)| {
        random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether a file can be made beside this one, to take its place.
pub(in crate::cli) fn check_writable(path: &Path) -> io::Result<()> {
    check_parent(path)?;
    tempfile::Builder::new()
        .prefix(".sagemaker-async.")
        .tempfile_in(parent(path))
        .map(drop)
}

fn check_parent(path: &Path) -> io::Result<()> {
    if fs::metadata(parent(path))?.is_dir() {
        Ok(())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A writer whose errors name it.
#[derive(Debug)]
pub(in crate::cli) struct Named<W> {
    name: String,
    writer: W,
    /// Number of bytes.
    written: u64,
}

impl Named<StandardOutput> {
    fn standard() -> Self {
        Self {
            name: "standard output".to_owned(),
            writer: StandardOutput,
            written: 0,
        }
    }
}

impl<W> Named<W> {
    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes);
        self.written += written.as_ref().map_or(0, |written| *written as u64);
        written.map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.writer.flush();
        flushed.map_err(|error| self.named(&error))
    }
}

/// Standard output without a buffer, so that a failed write is known at once.
struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        standard_output()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
