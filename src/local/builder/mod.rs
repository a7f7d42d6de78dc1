//! The builder of a local endpoint.

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
use super::http::http1::ConnectionTimeouts;
use super::record::RecordedRequest;
use super::runtime::container::Container;
use super::runtime::location::Location;
use super::runtime::model::{Backend, Model, ModelRequest, ModelResponse};
use super::s3::index::DataDirectory;
use super::s3::store::Store;
use crate::NotificationConfig;
use crate::sys::{Clock, SystemClock};

/// The example keys of AWS's documentation.
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

enum FailurePath {
    Default,
    At(String),
    None,
}

/// Builds a [`LocalEndpoint`].
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
                // Set from the others by `start`.
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
            timeouts: ConnectionTimeouts::default(),
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

    /// Sets the endpoint's name. Default: `local-endpoint`.
    pub fn endpoint_name(mut self, name: impl Into<String>) -> Self {
        self.config.deployed.endpoint_name = name.into();
        self
    }

    /// Sets the bucket that exists from the start. Default: `sagemaker-{region}-{account}`, the default bucket of
    /// clients.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Sets the region that requests must be signed for. Default: `us-east-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.config.common.region = region.into();
        self
    }

    /// Sets the AWS account id. Default: `123456789012`.
    pub fn account_id(mut self, account: impl Into<String>) -> Self {
        self.config.common.account = account.into();
        self
    }

    /// Sets the credentials that requests must be signed with. Default: the example keys of AWS's documentation.
    pub fn credentials(
        mut self,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        self.config.keys.access_key = access_key.into();
        self.config.keys.secret_key = secret_key.into();
        self
    }

    /// Makes the credentials temporary: every request must contain this session token.
    pub fn session_token(mut self, token: impl Into<String>) -> Self {
        self.config.keys.session_token = Some(token.into());
        self
    }

    /// Sets the model. Default: returns its input. If it panics, the job fails.
    ///
    /// ```
    /// use sagemaker_async_inference::local::{LocalEndpoint, ModelResponse};
    ///
    /// let endpoint = LocalEndpoint::builder()
    ///     .model(|request| match request.body.is_empty() {
    ///         true => ModelResponse::failure(400, "an empty input"),
    ///         false => ModelResponse::ok("0.5").with_content_type("application/json"),
    ///     })
    ///     .start()?;
    /// # let _ = endpoint;
    /// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
    /// ```
    pub fn model(
        mut self,
        model: impl Fn(&ModelRequest) -> ModelResponse + Send + Sync + 'static,
    ) -> Self {
        self.config.backend.model = Model::Closure(Box::new(model));
        self
    }

    /// Uses a container as the model: the URL of a server with SageMaker's `GET /ping` and `POST /invocations`, such
    /// as `http://127.0.0.1:8080`. [`start`](Self::start) waits until it is ready.
    pub fn container(mut self, url: impl Into<String>) -> Self {
        self.config.backend.model = Model::Container(Container::new(&url.into()));
        self
    }

    /// Sets how long [`start`](Self::start) waits for the container. Default: 30 s.
    pub fn container_timeout(mut self, timeout: Duration) -> Self {
        self.container_timeout = timeout;
        self
    }

    /// Sets `S3OutputPath`. Default: `s3://{bucket}/async-output`.
    pub fn output_path(mut self, path: impl Into<String>) -> Self {
        self.output_path = Some(path.into());
        self
    }

    /// Sets `S3FailurePath`. Default: `s3://{bucket}/async-failures`.
    pub fn failure_path(mut self, path: impl Into<String>) -> Self {
        self.failure_path = FailurePath::At(path.into());
        self
    }

    /// Leaves out `S3FailurePath`: responses have no `FailureLocation`, and a failure writes no object.
    pub fn without_failure_path(mut self) -> Self {
        self.failure_path = FailurePath::None;
        self
    }

    /// Sets the SNS topics that the endpoint notifies of finished jobs. Default: none. Add subscribers with
    /// [`subscribe`](LocalEndpoint::subscribe).
    pub fn notification_config(mut self, notification: NotificationConfig) -> Self {
        self.config.deployed.notification = Some(notification);
        self
    }

    /// Sets how long an endpoint is `Creating`, `Updating` or `Deleting`, and how long instances take to start and
    /// stop, by the endpoint's clock. Default: 0.1 s (minutes on AWS).
    pub fn transition_time(mut self, time: Duration) -> Self {
        self.config.deployed.transition = time;
        self
    }

    /// Sets the number of instances. Default: 1. With 0 the endpoint is scaled to zero: jobs stay in the queue.
    pub fn instances(mut self, instances: usize) -> Self {
        self.config.deployed.instances = instances;
        self
    }

    /// Sets `MaxConcurrentInvocationsPerInstance`, 1 to 1000. Default: 4.
    pub fn max_concurrent_invocations_per_instance(mut self, max: usize) -> Self {
        self.config.deployed.max_concurrent = max;
        self
    }

    /// Sets whether the caller has `s3:ListBucket`. Without it a missing key is 403 `AccessDenied` instead of 404
    /// `NoSuchKey`. Default: true.
    pub fn list_allowed(mut self, allowed: bool) -> Self {
        self.config.list_allowed = allowed;
        self
    }

    /// Sets the clock for signatures, dates and the time to live of jobs. Injected delays and connection timeouts use
    /// real time. Default: the machine's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.config.common.clock = Arc::new(clock);
        self
    }

    /// Sets the directory for objects of more than 4 MiB, in unnamed files. Default: the system's temporary directory.
    pub fn storage_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.storage = Storage::Memory(Some(directory.into()));
        self
    }

    /// Keeps all objects on disk, in a private directory below the system's temporary directory. It is removed when
    /// the endpoint stops; if the process is killed, the next endpoint that creates such a directory removes it.
    pub fn objects_on_disk(mut self) -> Self {
        self.storage = Storage::Scratch;
        self
    }

    /// Keeps all objects in this directory, for later endpoints that are started with it. An object whose write was
    /// acknowledged survives the death of the process by any signal. Only one process can use the directory at a time.
    /// Incomplete multipart uploads, jobs, and resources of the control plane are not kept.
    ///
    /// The directory is created, with access for this user only, if it does not exist. An existing one must be empty
    /// or of an earlier endpoint; any other is refused and left unchanged. Damaged objects are not served and are
    /// reported by [`LocalEndpoint::damaged_objects`].
    pub fn data_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.storage = Storage::Data(directory.into());
        self
    }

    /// Sets the address to listen on. Default: a free port of `127.0.0.1`.
    ///
    /// On an address that other machines can reach, everyone who has the keys can read and write the objects and run
    /// the model. There [`start`](Self::start) fails with the default [credentials](Self::credentials) or another
    /// secret key of AWS's documentation, and without [verification](Self::verify_signatures), unless
    /// [`allow_insecure`](Self::allow_insecure) is set.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Uses a program as the model, which is run once for every invocation. It reads the input from its standard input
    /// and writes the result to its standard output. An exit code other than 0 is a failure, with the last 16 KiB of
    /// its standard error as the message. It is killed at the invocation timeout; its child processes are not.
    ///
    /// Its environment is this process's without `SAGEMAKER_ASYNC_LOCAL_SECRET_KEY`, with `INFERENCE_ID`, and, if the
    /// invocation has them, `CONTENT_TYPE`, `ACCEPT` and `CUSTOM_ATTRIBUTES`. The output's content type is that of
    /// `Accept` if it names a single one, otherwise `application/octet-stream`.
    pub fn command<A: Into<OsString>>(
        mut self,
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        self.config.backend.model = Model::Program(program.into(), arguments);
        self
    }

    /// Sets a delay before the model gets an invocation, which is part of the invocation's time. Default: 0.
    pub fn model_delay(mut self, delay: Duration) -> Self {
        self.config.backend.delay = delay;
        self
    }

    /// Sets the share of invocations that fail at random instead of reaching the model, 0 to 1. Default: 0.
    pub fn failure_rate(mut self, rate: f64) -> Self {
        self.config.backend.failure_rate = rate;
        self
    }

    /// Sets whether requests must be signed with the [credentials](Self::credentials). Default: true.
    pub fn verify_signatures(mut self, verify: bool) -> Self {
        self.config.verify_signatures = verify;
        self
    }

    /// Adds a host name of the endpoint, such as a service name in Docker Compose.
    ///
    /// The `Host` header of a request must be one of these names, `localhost`, or the listening address (any IP
    /// address if that is all addresses). Others are refused, because a web page can make its own name resolve to this
    /// machine. A bucket name may precede each name and `localhost`: `BUCKET.localhost`. The port is ignored.
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.config.host_names.push(name.into());
        self
    }

    /// Sets whether everyone who can reach the [address](Self::listen) may use the endpoint, also from other machines.
    /// Default: false.
    pub fn allow_insecure(mut self, allow: bool) -> Self {
        self.allow_insecure = allow;
        self
    }

    /// Sets the maximum number of requests in [`LocalEndpoint::requests`]. Default: 10,000.
    pub fn kept_requests(mut self, count: usize) -> Self {
        self.config.kept_requests = count;
        self
    }

    /// Sets a callback for every request, after its response was sent or withheld, on the thread that served it.
    pub fn on_request(
        mut self,
        observer: impl Fn(&RecordedRequest) + Send + Sync + 'static,
    ) -> Self {
        self.config.observer = Some(Box::new(observer));
        self
    }

    /// Sets a callback for problems of the server itself, such as connections that cannot be accepted because file
    /// descriptors or threads are exhausted. At most once a minute, on the accepting thread.
    pub fn on_server_error(mut self, watcher: impl Fn(&io::Error) + Send + Sync + 'static) -> Self {
        self.config.watcher = Some(Box::new(watcher));
        self
    }

    /// Closes a connection after this time without a request, in real time; earlier while others wait. Default: 1 min.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.config.timeouts.idle = timeout;
        self
    }

    /// Closes a connection whose request head takes longer than this, that makes no progress in a body or response for
    /// this time, or whose average rate is below 1 KiB/s after it; in real time. Default: 30 s.
    pub fn slow_timeout(mut self, timeout: Duration) -> Self {
        self.config.timeouts.slow = timeout;
        self
    }

    /// Starts the endpoint.
    ///
    /// # Errors
    /// - [`LocalError::Setting`]: a setting is invalid, or would give access to everyone who can reach the address
    ///   ([`allow_insecure`](Self::allow_insecure)).
    /// - [`LocalError::Storage`]: the directory cannot be created, read or locked.
    /// - [`LocalError::Container`]: the container was not ready in time.
    /// - [`LocalError::Listen`]: the address cannot be bound, or a thread cannot be started.
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
