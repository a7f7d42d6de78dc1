//! Credentials in a JSON document, as container and instance metadata and processes return them.

use std::borrow::Cow;

use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::{Credentials, CredentialsError};
use crate::timestamp;

/// How the documents differ.
pub(super) struct Form<'a> {
    /// The name in errors.
    pub(super) what: &'a str,
    /// The field of the session token.
    pub(super) token: &'static str,
    /// Whether token and expiration are required.
    pub(super) is_temporary: bool,
    /// Whether `Version` is required and must be 1.
    pub(super) has_version: bool,
}

/// The format of containers and instances.
pub(super) const METADATA: Form<'static> = Form {
    what: "the response",
    token: "Token",
    is_temporary: true,
    has_version: false,
};

/// Reads `AccessKeyId`, `SecretAccessKey`, the token, `Expiration` and, if it is there, `AccountId`; `account` is
/// used if it is absent. Errors name the field and show no part of the document, since it may be a secret.
pub(super) fn parse(
    body: &[u8],
    form: &Form<'_>,
    account: Option<&str>,
    provider: &'static str,
    label: &'static str,
) -> Result<Credentials, CredentialsError> {
    let what = form.what;
    let broken = |problem: String| CredentialsError::failed(provider, problem);
    // The parser's own errors may quote what they could not read.
    // PowerShell writes a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| {
        broken(format!(
            "{what} is not a JSON object; is it meant for this?"
        ))
    })?;
    let fields = Wiped(fields);
    let optional = |name: &str| match fields.0.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(broken(format!("{name} in {what} is not a string"))),
    };
    let missing = |name: &str| broken(format!("{what} has no {name}"));
    let required = |name: &str| optional(name)?.ok_or_else(|| missing(name));
    if form.has_version {
        check_version(fields.0.get("Version"), what).map_err(broken)?;
    }
    let access_key = required("AccessKeyId")?;
    let secret_key = required("SecretAccessKey")?;
    let token = optional(form.token)?;
    let expiration = match fields.0.get("Expiration") {
        Some(Value::Number(number)) => Some(Cow::Owned(number.to_string())),
        _ => optional("Expiration")?.map(Cow::Borrowed),
    };
    if form.is_temporary && (token.is_none() || expiration.is_none()) {
        return Err(missing(token.map_or(form.token, |_| "Expiration")));
    }
    let expiry = expiration
        .map(|text| {
            timestamp::parse_any_form(&text).ok_or_else(|| {
                broken(format!(
                    "Expiration in {what} is not a time as in 2026-01-02T03:04:05Z"
                ))
            })
        })
        .transpose()?;
    let mut builder = Credentials::builder()
        .access_key_id(access_key)
        .secret_access_key(secret_key)
        .provider_name(label);
    builder.set_session_token(token.map(str::to_owned));
    builder.set_expiry(expiry);
    let account = match fields.0.get("AccountId") {
        // As a number it has lost the zeros that it may begin with.
        Some(Value::Number(number)) => Some(format!("{:0>12}", number.to_string())),
        _ => optional("AccountId")?.or(account).map(str::to_owned),
    };
    builder.set_account_id(account.map(Into::into));
    Ok(builder.build())
}

fn check_version(version: Option<&Value>, what: &str) -> Result<(), String> {
    match version {
        Some(Value::Number(version)) if version.as_f64() == Some(1.0) => Ok(()),
        Some(Value::String(version)) if version == "1" => Ok(()),
        Some(_) => Err(format!("{what} has a Version other than 1")),
        None => Err(format!("{what} has no Version; it must be 1")),
    }
}

/// A document whose texts are zeroized when it is dropped.
struct Wiped(Map<String, Value>);

impl Drop for Wiped {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

/// A document of any bytes: the error says what is wrong with it, and shows nothing of it.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_document(body: &[u8]) {
    match parse(body, &METADATA, None, "any", "any") {
        Ok(credentials) => {
            let keys = [credentials.access_key_id(), credentials.secret_access_key()];
            assert!(keys.iter().all(|key| !key.trim().is_empty()));
            assert!(credentials.session_token().is_some() && credentials.expiry().is_some());
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.is_ascii() && text.len() < 120, "{text}");
        }
    }
}
