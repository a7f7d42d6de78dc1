//! How the messages of `consume` ended.

use std::collections::HashMap;

use sagemaker_async_inference::queue::QueueStats;
use serde_json::{Value, json};

use crate::cli::output::exit::{Code, CommandError, Outcome};

/// How the messages ended.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) completed: usize,
    pub(super) failed: usize,
    pub(super) tests: usize,
    pub(super) foreign: usize,
    pub(super) unknown: usize,
    pub(super) bytes: u64,
    pub(super) stopped: Option<CommandError>,
    /// Inferences whose result is not stored, with the latest reason and whether that is that it does not exist yet.
    left: HashMap<String, (Code, bool)>,
}

impl Ends {
    /// The result could not be stored; its message comes again.
    pub(super) fn leave(&mut self, inference: String, code: Code, pending: bool) {
        self.left.insert(inference, (code, pending));
    }

    /// The result is stored, whatever the earlier outcome was.
    pub(super) fn settle(&mut self, inference: &str) {
        self.left.remove(inference);
    }

    fn pending(&self) -> usize {
        self.left.values().filter(|(_, pending)| *pending).count()
    }

    fn errors(&self) -> usize {
        self.left.len() - self.pending()
    }

    pub(super) fn summary(&self, stats: &QueueStats) -> Value {
        json!({
            "completed": self.completed,
            "failed": self.failed,
            "pending": self.pending(),
            "errors": self.errors(),
            "bytes": self.bytes,
            "tests": self.tests,
            "foreign": self.foreign,
            "unknown": self.unknown,
            "received": stats.received,
            "deleted": stats.deleted,
            "lost": stats.lost,
        })
    }

    pub(super) fn outcome(&self) -> Outcome {
        let left = self.left.values().map(|(code, _)| *code).max();
        let model = (self.failed > 0).then_some(Code::Model);
        let Some(code) = left.max(model) else {
            return Ok(());
        };
        let message = format!(
            "inferences: {} completed, {} failed, {} not readable yet, {} not fetched because of errors; messages of those \
             that are not stored return to the queue",
            self.completed,
            self.failed,
            self.pending(),
            self.errors()
        );
        Err(CommandError::new(code, message))
    }
}
