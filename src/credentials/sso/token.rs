//! The cached token of a login, and its refresh.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::super::config::failed;
use super::super::refreshed::{AHEAD, Expires, Refreshed};
use super::super::{CredentialsError, ProviderConfig};
use super::Login;
use crate::aws::sso::{self, NewToken, Renewal};
use crate::sys::Platform;
use crate::timestamp;

/// A token as the AWS CLI writes it to its cache. It has no `Debug`, because it is a secret.
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
    /// The other members of the file, preserved for the tools that read it.
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl CachedToken {
    pub(in crate::credentials) fn access_token(&self) -> &str {
        &self.access_token
    }

    /// What a refresh needs, if all of it is present and the client's registration has not expired.
    fn refresh(&self, now: SystemTime) -> Option<Renewal<'_>> {
        let registered_until = timestamp::parse_any_form(self.registration_expires_at.as_ref()?)?;
        (now < registered_until).then_some(())?;
        Some(Renewal {
            client_id: self.client_id.as_ref()?,
            client_secret: self.client_secret.as_ref()?,
            refresh_token: self.refresh_token.as_ref()?,
        })
    }

    /// Applies a refresh.
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

impl Expires for CachedToken {
    fn expiry(&self) -> Option<SystemTime> {
        timestamp::parse_any_form(&self.expires_at)
    }
}

/// Refreshed tokens of a provider.
#[derive(Debug, Clone, Default)]
pub(in crate::credentials) struct TokenCache(Refreshed<Login, CachedToken>);

impl TokenCache {
    /// The login's token, refreshed if it expires soon. The lock is held meanwhile: a refresh token is valid for
    /// a single use.
    pub(in crate::credentials) fn token(
        &self,
        config: &ProviderConfig,
        login: &Login,
        provider: &'static str,
    ) -> Result<CachedToken, CredentialsError> {
        let asked = Asked {
            config,
            login,
            provider,
        };
        let now = config.sys().clock().now();
        let mut state = self.0.lock();
        let token = state.latest(login, asked.read())?;
        if token.is_valid(now + AHEAD) {
            return Ok(token);
        }
        let unusable = match (&login.session, token.refresh(now)) {
            (Some(_), Some(renewal)) if !state.is_pausing(config.sys()) => {
                match asked.renew(&token, &renewal, now) {
                    Ok(renewed) => {
                        state.keep(login.clone(), renewed.clone());
                        asked.write_back(&renewed);
                        return Ok(renewed);
                    }
                    Err(error) => {
                        state.failed(config.sys());
                        error
                    }
                }
            }
            _ => asked.broken("has expired"),
        };
        if token.is_valid(now) {
            Ok(token)
        } else {
            Err(unusable)
        }
    }
}

/// Which token is requested, and for which provider.
struct Asked<'a> {
    config: &'a ProviderConfig,
    login: &'a Login,
    provider: &'static str,
}

impl Asked<'_> {
    fn renew(
        &self,
        token: &CachedToken,
        renewal: &Renewal<'_>,
        now: SystemTime,
    ) -> Result<CachedToken, CredentialsError> {
        let services = self.config.services();
        let new = services
            .and_then(|services| sso::create_token(services.in_region(&self.login.region), renewal))
            .map_err(|error| {
                let remedy = self.login.remedy(self.config);
                let about = format!("the SSO token cannot be refreshed; {remedy}");
                failed(self.provider, about, error)
            })?;
        let renewed = token.clone().renewed(new, now);
        renewed.ok_or_else(|| self.broken("was refreshed without a known expiry"))
    }

    /// `~/.aws/sso/cache/{SHA-1 in hex}.json`. `None` where no home directory is known.
    fn path(&self) -> Option<PathBuf> {
        let key = self.login.session.as_ref().unwrap_or(&self.login.start_url);
        let mut name = String::new();
        for byte in Sha1::digest(key.as_bytes()) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        let environment = self.config.sys().environment();
        let mut path = PathBuf::from(environment.home_directory_on(Platform::HERE)?);
        path.extend([".aws", "sso", "cache"]);
        path.push(format!("{name}.json"));
        Some(path)
    }

    fn read(&self) -> Result<CachedToken, CredentialsError> {
        let path = self
            .path()
            .ok_or_else(|| self.broken("cannot be found, because the home directory is unknown"))?;
        let place = path.display();
        let content = self.config.sys().files().read(&path).map_err(|error| {
            self.broken(&format!("cannot be read from {place}"))
                .with_source(error)
        })?;
        let content = Zeroizing::new(content);
        // The parser's own errors may quote what they could not read.
        let token: CachedToken = serde_json::from_slice(&content).map_err(|_| {
            self.broken(&format!(
                "in {place} is not a JSON object with accessToken and expiresAt"
            ))
        })?;
        if token.expiry().is_none() {
            return Err(self.broken(&format!("in {place} has no known expiry")));
        }
        Ok(token)
    }

    /// Writes it for the other tools. A home that cannot be written is no reason to fail: the token is cached in
    /// memory.
    fn write_back(&self, token: &CachedToken) {
        if let Some(path) = self.path()
            && let Ok(text) = serde_json::to_vec(token)
        {
            let text = Zeroizing::new(text);
            let _ = self.config.sys().files().write(path, &text);
        }
    }

    fn broken(&self, problem: &str) -> CredentialsError {
        let start_url = &self.login.start_url;
        let remedy = self.login.remedy(self.config);
        CredentialsError::failed(
            self.provider,
            format!("the SSO token of {start_url} {problem}; {remedy}"),
        )
    }
}
