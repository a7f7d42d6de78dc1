use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::config::{MfaProblem, failed};
use super::{Credentials, CredentialsError, IntoProvider, ProvideCredentials, ProviderConfig};
use crate::aws::client::retry::is_expired_token;
use crate::aws::sts::{self, AssumeRole};
use crate::invalid_input::InvalidInput;
use crate::sys::Sys;

/// Provides the credentials of a role, which it assumes (`AssumeRole`) with those of another source. Each call
/// sends a request to STS; wrap it in [`CachedCredentials`](crate::credentials::CachedCredentials).
///
/// STS is called in the region of the [`ProviderConfig`]. A refusal, or a missing MFA code, is an error of a
/// configured source; the other source's error is returned unchanged. If STS reports that the other source's credentials
/// have expired, they are [invalidated](ProvideCredentials::invalidate) and provided once more.
///
/// ```no_run
/// use std::time::Duration;
/// use sagemaker_async_inference::sys::Sys;
/// use sagemaker_async_inference::Session;
/// use sagemaker_async_inference::credentials::{AssumeRoleProvider, EnvironmentProvider, ProviderConfig};
///
/// let sys = Sys::real();
/// let own = EnvironmentProvider::new(sys.environment().clone());
/// let role = AssumeRoleProvider::new(
///     ProviderConfig::new(&sys).with_region("eu-west-1"),
///     "arn:aws:iam::123456789012:role/invoker",
///     own,
/// )?
/// .with_session_name("nightly-batch")?
/// .with_external_id("tenant-7")?
/// .with_duration(Duration::from_secs(3600))?;
/// let session = Session::builder().credentials(role).build()?;
/// # Ok::<(), sagemaker_async_inference::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct AssumeRoleProvider {
    config: ProviderConfig,
    source: Arc<dyn ProvideCredentials>,
    role: Role,
}

const NAME: &str = "role";

/// A role and how to assume it.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) duration_seconds: Option<u32>,
    pub(super) mfa_serial: Option<String>,
}

impl AssumeRoleProvider {
    /// Creates a provider for the role of this ARN, assumed with the credentials of `source`. All values are
    /// checked against the limits of STS (`AssumeRole`).
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): the ARN does not begin with `arn:`, or its length is not
    /// within 20 to 2048 visible ASCII characters.
    pub fn new<Kind>(
        config: impl Into<ProviderConfig>,
        role_arn: impl Into<String>,
        source: impl IntoProvider<Kind>,
    ) -> crate::Result<Self> {
        let role = Role {
            arn: role_arn.into(),
            session_name: None,
            external_id: None,
            duration_seconds: None,
            mfa_serial: None,
        };
        Ok(Self {
            config: config.into(),
            source: source.into_provider(),
            role,
        })
        .and_then(Self::checked)
    }

    /// Sets the name of the role's session, which appears in logs. Default: `sagemaker-async-inference-` and the
    /// time.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): it is not 2 to 64 letters, digits and `_+=,.@-`.
    pub fn with_session_name(mut self, name: impl Into<String>) -> crate::Result<Self> {
        self.role.session_name = Some(name.into());
        self.checked()
    }

    /// Sets the external id that the role's owner requires from third parties. Default: none.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): it is not 2 to 1224 letters, digits and
    /// `_+=,.@:/-`.
    pub fn with_external_id(mut self, id: impl Into<String>) -> crate::Result<Self> {
        self.role.external_id = Some(id.into());
        self.checked()
    }

    /// Sets the lifetime of the credentials: 15 minutes to 12 hours, and at most what the role allows. Default:
    /// the service's, 1 hour.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): it is not within 15 minutes to 12 hours. The role's
    /// own limit is checked by STS.
    pub fn with_duration(mut self, duration: Duration) -> crate::Result<Self> {
        // Beyond all limits, and so refused.
        self.role.duration_seconds = Some(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX));
        self.checked()
    }

    /// Sets the MFA device that the role requires, by serial number or ARN; its code comes from
    /// [`ProviderConfig::with_mfa`]. Default: none.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput): it is not 9 to 256 letters, digits and `_+=/:,.@-`.
    pub fn with_mfa_serial(mut self, serial: impl Into<String>) -> crate::Result<Self> {
        self.role.mfa_serial = Some(serial.into());
        self.checked()
    }

    fn checked(self) -> crate::Result<Self> {
        self.role.check()?;
        Ok(self)
    }
}

impl ProvideCredentials for AssumeRoleProvider {
    fn provide_credentials(&self) -> Result<Credentials, CredentialsError> {
        let own = self.source.provide_credentials()?;
        let error = match self.role.assume(&self.config, &own, NAME) {
            Err(error) if is_expired(&error) => error,
            outcome => return outcome,
        };
        // A cache may hold keys of a file without a known expiry, which were replaced since.
        self.source.invalidate(&own);
        match self.source.provide_credentials()? {
            same if same == own => Err(error),
            renewed => self.role.assume(&self.config, &renewed, NAME),
        }
    }

    fn invalidate(&self, refused: &Credentials) {
        self.source.invalidate(refused);
    }
}

/// Whether STS reports that the source's credentials have expired.
fn is_expired(error: &CredentialsError) -> bool {
    matches!(error.cause.as_deref(), Some(crate::Error::Service(fault)) if is_expired_token(fault.code()))
}

impl Role {
    pub(super) fn check(&self) -> Result<(), InvalidInput> {
        check_arn(&self.arn)?;
        if let Some(name) = &self.session_name {
            check_session_name(name)?;
        }
        if let Some(id) = &self.external_id {
            let limit = "2 to 1224 letters, digits and _+=,.@:/-";
            check("external id", id, 2..=1224, b"_+=,.@:/-", limit)?;
        }
        if let Some(serial) = &self.mfa_serial {
            let limit = "9 to 256 letters, digits and _+=/:,.@-";
            check("MFA serial", serial, 9..=256, b"_+=/:,.@-", limit)?;
        }
        match self.duration_seconds {
            Some(seconds) if !(900..=43_200).contains(&seconds) => Err(InvalidInput::new(
                "duration of a role's credentials",
                format!("{seconds} s"),
                "900 s to 43200 s",
                "choose a value in this range that the role allows",
            )),
            _ => Ok(()),
        }
    }

    /// Calls STS. `provider` is named in an error.
    pub(super) fn assume(
        &self,
        config: &ProviderConfig,
        own: &Credentials,
        provider: &'static str,
    ) -> Result<Credentials, CredentialsError> {
        let about = format!("cannot assume the role {}", self.arn);
        let failed = |error: crate::Error| failed(provider, &about, error);
        self.check().map_err(|error| failed(error.into()))?;
        let region = config.region().map_err(failed)?;
        let services = config.services().map_err(failed)?;
        let session_name = session_name(self.session_name.as_deref(), config.sys());
        let mfa = match &self.mfa_serial {
            Some(serial) => Some((serial.as_str(), self.mfa_code(serial, config, provider)?)),
            None => None,
        };
        let request = AssumeRole {
            role_arn: &self.arn,
            session_name: &session_name,
            duration_seconds: self.duration_seconds,
            external_id: self.external_id.as_deref(),
            mfa: mfa.as_ref().map(|(serial, code)| (*serial, code.as_str())),
        };
        sts::assume_role(services.in_region(&region), own, &request).map_err(failed)
    }

    fn mfa_code(
        &self,
        serial: &str,
        config: &ProviderConfig,
        provider: &'static str,
    ) -> Result<Zeroizing<String>, CredentialsError> {
        let wants = format!("the role {} requires a code of {serial}", self.arn);
        config.mfa_code(serial).map_err(|problem| match problem {
            MfaProblem::NobodyToAsk => CredentialsError::failed(
                provider,
                format!(
                    "{wants}, and no function provides one; give the session one, \
                     SessionBuilder::mfa or ProviderConfig::with_mfa"
                ),
            ),
            MfaProblem::NotTold(source) => {
                CredentialsError::failed(provider, format!("{wants}, and none was given"))
                    .with_source(source)
            }
            MfaProblem::NotACode => CredentialsError::failed(
                provider,
                format!("{wants}, and the given one does not have 6 digits"),
            ),
        })
    }
}

/// `RoleArn`: 20 to 2048.
pub(super) fn check_arn(arn: &str) -> Result<(), InvalidInput> {
    let fits = (20..=2048).contains(&arn.len())
        && arn.starts_with("arn:")
        && arn.bytes().all(|b| (b'!'..=b'~').contains(&b));
    if fits {
        Ok(())
    } else {
        Err(InvalidInput::new(
            "role ARN",
            arn,
            "20 to 2048 characters",
            "write it as in arn:aws:iam::123456789012:role/name",
        ))
    }
}

/// `RoleSessionName`: 2 to 64, `[\w+=,.@-]*`.
pub(super) fn check_session_name(name: &str) -> Result<(), InvalidInput> {
    let limit = "2 to 64 letters, digits and _+=,.@-";
    check("role session name", name, 2..=64, b"_+=,.@-", limit)
}

/// The name that was set, or one with this crate and the time.
pub(super) fn session_name(given: Option<&str>, sys: &Sys) -> String {
    given.map_or_else(
        || {
            let now = sys.clock().now();
            let since = now
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default();
            format!("sagemaker-async-inference-{}", since.as_secs())
        },
        str::to_owned,
    )
}

fn check(
    what: &'static str,
    value: &str,
    lengths: std::ops::RangeInclusive<usize>,
    others: &[u8],
    limit: &str,
) -> Result<(), InvalidInput> {
    let fits = lengths.contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || others.contains(&b));
    if fits {
        Ok(())
    } else {
        Err(InvalidInput::new(what, value, limit, "change it"))
    }
}
