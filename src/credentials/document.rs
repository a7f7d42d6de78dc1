//! Credentials in a JSON document, as container and instance metadata hand them out.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Credentials, CredentialsError};

/// Reads `AccessKeyId`, `SecretAccessKey`, `Token`, `Expiration` and, if it is there, `AccountId`.
/// Errors name the field and show no part of the document, for it may be a secret.
pub(super) fn parse(
    body: &[u8],
    provider: &'static str,
    label: &'static str,
) -> Result<Credentials, CredentialsError> {
    let broken = |problem: String| CredentialsError::broken(provider, problem);
    // The parser's own errors may quote what they could not read.
    let fields: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| broken("the answer is not a JSON object; is this the right URL?".into()))?;
    let optional = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(broken(format!("{name} in the answer is not a string"))),
    };
    let required =
        |name: &str| optional(name)?.ok_or_else(|| broken(format!("the answer has no {name}")));
    let access_key = required("AccessKeyId")?;
    let secret_key = required("SecretAccessKey")?;
    let token = required("Token")?;
    let expiry = OffsetDateTime::parse(required("Expiration")?, &Rfc3339).map_err(|_| {
        broken("Expiration in the answer is not a time as in 2026-01-02T03:04:05Z".into())
    })?;
    let mut builder = Credentials::builder()
        .access_key_id(access_key)
        .secret_access_key(secret_key)
        .session_token(token)
        .expiry(expiry.into())
        .provider_name(label);
    builder.set_account_id(optional("AccountId")?.map(Into::into));
    Ok(builder.build())
}
