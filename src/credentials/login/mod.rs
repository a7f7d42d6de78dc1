//! Credentials of a login with `aws login`, refreshed with the login's key.

mod key;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::config::failed;
use super::refreshed::{CacheFile, Expires, Refreshed, file_name};
use super::{Credentials, CredentialsError, ProviderConfig};
use crate::aws::config::expand_home;
use crate::aws::signin::{self, LoginRenewal, NewLogin};
use crate::sys::Platform;
use crate::timestamp;
use key::LoginKey;

const CACHE_VARIABLE: &str = "AWS_LOGIN_CACHE_DIRECTORY";

/// A login as the AWS CLI writes it to its cache. It has no `Debug`, because it is a secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CachedLogin {
    access_token: LoginCredentials,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_key: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_region: Option<String>,
    /// The other members of the file, preserved for the tools that read it.
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginCredentials {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Zeroizing<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    expires_at: String,
}

impl CachedLogin {
    fn credentials(&self) -> Credentials {
        let LoginCredentials {
            access_key_id,
            secret_access_key,
            session_token,
            account_id,
            ..
        } = &self.access_token;
        let mut builder = Credentials::builder()
            .access_key_id(access_key_id.clone())
            .secret_access_key(secret_access_key.as_str())
            .session_token(session_token.as_str())
            .provider_name("Login");
        builder.set_expiry(self.expiry());
        builder.set_account_id(account_id.clone().map(Into::into));
        builder.build()
    }

    /// Applies a refresh.
    fn renewed(mut self, new: NewLogin, now: SystemTime) -> Option<Self> {
        let expiry = now.checked_add(Duration::from_secs(new.expires_in.into()))?;
        self.access_token = LoginCredentials {
            access_key_id: new.access_token.access_key_id,
            secret_access_key: new.access_token.secret_access_key,
            session_token: new.access_token.session_token,
            account_id: self.access_token.account_id,
            expires_at: timestamp::format(expiry)?,
        };
        self.refresh_token = Some(new.refresh_token);
        Some(self)
    }
}

impl Expires for CachedLogin {
    fn expiry(&self) -> Option<SystemTime> {
        timestamp::parse_any_form(&self.access_token.expires_at)
    }
}

/// Refreshed logins of a provider, by session.
#[derive(Debug, Clone, Default)]
pub(super) struct LoginCache(Refreshed<String, CachedLogin>);

/// A profile's `login_session`.
pub(super) struct LoginSession {
    pub(super) profile: String,
    pub(super) session: String,
}

impl LoginCache {
    /// The login's credentials, refreshed if they expire soon.
    pub(super) fn credentials(
        &self,
        config: &ProviderConfig,
        login: &LoginSession,
        provider: &'static str,
    ) -> Result<Credentials, CredentialsError> {
        let request = Request {
            config,
            login,
            provider,
        };
        let file = CacheFile {
            sys: config.sys(),
            path: request.path(),
            broken: &|problem| request.broken(problem),
            malformed: "what aws login writes",
        };
        let refresh = |cached: &CachedLogin, _| request.renew(cached);
        let login = self.0.get(&login.session, &file, refresh)?;
        Ok(login.credentials())
    }
}

/// Which login is requested, and for which profile.
struct Request<'a> {
    config: &'a ProviderConfig,
    login: &'a LoginSession,
    provider: &'static str,
}

impl Request<'_> {
    fn renew(&self, cached: &CachedLogin) -> Result<CachedLogin, CredentialsError> {
        let now = self.config.sys().clock().now();
        let missing = |name| self.broken(&format!("has expired, and has no {name} to refresh it"));
        let refresh_token = cached.refresh_token.as_ref();
        let renewal = LoginRenewal {
            client_id: cached
                .client_id
                .as_ref()
                .ok_or_else(|| missing("clientId"))?,
            refresh_token: refresh_token.ok_or_else(|| missing("refreshToken"))?,
        };
        let pem = cached.dpop_key.as_ref();
        let pem = pem.ok_or_else(|| missing("dpopKey"))?;
        let key = LoginKey::from_pem(pem)
            .ok_or_else(|| self.broken("has a dpopKey that is not a key on the curve P-256"))?;
        let id = self.config.sys().random().uuid();
        let proof = |uri: &str| {
            let proof = key.proof(uri, now, &id);
            proof.ok_or_else(|| self.broken("has a dpopKey that cannot sign").into())
        };
        let refused = |error| {
            let remedy = self.remedy();
            let about = format!("the login cannot be refreshed; {remedy}");
            failed(self.provider, about, error)
        };
        let region = match &cached.sign_in_region {
            Some(region) => Ok(region.clone()),
            None => self.config.region(),
        };
        let region = region.map_err(refused)?;
        let services = self.config.services().map_err(refused)?;
        let new = signin::create_oauth2_token(services.in_region(&region), &renewal, proof);
        let renewed = cached.clone().renewed(new.map_err(refused)?, now);
        renewed.ok_or_else(|| self.broken("was refreshed without a known expiry"))
    }

    /// `~/.aws/login/cache/{SHA-256 in hex}.json`, or below what the variable names. `None` where no home
    /// directory is known.
    fn path(&self) -> Option<PathBuf> {
        let environment = self.config.sys().environment();
        let mut path = if let Some(named) = environment.get_non_blank(CACHE_VARIABLE) {
            PathBuf::from(expand_home(named, environment))
        } else {
            let home = environment.home_directory_on(Platform::HERE)?;
            PathBuf::from(home).join(".aws").join("login").join("cache")
        };
        path.push(file_name(&Sha256::digest(self.login.session.as_bytes())));
        Some(path)
    }

    /// The command that the user should run.
    fn remedy(&self) -> String {
        format!("run aws login --profile {}", self.login.profile)
    }

    fn broken(&self, problem: &str) -> CredentialsError {
        let profile = &self.login.profile;
        let remedy = self.remedy();
        CredentialsError::failed(
            self.provider,
            format!("the login of profile {profile:?} {problem}; {remedy}"),
        )
    }
}
