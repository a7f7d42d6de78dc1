//! Which results of which messages this process has stored.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Maximum number of results that are remembered.
const MAX: usize = 10_000;

/// A message is delivered again when its deletion is lost, and sometimes without a reason. Its result, which may have a
/// gigabyte, need not be fetched again while its file is as it was stored.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// By message and inference.
    files: HashMap<String, StoredFile>,
    order: VecDeque<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct StoredFile {
    path: PathBuf,
    len: u64,
    modified: SystemTime,
}

impl StoredFile {
    /// `None` if it cannot be recognized later.
    fn of(path: &Path) -> Option<Self> {
        let metadata = path.symlink_metadata().ok()?;
        Some(Self {
            path: path.to_owned(),
            len: metadata.len(),
            modified: metadata.modified().ok()?,
        })
    }
}

impl Recent {
    pub(super) fn insert(&mut self, result: String, path: &Path) {
        let Some(file) = StoredFile::of(path) else {
            return;
        };
        if self.files.insert(result.clone(), file).is_none() {
            self.order.push_back(result);
        }
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.files.remove(&oldest);
        }
    }

    /// Whether this result is stored, and its file is as it was then.
    pub(super) fn has(&self, result: &str) -> bool {
        let file = self.files.get(result);
        file.is_some_and(|file| StoredFile::of(&file.path).as_ref() == Some(file))
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX, Recent};

    #[test]
    fn the_latest_results_are_known_while_their_files_are_as_they_were() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.out");
        std::fs::write(&path, "1").expect("a file");
        let mut recent = Recent::default();
        recent.insert("a".to_owned(), &path);
        assert!(recent.has("a") && !recent.has("b"));
        std::fs::write(&path, "11").expect("a file");
        assert!(!recent.has("a"));
        recent.insert("a".to_owned(), &path);
        for number in 1..MAX {
            recent.insert(number.to_string(), &path);
        }
        assert!(recent.has("a"));
        recent.insert("last".to_owned(), &path);
        assert!(!recent.has("a") && recent.has("1") && recent.has("last"));
        assert_eq!((recent.files.len(), recent.order.len()), (MAX, MAX));
    }
}
