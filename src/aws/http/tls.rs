//! What to do about a TLS handshake that failed.

use rustls::{CertificateError, Error};

use crate::error::Advice;

/// How to trust another root.
const ANOTHER_ROOT: &str = if cfg!(feature = "platform-verifier") {
    "if the server is the right one, install the root certificate that it was signed with on this machine, or set \
     AWS_CA_BUNDLE (ca_bundle in the profile) to a PEM file that has it"
} else {
    "if the server is the right one, set AWS_CA_BUNDLE (ca_bundle in the profile) to a PEM file with the root \
     certificate that it was signed with; or build with the cargo feature platform-verifier, which trusts the \
     roots that are installed on this machine (of companies and inspecting proxies, for instance)"
};

pub(super) fn advice(error: &Error) -> Advice {
    let (problem, remedy) = match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidMessage(_) => (
            "the server there does not speak TLS",
            "check the port, and whether the URL must begin with http://",
        ),
        Error::AlertReceived(_) | Error::PeerIncompatible(_) => (
            "the server ended the TLS handshake",
            "check that it supports TLS 1.2 or 1.3, and whether it requires a certificate of the client, which only \
             an agent of your own can give",
        ),
        _ => (
            "the TLS handshake failed",
            "check the endpoint URL, and which root certificates are trusted (AWS_CA_BUNDLE)",
        ),
    };
    Advice {
        problem: problem.into(),
        remedy: remedy.into(),
        is_final: true,
    }
}

fn certificate(error: &CertificateError) -> (&'static str, &'static str) {
    use CertificateError as Why;
    match error {
        // The latter if a trusted root has the same name and another key, such as after a renewal.
        Why::UnknownIssuer | Why::BadSignature => (
            "the server's certificate is signed by none of the trusted roots",
            ANOTHER_ROOT,
        ),
        Why::Expired | Why::ExpiredContext { .. } => (
            "the server's certificate has expired",
            "renew it, or set this machine's clock if that is wrong",
        ),
        Why::NotValidYet | Why::NotValidYetContext { .. } => (
            "the server's certificate is not valid yet",
            "set this machine's clock if it is wrong",
        ),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => (
            "the server's certificate is for another name",
            "write the host of the endpoint URL as a name (subjectAltName) of the certificate, or give the \
             server a certificate for that host",
        ),
        // webpki has no public type for it in rustls.
        Why::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
            "the server presents a CA's certificate as its own",
            "give the server one that is not a CA's (basicConstraints CA:FALSE), as `openssl req -x509 -addext \
             basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:HOST ..` makes it, and name that in \
             AWS_CA_BUNDLE; or have the CA sign one for the server",
        ),
        _ => (
            "the server's certificate cannot be used",
            "give the server another certificate",
        ),
    }
}
