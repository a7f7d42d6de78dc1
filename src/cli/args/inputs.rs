//! Inputs: files, standard input, directories, lists, S3.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sagemaker_async_inference::S3Uri;

use super::streams::in_utf8;
use crate::cli::output::exit::{CommandError, Outcome};
use crate::cli::output::files::is_same_file;
use crate::cli::output::lines::is_record;
use crate::cli::output::progress::Progress;
use crate::cli::output::standard::is_standard_output;

/// One input.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Input {
    /// Standard input.
    Standard,
    File(PathBuf),
    /// In S3 already.
    At(S3Uri),
}

/// An item of a list, or why it is not an input. It does not stop the others.
pub(in crate::cli) type Listed = Outcome<Input>;

const MARK: &[u8] = "\u{feff}".as_bytes();

impl Input {
    /// `-` for standard input, else a file.
    pub(in crate::cli) fn of_argument(argument: &Path) -> Self {
        if argument.as_os_str() == "-" {
            Self::Standard
        } else {
            Self::File(argument.to_owned())
        }
    }

    /// The last component of its path or key, if there is one.
    pub(in crate::cli) fn name(&self) -> Option<String> {
        let name = match self {
            Self::Standard => return None,
            Self::File(path) => path.file_name()?.to_string_lossy().into_owned(),
            Self::At(uri) => uri.key().rsplit('/').next()?.to_owned(),
        };
        (!name.is_empty()).then_some(name)
    }

    /// As the user wrote it.
    pub(in crate::cli) fn shown(&self) -> String {
        match self {
            Self::Standard => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::At(uri) => uri.to_string(),
        }
    }
}

/// All files in a directory, in order of name, so that the order is the same in every run. Left out are hidden files,
/// those in subdirectories, and those that a job itself writes: its journal, and files of handles. A broken link is an
/// input that cannot be read.
pub(in crate::cli) fn in_directory(
    directory: &Path,
    journal: Option<&Path>,
    progress: &Progress,
) -> Outcome<Vec<Listed>> {
    let failed = |error: io::Error| CommandError::io(directory.display(), &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            continue;
        }
        if journal.is_some_and(|journal| is_same_file(&path, journal)) || is_standard_output(&path)
        {
            continue;
        }
        files.push(path);
    }
    files.sort();
    files.retain(|path| {
        let record = is_record(path);
        if record {
            progress.error(&format!(
                "{}: left out, because it contains handles or a journal and is not an input",
                path.display()
            ));
        }
        !record
    });
    if files.is_empty() {
        return Err(CommandError::usage(format!(
            "there is no file in {}",
            directory.display()
        )));
    }
    Ok(files
        .into_iter()
        .map(|path| Ok(Input::File(path)))
        .collect())
}

/// A list with one path or `s3://bucket/key` per line or, with `null`, per NUL. Blank lines are skipped; blanks in a
/// path are part of it, and so are bytes that are not UTF-8.
pub(in crate::cli) fn in_list(list: &Path, null: bool) -> Outcome<Vec<Listed>> {
    let failed = |error: io::Error| CommandError::io(list.display(), &error);
    let mut text = Vec::new();
    if list.as_os_str() == "-" {
        io::stdin().read_to_end(&mut text).map_err(failed)?;
    } else {
        let mut file = File::open(list).map_err(failed)?;
        file.read_to_end(&mut text).map_err(failed)?;
    }
    if !null {
        text = in_utf8(text);
    }
    let text = text.strip_prefix(MARK).unwrap_or(&text);
    let end = if null { b'\0' } else { b'\n' };
    let items = text.split(|byte| *byte == end).zip(1..);
    let inputs: Vec<Listed> = items
        .map(|(item, number)| {
            let item = match item.strip_suffix(b"\r") {
                Some(item) if !null => item,
                _ => item,
            };
            (item, number)
        })
        .filter(|(item, _)| !item.is_empty() && (null || !item.iter().all(u8::is_ascii_whitespace)))
        .map(|(item, number)| {
            parse(item).map_err(|failure| failure.within(format!("{} {number}", list.display())))
        })
        .collect();
    if inputs.is_empty() {
        return Err(CommandError::usage(format!(
            "there is no input in {}",
            list.display()
        )));
    }
    Ok(inputs)
}

fn parse(item: &[u8]) -> Listed {
    if !item.starts_with(b"s3://") {
        return path_of(item).map(Input::File);
    }
    let text = std::str::from_utf8(item);
    let text = text.map_err(|_| CommandError::usage("the S3 URI is not UTF-8"))?;
    Ok(Input::At(text.parse()?))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // elsewhere it can fail
fn path_of(item: &[u8]) -> Outcome<PathBuf> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    Ok(OsStr::from_bytes(item).into())
}

#[cfg(not(unix))]
fn path_of(item: &[u8]) -> Outcome<PathBuf> {
    let text = std::str::from_utf8(item);
    let text = text.map_err(|_| CommandError::usage("the path is not UTF-8"))?;
    Ok(text.into())
}
