//! The settings of connections in code, environment and profile: proxies and roots of trust.

use std::path::PathBuf;

use ureq::tls::{RootCerts, TlsConfig};

use super::bundle::certificates;
use super::proxy::{ByScheme, NamedProxy};
use crate::aws::config::{Found, Settings, expand_home};
use crate::error::ConfigError;
use crate::sys::Sys;

/// Certificates that servers are trusted by, as a user hands them in.
#[derive(Debug, Clone)]
pub(crate) enum CaBundle {
    Path(PathBuf),
    Pem(Vec<u8>),
}

/// How this crate's own agents connect.
#[derive(Clone)]
pub(crate) struct Network {
    pub(super) proxies: ByScheme<NamedProxy>,
    pub(super) trust: Trust,
}

impl Network {
    /// The bundle given in code goes before `AWS_CA_BUNDLE` and the profile's `ca_bundle`.
    pub(crate) fn from_settings(
        given: Option<CaBundle>,
        settings: &Settings<'_>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            proxies: ByScheme::from_environment(settings.sys().environment())?,
            trust: Trust::from_settings(given, settings)?,
        })
    }

    /// For metadata of the machine or container: a proxy would return those of another machine, or learn this
    /// one's credentials.
    pub(crate) fn without_proxy(sys: &Sys) -> Self {
        Self {
            proxies: ByScheme::none(),
            trust: Trust {
                source: Source::Settings,
                sys: sys.clone(),
            },
        }
    }
}

/// Which roots are trusted. Nothing is read before the first connection that needs it.
#[derive(Clone)]
pub(super) struct Trust {
    source: Source,
    sys: Sys,
}

#[derive(Clone)]
enum Source {
    /// A bundle, and the name of the setting that names it.
    Bundle(String, CaBundle),
    /// From the settings, when it is needed.
    Settings,
    Default,
}

impl Trust {
    fn from_settings(
        given: Option<CaBundle>,
        settings: &Settings<'_>,
    ) -> Result<Self, ConfigError> {
        let source = match given {
            Some(bundle) => Source::Bundle("the CA bundle".into(), bundle),
            None => Source::found(settings)?,
        };
        Ok(Self {
            source,
            sys: settings.sys().clone(),
        })
    }

    pub(super) fn tls(&self) -> Result<TlsConfig, ConfigError> {
        let found;
        let source = match &self.source {
            Source::Settings => {
                found = Source::found(&Settings::new(&self.sys, None))?;
                &found
            }
            source => source,
        };
        let roots = match source {
            Source::Bundle(name, bundle) => roots(name, bundle, &self.sys)?,
            Source::Settings | Source::Default if cfg!(feature = "platform-verifier") => {
                RootCerts::PlatformVerifier
            }
            Source::Settings | Source::Default => RootCerts::WebPki,
        };
        Ok(TlsConfig::builder().root_certs(roots).build())
    }
}

impl Source {
    fn found(settings: &Settings<'_>) -> Result<Self, ConfigError> {
        Ok(match settings.find("AWS_CA_BUNDLE", "ca_bundle")? {
            Some(Found { name, value }) => {
                let path = expand_home(value, settings.sys().environment());
                Self::Bundle(name, CaBundle::Path(path.into()))
            }
            None => Self::Default,
        })
    }
}

fn roots(name: &str, bundle: &CaBundle, sys: &Sys) -> Result<RootCerts, ConfigError> {
    let (place, read);
    let bytes = match bundle {
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
    let certificates = certificates(bytes).map_err(|problem| {
        ConfigError::new(
            format!("{name}{place}"),
            problem,
            "put certificates in PEM in it, each from BEGIN CERTIFICATE to END CERTIFICATE, and \
             remove those that cannot be used",
        )
    })?;
    Ok(RootCerts::new_with_certs(&certificates))
}
