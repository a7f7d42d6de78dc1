//! What environment and profile say about connections: proxies and roots of trust.

use std::path::PathBuf;

use ureq::Proxy;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::proxy::ByScheme;
use crate::aws::config::Settings;
use crate::error::ConfigError;
use crate::sys::Sys;

/// Certificates that servers are trusted by, as a user hands them in.
#[derive(Debug, Clone)]
pub(crate) enum CaBundle {
    Path(PathBuf),
    Pem(Vec<u8>),
}

/// How the agents of our own connect.
pub(crate) struct Network {
    pub(super) proxies: ByScheme<Proxy>,
    roots: Option<RootCerts>,
}

impl Network {
    /// The bundle given in code goes before `AWS_CA_BUNDLE` and the profile's `ca_bundle`.
    pub(crate) fn from_settings(
        given: Option<CaBundle>,
        settings: &Settings<'_>,
    ) -> Result<Self, ConfigError> {
        let (name, bundle) = match given {
            Some(bundle) => ("the CA bundle".to_owned(), Some(bundle)),
            None => match settings.find("AWS_CA_BUNDLE", "ca_bundle")? {
                Some(found) => (found.name, Some(CaBundle::Path(found.value.into()))),
                None => (String::new(), None),
            },
        };
        let roots = bundle.map(|bundle| roots(&name, &bundle, settings.sys()));
        Ok(Self {
            proxies: ByScheme::from_environment(settings.sys().environment())?,
            roots: roots.transpose()?,
        })
    }

    pub(super) fn tls(&self) -> TlsConfig {
        let roots = self.roots.clone().unwrap_or(RootCerts::WebPki);
        TlsConfig::builder().root_certs(roots).build()
    }
}

fn roots(name: &str, bundle: &CaBundle, sys: &Sys) -> Result<RootCerts, ConfigError> {
    let (place, read);
    let pem = match bundle {
        CaBundle::Pem(pem) => {
            place = String::new();
            pem
        }
        CaBundle::Path(path) => {
            place = format!(" {}", path.display());
            read = sys.files().read(path).map_err(|error| {
                ConfigError::new(
                    format!("{name}{place}"),
                    format!("cannot be read: {error}"),
                    "name a file with certificates in PEM, or remove the setting",
                )
            })?;
            &read
        }
    };
    let problem = |problem: &str| {
        ConfigError::new(
            format!("{name}{place}"),
            problem,
            "put certificates in PEM in it, each from BEGIN CERTIFICATE to END CERTIFICATE",
        )
    };
    let certificates = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(_) => Some(Err(problem("is not PEM"))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err(problem("has no certificate in it"));
    }
    if !certificates.iter().any(is_usable) {
        return Err(problem("has no certificate in it that can be a root"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// Of a machine's bundle some old certificates can always not be read, and are passed over when a
/// connection is made. If none can, nothing would be trusted.
fn is_usable(certificate: &Certificate<'_>) -> bool {
    rustls::RootCertStore::empty()
        .add(certificate.der().to_vec().into())
        .is_ok()
}
