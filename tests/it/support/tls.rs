//! Servers that speak TLS, and an authority for their certificates.

use std::{io, net::TcpStream, sync::Arc};

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        Self { issuer }
    }

    /// Its certificate, in PEM.
    pub fn root(&self) -> String {
        self.issuer.pem()
    }

    /// For a server with these names; a `*` matches one label.
    pub fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        configured(&certificate, &key)
    }

    /// A CA's certificate, in PEM, and a server that presents it as its own.
    pub fn self_signed(name: &str) -> (String, Arc<ServerConfig>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        (certificate.pem(), configured(&certificate, &key))
    }
}

fn configured(certificate: &Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
    config.expect("a server's certificate").into()
}

pub type TlsStream = StreamOwned<ServerConnection, TcpStream>;

pub fn accept(config: &Arc<ServerConfig>, stream: TcpStream) -> io::Result<TlsStream> {
    let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Ends the stream so that it does not appear cut off.
pub fn close(mut stream: TlsStream) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.conn.complete_io(&mut stream.sock).map(drop)
}
