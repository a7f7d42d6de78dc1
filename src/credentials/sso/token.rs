//! The cached token of a login, and its refresh.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::super::config::failed;
use super::super::{CredentialsError, ProviderConfig};
use super::Login;
use crate::aws::sso::{self, NewToken, Renewal};
use crate::sys::{Platform, Sys};
use crate::timestamp;

/// From this long before its end on, a token is refreshed.
const AHEAD: Duration = Duration::from_mins(5);
/// How long after a failed refresh none is tried.
const PAUSE: Duration = Duration::from_secs(30);

/// A token as the AWS CLI writes it to its cache. It has no `Debug`, for it is one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::credentials) struct CachedToken {
    access_token: Zeroizing<String>,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_expires_at: Option<String>,
    /// What else stands in the file, for whoever reads it after us.
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl CachedToken {
    pub(in crate::credentials) fn access_token(&self) -> &str {
        &self.access_token
    }

    /// Older versions of the AWS CLI write `UTC` in place of `Z`.
    fn expiry(&self) -> Option<SystemTime> {
        timestamp::parse(&self.expires_at.replace("UTC", "Z"))
    }

    fn is_valid(&self, at: SystemTime) -> bool {
        self.expiry().is_some_and(|expiry| at < expiry)
    }

    /// What a refresh takes, if all of it is there and the client's registration has not expired.
    fn refresh(&self, now: SystemTime) -> Option<Renewal<'_>> {
        let registered_until = timestamp::parse(self.registration_expires_at.as_ref()?)?;
        (now < registered_until).then_some(())?;
        Some(Renewal {
            client_id: self.client_id.as_ref()?,
            client_secret: self.client_secret.as_ref()?,
            refresh_token: self.refresh_token.as_ref()?,
        })
    }

    /// Takes over what a refresh brought.
    fn renewed(mut self, new: NewToken, now: SystemTime) -> Option<Self> {
        let expiry = now.checked_add(Duration::from_secs(new.expires_in.into()))?;
        self.expires_at = timestamp::format(expiry)?;
        self.access_token = new.access_token;
        if let Some(refresh_token) = new.refresh_token {
            self.refresh_token = Some(refresh_token);
        }
        Some(self)
    }
}

/// Tokens that were refreshed, kept for as long as the provider lives, for the file in the cache may not be
/// writable. Clones share them.
#[derive(Clone, Default)]
pub(in crate::credentials) struct TokenCache {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The token that was refreshed last, and whose it is.
    renewed: Option<(Login, CachedToken)>,
    /// When, on the monotonic clock, a refresh failed last.
    failed_at: Option<Duration>,
}

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

impl TokenCache {
    /// The login's token, refreshed if it is time. The lock is held meanwhile: a refresh token is good for
    /// one refresh.
    pub(in crate::credentials) fn token(
        &self,
        config: &ProviderConfig,
        login: &Login,
        provider: &'static str,
    ) -> Result<CachedToken, CredentialsError> {
        let sys = config.sys();
        let now = sys.clock().now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let token = state.latest(sys, login, provider, config)?;
        if token.is_valid(now + AHEAD) {
            return Ok(token);
        }
        let refreshed = match (&login.session, token.refresh(now)) {
            (Some(_), Some(refresh)) if !state.is_pausing(sys) => {
                Some(create_token(config, login, &refresh, provider))
            }
            _ => None,
        };
        let renewed = refreshed.map(|new| {
            let renewed = token.clone().renewed(new?, now);
            renewed.ok_or_else(|| broken(provider, login, config, "was renewed for no known time"))
        });
        match renewed {
            Some(Ok(renewed)) => {
                state.failed_at = None;
                state.renewed = Some((login.clone(), renewed.clone()));
                write_back(sys, login, &renewed);
                Ok(renewed)
            }
            Some(Err(error)) => {
                state.failed_at = Some(sys.clock().monotonic());
                if token.is_valid(now) {
                    return Ok(token);
                }
                Err(error)
            }
            None if token.is_valid(now) => Ok(token),
            None => Err(broken(provider, login, config, "has expired")),
        }
    }
}

impl State {
    /// The file's token, unless the one in memory is good for longer.
    fn latest(
        &self,
        sys: &Sys,
        login: &Login,
        provider: &'static str,
        config: &ProviderConfig,
    ) -> Result<CachedToken, CredentialsError> {
        let kept = self.renewed.as_ref().filter(|(whose, _)| whose == login);
        let kept = kept.map(|(_, token)| token);
        match (read(sys, login, provider, config), kept) {
            (Ok(read), Some(kept)) => {
                let kept_is_later = kept.expiry() > read.expiry();
                Ok(if kept_is_later { kept.clone() } else { read })
            }
            (Err(_), Some(kept)) => Ok(kept.clone()),
            (read, None) => read,
        }
    }

    fn is_pausing(&self, sys: &Sys) -> bool {
        let now = sys.clock().monotonic();
        self.failed_at
            .is_some_and(|failed| now.saturating_sub(failed) < PAUSE)
    }
}

fn create_token(
    config: &ProviderConfig,
    login: &Login,
    renewal: &Renewal<'_>,
    provider: &'static str,
) -> Result<NewToken, CredentialsError> {
    let services = config.services();
    services
        .and_then(|services| sso::create_token(services.in_region(&login.region), renewal))
        .map_err(|error| {
            let remedy = login.remedy(config);
            failed(
                provider,
                format!("the SSO token cannot be refreshed; {remedy}"),
                error,
            )
        })
}

/// `~/.aws/sso/cache/{SHA-1 in hex}.json`. `None` where no home directory is known.
fn path(sys: &Sys, login: &Login) -> Option<PathBuf> {
    let key = login.session.as_ref().unwrap_or(&login.start_url);
    let mut name = String::new();
    for byte in Sha1::digest(key.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    let home = sys.environment().home_directory_on(Platform::HERE)?;
    let mut path = PathBuf::from(home);
    path.extend([".aws", "sso", "cache"]);
    path.push(format!("{name}.json"));
    Some(path)
}

fn read(
    sys: &Sys,
    login: &Login,
    provider: &'static str,
    config: &ProviderConfig,
) -> Result<CachedToken, CredentialsError> {
    let problem = |problem: &str| broken(provider, login, config, problem);
    let path =
        path(sys, login).ok_or_else(|| problem("is nowhere, for no home directory is known"))?;
    let content = sys.files().read(&path).map_err(|error| {
        problem(&format!("cannot be read from {}", path.display())).with_source(error)
    })?;
    // The parser's own errors may quote what they could not read.
    let token: CachedToken = serde_json::from_slice(&content).map_err(|_| {
        problem(&format!(
            "in {} is not a JSON object with accessToken and expiresAt",
            path.display()
        ))
    })?;
    if token.expiry().is_none() {
        return Err(problem(&format!("in {} has no known end", path.display())));
    }
    Ok(token)
}

fn broken(
    provider: &'static str,
    login: &Login,
    config: &ProviderConfig,
    problem: &str,
) -> CredentialsError {
    CredentialsError::broken(
        provider,
        format!(
            "the SSO token of {} {problem}; {}",
            login.start_url,
            login.remedy(config)
        ),
    )
}

/// For the other tools. A home that cannot be written is no reason to fail: the token is kept in memory.
fn write_back(sys: &Sys, login: &Login, token: &CachedToken) {
    if let Some(path) = path(sys, login)
        && let Ok(text) = serde_json::to_vec(token)
    {
        let _ = sys.files().write(path, &Zeroizing::new(text));
    }
}
