//! Signature version 4. The only file that names `aws-sigv4`.

use std::sync::LazyLock;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::payload::PayloadHash;
use crate::aws::Service;

pub(crate) type SigningFailure = Box<dyn std::error::Error + Send + Sync>;

/// The payload of most requests.
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The inputs of a request's signature.
pub(crate) struct ToSign<'a> {
    pub(crate) service: Service,
    pub(crate) region: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    pub(crate) body: Body<'a>,
    pub(crate) time: SystemTime,
}

/// What the signature says of the payload.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    Bytes(&'a [u8]),
    Hashed(&'a PayloadHash),
}

/// Signs the request: adds the headers that authenticate it.
pub(crate) fn sign_request(
    request: &ToSign<'_>,
    credentials: &Credentials,
    signed: &mut HeaderMap,
) -> Result<(), SigningFailure> {
    let identity = Identity::new(credentials.clone(), None);
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
        written(request.uri),
        headers,
        match request.body {
            Body::Bytes([]) => SignableBody::Precomputed(SHA256_OF_NOTHING.to_owned()),
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
        add_header(signed, HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

/// Not inlined: the compiler would make a copy of `append` for each caller, and loading code takes a good part of a
/// request's time.
#[inline(never)]
pub(crate) fn add_header(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.append(name, value);
}

/// S3 signs the path as it is sent; every other service signs it encoded once more and normalised. The signature
/// covers the payload's hash in any case; S3 demands it in a header too, which the others do not need.
fn settings(service: Service) -> SigningSettings {
    static OF_S3: LazyLock<SigningSettings> = LazyLock::new(|| {
        let mut settings = OF_OTHERS.clone();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings
    });
    static OF_OTHERS: LazyLock<SigningSettings> = LazyLock::new(|| {
        let mut settings = SigningSettings::default();
        // Headers that proxies change are added after signing.
        settings.excluded_headers = None;
        settings
    });
    match service {
        Service::S3 => OF_S3.clone(),
        _ => OF_OTHERS.clone(),
    }
}

/// Equal to its `Display`, in a third of the time.
fn written(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut written = String::with_capacity(scheme.len() + 3 + authority.len() + path.len());
    written.extend([scheme, "://", authority, path]);
    written
}
