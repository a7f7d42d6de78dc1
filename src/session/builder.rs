//! Builds a session.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::core::{Inner, Session};
use crate::aws::client::retry::RetryConfig;
use crate::aws::config::Settings;
use crate::aws::endpoints::{EndpointSettings, Endpoints};
use crate::aws::http::{CaBundle, Network, Timeouts, Transport};
use crate::aws::s3::buckets::Buckets;
use crate::aws::s3::checksum::ChecksumSettings;
use crate::aws::{Client, Service};
use crate::credentials::{
    AskMfa, CachedCredentials, DefaultChain, IntoProvider, OfSession, ProvideCredentials,
    ProviderConfig, settings,
};
use crate::error::{ConfigError, Result};
use crate::invalid_input::InvalidInput;
use crate::session::history::History;
use crate::session::transfer_config::TransferConfig;
use crate::sys::Sys;

/// Builds a [`Session`].
///
/// ```
/// use std::time::Duration;
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::credentials::Credentials;
/// use sagemaker_async_inference::session::{RetryConfig, Service, Timeouts};
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
    is_uncached: bool,
    endpoints: EndpointSettings,
    agent: Option<ureq::Agent>,
    ca_bundle: Option<CaBundle>,
    profile: Option<String>,
    default_bucket: Option<String>,
    default_bucket_prefix: Option<String>,
    expected_bucket_owner: Option<String>,
    bucket_owners: HashMap<String, String>,
    retry: Option<RetryConfig>,
    timeouts: Timeouts,
    transfer: TransferConfig,
    app_name: Option<String>,
    mfa: Option<Arc<AskMfa>>,
    sys: Sys,
}

impl SessionBuilder {
    /// Sets the region, such as `eu-west-1`. Default: `AWS_REGION`, then `AWS_DEFAULT_REGION`, then the profile's
    /// `region`, then the region of the EC2 instance that this runs on.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets the profile in the shared config and credentials files. Default: `AWS_PROFILE`, then
    /// `AWS_DEFAULT_PROFILE`, then `default`.
    ///
    /// Its credentials take precedence over those of the environment; its other settings do not.
    /// [`build`](Self::build) fails if the profile does not exist.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Sets where credentials come from: [`Credentials`](crate::credentials::Credentials) themselves, another
    /// [`ProvideCredentials`], or a function. They are cached ([`CachedCredentials`]) and refreshed by the expiry
    /// that they state; those without one stay cached until a service reports them as expired. Default:
    /// [`DefaultChain`].
    ///
    /// ```
    /// use sagemaker_async_inference::Session;
    /// use sagemaker_async_inference::credentials::Credentials;
    ///
    /// let builder = Session::builder().credentials(|| {
    ///     // Asked once, and again before what it returned expires.
    ///     Ok(Credentials::new("AKIDEXAMPLE", "secret", None, None, "example"))
    /// });
    /// # let _ = builder;
    /// ```
    pub fn credentials<Kind>(mut self, credentials: impl IntoProvider<Kind>) -> Self {
        self.credentials = Some(credentials.into_provider());
        self.is_uncached = false;
        self
    }

    /// Like [`credentials`](Self::credentials), but the provider is called for every request that is signed: for a
    /// provider that has its own cache.
    pub fn uncached_credentials<Kind>(mut self, credentials: impl IntoProvider<Kind>) -> Self {
        self.credentials = Some(credentials.into_provider());
        self.is_uncached = true;
        self
    }

    /// Sets a function that returns the current code of an MFA device, for profiles whose role requires one; like
    /// [`ProviderConfig::with_mfa`]. Default: none, and such a profile is an error when its credentials are
    /// needed.
    pub fn mfa(
        mut self,
        ask: impl Fn(&str) -> Result<String, Box<dyn std::error::Error + Send + Sync>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.mfa = Some(Arc::new(ask));
        self
    }

    /// Sets one endpoint URL for all services, such as a local endpoint's. Default: `AWS_ENDPOINT_URL`, then the
    /// profile's `endpoint_url`. Unlike the services' own hosts it may be `http`.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoints.of_all = Some(url.into());
        self
    }

    /// Sets the endpoint URL of one service, which takes precedence over the one for all. Default:
    /// `AWS_ENDPOINT_URL_<SERVICE>`, where `<SERVICE>` is `S3`, `SAGEMAKER_RUNTIME`, `SAGEMAKER`, `STS`, `SSO`,
    /// `SSO_OIDC`, `SIGNIN`, `APPLICATION_AUTO_SCALING` or `CLOUDWATCH`; then, unless `AWS_ENDPOINT_URL` is set,
    /// `endpoint_url` below the same name in lower case in the `services` section that the profile names.
    pub fn endpoint_url_for(mut self, service: Service, url: impl Into<String>) -> Self {
        self.endpoints.of_service.insert(service, url.into());
        self
    }

    /// Sets whether only FIPS 140 endpoints are used. Cannot be combined with a custom endpoint. Default:
    /// `AWS_USE_FIPS_ENDPOINT`, then the profile's `use_fips_endpoint`, then false.
    pub fn use_fips(mut self, yes: bool) -> Self {
        self.endpoints.fips = Some(yes);
        self
    }

    /// Sets whether dual-stack endpoints are used, which have IPv6 addresses too. Cannot be combined with a
    /// custom endpoint. Default: `AWS_USE_DUALSTACK_ENDPOINT`, then the profile's `use_dualstack_endpoint`, then
    /// false.
    pub fn use_dual_stack(mut self, yes: bool) -> Self {
        self.endpoints.dual_stack = Some(yes);
        self
    }

    /// Sets whether the bucket is in the path of S3's URLs and never in the host name. An S3 server with its own name,
    /// such as `http://minio:9000`, needs true, unless its DNS resolves bucket names. With false, `localhost` is
    /// treated like any other name. Default: the profile's `addressing_style` below `s3 =` (`path` is true, `virtual`
    /// is false); without it, the bucket is in the path at an IP address, at `localhost`, and if its name cannot be
    /// part of a host name; otherwise in the host name.
    pub fn force_path_style(mut self, yes: bool) -> Self {
        self.endpoints.force_path_style = Some(yes);
        self
    }

    /// Sets the HTTP agent, with its own proxy, TLS roots, connector or pool. What the protocol needs is set on
    /// every request: statuses are not errors, redirects are not followed. The agent's `max_idle_age`
    /// should be above the poll delay (ureq's default is not, for a delay of 15 s). Leave ureq's cargo features
    /// `gzip` and `brotli` off: with them ureq decodes objects that are stored with a `Content-Encoding`.
    ///
    /// The session's [`timeouts`](Self::timeouts) replace the agent's for each phase of a request (resolve, connect,
    /// send, receive, and the whole call), since a wait's deadline shortens them and an error has to say whether the
    /// request was sent. Of the agent's own timeouts only `timeout_global` holds: it bounds each attempt with its
    /// body, so that a long transfer needs it to be unset, ureq's default.
    ///
    /// An agent that is set here connects by its own configuration: neither a CA bundle nor the proxy variables
    /// of the environment apply. ureq's own resolver resolves the host name for every request, each time in a new
    /// thread, to bound its time: for many requests set a resolver that caches.
    ///
    /// Default: an agent with 32 idle connections per host for 90 s, cached addresses, the roots of
    /// [`ca_bundle`](Self::ca_bundle), and a proxy from the environment:
    /// - For `https` URLs the first of `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY` that is set, for
    ///   `http` URLs the first of `http_proxy`, `HTTP_PROXY` (not in a CGI script, where `REQUEST_METHOD` is
    ///   set), `all_proxy`, `ALL_PROXY`; a blank one means no proxy. The URL's scheme is `http` (also if there is
    ///   none), `https`, `socks4`, `socks4a`, `socks5` or `socks5h`; an `http` or `https` proxy must allow
    ///   `CONNECT` for `https` URLs. Metadata of instances and containers is never requested through a proxy.
    /// - No proxy is used for hosts that `no_proxy` or `NO_PROXY` lists, with commas or spaces between: a name
    ///   (for itself and all below it), an IP address, either with a port or without, a network such as
    ///   `10.0.0.0/8`, or `*`. Loopback addresses are hosts like all others here.
    pub fn agent(mut self, agent: ureq::Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// Sets a PEM file of root certificates, which replace all others. [`build`](Self::build) fails if the file
    /// cannot be read or has no certificate, if a certificate in it cannot be a root, and if an
    /// [`agent`](Self::agent) is set too. Keys and other blocks in the file are ignored.
    /// Default: `AWS_CA_BUNDLE`, then the profile's `ca_bundle`, then the roots of `WebPKI`.
    pub fn ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_bundle = Some(CaBundle::Path(path.into()));
        self
    }

    /// Like [`ca_bundle`](Self::ca_bundle), with the content of the file.
    pub fn ca_bundle_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_bundle = Some(CaBundle::Pem(pem.into()));
        self
    }

    /// Sets the bucket that inputs are uploaded to. Default: `sagemaker-{region}-{account}`.
    pub fn default_bucket(mut self, bucket: impl Into<String>) -> Self {
        self.default_bucket = Some(bucket.into());
        self
    }

    /// Sets a prefix for the keys of uploads. Default: none.
    pub fn default_bucket_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.default_bucket_prefix = Some(prefix.into());
        self
    }

    /// Sets the account (12 digits) that must own every bucket that is read or written; otherwise S3 responds 403
    /// (`x-amz-expected-bucket-owner`). Default: none; for the derived default bucket the caller's own account.
    pub fn expected_bucket_owner(mut self, account: impl Into<String>) -> Self {
        self.expected_bucket_owner = Some(account.into());
        self
    }

    /// Sets the account that must own this one bucket, which takes precedence over
    /// [`expected_bucket_owner`](Self::expected_bucket_owner). For an endpoint of another team that stores its
    /// outputs in a bucket of another account.
    pub fn expected_owner_of(
        mut self,
        bucket: impl Into<String>,
        account: impl Into<String>,
    ) -> Self {
        self.bucket_owners.insert(bucket.into(), account.into());
        self
    }

    /// Sets the attempts of requests. Default: [`RetryConfig::default`], with `AWS_MAX_ATTEMPTS` or the profile's
    /// `max_attempts`. See [`RetryConfig`] for `AWS_RETRY_MODE`.
    pub fn retry(mut self, retry: RetryConfig) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Sets how long each phase of a request may take. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how inputs are uploaded and results fetched, unless a request or a response has its own setting.
    /// Default: [`TransferConfig::default`].
    pub fn transfer(mut self, transfer: TransferConfig) -> Self {
        self.transfer = transfer;
        self
    }

    /// Sets a name in the user agent, at most 50 letters, digits and ``!#$%&'*+-.^_`|~``. A longer one is cut,
    /// other characters become hyphens. Default: `AWS_SDK_UA_APP_ID`, then the profile's `sdk_ua_app_id`.
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = Some(name.into());
        self
    }

    /// Sets clock, environment and files, for tests. Default: [`Sys::real`].
    pub fn sys(mut self, sys: Sys) -> Self {
        self.sys = sys;
        self
    }

    /// Checks everything and creates the session. Sends no request, except for the region of an EC2 instance if
    /// nothing else sets one.
    ///
    /// # Errors
    /// - [`Error::Config`](crate::Error::Config): no region is set, a setting is malformed or contradicts
    ///   another one, the named profile does not exist, or a configuration file is malformed or cannot be read.
    /// - [`Error::InvalidInput`](crate::Error::InvalidInput): the default bucket is not a valid bucket name, a
    ///   bucket owner is not an account id, or a timeout is zero.
    pub fn build(mut self) -> Result<Session> {
        let sys = self.sys.clone();
        let settings = Settings::new(&sys, self.profile.as_deref());
        if self.profile.is_some() {
            settings.check()?;
        }
        if let Some(bucket) = &self.default_bucket {
            let _ = crate::uri::S3Uri::new(bucket.clone(), "")?;
        }
        for owner in self
            .expected_bucket_owner
            .iter()
            .chain(self.bucket_owners.values())
        {
            check_account(owner)?;
        }
        check_timeouts(self.timeouts)?;
        let region = settings::region(self.region.take(), &settings)?;
        let endpoints = Endpoints::new(std::mem::take(&mut self.endpoints), &settings)?;
        let (client, providers) = self.client(&region, &endpoints, &settings)?;
        Ok(Session {
            client: Arc::new(client),
            inner: Arc::new(Inner {
                region,
                providers,
                endpoints,
                default_bucket: self.default_bucket,
                default_bucket_prefix: self
                    .default_bucket_prefix
                    .map(|prefix| prefix.trim_matches('/').to_owned())
                    .filter(|prefix| !prefix.is_empty()),
                transfer: self.transfer,
                checksums: ChecksumSettings::from_settings(&settings)?,
                buckets: Buckets::new(self.expected_bucket_owner, self.bucket_owners),
                deriving: Mutex::default(),
                history: History::default(),
            }),
        })
    }

    fn client(
        &mut self,
        region: &str,
        endpoints: &Endpoints,
        settings: &Settings<'_>,
    ) -> Result<(Client, ProviderConfig)> {
        let app_name = settings::app_name(self.app_name.take(), settings)?;
        let shared = OfSession {
            transport: self.transport(settings)?,
            endpoints: endpoints.clone(),
            retry: match self.retry {
                Some(retry) => retry,
                None => RetryConfig::from_settings(settings)?,
            },
            user_agent: settings::user_agent(app_name.as_deref())?,
        };
        let mut config = ProviderConfig::new(&self.sys)
            .with_region(region)
            .with_mfa_of(self.mfa.take())
            .of_session(shared.clone());
        if let Some(name) = &self.profile {
            config = config.with_profile(name);
        }
        let given = self.credentials.take();
        let provider = given.unwrap_or_else(|| Arc::new(DefaultChain::new(config.clone())));
        let credentials = if self.is_uncached {
            provider
        } else {
            Arc::new(CachedCredentials::new(provider).with_sys(&self.sys))
        };
        Ok((shared.client(credentials, &self.sys), config))
    }

    fn transport(&mut self, settings: &Settings<'_>) -> Result<Transport, ConfigError> {
        let timeouts = self.timeouts.capped();
        match (self.agent.take(), self.ca_bundle.take()) {
            (Some(_), Some(_)) => Err(ConfigError::new(
                "the CA bundle",
                "cannot be combined with an agent",
                "give the agent these roots, or leave out one of the two",
            )),
            (Some(agent), None) => Ok(Transport::with_agent(agent, timeouts)),
            (None, bundle) => {
                let network = Network::from_settings(bundle, settings)?;
                Ok(Transport::new(&network, timeouts))
            }
        }
    }
}

fn check_account(account: &str) -> Result<()> {
    if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(InvalidInput::new(
        "expected bucket owner",
        account,
        "an account id of 12 digits",
        "leave out hyphens and keep leading zeros",
    )
    .into())
}

/// With a limit of zero every request would end as timed out, and be retried for it.
fn check_timeouts(timeouts: Timeouts) -> Result<(), InvalidInput> {
    for (what, timeout) in [
        ("connect timeout", timeouts.connect()),
        ("read timeout", timeouts.read()),
        ("write timeout", timeouts.write()),
    ] {
        if timeout.is_zero() {
            return Err(InvalidInput::new(
                what,
                "0 s",
                "more than 0 s",
                "set a longer one, or leave it out for the default",
            ));
        }
    }
    Ok(())
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
