//! The certificate that a message is signed with.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, Request};
use ring::signature;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use webpki::{EndEntityCert, KeyUsage};

use super::SnsRejected;
use super::form::{Signed, Version};
use crate::aws::config::Settings;
use crate::aws::http::{Bounds, Network, Timeouts, Transport};
use crate::session::Session;
use crate::sys::Sys;

const MAX_PEM: u64 = 64 << 10;
const FETCH_TIME: Duration = Duration::from_secs(10);
/// SNS has one certificate a region at a time.
const MAX_CACHED: usize = 16;
const CACHED_FOR: Duration = Duration::from_hours(24);

/// Certificates in DER, by URL.
#[derive(Default)]
pub(super) struct Certificates(BTreeMap<String, (SystemTime, Vec<u8>)>);

impl Certificates {
    pub(super) fn get(&self, url: &str, now: SystemTime) -> Option<Vec<u8>> {
        let (fetched, der) = self.0.get(url)?;
        let age = now.duration_since(*fetched).ok()?;
        (age < CACHED_FOR).then(|| der.clone())
    }

    pub(super) fn put(&mut self, url: &str, now: SystemTime, der: &[u8]) {
        if self.0.len() >= MAX_CACHED {
            self.0.clear();
        }
        self.0.insert(url.to_owned(), (now, der.to_vec()));
    }
}

/// Fetches a checked URL without following redirects.
pub(super) fn fetch(
    url: &str,
    session: Option<&Session>,
    sys: &Sys,
) -> Result<Vec<u8>, SnsRejected> {
    let failed = |problem: String| SnsRejected::Fetch(problem);
    let own;
    let transport = if let Some(session) = session {
        &session.client().transport
    } else {
        let settings = Settings::new(sys, None);
        let network = Network::from_settings(None, &settings);
        let network = network.map_err(|error| failed(error.to_string()))?;
        own = Transport::new(&network, Timeouts::default().with_read(FETCH_TIME));
        &own
    };
    let mut request = Request::new(&[][..]);
    *request.method_mut() = Method::GET;
    *request.uri_mut() = url
        .parse()
        .map_err(|_| failed("its URL cannot be read".to_owned()))?;
    let bounds = Bounds {
        max_success: MAX_PEM,
        clock: sys.clock(),
        deadline: Some(sys.clock().monotonic() + FETCH_TIME),
        cancel: None,
    };
    let reply = transport.exchange(request, &bounds);
    let reply = reply.map_err(|broken| failed(format!("{:?}", broken.kind)))?;
    if reply.status == 200 {
        Ok(reply.body)
    } else {
        Err(failed(format!("the response is HTTP {}", reply.status)))
    }
}

/// The one certificate in a PEM file.
pub(super) fn only_one(pem: &[u8]) -> Result<Vec<u8>, SnsRejected> {
    let mut certificates = CertificateDer::pem_slice_iter(pem);
    match (certificates.next(), certificates.next()) {
        (Some(Ok(certificate)), None) => Ok(certificate.to_vec()),
        _ => refused("it is not one certificate in PEM"),
    }
}

/// Checks name, purpose and validity. There is no chain to check: see [`super::SnsVerifier`].
pub(super) fn check(der: &[u8], subject: &str, now: SystemTime) -> Result<(), SnsRejected> {
    let der = CertificateDer::from(der);
    let certificate = parse(&der)?;
    let name = ServerName::try_from(subject)
        .or_else(|_| refused("the name of SNS in this region cannot be a server's"))?;
    if certificate.verify_is_valid_for_subject_name(&name).is_err() {
        return refused(format!("it is not for {subject}"));
    }
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let usage = KeyUsage::server_auth();
    let time = UnixTime::since_unix_epoch(since);
    // Without a root, all that is checked of the certificate itself comes before "unknown issuer".
    let verified = certificate.verify_for_usage(&[], &[], &[], time, usage, None, None);
    match verified.map(drop) {
        Ok(()) | Err(webpki::Error::UnknownIssuer) => Ok(()),
        Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
            refused("it is not valid at this time")
        }
        Err(error) => refused(error.to_string()),
    }
}

/// Checks the signature with the algorithm of its version.
pub(super) fn verify(der: &[u8], signed: &Signed) -> Result<(), SnsRejected> {
    let der = CertificateDer::from(der);
    let algorithm: &dyn SignatureVerificationAlgorithm = match signed.version {
        Version::One => &RsaSha1,
        Version::Two => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    };
    let text = signed.string_to_sign();
    parse(&der)?
        .verify_signature(algorithm, text.as_bytes(), &signed.signature)
        .map_err(|_| SnsRejected::Signature)
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<EndEntityCert<'a>, SnsRejected> {
    EndEntityCert::try_from(der).or_else(|error| refused(error.to_string()))
}

fn refused<T>(problem: impl Into<String>) -> Result<T, SnsRejected> {
    Err(SnsRejected::Certificate(problem.into()))
}

/// RSA over SHA-1, which webpki does not have; only for messages of version 1.
#[derive(Debug)]
struct RsaSha1;

impl SignatureVerificationAlgorithm for RsaSha1 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let algorithm = &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
        signature::UnparsedPublicKey::new(algorithm, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        // webpki compares only the key's algorithm here; that of the signature is not in the message.
        alg_id::RSA_ENCRYPTION
    }
}
