//! AWS STS: the caller's account, and credentials of roles.

use std::borrow::Cow;

use http::{HeaderValue, Method};
use zeroize::Zeroizing;

use super::endpoints::encoded_segment;
use super::xml::texts;
use super::{Call, Caller, Identity, MAX_DOCUMENT, Payload, RequestPolicy, Resource, Service};
use crate::aws::identity::Credentials;
use crate::error::{ConfigError, Result};
use crate::timestamp;

/// The account id of the caller's credentials.
pub(crate) fn get_caller_account(caller: Caller<'_>, policy: RequestPolicy<'_>) -> Result<String> {
    let body = send(
        caller,
        "GetCallerIdentity",
        Identity::Client,
        "the caller",
        &[],
        policy,
    )?;
    let [account] = texts(&body, &["GetCallerIdentityResult"], ["Account"]);
    account
        .filter(|account| is_account(account))
        .ok_or_else(|| {
            ConfigError::new(
                "the account id",
                "the response of STS GetCallerIdentity has none",
                "set a default bucket in the session, or check the STS endpoint URL",
            )
            .into()
        })
}

/// The members of `AssumeRole` that this crate sends, checked by the caller.
pub(crate) struct AssumeRole<'a> {
    pub(crate) role_arn: &'a str,
    pub(crate) session_name: &'a str,
    pub(crate) duration_seconds: Option<u32>,
    pub(crate) external_id: Option<&'a str>,
    /// The MFA device and its current code.
    pub(crate) mfa: Option<(&'a str, &'a str)>,
}

pub(crate) fn assume_role(
    caller: Caller<'_>,
    credentials: &Credentials,
    request: &AssumeRole<'_>,
) -> Result<Credentials> {
    let duration = request.duration_seconds.map(|seconds| seconds.to_string());
    let members = [
        ("RoleArn", Some(request.role_arn)),
        ("RoleSessionName", Some(request.session_name)),
        ("DurationSeconds", duration.as_deref()),
        ("ExternalId", request.external_id),
        ("SerialNumber", request.mfa.map(|(serial, _)| serial)),
        ("TokenCode", request.mfa.map(|(_, code)| code)),
    ];
    let identity = Identity::Given(credentials);
    let policy = RequestPolicy::for_credentials(caller.client.sys.clock());
    let body = send(
        caller,
        "AssumeRole",
        identity,
        request.role_arn,
        &members,
        policy,
    )?;
    role_credentials(&body, "AssumeRoleResult", "AssumeRoleProvider")
}

/// The members of `AssumeRoleWithWebIdentity` that this crate sends, checked by the caller.
pub(crate) struct AssumeRoleWithWebIdentity<'a> {
    pub(crate) role_arn: &'a str,
    pub(crate) session_name: &'a str,
    pub(crate) token: &'a str,
}

pub(crate) fn assume_role_with_web_identity(
    caller: Caller<'_>,
    request: &AssumeRoleWithWebIdentity<'_>,
) -> Result<Credentials> {
    let members = [
        ("RoleArn", Some(request.role_arn)),
        ("RoleSessionName", Some(request.session_name)),
        ("WebIdentityToken", Some(request.token)),
    ];
    let body = send(
        caller,
        "AssumeRoleWithWebIdentity",
        Identity::Anonymous,
        request.role_arn,
        &members,
        RequestPolicy::for_credentials(caller.client.sys.clock()),
    )?;
    role_credentials(&body, "AssumeRoleWithWebIdentityResult", "WebIdentityToken")
}

/// The query protocol: a form in the request, XML in the response.
fn send(
    caller: Caller<'_>,
    operation: &'static str,
    identity: Identity<'_>,
    resource: &str,
    members: &[(&str, Option<&str>)],
    policy: RequestPolicy<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    // It may hold a token or a code: a buffer that grows leaves copies in freed memory.
    let lengths = members.iter();
    let lengths = lengths.map(|(_, value)| 32 + 3 * value.unwrap_or_default().len());
    let length: usize = lengths.sum();
    let mut form = Zeroizing::new(String::with_capacity(128 + length));
    form.extend(["Action=", operation, "&Version=2011-06-15"]);
    for (name, value) in members {
        if let Some(value) = value {
            form.extend(["&", *name, "="]);
            form.extend(encoded_segment(value));
        }
    }
    let headers = vec![(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
    )];
    let response = caller.client.send(
        &Call {
            service: Service::Sts,
            identity,
            operation,
            method: Method::POST,
            uri: caller.endpoints.uri(Service::Sts, caller.region, "/")?,
            region: Cow::Borrowed(caller.region),
            headers: Cow::Owned(headers),
            resource: Resource::Named(resource.into()),
            policy,
            max_response: MAX_DOCUMENT,
        },
        Payload::Bytes(form.as_bytes()),
    )?;
    Ok(Zeroizing::new(response.body))
}

/// `Credentials` of a response, and the account from the ARN of the role's session.
fn role_credentials(body: &[u8], result: &str, label: &'static str) -> Result<Credentials> {
    let names = [
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
    ];
    let [access_key, secret_key, token, expiration] = texts(body, &[result, "Credentials"], names);
    let [arn] = texts(body, &[result, "AssumedRoleUser"], ["Arn"]);
    let needed = |value: Option<String>, name: &str| {
        value
            .filter(|value| !value.trim().is_empty())
            .ok_or_else(|| malformed(format!("it has no {name}")))
    };
    let access_key = needed(access_key, "AccessKeyId")?;
    let secret_key = needed(secret_key, "SecretAccessKey")?;
    let token = needed(token, "SessionToken")?;
    let expiration = needed(expiration, "Expiration")?;
    let expiry = timestamp::parse_any_form(&expiration)
        .ok_or_else(|| malformed("its Expiration is not a time".into()))?;
    let mut builder = Credentials::builder()
        .access_key_id(access_key)
        .secret_access_key(secret_key)
        .session_token(token)
        .expiry(expiry)
        .provider_name(label);
    builder.set_account_id(arn.as_deref().and_then(account_of).map(Into::into));
    Ok(builder.build())
}

/// `arn:partition:service:region:account:resource`.
fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| is_account(account))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn malformed(problem: String) -> ConfigError {
    ConfigError::new(
        "the response of STS",
        problem,
        "check the STS endpoint URL and the server there",
    )
}
