//! Names of result files.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use sagemaker_async_inference::InferenceHandle;
use sha2::{Digest, Sha256};

use super::exit::{Code, CommandError, Outcome};
use super::files::{check_writable, unnamed};
use super::lines::Submitted;

/// The maximum length of a file name in bytes on common file systems.
pub(in crate::cli) const MAX_NAME: usize = 255;
pub(in crate::cli) const DIGEST_BYTES: usize = 6;
const FAILURE: &str = ".failure";

/// A directory of results.
#[derive(Debug)]
pub(in crate::cli) struct Results {
    directory: PathBuf,
    overwrite: bool,
    /// Input files, which no result replaces.
    inputs: HashSet<PathBuf>,
}

/// Creates a directory for results if it does not exist, and checks that files can be created in it, before a wait that
/// may take an hour.
pub(in crate::cli) fn make_directory(directory: &Path) -> Outcome {
    let made = fs::create_dir_all(directory);
    let made = made.and_then(|()| check_writable(&directory.join("result")));
    made.map_err(|error| {
        // The system calls this "File exists".
        if directory.exists() && !directory.is_dir() {
            CommandError::usage(format!("{} is not a directory", directory.display()))
        } else if directory.is_symlink() && !directory.exists() {
            let shown = directory.display();
            CommandError::usage(format!("{shown} is a link to a place that does not exist"))
        } else {
            CommandError::io(directory.display(), &error)
        }
    })
}

impl Results {
    /// Creates the directory if it does not exist.
    pub(in crate::cli) fn new<'s>(
        directory: &Path,
        overwrite: bool,
        submitted: impl Iterator<Item = &'s Submitted>,
    ) -> Outcome<Self> {
        make_directory(directory)?;
        let inputs = submitted.filter_map(|one| one.input.as_ref());
        Ok(Self {
            directory: directory.to_owned(),
            overwrite,
            // Without --overwrite no existing file is replaced.
            inputs: inputs
                .filter(|_| overwrite)
                .filter_map(|input| fs::canonicalize(input).ok())
                .collect(),
        })
    }

    /// Where each output is downloaded to: its own file, or one beside it if something else has that name by then.
    pub(in crate::cli) fn places<'s>(
        &self,
        submitted: impl Iterator<Item = &'s Submitted>,
    ) -> impl Fn(&InferenceHandle) -> PathBuf + Send + Sync + 'static {
        let directory = self.directory.clone();
        let mut names: HashMap<InferenceHandle, Option<String>> = HashMap::new();
        for one in submitted {
            let name = result_name(one).ok();
            names
                .entry(one.handle.clone())
                // The file of one input would be taken for that of the other.
                .and_modify(|known| {
                    if *known != name {
                        *known = None;
                    }
                })
                .or_insert(name);
        }
        move |handle| {
            let own = names.get(handle).and_then(Option::as_deref);
            let own = own.map(|name| directory.join(name));
            own.filter(|path| is_free(path)).unwrap_or_else(|| {
                // Its own even for a handle that is listed twice.
                directory.join(unnamed())
            })
        }
    }

    /// Gives a downloaded output its name, unless another file has it; returns the name and the length.
    pub(in crate::cli) fn adopt(
        &self,
        submitted: &Submitted,
        downloaded: Option<&Path>,
    ) -> Outcome<(PathBuf, u64)> {
        let Some(downloaded) = downloaded else {
            return Err(CommandError::new(Code::Other, "the output was not stored"));
        };
        let moved = self.give_name(submitted, downloaded);
        if moved.as_deref().ok() != Some(downloaded) {
            // What was renamed is not there any more.
            drop(fs::remove_file(downloaded));
        }
        let path = moved?;
        let len = fs::metadata(&path)
            .map_err(|error| CommandError::io(path.display(), &error))?
            .len();
        Ok((path, len))
    }

    fn give_name(&self, submitted: &Submitted, downloaded: &Path) -> Outcome<PathBuf> {
        let path = self.directory.join(result_name(submitted)?);
        if path == downloaded || same_content(&path, downloaded) {
            return Ok(path);
        }
        if !is_free(&path) {
            self.check_replaceable(&path)?;
        }
        fs::rename(downloaded, &path).map_err(|error| CommandError::io(path.display(), &error))?;
        // Some file systems refuse this; the file is whole all the same.
        drop(File::open(&self.directory).and_then(|directory| directory.sync_all()));
        Ok(path)
    }

    /// Puts a failure under its name: what `save` makes, if nothing else is there.
    pub(in crate::cli) fn store_failure(
        &self,
        submitted: &Submitted,
        content: &[u8],
        save: impl FnOnce(&Path) -> sagemaker_async_inference::Result<()>,
    ) -> Outcome<PathBuf> {
        let path = self.directory.join(result_name(submitted)? + FAILURE);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => save(&path)?,
            Err(error) => return Err(CommandError::io(path.display(), &error)),
            Ok(_) if has_content(&path, content) => {}
            Ok(_) => {
                self.check_replaceable(&path)?;
                save(&path)?;
            }
        }
        Ok(path)
    }

    fn check_replaceable(&self, path: &Path) -> Outcome {
        let shown = path.display();
        let problem = if !path.is_file() {
            format!("{shown} exists and is not a regular file")
        } else if fs::canonicalize(path).is_ok_and(|path| self.inputs.contains(&path)) {
            format!("{shown} is an input, which no result replaces")
        } else if self.overwrite {
            return Ok(());
        } else {
            format!("{shown} exists with different content; --overwrite replaces it")
        };
        Err(CommandError::new(Code::Other, problem))
    }
}

/// The name depends on the handle alone, so it is the same in every run: the name of the input or else of the output
/// object, and a digest of the output's location and the inference's id. So no two inferences have the same name, on
/// any file system and in any run.
fn result_name(submitted: &Submitted) -> Outcome<String> {
    let input = submitted.input.as_deref().filter(|input| *input != "-");
    let handle = &submitted.handle;
    let whole = input.unwrap_or(handle.output_path().key());
    let base = whole.trim_end_matches('/').rsplit(['/', '\\']).next();
    let base = base.unwrap_or_default();
    let stem = match input {
        Some(_) => base,
        None => base.strip_suffix(".out").unwrap_or(base),
    };
    let plain = format!("{}.out", portable(stem));
    if plain.len() > MAX_NAME {
        let problem = format!(
            "the result's file would have a name of {} bytes, and {MAX_NAME} is the limit; fetch this one \
             with `sagemaker-async wait HANDLE --output FILE`",
            plain.len()
        );
        return Err(CommandError::new(Code::Other, problem));
    }
    let suffix = format!(".{}.out", digest(submitted, DIGEST_BYTES));
    let room = MAX_NAME - suffix.len() - FAILURE.len();
    let mut stem = portable(stem);
    while stem.len() > room {
        stem.pop();
    }
    Ok(stem + &suffix)
}

fn digest(submitted: &Submitted, bytes: usize) -> String {
    let handle = &submitted.handle;
    let location = handle.output_path().to_string();
    digest_of(&location, handle.inference_id(), bytes)
}

/// The digest of an inference in names of files.
pub(in crate::cli) fn digest_of(output: &str, id: Option<&str>, bytes: usize) -> String {
    let mut hash = Sha256::new();
    hash.update(output);
    hash.update(b"\0");
    hash.update(id.unwrap_or_default());
    let digest = hash.finalize();
    digest
        .iter()
        .take(bytes)
        .fold(String::new(), |mut hex, byte| {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// What every file system takes, Windows's included: no characters that it refuses, no device's name.
pub(in crate::cli) fn portable(stem: &str) -> String {
    let refused = |c: char| c.is_control() || "<>:\"/\\|?*".contains(c);
    let name = stem.replace(refused, "_");
    let first = name.split('.').next().unwrap_or_default().trim_end();
    let device = first.to_ascii_uppercase();
    let numbered = device.strip_prefix("COM").or(device.strip_prefix("LPT"));
    let is_device = matches!(device.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || numbered.is_some_and(|number| {
            number.chars().count() == 1 && number.contains(|c: char| "123456789¹²³".contains(c))
        });
    match name.as_str() {
        "" | "." | ".." => "result".to_owned(),
        _ if is_device => format!("_{name}"),
        _ => name,
    }
}

fn is_free(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// A file that cannot be read counts as different.
fn has_content(path: &Path, content: &[u8]) -> bool {
    same_bytes(path, content.len() as u64, content).unwrap_or(false)
}

pub(in crate::cli) fn same_content(path: &Path, other: &Path) -> bool {
    let same = || {
        let other = File::open(other)?;
        let len = other.metadata()?.len();
        same_bytes(path, len, BufReader::new(other))
    };
    same().unwrap_or(false)
}

fn same_bytes(path: &Path, len: u64, mut other: impl BufRead) -> io::Result<bool> {
    // Opening a pipe would wait for its writer.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() != len {
        return Ok(false);
    }
    let mut file = BufReader::new(File::open(path)?);
    loop {
        let (ours, theirs) = (file.fill_buf()?, other.fill_buf()?);
        let both = ours.len().min(theirs.len());
        if both == 0 {
            return Ok(ours.len() == theirs.len());
        }
        if ours[..both] != theirs[..both] {
            return Ok(false);
        }
        file.consume(both);
        other.consume(both);
    }
}

#[cfg(test)]
mod tests {
    use super::{Submitted, portable, result_name};

    fn submitted(input: Option<&str>, output: &str) -> Submitted {
        let line = format!(r#"{{"version":1,"endpoint_name":"e","output_path":"{output}"}}"#);
        Submitted::new(line.parse().expect("a handle"), input.map(str::to_owned))
    }

    fn name(input: Option<&str>, output: &str) -> String {
        result_name(&submitted(input, output)).expect("a name")
    }

    #[test]
    fn a_name_is_of_the_handle_alone() {
        let one = name(Some("x/p.json"), "s3://bucket/out/1.out");
        let digest = one
            .strip_prefix("p.json.")
            .and_then(|rest| rest.strip_suffix(".out"));
        assert!(digest.is_some_and(|digest| digest.len() == 12), "{one}");
        assert_eq!(one, name(Some("elsewhere/p.json"), "s3://bucket/out/1.out"));
        assert_ne!(one, name(Some("x/p.json"), "s3://bucket/out/2.out"));
        let plain = name(None, "s3://bucket/out/1.out");
        assert!(plain.starts_with("1.") && plain.matches("out").count() == 1);
        assert!(name(Some("-"), "s3://bucket/out/1.out").starts_with("1."));
    }

    #[test]
    fn names_fit_every_file_system() {
        for (given, expected) in [
            ("a:b?.txt", "a_b_.txt"),
            ("con.txt", "_con.txt"),
            ("LPT1", "_LPT1"),
            ("COM10", "COM10"),
            ("console", "console"),
            ("..", "result"),
            ("tab\there", "tab_here"),
        ] {
            assert_eq!(portable(given), expected);
        }
        let output = "s3://bucket/out/1.out";
        let long = "\u{e4}".repeat(120);
        assert!(name(Some(&long), output).len() + ".failure".len() <= 255);
        let too_long = submitted(Some(&"n".repeat(252)), output);
        assert!(result_name(&too_long).is_err());
    }
}
