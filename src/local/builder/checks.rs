//! Validation of the settings, and settings that follow from others.

use super::{FailurePath, LocalEndpointBuilder};
use crate::limits::check_name;
use crate::local::auth::hosts::is_host_name;
use crate::local::config::Config;
use crate::local::error::LocalError;
use crate::local::runtime::location::Location;

impl LocalEndpointBuilder {
    /// Rejects invalid settings.
    pub(super) fn check(&self) -> Result<(), LocalError> {
        let Config {
            deployed, backend, ..
        } = &self.config;
        let wrong = |problem: String| Err(LocalError::Setting(problem));
        self.check_keys()?;
        self.check_open_to_others()?;
        let name = check_name("EndpointName", &deployed.endpoint_name);
        name.map_err(|refused| LocalError::Setting(refused.to_string()))?;
        if !(1..=1000).contains(&deployed.max_concurrent) {
            return wrong(
                "MaxConcurrentInvocationsPerInstance must be between 1 and 1000".to_owned(),
            );
        }
        if !(0.0..=1.0).contains(&backend.failure_rate) {
            let rate = backend.failure_rate;
            return wrong(format!("a failure rate is from 0 to 1, not {rate}"));
        }
        if self.config.timeouts.idle.is_zero() || self.config.timeouts.slow.is_zero() {
            return wrong("a timeout of connections is more than 0".to_owned());
        }
        self.check_names()?;
        let mut names = self.config.host_names.iter();
        if let Some(name) = names.find(|name| !is_host_name(name)) {
            return wrong(format!(
                "{name:?} cannot be a host's name; write it without scheme and port"
            ));
        }
        Ok(())
    }

    /// Rejects keys that everyone has, or that no request can name. The secret ones are not repeated.
    fn check_keys(&self) -> Result<(), LocalError> {
        let keys = &self.config.keys;
        let problem = if keys.secret_key.trim().is_empty() {
            "the secret key is empty; set --secret-key or SAGEMAKER_ASYNC_LOCAL_SECRET_KEY"
                .to_owned()
        } else if keys
            .session_token
            .as_ref()
            .is_some_and(|token| token.trim().is_empty())
        {
            "the session token is empty".to_owned()
        } else if keys.access_key.is_empty()
            || !keys
                .access_key
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',')
        {
            let key = &keys.access_key;
            format!(
                "{key:?} cannot be an access key: visible ASCII characters without a comma, at least one"
            )
        } else {
            return Ok(());
        };
        Err(LocalError::Setting(problem))
    }

    /// Rejects names that no client could send, or would refuse in an ARN.
    fn check_names(&self) -> Result<(), LocalError> {
        let wrong = |problem: String| Err(LocalError::Setting(problem));
        let common = &self.config.common;
        let of_region =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let region = common.region.as_str();
        if !region.starts_with(|first: char| first.is_ascii_lowercase())
            || !region.bytes().all(of_region)
        {
            return wrong(format!(
                "{region:?} is not the name of a region; write it as us-east-1, in lowercase letters, digits and hyphens"
            ));
        }
        let account = common.account.as_str();
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong(format!(
                "{account:?} is not an account id, which has 12 digits"
            ));
        }
        // S3's rule for the names of all buckets, old ones included.
        let of_bucket = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        match self.bucket.as_deref() {
            Some(bucket)
                if !(1..=255).contains(&bucket.len()) || !bucket.bytes().all(of_bucket) =>
            {
                wrong(format!(
                    "{bucket:?} cannot be a bucket's name: 1 to 255 letters, digits, '.', '_' and '-'"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Sets the bucket and the output paths that follow from other settings.
    pub(super) fn resolve_places(&mut self) -> Result<(), LocalError> {
        let Config {
            common, deployed, ..
        } = &mut self.config;
        deployed.bucket = self
            .bucket
            .take()
            .unwrap_or_else(|| format!("sagemaker-{}-{}", common.region, common.account));
        let in_bucket = |prefix: &str| Location {
            bucket: deployed.bucket.clone(),
            key: prefix.to_owned(),
        };
        deployed.failure = match &self.failure_path {
            FailurePath::Default => Some(in_bucket("async-failures")),
            FailurePath::At(path) => Some(s3_path(path)?),
            FailurePath::None => None,
        };
        deployed.output = match &self.output_path {
            Some(path) => s3_path(path)?,
            None => in_bucket("async-output"),
        };
        Ok(())
    }

    /// Rejects listening beyond this machine with published keys.
    fn check_open_to_others(&self) -> Result<(), LocalError> {
        let ip = self.address.ip();
        let published = self.config.keys.secret_key.contains("EXAMPLE");
        if ip.to_canonical().is_loopback()
            || self.allow_insecure
            || (self.config.verify_signatures && !published)
        {
            return Ok(());
        }
        let open = if self.config.verify_signatures {
            "with the published example keys"
        } else {
            "without verifying signatures"
        };
        Err(LocalError::Setting(format!(
            "listening on {ip} {open} gives access to everyone who can reach it. Set keys of \
            your own \
             (LocalEndpointBuilder::credentials; --access-key with SAGEMAKER_ASYNC_LOCAL_SECRET_KEY in the \
             environment) and verify them, or allow it explicitly (allow_insecure; --allow-insecure)"
        )))
    }
}

/// Maximum length of an output path in `CreateEndpointConfig`.
const MAX_PATH: usize = 512;

fn s3_path(path: &str) -> Result<Location, LocalError> {
    if path.len() > MAX_PATH {
        let length = path.len();
        return Err(LocalError::Setting(format!(
            "a path has {length} bytes; S3OutputPath and S3FailurePath have at most {MAX_PATH}"
        )));
    }
    path.starts_with("s3://")
        .then(|| Location::parse(path))
        .flatten()
        .ok_or_else(|| {
            LocalError::Setting(format!("{path:?} is not of the form s3://bucket/prefix"))
        })
}
