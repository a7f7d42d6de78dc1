//! The journal of a batch of submits, as its caller uses it.

use std::path::Path;
use std::sync::Arc;

use super::SubmitAll;
use super::journal::{Journal, JournalEntry};
use crate::error::Result;

impl<I, D> SubmitAll<I, D> {
    /// Records each submit in a file, before it starts and when it has a response, synced to disk each time:
    /// whatever ends the process, no handle is lost. A later run of the same job with the same journal yields
    /// what was submitted before without submitting it again, and submits the rest.
    ///
    /// An input is identified by its content: a value by its bytes, an object in S3 by its URI, a file by its
    /// name and content, and any of them by a [`journal_key`](crate::AsyncRequest::journal_key) instead, which an input
    /// from a reader needs ([`Error::Config`](crate::Error::Config) without). So inputs may be added, left out
    /// and reordered, and a folder of files may be copied. Equal inputs are distinguished by their number. A file
    /// is read once more for this. A file or value that was changed is another input and is submitted; of an
    /// object in S3 the URI counts, not its content. [`journal_entries_left`](Self::journal_entries_left) returns
    /// the entries of inputs that are not in this run.
    ///
    /// An input whose submit had started and had no response when the process ended is
    /// [`Error::MaybeSubmitted`](crate::Error::MaybeSubmitted), unless
    /// [`resubmit_uncertain`](Self::resubmit_uncertain) is set.
    ///
    /// The file is readable only by its owner and contains no payload. Journals of release 0.1 are read; they identify
    /// files by path, length and time of modification: one that may be a copy is
    /// [`Error::Config`](crate::Error::Config).
    ///
    /// # Errors
    /// - [`Error::Transfer`](crate::Error::Transfer): the file cannot be read, or another process has locked it
    ///   ([`Locked`](crate::error::TransferErrorKind::Locked)). The iterator also yields it for an input that could
    ///   not be recorded and therefore was not submitted.
    /// - [`Error::Config`](crate::Error::Config): it is not a journal.
    ///
    /// ```
    /// # #[cfg(feature = "local")] {
    /// use sagemaker_async_inference::local::LocalEndpoint;
    /// use sagemaker_async_inference::AsyncPredictor;
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let path = std::env::temp_dir().join(format!("journal-{}.jsonl", std::process::id()));
    /// let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session()?);
    /// for _ in 0..2 {
    ///     let outcomes = predictor.submit_all(1..=10).journal(&path)?;
    ///     let responses = outcomes.collect::<Result<Vec<_>, _>>()?;
    ///     assert_eq!(responses.len(), 10);
    /// }
    /// assert_eq!(endpoint.jobs().len(), 10);
    /// std::fs::remove_file(path)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn journal(mut self, path: impl AsRef<Path>) -> Result<Self> {
        self.journal = Some(Arc::new(Journal::open(path.as_ref())?));
        Ok(self)
    }

    /// Submits inputs again that may or may not have been submitted when an earlier run with the same
    /// [`journal`](Self::journal) ended: for callers to whom an inference that runs twice is cheap. Default: they
    /// are [`Error::MaybeSubmitted`](crate::Error::MaybeSubmitted).
    pub fn resubmit_uncertain(mut self) -> Self {
        self.resubmit_uncertain = true;
        self
    }

    /// Whether the [journal](Self::journal) is locked against other processes. False if the file system has no
    /// locks: then nothing prevents two processes from submitting the same job at once. True without a journal.
    pub fn journal_is_locked(&self) -> bool {
        self.journal.as_ref().is_none_or(|journal| journal.locked)
    }

    /// Returns the entries of the [journal](Self::journal) that belong to no input taken so far; after the last
    /// outcome, these are the inputs of earlier runs that are not in this one. They come in the order of the file:
    /// concurrent submits are recorded as they begin, not in the order of their inputs.
    ///
    /// # Errors
    /// Those of reading it, as in [`journal`](Self::journal).
    ///
    /// ```
    /// use sagemaker_async_inference::{AsyncPredictor, Result};
    /// fn run(predictor: &AsyncPredictor) -> Result<()> {
    ///     let mut submits = predictor.submit_all(0..100).journal("job.jsonl")?;
    ///     for outcome in submits.by_ref() {
    ///         println!("{}", outcome?.output_path());
    ///     }
    ///     println!("of earlier inputs: {:?}", submits.journal_entries_left()?);
    ///     Ok(())
    /// }
    /// ```
    pub fn journal_entries_left(&self) -> Result<Vec<JournalEntry>> {
        let journal = self.journal.as_ref();
        journal.map_or(Ok(Vec::new()), |journal| journal.unclaimed())
    }

    /// Tries to write the submits that happened and could not be recorded in the [journal](Self::journal), for
    /// example because of a full disk. Returns how many are still missing; a later run treats these as uncertain.
    #[must_use = "a later run does not know what is still missing"]
    pub fn flush_journal(&self) -> usize {
        let journal = self.journal.as_ref();
        journal.map_or(0, |journal| journal.write_the_rest())
    }
}
