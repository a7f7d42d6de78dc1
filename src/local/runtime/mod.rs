//! The endpoint's runtime: `InvokeEndpointAsync`, its queue, and the models behind it.

pub(super) mod container;
pub(super) mod invoke;
pub(super) mod job_record;
pub(super) mod location;
pub(super) mod model;
pub(super) mod program;
pub(super) mod queue;
