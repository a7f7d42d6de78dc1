//! What the command writes: results, lines of JSON, progress, errors and exit codes.

pub(super) mod exit;
pub(super) mod files;
pub(super) mod form;
pub(super) mod handle_file;
pub(super) mod held;
pub(super) mod lines;
pub(super) mod names;
pub(super) mod option_words;
pub(super) mod progress;
pub(super) mod standard;
mod unread;
pub(super) mod words;
