//! How a local endpoint is set up.

mod checks;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::LocalEndpoint;
use super::config::{Common, Config, Deployed, Keys, Storage};
use super::error::LocalError;
use super::http::http1::Patience;
use super::record::RecordedRequest;
use super::runtime::container::Container;
use super::runtime::location::Location;
use super::runtime::model::{Backend, Model, ModelRequest, ModelResponse};
use super::s3::index::DataDirectory;
use super::s3::store::Store;
use crate::NotificationConfig;
use crate::sys::{Clock, SystemClock};

/// Keys from AWS's documentation, which no account has.
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

enum FailurePath {
    Default,
    At(String),
    None,
}

/// Sets up a [`LocalEndpoint`].
///
/// ```
/// use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
///
/// let endpoint = LocalEndpoint::builder()
///     .endpoint_name("slow")
///     .max_concurrent_invocations_per_instance(1)
///     .model(|request| ModelResponse::ok(request.body.clone()))
///     .start()?;
/// assert_eq!(endpoint.name(), "slow");
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[must_use = "call `start`"]
pub struct LocalEndpointBuilder {
    pub(super) config: Config,
    bucket: Option<String>,
    output_path: Option<String>,
    failure_path: FailurePath,
    container_timeout: Duration,
    storage: Storage,
    address: SocketAddr,
    allow_insecure: bool,
}

impl fmt::Debug for LocalEndpointBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEndpointBuilder")
            .field("endpoint_name", &self.config.deployed.endpoint_name)
            .field("region", &self.config.common.region)
            .finish_non_exhaustive()
    }
}

impl LocalEndpointBuilder {
    pub(super) fn new() -> Self {
        let nowhere = || Location {
            bucket: String::new(),
            key: String::new(),
        };
        let config = Config {
            common: Common {
                region: "us-east-1".to_owned(),
                account: "123456789012".to_owned(),
                clock: Arc::new(SystemClock),
            },
            keys: Keys {
                access_key: ACCESS_KEY.to_owned(),
                secret_key: SECRET_KEY.to_owned(),
                session_token: None,
            },
            verify_signatures: true,
            host_names: Vec::new(),
            list_allowed: true,
            deployed: Deployed {
                endpoint_name: "local-endpoint".to_owned(),
                // These follow from the others at the start.
                bucket: String::new(),
                output: nowhere(),
                failure: None,
                notification: None,
                instances: 1,
                max_concurrent: 4,
                transition: Duration::from_millis(100),
            },
            backend: Backend {
                model: Model::Echo,
                delay: Duration::ZERO,
                failure_rate: 0.0,
            },
            patience: Patience::default(),
            kept_requests: 10_000,
            observer: None,
            watcher: None,
        };
        Self {
            config,
            bucket: None,
            output_path: None,
            failure_path: FailurePath::Default,
            container_timeout: Duration::from_secs(30),
            storage: Storage::Memory(None),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_insecure: false,
        }
    }

    /// `EndpointName`; `local-endpoint` by default.
    pub fn endpoint_name(mut self, name: impl Into<String>) -> Self {
        self.config.deployed.endpoint_name = name.into();
        self
    }

    /// The bucket that is there from the start; `sagemaker-{region}-{account}` by default, the one
    /// that clients take by default.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// The region that requests must be signed for; `us-east-1` by default.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.config.common.region = region.into();
        self
    }

    /// The account that owns everything; `123456789012` by default.
    pub fn account_id(mut self, account: impl Into<String>) -> Self {
        self.config.common.account = account.into();
        self
    }

    /// The credentials that requests must be signed with. By default the example keys of AWS's
    /// documentation.
    pub fn credentials(
        mut self,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        self.config.keys.access_key = access_key.into();
        self.config.keys.secret_key = secret_key.into();
        self
    }

    /// Makes the credentials temporary ones: every request must carry this token.
    pub fn session_token(mut self, token: impl Into<String>) -> Self {
        self.config.keys.session_token = Some(token.into());
        self
    }

    /// The model; by default it gives back what it got. If it panics, that job fails.
    pub fn model(
        mut self,
        model: impl Fn(&ModelRequest) -> ModelResponse + Send + Sync + 'static,
    ) -> Self {
        self.config.backend.model = Model::Closure(Box::new(model));
        self
    }

    /// A container as the model, at `http://127.0.0.1:8080` or the like, that speaks SageMaker's
    /// `GET /ping` and `POST /invocations`. [`start`](Self::start) waits until it is ready.
    pub fn container(mut self, url: impl Into<String>) -> Self {
        self.config.backend.model = Model::Container(Container::new(&url.into()));
        self
    }

    /// How long [`start`](Self::start) waits for the container; 30 s by default.
    pub fn container_timeout(mut self, timeout: Duration) -> Self {
        self.container_timeout = timeout;
        self
    }

    /// `S3OutputPath`; `s3://{bucket}/async-output` by default.
    pub fn output_path(mut self, path: impl Into<String>) -> Self {
        self.output_path = Some(path.into());
        self
    }

    /// `S3FailurePath`; `s3://{bucket}/async-failures` by default, none for `None`.
    pub fn failure_path<P: Into<String>>(mut self, path: Option<P>) -> Self {
        self.failure_path = match path {
            Some(path) => FailurePath::At(path.into()),
            None => FailurePath::None,
        };
        self
    }

    /// An endpoint without `S3FailurePath`: answers carry no `FailureLocation`, and a failure
    /// leaves no object.
    pub fn no_failure_path(mut self) -> Self {
        self.failure_path = FailurePath::None;
        self
    }

    /// Whom the endpoint tells of finished jobs; nobody by default. The topics' subscribers are named
    /// with [`subscribe`](LocalEndpoint::subscribe).
    pub fn notification_config(mut self, notification: NotificationConfig) -> Self {
        self.config.deployed.notification = Some(notification);
        self
    }

    /// How long an endpoint is `Creating`, `Updating` or `Deleting`, and how long instances take to
    /// come and go, by the endpoint's clock; 0.1 s by default, where AWS takes minutes.
    pub fn transition_time(mut self, time: Duration) -> Self {
        self.config.deployed.transition = time;
        self
    }

    /// How many instances the endpoint has; 1 by default. With 0 it is scaled to zero: jobs stay
    /// in the queue.
    pub fn instances(mut self, instances: usize) -> Self {
        self.config.deployed.instances = instances;
        self
    }

    /// `MaxConcurrentInvocationsPerInstance`; 4 by default.
    pub fn max_concurrent_invocations_per_instance(mut self, max: usize) -> Self {
        self.config.deployed.max_concurrent = max;
        self
    }

    /// Whether the caller has `s3:ListBucket`; without it a missing key is 403 `AccessDenied`
    /// instead of 404 `NoSuchKey`, on HEAD without a body. True by default.
    pub fn list_allowed(mut self, allowed: bool) -> Self {
        self.config.list_allowed = allowed;
        self
    }

    /// The clock of signatures, of dates and of a job's time to live. Scripted delays and the
    /// timeouts of connections go by real time.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.config.common.clock = Arc::new(clock);
        self
    }

    /// Where objects of more than 4 MiB are kept, in files without a name; the system's directory for
    /// temporary files by default.
    pub fn storage_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.storage = Storage::Memory(Some(directory.into()));
        self
    }

    /// Keeps every object on disk and none in memory, in a directory for this user alone below the system's
    /// one for temporary files. It is removed when the endpoint stops; if the process is killed, the next
    /// endpoint that makes such a directory removes it.
    pub fn objects_on_disk(mut self) -> Self {
        self.storage = Storage::Scratch;
        self
    }

    /// Keeps every object in this directory: an endpoint that is started with it later has them again. What
    /// was answered with success survives the end of the process by any signal. One process uses the
    /// directory at a time. Uploads in parts that were not completed, jobs, and what the control plane made
    /// are not kept.
    ///
    /// The directory is made, for this user alone, if it does not exist. One that exists must be empty or
    /// must be of an earlier endpoint; any other is refused and left as it is. Objects that are damaged are
    /// left out and reported by [`LocalEndpoint::damaged_objects`].
    pub fn data_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.storage = Storage::Data(directory.into());
        self
    }

    /// Where to listen; a free port of `127.0.0.1` by default.
    ///
    /// On an address that other machines can reach, whoever has the keys reads and writes the objects and
    /// runs the model. [`start`](Self::start) therefore fails there with the default
    /// [credentials](Self::credentials), which are published, with any other secret key of AWS's
    /// documentation, and without [verification](Self::verify_signatures), unless
    /// [`allow_insecure`](Self::allow_insecure) is set.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// A program as the model, run once for every invocation: it has the input on its standard input, and
    /// what it writes to its standard output is the result. An exit code other than 0 is a failure, with
    /// what it wrote to its standard error (the last 16 KiB) as the message. It is killed when the
    /// invocation's time is up, which leaves its children running.
    ///
    /// Its environment is this process's without `SAGEMAKER_ASYNC_LOCAL_SECRET_KEY`, with `INFERENCE_ID`, and, if the invocation has them,
    /// `CONTENT_TYPE`, `ACCEPT` and `CUSTOM_ATTRIBUTES`. The output's content type is the one that was
    /// asked for with `Accept`, if that is a single one, and else `application/octet-stream`.
    pub fn command<A: Into<OsString>>(
        mut self,
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        self.config.backend.model = Model::Program(program.into(), arguments);
        self
    }

    /// So long every invocation waits before the model has it, within its invocation timeout; 0 by
    /// default.
    pub fn model_delay(mut self, delay: Duration) -> Self {
        self.config.backend.delay = delay;
        self
    }

    /// The share of the invocations that fail instead of reaching the model, by chance; 0 by default.
    pub fn failure_rate(mut self, rate: f64) -> Self {
        self.config.backend.failure_rate = rate;
        self
    }

    /// Whether requests must be signed with the [credentials](Self::credentials); true by default.
    pub fn verify_signatures(mut self, verify: bool) -> Self {
        self.config.verify_signatures = verify;
        self
    }

    /// Adds a host name under which the endpoint is addressed, such as a service's name in Docker Compose.
    ///
    /// A request must name one of these in its `Host` header, or `localhost`, or the address that is
    /// listened on (any IP address if that is all addresses); others are refused, because web pages can make
    /// a name of theirs resolve to this machine. Before each name and before `localhost` the name of a
    /// bucket may stand: `BUCKET.localhost`. The port does not matter.
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.config.host_names.push(name.into());
        self
    }

    /// Allows everyone who reaches the [address](Self::listen) to use the endpoint, also from other machines;
    /// false by default.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = allow;
        self
    }

    /// How many requests [`LocalEndpoint::requests`] has at most; 10,000 by default.
    pub fn kept_requests(mut self, count: usize) -> Self {
        self.config.kept_requests = count;
        self
    }

    /// Tells of every request once it is answered, or is left without an answer. It is called by the
    /// threads that serve the requests.
    pub fn on_request(
        mut self,
        observer: impl Fn(&RecordedRequest) + Send + Sync + 'static,
    ) -> Self {
        self.config.observer = Some(Box::new(observer));
        self
    }

    /// Tells of what goes wrong with the server itself, where no client can be told: connections that
    /// cannot be taken for want of file descriptors or threads. At most once a minute; it is called by
    /// the thread that takes connections.
    pub fn on_trouble(mut self, watcher: impl Fn(&io::Error) + Send + Sync + 'static) -> Self {
        self.config.watcher = Some(Box::new(watcher));
        self
    }

    /// After so long without a request a connection is closed, in real time; 1 min by default. Sooner
    /// while others wait to be served.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.config.patience.idle = timeout;
        self
    }

    /// A connection is closed whose request's head takes longer than this, or that stands still so long
    /// in a body or an answer, or goes slower than 1 KiB/s on the whole after it; in real time, 30 s by
    /// default.
    pub fn slow_timeout(mut self, timeout: Duration) -> Self {
        self.config.patience.slow = timeout;
        self
    }

    /// Starts to listen.
    pub fn start(mut self) -> Result<LocalEndpoint, LocalError> {
        let directory = match &self.storage {
            Storage::Data(directory) => Some(directory.clone()),
            Storage::Memory(_) | Storage::Scratch => None,
        };
        let failed = |error| LocalError::Storage {
            directory: directory.clone().unwrap_or_else(std::env::temp_dir),
            source: error,
        };
        self.check()?;
        self.resolve_places()?;
        let opened = directory.as_deref().map(DataDirectory::open).transpose();
        let store = Store::open(opened.map_err(failed)?).map_err(failed)?;
        let (disk, scratch) = self.storage.disk()?;
        if let Model::Container(container) = &self.config.backend.model {
            container.wait_ready(self.container_timeout)?;
        }
        LocalEndpoint::start(self.config, store, disk, scratch, self.address)
    }
}
