//! Endpoint settings from code, environment and profile.

use std::collections::BTreeMap;
use std::fmt;

use super::custom::{CustomUrl, without_secrets};
use super::{Endpoints, Variant};
use crate::aws::Service;
use crate::aws::config::Settings;
use crate::error::ConfigError;

/// Settings given in code, which take precedence over environment and profile.
#[derive(Clone, Default)]
pub(crate) struct EndpointSettings {
    pub(crate) of_all: Option<String>,
    pub(crate) of_service: BTreeMap<Service, String>,
    pub(crate) fips: Option<bool>,
    pub(crate) dual_stack: Option<bool>,
    pub(crate) force_path_style: Option<bool>,
}

/// The setting's name in a profile and in a `services` section.
const URL: &str = "endpoint_url";

impl Endpoints {
    /// Settings of environment and profile, for providers used without a session.
    pub(crate) fn from_settings(settings: &Settings<'_>) -> Result<Self, ConfigError> {
        Self::new(EndpointSettings::default(), settings)
    }

    /// The settings of code, or else of environment and profile. A custom endpoint for all services cannot be combined
    /// with FIPS or dual-stack, and is refused at once; one for a single service is refused when it is used.
    pub(crate) fn new(
        mut given: EndpointSettings,
        settings: &Settings<'_>,
    ) -> Result<Self, ConfigError> {
        given.fill_from(settings)?;
        let parse = |url: String| CustomUrl::parse(&url);
        let endpoints = Self {
            of_all: given.of_all.map(parse).transpose()?,
            of_service: given
                .of_service
                .into_iter()
                .map(|(service, url)| Ok((service, parse(url)?)))
                .collect::<Result<_, ConfigError>>()?,
            variant: Variant {
                fips: given.fips.unwrap_or_default(),
                dual_stack: given.dual_stack.unwrap_or_default(),
            },
            force_path_style: given.force_path_style,
            ..Self::default()
        };
        if let Some(url) = &endpoints.of_all {
            endpoints.check_variant_of(url)?;
        }
        Ok(endpoints)
    }
}

impl EndpointSettings {
    fn fill_from(&mut self, settings: &Settings<'_>) -> Result<(), ConfigError> {
        if self.fips.is_none() {
            self.fips = settings.find_bool("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")?;
        }
        if self.dual_stack.is_none() {
            self.dual_stack =
                settings.find_bool("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")?;
        }
        if self.force_path_style.is_none() {
            self.force_path_style = is_path_style(settings)?;
        }
        if self.of_all.is_some() || are_ignored(settings)? {
            return Ok(());
        }
        self.add_urls(settings)
    }

    /// In order of precedence: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the profile's `services` section, the
    /// profile's `endpoint_url` ("Service-specific endpoints" in the AWS SDKs and Tools Reference Guide).
    fn add_urls(&mut self, settings: &Settings<'_>) -> Result<(), ConfigError> {
        let environment = settings.sys().environment();
        self.of_all = environment.get_non_blank("AWS_ENDPOINT_URL");
        let all_from_environment = self.of_all.is_some();
        for service in Service::ALL {
            if self.of_service.contains_key(&service) {
                continue;
            }
            let suffix = service.environment_suffix();
            let mut url = environment.get_non_blank(&format!("AWS_ENDPOINT_URL_{suffix}"));
            if url.is_none() && !all_from_environment {
                let key = suffix.to_ascii_lowercase();
                url = settings.of_service(&key, URL)?.map(str::to_owned);
            }
            if let Some(url) = url {
                self.of_service.insert(service, url);
            }
        }
        if !all_from_environment {
            self.of_all = settings.get(URL)?.map(str::to_owned);
        }
        Ok(())
    }
}

/// The setting of the AWS CLI and the Python SDK.
fn is_path_style(settings: &Settings<'_>) -> Result<Option<bool>, ConfigError> {
    let Some(found) = settings.nested("s3", "addressing_style")? else {
        return Ok(None);
    };
    match found.value.as_str() {
        "path" => Ok(Some(true)),
        "virtual" => Ok(Some(false)),
        "auto" => Ok(None),
        _ => Err(ConfigError::new(
            found.name,
            "is not path, virtual or auto",
            "set it to one of them, or remove it",
        )),
    }
}

/// Whether environment or profile disable the endpoint URLs of both.
fn are_ignored(settings: &Settings<'_>) -> Result<bool, ConfigError> {
    let ignored = settings.find_bool(
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "ignore_configured_endpoint_urls",
    )?;
    Ok(ignored.unwrap_or_default())
}

impl fmt::Debug for EndpointSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_service = self.of_service.iter();
        f.debug_struct("EndpointSettings")
            .field("of_all", &self.of_all.as_deref().map(without_secrets))
            .field(
                "of_service",
                &of_service
                    .map(|(service, url)| (service, without_secrets(url)))
                    .collect::<BTreeMap<_, _>>(),
            )
            .field("fips", &self.fips)
            .field("dual_stack", &self.dual_stack)
            .field("force_path_style", &self.force_path_style)
            .finish()
    }
}
