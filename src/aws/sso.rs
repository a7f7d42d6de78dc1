//! IAM Identity Center: credentials of a role, and new tokens.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::endpoints::encode_segment;
use super::{Call, Caller, Identity, MAX_DOCUMENT, Payload, RequestPolicy, Resource, Service};
use crate::aws::identity::Credentials;
use crate::error::{ConfigError, Result};

/// `GetRoleCredentials` of the portal (service `sso`, 2019-06-10).
pub(crate) fn get_role_credentials(
    caller: Caller<'_>,
    account: &str,
    role: &str,
    access_token: &str,
) -> Result<Credentials> {
    let path = format!(
        "/federation/credentials?role_name={}&account_id={}",
        encode_segment(role),
        encode_segment(account)
    );
    let mut token = HeaderValue::from_str(access_token).map_err(|_| {
        ConfigError::new(
            "the cached SSO token",
            "has characters that a header cannot have",
            "run aws sso login",
        )
    })?;
    token.set_sensitive(true);
    let headers = vec![(HeaderName::from_static("x-amz-sso_bearer_token"), token)];
    let response = caller.client.send(
        &Call {
            service: Service::Sso,
            identity: Identity::Anonymous,
            operation: "GetRoleCredentials",
            method: Method::GET,
            uri: caller.endpoints.uri(Service::Sso, caller.region, &path)?,
            region: Cow::Borrowed(caller.region),
            headers: Cow::Owned(headers),
            resource: Resource::Named(format!("role {role} of account {account}").into()),
            policy: RequestPolicy::for_credentials(caller.client.sys.clock()),
            max_response: MAX_DOCUMENT,
        },
        Payload::EMPTY,
    )?;
    let body = Zeroizing::new(response.body);
    let RoleCredentialsResponse { role_credentials } = read(&body, "SSO GetRoleCredentials")?;
    let expiry = u64::try_from(role_credentials.expiration)
        .ok()
        .and_then(|millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)))
        .ok_or_else(|| malformed("SSO GetRoleCredentials", "its expiration is not a time"))?;
    let mut builder = Credentials::builder()
        .access_key_id(role_credentials.access_key_id)
        .secret_access_key(role_credentials.secret_access_key)
        .session_token(role_credentials.session_token)
        .expiry(expiry)
        .provider_name("SSO");
    builder.set_account_id(Some(account.to_owned().into()));
    Ok(builder.build())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentialsResponse {
    role_credentials: RoleCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// In milliseconds.
    expiration: i64,
}

/// Parameters of `CreateToken`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "grantType", rename = "refresh_token")]
pub(crate) struct Renewal<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a str,
    pub(crate) refresh_token: &'a str,
}

impl Renewal<'_> {
    /// With its final capacity: a buffer that grows leaves copies of secrets in freed memory.
    fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let length = self.client_id.len() + self.client_secret.len() + self.refresh_token.len();
        let mut body = Zeroizing::new(Vec::with_capacity(128 + 2 * length));
        // Writing strings to memory cannot fail.
        let _ = serde_json::to_writer(&mut *body, self);
        body
    }
}

/// The response of `CreateToken`. Without `Debug`, because it holds secrets.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewToken {
    pub(crate) access_token: Zeroizing<String>,
    /// In seconds.
    pub(crate) expires_in: u32,
    pub(crate) refresh_token: Option<Zeroizing<String>>,
}

/// `CreateToken` of the OIDC service (service `sso-oidc`, 2019-06-10), by refresh token.
pub(crate) fn create_token(caller: Caller<'_>, renewal: &Renewal<'_>) -> Result<NewToken> {
    let body = renewal.to_json();
    let headers = vec![(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    let response = caller.client.send(
        &Call {
            service: Service::SsoOidc,
            identity: Identity::Anonymous,
            operation: "CreateToken",
            method: Method::POST,
            uri: caller
                .endpoints
                .uri(Service::SsoOidc, caller.region, "/token")?,
            region: Cow::Borrowed(caller.region),
            headers: Cow::Owned(headers),
            resource: Resource::Named("the cached SSO token".into()),
            // A refresh token may be valid for a single use: a second request is refused, which does no harm.
            policy: RequestPolicy::default(),
            max_response: MAX_DOCUMENT,
        },
        Payload::Bytes(&body),
    )?;
    read(&Zeroizing::new(response.body), "SSO OIDC CreateToken")
}

/// The parser's own errors may quote a secret.
fn read<T: for<'a> Deserialize<'a>>(body: &[u8], operation: &str) -> Result<T> {
    serde_json::from_slice(body).map_err(|_| {
        malformed(
            operation,
            "it is not the JSON that the service's documentation describes",
        )
        .into()
    })
}

fn malformed(operation: &str, problem: &str) -> ConfigError {
    ConfigError::new(
        format!("the response of {operation}"),
        problem,
        "check the endpoint URL and the server there",
    )
}
