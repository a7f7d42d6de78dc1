//! The journal: what was submitted, on disk before the next submit.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

pub(super) use super::journal_record::Stage;
use super::journal_record::{Record, VERSION, invalid, is_cut_off, parse, parse_first, records};
use crate::error::{ConfigError, Error, Result, TransferError, TransferErrorKind};
use crate::handle::InferenceHandle;
use crate::request::Identity;
use crate::sys::{self, Clock, SystemClock, lock};

/// A record is one line: a handle, a path, a digest, an id.
const MAX_LINE: u64 = 64 << 10;

/// Maximum number of records of equal inputs that are read to find the one with the same path.
const MOST_COMPARED: usize = 16;

/// The file, and the position of the latest record of each input.
///
/// Each input has up to two records: `begun` before its submit, with the inference's id, and `submitted` with the
/// handle or `refused` after it. An input with `begun` only may or may not have been submitted when the process
/// ended.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// False if the file system has no locks.
    pub(super) locked: bool,
    state: Mutex<State>,
}

/// An input's own records.
#[derive(Debug)]
pub(super) struct Claim {
    /// Its number in the file.
    entry: u64,
    /// Its state in an earlier run, if it was begun.
    pub(super) stage: Option<Stage>,
}

/// An entry of a [journal](super::SubmitAll::journal) that belongs to no input of this run: the input was left
/// out, or its content changed.
///
/// ```
/// use sagemaker_async_inference::AsyncPredictor;
/// use sagemaker_async_inference::batch::JournalEntry;
///
/// fn show(entry: &JournalEntry, predictor: &AsyncPredictor) {
///     let input = entry.input.as_deref().unwrap_or("a value");
///     match &entry.handle {
///         Some(handle) => println!("{input}: {}", predictor.resume(handle.clone()).output_path()),
///         None => println!("{input}: not known whether it was submitted"),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct JournalEntry {
    /// The input's path or URI; absent for values.
    pub input: Option<String>,
    /// The inference's id.
    pub inference_id: Option<String>,
    /// The handle; absent if the submit had started and its response was never recorded.
    pub handle: Option<InferenceHandle>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// By entry: the offset of its latest record.
    latest: HashMap<u64, u64>,
    /// By digest: the entries that no input of this run has claimed, the oldest first.
    unclaimed: HashMap<Digest, VecDeque<u64>>,
    /// Entries whose number another entry has, with it: two journals were joined, or two processes wrote one on a file system
    /// without locks.
    shared_numbers: HashMap<u64, u64>,
    /// Entries of release 0.1, which identified inputs by their position, with their digests.
    by_place: HashMap<u64, Option<Digest>>,
    next_entry: u64,
    end: u64,
    /// Records of submits that happened and could not be written yet.
    unwritten: Vec<Vec<u8>>,
}

/// The numbers of the entries while a file is read.
#[derive(Default)]
struct Numbers {
    /// By number: the digest of its first entry.
    first: HashMap<u64, Digest>,
    /// The other entries, by number and digest.
    others: HashMap<(u64, Digest), u64>,
}

/// The first of the entries that are not called by their number in the file.
const OTHERS: u64 = 1 << 63;

/// Half of a SHA-256: enough to distinguish any number of inputs.
type Digest = u128;

impl Journal {
    /// Opens or creates it, and locks it for this process if the file system has locks. A record that was cut off
    /// by a crash was never acted upon, and is removed.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let open = || -> io::Result<(State, bool)> {
            let file = sys::open_to_append(path)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is not a regular file",
                ));
            }
            let locked = lock_file(&file)?;
            let mut state = State::of(file);
            state.read()?;
            Ok((state, locked))
        };
        let opened = open().map_err(|error| failed(path, TransferErrorKind::Read, error));
        let (state, locked) = opened?;
        Ok(Self {
            path: path.to_owned(),
            locked,
            state: Mutex::new(state),
        })
    }

    /// The entry of an input: that of an earlier run, or a new one. Equal inputs have an entry each.
    pub(super) fn claim(&self, place: u64, identity: &Identity) -> Result<Claim> {
        let mut state = lock(&self.state);
        let claimed = state
            .claim(place, identity)
            .map_err(|error| failed(&self.path, TransferErrorKind::Read, error))?;
        if let Some(claim) = claimed {
            return Ok(claim);
        }
        if identity.sha256.is_none() {
            let problem = "an input that is read from a stream cannot be recognized in a later run";
            let remedy = "give the request a journal_key, or take the input from a file";
            return Err(ConfigError::new(describe(&self.path), problem, remedy).into());
        }
        // It may be a copied file of an old journal, which would be submitted a second time.
        if identity.sha256_of_0_1.is_some() && state.by_place.contains_key(&place) {
            let problem = format!(
                "release 0.1 wrote it, which identified files by path and time of modification, \
                and its input number {place} differs from this job's"
            );
            let remedy = "give the inputs in the same order and with the same times as before, \
            or use another journal";
            return Err(ConfigError::new(describe(&self.path), problem, remedy).into());
        }
        let entry = state.next_entry;
        state.next_entry += 1;
        Ok(Claim { entry, stage: None })
    }

    /// Records the state of an input; it is on disk when this returns.
    pub(super) fn record(&self, claim: &Claim, identity: &Identity, stage: Stage) -> Result<()> {
        let happened = matches!(stage, Stage::Submitted(_));
        let record = Record {
            version: VERSION,
            input: claim.entry,
            sha256: identity.sha256.clone(),
            name: identity.name.clone(),
            stage,
        };
        let written = serde_json::to_vec(&record)
            .map_err(io::Error::from)
            .and_then(|line| lock(&self.state).append(line, happened))
            // Other threads write while this one waits for the disk.
            .and_then(|file| sys::sync_data(&file));
        written.map_err(|error| failed(&self.path, TransferErrorKind::Write, error))
    }

    /// Tries to write what could not be written when it happened. Returns how many records are still not
    /// written.
    pub(super) fn write_the_rest(&self) -> usize {
        let mut state = lock(&self.state);
        if !state.unwritten.is_empty()
            && let Ok(file) = state.write_out(Vec::new())
        {
            // Only a power cut could lose it.
            let _ = sys::sync_data(&file);
        }
        state.unwritten.len()
    }

    /// The entries that no input of this run has claimed, in the order of the file.
    pub(super) fn unclaimed(&self) -> Result<Vec<JournalEntry>> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let mut entries: Vec<u64> = state.unclaimed.values().flatten().copied().collect();
        entries.sort_unstable();
        let mut found = Vec::new();
        for entry in entries {
            let record = state.record(entry);
            let record =
                record.map_err(|error| failed(&self.path, TransferErrorKind::Read, error))?;
            let (inference_id, handle) = match record.stage {
                Stage::Begun(id) => (Some(id), None),
                Stage::Submitted(handle) => {
                    (handle.inference_id().map(str::to_owned), Some(*handle))
                }
                Stage::Refused(_) => continue,
            };
            found.push(JournalEntry {
                input: record.name,
                inference_id,
                handle,
            });
        }
        Ok(found)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.write_the_rest();
    }
}

impl State {
    fn of(file: File) -> Self {
        Self {
            file,
            latest: HashMap::new(),
            unclaimed: HashMap::new(),
            shared_numbers: HashMap::new(),
            by_place: HashMap::new(),
            next_entry: 0,
            end: 0,
            unwritten: Vec::new(),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut reader = BufReader::new(self.file.try_clone()?);
        let mut line = Vec::new();
        let mut numbers = Numbers::default();
        loop {
            line.clear();
            (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                break;
            }
            if line.last() != Some(&b'\n') {
                if line.len() as u64 == MAX_LINE {
                    return Err(invalid("a line is too long"));
                }
                let record = parse(&line).ok();
                if record.is_some_and(|record| !matches!(record.stage, Stage::Begun(_))) {
                    // An editor removed the line's end, or a crash cut off nothing else. What was only begun was not
                    // submitted if a crash did.
                    self.file.write_all(b"\n")?;
                    line.push(b'\n');
                } else if is_cut_off(&line) {
                    self.file.set_len(self.end)?;
                    break;
                } else {
                    return Err(invalid("its last line is no record that was cut off"));
                }
            }
            let end = self.end + line.len() as u64;
            // An editor, or whoever joined two files, may have added an empty line.
            if !line.trim_ascii().is_empty() {
                let begin = self.end;
                for (at, record) in records(&line)? {
                    self.end = begin + at as u64;
                    self.take_in(&record, &mut numbers);
                }
            }
            self.end = end;
        }
        Ok(())
    }

    /// Adds a record that begins at the end of what was read so far.
    fn take_in(&mut self, record: &Record, numbers: &mut Numbers) {
        let digest = record.sha256.as_deref().and_then(digest);
        let entry = self.entry_of(record, digest, numbers);
        self.next_entry = self.next_entry.max(record.input.saturating_add(1));
        if self.latest.insert(entry, self.end).is_some() {
            return;
        }
        if let Some(digest) = digest {
            self.unclaimed.entry(digest).or_default().push_back(entry);
        }
        if record.version == 1 {
            self.by_place.insert(entry, digest);
        }
    }

    /// The entry of a record: its number, unless that is the number of another input.
    fn entry_of(&mut self, record: &Record, digest: Option<Digest>, numbers: &mut Numbers) -> u64 {
        let number = record.input;
        // An entry of release 0.1 that was continued has a digest of either kind.
        let Some(digest) = digest.filter(|_| !self.by_place.contains_key(&number)) else {
            return number;
        };
        if *numbers.first.entry(number).or_insert(digest) == digest {
            return number;
        }
        let next = OTHERS + numbers.others.len() as u64;
        let entry = *numbers.others.entry((number, digest)).or_insert(next);
        self.shared_numbers.insert(entry, number);
        entry
    }

    fn claim(&mut self, place: u64, identity: &Identity) -> io::Result<Option<Claim>> {
        let digests = [&identity.sha256, &identity.sha256_of_0_1];
        for digest in digests.into_iter().flatten().filter_map(|hex| digest(hex)) {
            if let Some(entry) = self.take_unclaimed(digest, identity.name.as_deref())? {
                return self.claimed(entry).map(Some);
            }
        }
        // Release 0.1 identified an input that it could not recognize by its position.
        if identity.sha256.is_none() && self.by_place.get(&place) == Some(&None) {
            return self.claimed(place).map(Some);
        }
        Ok(None)
    }

    fn claimed(&mut self, entry: u64) -> io::Result<Claim> {
        self.by_place.remove(&entry);
        let stage = Some(self.record(entry)?.stage);
        let entry = self.shared_numbers.get(&entry).copied().unwrap_or(entry);
        Ok(Claim { entry, stage })
    }

    /// The entry of the same name among several equal inputs, or else the oldest.
    fn take_unclaimed(&mut self, digest: Digest, name: Option<&str>) -> io::Result<Option<u64>> {
        let Some(entries) = self.unclaimed.get(&digest) else {
            return Ok(None);
        };
        let mut chosen = 0;
        if entries.len() > 1 && name.is_some() {
            let compared: Vec<u64> = entries.iter().take(MOST_COMPARED).copied().collect();
            for (at, entry) in compared.into_iter().enumerate() {
                if self.record(entry)?.name.as_deref() == name {
                    chosen = at;
                    break;
                }
            }
        }
        let entries = self.unclaimed.get_mut(&digest);
        let entry = entries.and_then(|entries| entries.remove(chosen));
        if self.unclaimed.get(&digest).is_some_and(VecDeque::is_empty) {
            self.unclaimed.remove(&digest);
        }
        Ok(entry)
    }

    /// Reads the latest record of an entry from an earlier run.
    fn record(&self, entry: u64) -> io::Result<Record> {
        let at = self.latest.get(&entry).copied();
        let at = at.ok_or_else(|| invalid("an entry is gone"))?;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        let mut line = Vec::new();
        BufReader::new(file.take(MAX_LINE)).read_until(b'\n', &mut line)?;
        parse_first(&line)
    }

    fn append(&mut self, mut line: Vec<u8>, happened: bool) -> io::Result<File> {
        line.push(b'\n');
        let written = self.write_out(line.clone());
        if written.is_err() && happened {
            self.unwritten.push(line);
        }
        written
    }

    /// Writes a record, and those before it that are still to be written.
    fn write_out(&mut self, line: Vec<u8>) -> io::Result<File> {
        let mut lines = self.unwritten.concat();
        lines.extend(line);
        if let Err(error) = self.file.write_all(&lines) {
            // Half a line would corrupt the next one.
            self.file.set_len(self.end)?;
            return Err(error);
        }
        self.unwritten.clear();
        self.end += lines.len() as u64;
        self.file.try_clone()
    }
}

/// Locks the file for this process; false if the file system has no locks. A child process that is being
/// started holds all locks for a moment, so the lock is retried.
fn lock_file(file: &File) -> io::Result<bool> {
    const TRIES: u32 = 25;
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => SystemClock.sleep(PAUSE),
            Err(TryLockError::Error(_)) => return Ok(false),
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

fn digest(sha256: &str) -> Option<Digest> {
    Digest::from_str_radix(sha256.get(..32)?, 16).ok()
}

fn describe(path: &Path) -> String {
    format!("journal {}", path.display())
}

fn failed(path: &Path, kind: TransferErrorKind, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            let remedy = "give the journal of this job, or use another file";
            return ConfigError::new(describe(path), format!("is not a journal: {error}"), remedy)
                .into();
        }
        io::ErrorKind::WouldBlock => TransferErrorKind::Locked,
        _ => kind,
    };
    TransferError::new(kind, describe(path))
        .with_source(error)
        .into()
}
