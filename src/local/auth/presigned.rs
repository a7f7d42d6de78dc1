//! Verifies Signature Version 4 in the query of a URL: presigned requests to S3.

use std::time::{Duration, SystemTime};

use super::Auth;
use super::refused::Refused;
use super::signature::{self, ALGORITHM, Authorization, UNSIGNED, Unproven};
use crate::local::dates::{self, iso};
use crate::local::http::head::Head;
use crate::local::http::response::Refusal;
use crate::local::operation::{Service, decoded_query};

/// S3's longest validity: a week.
const MAX_EXPIRES: u64 = 604_800;

/// The parameters that are the signature, in lower case.
const PARAMETERS: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Whether a parameter, in lower case, is part of a signature.
pub(in crate::local) fn is_of_signature(name: &str) -> bool {
    PARAMETERS.contains(&name)
}

/// A query that holds a signature.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// `None` if the request is not signed in its query.
    pub(super) fn of(head: &Head) -> Option<Self> {
        let query = Self(decoded_query(&head.query));
        let signed = ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"];
        signed
            .iter()
            .any(|name| query.value(name).is_some())
            .then_some(query)
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name)?;
        Some(&found.1)
    }
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "AuthorizationQueryParametersError", message)
}

/// Verifies the signature of a URL, its scope and its expiry.
pub(super) fn verify(auth: &Auth, head: &Head, query: &Query) -> Result<Unproven, Refusal> {
    if head.headers.contains_key("authorization") {
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified";
        return Err(Refusal::new(400, "InvalidArgument", message));
    }
    let mut parameters = query.0.iter().enumerate();
    let twice = parameters.find(|(index, (name, _))| {
        let mut before = query.0[..*index].iter();
        is_of_signature(&name.to_ascii_lowercase()) && before.any(|(other, _)| other == name)
    });
    if let Some((_, (name, _))) = twice {
        return Err(wrong(format!("{name} must be specified once")));
    }
    let value = |name: &str| {
        query.value(name).ok_or_else(|| {
            wrong("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
        })
    };
    if value("X-Amz-Algorithm")? != ALGORITHM {
        return Err(wrong(format!(
            "X-Amz-Algorithm only supports \"{ALGORITHM}\""
        )));
    }
    let authorization = Authorization::of_parts(
        value("X-Amz-Credential")?,
        value("X-Amz-SignedHeaders")?,
        value("X-Amz-Signature")?,
    )
    .ok_or_else(|| {
        wrong("Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
    })?;
    let amz_date = value("X-Amz-Date")?;
    let date = dates::parse_amz(amz_date).ok_or_else(|| {
        wrong("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    let expires = expires(value("X-Amz-Expires")?)?;
    let refused = Refused {
        service: Service::S3,
    };
    signature::check_scope(auth, refused, &authorization, amz_date)?;
    check_time(auth.common.clock.now(), refused, date, expires)?;
    signature::check_token(auth, refused, query.value("X-Amz-Security-Token"))?;
    signature::check_signed_headers(refused, &authorization, head)?;
    let hash = head
        .text("x-amz-content-sha256")
        .or_else(|| query.value("X-Amz-Content-Sha256"))
        .unwrap_or(UNSIGNED);
    signature::prove(auth, refused, head, &authorization, amz_date, hash)
}

fn expires(text: &str) -> Result<Duration, Refusal> {
    let seconds = text
        .parse::<i64>()
        .map_err(|_| wrong("X-Amz-Expires should be a number"))?;
    match u64::try_from(seconds) {
        Err(_) => Err(wrong("X-Amz-Expires must be non-negative")),
        Ok(seconds) if seconds > MAX_EXPIRES => Err(wrong(format!(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than {MAX_EXPIRES} seconds"
        ))),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

/// A URL is valid from its date on, within the allowed clock skew, until it expires.
fn check_time(
    now: SystemTime,
    refused: Refused,
    signed: SystemTime,
    expires: Duration,
) -> Result<(), Refusal> {
    let denied = |message: &str| Refusal::new(403, "AccessDenied", message);
    if signed > now + refused.allowed_skew() {
        return Err(denied("Request is not yet valid")
            .detail("X-Amz-Date", dates::amz(signed))
            .detail("ServerTime", iso(now)));
    }
    if now > signed + expires {
        return Err(denied("Request has expired")
            .detail("X-Amz-Expires", expires.as_secs().to_string())
            .detail("Expires", iso(signed + expires))
            .detail("ServerTime", iso(now)));
    }
    Ok(())
}
