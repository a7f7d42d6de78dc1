//! The security token service: who is calling.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method};

use super::xml::texts;
use super::{Call, MAX_DOCUMENT, Repeat, Service};
use crate::error::{ConfigError, Result};
use crate::session::Session;

/// The number of the account that the session's credentials belong to.
pub(crate) fn get_caller_account(session: &Session) -> Result<String> {
    let region = session.region();
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
    );
    let answer = session.client().send(&Call {
        service: Service::Sts,
        operation: "GetCallerIdentity",
        method: Method::POST,
        uri: session.endpoints().uri(Service::Sts, region, "/")?,
        region: Cow::Borrowed(region),
        headers,
        body: b"Action=GetCallerIdentity&Version=2011-06-15",
        resource: "the caller".into(),
        repeat: Repeat::Idempotent,
        deadline: None,
        max_answer: MAX_DOCUMENT,
    })?;
    let [account] = texts(&answer.body, &["GetCallerIdentityResult"], ["Account"]);
    account
        .filter(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| {
            ConfigError::new(
                "the account's number",
                "the answer of STS GetCallerIdentity has none",
                "name a default bucket in the session, or check the STS endpoint URL",
            )
            .into()
        })
}
