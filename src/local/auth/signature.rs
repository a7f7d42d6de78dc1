//! Verifies Signature Version 4 (in the `Authorization` header), and refuses as AWS does.
//!
//! Written from the published description of the signature, independently of the signer that it checks.

use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};

use sha2::{Digest, Sha256};

use super::Auth;
use super::refused::{Refused, unsupported_authorization, wrong_payload};
use super::{canonical, presigned, presigned_v2};
use crate::local::dates;
use crate::local::http::chunked;
use crate::local::http::chunked::STREAMING;
use crate::local::http::head::Head;
use crate::local::http::response::Refusal;
use crate::local::operation::Service;

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(in crate::local) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The parts of an `Authorization` header.
pub(super) struct Authorization<'a> {
    access_key: &'a str,
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    pub(super) fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            fields
                .split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        Self::of_parts(
            field("Credential")?,
            field("SignedHeaders")?,
            field("Signature")?,
        )
    }

    /// From the credential with its scope, the names of the signed headers, and the signature.
    pub(super) fn of_parts(
        credential: &'a str,
        signed_headers: &'a str,
        signature: &'a str,
    ) -> Option<Self> {
        // An access key may contain slashes; the rest of the scope does not.
        let mut scope = credential.rsplitn(5, '/');
        if scope.next()? != "aws4_request" {
            return None;
        }
        let (service, region, date) = (scope.next()?, scope.next()?, scope.next()?);
        Some(Self {
            access_key: scope.next()?,
            date,
            region,
            service,
            signed_headers: signed_headers.split(';').collect(),
            signature,
        })
    }
}

/// The service that the request is signed for, whether the signature is valid or not.
pub(in crate::local) fn signing_service(head: &Head) -> Option<&str> {
    Authorization::parse(head.text("authorization")?).map(|authorization| authorization.service)
}

/// The checks that remain once the body is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::local) enum Unproven {
    Nothing,
    /// The body must have the hash that was signed.
    Hash(String),
    /// The signature covers the body's hash, which the head does not name.
    Signature,
}

/// Verifies who signed the request and when, and the signed payload as far as the head has it, before the body is
/// read. `bucket` is the one that the host names.
pub(in crate::local) fn verify_head(
    auth: &Auth,
    service: Service,
    head: &Head,
    bucket: Option<&str>,
) -> Result<Unproven, Refusal> {
    let refused = Refused { service };
    if service == Service::S3 {
        if presigned_v2::verify(auth, head, bucket)? {
            return Ok(Unproven::Nothing);
        }
        if let Some(query) = presigned::Query::of(head) {
            return presigned::verify(auth, head, &query);
        }
    }
    let mut headers = head.headers.get_all("authorization").iter();
    let header = headers.next().ok_or_else(|| refused.not_signed())?;
    if headers.next().is_some() {
        return Err(refused.malformed_authorization());
    }
    let header = header.to_str().unwrap_or_default();
    if service == Service::S3 && !header.starts_with(ALGORITHM) {
        return Err(unsupported_authorization());
    }
    let authorization =
        Authorization::parse(header).ok_or_else(|| refused.malformed_authorization())?;
    let (amz_date, time) = signing_date(head).ok_or_else(|| refused.no_date())?;
    check_scope(auth, refused, &authorization, &amz_date)?;
    check_clock(auth.common.clock.now(), refused, &amz_date, time)?;
    check_token(auth, refused, head.text("x-amz-security-token"))?;
    check_signed_headers(refused, &authorization, head)?;

    // Only S3's clients name the hash of the body.
    if service != Service::S3 {
        return Ok(Unproven::Signature);
    }
    let payload_hash = announced_hash(head)?;
    prove(auth, refused, head, &authorization, &amz_date, payload_hash)
}

/// When the request was signed, as the signature has it. Signers may send `Date` instead of `x-amz-date`.
pub(super) fn signing_date(head: &Head) -> Option<(String, SystemTime)> {
    let time = if let Some(date) = head.text("x-amz-date") {
        dates::parse_amz(date)?
    } else {
        let date = head.text("date")?;
        dates::parse_mail(date).or_else(|| dates::parse_amz(date))?
    };
    Some((dates::amz(time), time))
}

/// Checks the signature of a request to S3, with the hash that it names for its body.
pub(super) fn prove(
    auth: &Auth,
    refused: Refused,
    head: &Head,
    authorization: &Authorization<'_>,
    amz_date: &str,
    payload_hash: &str,
) -> Result<Unproven, Refusal> {
    let canonical = canonical::request(Service::S3, head, authorization, payload_hash);
    if !signature_holds(auth, authorization, amz_date, &canonical) {
        return Err(refused.wrong_signature(&canonical));
    }
    if payload_hash == UNSIGNED || payload_hash.starts_with(STREAMING) {
        return Ok(Unproven::Nothing);
    }
    Ok(Unproven::Hash(payload_hash.to_owned()))
}

/// Verifies the rest. `found_hash` is the SHA-256 of the received body, if it was requested.
pub(in crate::local) fn verify_body(
    auth: &Auth,
    service: Service,
    head: &Head,
    unproven: &Unproven,
    found_hash: Option<&str>,
) -> Result<(), Refusal> {
    let found_hash = found_hash.unwrap_or(UNSIGNED);
    match unproven {
        Unproven::Nothing => Ok(()),
        Unproven::Hash(signed) if signed == found_hash => Ok(()),
        Unproven::Hash(signed) => Err(wrong_payload(signed, found_hash)),
        Unproven::Signature => {
            let refused = Refused { service };
            let parts = (
                head.text("authorization").and_then(Authorization::parse),
                signing_date(head),
            );
            let (Some(authorization), Some((amz_date, _))) = parts else {
                return Err(refused.not_signed());
            };
            let canonical = canonical::request(service, head, &authorization, found_hash);
            if signature_holds(auth, &authorization, &amz_date, &canonical) {
                Ok(())
            } else {
                Err(refused.wrong_signature(&canonical))
            }
        }
    }
}

pub(super) fn check_scope(
    auth: &Auth,
    refused: Refused,
    authorization: &Authorization<'_>,
    amz_date: &str,
) -> Result<(), Refusal> {
    if authorization.access_key != auth.keys.access_key {
        return Err(refused.unknown_key(authorization.access_key));
    }
    let service = match refused.service {
        Service::S3 => "s3",
        Service::SageMaker => "sagemaker",
        Service::Control(signing_name) => signing_name,
        Service::Sts => "sts",
    };
    if authorization.service != service {
        return Err(refused.wrong_service(authorization.service, service));
    }
    if authorization.region != auth.common.region {
        return Err(refused.wrong_region(authorization.region, &auth.common.region));
    }
    if !amz_date.starts_with(authorization.date) || authorization.date.len() != 8 {
        return Err(refused.wrong_scope_date(authorization.date, amz_date));
    }
    Ok(())
}

fn check_clock(
    now: SystemTime,
    refused: Refused,
    amz_date: &str,
    time: SystemTime,
) -> Result<(), Refusal> {
    let allowed = refused.allowed_skew();
    let too_far = |one: SystemTime, other: SystemTime| {
        one.duration_since(other).unwrap_or(Duration::ZERO) > allowed
    };
    if too_far(now, time) || too_far(time, now) {
        return Err(refused.skewed(amz_date, time, now));
    }
    Ok(())
}

pub(super) fn check_token(
    auth: &Auth,
    refused: Refused,
    sent: Option<&str>,
) -> Result<(), Refusal> {
    match (auth.keys.session_token.as_deref(), sent) {
        (None, None) => Ok(()),
        (Some(wanted), Some(sent)) if wanted == sent => Ok(()),
        // Temporary keys are invalid without their token.
        (Some(_), None) => Err(refused.unknown_key(&auth.keys.access_key)),
        (_, Some(_)) => Err(refused.wrong_token()),
    }
}

pub(super) fn check_signed_headers(
    refused: Refused,
    authorization: &Authorization<'_>,
    head: &Head,
) -> Result<(), Refusal> {
    let signed = |name: &str| authorization.signed_headers.contains(&name);
    let must_be_signed = |name: &str| {
        matches!(name, "host" | "x-amz-date" | "x-amz-security-token")
            || (refused.service == Service::S3 && name.starts_with("x-amz-"))
    };
    let unsigned: Vec<_> = head
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| must_be_signed(name) && !signed(name))
        .collect();
    if unsigned.is_empty() && signed("host") {
        Ok(())
    } else {
        Err(refused.headers_not_signed(&unsigned))
    }
}

/// The payload hash that an S3 client sends.
fn announced_hash(head: &Head) -> Result<&str, Refusal> {
    match head.text("x-amz-content-sha256") {
        // With elliptic curves, as for S3's endpoints in several regions.
        Some(hash) if hash.starts_with(STREAMING) && !chunked::is_understood(hash) => {
            Err(Refusal::not_offered(hash))
        }
        // The signature covers this value, and each chunk carries a signature of its own.
        Some(hash) if hash == UNSIGNED || hash.starts_with(STREAMING) || is_hash(hash) => Ok(hash),
        Some(hash) => {
            let message = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";
            Err(Refusal::new(400, "InvalidArgument", message)
                .detail("ArgumentName", "x-amz-content-sha256")
                .detail("ArgumentValue", hash))
        }
        None => Err(Refusal::new(
            400,
            "InvalidRequest",
            "Missing required header for this request: x-amz-content-sha256",
        )),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn hmac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    // The constructor with a block-sized key accepts no other length; this one accepts any.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(text);
    mac
}

fn signature_holds(
    auth: &Auth,
    authorization: &Authorization<'_>,
    amz_date: &str,
    canonical: &[u8],
) -> bool {
    let Authorization {
        date,
        region,
        service,
        signature,
        ..
    } = authorization;
    let hash = hex::encode(Sha256::digest(canonical));
    let to_sign =
        format!("{ALGORITHM}\n{amz_date}\n{date}/{region}/{service}/aws4_request\n{hash}");
    is_signature(&signing_key(auth, authorization), &to_sign, signature)
}

pub(super) fn signing_key(auth: &Auth, authorization: &Authorization<'_>) -> Vec<u8> {
    let Authorization {
        date,
        region,
        service,
        ..
    } = authorization;
    let mut key = format!("AWS4{}", auth.keys.secret_key).into_bytes();
    for part in [*date, *region, *service, "aws4_request"] {
        key = hmac(&key, part.as_bytes()).finalize().into_bytes().to_vec();
    }
    key
}

/// Compares in constant time.
pub(super) fn is_signature(key: &[u8], to_sign: &str, signature: &str) -> bool {
    hex::decode(signature).is_ok_and(|signature| {
        hmac(key, to_sign.as_bytes())
            .verify_slice(&signature)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::LocalEndpoint;
    use crate::local::http::head::Parsed;
    use crate::sys::ManualClock;

    // Requests as botocore 1.44 signed and sent them with the default keys, without the headers
    // that it does not sign.

    const PUT: &str = "PUT /my-async-bucket/in/a%20b%2Bc-%C3%A9.json HTTP/1.1
Host: 127.0.0.1:6001
Content-Type: application/json
x-amz-checksum-crc32: 7U6/Rg==
x-amz-sdk-checksum-algorithm: CRC32
X-Amz-Date: 20261123T063610Z
X-Amz-Content-SHA256: 054b7d8d6d2bd869ce43fd1830fb98383a9bbaec0cb24010c2f47b1850c5daed
Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/s3/aws4_request, SignedHeaders=content-type;host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-sdk-checksum-algorithm, Signature=7a5696df4374f0217f07adc0d453f2e8af8e2b4de152f2ab1fa2c207ec3ec9fe
Content-Length: 8

{\"x\": 3}";

    const INVOKE: &str = "POST /endpoints/async-ep/async-invocations HTTP/1.1
Host: 127.0.0.1:6001
X-Amzn-SageMaker-Content-Type: application/json
X-Amzn-SageMaker-Accept: application/json
X-Amzn-SageMaker-Custom-Attributes: k=v
X-Amzn-SageMaker-RequestTTLSeconds: 600
X-Amzn-SageMaker-InvocationTimeoutSeconds: 900
X-Amzn-SageMaker-InputLocation: s3://my-async-bucket/in/a b+c-é.json
X-Amzn-SageMaker-Inference-Id: inf-0001
X-Amz-Date: 20261123T063610Z
Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/sagemaker/aws4_request, SignedHeaders=host;x-amz-date;x-amzn-sagemaker-accept;x-amzn-sagemaker-content-type;x-amzn-sagemaker-custom-attributes;x-amzn-sagemaker-inference-id;x-amzn-sagemaker-inputlocation;x-amzn-sagemaker-invocationtimeoutseconds;x-amzn-sagemaker-requestttlseconds, Signature=5512f18b45fb363296a01b47f8b50dcf8c12d7b53c75b3922f7d3695341073ac
Content-Length: 0

";

    const STS: &str = "POST / HTTP/1.1
Host: 127.0.0.1:6004
Content-Type: application/x-www-form-urlencoded; charset=utf-8
X-Amz-Date: 20261123T064630Z
Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=585cf5974877933bced647b173bc1646d6dedf42248ef39edd0de269bb8c625e
Content-Length: 171

Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fasync-role&RoleSessionName=sess&DurationSeconds=900&ExternalId=ext%2Bid%3D%2F%3A%40";

    const DATE: &str = "GET /b/k HTTP/1.1
Host: 127.0.0.1:4566
Date: Sun, 29 Nov 2026 06:16:38 -0000
X-Amz-Content-SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261129/us-east-1/s3/aws4_request, SignedHeaders=date;host;x-amz-content-sha256, Signature=f4b8dee4af7daad1dccd3fc2e0f40d128925ca3ca264ba40145db6ce709ef9f5

";

    fn check(service: Service, request: &str) -> Result<(), String> {
        let (head, body) = request.split_once("\n\n").expect("a blank line");
        let head = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
        let Parsed::Head(_, head) = Head::parse(head.as_bytes()) else {
            panic!("a head");
        };
        let (_, sent) = signing_date(&head).expect("a date");
        let config = LocalEndpoint::builder()
            .clock(ManualClock::starting_at(sent))
            .config;
        let auth = Auth {
            common: config.common,
            keys: config.keys,
        };
        let hash = hex::encode(Sha256::digest(body));
        verify_head(&auth, service, &head, None)
            .and_then(|unproven| verify_body(&auth, service, &head, &unproven, Some(&hash)))
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn another_signers_requests_hold() {
        assert_eq!(check(Service::S3, PUT), Ok(()));
        assert_eq!(check(Service::SageMaker, INVOKE), Ok(()));
        assert_eq!(check(Service::Sts, STS), Ok(()));
        assert_eq!(check(Service::S3, DATE), Ok(()));
        let later = DATE.replace("06:16:38", "06:16:39");
        let code = check(Service::S3, &later).expect_err("another date");
        assert_eq!(code, "SignatureDoesNotMatch");
    }

    #[test]
    fn a_change_of_any_part_is_seen() {
        let code = |service, request: &str, from: &str, to: &str| {
            assert!(request.contains(from));
            check(service, &request.replacen(from, to, 1)).expect_err("a change")
        };
        for (from, to) in [
            ("PUT", "POST"),
            ("a%20b", "a%20c"),
            ("CRC32\n", "CRC64\n"),
            ("6001", "6002"),
        ] {
            assert_eq!(code(Service::S3, PUT, from, to), "SignatureDoesNotMatch");
        }
        let body = code(Service::S3, PUT, "{\"x\": 3}", "{\"x\": 4}");
        assert_eq!(body, "XAmzContentSHA256Mismatch");
        let name = code(Service::SageMaker, INVOKE, "k=v", "k=w");
        assert_eq!(name, "InvalidSignatureException");
        let form = code(Service::Sts, STS, "sess&", "other&");
        assert_eq!(form, "SignatureDoesNotMatch");
    }
}
