//! What the command writes: results, lines of JSON, progress, errors and exit codes.

pub(super) mod exit;
pub(super) mod files;
pub(super) mod lines;
pub(super) mod progress;
