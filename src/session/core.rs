//! The session.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crate::aws::Service;
use crate::aws::client::retry::RetryConfig;
use crate::aws::endpoints::Endpoints;
use crate::aws::s3::S3;
use crate::aws::s3::buckets::{Buckets, Derived};
use crate::aws::s3::checksum::ChecksumSettings;
use crate::aws::{Caller, Client, RequestPolicy, sts};
use crate::credentials::ProviderConfig;
use crate::error::Result;
use crate::session::history::History;
use crate::session::transfer_config::TransferConfig;
use crate::session::{ServiceEndpoint, SessionBuilder};
use crate::sys::{Sys, lock};

/// Region, credentials, connections and retries, shared by everything that is created from it.
///
/// A clone is cheap and shares all of these. `Send` and `Sync`: one session serves any number of threads, over
/// one connection pool.
///
/// ```no_run
/// use sagemaker_async_inference::{AsyncPredictor, Session};
///
/// let session = Session::from_env()?;
/// let predictor = AsyncPredictor::new("my-endpoint", &session);
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Session {
    pub(super) inner: Arc<Inner>,
    pub(super) client: Arc<Client>,
}

pub(super) struct Inner {
    pub(super) region: String,
    pub(super) providers: ProviderConfig,
    pub(super) endpoints: Endpoints,
    pub(super) default_bucket: Option<String>,
    pub(super) default_bucket_prefix: Option<String>,
    pub(super) transfer: TransferConfig,
    pub(super) buckets: Buckets,
    pub(super) checksums: ChecksumSettings,
    /// Held while STS is called for the account, so that only one thread calls it.
    pub(super) deriving: Mutex<()>,
    pub(super) history: History,
}

impl Session {
    /// Creates a session from the process's environment and the shared config and credentials files. The
    /// environment takes precedence over the profile (`AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, `default`):
    ///
    /// | | environment | profile |
    /// |---|---|---|
    /// | region | `AWS_REGION`, `AWS_DEFAULT_REGION` | `region` |
    /// | credentials, see [`DefaultChain`](crate::credentials::DefaultChain) | `AWS_ACCESS_KEY_ID` and related ones | `aws_access_key_id` and related ones |
    /// | endpoints, see [`ServiceEndpoint`] | `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL` | `endpoint_url` in the `services` section, `endpoint_url` |
    /// | ignore configured endpoints | `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` | `ignore_configured_endpoint_urls` |
    /// | FIPS endpoints | `AWS_USE_FIPS_ENDPOINT` | `use_fips_endpoint` |
    /// | dual-stack endpoints | `AWS_USE_DUALSTACK_ENDPOINT` | `use_dualstack_endpoint` |
    /// | buckets in the path or the host | | `addressing_style` below `s3 =` |
    /// | attempts | `AWS_MAX_ATTEMPTS` | `max_attempts` |
    /// | retry mode, see [`RetryConfig`] | `AWS_RETRY_MODE` | `retry_mode` |
    /// | checksums of uploads, see [`UploadChecksum`](crate::transfer::UploadChecksum) | `AWS_REQUEST_CHECKSUM_CALCULATION` | `request_checksum_calculation` |
    /// | whether checksums of results are compared | `AWS_RESPONSE_CHECKSUM_VALIDATION` | `response_checksum_validation` |
    /// | TLS roots | `AWS_CA_BUNDLE` | `ca_bundle` |
    /// | app name | `AWS_SDK_UA_APP_ID` | `sdk_ua_app_id` |
    /// | proxy, see [`SessionBuilder::agent`] | `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` | |
    ///
    /// The files are read once, and only for settings that neither code nor environment provides; missing files
    /// count as empty. Credentials are loaded when they are needed, and then cached
    /// ([`CachedCredentials`](crate::credentials::CachedCredentials)).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config): the region is missing, a value is malformed, a named profile
    /// does not exist, or one of the files is malformed.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::Session;
    ///
    /// let session = Session::from_env()?;
    /// println!("{}", session.region());
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// Starts to build a session. Settings that are left out come from the environment and the profile.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::Session;
    ///
    /// let session = Session::builder().region("eu-west-1").profile("team-a").build()?;
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// Returns the same session, with its connections, credentials and retry quota, but with other attempts: for
    /// a part of a program that should retry more or less than the rest.
    ///
    /// For one submit see [`AsyncRequest::retry`](crate::AsyncRequest::retry); for the polls of one wait see
    /// [`WaiterConfigBuilder::retry`](crate::WaiterConfigBuilder::retry).
    ///
    /// ```no_run
    /// use sagemaker_async_inference::{AsyncPredictor, Session};
    /// use sagemaker_async_inference::session::RetryConfig;
    ///
    /// let session = Session::from_env()?;
    /// let hasty = AsyncPredictor::new("my-endpoint", &session.with_retry(RetryConfig::off()));
    /// # Ok::<(), sagemaker_async_inference::Error>(())
    /// ```
    pub fn with_retry(&self, retry: RetryConfig) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            client: Arc::new(self.client.with_retry(retry)),
        }
    }

    /// The region, such as `eu-west-1`.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// The bucket that inputs are uploaded to unless a request says otherwise: the builder's, or
    /// `sagemaker-{region}-{account}` as in the `SageMaker` Python SDK. The account is requested from STS
    /// (`GetCallerIdentity`) once and cached.
    ///
    /// # Errors
    /// None if the builder sets the bucket. Otherwise those of the request to STS, which the next call sends again:
    /// [`Error::Service`](crate::Error::Service), [`Error::Transport`](crate::Error::Transport),
    /// [`Error::Credentials`](crate::Error::Credentials), and [`Error::Config`](crate::Error::Config) if STS has no
    /// host with these settings.
    pub fn default_bucket(&self) -> Result<String> {
        self.default_bucket_within(RequestPolicy::default())
    }

    /// As [`default_bucket`](Self::default_bucket), with a policy for the request to STS.
    pub(crate) fn default_bucket_within(&self, policy: RequestPolicy<'_>) -> Result<String> {
        match &self.inner.default_bucket {
            Some(bucket) => Ok(bucket.clone()),
            None => Ok(self.derived_bucket(policy)?.bucket.clone()),
        }
    }

    /// The prefix of the keys of uploaded inputs, without slashes at its ends.
    pub fn default_bucket_prefix(&self) -> Option<&str> {
        self.inner.default_bucket_prefix.as_deref()
    }

    /// `sagemaker-{region}-{account}`.
    fn derived_bucket(&self, policy: RequestPolicy<'_>) -> Result<&Derived> {
        let buckets = &self.inner.buckets;
        let _one_at_a_time = lock(&self.inner.deriving);
        if let Some(derived) = buckets.derived() {
            return Ok(derived);
        }
        let account = sts::get_caller_account(self.caller(), policy)?;
        let bucket = format!("sagemaker-{}-{account}", self.region());
        Ok(buckets.derive(bucket, account))
    }

    /// Whether the bucket's name was derived and not set, so that it may be created.
    pub(crate) fn is_derived_default_bucket(&self, bucket: &str) -> bool {
        let derived = self.inner.buckets.derived();
        derived.is_some_and(|derived| derived.bucket == bucket)
    }

    /// The configuration of this session's credential providers: profile, region, endpoints, HTTP agent, attempts
    /// and MFA function. Give it to a provider that should use the same.
    ///
    /// ```no_run
    /// use sagemaker_async_inference::Session;
    /// use sagemaker_async_inference::credentials::{DefaultChain, ProvideCredentials};
    ///
    /// let session = Session::from_env()?;
    /// let chain = DefaultChain::new(session.provider_config());
    /// println!("{}", chain.provide_credentials()?.access_key_id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn provider_config(&self) -> ProviderConfig {
        self.inner.providers.clone()
    }

    /// Returns where requests to a service are sent, and what they are signed for. For S3 see also
    /// [`bucket_endpoint`](Self::bucket_endpoint).
    ///
    /// Sends no request.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config): FIPS or dual-stack are set and do not exist, see
    /// [`ServiceEndpoint`].
    pub fn service_endpoint(&self, service: Service) -> Result<ServiceEndpoint> {
        let url = self.endpoints().url(service, self.region())?;
        Ok(ServiceEndpoint::new(url, service, self.region()))
    }

    /// Returns where requests for a bucket and its objects are sent. Its region is the session's, until S3
    /// reports another one.
    ///
    /// Names other than those listed below are not checked. Sends no request.
    ///
    /// # Errors
    /// Those of [`service_endpoint`](Self::service_endpoint), and
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for ARNs, directory buckets and Outposts, which are
    /// not supported.
    pub fn bucket_endpoint(&self, bucket: &str) -> Result<ServiceEndpoint> {
        let region = self.s3().region_of(bucket);
        let url = self.endpoints().bucket_url(&region, bucket)?;
        Ok(ServiceEndpoint::new(url, Service::S3, &region))
    }

    pub(crate) fn transfer(&self) -> &TransferConfig {
        &self.inner.transfer
    }

    /// The same session, whose requests end once this is set, but for those that have a flag of their own.
    pub(crate) fn cancelled_by(&self, flag: Arc<AtomicBool>) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            client: Arc::new(self.client.cancelled_by(flag)),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The parts of the session that an operation needs.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller {
            client: &self.client,
            endpoints: &self.inner.endpoints,
            region: &self.inner.region,
        }
    }

    /// The parts of the session that an operation of S3 needs.
    pub(crate) fn s3(&self) -> S3<'_> {
        S3 {
            caller: self.caller(),
            buckets: &self.inner.buckets,
            checksums: self.inner.checksums,
        }
    }

    pub(crate) fn sys(&self) -> &Sys {
        &self.client.sys
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.inner.endpoints
    }

    pub(crate) fn history(&self) -> &History {
        &self.inner.history
    }

    /// The same for clones of one session, as long as one of them lives.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("region", &self.inner.region)
            .field("endpoints", &self.inner.endpoints)
            .field("default_bucket", &self.inner.default_bucket)
            .finish_non_exhaustive()
    }
}
