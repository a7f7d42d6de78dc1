use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::config::misconfigured;
use super::document::{self, METADATA};
use super::{Credentials, CredentialsError, ProvideCredentials, ProviderConfig};
use crate::aws::config::Settings;
use crate::aws::endpoints::encode_segment;
use crate::aws::http::{Bounds, ConnectionError, Reply, Timeouts, Transport};
use crate::error::{ConfigError, TransportErrorKind};
use crate::sys::Sys;

/// Provides the credentials of the role of this EC2 instance, from its metadata service (IMDS). Each call sends
/// requests; wrap it in [`CachedCredentials`](crate::credentials::CachedCredentials).
///
/// A token is requested first (version 2 of the service). If the service refuses (403, 404, 405), or accepts the
/// connection and does not respond, as in a container that is too many hops away, requests are sent without one
/// (version 1), unless that is disabled.
///
/// | setting | environment | profile | default |
/// |---|---|---|---|
/// | disabled | `AWS_EC2_METADATA_DISABLED` | | `false` |
/// | URL | `AWS_EC2_METADATA_SERVICE_ENDPOINT` | `ec2_metadata_service_endpoint` | `http://169.254.169.254` |
/// | `IPv4` or `IPv6`, if no URL is set | `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE` | `ec2_metadata_service_endpoint_mode` | `IPv4`; with `IPv6` the URL is `http://[fd00:ec2::254]` |
/// | version 1 disabled | `AWS_EC2_METADATA_V1_DISABLED` | `ec2_metadata_v1_disabled` | `false` |
/// | seconds to connect, and for each response, at most 60 | `AWS_METADATA_SERVICE_TIMEOUT` | `metadata_service_timeout` | 1 |
/// | attempts to reach it, at most 10 | `AWS_METADATA_SERVICE_NUM_ATTEMPTS` | `metadata_service_num_attempts` | 1 |
/// | role, instead of requesting its name | `AWS_EC2_INSTANCE_PROFILE_NAME` | `ec2_instance_profile_name` | |
///
/// Source: "IMDS credential provider" in the AWS SDKs and Tools Reference Guide.
///
/// The source is not configured if it is disabled, if nothing responds at the default URLs (which takes a second on a
/// laptop), or if the instance has no role. All other errors are those of a configured source. A request with a
/// response of 429 or 5xx is sent 3 times, 200 ms and 400 ms apart. Expired credentials are returned as valid for 10
/// minutes, because services accept them while the metadata service recovers. No proxy is used, no redirect is
/// followed, and a response has at most 64 KiB.
///
/// ```
/// use sagemaker_async_inference::sys::{Environment, Sys};
/// use sagemaker_async_inference::credentials::{InstanceMetadataProvider, ProvideCredentials};
///
/// let off = Sys::real()
///     .with_environment(Environment::from_pairs([("AWS_EC2_METADATA_DISABLED", "true")]));
/// let error = InstanceMetadataProvider::new(&off).provide_credentials().unwrap_err();
/// assert!(error.is_not_configured());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct InstanceMetadataProvider {
    config: ProviderConfig,
}

const NAME: &str = "instance metadata";

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const REGION: &str = "/latest/meta-data/placement/region";
const TOKEN: &str = "/latest/api/token";
/// The lifetime of a token in seconds: the longest that the service allows. Each fetch requests one.
const TOKEN_LIFE: HeaderValue = HeaderValue::from_static("21600");

const ATTEMPTS_WITH_RESPONSE: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_RESPONSE: u64 = 64 << 10;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
/// Settings above these are reduced to these.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);
const MOST_ATTEMPTS: u32 = 10;
/// How long expired credentials of an instance are still used.
const EXTENSION: Duration = Duration::from_mins(10);

impl InstanceMetadataProvider {
    /// Reads environment and files of the configuration.
    pub fn new(config: impl Into<ProviderConfig>) -> Self {
        Self {
            config: config.into(),
        }
    }
}

impl ProvideCredentials for InstanceMetadataProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let sys = self.config.sys();
        let settings = self.config.settings();
        let imds = Imds::new(&settings).map_err(|error| misconfigured(NAME, &error))?;
        let Some(imds) = imds else {
            return Err(not_configured(format!("{DISABLED} is true")));
        };
        let named = settings
            .find("AWS_EC2_INSTANCE_PROFILE_NAME", "ec2_instance_profile_name")
            .map_err(|error| misconfigured(NAME, &error))?;
        let session = imds.open()?;
        let role = match named {
            Some(setting) => setting.value,
            None => session.role()?,
        };
        let reply = session.get(&format!("{ROLES}{}", encode_segment(&role)))?;
        match reply.status {
            200 => credentials(&Zeroizing::new(reply.body), sys),
            404 => Err(not_configured(format!(
                "this instance has no role {role:?}"
            ))),
            status => Err(session.refused(status)),
        }
    }
}

/// The parts of the response that are not secret.
#[derive(Deserialize)]
struct Outcome {
    #[serde(rename = "Code")]
    code: Option<String>,
}

fn credentials(body: &[u8], sys: &Sys) -> Result<Credentials, CredentialsError> {
    let outcome = serde_json::from_slice::<Outcome>(body).ok();
    if let Some(code) = outcome
        .and_then(|outcome| outcome.code)
        .filter(|code| code != "Success")
    {
        // Only codes that the service is known to use: anything else may be a secret.
        let known = ["AssumeRoleUnauthorizedAccess", "Failed"];
        let reported = known.into_iter().find(|known| *known == code);
        return Err(broken(&format!(
            "reported {}; check the instance's role and its trust policy",
            reported.unwrap_or("that it failed")
        )));
    }
    let mut credentials = document::parse(body, &METADATA, None, NAME, "Ec2InstanceMetadata")?;
    let now = sys.clock().now();
    if credentials.expiry().is_some_and(|expiry| expiry <= now) {
        let account = credentials.account_id().cloned();
        let mut extended = Credentials::builder()
            .access_key_id(credentials.access_key_id())
            .secret_access_key(credentials.secret_access_key())
            .provider_name("Ec2InstanceMetadata")
            .expiry(now + EXTENSION);
        extended.set_session_token(credentials.session_token().map(str::to_owned));
        extended.set_account_id(account);
        credentials = extended.build();
    }
    Ok(credentials)
}

/// The region of this instance. `None` if there is no metadata service or it does not report one.
pub(crate) fn region(settings: &Settings<'_>) -> Result<Option<String>, ConfigError> {
    let Some(imds) = Imds::new(settings)? else {
        return Ok(None);
    };
    let reply = imds.open().and_then(|session| session.get(REGION));
    Ok(reply
        .ok()
        .filter(|reply| reply.status == 200)
        .and_then(|reply| String::from_utf8(reply.body).ok())
        .map(|region| region.trim().to_owned())
        .filter(|region| !region.is_empty()))
}

const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";

/// The metadata service, as it is configured.
struct Imds<'a> {
    sys: &'a Sys,
    base: String,
    /// Whether the user set the URL, which shows that a metadata service is expected.
    is_named: bool,
    version_1: bool,
    attempts: u32,
    timeout: Duration,
    transport: Transport,
}

impl<'a> Imds<'a> {
    /// `None` if it is disabled.
    fn new(settings: &'a Settings<'_>) -> Result<Option<Self>, ConfigError> {
        let sys = settings.sys();
        let is_true = |text: &str| text.eq_ignore_ascii_case("true");
        if sys
            .environment()
            .get_non_blank(DISABLED)
            .is_some_and(|text| is_true(&text))
        {
            return Ok(None);
        }
        let named = settings.find(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "ec2_metadata_service_endpoint",
        )?;
        let is_named = named.is_some();
        let base = match named {
            Some(setting) => {
                let parsed = setting.value.parse::<Uri>().ok();
                let is_url = parsed.is_some_and(|uri| {
                    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
                });
                if !is_url {
                    return Err(
                        setting.problem("is not a URL", "write it as http://169.254.169.254")
                    );
                }
                setting.value.trim_end_matches('/').to_owned()
            }
            None => default_base(settings)?.to_owned(),
        };
        let version_1 = settings
            .find("AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled")?
            .is_none_or(|setting| !is_true(&setting.value));
        let timeout = settings.find_seconds(
            "AWS_METADATA_SERVICE_TIMEOUT",
            "metadata_service_timeout",
            LONGEST_TIMEOUT,
        )?;
        let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
        let attempts = settings.find_count(
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
            "metadata_service_num_attempts",
            MOST_ATTEMPTS,
        )?;
        let attempts = attempts.unwrap_or(1);
        let timeouts = Timeouts::default()
            .with_connect(timeout)
            .with_read(timeout)
            .with_write(timeout);
        Ok(Some(Self {
            sys,
            base,
            is_named,
            version_1,
            attempts,
            timeout,
            transport: Transport::without_proxy(sys, timeouts),
        }))
    }

    /// Requests a token, or finds out that none is available.
    fn open(&self) -> Result<Session<'_>, CredentialsError> {
        let life = (
            HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"),
            TOKEN_LIFE,
        );
        let without = Session {
            imds: self,
            token: None,
        };
        match self.exchange(&Method::PUT, TOKEN, Some(&life)) {
            Ok(reply) if reply.status == 200 => {
                let body = Zeroizing::new(reply.body);
                let mut token = HeaderValue::from_bytes(body.trim_ascii())
                    .map_err(|_| broken("returned a token that is not valid in a header"))?;
                if token.is_empty() {
                    return Err(broken("returned an empty token"));
                }
                token.set_sensitive(true);
                Ok(Session {
                    imds: self,
                    token: Some(token),
                })
            }
            Ok(reply) if matches!(reply.status, 403..=405) && self.version_1 => Ok(without),
            Ok(reply) if matches!(reply.status, 403..=405) => Err(self.refused(
                reply.status,
                "; it has no version 2 or is off, and version 1 is disabled by \
                 AWS_EC2_METADATA_V1_DISABLED or ec2_metadata_v1_disabled",
            )),
            Ok(reply) => Err(self.refused(reply.status, "")),
            Err(failed) if failed.kind == TransportErrorKind::Timeout && self.version_1 => {
                Ok(without)
            }
            Err(failed) => Err(self.unreached(failed)),
        }
    }

    fn refused(&self, status: u16, remedy: &str) -> CredentialsError {
        let base = &self.base;
        broken(&format!("at {base} returned status {status}{remedy}"))
    }

    fn unreached(&self, failed: ConnectionError) -> CredentialsError {
        let base = &self.base;
        let error = if self.is_named {
            let in_time = match failed.kind {
                TransportErrorKind::Timeout => format!(" within {:?}", self.timeout),
                _ => String::new(),
            };
            let why = failed.explanation();
            broken(&format!(
                "returns no usable response at {base}{in_time}{why}"
            ))
        } else {
            not_configured(format!(
                "nothing responds at {base}, so this is not an EC2 instance"
            ))
        };
        match failed.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }

    /// Retries as configured until the service is reached, then while it responds 429 or 5xx.
    fn exchange(
        &self,
        method: &Method,
        path: &str,
        header: Option<&(HeaderName, HeaderValue)>,
    ) -> Result<Reply, ConnectionError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(method, path, header);
            let again = match &outcome {
                Ok(reply) => {
                    (reply.status == 429 || reply.status >= 500)
                        && attempt < ATTEMPTS_WITH_RESPONSE.max(self.attempts)
                }
                Err(_) => attempt < self.attempts,
            };
            if !again {
                return outcome;
            }
            self.sys.clock().sleep(pause);
            pause *= 2;
            attempt += 1;
        }
    }

    fn attempt(
        &self,
        method: &Method,
        path: &str,
        header: Option<&(HeaderName, HeaderValue)>,
    ) -> Result<Reply, ConnectionError> {
        let uri = format!("{}{path}", self.base).parse();
        let uri = uri.map_err(|_| ConnectionError::no_url(path))?;
        let mut request = Request::new(&[][..]);
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        request.headers_mut().extend(header.cloned());
        let bounds = Bounds {
            max_success: MAX_RESPONSE,
            clock: self.sys.clock(),
            deadline: Some(self.sys.clock().monotonic() + self.timeout),
            cancel: None,
        };
        self.transport.exchange(request, &bounds)
    }
}

fn default_base(settings: &Settings<'_>) -> Result<&'static str, ConfigError> {
    const IPV4: &str = "http://169.254.169.254";
    const IPV6: &str = "http://[fd00:ec2::254]";
    let mode = settings.find(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "ec2_metadata_service_endpoint_mode",
    )?;
    match mode {
        None => Ok(IPV4),
        Some(mode) if mode.value.eq_ignore_ascii_case("ipv4") => Ok(IPV4),
        Some(mode) if mode.value.eq_ignore_ascii_case("ipv6") => Ok(IPV6),
        Some(mode) => Err(mode.problem("is neither IPv4 nor IPv6", "set it to one of them")),
    }
}

/// The service with a token of this fetch.
struct Session<'a> {
    imds: &'a Imds<'a>,
    token: Option<HeaderValue>,
}

impl Session<'_> {
    fn get(&self, path: &str) -> Result<Reply, CredentialsError> {
        let name = HeaderName::from_static("x-aws-ec2-metadata-token");
        let token = self.token.clone().map(|token| (name, token));
        self.imds
            .exchange(&Method::GET, path, token.as_ref())
            .map_err(|failed| self.imds.unreached(failed))
    }

    fn refused(&self, status: u16) -> CredentialsError {
        let remedy = match (status, &self.token) {
            // The token's response travels fewer hops than the others'.
            (401, None) => {
                "; it requires version 2, and its token did not arrive: in a container, raise the \
                 instance's HttpPutResponseHopLimit to 2"
            }
            (403, _) => "; check that the instance's metadata service is on (HttpEndpoint)",
            _ => "",
        };
        self.imds.refused(status, remedy)
    }

    /// The name of the instance's role.
    fn role(&self) -> Result<String, CredentialsError> {
        let reply = self.get(ROLES)?;
        let no_role = || not_configured("this instance has no role attached".into());
        match reply.status {
            200 => {
                let text = String::from_utf8(reply.body)
                    .map_err(|_| broken("returned a role name that is not UTF-8 text"))?;
                let role = text.lines().next().unwrap_or_default().trim();
                if role.is_empty() {
                    return Err(no_role());
                }
                Ok(role.to_owned())
            }
            404 => Err(no_role()),
            status => Err(self.refused(status)),
        }
    }
}

fn not_configured(message: String) -> CredentialsError {
    CredentialsError::not_configured(NAME, message)
}

fn broken(problem: &str) -> CredentialsError {
    CredentialsError::failed(NAME, format!("the service {problem}"))
}
