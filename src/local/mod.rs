//! A local asynchronous endpoint for development and tests.
//!
//! [`LocalEndpoint`] listens on a free loopback port and implements what asynchronous inference needs of AWS:
//! S3 (objects, `ListObjectsV2`, multipart uploads), `InvokeEndpointAsync` with a queue and workers, the control
//! plane of SageMaker (models, endpoint configurations, endpoints, tags), Application Auto Scaling, CloudWatch
//! metrics and alarms of the queue, SQS, and `GetCallerIdentity` of STS. The model is a closure, a program, or a
//! container with SageMaker's `/ping` and `/invocations`.
//!
//! It starts in a few milliseconds and needs no async runtime and no account. Objects are removed when it is
//! dropped (up to 4 MiB they are in memory, larger ones in unnamed temporary files), unless they are kept in a
//! [data directory](LocalEndpointBuilder::data_directory).
//!
//! Point any AWS client at [`url`](LocalEndpoint::url), or set the variables of
//! [`environment`](LocalEndpoint::environment) for a child process. Inject faults with [`Fault`], and inspect what
//! was sent with [`requests`](LocalEndpoint::requests) and [`jobs`](LocalEndpoint::jobs).
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
//! // Objects can be read and written without a client.
//! endpoint.put_object(endpoint.bucket(), "inputs/a b+ü.txt", "hello");
//! assert_eq!(endpoint.objects(endpoint.bucket()), ["inputs/a b+ü.txt"]);
//!
//! // The next two submits are throttled.
//! endpoint.fault(Fault::on(Operation::InvokeEndpointAsync).times(2).throttle());
//! # Ok::<(), sagemaker_async_inference::local::LocalError>(())
//! ```
//!
//! # What it checks
//!
//! The `Host` of a request must be `localhost`, the listening address, or a configured
//! [name](LocalEndpointBuilder::host_name), and the request must not come from another site's web page. The
//! [guide](crate::guide::local_endpoint) has the details, and the contents of the data directory.
//!
//! Every request must be signed with the endpoint's [credentials](LocalEndpointBuilder::credentials) for its
//! [region](LocalEndpointBuilder::region) (Signature Version 4, in the `Authorization` header or, for S3, in a
//! presigned URL), with a date within 15 minutes (S3) or 5 minutes (other services) of the endpoint's clock, over
//! the payload that arrived. Errors have the service's status, code and wording. The limits of
//! `InvokeEndpointAsync` and of the control plane are those of the published API models.
//!
//! # Deployed endpoints
//!
//! The endpoint that the builder describes exists from the start, with a model and a configuration of the same
//! name. Others can be created with `CreateModel`, `CreateEndpointConfig` and `CreateEndpoint`: all of them run
//! the builder's model, with the output paths and concurrency of their configurations. They are `Creating`,
//! `Updating`, `RollingBack` and `Deleting` for the [transition time](LocalEndpointBuilder::transition_time);
//! [`fail_next_deployment`](LocalEndpoint::fail_next_deployment) makes one fail. Scaling policies are applied, to
//! zero and back, by the endpoint's [clock](LocalEndpointBuilder::clock): with a
//! [`ManualClock`](crate::sys::ManualClock) a quarter of an hour passes at once. Notifications are posted to
//! [subscribers](LocalEndpoint::subscribe) on this machine.
//!
//! # Queues
//!
//! Create SQS queues with `CreateQueue` or [`create_queue`](LocalEndpoint::create_queue). A queue that is
//! [subscribed](LocalEndpoint::subscribe_queue) to a topic receives the notifications of finished inferences; one
//! that is [the target of a bucket's events](LocalEndpoint::send_object_events) receives S3 events. Visibility
//! timeouts, delays, retention and long polls use the endpoint's clock; a waiting long poll advances a
//! [`ManualClock`](crate::sys::ManualClock).
//!
//! # Differences from AWS
//!
//! - Plain HTTP on the loopback interface, for one caller with one key pair. There are no policies except
//!   [`list_allowed`](LocalEndpointBuilder::list_allowed).
//! - An object may have 5 GiB in one request, S3's limit. A closure has its input and output in memory; the
//!   input and output of a container or program are streamed.
//! - S3 buckets are addressed path-style, or as `BUCKET.localhost` and `BUCKET.NAME`. The supported and refused
//!   operations are in [a table](crate::guide::local_endpoint_operations); versions and ACLs are refused.
//!   `aws-chunked` bodies are decoded and their chunk signatures and trailers verified, except those of `SigV4A`.
//! - At most 600 connections are served at a time. Others wait; the longest idle connection is closed for them
//!   after 2 s. A connection is also closed when it is [idle for a minute](LocalEndpointBuilder::idle_timeout) or
//!   [slow for 30 s](LocalEndpointBuilder::slow_timeout).
//! - Checksums are verified, stored and returned (`x-amz-checksum-crc64nvme`, `-crc32c`, `-crc32`, `-sha1`,
//!   `-sha256`, `Content-MD5`), and an object without one gets a CRC-64/NVME, as in S3. The checksum of a
//!   multipart upload is `COMPOSITE` or `FULL_OBJECT` as created with `x-amz-checksum-algorithm` and
//!   `x-amz-checksum-type`, otherwise a CRC-64/NVME of the full object.
//! - AWS does not document the names of objects. Here an output is
//!   `{S3OutputPath}/{S3OutputPathExtension}/{Filename or a UUID.out}` and a failure
//!   `{S3FailurePath}/{UUID}-error.out`, in plain text. Use the locations in the response.
//! - A closure that exceeds its invocation timeout is not interrupted: when it returns, its result is replaced by
//!   a failure.
//! - The buckets of a configuration are created on the first request.
//! - Roles, images, model data, KMS keys and networks are ignored; instances are always available.
//! - Scaling uses the current queue instead of minutes of metrics. Of a target tracking policy it applies the
//!   target, the cooldowns, and the 15 minutes without backlog before scaling in.
//! - Queues are in memory only, without access policies (`Policy` is stored, not enforced), encryption, or a limit
//!   on messages in flight. Counts are exact, a purge is immediate, there are no spurious duplicates, and
//!   `MD5OfMessageAttributes` is absent. The maximum message size is 1 MiB. S3 events are immediate, and sent for
//!   created objects only.
//! - SNS's envelope is not signed. The form of an included response is not documented; it is that of public
//!   samples: `responseBody` has the result as `content` in base64 with `"encoding": "BASE64"`, or the failure's
//!   reason as `content` and `message`. Results of more than 128,000 bytes are not included.
//!
//! # When it stops
//!
//! Dropping the endpoint closes its port and connections and ends its threads within a tenth of a second. Model
//! code that is still running is not interrupted; its result is lost.

use std::io;
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
mod operation_names;
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
pub use runtime::job_record::{JobRecord, JobState};
pub use runtime::model::{ModelRequest, ModelResponse};
pub use s3::index::DamagedObject;
pub use s3::store::StoredObject;

use config::Config;
use s3::content::Disk;
use s3::scratch::Scratch;
use s3::store::Store;
use server::Shared;

use crate::sys::lock;

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
#[must_use = "dropping the endpoint stops it"]
pub struct LocalEndpoint {
    address: SocketAddr,
    url: String,
    name: String,
    bucket: String,
    shared: Arc<Shared>,
    /// Removed when the endpoint stops.
    scratch: Mutex<Option<Scratch>>,
}

impl LocalEndpoint {
    /// Returns a builder. Every setting has a default.
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
        let listener = TcpListener::bind(address)
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
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

    /// The name of the endpoint that exists from the start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bucket that exists from the start.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The region that requests must be signed for.
    pub fn region(&self) -> &str {
        &self.shared.services.common.region
    }

    /// The AWS account id.
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

    /// Environment variables with which AWS tools and this crate find the endpoint. They contain the secret key.
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

    /// Stores an object without an HTTP request. Creates the bucket if it does not exist.
    ///
    /// # Panics
    ///
    /// If objects are on disk and the write fails.
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

    /// Returns an object without an HTTP request.
    pub fn get_object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.shared.services.s3.store.get(bucket, key)
    }

    /// All keys of a bucket, sorted; empty if the bucket does not exist.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        self.shared
            .services
            .s3
            .store
            .with_bucket(bucket, |bucket| bucket.objects().keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The objects of the [data directory](LocalEndpointBuilder::data_directory) that were damaged when the endpoint
    /// started. All others are served.
    pub fn damaged_objects(&self) -> &[DamagedObject] {
        self.shared.services.s3.store.damaged()
    }

    /// Writes a configuration file for the SageMaker Python SDK, with this endpoint's bucket as the default
    /// one, and returns its path. The file is removed when the endpoint stops.
    ///
    /// The SDK derives its default bucket from the account's number, which it requests from STS at an
    /// address of its own, whatever `AWS_ENDPOINT_URL` says. Set `SAGEMAKER_USER_CONFIG_OVERRIDE` to the path
    /// to prevent that request.
    ///
    /// # Errors
    /// [`LocalError::Storage`]: the file cannot be written to the directory for temporary files.
    pub fn sagemaker_sdk_config(&self) -> Result<PathBuf, LocalError> {
        let session = serde_json::json!({"DefaultS3Bucket": self.bucket()});
        // JSON, which is YAML too.
        let config = serde_json::json!({
            "SchemaVersion": "1.0",
            "SageMaker": {"PythonSDK": {"Modules": {"Session": session}}},
        });
        let mut scratch = lock(&self.scratch);
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

    /// The latest 10,000 requests, in the order in which they were completed.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.all()
    }

    /// Clears the recorded requests.
    pub fn clear_requests(&self) {
        self.shared.log.clear();
    }

    /// Number of accepted connections.
    pub fn connections(&self) -> u64 {
        self.shared.connections.count()
    }

    /// The latest 10,000 accepted invocations, in order of acceptance.
    ///
    /// ```
    /// use sagemaker_async_inference::AsyncPredictor;
    /// use sagemaker_async_inference::local::LocalEndpoint;
    ///
    /// let endpoint = LocalEndpoint::builder().start()?;
    /// let predictor = AsyncPredictor::new(endpoint.name(), &endpoint.session()?);
    /// let response = predictor.request("hello").inference_id("job-7").submit()?;
    /// assert_eq!(endpoint.jobs()[0].inference_id, "job-7");
    /// assert_eq!(endpoint.jobs()[0].output_location, response.output_path().to_string());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn jobs(&self) -> Vec<JobRecord> {
        self.shared.services.queue.records()
    }

    /// Waits until no job is queued or running; false if `timeout` passes first. A
    /// [`ManualClock`](crate::sys::ManualClock) is advanced to the end of the last job.
    pub fn wait_until_idle(&self, timeout: Duration) -> bool {
        let services = &self.shared.services;
        services.queue.wait_idle(&*services.common.clock, timeout)
    }

    /// Makes the next `CreateEndpoint` fail with this `FailureReason`, or the next update fail and roll back. Each call
    /// applies to one deployment.
    pub fn fail_next_deployment(&self, reason: impl Into<String>) {
        self.shared.services.control.fail_next(reason.into());
    }

    /// Injects a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// Removes all injected faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }
}

/// The loopback address in place of an unspecified one (`0.0.0.0`, `::`).
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
