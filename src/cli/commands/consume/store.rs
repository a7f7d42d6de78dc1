//! Where `consume` stores results: completely on disk, and over nothing that is there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::{
    AsyncInferenceResponse, Bytes, Error, ModelFailure, TransferError, WaiterConfig,
};

use super::name::name_of;
use crate::cli::output::files::unnamed;
use crate::cli::output::names::{DIGEST_BYTES, MAX_NAME, digest_of, portable, same_content};

const FAILURE: &str = ".failure";

/// A stored outcome.
pub(super) enum Stored {
    Output(PathBuf, u64),
    Failure(PathBuf, String),
}

/// The file of one inference. The service runs two requests with one inference id, and another file may have its
/// name: then a digest of the output's location is part of the name.
pub(super) struct Place {
    directory: PathBuf,
    name: String,
    digest: String,
}

impl Place {
    pub(super) fn new(directory: &Path, id: Option<&str>, output: Option<&str>) -> Self {
        let digest = digest_of(output.unwrap_or_default(), id, DIGEST_BYTES);
        Self {
            directory: directory.to_owned(),
            name: fitting(portable(&name_of(id, output)), &digest),
            digest,
        }
    }

    /// Waits for the output and stores it, or the failure.
    pub(super) fn store(
        &self,
        response: &AsyncInferenceResponse<Bytes>,
        waiter: &WaiterConfig,
    ) -> Result<Stored, Error> {
        let part = self.directory.join(unnamed());
        match response.download(&part, waiter) {
            Ok(bytes) => Ok(Stored::Output(self.take(&part, "")?, bytes)),
            Err(Error::Model(failure)) => self.store_failure(&failure),
            Err(error) => Err(error),
        }
    }

    pub(super) fn store_failure(&self, failure: &ModelFailure) -> Result<Stored, Error> {
        let part = self.directory.join(unnamed());
        failure.save(&part)?;
        let path = self.take(&part, FAILURE)?;
        Ok(Stored::Failure(path, failure.text().to_string()))
    }

    /// Gives a complete file its name.
    fn take(&self, part: &Path, ending: &str) -> Result<PathBuf, Error> {
        let named = self.give_name(part, ending);
        // Its content has its name, or is fetched again.
        drop(fs::remove_file(part));
        named
    }

    fn give_name(&self, part: &Path, ending: &str) -> Result<PathBuf, Error> {
        let mut path = self.directory.join(format!("{}{ending}", self.name));
        if !link(part, &path).map_err(|error| unwritten(&path, error))? {
            let stem = self.name.strip_suffix(".out").unwrap_or(&self.name);
            path.set_file_name(format!("{stem}.{}.out{ending}", self.digest));
            // Another content under this name is of the same inference.
            fs::rename(part, &path).map_err(|error| unwritten(&path, error))?;
        }
        // Some file systems refuse this; the file is complete all the same.
        drop(File::open(&self.directory).and_then(|directory| directory.sync_all()));
        Ok(path)
    }
}

/// A name that leaves room for the digest and the ending that it may get. A key has up to 1,024 bytes, and a name that no
/// file system takes would end the command at each delivery of its message.
fn fitting(name: String, digest: &str) -> String {
    let more = format!(".{digest}.out");
    let room = MAX_NAME - more.len() - FAILURE.len();
    if name.len() <= room {
        return name;
    }
    // Encoded names are ASCII.
    let kept = name.get(..room - more.len()).unwrap_or_default();
    format!("{kept}{more}")
}

/// Whether the content has this name now; false if something else has it.
fn link(part: &Path, path: &Path) -> io::Result<bool> {
    match fs::hard_link(part, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(same_content(path, part)),
        // The file system has no hard links.
        Err(_) if !path.try_exists().unwrap_or(true) && !path.is_symlink() => {
            fs::rename(part, path).map(|()| true)
        }
        Err(_) => Ok(same_content(path, part)),
    }
}

fn unwritten(path: &Path, error: io::Error) -> Error {
    let about = path.display().to_string();
    let error = TransferError::new(TransferErrorKind::Write, about).with_source(error);
    error.into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FAILURE, MAX_NAME, Place};

    #[test]
    fn names_fit_every_file_system() {
        let key = |last: &str| format!("s3://bucket/out/{last}");
        let name = |output: &str| Place::new(Path::new("d"), None, Some(output)).name;
        let long = "\u{e4}".repeat(500);
        let (one, other) = (key(&format!("{long}1")), key(&format!("{long}2")));
        // With the digest that a second file of this name gets.
        let most = name(&one).len() + ".0123456789ab".len() + FAILURE.len();
        assert!(most <= MAX_NAME, "{most}");
        assert_ne!(name(&one), name(&other));
        assert_eq!(name(&one), name(&one));
        assert_eq!(name(&key("x.out")), "x.out");
        assert_eq!(name(&key("con.out")), "_con.out");
    }
}
