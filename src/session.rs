//! What all predictors share: region, credentials, connections, retries.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::HeaderValue;

use crate::aws::endpoints::Endpoints;
use crate::aws::retry::{RetryConfig, RetryQuota};
use crate::aws::transport::{Timeouts, Transport};
use crate::aws::{Client, Service, sts};
use crate::credentials::{CachedCredentials, DefaultChain, ProvideCredentials};
use crate::error::{ConfigError, Result};
use crate::history::History;
use crate::invalid_input::InvalidInput;
use crate::profile::Settings;
use crate::sys::{Environment, Sys};

/// Region, credentials, connections and retries, shared by everything that is made from it.
///
/// A clone is cheap and shares all of these. `Send` and `Sync`: one session serves any number of
/// threads, over one pool of kept connections.
///
/// ```no_run
/// use sagemaker_async_inference::{AsyncPredictor, Session};
///
/// let session = Session::from_env()?;
/// let predictor = AsyncPredictor::new("my-endpoint", &session);
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    region: String,
    client: Client,
    endpoints: Endpoints,
    default_bucket: Option<String>,
    default_bucket_prefix: Option<String>,
    expected_bucket_owner: Option<String>,
    derived: DerivedBucket,
    /// Regions of buckets that are elsewhere than the session, as S3 told.
    bucket_regions: Mutex<HashMap<String, String>>,
    history: History,
}

/// The default bucket that nobody named: `sagemaker-{region}-{account}`, known once STS was asked.
#[derive(Default)]
struct DerivedBucket {
    known: OnceLock<Derived>,
    /// Held while STS is asked, so that one thread does; whoever only looks at `known` waits for
    /// nobody.
    asking: Mutex<()>,
}

struct Derived {
    bucket: String,
    account: String,
}

/// A bound on what is remembered of buckets; a program meets few.
const MAX_BUCKETS: usize = 1000;

impl Session {
    /// A session from the process's environment and the shared config and credentials files. The
    /// environment goes before the profile (`AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, `default`):
    ///
    /// | | environment | profile |
    /// |---|---|---|
    /// | region | `AWS_REGION`, `AWS_DEFAULT_REGION` | `region` |
    /// | credentials, see [`DefaultChain`] | `AWS_ACCESS_KEY_ID` and its fellows | `aws_access_key_id` and its fellows |
    /// | endpoints | `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL` | `endpoint_url` in the `services` section, `endpoint_url` |
    /// | no configured endpoints | `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` | `ignore_configured_endpoint_urls` |
    /// | retries | `AWS_MAX_ATTEMPTS` | `max_attempts` |
    /// | app name | `AWS_SDK_UA_APP_ID` | `sdk_ua_app_id` |
    ///
    /// Fails with [`Error::Config`](crate::Error::Config) where a region is missing, a value is
    /// malformed, a profile that was asked for by name does not exist, or one of the files is
    /// malformed. The files are read once, and only if something is looked for that neither code
    /// nor environment gave; missing ones count as empty. Credentials are looked for when they are
    /// needed, and then kept ([`CachedCredentials`](crate::CachedCredentials)).
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// A session whose parts are set one by one; what is not set comes from the environment.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// The region, such as `eu-west-1`.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// The bucket that inputs are uploaded to unless a request says otherwise: the builder's, or
    /// `sagemaker-{region}-{account}` as in the `SageMaker` Python SDK. The account is asked from
    /// STS (`GetCallerIdentity`) once and remembered.
    pub fn default_bucket(&self) -> Result<String> {
        match &self.inner.default_bucket {
            Some(bucket) => Ok(bucket.clone()),
            None => Ok(self.derived_bucket()?.bucket.clone()),
        }
    }

    /// The prefix under which inputs are uploaded, without slashes at its ends.
    pub fn default_bucket_prefix(&self) -> Option<&str> {
        self.inner.default_bucket_prefix.as_deref()
    }

    fn derived_bucket(&self) -> Result<&Derived> {
        let DerivedBucket { known, asking } = &self.inner.derived;
        let _one_at_a_time = lock(asking);
        if let Some(derived) = known.get() {
            return Ok(derived);
        }
        let account = sts::get_caller_account(self)?;
        let bucket = format!("sagemaker-{}-{account}", self.region());
        Ok(known.get_or_init(|| Derived { bucket, account }))
    }

    /// Whether the bucket's name was derived and not given, so that it may be created.
    pub(crate) fn is_derived_default_bucket(&self, bucket: &str) -> bool {
        self.derived_account(bucket).is_some()
    }

    fn derived_account(&self, bucket: &str) -> Option<&str> {
        let derived = self.inner.derived.known.get()?;
        (derived.bucket == bucket).then_some(&*derived.account)
    }

    /// The account that must own the bucket: the builder's, or for the derived default bucket the
    /// caller's own, for its name can be guessed and taken by others.
    pub(crate) fn owner_expected_of(&self, bucket: &str) -> Option<&str> {
        self.inner
            .expected_bucket_owner
            .as_deref()
            .or_else(|| self.derived_account(bucket))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(crate) fn sys(&self) -> &Sys {
        &self.inner.client.sys
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

    pub(crate) fn bucket_region(&self, bucket: &str) -> String {
        lock(&self.inner.bucket_regions)
            .get(bucket)
            .unwrap_or(&self.inner.region)
            .clone()
    }

    pub(crate) fn remember_bucket_region(&self, bucket: &str, region: &str) {
        let mut known = lock(&self.inner.bucket_regions);
        if known.len() >= MAX_BUCKETS {
            known.clear();
        }
        known.insert(bucket.to_owned(), region.to_owned());
    }
}

/// What the locks guard is whole after every statement, so that a panic elsewhere harms nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Sets the parts of a [`Session`].
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::{Credentials, RetryConfig, Service, Session, Timeouts};
///
/// let session = Session::builder()
///     .region("eu-west-1")
///     .credentials(Credentials::new("AKIDEXAMPLE", "secret", None, None, "example"))
///     .endpoint_url_for(Service::S3, "http://127.0.0.1:9000")
///     .default_bucket("my-bucket")
///     .default_bucket_prefix("team-a")
///     .retry(RetryConfig::default().with_max_attempts(5)?)
///     .timeouts(Timeouts::default().with_connect(Duration::from_secs(2)))
///     .app_name("nightly-batch")
///     .build()?;
/// assert_eq!(session.default_bucket()?, "my-bucket");
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct SessionBuilder {
    region: Option<String>,
    credentials: Option<Arc<dyn ProvideCredentials>>,
    endpoints: Endpoints,
    agent: Option<ureq::Agent>,
    profile: Option<String>,
    default_bucket: Option<String>,
    default_bucket_prefix: Option<String>,
    expected_bucket_owner: Option<String>,
    retry: Option<RetryConfig>,
    timeouts: Timeouts,
    app_name: Option<String>,
    sys: Sys,
}

impl SessionBuilder {
    /// The region. Default: `AWS_REGION`, then `AWS_DEFAULT_REGION`, then the profile's `region`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The profile in the shared config and credentials files. Default: `AWS_PROFILE`, then
    /// `AWS_DEFAULT_PROFILE`, then `default`.
    ///
    /// Its credentials go before those of the environment; its other settings do not.
    /// [`build`](Self::build) fails where the profile does not exist.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Where credentials come from; [`Credentials`](crate::Credentials) themselves will do.
    /// Default: [`DefaultChain`] behind [`CachedCredentials`], so that
    /// environment and files are not read at each request.
    pub fn credentials(mut self, credentials: impl ProvideCredentials) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// One endpoint URL for all services, such as a local endpoint's. Default:
    /// `AWS_ENDPOINT_URL`, then the profile's `endpoint_url`. Unlike the services' own hosts it may be `http`.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoints.set_all(url.into());
        self
    }

    /// The endpoint URL of one service; goes before the one for all. Default:
    /// `AWS_ENDPOINT_URL_<SERVICE>`, where `<SERVICE>` is `S3`, `SAGEMAKER_RUNTIME`, `SAGEMAKER`,
    /// `STS`, `SSO`, `SSO_OIDC`, `APPLICATION_AUTO_SCALING` or `CLOUDWATCH`; then, unless
    /// `AWS_ENDPOINT_URL` is set, `endpoint_url` below the same name in lower case in the `services`
    /// section that the profile names.
    pub fn endpoint_url_for(mut self, service: Service, url: impl Into<String>) -> Self {
        self.endpoints.set(service, url.into());
        self
    }

    /// The HTTP agent, with a proxy, TLS roots, connector or pool of its own. What the protocol
    /// needs is set on every request and need not be set on the agent: statuses are not errors,
    /// redirects are not followed, timeouts. The agent's `max_idle_age` should be above the poll
    /// delay (ureq's default is not, for a delay of 15 s). Leave ureq's cargo features `gzip` and
    /// `brotli` off: with them ureq decodes objects that are stored with a `Content-Encoding`.
    ///
    /// Default: an agent with 32 idle connections a host for 90 s and remembered addresses; a
    /// proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`); the roots of `WebPKI`.
    pub fn agent(mut self, agent: ureq::Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// The bucket that inputs are uploaded to. Default: `sagemaker-{region}-{account}`.
    pub fn default_bucket(mut self, bucket: impl Into<String>) -> Self {
        self.default_bucket = Some(bucket.into());
        self
    }

    /// A prefix for the keys of uploads. Default: none.
    pub fn default_bucket_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.default_bucket_prefix = Some(prefix.into());
        self
    }

    /// The account (12 digits) that must own every bucket that is read or written; S3 answers 403
    /// otherwise (`x-amz-expected-bucket-owner`). Default: none, but for the derived default bucket
    /// the caller's own account.
    pub fn expected_bucket_owner(mut self, account: impl Into<String>) -> Self {
        self.expected_bucket_owner = Some(account.into());
        self
    }

    /// How often requests are tried. Default: [`RetryConfig::default`], with `AWS_MAX_ATTEMPTS`
    /// or the profile's `max_attempts`.
    pub fn retry(mut self, retry: RetryConfig) -> Self {
        self.retry = Some(retry);
        self
    }

    /// How long each phase of a request may take. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// A name in the user agent, at most 50 letters, digits and `!$%&*+-.^_|~`. Default:
    /// `AWS_SDK_UA_APP_ID`, then the profile's `sdk_ua_app_id`.
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = Some(name.into());
        self
    }

    /// Clock, environment and files, for tests. Default: [`Sys::real`].
    pub fn sys(mut self, sys: Sys) -> Self {
        self.sys = sys;
        self
    }

    /// Checks everything and makes the session. Sends nothing.
    pub fn build(self) -> Result<Session> {
        let environment = self.sys.environment().clone();
        let profile = Settings::new(&self.sys, self.profile.as_deref());
        if self.profile.is_some() {
            profile.check()?;
        }
        let region = region(self.region, &environment, &profile)?;
        let mut endpoints = self.endpoints;
        endpoints.fill_from(&environment, &profile)?;
        endpoints.check()?;
        if let Some(bucket) = &self.default_bucket {
            crate::uri::S3Uri::new(bucket.clone(), "")?;
        }
        if let Some(owner) = &self.expected_bucket_owner {
            check_account(owner)?;
        }
        let app_name = match self
            .app_name
            .or_else(|| environment.get_non_blank("AWS_SDK_UA_APP_ID"))
        {
            Some(name) => Some(name),
            None => profile.get("sdk_ua_app_id")?.map(str::to_owned),
        };
        let retry = match self.retry {
            Some(retry) => retry,
            None => retry(&environment, &profile)?,
        };
        let credentials = self.credentials.unwrap_or_else(|| {
            let chain = match self.profile.as_deref() {
                Some(name) => DefaultChain::with_profile(&self.sys, name),
                None => DefaultChain::new(&self.sys),
            };
            Arc::new(CachedCredentials::new(&self.sys, chain))
        });
        let client = Client {
            transport: Transport::new(self.agent, self.timeouts),
            credentials,
            retry,
            quota: RetryQuota::new(),
            sys: self.sys,
            user_agent: user_agent(app_name.as_deref())?,
            clock_offset: AtomicI64::new(0),
        };
        Ok(Session {
            inner: Arc::new(Inner {
                region,
                client,
                endpoints,
                default_bucket: self.default_bucket,
                default_bucket_prefix: self
                    .default_bucket_prefix
                    .map(|prefix| prefix.trim_matches('/').to_owned())
                    .filter(|prefix| !prefix.is_empty()),
                expected_bucket_owner: self.expected_bucket_owner,
                derived: DerivedBucket::default(),
                bucket_regions: Mutex::new(HashMap::new()),
                history: History::default(),
            }),
        })
    }
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("endpoints", &self.endpoints)
            .field("default_bucket", &self.default_bucket)
            .finish_non_exhaustive()
    }
}

fn region(
    given: Option<String>,
    environment: &Environment,
    profile: &Settings<'_>,
) -> Result<String> {
    let outside_profile = given
        .or_else(|| environment.get_non_blank("AWS_REGION"))
        .or_else(|| environment.get_non_blank("AWS_DEFAULT_REGION"));
    let region = match outside_profile {
        Some(region) => region,
        None => profile.get("region")?.map(str::to_owned).ok_or_else(|| {
            ConfigError::new(
                "region",
                "is not set",
                "set AWS_REGION, region in the profile, or Session::builder().region(..)",
            )
        })?,
    };
    let fits = (1..=63).contains(&region.len())
        && region
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !region.starts_with('-')
        && !region.ends_with('-');
    if fits {
        Ok(region)
    } else {
        Err(InvalidInput::new(
            "region",
            region,
            "at most 63 letters, digits and inner hyphens",
            "write it as in eu-west-1",
        )
        .into())
    }
}

fn retry(environment: &Environment, profile: &Settings<'_>) -> Result<RetryConfig> {
    const VARIABLE: &str = "AWS_MAX_ATTEMPTS";
    const KEY: &str = "max_attempts";
    let (setting, text) = match environment.get_non_blank(VARIABLE) {
        Some(text) => (VARIABLE.to_owned(), text),
        None => match profile.get(KEY)? {
            Some(text) => (profile.describe(KEY), text.to_owned()),
            None => return Ok(RetryConfig::default()),
        },
    };
    match text.parse() {
        Ok(attempts) => RetryConfig::default().with_max_attempts(attempts),
        Err(_) => Err(ConfigError::new(
            setting,
            format!("{text:?} is not a number"),
            "set it to 1 or more, or remove it",
        )
        .into()),
    }
}

fn check_account(account: &str) -> Result<()> {
    if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(InvalidInput::new(
        "expected bucket owner",
        account,
        "an account's number of 12 digits",
        "leave out hyphens and keep leading zeros",
    )
    .into())
}

fn user_agent(app_name: Option<&str>) -> Result<HeaderValue> {
    let mut text = concat!(
        "sagemaker-async-inference/",
        env!("CARGO_PKG_VERSION"),
        " ua/2.1 lang/rust"
    )
    .to_owned();
    if let Some(name) = app_name {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!$%&*+-.^_|~".contains(&b);
        if !(1..=50).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(InvalidInput::new(
                "app name",
                name,
                "1 to 50 letters, digits and !$%&*+-.^_|~",
                "shorten it and leave out spaces",
            )
            .into());
        }
        text.push_str(" app/");
        text.push_str(name);
    }
    crate::aws::s3::header_value("user agent", &text)
}
