//! One file per command.

pub(super) mod completions;
pub(super) mod consume;
pub(super) mod credentials;
pub(super) mod delete;
pub(super) mod deploy;
pub(super) mod describe;
pub(super) mod local;
pub(super) mod predict;
pub(super) mod queue_policy;
pub(super) mod quickstart;
pub(super) mod scale;
mod settling;
pub(super) mod status;
pub(super) mod submit;
pub(super) mod update;
pub(super) mod wait;
mod watch;
