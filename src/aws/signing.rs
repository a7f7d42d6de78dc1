//! Signature version 4. The only file that names `aws-sigv4`.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::Service;
use super::payload::PayloadHash;

pub(crate) type SigningFailure = Box<dyn std::error::Error + Send + Sync>;

/// What a request's signature is made of.
pub(crate) struct ToSign<'a> {
    pub(crate) service: Service,
    pub(crate) region: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Body<'a>,
    pub(crate) time: SystemTime,
}

/// What the signature says of the payload.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    Bytes(&'a [u8]),
    Hashed(&'a PayloadHash),
}

/// Adds the headers that make the request an authentic one of `credentials`' owner.
pub(crate) fn sign_request(
    request: &ToSign<'_>,
    credentials: &Credentials,
    signed: &mut HeaderMap,
) -> Result<(), SigningFailure> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(request.region)
        .name(request.service.signing_name())
        .time(request.time)
        .settings(settings(request.service))
        .build()?
        .into();
    let headers = request.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?))
    });
    let signable = SignableRequest::new(
        request.method.as_str(),
        request.uri.to_string(),
        headers,
        match request.body {
            Body::Bytes(bytes) => SignableBody::Bytes(bytes),
            Body::Hashed(PayloadHash::Sha256(hex)) => SignableBody::Precomputed(hex.clone()),
            Body::Hashed(PayloadHash::Unsigned) => SignableBody::UnsignedPayload,
        },
    )?;
    let (instructions, _signature) = sign(signable, &params)?.into_parts();
    let (headers, _query) = instructions.into_parts();
    for header in headers {
        let mut value = HeaderValue::from_str(header.value())?;
        value.set_sensitive(header.sensitive());
        signed.insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

/// S3 signs the path as it is sent; every other service signs it encoded once more and normalised.
/// The payload's hash is a signed header for all of them: S3 demands it, the others check it.
fn settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if service == Service::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}
