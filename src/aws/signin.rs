//! AWS Sign-In: new credentials of an `aws login` session.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Call, Caller, Identity, MAX_DOCUMENT, Payload, Replay, RequestPolicy, Resource, Service,
};
use crate::error::{ConfigError, Result};

/// Parameters of `CreateOAuth2Token`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "grantType", rename = "refresh_token")]
pub(crate) struct LoginRenewal<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) refresh_token: &'a str,
}

/// The response of `CreateOAuth2Token`. Without `Debug`, because it holds secrets.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewLogin {
    pub(crate) access_token: AccessToken,
    /// In seconds.
    pub(crate) expires_in: u32,
    pub(crate) refresh_token: Zeroizing<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessToken {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Zeroizing<String>,
    pub(crate) session_token: Zeroizing<String>,
}

/// `CreateOAuth2Token` (service `signin`, 2023-01-01), by refresh token. `proof` makes the proof of possession of
/// the login's key for the request's URL.
pub(crate) fn create_oauth2_token(
    caller: Caller<'_>,
    renewal: &LoginRenewal<'_>,
    proof: impl FnOnce(&str) -> Result<String>,
) -> Result<NewLogin> {
    const OPERATION: &str = "CreateOAuth2Token";
    let uri = caller
        .endpoints
        .uri(Service::Signin, caller.region, "/v1/token")?;
    // With its final capacity: a buffer that grows leaves copies of secrets in freed memory.
    let length = renewal.client_id.len() + renewal.refresh_token.len();
    let mut body = Zeroizing::new(Vec::with_capacity(128 + 2 * length));
    // Writing strings to memory cannot fail.
    let _ = serde_json::to_writer(&mut *body, renewal);
    let proof = crate::limits::header_value("proof of possession", &proof(&uri.to_string())?)?;
    let headers = vec![
        (
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (HeaderName::from_static("dpop"), proof),
    ];
    let response = caller.client.send(
        &Call {
            service: Service::Signin,
            identity: Identity::Anonymous,
            operation: OPERATION,
            method: Method::POST,
            uri,
            region: Cow::Borrowed(caller.region),
            headers: Cow::Owned(headers),
            resource: Resource::Named("the login".into()),
            // A refresh token and a proof may be valid for a single use.
            policy: RequestPolicy {
                replay: Replay::IfNotProcessed,
                ..RequestPolicy::default()
            },
            max_response: MAX_DOCUMENT,
        },
        Payload::Bytes(&body),
    )?;
    let body = Zeroizing::new(response.body);
    // The parser's own errors may quote a secret.
    serde_json::from_slice(&body).map_err(|_| {
        ConfigError::new(
            format!("the response of {OPERATION}"),
            "is not the JSON that the service's documentation describes",
            "check the endpoint URL and the server there",
        )
        .into()
    })
}
