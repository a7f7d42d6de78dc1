//! What was submitted, on the disk before the next submit.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::{ConfigError, Error, Result};
use crate::handle::InferenceHandle;
use crate::sys;

/// A record is one line: a handle, a digest, an id.
const MAX_LINE: u64 = 20 << 10;

/// The file, and where in it the latest record of each input is.
///
/// Each input has up to two records: `begun` before its submit, with the inference's id, and
/// `submitted` with the handle or `refused` after it. An input that was begun and nothing else may
/// or may not have been submitted when the process ended.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// By the index of an input of earlier runs: where its latest record begins. Each is asked for
    /// once.
    records: HashMap<u64, u64>,
    end: u64,
}

/// A line of the file. Members that are not known are passed over.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    version: u32,
    input: u64,
    /// Of endpoint and input, so that a journal is not taken for another job's; absent where the
    /// input cannot be known without reading it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(flatten)]
    stage: Stage,
}

/// How far an input got.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Its submit was about to begin, under this inference id.
    Begun(String),
    /// Its submit was answered.
    Submitted(Box<InferenceHandle>),
    /// Its submit provably did not happen, for this reason.
    Refused(String),
}

const VERSION: u32 = 1;

impl Journal {
    /// Opens or makes it, and holds it for this process alone. A record that was cut off by a crash
    /// was never acted upon, and is removed.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let open = || -> io::Result<State> {
            let file = sys::open_to_append(path)?;
            file.try_lock().map_err(io::Error::from)?;
            let mut state = State {
                file,
                records: HashMap::new(),
                end: 0,
            };
            state.read()?;
            Ok(state)
        };
        let state = open().map_err(|error| failed(path, "cannot be read", &error))?;
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new(state),
        })
    }

    /// How far the input got in an earlier run, if it was begun at all.
    pub(super) fn stage(&self, input: u64, sha256: Option<&str>) -> Result<Option<Stage>> {
        let record = self.lock().latest(input);
        let record = record.map_err(|error| failed(&self.path, "cannot be read", &error))?;
        let Some(record) = record else {
            return Ok(None);
        };
        if record.sha256.is_some() && sha256.is_some() && record.sha256.as_deref() != sha256 {
            let problem = format!("its input number {input} is another one than this job's");
            let remedy = "give the inputs in the same order as before, or begin another journal";
            return Err(ConfigError::new(describe(&self.path), problem, remedy).into());
        }
        Ok(Some(record.stage))
    }

    /// Writes how far the input got; it is on the disk when this returns.
    pub(super) fn record(&self, input: u64, sha256: Option<String>, stage: Stage) -> Result<()> {
        let record = Record {
            version: VERSION,
            input,
            sha256,
            stage,
        };
        let written = serde_json::to_vec(&record)
            .map_err(io::Error::from)
            .and_then(|line| self.lock().append(line))
            // Other threads write while this one waits for the disk.
            .and_then(|file| file.sync_data());
        written.map_err(|error| failed(&self.path, "cannot be written", &error))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read(&mut self) -> io::Result<()> {
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
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
                self.file.set_len(self.end)?;
                break;
            }
            self.records.insert(parse(&line)?.input, self.end);
            self.end += line.len() as u64;
        }
        Ok(())
    }

    fn latest(&mut self, input: u64) -> io::Result<Option<Record>> {
        let Some(at) = self.records.remove(&input) else {
            return Ok(None);
        };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        let mut line = Vec::new();
        BufReader::new(file.take(MAX_LINE)).read_until(b'\n', &mut line)?;
        parse(&line).map(Some)
    }

    fn append(&mut self, mut line: Vec<u8>) -> io::Result<File> {
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Half a line would spoil the next one.
            self.file.set_len(self.end)?;
            return Err(error);
        }
        self.end += line.len() as u64;
        self.file.try_clone()
    }
}

fn parse(line: &[u8]) -> io::Result<Record> {
    let record: Record = serde_json::from_slice(line)?;
    if record.version == VERSION {
        Ok(record)
    } else {
        Err(invalid("it was written by a later version of this crate"))
    }
}

/// A line of any bytes: what is taken is written so that it is read as the same.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_line(line: &[u8]) {
    let Ok(record) = parse(line) else {
        return;
    };
    let written = |record: &Record| serde_json::to_vec(record).unwrap_or_default();
    let once = written(&record);
    assert!(!once.contains(&b'\n'), "a record is a line");
    let again = parse(&once).map(|record| written(&record));
    assert!(again.is_ok_and(|twice| twice == once), "{record:?}");
}

fn invalid(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

fn describe(path: &Path) -> String {
    format!("journal {}", path.display())
}

fn failed(path: &Path, problem: &str, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::WouldBlock => "wait for the process that is at this job",
        io::ErrorKind::InvalidData => "give the journal of this job, or begin another one",
        _ => "check the path, its permissions and the space on the disk",
    };
    ConfigError::new(describe(path), format!("{problem} ({error})"), remedy).into()
}
