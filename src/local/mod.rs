//! An asynchronous endpoint on this machine.
//!
//! [`LocalEndpoint`] listens on a free loopback port and answers as Amazon does: S3 (objects,
//! `ListObjectsV2`, multipart uploads), SageMaker's `InvokeEndpointAsync` with a queue and workers
//! behind it, STS's `GetCallerIdentity`, and the control plane: SageMaker's models, configurations,
//! endpoints and their tags, Application Auto Scaling, CloudWatch's metrics of the queue and its alarms.
//! The model is a closure, a program, or a container that speaks SageMaker's `/ping` and `/invocations`.
//! It starts in a few milliseconds, needs no runtime and no
//! account, and keeps everything until it is dropped: small objects in memory, those of more than 4 MiB in
//! files without a name; or all of it in a [directory](LocalEndpointBuilder::data_directory), for good.
//!
//! It is there for **your** tests as much as for this crate's own: point whatever speaks to AWS at
//! [`url`](LocalEndpoint::url) (or set the variables of
//! [`environment`](LocalEndpoint::environment) for a child process), script what goes wrong with
//! [`Fault`]s, and look at what was sent with [`requests`](LocalEndpoint::requests) and
//! [`jobs`](LocalEndpoint::jobs).
//!
//! ```
//! use sagemaker_async_inference::local::{Fault, LocalEndpoint, ModelResponse, Operation};
//!
//! let endpoint = LocalEndpoint::builder()
//!     .endpoint_name("upper-case")
//!     .model(|request| match std::str::from_utf8(&request.body) {
//!         Ok(text) => ModelResponse::ok(text.to_uppercase()).with_content_type("text/plain"),
//!         Err(_) => ModelResponse::failure(400, "not a text"),
//!     })
//!     .start()?;
//! println!("export AWS_ENDPOINT_URL={}", endpoint.url());
//!
//! // A door that needs no client.
//! endpoint.put_object(endpoint.bucket(), "inputs/a b+ü.txt", "hello");
//! assert_eq!(endpoint.objects(endpoint.bucket()), ["inputs/a b+ü.txt"]);
//!
//! // The next two submissions are throttled.
//! endpoint.fault(Fault::on(Operation::InvokeEndpointAsync).times(2).throttle());
//! # Ok::<(), sagemaker_async_inference::local::LocalError>(())
//! ```
//!
//! # What it checks
//!
//! A request must be addressed to `localhost`, to the address that is listened on, or to a
//! [name](LocalEndpointBuilder::host_name) that was given, and must not come from another site's web page.
//! The [guide](crate::guide::local_endpoint) has the details, and what the data directory keeps.
//!
//! Every request must be signed (Signature Version 4, in the `Authorization` header or, to S3, in the query
//! of a URL that expires) with the
//! endpoint's [credentials](LocalEndpointBuilder::credentials) for its
//! [region](LocalEndpointBuilder::region), by a clock not far from the endpoint's (15 minutes for
//! S3, 5 for the others), over the payload that arrived. What is wrong is refused with the status,
//! code and wording of the service asked. Limits of `InvokeEndpointAsync` and of the control plane
//! are those of the published models.
//!
//! # Endpoints that are deployed
//!
//! The endpoint that the builder describes is there from the start, with a model and a configuration
//! of its name. Any number of others can be made beside it with `CreateModel`,
//! `CreateEndpointConfig` and `CreateEndpoint`; the builder's model is behind all of them, and their
//! configurations say where results go and how many run at a time. They are `Creating`, `Updating`,
//! `RollingBack` and `Deleting` for the [transition time](LocalEndpointBuilder::transition_time);
//! [`fail_next_deployment`](LocalEndpoint::fail_next_deployment) makes one fail. Scaling policies are
//! followed, to zero and back, all by the endpoint's [clock](LocalEndpointBuilder::clock): with a
//! [`ManualClock`](crate::sys::ManualClock) a quarter of an hour passes at once. Notifications are
//! posted to [subscribers](LocalEndpoint::subscribe) on this machine.
//!
//! # Queues
//!
//! SQS's queues are made with `CreateQueue` or [`create_queue`](LocalEndpoint::create_queue). A queue that is
//! [subscribed](LocalEndpoint::subscribe_queue) to a topic gets the notifications of finished inferences, and
//! one that is [named for a bucket](LocalEndpoint::send_object_events) gets S3's events, so that a consumer
//! runs here from end to end. Visibility timeouts, delays, retention and long polls go by the endpoint's
//! clock; a [`ManualClock`](crate::sys::ManualClock) is moved on by a long poll that waits.
//!
//! # What differs from the service
//!
//! - Plain HTTP on the loopback interface, for one caller with one key pair. There are no policies
//!   but [`list_allowed`](LocalEndpointBuilder::list_allowed).
//! - Objects may have 5 GiB in one request, S3's limit. A closure has its input and its output in
//!   memory; a container and a program are fed from disk, and so are results taken.
//! - S3 buckets are addressed by path, or as `BUCKET.localhost` and `BUCKET.NAME`. What is offered of
//!   S3, what is refused and how is in [a table](crate::guide::local_endpoint_operations); versions, tags and
//!   ACLs are refused. `aws-chunked` bodies are taken apart, and their chunks' signatures and trailers
//!   verified, but for elliptic curves.
//! - 600 connections are served at a time; others wait, and the one that has been idle for the longest
//!   time, if that is 2 s, makes room for them. One is closed when it is idle
//!   ([for a minute](LocalEndpointBuilder::idle_timeout)) or slow
//!   ([for 30 s](LocalEndpointBuilder::slow_timeout)).
//! - Checksums are verified, kept and given out (`x-amz-checksum-crc64nvme`, `-crc32c`, `-crc32`, `-sha1`,
//!   `-sha256`, `Content-MD5`), and an object that came without one gets its CRC-64/NVME, as in S3. Of
//!   uploads in parts the checksum is `COMPOSITE` or of the whole as they were begun with
//!   `x-amz-checksum-algorithm` and `x-amz-checksum-type`, and else the CRC-64/NVME of the whole.
//! - Where AWS does not document something, this is a choice: an output goes to
//!   `{S3OutputPath}/{S3OutputPathExtension}/{Filename or a UUID.out}`, a failure to
//!   `{S3FailurePath}/{UUID}-error.out`, in plain text. Use the locations in the answer.
//! - A closure that takes longer than its invocation timeout is not interrupted: its result is
//!   replaced by a failure once it is there.
//! - The buckets that a configuration names are created when a request comes.
//! - Roles, images, model data, KMS keys and networks are not looked at; instances cost nothing and
//!   start whenever they are asked for.
//! - Scaling looks at the queue as it is and not at minutes of metrics; of a target tracking policy
//!   it knows the target, the cooldowns, and the 15 minutes that a backlog has to be gone.
//! - Queues are in memory alone, have no access policies (`Policy` is stored and not enforced), no encryption
//!   and no limit on messages in flight. Counts are exact, a purge is immediate, nothing is delivered twice
//!   without a reason, and `MD5OfMessageAttributes` is left out. Messages of 1 MiB are the limit. Events of
//!   S3 come at once, for objects made and not for those removed.
//! - SNS's envelope is not signed, and an included response is `{"responseBody": {"content": ..}}`,
//!   for the service's form is not documented.
//!
//! # When it stops
//!
//! Dropping the endpoint closes its port and its connections and ends its threads, within a tenth
//! of a second. Model code that still runs then is left to itself; its result is lost.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod auth;
mod builder;
mod config;
mod control;
mod dates;
mod error;
mod fault;
mod http;
mod notify;
mod operation;
mod queues;
mod record;
mod runtime;
mod s3;
mod server;
mod services;
mod session;
mod sqs;
mod sts;
mod sync;
mod unserved;
mod violation;
mod xml;

pub use builder::LocalEndpointBuilder;
pub use error::LocalError;
pub use fault::Fault;
pub use operation::Operation;
pub use record::RecordedRequest;
pub use runtime::model::{ModelRequest, ModelResponse};
pub use runtime::queue::{JobRecord, JobState};
pub use s3::index::DamagedObject;
pub use s3::store::StoredObject;

use config::Config;
use s3::content::Disk;
use s3::scratch::Scratch;
use s3::store::Store;
use server::Shared;

/// A running endpoint; dropping it stops it. See the [module](self).
///
/// ```
/// use sagemaker_async_inference::local::LocalEndpoint;
///
/// let endpoint = LocalEndpoint::builder().start()?;
/// assert!(endpoint.url().starts_with("http://127.0.0.1:"));
/// # Ok::<(), sagemaker_async_inference::local::LocalError>(())
/// ```
#[derive(Debug)]
pub struct LocalEndpoint {
    address: SocketAddr,
    url: String,
    name: String,
    bucket: String,
    shared: Arc<Shared>,
    /// Removed at the end.
    scratch: Mutex<Option<Scratch>>,
}

impl LocalEndpoint {
    /// Sets an endpoint up. Everything has a default.
    pub fn builder() -> LocalEndpointBuilder {
        LocalEndpointBuilder::new()
    }

    fn start(
        config: Config,
        store: Store,
        disk: Disk,
        scratch: Option<Scratch>,
        address: SocketAddr,
    ) -> Result<Self, LocalError> {
        let listener = TcpListener::bind(address)?;
        let bound = listener.local_addr()?;
        let name = config.deployed.endpoint_name.clone();
        let bucket = config.deployed.bucket.clone();
        let address = reachable(bound);
        let shared = Arc::new(Shared::new(config, store, disk, bound.ip())?);
        http::connections::listen(&shared, listener)?;
        Ok(Self {
            address,
            url: format!("http://{address}"),
            name,
            bucket,
            shared,
            scratch: Mutex::new(scratch),
        })
    }

    /// `http://127.0.0.1:{port}`, for all services.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `EndpointName` of the endpoint that is there from the start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bucket that is there from the start.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The region that requests must be signed for.
    pub fn region(&self) -> &str {
        &self.shared.services.common.region
    }

    /// The account that owns everything.
    pub fn account_id(&self) -> &str {
        &self.shared.services.common.account
    }

    /// The access key that requests must be signed with.
    pub fn access_key(&self) -> &str {
        &self.shared.auth.keys.access_key
    }

    /// The secret key that requests must be signed with.
    pub fn secret_key(&self) -> &str {
        &self.shared.auth.keys.secret_key
    }

    /// The session token that requests must carry, if there is one.
    pub fn session_token(&self) -> Option<&str> {
        self.shared.auth.keys.session_token.as_deref()
    }

    /// Variables under which AWS tools and this crate find the endpoint. They hold the secret key.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_REGION", self.region()),
            ("AWS_DEFAULT_REGION", self.region()),
            ("AWS_ACCESS_KEY_ID", self.access_key()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key()),
        ];
        if let Some(token) = self.session_token() {
            variables.push(("AWS_SESSION_TOKEN", token));
        }
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Puts an object past the wire; a bucket that is not there is created.
    ///
    /// # Panics
    ///
    /// If objects are kept on disk and the disk does not take it.
    pub fn put_object(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) {
        let now = self.shared.services.common.clock.now();
        let content = self.shared.services.s3.disk.keep(body.into());
        let put = self
            .shared
            .services
            .s3
            .store_object(bucket, key, &content, |content| {
                StoredObject::new(content, Vec::new(), now)
            });
        if let Err(error) = put {
            panic!("the object cannot be kept on disk: {error}");
        }
        sqs::object_created(&self.shared.services, bucket, key, "Put");
    }

    /// An object, past the wire.
    pub fn get_object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.shared.services.s3.store.get(bucket, key)
    }

    /// All keys of a bucket, in order; none if there is no such bucket.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        self.shared
            .services
            .s3
            .store
            .with_bucket(bucket, |bucket| bucket.objects().keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The objects of the [data directory](LocalEndpointBuilder::data_directory) that were damaged when the
    /// endpoint started; all others are served. Usually none.
    pub fn damaged_objects(&self) -> &[DamagedObject] {
        self.shared.services.s3.store.damaged()
    }

    /// Writes a configuration file for the SageMaker Python SDK, with this endpoint's bucket as the default
    /// one, and returns its path. The file is removed when the endpoint stops.
    ///
    /// The SDK derives its default bucket from the account's number, which it requests from STS at an
    /// address of its own, whatever `AWS_ENDPOINT_URL` says. Set `SAGEMAKER_USER_CONFIG_OVERRIDE` to the path
    /// to prevent that request.
    pub fn sagemaker_sdk_config(&self) -> Result<PathBuf, LocalError> {
        let session = serde_json::json!({"DefaultS3Bucket": self.bucket()});
        // JSON, which is YAML too.
        let config = serde_json::json!({
            "SchemaVersion": "1.0",
            "SageMaker": {"PythonSDK": {"Modules": {"Session": session}}},
        });
        let mut scratch = sync::lock(&self.scratch);
        let written = match &mut *scratch {
            Some(scratch) => Ok(scratch),
            none => Scratch::make().map(|made| none.insert(made)),
        }
        .and_then(|scratch| {
            scratch.write("sagemaker-sdk.yaml", format!("{config:#}\n").as_bytes())
        });
        written.map_err(|source| LocalError::Storage {
            directory: std::env::temp_dir(),
            source,
        })
    }

    /// The keys of multipart uploads that were neither completed nor aborted.
    pub fn multipart_uploads(&self, bucket: &str) -> Vec<String> {
        self.shared
            .services
            .s3
            .store
            .with_bucket(bucket, |bucket| {
                let uploads = bucket.uploads.values();
                uploads.map(|upload| upload.key.clone()).collect()
            })
            .unwrap_or_default()
    }

    /// The requests that came in and were dealt with, in that order; the latest 10,000.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.log.clear();
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.shared.connections.count()
    }

    /// The invocations that were accepted, in that order; the latest 10,000.
    pub fn jobs(&self) -> Vec<JobRecord> {
        self.shared.services.queue.records()
    }

    /// Waits until no job waits or runs; false if `timeout` (of real time) passes first.
    pub fn wait_until_idle(&self, timeout: Duration) -> bool {
        self.shared.services.queue.wait_idle(timeout)
    }

    /// The next endpoint that is made fails with this `FailureReason`, and the next update is undone
    /// because of it. Of several, each serves once.
    pub fn fail_next_deployment(&self, reason: impl Into<String>) {
        self.shared.services.control.fail_next(reason.into());
    }

    /// Scripts a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// Forgets the faults that were scripted and have not struck.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }
}

/// The address of this machine for one that stands for all of its addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

impl Drop for LocalEndpoint {
    fn drop(&mut self) {
        self.shared.stop(self.address);
    }
}
