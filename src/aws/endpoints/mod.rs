//! The URL of each operation.
//!
//! In order of precedence, for one service:
//! 1. the URL given in code for the service, then the one for all services;
//! 2. unless `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` or the profile's
//!    `ignore_configured_endpoint_urls` is true: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`,
//!    the profile's `services` section, the profile's `endpoint_url`;
//! 3. the service's public host, from region, partition, FIPS and dual-stack.
//!
//! The rules for the hosts are those that AWS publishes for its SDKs (`partitions.json` and each
//! service's `endpoint-rule-set-1.json`, botocore 1.44.8). They are written as code instead of being evaluated,
//! because the services used here need few of them.

mod base;
mod bucket;
mod custom;
mod host;
mod partition;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

pub(crate) use partition::{Partition, check_region, is_host_label, signing_region};
pub(crate) use settings::EndpointSettings;

use super::Service;
use crate::error::{ConfigError, Error, Result};
use base::{Base, Bases};
use bucket::Style;
use custom::CustomUrl;

/// Characters that are not percent-encoded in a path segment: RFC 3986's unreserved ones.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// In an object's key slashes are not encoded either.
const KEY: &AsciiSet = &SEGMENT.remove(b'/');

/// Encodes one path segment.
pub(crate) fn encode_segment(segment: &str) -> String {
    encoded_segment(segment).to_string()
}

/// As [`encode_segment`], in pieces.
pub(crate) fn encoded_segment(segment: &str) -> PercentEncode<'_> {
    utf8_percent_encode(segment, SEGMENT)
}

/// The variant of a service's public host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Variant {
    fips: bool,
    dual_stack: bool,
}

/// The services' endpoints, by all settings.
#[derive(Clone, Default)]
pub(crate) struct Endpoints {
    of_all: Option<CustomUrl>,
    of_service: BTreeMap<Service, CustomUrl>,
    variant: Variant,
    force_path_style: Option<bool>,
    /// Cached bases.
    services: Arc<Bases<Service>>,
    buckets: Arc<Bases<String>>,
}

impl Endpoints {
    fn custom(&self, service: Service) -> Result<Option<&CustomUrl>, ConfigError> {
        let custom = self.of_service.get(&service).or(self.of_all.as_ref());
        if let Some(url) = custom {
            self.check_variant_of(url)?;
        }
        Ok(custom)
    }

    /// Whether the service has a custom endpoint.
    pub(crate) fn is_custom(&self, service: Service) -> bool {
        self.of_all.is_some() || self.of_service.contains_key(&service)
    }

    /// Whether S3 requests use TLS.
    pub(crate) fn s3_is_encrypted(&self) -> bool {
        let custom = self.of_service.get(&Service::S3).or(self.of_all.as_ref());
        custom.is_none_or(|url| !url.is_http())
    }

    /// FIPS and dual-stack are refused with a custom endpoint, whose variants are unknown.
    fn check_variant_of(&self, url: &CustomUrl) -> Result<(), ConfigError> {
        let setting = if self.variant.fips {
            "use_fips_endpoint"
        } else if self.variant.dual_stack {
            "use_dualstack_endpoint"
        } else {
            return Ok(());
        };
        Err(ConfigError::new(
            setting,
            format!("cannot be combined with the custom endpoint {url}"),
            "turn it off, or remove the endpoint URL (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true \
             does so for those of environment and profile)",
        ))
    }

    /// The URL of a service, without a trailing slash. The region may come from outside, so it is validated before it
    /// becomes part of a host name.
    pub(crate) fn url(&self, service: Service, region: &str) -> Result<String> {
        check_region(region)?;
        Ok(match self.custom(service)? {
            Some(url) => url.to_string(),
            None => format!("https://{}", host::of(service, region, self.variant)?),
        })
    }

    /// The URL of an operation of a service other than S3.
    pub(crate) fn uri(&self, service: Service, region: &str, path: &str) -> Result<Uri> {
        let base = self.base(service, region)?;
        base.join(path).map_err(|_| unusable(path))
    }

    /// Fails where requests to a service could not be made with these settings.
    pub(crate) fn check(&self, service: Service, region: &str) -> Result<()> {
        self.base(service, region).map(drop)
    }

    fn base(&self, service: Service, region: &str) -> Result<Arc<Base>> {
        self.services
            .get_or_make(&service, region, || parse(&self.url(service, region)?))
    }

    /// The URL of a bucket, virtual-hosted or path-style, without a trailing slash.
    pub(crate) fn bucket_url(&self, region: &str, bucket: &str) -> Result<String> {
        check_region(region)?;
        bucket::check(bucket)?;
        let in_path = |base: &dyn fmt::Display| format!("{base}/{}", encode_segment(bucket));
        if let Some(url) = self.custom(Service::S3)? {
            return Ok(match Style::at(url, bucket, self.force_path_style) {
                Style::Virtual => url.with_label(bucket),
                Style::Path => in_path(url),
            });
        }
        let host = host::of(Service::S3, region, self.variant)?;
        Ok(match Style::at_own_host(bucket, self.force_path_style) {
            Style::Virtual => format!("https://{bucket}.{host}"),
            Style::Path => in_path(&format_args!("https://{host}")),
        })
    }

    /// The URL of a bucket or an object.
    pub(crate) fn s3_uri(&self, region: &str, bucket: &str, key: &str, query: &str) -> Result<Uri> {
        let base = self
            .buckets
            .get_or_make(bucket, region, || parse(&self.bucket_url(region, bucket)?))?;
        let mut path = String::with_capacity(key.len() + query.len() + 16);
        path.push('/');
        path.extend(utf8_percent_encode(key, KEY));
        if !query.is_empty() {
            path.extend(["?", query]);
        }
        base.join(&path).map_err(|_| unusable(&path))
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("of_all", &self.of_all)
            .field("of_service", &self.of_service)
            .field("fips", &self.variant.fips)
            .field("dual_stack", &self.variant.dual_stack)
            .field("force_path_style", &self.force_path_style)
            .finish_non_exhaustive()
    }
}

fn parse(url: &str) -> Result<Base> {
    Base::parse(url).ok_or_else(|| unusable(url))
}

fn unusable(url: &str) -> Error {
    ConfigError::new(
        format!("URL {url:?}"),
        "cannot be parsed",
        "check the region and the endpoint URL",
    )
    .into()
}
