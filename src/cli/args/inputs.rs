//! Where inputs come from.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use sagemaker_async_inference::S3Uri;

use crate::cli::output::exit::{Failure, Outcome};

/// One input.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Input {
    /// Standard input.
    Standard,
    File(PathBuf),
    /// In S3 already.
    At(S3Uri),
}

impl Input {
    /// `-` or a file.
    pub(in crate::cli) fn of_argument(argument: &Path) -> Self {
        if argument.as_os_str() == "-" {
            Self::Standard
        } else {
            Self::File(argument.to_owned())
        }
    }

    /// Its last name, if it has one.
    pub(in crate::cli) fn name(&self) -> Option<String> {
        let name = match self {
            Self::Standard => return None,
            Self::File(path) => path.file_name()?.to_string_lossy().into_owned(),
            Self::At(uri) => uri.key().rsplit('/').next()?.to_owned(),
        };
        (!name.is_empty()).then_some(name)
    }

    /// As it was named.
    pub(in crate::cli) fn shown(&self) -> String {
        match self {
            Self::Standard => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::At(uri) => uri.to_string(),
        }
    }
}

/// All files in a directory but hidden ones, by name: the same in the same order at every run. What lies
/// in directories below is left out.
pub(in crate::cli) fn in_directory(directory: &Path) -> Outcome<Vec<Input>> {
    let failed = |error: io::Error| Failure::io(directory.display(), &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let metadata = fs::metadata(&path);
        let metadata = metadata.map_err(|error| Failure::io(path.display(), &error))?;
        if !hidden && metadata.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!(
            "there is no file in {}",
            directory.display()
        )));
    }
    Ok(files.into_iter().map(Input::File).collect())
}

/// The lines of a file, or of standard input for `-`.
pub(in crate::cli) fn lines_of(list: &Path) -> Outcome<Box<dyn BufRead>> {
    if list.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(list).map_err(|error| Failure::io(list.display(), &error))?;
    Ok(Box::new(BufReader::new(file)))
}

/// One line each: a path, or `s3://bucket/key`. Empty lines are passed over.
pub(in crate::cli) fn in_list(list: &Path) -> Outcome<Vec<Input>> {
    let mut inputs = Vec::new();
    for line in lines_of(list)?.lines() {
        let line = line.map_err(|error| Failure::io(list.display(), &error))?;
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        inputs.push(if line.starts_with("s3://") {
            Input::At(line.parse()?)
        } else {
            Input::File(line.into())
        });
    }
    if inputs.is_empty() {
        return Err(Failure::usage(format!(
            "there is no input in {}",
            list.display()
        )));
    }
    Ok(inputs)
}
