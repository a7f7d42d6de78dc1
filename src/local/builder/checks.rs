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
        let mut names = self.config.host_names.iter();
        if let Some(name) = names.find(|name| !is_host_name(name)) {
            return wrong(format!(
                "{name:?} cannot be a host's name; write it without scheme and port"
            ));
        }
        Ok(())
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
            "listening on {ip} {open} lets everyone in who can reach it. Set keys of your own \
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
