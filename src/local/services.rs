//! The emulated services: what requests and jobs work on, without the server in front of it.

use std::fmt;
use std::io;

use super::config::{Common, Deployed, Watcher};
use super::control::Control;
use super::runtime::model::Backend;
use super::runtime::queue::Queue;
use super::s3::S3;
use super::sqs::Queues;
use super::sync::Threads;

/// The state of the services.
pub(super) struct Services {
    pub(super) common: Common,
    pub(super) s3: S3,
    pub(super) control: Control,
    pub(super) queue: Queue,
    pub(super) queues: Queues,
    pub(super) backend: Backend,
    /// Called with problems of the server itself.
    pub(super) watcher: Option<Watcher>,
    pub(super) threads: Threads,
}

impl Services {
    /// With the endpoint that the builder describes, and its buckets.
    pub(super) fn new(
        s3: S3,
        deployed: &Deployed,
        backend: Backend,
        watcher: Option<Watcher>,
    ) -> io::Result<Self> {
        s3.store.create_bucket(&deployed.bucket)?;
        for place in deployed.failure.iter().chain([&deployed.output]) {
            s3.store.create_bucket(&place.bucket)?;
        }
        Ok(Self {
            control: Control::new(&s3.common, deployed),
            common: s3.common.clone(),
            s3,
            queue: Queue::default(),
            queues: Queues::default(),
            backend,
            watcher,
            threads: Threads::default(),
        })
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("common", &self.common)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}
