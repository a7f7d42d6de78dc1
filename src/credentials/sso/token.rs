//! The cached token of a login, and its refresh.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::super::config::failed;
use super::super::refreshed::{CacheFile, Expires, Refreshed, file_name};
use super::super::{CredentialsError, ProviderConfig};
use super::{Login, refused_with};
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
    /// The login's token, refreshed if it expires soon.
    pub(in crate::credentials) fn token(
        &self,
        config: &ProviderConfig,
        login: &Login,
        provider: &'static str,
    ) -> Result<CachedToken, CredentialsError> {
        let request = Request {
            config,
            login,
            provider,
        };
        let file = CacheFile {
            sys: config.sys(),
            path: request.path(),
            broken: &|problem| request.broken(problem),
            malformed: "a JSON object with accessToken and expiresAt",
        };
        self.0.get(login, &file, |token, is_pausing| {
            let now = config.sys().clock().now();
            match (&login.session, token.refresh(now)) {
                (Some(_), Some(renewal)) if !is_pausing => request.renew(token, &renewal, now),
                _ => Err(request.broken("has expired")),
            }
        })
    }
}

/// Which token is requested, and for which provider.
struct Request<'a> {
    config: &'a ProviderConfig,
    login: &'a Login,
    provider: &'static str,
}

impl Request<'_> {
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
                let remedy = match refused_with(&error) {
                    Some(_) => self.login.remedy(self.config),
                    None => self.login.remedy_of_no_response(),
                };
                let about = format!("the SSO token cannot be refreshed; {remedy}");
                failed(self.provider, about, error)
            })?;
        let renewed = token.clone().renewed(new, now);
        renewed.ok_or_else(|| self.broken("was refreshed without a known expiry"))
    }

    /// `~/.aws/sso/cache/{SHA-1 in hex}.json`. `None` where no home directory is known.
    fn path(&self) -> Option<PathBuf> {
        let key = self.login.session.as_ref().unwrap_or(&self.login.start_url);
        let environment = self.config.sys().environment();
        let mut path = PathBuf::from(environment.home_directory_on(Platform::HERE)?);
        path.extend([".aws", "sso", "cache"]);
        path.push(file_name(&Sha1::digest(key.as_bytes())));
        Some(path)
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
