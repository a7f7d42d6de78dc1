//! A queue of results.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::address::Address;
use super::core::{Core, Guard};
use super::deliveries::Deliveries;
use super::delivery::Delivery;
use super::stats::{Counters, QueueStats};
use crate::aws::sqs::{self, MAX_VISIBILITY, Queue};
use crate::error::{Error, Result};
use crate::invalid_input::InvalidInput;
use crate::session::Session;
use crate::sys::lock;
use crate::waiter::cancel::CancelToken;

/// The shortest visibility timeout that leaves time to extend it.
const MIN_VISIBILITY: Duration = Duration::from_secs(5);
/// The service's default, where the caller may not read the queue's.
const DEFAULT_VISIBILITY: Duration = Duration::from_secs(30);

/// A queue of Amazon SQS that reports which inferences are done, see the [module](crate::queue).
///
/// A clone is cheap; clones share their counts and their connection to the queue. `Send` and `Sync`.
///
/// # Permissions
///
/// `sqs:ReceiveMessage`, `sqs:DeleteMessage`, `sqs:ChangeMessageVisibility`; `sqs:GetQueueAttributes`
/// unless [`with_visibility`](Self::with_visibility) is set; `sqs:GetQueueUrl` for a queue that is given by name or ARN;
/// `kms:Decrypt` on the key of an encrypted queue. Without `sqs:ChangeMessageVisibility` nothing is extended
/// and no message is returned to the queue before its visibility timeout.
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::queue::ResultQueue;
/// use sagemaker_async_inference::{Error, Session};
///
/// /// Handles messages on four threads until none has come for a minute.
/// fn consume(session: &Session) -> Result<(), Error> {
///     let queue = ResultQueue::new("results", session)?.with_visibility(Duration::from_secs(120));
///     let stats = queue.deliveries().until_idle(Duration::from_secs(60)).run(4, |delivery| {
///         println!("{}", delivery.body());
///         delivery.delete()
///     })?;
///     println!("{} handled", stats.deleted);
///     Ok(())
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ResultQueue {
    session: Session,
    address: Address,
    visibility: Option<Duration>,
    counters: Arc<Counters>,
    shared: Arc<Mutex<Connected>>,
}

/// What is known about the queue, and its current consumers.
#[derive(Default)]
struct Connected {
    url: Option<String>,
    /// The queue's own visibility timeout.
    queue_visibility: Option<Duration>,
    guard: Weak<Guard>,
}

impl ResultQueue {
    /// A queue by its URL, its ARN or its name. Sends no request.
    ///
    /// Requests go to the queue's region: the one that the URL's host or the ARN names, which need not be the
    /// session's; for a name, the session's. An endpoint that is set for SQS (`AWS_ENDPOINT_URL_SQS`,
    /// [`Service::Sqs`](crate::session::Service::Sqs)) is used for all of them.
    ///
    /// # Errors
    /// [`Error::InvalidInput`]: it is none of these, or a URL whose host is not the service's own, such as that of an emulator
    /// or a VPC endpoint, while no endpoint is configured.
    ///
    /// ```
    /// use sagemaker_async_inference::{Session, sys::{Environment, Sys}};
    /// use sagemaker_async_inference::queue::ResultQueue;
    ///
    /// let sys = Sys::real().with_environment(Environment::from_pairs([("AWS_REGION", "us-east-1")]));
    /// let session = Session::builder().sys(sys).build()?;
    /// let queue = ResultQueue::new("arn:aws:sqs:eu-west-1:123456789012:done", &session)?;
    /// assert_eq!(queue.region(), "eu-west-1");
    /// assert_eq!(queue.name(), "done");
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn new(queue: impl AsRef<str>, session: &Session) -> Result<Self> {
        Ok(Self {
            address: Address::parse(queue.as_ref(), session)?,
            session: session.clone(),
            visibility: None,
            counters: Arc::default(),
            shared: Arc::default(),
        })
    }

    /// Sets how long a received message stays invisible to other consumers before it is extended, and so after how long
    /// it is delivered again after a crash. Default: the queue's own visibility timeout. Range: 5 s to 12 h, checked by
    /// the first receive.
    ///
    /// The visibility timeout is extended when half of it has passed, for as long as a [`Delivery`] is held, up to 12
    /// hours after the receive, which is the service's limit. Long polls last a quarter of it, and 20 s at most: from
    /// 80 s on, an idle consumer sends the fewest requests.
    pub fn with_visibility(mut self, visibility: Duration) -> Self {
        self.visibility = Some(visibility);
        self.shared = Arc::default();
        self
    }

    /// The queue's region.
    pub fn region(&self) -> &str {
        &self.address.region
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        &self.address.name
    }

    /// The counts of this queue's consumers in this process.
    pub fn stats(&self) -> QueueStats {
        self.counters.snapshot()
    }

    /// Receives messages one after another, as an iterator. Nothing is sent before the first call of `next`.
    pub fn deliveries(&self) -> Deliveries {
        Deliveries::new(self.clone())
    }

    /// Handles messages on `workers` threads until the queue fails permanently or a handler panics.
    /// [`Deliveries::run`] can end earlier.
    ///
    /// # Errors
    /// Those of [`Deliveries::run`].
    pub fn run<E>(
        &self,
        workers: usize,
        handler: impl Fn(Delivery) -> Result<(), E> + Sync,
    ) -> Result<QueueStats>
    where
        E: fmt::Display,
    {
        self.deliveries().run(workers, handler)
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.address.is_fifo()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The running consumer, or a new one. The token ends the requests for that.
    pub(super) fn connect(&self, cancel: &CancelToken) -> Result<Arc<Guard>> {
        // Before anything is sent.
        if let Some(visibility) = self.visibility {
            whole_seconds(visibility)?;
        }
        let session = &self.session.cancelled_by(cancel.shared_flag());
        let mut shared = lock(&self.shared);
        if let Some(guard) = shared.guard.upgrade() {
            return Ok(guard);
        }
        let url = match &shared.url {
            Some(url) => url.clone(),
            None => shared.url.insert(self.address.url(session)?).clone(),
        };
        let visibility = if let Some(known) = self.visibility.or(shared.queue_visibility) {
            known
        } else {
            let fetched = self.fetch_visibility(session, &url)?;
            *shared.queue_visibility.insert(fetched)
        };
        let guard = Guard::start(Core {
            session: self.session.clone(),
            address: self.address.clone(),
            url,
            visibility: whole_seconds(visibility)?,
            fifo: self.address.is_fifo(),
            counters: Arc::clone(&self.counters),
            state: Mutex::default(),
            changed: std::sync::Condvar::new(),
        })?;
        shared.guard = Arc::downgrade(&guard);
        Ok(guard)
    }

    fn fetch_visibility(&self, session: &Session, url: &str) -> Result<Duration> {
        const NAME: &str = "VisibilityTimeout";
        let queue = Queue {
            caller: self.address.caller(session),
            url,
        };
        let attributes = match queue.attributes(&[NAME]).map_err(Error::from) {
            Ok(attributes) => attributes,
            Err(error) if sqs::is_access_denied(&error) => return Ok(DEFAULT_VISIBILITY),
            Err(error) => return Err(error),
        };
        let found = attributes.iter().find(|(name, _)| name == NAME);
        let seconds = found.and_then(|(_, value)| value.parse().ok());
        Ok(seconds.map_or(DEFAULT_VISIBILITY, Duration::from_secs))
    }
}

/// A visibility timeout as the service takes it.
fn whole_seconds(visibility: Duration) -> Result<Duration, InvalidInput> {
    let whole = Duration::from_secs(visibility.as_secs());
    if (MIN_VISIBILITY..=MAX_VISIBILITY).contains(&whole) {
        return Ok(whole);
    }
    Err(InvalidInput::new(
        "visibility timeout",
        format!("{} s", visibility.as_secs()),
        "5 s to 12 h",
        "set one with ResultQueue::with_visibility",
    ))
}

impl fmt::Debug for ResultQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultQueue")
            .field("region", &self.address.region)
            .field("name", &self.address.name)
            .field("visibility", &self.visibility)
            .finish_non_exhaustive()
    }
}
