//! Hosts: which URL an operation goes to.

use std::collections::BTreeMap;
use std::fmt;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Service;
use crate::error::ConfigError;
use crate::profile::Settings;
use crate::sys::Environment;

/// What stays as it is in a path: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// An object's key keeps its slashes.
const KEY: &AsciiSet = &SEGMENT.remove(b'/');

/// One segment of a path.
pub(crate) fn encode_segment(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// Endpoint URLs that the user gave, over the services' own.
#[derive(Clone, Default)]
pub(crate) struct Endpoints {
    of_all: Option<String>,
    of_service: BTreeMap<Service, String>,
}

impl Endpoints {
    pub(crate) fn set_all(&mut self, url: String) {
        self.of_all = Some(url);
    }

    pub(crate) fn set(&mut self, service: Service, url: String) {
        self.of_service.insert(service, url);
    }

    /// Adds what environment and profile say where the user of the builder said nothing. From first
    /// to last: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the profile's `services` section,
    /// its `endpoint_url` ("Service-specific endpoints" in the AWS SDKs and Tools Reference Guide).
    pub(crate) fn fill_from(
        &mut self,
        environment: &Environment,
        profile: &Settings<'_>,
    ) -> Result<(), ConfigError> {
        if self.of_all.is_some() || are_ignored(environment, profile)? {
            return Ok(());
        }
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
                url = profile.of_service(&key, URL)?.map(str::to_owned);
            }
            if let Some(url) = url {
                self.of_service.insert(service, url);
            }
        }
        if !all_from_environment {
            self.of_all = profile.get(URL)?.map(str::to_owned);
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.of_all
            .iter()
            .chain(self.of_service.values())
            .try_for_each(|url| parse_base(url).map(drop))
    }

    fn custom(&self, service: Service) -> Option<&str> {
        self.of_service
            .get(&service)
            .or(self.of_all.as_ref())
            .map(String::as_str)
    }

    /// Whether requests to S3 go over TLS.
    pub(crate) fn s3_is_encrypted(&self) -> bool {
        self.custom(Service::S3)
            .is_none_or(|url| url.starts_with("https:"))
    }

    /// The URL of an operation that is not S3's.
    pub(crate) fn uri(
        &self,
        service: Service,
        region: &str,
        path: &str,
    ) -> Result<Uri, ConfigError> {
        let base = match self.custom(service) {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}", host(service, region)),
        };
        parse(&format!("{base}{path}"))
    }

    /// The URL of a bucket or an object: the bucket in the host where its name allows that and the
    /// host is S3's own, in the path elsewhere.
    pub(crate) fn s3_uri(
        &self,
        region: &str,
        bucket: &str,
        key: &str,
        query: &str,
    ) -> Result<Uri, ConfigError> {
        let key = utf8_percent_encode(key, KEY);
        let question = if query.is_empty() { "" } else { "?" };
        let object = format!("{key}{question}{query}");
        let url = if let Some(base) = self.custom(Service::S3) {
            format!("{}/{bucket}/{object}", base.trim_end_matches('/'))
        } else if bucket.contains('.') {
            // A wildcard certificate covers one label only.
            format!("https://{}/{bucket}/{object}", host(Service::S3, region))
        } else {
            format!("https://{bucket}.{}/{object}", host(Service::S3, region))
        };
        parse(&url)
    }
}

/// The name of the setting, in a profile and in a `services` section.
const URL: &str = "endpoint_url";

/// Whether environment or profile tell to leave aside the endpoint URLs of both.
fn are_ignored(environment: &Environment, profile: &Settings<'_>) -> Result<bool, ConfigError> {
    const VARIABLE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
    const KEY: &str = "ignore_configured_endpoint_urls";
    if let Some(text) = environment.get_non_blank(VARIABLE) {
        return parse_bool(VARIABLE, &text);
    }
    match profile.get(KEY)? {
        Some(text) => parse_bool(&profile.describe(KEY), text),
        None => Ok(false),
    }
}

fn parse_bool(setting: &str, text: &str) -> Result<bool, ConfigError> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ConfigError::new(
            setting,
            "is neither true nor false",
            "set it to one of them, or remove it",
        )),
    }
}

/// The service's public host in a region.
fn host(service: Service, region: &str) -> String {
    format!("{}.{region}.{}", service.host_prefix(), dns_suffix(region))
}

/// The partition's suffix (`partitions.json` of the published endpoint rules).
fn dns_suffix(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "amazonaws.com.cn"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("eusc-", "amazonaws.eu"),
    ];
    partitions
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// A URL as it may be shown: without user and password, query and fragment.
fn without_secrets(url: &str) -> String {
    let place = url.split(['?', '#']).next().unwrap_or_default();
    if !url.contains('@') {
        return place.to_owned();
    }
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let host = place.rsplit_once('@').map_or("", |(_, host)| host);
    format!("{scheme}://***@{host}")
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_service = self.of_service.iter();
        f.debug_struct("Endpoints")
            .field("of_all", &self.of_all.as_deref().map(without_secrets))
            .field(
                "of_service",
                &of_service
                    .map(|(service, url)| (service, without_secrets(url)))
                    .collect::<BTreeMap<_, _>>(),
            )
            .finish()
    }
}

/// A custom endpoint: scheme, host, perhaps a port and a path; no query.
fn parse_base(url: &str) -> Result<Uri, ConfigError> {
    let problem = |problem: &str| {
        ConfigError::new(
            format!("endpoint URL {:?}", without_secrets(url)),
            problem,
            "write it as https://host, https://host:port or http://127.0.0.1:port",
        )
    };
    let uri: Uri = url.parse().map_err(|_| problem("is not a URL"))?;
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(ConfigError::new(
            format!("endpoint URL {:?}", without_secrets(url)),
            "has a user or password in it",
            "give credentials to the session instead",
        ));
    }
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(problem("has no scheme http or https"));
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(problem("has no host"));
    }
    if uri.query().is_some() {
        return Err(problem("has a query"));
    }
    Ok(uri)
}

fn parse(url: &str) -> Result<Uri, ConfigError> {
    url.parse().map_err(|_| {
        ConfigError::new(
            format!("URL {url:?}"),
            "cannot be parsed",
            "check the region and the endpoint URL",
        )
    })
}
